"""Taking in what other programs keep: in durable parts, again without effect, and following what changed.

A fact of a document that is followed is forgotten when its document no longer holds it. Nothing
succeeds it, so it is not superseded; and since nobody asked that it stay forgotten, its words are
not kept out: where the document holds them again, they come back under a key of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from pathlib import Path

from holdfast.core import border
from holdfast.core.codec import decode_content
from holdfast.core.decide import Take
from holdfast.core.erasing import falling
from holdfast.errors import ConfirmationNeeded, Gone, HoldfastError, InvalidInput, KeyReused, Refused, StoreError
from holdfast.model.ids import Id
from holdfast.model.imports import Batch, Inventory, Item, Note, document_of
from holdfast.model.records import TRUST_OF_ORIGIN, Content, Kind
from holdfast.model.reports import Skipped, Turn
from holdfast.model.times import format_when
from holdfast.ports.importer import Importer
from holdfast.ports.store import Reader
from holdfast.services.forgetting import MOST_UNCONFIRMED, Forgetting
from holdfast.services.intake import PER_COMMIT, Intake, Progress
from holdfast.services.ledger import Ledger
from holdfast.services.remembering import Remembering

_IMPORTED = "import:"
"""Before the digest of the arguments of facts that an import made, which alone it may remove."""
_NOTHING_WRITTEN = " Nothing was written."
_NONE_TAKEN = "None of the conversation was taken; with skip_errors (--skip-errors) the rest of it is."


class Importing:
    """One import of the files of another program.

    Args:
        confirm: Facts that are gone at their source may go here, however many they are.
        skip_errors: Take a conversation without the entries that cannot be taken, instead of not at all.
    """

    def __init__(
        self,
        ledger: Ledger,
        remembering: Remembering,
        forgetting: Forgetting,
        intake: Intake,
        progress: Progress,
        *,
        confirm: bool,
        skip_errors: bool = False,
    ) -> None:
        self._ledger = ledger
        self._remembering = remembering
        self._forgetting = forgetting
        self._intake = intake
        self._progress = progress
        self._confirm = confirm
        self._skip_errors = skip_errors
        self._removals = forgetting.removals()
        self._lifted = frozenset[Id]()
        self._readmitted = frozenset[str]()
        self._present = dict[str, frozenset[Id]]()
        self._inventory: Inventory | None = None
        self._facts_added = 0

    def readmit(self, records: frozenset[Id], keys: frozenset[str]) -> None:
        """Take in again these forgotten facts, should they come under their keys, and whatever has these keys."""
        self._lifted, self._readmitted = records, keys

    def run(self, importer: Importer, path: Path, zone: tzinfo) -> None:
        """Take in all an importer reads from a path, and remove what is gone there.

        Raises:
            InvalidField, UnknownFormat: the importer cannot read it.
            ConfirmationNeeded: much is gone; all that is there was taken in.
        """
        self._progress.format = importer.name
        for batch in importer.read(path, zone=zone):
            self._take_batch(batch)
        going = self._gone()
        if not going:
            return
        if self._intake.dry_run:
            with self._ledger.store.reading() as reader:
                self._progress.removed = len(falling(reader, going))
            return
        if len(going) - self._facts_added > MOST_UNCONFIRMED and not self._confirm:
            raise ConfirmationNeeded(
                f"{len(going):,} facts are gone at their source, more than {MOST_UNCONFIRMED} beyond what is new. "
                "Nothing was forgotten; what the source holds now was imported. Look at it with dry_run, and import "
                "again with confirm_removal (on the command line --yes)."
            )
        receipt = self._forgetting.remove(going)
        self._progress.removed = len(receipt.forgotten) + len(receipt.derived)
        self._progress.pending = receipt.pending

    def _take_batch(self, batch: Batch) -> None:
        made = self._commands(batch)
        self._progress.known += len(made)
        for start in range(0, len(made), PER_COMMIT):
            self._take(made[start : start + PER_COMMIT])
        self._progress.add_skipped(batch.skipped)
        self._inventory = batch.inventory or self._inventory
        self._progress.done_bytes, self._progress.total_bytes = batch.done_bytes, batch.total_bytes
        self._progress.done()

    def _commands(self, batch: Batch) -> list[tuple[Item, Take]]:
        """What the items of a batch ask for, without those that cannot be taken, which are reported."""
        now = self._ledger.clock.now_ms()
        made, refused = list[tuple[Item, Take]](), dict[str, Skipped]()
        for flaw in batch.flaws:
            if self._skip_errors:
                self._progress.skip(Skipped(flaw.place, f"{flaw.why}; it was not taken"))
            else:
                refused.setdefault(flaw.source, Skipped(flaw.place, f"{flaw.why}."))
        with self._ledger.store.reading() as reader:
            for item in batch.items:
                try:
                    made.append((item, self._command(item, now, reader)))
                except Refused as error:
                    self._progress.skip(Skipped(_place(item), _why(error)))
                except InvalidInput as error:
                    if isinstance(item, Turn) and item.source and not self._goes_on(item.source, batch):
                        refused.setdefault(item.source, Skipped(item.source, _why(error)))
                    else:
                        self._progress.skip(Skipped(_place(item), _why(error)))
            records = {item.key: command.record for item, command in made}
            for document, keys in batch.present.items():
                known = (records.get(key) or self._record(reader, key)[1] for key in keys)
                self._present[document] = frozenset(known)
        for first in refused.values():
            self._progress.skip(Skipped(first.place, f"{first.why} {_NONE_TAKEN}"))
        return [(item, command) for item, command in made if isinstance(item, Note) or item.source not in refused]

    def _goes_on(self, source: str, batch: Batch) -> bool:
        """Whether a document is taken without an entry that cannot be."""
        return self._skip_errors or source in batch.logs

    def _command(self, item: Item, now_ms: int, reader: Reader) -> Take:
        if isinstance(item, Turn):
            session = item.session or "import"
            return self._remembering.turn_command(session, {}, item, now_ms, operation="import")
        content = Content(
            kind=Kind.FACT,
            text=border.check_text(item.text),
            valid_from=now_ms if item.when_ms is None else item.when_ms,
            category=border.check_category(item.category),
            subject=border.optional_label(item.subject, "subject"),
            predicate=border.optional_label(item.predicate, "predicate"),
            object=border.optional_label(item.object, "object"),
            source=border.check_label(item.source, "source"),
            tags=border.check_tags(item.tags),
            attributes=border.check_attributes(item.attributes),
            origin=item.origin,
            trust=TRUST_OF_ORIGIN[item.origin],
            actor=self._remembering.actor,
        )
        border.check_moment(item.when_ms)
        key, _ = self._record(reader, item.key)
        first = self._remembering.keyed_record("import", item.key)
        readmit = item.key in self._readmitted or first in self._lifted
        return self._remembering.keyed(
            "import", key, content, timeless=item.when_ms is None, readmit=readmit, mark=_IMPORTED
        )

    def _record(self, reader: Reader, key: str) -> tuple[str, Id]:
        """The key and the id of a fact: another each time it was removed at its source."""
        again, number = key, 1
        while True:
            record = self._remembering.keyed_record("import", again)
            if not self._removals and not self._lifted:
                return again, record
            held = reader.find(record)
            if held is None or (held.receipt not in self._removals and record not in self._lifted):
                return again, record
            number += 1
            again = f"{key} ({number})"

    def _take(self, made: Sequence[tuple[Item, Take]]) -> None:
        """Write items in one commit; where one cannot be taken, find out which it is."""
        before = self._progress.added
        try:
            self._intake.take([command for _, command in made])
        except StoreError:
            raise
        except HoldfastError as error:
            if len(made) > 1:
                half = len(made) // 2
                self._take(made[:half])
                self._take(made[half:])
                return
            self._refuse(made[0][0], error)
            return
        if isinstance(made[0][0], Note):
            self._facts_added += self._progress.added - before

    def _refuse(self, item: Item, error: HoldfastError) -> None:
        if isinstance(error, Gone):
            self._progress.forgotten += 1
        elif isinstance(error, KeyReused):
            self._progress.unchanged += 1
            self._progress.skip(Skipped(_place(item), "it differs from what was imported before, which was kept"))
        else:
            self._progress.skip(Skipped(_place(item), _why(error)))

    def _gone(self) -> list[Id]:
        """Facts made by imports of documents that no longer hold them, or that are no longer there."""
        roots = [*self._present, *([self._inventory.root] if self._inventory else [])]
        if not roots:
            return []
        with self._ledger.store.reading() as reader:
            return [
                record
                for record, source in reader.sourced(_shared_start(roots))
                if _is_gone(record, source, self._present, self._inventory) and _is_imported(reader, record)
            ]


def _shared_start(texts: Sequence[str]) -> str:
    """What all of them begin with."""
    least, most = min(texts), max(texts)
    same = next((n for n, (a, b) in enumerate(zip(least, most, strict=False)) if a != b), min(len(least), len(most)))
    return least[:same]


def _is_gone(record: Id, source: str, present: Mapping[str, frozenset[Id]], inventory: Inventory | None) -> bool:
    document = document_of(source)
    if document in present:
        return record not in present[document]
    return inventory is not None and source.startswith(inventory.root) and document not in inventory.documents


def _is_imported(reader: Reader, record: Id) -> bool:
    held = reader.find(record)
    content = decode_content(reader.event(held.seq)) if held and held.seq else None
    return content is not None and (content.arguments or "").startswith(_IMPORTED)


def _place(item: Item) -> str:
    """Where an item is, for a person."""
    where = item.source or item.key or "an entry"
    return f"{where}, {format_when(item.when_ms)}" if isinstance(item, Turn) and item.when_ms is not None else where


def _why(error: HoldfastError) -> str:
    return str(error).removesuffix(_NOTHING_WRITTEN)
