"""A whole space as lines, and lines as a space again: nothing lost, nothing twice, nothing half."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path

from holdfast.core import border
from holdfast.core.codec import decode_payload
from holdfast.core.decide import expect_model
from holdfast.core.journal_lines import JournalHead, JournalReader, journal_lines
from holdfast.core.lexical import clear_term_cache
from holdfast.core.query import clear_name_cache
from holdfast.core.sync import MOST_AHEAD_MS
from holdfast.errors import (
    AlreadyThere,
    Damaged,
    HistoryPruned,
    HoldfastError,
    InvalidField,
    QuotaExceeded,
    UnknownFormat,
)
from holdfast.model.access import Ahead
from holdfast.model.events import Event, EventType, Stamp
from holdfast.model.holdings import Holding
from holdfast.model.ids import Id, id_text
from holdfast.model.reports import ImportReport
from holdfast.model.times import LATEST_MS, format_when
from holdfast.ports.store import Identity
from holdfast.services.chains import parted
from holdfast.services.embedding import Embedding
from holdfast.services.forgetting import empty_log
from holdfast.services.json_lines import numbered_lines, parsed_line
from holdfast.services.ledger import Ledger
from holdfast.services.live_index import LiveIndex
from holdfast.services.paging import PAGE, all_events
from holdfast.services.past import PASTS
from holdfast.services.touches import Touches

PER_COMMIT = 1_000
"""Events in one durable write."""
FORMAT = "journal"
_CHANGES_LIVE = (EventType.REMEMBERED, EventType.REVISED, EventType.SUPERSEDED, EventType.FORGOTTEN)


class Journals:
    """The journal of one space, on its way out and in."""

    def __init__(self, ledger: Ledger, index: LiveIndex, embedding: Embedding, actor: str, touches: Touches) -> None:
        self._ledger = ledger
        self._index = index
        self._embedding = embedding
        self._actor = actor
        self._touches = touches
        self.keeps_id = False
        """Whether an empty space stays the one it is, rather than become the one that a journal is of."""

    def lines(self) -> Iterator[str]:
        """See `Storage.journal`."""
        identity = self._ledger.store.identity
        with self._ledger.store.reading() as reader:
            horizon = reader.horizon()
            least = {node: number for node, (number, _) in reader.node_heads().items()}
        if horizon is not None:
            raise _headless(f"begins after event {horizon.seq:,}, since what was before was pruned")
        head = JournalHead(identity.space, identity.secret)
        return journal_lines(head, self._to_the_end(), self._ledger.clock.now_ms(), least)

    def _to_the_end(self) -> Iterator[Event]:
        """Every event, also those that come while it is read: what is forgotten meanwhile brings its tombstone.

        Pages are read in a view each, so that a slow consumer does not hold the log.
        """
        after = 0
        while True:
            with self._ledger.store.reading() as reader:
                horizon = reader.horizon()
                batch = reader.events(after, PAGE)
            if horizon is not None:
                raise _headless(f"was pruned up to event {horizon.seq:,} while it was read, and ends here, unfinished")
            if not batch:
                return
            given = (event for event in batch if event.header.type is EventType.REMEMBERED and not event.erased)
            self._touches.listed(sum(1 for _ in given))
            yield from batch
            after = batch[-1].seq

    def take_in(
        self,
        source: str | Path | Iterable[str],
        *,
        dry_run: bool,
        progress: Callable[[int, int], None] | None,
    ) -> ImportReport:
        """Take in a whole journal: into an empty space, or what is new of it into the same space.

        All of it is looked through before anything of it is written; taken in twice, it changes nothing.

        Raises:
            UnknownFormat, Damaged: it is not what was exported.
            AlreadyThere: the space has memories of its own, and is another one; or it keeps its id.
            InvalidField: space and journal went on from one copy under one name, or a clock is far ahead.
            ModelMismatch: it is bound to another model than the one that is open.
            QuotaExceeded: there is no room for all of it; nothing was written, unless others wrote at the same time:
                then the message says how much is kept.
        """
        border.check_import(source)
        again = Path(source) if isinstance(source, str | Path) else list(source)
        identity = self._ledger.store.identity
        with self._ledger.store.reading() as reader:
            is_empty, here = reader.head().seq == 0, dict(reader.node_heads())
            latest_ms = self._ledger.clock.now_ms() + MOST_AHEAD_MS
            horizon = reader.horizon()
            seen = _Seen(
                here, latest_ms, (lambda _: None) if is_empty else reader.find, horizon.anchors if horizon else None
            )
            journal = _looked_through(again, seen, None if is_empty else identity)
            forked = parted(all_events(reader), journal.heads, here)
        if forked is not None:
            raise _forked(*forked)
        head = journal.head
        assert head is not None
        if self.keeps_id and head.space != identity.space:
            raise AlreadyThere(
                f"This is the journal of space {id_text(head.space)}, and a space of a house stays the one it is "
                f"({id_text(identity.space)}). Nothing was written. Take it into a file outside the house, or take its "
                "memories over with an ordinary export."
            )
        embedder = self._embedding.embedder
        if embedder is not None and seen.model is not None:
            expect_model(seen.model, embedder.fingerprint)
        pending = None
        if not dry_run:
            self._write(again, journal, seen.ahead, progress)
            pending = self._forget_along(seen.forgets)
        return ImportReport(
            added=seen.added, unchanged=seen.unchanged, forgotten=seen.forgotten, format=FORMAT, dry_run=dry_run,
            forget_pending=pending,
        )  # fmt: skip

    def _write(
        self,
        source: Path | list[str],
        journal: JournalReader,
        ahead: Ahead,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        """Take in the events, the first of them together with the identity: nothing is written where those cannot be.

        Raises:
            QuotaExceeded: how much of it is kept is told.
        """
        assert journal.head is not None
        becomes = journal.head.space, journal.head.secret
        done, events = 0, _events(source)
        batch = list(islice(events, PER_COMMIT))
        while batch or not done:
            try:
                self._ledger.merge(batch, becomes, None if done else ahead)
            except QuotaExceeded as error:
                if done:
                    kept = f" {done:,} of {journal.events:,} events are kept; merge it again to go on."
                    error.args = (str(error).replace(" Nothing of this write was kept.", kept),)
                raise
            done += len(batch)
            if progress is not None:
                progress(done, journal.events)
            if not (batch := list(islice(events, PER_COMMIT))):
                return

    def _forget_along(self, forgets: int) -> str | None:
        """Let what is forgotten go here too; why bytes of it may still be on disk, in words, or None."""
        # Also where no forget came in: something may have, that was made there of what is forgotten here.
        pending = None
        if self._ledger.forget_orphans(self._actor) or forgets:
            PASTS.forgot(self._ledger.store.identity.space)
            clear_term_cache()
            clear_name_cache()
            pending = empty_log(self._ledger.store)
            try:
                self._index.scrub(None)
            except OSError as error:
                pending = f"the index of vectors beside the space could not be written ({error.strerror})"
        self._embedding.written()
        return pending


class _Seen:
    """What a journal holds beyond what is here, counted while it is looked through.

    Args:
        here: Where each node's chain stands in the space.
        latest_ms: The latest time an event may have.
        find: Finds a memory in the space.
        anchors: Per node the number and chain value up to which events were pruned in the space.
    """

    def __init__(
        self,
        here: Mapping[Id, tuple[int, bytes]],
        latest_ms: int,
        find: Callable[[Id], Holding | None],
        anchors: Mapping[Id, tuple[int, bytes]] | None = None,
    ) -> None:
        self._here = here
        self._anchors = anchors or {}
        self._latest_ms = latest_ms
        self._find = find
        self._live = dict[Id, bool]()
        self._events = self._more = self._batch_more = self._most = self._bytes = 0
        self._model: tuple[Stamp, str] | None = None
        self.added = self.unchanged = self.forgotten = self.forgets = 0

    @property
    def model(self) -> str | None:
        """The model the journal is bound to in the end."""
        return self._model[1] if self._model else None

    @property
    def ahead(self) -> Ahead:
        """What all that is new comes to, counted as a quota counts it write by write."""
        return Ahead(self._most, self._bytes)

    def look(self, event: Event) -> None:
        header = event.header
        if header.at_ms > self._latest_ms:
            raise InvalidField(
                f"event {event.seq} is dated {format_when(header.at_ms)}, more than a day after now; set the clock "
                "right."
            )
        number, chain = self._here.get(header.node, (0, b""))
        if header.node_seq == number and event.chain != chain:
            raise _forked(header.node, number)
        is_new = header.node_seq > number
        # Pruning keeps the beginning of every memory or its tombstone, so what it dropped is never all of one.
        if header.type is EventType.REMEMBERED and not is_new and self._find(header.record) is None:
            raise _forked(header.node, header.node_seq)
        number, chain = self._anchors.get(header.node, (0, b""))
        if header.node_seq == number and event.chain != chain:
            raise _forked(header.node, number)
        if header.type is EventType.REMEMBERED:
            self.forgotten += is_new and event.erased
            self.added += is_new and not event.erased
            self.unchanged += not is_new
        self.forgets += is_new and header.type is EventType.FORGOTTEN
        self._weigh(event, is_new=is_new)
        if header.type is EventType.MODEL_SET and (self._model is None or header.stamp > self._model[0]):
            self._model = header.stamp, str((decode_payload(event) or {}).get("fingerprint"))

    def _weigh(self, event: Event, *, is_new: bool) -> None:
        """Count how many live memories more there are, after this event and while its write is judged."""
        if self._events % PER_COMMIT == 0:
            self._batch_more = self._more
        self._events += 1
        record, kind = event.header.record, event.header.type
        if not is_new or kind not in _CHANGES_LIVE:
            return
        held = self._live.get(record)
        if held is None:
            found = self._find(record)
            if found is not None and found.receipt:
                return  # it stays forgotten
            held = found is not None and found.live
        if kind in (EventType.REMEMBERED, EventType.REVISED):
            self._bytes += len(event.payload or b"")
        if kind is EventType.REVISED or (kind is EventType.REMEMBERED and event.erased):
            return
        self._live[record] = kind is EventType.REMEMBERED
        change = self._live[record] - held
        self._more += change
        # A forget gives its room back to the writes after it, as it does for any other.
        self._batch_more += change if kind is not EventType.FORGOTTEN else 0
        self._most = max(self._most, self._batch_more)


def _looked_through(source: Path | list[str], seen: _Seen, identity: Identity | None) -> JournalReader:
    """Read all of it once, so that what cannot be taken in is known before anything is written.

    Args:
        identity: Of the space, where it is not empty.
    """
    reader = JournalReader()
    for number, line in numbered_lines(source):
        try:
            event = reader.read(parsed_line(line))
            if reader.head is not None and event is None and not reader.is_whole:
                _refuse_other(reader.head, identity)
            elif event is not None:
                seen.look(event)
        except AlreadyThere:
            raise
        except HoldfastError as error:
            kind = type(error) if isinstance(error, UnknownFormat | InvalidField) and reader.head else Damaged
            kind = UnknownFormat if reader.head is None else kind
            why = str(error).removesuffix(" Nothing was written.")
            raise kind(f"Line {number:,}: {why} Nothing was written.") from None
    reader.end()
    return reader


def _refuse_other(head: JournalHead, identity: Identity | None) -> None:
    if identity is not None and identity.space != head.space:
        raise AlreadyThere(
            f"This is the journal of space {id_text(head.space)}, and space {id_text(identity.space)} has memories of "
            "its own; two spaces do not become one. Nothing was written. Take it into a new space, or take its "
            "memories over with an ordinary export."
        )
    if identity is not None and identity.secret != head.secret:
        raise Damaged("it has another secret than the space.")


def _headless(why: str) -> HistoryPruned:
    return HistoryPruned(
        f"The journal {why}; nobody could check it against its chain, or take it in. A backup has all that is held, an "
        "ordinary export its memories."
    )


def _forked(node: Id, number: int) -> InvalidField:
    return InvalidField(
        f"event {number} of node {id_text(node)} is another one here: the space and the journal went on from one copy "
        "under one name, and cannot be joined. Nothing was written."
    )


def _events(source: Path | list[str]) -> Iterator[Event]:
    """The events of a journal that was looked through."""
    reader = JournalReader()
    for _, line in numbered_lines(source):
        event = reader.read(parsed_line(line))
        if event is not None:
            yield event
    reader.end()


def kept_events(path: str | Path) -> Iterator[Event]:
    """The events of a journal in a file, all of it looked through first.

    Raises:
        UnknownFormat, Damaged: it is not what was exported.
    """
    _looked_through(Path(path), _Seen({}, LATEST_MS, lambda _: None), None)
    return _events(Path(path))
