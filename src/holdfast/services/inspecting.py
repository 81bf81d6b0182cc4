"""Looking into a space: records, history, counts, and whether all is well."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TypeVar

from holdfast.core import border, receipts
from holdfast.core.codec import decode_content, decode_payload, readable_content, record_of
from holdfast.errors import Damaged, Gone, HoldfastError, NotFound
from holdfast.model.events import Event, EventType
from holdfast.model.filters import EVERYTHING, Filter, Where
from holdfast.model.holdings import Holding
from holdfast.model.ids import Id, id_text, parse_id
from holdfast.model.insight import History, HistoryEntry, Sizes, Summary
from holdfast.model.records import Kind, Record
from holdfast.ports.store import Reader
from holdfast.services.chains import journal_problems
from holdfast.services.ledger import Ledger
from holdfast.services.live_index import LiveIndex
from holdfast.services.paging import PAGE
from holdfast.services.selecting import matching
from holdfast.services.touches import Touches

R = TypeVar("R")
_WHAT = {
    EventType.REMEMBERED: "remembered",
    EventType.REVISED: "revised",
    EventType.SUPERSEDED: "superseded",
    EventType.FORGOTTEN: "forgotten",
}
_SAID = (Kind.TURN, Kind.TOOL_CALL)
_HAS_CONTENT = (EventType.REMEMBERED, EventType.REVISED)


class Inspecting:
    """Reads of one space that are not recall.

    Args:
        replayed: Gives the digest of a view's journal, replayed into an empty projection.
        as_of_ms: The moment at which a memory's time may be up; the clock's by default.
    """

    def __init__(
        self,
        ledger: Ledger,
        index: LiveIndex,
        touches: Touches,
        replayed: Callable[[Reader], bytes],
        as_of_ms: int | None = None,
    ) -> None:
        self._ledger = ledger
        self._index = index
        self._touches = touches
        self._replayed = replayed
        self._as_of_ms = as_of_ms

    def get(self, memory: str) -> Record:
        record = parse_id(memory)
        with self._reading() as reader:
            held = reader.find(record)
            if held is None or (not held.seq and not held.receipt):
                raise NotFound(f"There is no memory {memory} in this space.")
            if held.receipt:
                raise Gone(f"Memory {memory} was forgotten (receipt {id_text(held.receipt)}).")
            found = _record(held, reader.event(held.seq))
        self._touches.read((held.n,))
        return found

    def history(self, memory: str) -> History:
        record = parse_id(memory)
        with self._reading() as reader:
            events = reader.events_of(record)
            held = reader.find(record)
            if not events or held is None:
                raise NotFound(f"There is no memory {memory} in this space.")
            entries = tuple(_entry(reader, event, is_forgotten=held.receipt is not None) for event in events)
            reads = self._touches.reads_of(reader, held)
            supersedes = tuple(id_text(one.id) for one in reader.superseded_by(record))
        if not held.receipt:
            self._touches.read((held.n,))
        return History(id_text(record), entries, reads, supersedes)

    def records(
        self,
        where: Where | None,
        *,
        superseded: bool = False,
        quarantined: bool = False,
        aside: bool = False,
    ) -> Iterator[Record]:
        # Checked at the call, not when the first record is asked for.
        found = self._records(border.check_where(where), superseded, quarantined)
        return found if aside else (record for record in found if not record.kind.is_aside)

    def _records(self, checked: Filter, superseded: bool, quarantined: bool) -> Iterator[Record]:
        # Pages are read in a view each, so that a slow consumer does not hold the log.
        if checked != EVERYTHING:
            with self._reading() as reader:
                ns = matching(reader, checked, None, None, quarantined=quarantined)
            for start in range(0, len(ns), PAGE):
                yield from self._page(ns[start : start + PAGE], superseded=False, quarantined=quarantined)
            return
        after = 0
        while True:
            with self._reading() as reader:
                ns = reader.held(after, PAGE)
            if not ns:
                return
            after = ns[-1]
            yield from self._page(ns, superseded=superseded, quarantined=quarantined)

    def turns(self, session: str, limit: int | None) -> list[Record]:
        most = None if limit is None else border.check_count(limit, "limit", 10_000_000)
        with self._reading() as reader:
            ns = reader.session(session)
        found = list[Record]()
        # From the end on: other episodes of the session lie between.
        for end in range(len(ns), 0, -PAGE):
            page = self._page(ns[max(0, end - PAGE) : end], superseded=True, quarantined=False)
            # An index that was altered may name turns of another session.
            found[:0] = [record for record in page if record.kind in _SAID and record.session == session]
            if most is not None and len(found) >= most:
                break
        return found if most is None else found[-most:]

    def _page(self, ns: Sequence[int], *, superseded: bool, quarantined: bool) -> list[Record]:
        with self._reading() as reader:
            current = reader.current(ns)
        pairs = [current[n] for n in ns if n in current]
        records = [_record(held, event) for held, event in pairs if superseded or held.closed_by is None]
        now = self._now()
        given = [
            record
            for record in records
            if (quarantined or not record.quarantined) and (record.expires_at is None or record.expires_at > now)
        ]
        self._touches.listed(len(given))
        return given

    def listed(self, count: int) -> None:
        """So many memories were given out in bulk, by somebody else's reading."""
        self._touches.listed(count)

    def _now(self) -> int:
        return self._ledger.clock.now_ms() if self._as_of_ms is None else self._as_of_ms

    def summary(self) -> Summary:
        store = self._ledger.store
        with self._reading() as reader:
            tally, head, model, pending = reader.tally(), reader.head(), reader.model(), reader.backlog_size()
            expired = len(reader.expired(self._now()))
            texts, index, vectors = reader.content_bytes()
            accesses = self._touches.accesses(reader)
        return Summary(
            space=id_text(head.space),
            live=tally.live,
            superseded=tally.superseded,
            forgotten=tally.forgotten,
            by_kind={Kind(kind).name.lower(): count for kind, count in tally.by_kind.items()},
            by_category=dict(tally.by_category),
            by_author=dict(tally.by_author),
            sessions=tally.sessions,
            oldest_ms=tally.oldest_ms,
            newest_ms=tally.newest_ms,
            events=head.seq,
            pending=pending,
            model=model.fingerprint if model else None,
            size_bytes=store.size_bytes(),
            quarantined=tally.quarantined,
            expired=expired,
            first_recorded_ms=tally.first_recorded_ms,
            last_recorded_ms=tally.last_recorded_ms,
            by_source=dict(tally.by_source),
            more_sources=tally.sources - len(tally.by_source),
            receipts=tally.receipts,
            accesses=accesses,
            sizes=Sizes(store.size_bytes(), texts, index, vectors, store.log_bytes()),
        )

    def check(self) -> list[str]:
        found = list[str]()

        def told(look: Callable[[Reader], R]) -> R | None:
            """What a look gives; None where it stops at something damaged, which is noted."""
            try:
                with self._reading() as reader:
                    return look(reader)
            except Damaged as error:
                found.append(str(error))
                return None

        # One look each, so that what is damaged hides nothing else.
        journal = told(journal_problems)
        found += journal or ()
        found += told(_damaged_vectors) or ()
        told(lambda reader: reader.accesses())  # the names of those who used it
        found += told(lambda _: self._ledger.store.problems()) or ()
        found += told(lambda reader: self._differing(reader, is_replayed=journal == [])) or ()
        return found

    def _differing(self, reader: Reader, *, is_replayed: bool) -> list[str]:
        """How what is held differs from its journal: both of one view, as others may write, forget and prune."""
        digest = reader.digest()
        try:
            if is_replayed and self._replayed(reader) != digest:
                return ["what is held differs from what the journal says; rebuild makes it again"]
        except HoldfastError as error:
            return [f"the journal cannot be replayed: {error}"]
        return []

    def rebuild(self) -> str:
        with self._reading() as reader:
            damaged = reader.vectors(0).damaged
        if damaged:
            self._ledger.store.drop_vectors(damaged)
        digest = self._ledger.rebuild()
        self._index.drop()
        return digest.hex()

    def digest(self) -> str:
        with self._reading() as reader:
            return reader.digest().hex()

    def _reading(self) -> AbstractContextManager[Reader]:
        return self._ledger.store.reading()


def _damaged_vectors(reader: Reader) -> list[str]:
    return [
        f"memory {n}: its vector is damaged; rebuild drops it and it is made again" for n in reader.vectors(0).damaged
    ]


def _record(held: Holding, event: Event) -> Record:
    if event.header.record != held.id or event.header.version != held.version:
        raise Damaged(
            f"The row of memory {id_text(held.id)} and the event it leads to do not fit: one was altered. Nothing "
            "altered is returned. Run `holdfast check --fix`, which makes rows again from the journal."
        )
    content = decode_content(event)
    if content is None:
        raise Damaged(f"Memory {id_text(held.id)} has lost its text. Run `holdfast check`.")
    return record_of(event, content, held.closed_by, held.closed_ms)


def _entry(reader: Reader, event: Event, *, is_forgotten: bool) -> HistoryEntry:
    """One event in the life of a memory; who did it, and why, stands with what it was done to, or in the receipt.

    Why a memory that is forgotten was corrected is not told with it: that may quote its words.
    """
    header = event.header
    content = decode_content(event) if header.type in _HAS_CONTENT else None
    actor, reason = content.actor if content else None, _because(event) if content else None
    if header.other and header.type is EventType.SUPERSEDED:
        actor, reason = _correction(reader, header.other)
        reason = None if is_forgotten else reason
    elif header.other and header.type is EventType.FORGOTTEN and (found := reader.receipt(header.other)):
        receipt = receipts.read(found)
        actor, reason = receipt.actor, receipt.reason
    return HistoryEntry(
        what=_WHAT[header.type],
        at_ms=header.at_ms,
        version=header.version,
        record=record_of(event, content) if content else None,
        other=id_text(header.other) if header.other else None,
        seq=event.seq,
        reason=reason,
        actor=actor,
    )


def _correction(reader: Reader, replacement: Id) -> tuple[str | None, str | None]:
    """Who corrected a memory, and why, as the first version of what replaced it says; nothing once that is erased."""
    for event in reader.events_of(replacement)[:1]:
        content = readable_content(event)
        return (content.actor, _because(event)) if content else (None, None)
    return None, None


def _because(event: Event) -> str | None:
    return (decode_payload(event) or {}).get("because")
