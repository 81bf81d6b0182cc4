"""Records that stand aside, by kind and name: blocks, procedures, intentions, sessions and what belongs to them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from holdfast.core.bodies import name_of
from holdfast.core.codec import decode_content, readable_content, record_of
from holdfast.core.decide import Take
from holdfast.core.derived import trusted
from holdfast.core.naming import Write, Written, generation, named_id, write
from holdfast.core.receipts import ERASABLE
from holdfast.core.view import View
from holdfast.errors import Damaged, NotFound, Refused
from holdfast.model.events import Draft
from holdfast.model.filters import having
from holdfast.model.ids import Id, id_text, parse_id
from holdfast.model.records import Content, Kind, Record
from holdfast.model.verdict import RELEASED
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


def as_here(ledger: Ledger, content: Content) -> Content:
    """What came from elsewhere, under the id that what it is about has here: a trial goes with its procedure."""
    if content.kind is not Kind.TRIAL or not content.sources:
        return content
    from holdfast.core.procedure_trials import read_trial

    with ledger.store.reading() as reader:
        if reader.find(parse_id(content.sources[0])) is not None:
            return content
    name = read_trial(content.body)["procedure"]
    here = named_id(ledger.secret, Kind.PROCEDURE, name, 0)
    return replace(content, sources=(id_text(here), *content.sources[1:]))


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
        self._changes = dict.fromkeys(Kind, 0)
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

    def derive(self, name: str, content: Content) -> Record | None:
        """Hold under a name that means nothing what was derived from its sources, durably; None where it does.

        It has no more trust than they have, and is not kept where one of them is set apart.

        Raises:
            Refused: the policy does not let it be kept, or would set it apart.
            NotFound: a source is not held any more.
        """
        judged = self._remembering.judged(Take(content, Id(bytes(16))))
        ids = self.ids(content.kind, name)
        kept = list[Content]()

        def decide(view: View, secret: bytes) -> tuple[Sequence[Draft], None]:
            record, version = generation(view, ids)
            if version:
                return (), None
            kept[:] = [trusted(view, replace(judged, record=record), {}, imported=False).content]
            if kept[0].quarantined:
                raise Refused("What it was derived from is set apart, or it would be. Nothing was written.")
            return write(view, Write(name, ids, kept[0], 0), secret)[0], None

        _, events = self._ledger.write_events(decide)
        if not events:
            return None
        self._touches.written(1)
        return record_of(events[-1], kept[0])

    def admitted(self, content: Content) -> Content:
        """A content as the policy lets it be kept; nothing is written.

        Raises:
            Refused: it does not.
        """
        return self._remembering.judged(Take(content, Id(bytes(16)))).content

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

    def changed(self, known: int, kind: Kind) -> tuple[int, list[Record] | None]:
        """Every record of a kind, oldest first, with a number for that state; None where it is the state known."""
        with self._lock:
            with self._ledger.store.reading() as reader:
                held = self._leveled(reader)
            number = self._changes[kind]
            if number == known:
                return number, None
            return number, [record for _, record in sorted(held.items()) if record.kind is kind]

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

    def replace(self, records: Sequence[str], drafts: Callable[[View, bytes], Sequence[Draft]], reason: str) -> None:
        """Erase records that stand aside and, in the same transaction, write what takes their place.

        Nobody asked that they stay forgotten: their words are not kept out.

        Args:
            drafts: Decides what is written; nothing is, and nothing erased, where it raises.
        """
        gone = [parse_id(one) for one in records]
        self._forgetting.erase(gone, actor=self._remembering.actor, reason=reason, bars=False, first=drafts)

    def ids(self, kind: Kind, name: str) -> Callable[[int], Id]:
        """The id of the record of each generation of a name."""
        return lambda number: self._id(kind, name, number)

    def _id(self, kind: Kind, name: str, number: int) -> Id:
        return named_id(self._ledger.secret, kind, name, number)

    def when_forgotten(self, let_go: Callable[[Sequence[Id]], None]) -> None:
        """Tell what a forget takes to whoever holds its words in memory."""
        self._forgetting.let_go.append(let_go)

    def _let_go(self, forgotten: Sequence[Id]) -> None:
        gone = set(map(id_text, forgotten))
        with self._lock:
            for n in [n for n, record in (self._held or {}).items() if record.id in gone]:
                self._changes[(self._held or {}).pop(n).kind] += 1

    def _leveled(self, reader: Reader) -> dict[int, Record]:
        moved = None if self._held is None else reader.moved(self._seq)
        if self._held is None or moved is None or len(moved.changed) + len(moved.gone) > RELOAD:
            kinds = [int(kind) for kind in Kind if kind.is_aside and not kind.is_state]
            held: dict[int, Record] = {}
            self._changes = {kind: number + 1 for kind, number in self._changes.items()}
            ns: Sequence[int] = reader.select(having({"kind": kinds}), None, None, aside=True)
            seq = reader.head().seq
        else:
            held = self._held
            ns = (*moved.changed, *moved.gone)
            seq = moved.seq
        current = reader.current(ns)
        for n in ns:
            if (old := held.pop(n, None)) is not None:
                self._changes[old.kind] += 1
        for n, (_, event) in current.items():
            content = readable_content(event)
            if content is not None and content.kind.is_aside and not content.kind.is_state:
                held[n] = record_of(event, content)
                self._changes[content.kind] += 1
        # Last: what a read that failed did not bring is brought by the next.
        self._held, self._seq = held, seq
        return held


def as_apart(content: Content, old: Content) -> Content:
    """A further version, as far apart as the one before: an edit is no release, and none of what was not judged."""
    is_same = (content.text, content.body) == (old.text, old.body)
    marks = old.marks if is_same else tuple(mark for mark in old.marks if mark != RELEASED) if old.quarantined else ()
    return replace(content, quarantined=old.quarantined, marks=marks)
