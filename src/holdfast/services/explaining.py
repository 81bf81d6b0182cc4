"""Why a memory is held: where it came from, what rests on it, and who used it, looked up and put into words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from holdfast.core import receipts
from holdfast.core.codec import decode_payload, readable_content, record_of
from holdfast.core.explain import words_of
from holdfast.errors import NotFound
from holdfast.model.erasure import ForgetReceipt
from holdfast.model.events import Event
from holdfast.model.holdings import Holding
from holdfast.model.ids import Id, id_text, parse_id
from holdfast.model.insight import Linked, Why
from holdfast.model.records import Record
from holdfast.ports.store import Reader
from holdfast.services.ledger import Ledger
from holdfast.services.remembering import Remembering
from holdfast.services.touches import Touches


class Explaining:
    """Explains single memories of one space.

    Args:
        remembering: Has the policy in force.
        as_of_ms: The moment at which a memory's time may be up; the clock's by default.
    """

    def __init__(self, ledger: Ledger, touches: Touches, remembering: Remembering, as_of_ms: int | None = None) -> None:
        self._ledger = ledger
        self._touches = touches
        self._remembering = remembering
        self._as_of_ms = as_of_ms

    def why(self, memory: str) -> Why:
        """Everything that speaks for or against a memory.

        Raises:
            NotFound, Damaged.
        """
        record = parse_id(memory)
        with self._ledger.store.reading() as reader:
            held, events = reader.find(record), reader.events_of(record)
            if held is None or not events:
                raise NotFound(f"There is no memory {memory} in this space.")
            known = _Known(reader)
            now = known.record(record)
            why = Why(
                id=id_text(record),
                state=self._state(held, now),
                record=now,
                recorded_ms=events[0].header.at_ms,
                sources=_chain(known, record, known.sources_of),
                supersedes=_linked(known, reader.superseded_by(record), record),
                superseded_by=_link(known, held.closed_by, 1, record) if held.closed_by and now else None,
                falls=_chain(known, record, known.resting_on),
                reads=self._touches.reads_of(reader, held),
                receipt=_receipt(reader, held),
                words={},
            )
        if now:
            self._touches.read((held.n,))
        return replace(why, words=words_of(why, _because(events[0]), self._remembering.policy))

    def _state(self, held: Holding, record: Record | None) -> str:
        if record is None:
            return "forgotten"
        moment = self._ledger.clock.now_ms() if self._as_of_ms is None else self._as_of_ms
        if held.closed_by:
            return "superseded"
        if record.expires_at is not None and record.expires_at <= moment:
            return "due"
        if record.kind.is_aside:
            return "aside"
        return "quarantined" if held.quarantined else "live"


class _Known:
    """Records of one view, each read once."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._records = dict[Id, Record | None]()

    def record(self, record: Id) -> Record | None:
        if record not in self._records:
            self._records[record] = self._read(record)
        return self._records[record]

    def _read(self, record: Id) -> Record | None:
        held = self._reader.find(record)
        if held is None or not held.seq:
            return None
        event = self._reader.event(held.seq)
        content = readable_content(event) if event.header.record == record else None
        return record_of(event, content, held.closed_by, held.closed_ms) if content else None

    def sources_of(self, record: Id) -> Sequence[Id]:
        """What a memory names as its sources."""
        found = self.record(record)
        return [parse_id(one) for one in found.sources] if found else []

    def resting_on(self, record: Id) -> Sequence[Id]:
        """Memories that name it among their sources."""
        return [held.id for held in self._reader.derived_from([record])]


def _chain(known: _Known, start: Id, step: Callable[[Id], Sequence[Id]]) -> tuple[Linked, ...]:
    """What is reached from a memory, each once, nearest first."""
    seen, found, level, depth = {start}, list[Linked](), [start], 1
    while level:
        following = list[Id]()
        for via in level:
            for one in step(via):
                if one not in seen:
                    seen.add(one)
                    following.append(one)
                    found.append(_link(known, one, depth, via))
        level, depth = following, depth + 1
    return tuple(found)


def _linked(known: _Known, held: Sequence[Holding], via: Id) -> tuple[Linked, ...]:
    return tuple(_link(known, one.id, 1, via) for one in held)


def _link(known: _Known, record: Id, depth: int, via: Id) -> Linked:
    return Linked(id_text(record), known.record(record), depth, id_text(via))


def _receipt(reader: Reader, held: Holding) -> ForgetReceipt | None:
    event = reader.receipt(held.receipt) if held.receipt else None
    return receipts.read(event) if event else None


def _because(event: Event) -> str | None:
    return (decode_payload(event) or {}).get("because")
