"""Memories as pages of Markdown that a person can read and edit, and what such a page says when it comes back."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from holdfast.model.ids import parse_id
from holdfast.model.records import Record
from holdfast.model.times import format_when

MARK = "holdfast"
"""The property at the top of every page."""
PAGE_FORMAT, SUBJECT_FORMAT = "page/1", "subject/1"
_NAME_CHARS = 60
_UNSAFE = re.compile(r'[<>:"/\\|?*#^\[\]\x00-\x1f\x7f-\x9f]+')
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?$")
_MARK = r"--[ \t]*(?P<what>memory|turn)[ \t]+(?P<id>[0-9a-fA-F-]{32,36})\b"
_MEMORY = re.compile(rf"[ \t]*<!{_MARK}.*-->[ \t]*$")
_BROKEN = re.compile(r"[ \t]*<!--[ \t]*(memory|turn)[ \t]+[0-9a-fA-F-]{4,}")
"""How the mark of a memory begins, also one that is not whole."""
_STRAY = re.compile(rf"(\\*<|&lt;)!{_MARK}(?P<rest>.*)$", re.DOTALL)
"""A mark that an editor escaped, or joined to the words before it."""
_SAID_BY = re.compile(r"\*\*.*?\*\* · .*\n")
_COMMENT = re.compile(r"^(?P<space>[ \t]*)(?P<escapes>\\*)<!--")
_HEADING = re.compile(r"#{1,6}[ \t]")
_BULLET = re.compile(r"[-*+][ \t]+(?P<text>.*)$")
_HOWTO = """<!--
Edit the words of an entry and import the folder: the memory is corrected. Delete an entry and it is forgotten.
Write a new one as a line of its own and it is remembered. Leave the lines with its id as they are.
-->"""
_SAID = """<!--
What was said stays as it was said: delete an entry and it is forgotten, but a change of its words is not followed.
-->"""


@dataclass(frozen=True, slots=True)
class Page:
    """A file of memories.

    Attributes:
        path: Below the folder, with slashes.
        subject, category, session: What its memories have in common.
    """

    path: str
    title: str
    records: tuple[Record, ...]
    subject: str | None = None
    category: str | None = None
    session: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a page that was read.

    Attributes:
        id: The memory it was written for; None for one that somebody added.
        line: Where it begins, from 1.
        is_marked: Its mark stands where it was written.
    """

    id: str | None
    text: str
    line: int
    is_marked: bool = True


def pages(records: Iterable[Record]) -> list[Page]:
    """A page for each session, and one for the facts about each subject or else of each category."""
    sessions, subjects, categories = (defaultdict[str, list[Record]](list) for _ in range(3))
    for record in records:
        if record.kind.is_episode:
            sessions[record.session or "no session"].append(record)
        elif record.subject:
            subjects[record.subject].append(record)
        else:
            categories[record.category or "other"].append(record)
    made = list[Page]()
    for folder, groups in (("facts", subjects), ("facts by category", categories), ("sessions", sessions)):
        names = file_names(groups)
        for title in sorted(groups):
            some = sorted(groups[title], key=lambda one: (one.valid_from, one.recorded_at, one.id))
            made.append(
                Page(
                    f"{folder}/{names[title]}.md",
                    title,
                    tuple(some),
                    subject=title if groups is subjects else None,
                    category=title if groups is categories and title != "other" else None,
                    session=title if groups is sessions else None,
                )
            )
    return made


def file_names(names: Iterable[str]) -> dict[str, str]:
    """A name of a file for each name: safe on every system, and never two that one of them takes for the same."""
    plain = {name: _plain(name) for name in names}
    alike = defaultdict[str, int](int)
    for safe in plain.values():
        alike[unicodedata.normalize("NFKC", safe).casefold()] += 1
    return {
        name: safe
        if safe == name and alike[unicodedata.normalize("NFKC", safe).casefold()] == 1
        else f"{safe}~{hashlib.blake2b(name.encode(), digest_size=4).hexdigest()}"
        for name, safe in plain.items()
    }


def _plain(name: str) -> str:
    safe = _UNSAFE.sub("-", unicodedata.normalize("NFC", name))
    safe = "".join(char for char in safe if unicodedata.category(char) not in ("Cf", "Cc", "Co", "Cn", "Zl", "Zp"))
    while len(safe.encode()) > 2 * _NAME_CHARS or len(safe) > _NAME_CHARS:
        safe = safe[:-1]
    safe = " ".join(safe.split()).strip(" .~")
    return f"{safe}-" if _RESERVED.match(safe) else safe or "unnamed"


def written(page: Page) -> str:
    """The text of a page."""
    parts = [_top(page), f"# {page.title}", _SAID if page.session is not None else _HOWTO]
    parts += [_entry(record) for record in page.records]
    return "\n\n".join(parts) + "\n"


def _top(page: Page) -> str:
    said = [record.valid_from for record in page.records]
    tags = sorted({tag for record in page.records for tag in record.tags})
    sources = sorted({record.source for record in page.records if record.source})
    return front(
        {
            MARK: PAGE_FORMAT,
            "subject": page.subject,
            "category": page.category,
            "session": page.session,
            "memories": len(page.records),
            "from": format_when(min(said)) if said else None,
            "to": format_when(max(said)) if said else None,
            "tags": tags,
            "sources": sources,
        }
    )


def front(values: Mapping[str, str | int | Sequence[str] | None]) -> str:
    """Properties for the top of a file; those without a value are left out."""
    lines = list[str]()
    for name, value in values.items():
        if value is None or (isinstance(value, Sequence) and not value):
            continue
        if isinstance(value, str):
            lines.append(f"{name}: {_quoted(value)}")
        elif isinstance(value, int):
            lines.append(f"{name}: {value}")
        else:
            lines.append(f"{name}: [{', '.join(map(_quoted, value))}]")
    return "\n".join(("---", *lines, "---"))


def _quoted(value: str) -> str:
    return value if re.fullmatch(r"[A-Za-z][\w ./-]*", value) and value == value.strip() else f"'{_one_line(value)}'"


def _one_line(value: str) -> str:
    return " ".join(value.split()).replace("'", "''")


def _entry(record: Record) -> str:
    lines = [_COMMENT.sub(_escaped, line, count=1) for line in normal(record.text).split("\n")]
    if record.kind.is_episode:
        said = f"**{_one_line(record.author or '')}** · {format_when(record.valid_from)}"
        lines = [said, *lines]
    first, *others = lines
    body = [f"- {first}", *(f"  {line}" if line else "" for line in others)]
    what = "turn" if record.kind.is_episode else "memory"
    return "\n".join((*body, f"  <!-- {what} {record.id} · {_noted(record)} -->"))


def _noted(record: Record) -> str:
    """What is known of a memory beside its words, in one comment that nothing in it can end."""
    parts = [f"recorded {format_when(record.recorded_at)} by {record.actor}"]
    if not record.kind.is_episode:
        parts.append(f"true since {format_when(record.valid_from)}")
    parts += [f"{name} {value}" for name in ("category", "source") if (value := getattr(record, name))]
    parts += [f"tags {', '.join(record.tags)}"] if record.tags else []
    parts += [f"shares {record.caption}"] if record.caption else []
    return " · ".join(" ".join(part.split()).replace("--", "-\u200b-") for part in parts)


def entries(text: str) -> list[Entry]:
    """The entries of a page: its list items, and other lines of text that somebody wrote below them.

    Raises:
        ValueError: a comment does not end, or the mark of a memory is broken, so that it cannot be told which
            entries the page holds.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    found, held, start, id_ = list[Entry](), list[str](), 0, None
    is_comment = False

    def close() -> None:
        nonlocal held, id_
        words = normal("\n".join(_COMMENT.sub(_unescaped, line, count=1) for line in held))
        if words and id_ is None:
            found.append(_unmarked(words, start))
        elif id_:
            found.append(Entry(id_, words, start))
        held, id_ = [], None

    opened = 0
    for number, line in enumerate(lines[_below(lines) :], _below(lines) + 1):
        memory, bullet = _MEMORY.match(line), _BULLET.match(line)
        if is_comment and _BROKEN.match(line):
            raise ValueError(f"the comment that begins in line {opened} does not end before the mark in line {number}")
        if memory is None and _BROKEN.match(line):
            raise ValueError(f"the mark of a memory in line {number} is broken")
        if is_comment or (line.startswith("<!--") and memory is None):
            opened = opened if is_comment else number
            is_comment = "-->" not in line
            close()
        elif memory:
            id_ = memory["id"].lower()
            if memory["what"] == "turn":
                held = held[1:]  # who said it, and when
            close()
        elif bullet:
            close()
            held, start = [bullet["text"]], number
        elif _HEADING.match(line):
            close()
        elif not line.strip():
            held = [*held, ""] if held else held
        elif line[:2] == "  " or line[:1] == "\t":
            start = start if held else number
            held.append(line[1:] if line[0] == "\t" else line[2:])
        elif held and held[-1] != "":
            held.append(line)
        elif held and _leads_to_memory(lines[number:]):
            held.append(line)  # a paragraph of an entry that an editor moved to the margin
        else:
            close()
            held, start = [line], number
    if is_comment:
        raise ValueError(f"the comment that begins in line {opened} does not end")
    close()
    return found


def _unmarked(words: str, line: int) -> Entry:
    """An entry without its mark, unless an editor made the mark a part of its words.

    Raises:
        ValueError: it holds more than one mark, or words behind it.
    """
    stray = _STRAY.search(words)
    if stray is None:
        return Entry(None, words, line)
    ends = re.sub(r"&gt;|\\", lambda match: ">" if match[0] == "&gt;" else "", stray["rest"])
    if not ends.endswith("-->") or _STRAY.search(stray["rest"]):
        raise ValueError(f"the entry in line {line} runs into the mark of a memory")
    text = words[: stray.start()]
    return Entry(stray["id"].lower(), normal(said(text) if stray["what"] == "turn" else text), line, is_marked=False)


def said(text: str) -> str:
    """The words of a turn on a page, without the line of who said them and when."""
    return _SAID_BY.sub("", text, count=1) if _SAID_BY.match(text) else text


def _leads_to_memory(lines: Sequence[str]) -> bool:
    """Whether the entry that is open has its mark further down."""
    for line in lines:
        if _MEMORY.match(line):
            return True
        if _BULLET.match(line) or _HEADING.match(line):
            return False
    return False


def _escaped(match: re.Match[str]) -> str:
    return f"{match['space']}\\{match['escapes']}<!--"


def _unescaped(match: re.Match[str]) -> str:
    return f"{match['space']}{match['escapes'][1:]}<!--"


def _below(lines: Sequence[str]) -> int:
    """Where a page begins below its properties."""
    if not lines or lines[0].rstrip() != "---":
        return 0
    return next((number + 1 for number, line in enumerate(lines[1:], 1) if line.rstrip() == "---"), 0)


def normal(text: str) -> str:
    """A text as an editor leaves it: line ends of one sort, none of the space at their ends, none around it."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(line.rstrip() for line in lines).strip()


def digest(text: str) -> str:
    """16 hexadecimal digits, equal for texts that an editor takes for the same."""
    return hashlib.sha256(normal(text).encode("utf-8", "surrogatepass")).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an export wrote, kept beside its pages.

    Attributes:
        export: Names this export among others of the space.
        memories: Digest of what each memory said, by its id.
        files: SHA-256 of each page, by its path.
        pages: Ids of the memories on each page, by its path; empty in manifests that did not note it.
        is_begun: Its pages were being put in place; each file may have any of the digests, with spaces between.
    """

    space: str
    export: str
    memories: Mapping[str, str]
    files: Mapping[str, str]
    pages: Mapping[str, str] = field(default_factory=dict[str, str])
    is_begun: bool = False

    def written(self) -> str:
        """The manifest as a file."""
        held = {
            "format": "holdfast-markdown/1",
            "space": self.space,
            "export": self.export,
            "files": dict(self.files),
            "memories": dict(self.memories),
            "pages": dict(self.pages),
            **({"begun": True} if self.is_begun else {}),
        }
        return json.dumps(held, indent=1, ensure_ascii=False) + "\n"


def manifest_of(text: str) -> Manifest:
    """The manifest that a file holds.

    Raises:
        ValueError: it is none.
    """
    try:
        held: Any = json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(held, dict):
        raise ValueError("it is no object")  # noqa: TRY004 - what is wrong is what the file says
    values = cast("dict[str, Any]", held)
    if values.get("format") != "holdfast-markdown/1":
        raise ValueError("it is not in the format 'holdfast-markdown/1'")
    space, export = values.get("space"), values.get("export")
    memories, files = (_texts(values.get(name), name) for name in ("memories", "files"))
    if not isinstance(space, str) or not isinstance(export, str):
        raise ValueError("it does not say of which space it is")  # noqa: TRY004 - as above
    if not re.fullmatch(r"[0-9A-Za-z-]{1,40}", export):
        raise ValueError("the name of its export is none")
    for one in (space, *memories):
        parse_id(one)
    on = _texts(values.get("pages", {}), "pages")
    return Manifest(space, export, memories, files, on, is_begun=bool(values.get("begun")))


def _texts(value: Any, name: str) -> dict[str, str]:
    rows = cast("dict[Any, Any]", value) if isinstance(value, dict) else {None: None}
    if not all(isinstance(key, str) and isinstance(one, str) for key, one in rows.items()):
        raise ValueError(f"its {name} are not texts")
    return cast("dict[str, str]", rows)
