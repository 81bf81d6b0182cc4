"""Taking in pages that a person edited after they were exported: corrected, forgotten, or new."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from pathlib import Path

from holdfast.core import pages
from holdfast.core.codec import decode_content, decode_payload
from holdfast.core.erasing import falling
from holdfast.core.pages import Entry, Manifest
from holdfast.errors import ConfirmationNeeded, HoldfastError, InvalidField, StoreError
from holdfast.model.ids import Id, id_text, parse_id
from holdfast.model.imports import Batch, Note, document_of
from holdfast.model.records import CATEGORIES, Origin
from holdfast.model.reports import Skipped
from holdfast.ports.store import Reader
from holdfast.services.forgetting import Forgetting
from holdfast.services.importing import Importing
from holdfast.services.intake import Progress
from holdfast.services.ledger import Ledger
from holdfast.services.remembering import Remembering

EDITED = "edited in an export"
"""Before the export's name, the reason of corrections made from a page; by it a later edit of the same pages finds
what an earlier one made."""
FORMAT = "markdown-export"
_MOST_BYTES = 32 << 20
_SUFFIXES = (".md", ".markdown")
_FACTS = ("facts", "facts by category")


@dataclass(slots=True)
class _Plan:
    """What the pages of a folder ask for.

    Attributes:
        going: Memories whose entries were deleted.
        moved: Memories made of lines that stand elsewhere now.
        again: Keys of notes that take back what was deleted on a page.
        words: Digests of all entries.
        unread: Pages of which it is not known what they hold.
        is_whole: Everything was understood, so that what is missing was deleted.
        doubts: Why what is missing may not have been deleted by a person, who is asked then.
    """

    corrections: list[tuple[Id, str, str]] = field(default_factory=list[tuple[Id, str, str]])
    going: list[Id] = field(default_factory=list[Id])
    moved: list[Id] = field(default_factory=list[Id])
    notes: list[Note] = field(default_factory=list[Note])
    again: set[str] = field(default_factory=set[str])
    words: set[str] = field(default_factory=set[str])
    unchanged: int = 0
    forgotten: int = 0
    unread: int = 0
    skipped: list[Skipped] = field(default_factory=list[Skipped])
    is_whole: bool = True
    doubts: list[str] = field(default_factory=list[str])

    def skip(self, place: str, why: str) -> None:
        self.skipped.append(Skipped(place, why))


class Edits:
    """Follows the edits of one exported folder."""

    def __init__(self, ledger: Ledger, remembering: Remembering, forgetting: Forgetting) -> None:
        self._ledger = ledger
        self._remembering = remembering
        self._forgetting = forgetting

    def pending(self, folder: Path, manifest: Manifest) -> int:
        """How many edits an import would follow."""
        plan = self._plan(folder, manifest)
        with self._ledger.store.reading() as reader:
            fresh = [note for note in plan.notes if not _is_held(reader, self._record(reader, note.key))]
        return len(plan.corrections) + len(plan.going) + len(plan.moved) + len(fresh) + plan.unread

    def run(
        self, folder: Path, manifest: Manifest, importing: Importing, progress: Progress, *, zone: tzinfo,
        confirm: bool, dry_run: bool,
    ) -> None:  # fmt: skip
        """Correct what was changed, take in what is new, and forget what was deleted, in this order.

        Raises:
            InvalidField: the folder was exported from another space.
            ConfirmationNeeded: much was deleted; all else was done.
        """
        plan = self._plan(folder, manifest)
        progress.unchanged += plan.unchanged
        progress.forgotten += plan.forgotten
        for skipped in plan.skipped:
            progress.skip(skipped)
        because = f"{EDITED} ({manifest.export})"
        for record, text, place in plan.corrections:
            progress.corrected += self._correct(record, text, place, because, progress, dry_run=dry_run)
        importing.readmit(self._forgetting.deleted(manifest.export), frozenset(plan.again))
        importing.run(_Pages(plan), folder, zone)
        progress.format = FORMAT
        if dry_run:
            with self._ledger.store.reading() as reader:
                progress.removed += len(falling(reader, [*plan.moved, *plan.going]))
            return
        if plan.going and not confirm:
            self._refuse(plan)
        done = [self._forgetting.remove(plan.moved)] if plan.moved else []
        done += [self._forgetting.delete(plan.going, manifest.export)] if plan.going else []
        for receipt in done:
            progress.removed += len(receipt.forgotten) + len(receipt.derived)
            progress.pending = receipt.pending

    def _refuse(self, plan: _Plan) -> None:
        """Raise `ConfirmationNeeded` where what is missing is much, all, or may be no deletion of a person."""
        why = " ".join(plan.doubts) or self._forgetting.why_confirm(plan.going)
        if why:
            raise ConfirmationNeeded(
                f"{len(plan.going):,} memories are missing on the pages. {why} None of them was forgotten; the other "
                "edits were followed. Look at it with dry_run; put back what is missing, or import again with "
                "confirm_removal (on the command line --yes) to forget them."
            )

    def _correct(self, record: Id, text: str, place: str, because: str, progress: Progress, *, dry_run: bool) -> bool:
        if dry_run:
            return True
        try:
            self._remembering.correct(
                id_text(record), text, when=None, version=None, reason=because, origin=Origin.USER
            )
        except StoreError:
            raise
        except HoldfastError as error:
            progress.skip(Skipped(place, str(error).removesuffix(" Nothing was written.")))
            return False
        return True

    def _plan(self, folder: Path, manifest: Manifest) -> _Plan:
        if parse_id(manifest.space) != self._ledger.store.identity.space:
            raise InvalidField(
                f"{folder} was exported from space {manifest.space}, and this is another. Nothing was written; "
                "edits are followed in the space they are of."
            )
        plan = _Plan()
        found = _read_all(plan, folder)
        deleted = self._forgetting.deleted(manifest.export)
        with self._ledger.store.reading() as reader:
            entries = _recognised(plan, manifest, found, reader)
            seen = dict[str, str]()
            for name, text, entry in entries:
                plan.words.add(pages.digest(entry.text))
                if entry.id is None:
                    _take_new(plan, manifest, name, text, entry)
                elif entry.id in seen:
                    if seen[entry.id] != pages.digest(entry.text):
                        plan.skip(f"{name}, line {entry.line}", f"memory {entry.id} stands twice, with other words")
                else:
                    seen[entry.id] = pages.digest(entry.text)
                    _take_known(plan, manifest, name, text, entry, reader, deleted)
            if plan.is_whole:
                self._missing(plan, manifest, seen, {name: text for name, text, _ in found}, reader)
        return plan

    def _missing(
        self, plan: _Plan, manifest: Manifest, seen: Mapping[str, str], files: Mapping[str, str], reader: Reader
    ) -> None:
        """Note what is no longer on the pages."""
        for id_ in (id_ for id_ in manifest.memories if id_ not in seen):
            chain = _edited(reader, parse_id(id_), manifest)
            plan.going += [one for one in chain if _is_held(reader, one)]
        lost = _lost(manifest, seen, files)
        documents = {_document(manifest, name) for name in files}
        keys = {self._record(reader, note.key) for note in plan.notes}
        for record, source in reader.sourced(_root(manifest)):
            if record in keys or not _is_held(reader, record):
                continue
            held = reader.find(record)
            content = decode_content(reader.event(held.seq)) if held else None
            if content is None or not (content.arguments or "").startswith("import:"):
                continue
            stands = pages.digest(content.text) in plan.words
            (plan.moved if stands else plan.going).append(record)
            if not stands and document_of(source) not in documents:
                lost.append(document_of(source).removeprefix(_root(manifest)))
        if lost and plan.going:
            named = list(dict.fromkeys(lost))
            more = f" and {len(named) - 3:,} more" if len(named) > 3 else ""
            plan.doubts.append(f"Whole pages are not there: {', '.join(named[:3])}{more}.")

    def _record(self, reader: Reader, key: str) -> Id:
        """The newest memory that was made under a key of a line."""
        again, number = key, 1
        while True:
            record = self._remembering.keyed_record("import", again)
            held = reader.find(record)
            if held is None or held.receipt is None:
                return record
            number += 1
            again = f"{key} ({number})"


class _Pages:
    """The new entries of edited pages, as an importer gives them; what is gone is decided here, not by their import."""

    name = FORMAT
    description = "pages of a Holdfast export"

    def __init__(self, plan: _Plan) -> None:
        self._plan = plan

    def recognises(self, path: Path, head: bytes) -> bool:
        return False

    def read(self, path: Path, *, zone: tzinfo) -> Iterator[Batch]:
        yield Batch(items=tuple(self._plan.notes), done_bytes=0, total_bytes=0)


def _read_all(plan: _Plan, folder: Path) -> list[tuple[str, str, list[Entry]]]:
    """Every page that can be read: its path, its text and its entries."""
    found = list[tuple[str, str, list[Entry]]]()
    for path in _files(folder):
        name = path.relative_to(folder).as_posix()
        try:
            text = _text_of(path)
            found.append((name, text, pages.entries(text)))
        except (OSError, ValueError) as error:
            plan.skip(name, f"it cannot be read ({error}); nothing counts as deleted this time")
            plan.unread += 1
            plan.is_whole = False
    return found


def _recognised(
    plan: _Plan, manifest: Manifest, found: Sequence[tuple[str, str, list[Entry]]], reader: Reader
) -> list[tuple[str, str, Entry]]:
    """The entries of all pages, those that lost their marks with the memory whose words they are."""
    entries = [(name, text, entry) for name, text, some in found for entry in some]
    marked = {entry.id for _, _, entry in entries}
    by_words = defaultdict[str, list[str]](list)
    for id_, digest in manifest.memories.items():
        if id_ in marked:
            continue
        held = reader.find(_edited(reader, parse_id(id_), manifest)[-1])
        content = decode_content(reader.event(held.seq)) if held and held.seq else None
        for known in dict.fromkeys((digest, pages.digest(content.text) if content else digest)):
            by_words[known].append(id_)
    made, taken = list[tuple[str, str, Entry]](), set[str]()
    is_damaged = False
    for name, text, entry in entries:
        one = entry
        if entry.id is None or entry.id not in manifest.memories:
            # Without its mark, an entry of what was said begins with who said it.
            texts = dict.fromkeys((entry.text, pages.normal(pages.said(entry.text))))
            known = [(id_, words) for words in texts for id_ in by_words.get(pages.digest(words), ())]
            its = next((one for one in known if one[0] not in taken), None)
            if its is not None:
                taken.add(its[0])
                one = Entry(its[0], its[1], entry.line, is_marked=False)
            elif entry.id is not None:
                plan.is_whole = False
                place = f"{name}, line {entry.line}"
                plan.skip(place, f"memory {entry.id} is not one of this export; nothing counts as deleted this time")
                continue
        is_damaged = is_damaged or not one.is_marked
        made.append((name, text, one))
    if is_damaged:
        plan.doubts.append("Entries have lost the comments with their ids, so others may have been lost with them.")
    return made


def _lost(manifest: Manifest, seen: Mapping[str, str], files: Mapping[str, str]) -> list[str]:
    """Pages of an export that are not there any more, under no name, or were emptied down to their properties."""
    named = dict.fromkeys((*manifest.files, *manifest.pages))
    gone = [path for path in named if pages.MARK not in _properties(files.get(path, ""))]
    return [path for path in gone if not any(id_ in seen for id_ in manifest.pages.get(path, "").split())]


def _take_known(
    plan: _Plan, manifest: Manifest, name: str, text: str, entry: Entry, reader: Reader, deleted: frozenset[Id]
) -> None:
    """Decide on an entry that was written for a memory."""
    place = f"{name}, line {entry.line}"
    if entry.id is None:
        return
    if not entry.text:
        plan.skip(place, "its words are gone and its id is not; delete both to have it forgotten")
        return
    first = parse_id(entry.id)
    record = _edited(reader, first, manifest)[-1]
    held = reader.find(record)
    now = pages.digest(entry.text)
    if held is None or held.receipt is not None:
        if record in deleted:
            _take_new(plan, manifest, name, text, entry, again=True)  # deleted once, and written again
        else:
            plan.forgotten += 1
        return
    content = decode_content(reader.event(held.seq))
    if content is None or now == pages.digest(content.text):
        plan.unchanged += 1
    elif content.kind.is_episode:
        plan.skip(place, "what was said stays as it was said; `holdfast correct` notes what is right")
    elif held.closed_by is not None:
        plan.skip(place, "it was corrected in the space since; export again and edit that")
    else:
        plan.corrections.append((record, entry.text, place))


def _take_new(plan: _Plan, manifest: Manifest, name: str, text: str, entry: Entry, *, again: bool = False) -> None:
    place = f"{name}, line {entry.line}"
    if name.split("/")[0] not in _FACTS:
        plan.skip(place, "new entries are taken on the pages of facts only")
        return
    top = _properties(text)
    document = _document(manifest, name)
    key = f"{_root(manifest)}{name}#{pages.digest(entry.text)}" + (f"#{entry.id}" if again else "")
    key = key if len(key) <= 300 else f"{_root(manifest)}{pages.digest(key)}"
    if again:
        plan.again.add(key)
    category = top.get("category")
    plan.notes.append(
        Note(
            text=entry.text,
            key=key,
            source=document,
            subject=top.get("subject"),
            category=category if category in CATEGORIES else None,
            origin=Origin.USER,
        )
    )


def _properties(text: str) -> dict[str, str]:
    """The plain properties at the top of a page."""
    lines, found = text.replace("\r\n", "\n").split("\n"), dict[str, str]()
    for line in lines[1:60] if lines and lines[0].rstrip() == "---" else ():
        name, colon, value = line.partition(":")
        if line.rstrip() == "---":
            break
        value = value.strip()
        if len(value) > 1 and value[0] == value[-1] == "'":
            value = value[1:-1].replace("''", "'")
        if colon and value:
            found[name.strip()] = value
    return found


def _edited(reader: Reader, record: Id, manifest: Manifest) -> list[Id]:
    """A memory, and what edits of these pages alone made of it, the newest last."""
    chain, because = [record], f"{EDITED} ({manifest.export})"
    while (held := reader.find(chain[-1])) is not None and held.closed_by is not None and held.closed_by not in chain:
        after = reader.find(held.closed_by)
        payload = decode_payload(reader.event(after.seq)) if after and after.seq else None
        # One that was forgotten tells nothing any more; it counts as made here, so that nothing is made of it again.
        if after is not None and after.receipt is None and (payload or {}).get("because") != because:
            break
        chain.append(held.closed_by)
    return chain


def _is_held(reader: Reader, record: Id) -> bool:
    held = reader.find(record)
    return held is not None and held.seq > 0 and held.receipt is None


def _root(manifest: Manifest) -> str:
    return f"export@{manifest.export}/"


def _document(manifest: Manifest, name: str) -> str:
    document = f"{_root(manifest)}{name.replace('#', '%23')}"
    return document if len(document) <= 300 and document.isprintable() else f"{_root(manifest)}{pages.digest(name)}"


def _files(folder: Path) -> list[Path]:
    """The pages below a folder, wherever somebody moved them; what is hidden is no page."""
    found = (path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES and path.is_file())
    return sorted(path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts))


def _text_of(path: Path) -> str:
    if path.stat().st_size > _MOST_BYTES:
        raise ValueError(f"it has more than {_MOST_BYTES >> 20} MB")
    return path.read_bytes().decode("utf-8-sig")
