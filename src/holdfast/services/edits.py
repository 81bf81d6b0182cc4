"""Taking in pages that a person edited after they were exported: corrected, forgotten, or new."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import tzinfo
from pathlib import Path

from holdfast.core import pages
from holdfast.core.codec import decode_content, decode_payload
from holdfast.core.erasing import falling
from holdfast.core.pages import Entry, Manifest
from holdfast.errors import ConfirmationNeeded, HoldfastError, InvalidField, StoreError
from holdfast.model.ids import Id, id_text, parse_id
from holdfast.model.imports import Batch, Inventory, Note
from holdfast.model.records import CATEGORIES, Kind, Origin
from holdfast.model.reports import Skipped
from holdfast.ports.store import Reader
from holdfast.services.forgetting import MOST_UNCONFIRMED, Forgetting
from holdfast.services.importing import Importing
from holdfast.services.intake import Progress
from holdfast.services.ledger import Ledger
from holdfast.services.remembering import Remembering

EDITED = "edited in an export"
"""The reason of corrections made from a page; by it a later edit finds what an earlier one made."""
FORMAT = "markdown-export"
_MOST_BYTES = 32 << 20
_FACTS = ("facts", "facts by category")


@dataclass(slots=True)
class _Plan:
    """What the pages of a folder ask for."""

    corrections: list[tuple[Id, str, str]] = field(default_factory=list[tuple[Id, str, str]])
    going: list[Id] = field(default_factory=list[Id])
    notes: list[Note] = field(default_factory=list[Note])
    present: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    unchanged: int = 0
    forgotten: int = 0
    skipped: list[Skipped] = field(default_factory=list[Skipped])
    is_whole: bool = True

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
            fresh = [note for note in plan.notes if not _is_held(reader, self._record(note.key))]
        return len(plan.corrections) + len(plan.going) + len(fresh)

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
        for record, text, place in plan.corrections:
            progress.corrected += self._correct(record, text, place, progress, dry_run=dry_run)
        going_before = progress.removed
        importing.run(_Pages(plan, manifest), folder, zone)
        progress.format = FORMAT
        if not plan.going:
            return
        if dry_run:
            with self._ledger.store.reading() as reader:
                progress.removed += len(falling(reader, plan.going))
            return
        if len(plan.going) > MOST_UNCONFIRMED and not confirm:
            raise ConfirmationNeeded(
                f"{len(plan.going):,} memories were deleted from the pages, more than {MOST_UNCONFIRMED}. None of them "
                "was forgotten; the other edits were followed. Look at it with dry_run, and import again with "
                "confirm_removal (on the command line --yes)."
            )
        receipt = self._forgetting.remove(plan.going)
        progress.removed = going_before + len(receipt.forgotten) + len(receipt.derived)

    def _correct(self, record: Id, text: str, place: str, progress: Progress, *, dry_run: bool) -> bool:
        if dry_run:
            return True
        try:
            self._remembering.correct(id_text(record), text, when=None, version=None, reason=EDITED, origin=Origin.USER)
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
        plan, seen, is_whole = _Plan(), dict[str, str](), True
        removals = self._forgetting.removals()
        with self._ledger.store.reading() as reader:
            for path in _files(folder):
                name = path.relative_to(folder).as_posix()
                try:
                    text = _text_of(path)
                except (OSError, ValueError) as error:
                    plan.skip(name, f"it cannot be read ({error}); nothing counts as deleted this time")
                    is_whole = False
                    continue
                plan.present.setdefault(_document(manifest, name), set())
                for entry in pages.entries(text):
                    if entry.id is None:
                        _take_new(plan, manifest, name, text, entry)
                    elif entry.id in seen:
                        if seen[entry.id] != pages.digest(entry.text):
                            plan.skip(f"{name}, line {entry.line}", f"memory {entry.id} stands twice, with other words")
                    else:
                        seen[entry.id] = pages.digest(entry.text)
                        _take_known(plan, manifest, name, text, entry, reader, removals)
            if is_whole:
                deleted = [parse_id(id_) for id_ in manifest.memories if id_ not in seen]
                plan.going += [one for first in deleted for one in _edited(reader, first) if _is_held(reader, one)]
        plan.is_whole = is_whole
        return plan

    def _record(self, key: str) -> Id:
        return self._remembering.keyed_record("import", key)


class _Pages:
    """The new entries of edited pages, as an importer gives them."""

    name = FORMAT
    description = "pages of a Holdfast export"

    def __init__(self, plan: _Plan, manifest: Manifest) -> None:
        self._plan = plan
        self._manifest = manifest

    def recognises(self, path: Path, head: bytes) -> bool:
        return False

    def read(self, path: Path, *, zone: tzinfo) -> Iterator[Batch]:
        present = {document: frozenset(keys) for document, keys in self._plan.present.items()}
        yield Batch(
            items=tuple(self._plan.notes),
            done_bytes=0,
            total_bytes=0,
            present=present,
            inventory=Inventory(_root(self._manifest), frozenset(present)) if self._plan.is_whole else None,
        )


def _take_known(
    plan: _Plan, manifest: Manifest, name: str, text: str, entry: Entry, reader: Reader, removals: frozenset[Id]
) -> None:
    """Decide on an entry that was written for a memory."""
    place = f"{name}, line {entry.line}"
    if entry.id is None or entry.id not in manifest.memories:
        plan.skip(place, f"memory {entry.id} is not one of this export")
        return
    if not entry.text:
        plan.skip(place, "its words are gone and its id is not; delete both to have it forgotten")
        return
    first = parse_id(entry.id)
    record = _edited(reader, first)[-1]
    held = reader.find(record)
    now = pages.digest(entry.text)
    was = manifest.memories[entry.id]
    if held is None or held.receipt is not None:
        if held is not None and held.receipt in removals:
            _take_new(plan, manifest, name, text, entry, again=True)  # deleted once, and written again
        else:
            plan.forgotten += 1
        return
    content = decode_content(reader.event(held.seq))
    if content is None or now == pages.digest(content.text):
        plan.unchanged += 1
    elif content.kind is Kind.TURN:
        plan.skip(place, "what was said stays as it was said; `holdfast correct` notes what is right")
    elif held.closed_by is not None:
        if now == was:
            plan.unchanged += 1
        else:
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
    plan.present[document].add(key)
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


def _edited(reader: Reader, record: Id) -> list[Id]:
    """A memory, and what edits of its page alone made of it, the newest last."""
    chain = [record]
    while (held := reader.find(chain[-1])) is not None and held.closed_by is not None and held.closed_by not in chain:
        after = reader.find(held.closed_by)
        payload = decode_payload(reader.event(after.seq)) if after and after.seq else None
        # One that was forgotten tells nothing any more; it counts as made here, so that nothing is made of it again.
        if after is not None and after.receipt is None and (payload or {}).get("because") != EDITED:
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
    found = (path for path in folder.rglob("*.md") if path.is_file())
    return sorted(path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts))


def _text_of(path: Path) -> str:
    if path.stat().st_size > _MOST_BYTES:
        raise ValueError(f"it has more than {_MOST_BYTES >> 20} MB")
    return path.read_bytes().decode("utf-8-sig")
