"""Records that stand aside, by kind and name: blocks, procedures, intentions, sessions and what belongs to them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from holdfast.core.bodies import name_of
from holdfast.core.codec import decode_content, readable_content, record_of
from holdfast.core.decide import Take
from holdfast.core.naming import Write, Written, generation, named_id, write
from holdfast.core.receipts import ERASABLE
from holdfast.core.view import View
from holdfast.errors import Damaged, NotFound
from holdfast.model.events import Draft
from holdfast.model.filters import having
from holdfast.model.ids import Id, id_text, parse_id
from holdfast.model.records import Content, Kind, Record
from holdfast.ports.store import Reader
from holdfast.services.forgetting import Forgetting
from holdfast.services.ledger import Ledger
from holdfast.services.remembering import Remembering
from holdfast.services.touches import Touches

RELOAD = 2_000
"""Changes of the space from which on everything aside is read anew instead of what changed alone."""


def id_here(ledger: Ledger, record: Id, content: Content) -> Id:
    """The id that a record from elsewhere gets: its own, but what has a name and is not here that of its name here."""
    name = name_of(content.kind, content.body) if content.kind.is_aside else None
    if name is None:
        return record
    with ledger.store.reading() as reader:
        is_here = reader.find(record) is not None
    return record if is_here else named_id(ledger.secret, content.kind, name, 0)


class Aside:
    """Reads and writes what stands aside in one space; it is kept in memory, level with the journal at every use.

    Args:
        remembering: Has the policy under which something is kept.
        touches: Told of each write.
    """

    def __init__(self, ledger: Ledger, remembering: Remembering, forgetting: Forgetting, touches: Touches) -> None:
        self._ledger = ledger
        self._remembering = remembering
        self._forgetting = forgetting
        self._touches = touches
        self._lock = threading.Lock()
        self._held: dict[int, Record] | None = None
        self._seq = 0
        forgetting.let_go.append(self._let_go)

    def add(self, content: Content) -> Record:
        """Keep a record that has no name, durably.

        Raises:
            Refused: the policy does not let it be kept.
        """
        ((record, _),) = self._remembering.take_all([self._remembering.judged(Take(content, self._ledger.new_id()))])
        return record

    def write(self, name: str, content: Content, *, version: int | None = None) -> Record:
        """Hold a content under a name of its kind, durably, as a further version where there is one.

        Args:
            version: Compare and set: the version the caller has seen, 0 for none; None for whatever holds.

        Raises:
            VersionConflict: another version holds; nothing was written.
            Refused: the policy does not let it be kept.
        """
        judged = self._remembering.judged(Take(content, Id(bytes(16))))
        command = Write(name, lambda number: self._id(content.kind, name, number), judged.content, version)
        written, events = self._ledger.write_events(lambda view, secret: write(view, command, secret))
        if not events:
            return self.get(content.kind, name)
        self._touches.written(1)
        kept = decode_content(events[-1])
        if kept is None:
            raise Damaged(f"Memory {id_text(written.record)} has lost its text. Run `holdfast check`.")
        return record_of(events[-1], kept)

    def change(
        self, kind: Kind, name: str, make: Callable[[Record | None], Content], check: Callable[[Content], None]
    ) -> Record:
        """Hold under a name what follows from what it means now, durably; any other write comes before or after.

        Args:
            make: Gives the content, from what holds, None where nothing does; nothing is written where it raises.
            check: Asked of what the policy lets be kept; nothing is written where it raises.

        Raises:
            Refused: the policy does not let it be kept.
        """
        admitted = list[Take]()

        def decide(view: View, secret: bytes) -> tuple[Sequence[Draft], Written]:
            record, version = generation(view, lambda number: self._id(kind, name, number))
            held = view.find(record) if version else None
            event = view.event(held.seq) if held else None
            content = decode_content(event) if event else None
            old = record_of(event, content) if event and content else None
            admitted[:] = [self._remembering.judged(Take(make(old), Id(bytes(16))))]
            kept = admitted[0].content
            check(kept)
            return write(view, Write(name, lambda number: self._id(kind, name, number), kept), secret)

        _, events = self._ledger.write_events(decide)
        if not events:
            return self.get(kind, name)
        self._touches.written(1)
        record = record_of(events[-1], admitted[0].content)
        return replace(record, verdict=admitted[0].verdict, reasons=admitted[0].reasons)

    def find(self, kind: Kind, name: str) -> Record | None:
        """What a name of a kind means now."""
        with self._ledger.store.reading() as reader:
            record, version = generation(reader, lambda number: self._id(kind, name, number))
            held = reader.find(record) if version else None
            event = reader.event(held.seq) if held else None
        content = decode_content(event) if event else None
        return record_of(event, content) if event and content else None

    def get(self, kind: Kind, name: str) -> Record:
        """What a name of a kind means now.

        Raises:
            NotFound: nothing.
        """
        found = self.find(kind, name)
        if found is None:
            raise NotFound(f"There is no {kind.name.lower()} {name!r:.80} in this space.")
        return found

    def all(self, *kinds: Kind) -> list[Record]:
        """Every record of these kinds, oldest first; what cannot be read is left out, `check` names it."""
        with self._lock:
            with self._ledger.store.reading() as reader:
                held = self._leveled(reader)
            return [record for _, record in sorted(held.items()) if record.kind in kinds]

    def versions(self, kind: Kind, name: str) -> list[Record]:
        """Every version of what a name means now, oldest first.

        Raises:
            NotFound: there is none.
        """
        with self._ledger.store.reading() as reader:
            record, version = generation(reader, lambda number: self._id(kind, name, number))
            events = reader.events_of(record) if version else ()
        if not events:
            raise NotFound(f"There is no {kind.name.lower()} {name!r:.80} in this space.")
        found = [(event, readable_content(event)) for event in events if event.header.type in ERASABLE]
        return [record_of(event, content) for event, content in found if content is not None]

    def forget(self, records: Sequence[str], reason: str) -> None:
        """Erase records that stand aside, with all their versions."""
        self._forgetting.erase([parse_id(one) for one in records], actor=self._remembering.actor, reason=reason)

    def _id(self, kind: Kind, name: str, number: int) -> Id:
        return named_id(self._ledger.secret, kind, name, number)

    def when_forgotten(self, let_go: Callable[[Sequence[Id]], None]) -> None:
        """Tell what a forget takes to whoever holds its words in memory."""
        self._forgetting.let_go.append(let_go)

    def _let_go(self, forgotten: Sequence[Id]) -> None:
        gone = set(map(id_text, forgotten))
        with self._lock:
            for n in [n for n, record in (self._held or {}).items() if record.id in gone]:
                del (self._held or {})[n]

    def _leveled(self, reader: Reader) -> dict[int, Record]:
        moved = None if self._held is None else reader.moved(self._seq)
        if self._held is None or moved is None or len(moved.changed) + len(moved.gone) > RELOAD:
            kinds = [int(kind) for kind in Kind if kind.is_aside]
            held: dict[int, Record] = {}
            ns: Sequence[int] = reader.select(having({"kind": kinds}), None, None, aside=True)
            seq = reader.head().seq
        else:
            held = self._held
            ns = (*moved.changed, *moved.gone)
            seq = moved.seq
        current = reader.current(ns)
        for n in ns:
            held.pop(n, None)
        for n, (_, event) in current.items():
            content = readable_content(event)
            if content is not None and content.kind.is_aside:
                held[n] = record_of(event, content)
        # Last: what a read that failed did not bring is brought by the next.
        self._held, self._seq = held, seq
        return held
