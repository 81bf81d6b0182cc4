"""Markdown files and folders of them, such as an Obsidian vault.

Each section under a heading becomes a note; a long one becomes several. The notes of a file are
followed: sections that changed, and files that are gone, can be told from what a batch says is there.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import tzinfo
from pathlib import Path
from typing import Any, NamedTuple

from holdfast.adapters.importers.fields import attributes_of, digest, key_of, label, mended, tags_of, value_list
from holdfast.adapters.importers.files import files_below
from holdfast.adapters.importers.front_matter import FrontMatter, Value, front_matter
from holdfast.adapters.importers.gathering import Gathering
from holdfast.adapters.importers.lines import MOST_BYTES
from holdfast.adapters.importers.talk import pieces, time_of
from holdfast.errors import InvalidField
from holdfast.model import limits
from holdfast.model.imports import Batch, Inventory, Note
from holdfast.model.records import Origin

PART_CHARS = 4_000
"""A longer section is divided, at paragraphs where there are any."""
_SUFFIXES = (".md", ".markdown")
_HEADING = re.compile(r"(?P<marks>#{1,6})[ \t]+(?P<text>.*?)(?:[ \t]+#+)?[ \t]*$")
_FENCE = re.compile(r"[ ]{0,3}(?P<marks>`{3,}|~{3,})")
_LINK = re.compile(r"(?P<shown>!?)\[\[(?P<target>[^\[\]|\n]{1,300})(?:\|(?P<alias>[^\[\]\n]{0,300}))?\]\]")
_TAG = re.compile(r"(?<![\w/#&])#(?P<tag>[^\W\d_][\w/-]{0,80})")
_DATE = re.compile(
    r"(?<!\d)(?P<year>(?:19|20)\d\d)[-_.]?(?P<month>0[1-9]|1[0-2])[-_.]?(?P<day>0[1-9]|[12]\d|3[01])(?!\d)"
)
_NAMES = ("title", "tags", "tag", "date", "created", "created_at")


class Markdown:
    """Reads a folder of Markdown, or one file.

    Args:
        root: A name for the folder under which its notes are known. By default its own name with six
            characters that stand for where it is, so that two folders of one name are told apart.
    """

    name = "markdown"
    description = "Markdown: a folder of notes such as an Obsidian vault, or one .md file"

    def __init__(self, root: str | None = None) -> None:
        self._root = root

    def recognises(self, path: Path, head: bytes) -> bool:
        if path.is_dir():
            return next(files_below(path, _is_note), None) is not None
        return _is_note(path.name)

    def read(self, path: Path, *, zone: tzinfo) -> Iterator[Batch]:
        folder = path if path.is_dir() else path.parent
        unread = list[Path]()
        files = list(files_below(path, lambda name: True, unread.append)) if path.is_dir() else [path]
        notes = [file for file in files if _is_note(file.name)] if path.is_dir() else files
        gathering = Gathering(notes)
        for inside in unread:
            gathering.skip(
                str(inside.relative_to(folder)), "this folder cannot be read; nothing counts as removed this time"
            )
        for file in files:
            if not _is_note(file.name) and path.is_dir():
                gathering.leave_out(f"files of type {file.suffix.lower() or 'unknown'}: only Markdown is read")
        root = label(self._root) or _root_of(folder)
        documents = set[str]()
        for file in notes:
            document = _document(root, file.relative_to(folder))
            documents.add(document)
            data = _data(file, gathering)
            if data is not None:
                _take(data, document, file, gathering, zone)
            if gathering.full:
                yield gathering.batch()
        gathering.end_file(path)
        is_whole = path.is_dir() and not unread
        yield gathering.end(Inventory(f"{root}/", frozenset(documents)) if is_whole else None)


class _Section(NamedTuple):
    """A heading's path from the top, and the text below it."""

    path: tuple[str, ...]
    text: str


def _is_note(name: str) -> bool:
    return name.lower().endswith(_SUFFIXES)


def _root_of(folder: Path) -> str:
    whole = folder.resolve()
    mark = hashlib.blake2b(str(whole).encode("utf-8", "surrogatepass"), digest_size=3).hexdigest()
    return f"{(label(whole.name, 100) or 'notes').replace('#', '%23')}@{mark}"


def _document(root: str, inside: Path) -> str:
    name = mended(inside.as_posix()).replace("#", "%23")
    document = f"{root}/{name}"
    if len(document) > 300 or document != label(document):
        document = f"{root}/{digest(name)}"
    return document


def _data(file: Path, gathering: Gathering) -> str | None:
    """The text of a file; None where it cannot be had, which is reported."""
    parts, size, is_whole = list[bytes](), 0, False
    with gathering.reading(file, may_be_blank=True) as chunks:
        if isinstance(chunks, tuple):
            return None
        for chunk in chunks:
            size += len(chunk)
            if size > MOST_BYTES:
                gathering.skip(file.name, f"it has more than {MOST_BYTES >> 20} MB")
                return None
            parts.append(chunk)
        is_whole = True
    if not is_whole:
        return None
    try:
        return b"".join(parts).decode()
    except UnicodeDecodeError as error:
        gathering.skip(file.name, f"it is not UTF-8 text (byte {error.start:,}); save it as UTF-8 and import again")
        return None


def _take(data: str, document: str, file: Path, gathering: Gathering, zone: tzinfo) -> None:
    lines = mended(data).replace("\r\n", "\n").split("\n")
    top = front_matter(lines)
    if str(top.values.get("holdfast", "")).startswith(("page/", "subject/")):
        gathering.skip(file.name, "it is a page of a Holdfast export; import the exported folder as a whole")
        return
    for name in top.unread:
        gathering.skip(file.name, f"the property {name:.60} is nested, which is not read")
    title = label(top.values.get("title")) or label(file.stem) or "note"
    when = _date(top, file, gathering, zone)
    shared = _attributes(top.values)
    tags = tags_of([*value_list(top.values.get("tags")), *value_list(top.values.get("tag"))])
    notes, again = list[Note](), dict[tuple[str, ...], int]()
    for section in _sections(lines[top.body :]):
        again[section.path] = again.get(section.path, 0) + 1
        place = " / ".join(section.path) + (f" ({again[section.path]})" if again[section.path] > 1 else "")
        for number, part in _parts(section.text):
            notes.append(_note(section, part, number, place, title, document, when, shared, tags, gathering))
    gathering.take(document, notes)
    gathering.follow(document, (note.key for note in notes))


def _note(
    section: _Section,
    part: str,
    number: int,
    place: str,
    title: str,
    document: str,
    when: int | None,
    shared: Mapping[str, Any],
    tags: tuple[str, ...],
    gathering: Gathering,
) -> Note:
    embedded = sum(1 for match in _LINK.finditer(part) if match["shown"])
    if embedded:
        gathering.leave_out("embedded files and notes: their names stay in the text", embedded)
    links = list(dict.fromkeys(match["target"].strip() for match in _LINK.finditer(part)))
    found = tags_of([*tags, *(match["tag"] for match in _TAG.finditer(_without_code(part)))])
    crumbs = " > ".join((title, *(step for step in section.path if step != title)))
    text = f"{crumbs}\n\n{_LINK.sub(_shown, part)}"
    attributes = attributes_of(
        {"links": "; ".join(links)[:4_000], **({"part": number} if number > 1 else {}), **shared}
    )
    source = f"{document}#{place}" if place else document
    if len(source) > limits.LABEL_CHARS:
        source = f"{document}#{digest(place)}"
    state = digest(text, title, str(when), *found, *(f"{name}={value}" for name, value in attributes.items()))
    return Note(
        text=text,
        key=key_of("markdown", source, str(number), state),
        source=source,
        subject=title,
        tags=found,
        when_ms=when,
        attributes=attributes or None,
        origin=Origin.DOCUMENT,
    )


def _sections(lines: list[str]) -> Iterator[_Section]:
    """The text below each heading, with the headings above it; a heading in a block of code is none."""
    path, text, fence = list[tuple[int, str]](), list[str](), ""
    for line in lines:
        mark = _FENCE.match(line)
        if mark and (not fence or (mark["marks"].startswith(fence) and line.strip() == mark["marks"])):
            fence = "" if fence else mark["marks"]
        heading = None if fence or mark else _HEADING.match(line)
        if heading is None:
            text.append(line)
            continue
        yield from _section(path, text)
        level = len(heading["marks"])
        path = [step for step in path if step[0] < level]
        path.append((level, label(_LINK.sub(_shown, heading["text"]), 120) or "untitled"))
        text = []
    yield from _section(path, text)


def _section(path: list[tuple[int, str]], text: list[str]) -> Iterator[_Section]:
    whole = "\n".join(text).strip()
    if whole:
        yield _Section(tuple(name for _, name in path), whole)


def _parts(text: str) -> Iterator[tuple[int, str]]:
    """A section in parts of at most `PART_CHARS`, divided between paragraphs."""
    number, part = 0, ""
    for paragraph in re.split(r"\n{2,}", text):
        for _, piece in pieces(paragraph, PART_CHARS):
            if part and len(part) + len(piece) + 2 > PART_CHARS:
                number += 1
                yield number, part
                part = ""
            part = f"{part}\n\n{piece}" if part else piece
    if part.strip():
        yield number + 1, part


def _date(top: FrontMatter, file: Path, gathering: Gathering, zone: tzinfo) -> int | None:
    for name in ("date", "created", "created_at"):
        given = top.values.get(name)
        if isinstance(given, str | int):
            when, problem = time_of(given, zone)
            if problem:
                gathering.skip(file.name, f"{problem} (property {name})")
            if when is not None:
                return when
    match = _DATE.search(file.stem)
    if match is None:
        return None
    try:
        when, _ = time_of(f"{match['year']}-{match['month']}-{match['day']}", zone)
    except InvalidField:
        return None
    return when


def _attributes(values: Mapping[str, Value]) -> dict[str, Any]:
    kept = dict[str, Any]()
    for name, value in values.items():
        if name.lower() not in _NAMES:
            kept[name] = ", ".join(value)[:4_000] if isinstance(value, list) else value
    return kept


def _without_code(text: str) -> str:
    return re.sub(r"```.*?(?:```|$)|`[^`\n]*`|https?://\S+", " ", text, flags=re.DOTALL)


def _shown(match: re.Match[str]) -> str:
    """What a reader sees of a link: its own words, or the name of its target."""
    alias = (match["alias"] or "").strip()
    return alias if alias and not match["shown"] else match["target"].strip()
