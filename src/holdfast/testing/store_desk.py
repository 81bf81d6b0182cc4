"""A store with short ways to write and to read all of it, for the contract and for tests of your own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

import numpy as np
import pytest

from holdfast.core import decide
from holdfast.core.codec import decode_content
from holdfast.model.events import SetModel
from holdfast.model.holdings import Holding
from holdfast.model.ids import Id
from holdfast.model.records import Content, Kind, Origin, Role
from holdfast.ports.store import Entry, Identity, Reader, SpaceStore, StoredVectors
from holdfast.services.ledger import Ledger
from holdfast.testing.faults import SteppedClock

T = TypeVar("T")

IDENTITY = Identity(Id(b"contract space.."), Id(b"contract node 1."), bytes(range(32)))
RIVAL = replace(IDENTITY, node=Id(b"contract node 2."))
MODEL = SetModel("contract/4", 4)
NOWHERE = Id(b"never been here.")


class StoreFactory(Protocol):
    """Makes the store of a space; ``read_only`` is asked of durable stores only."""

    def __call__(self, identity: Identity, *, read_only: bool = False) -> SpaceStore: ...


class PlannedFailure(Exception):
    """Raised on purpose inside a decision."""


@dataclass
class Desk:
    """A store with a ledger over it, and short ways to write."""

    store: SpaceStore

    def __post_init__(self) -> None:
        self.clock = SteppedClock(seed=self.store.identity.node[-2])
        self.ledger = Ledger(self.store, self.clock)

    def fact(self, text: str, **fields: Any) -> Id:
        """Take in a fact; gives its id."""
        content = Content(kind=Kind.FACT, text=text, **_with(fields, valid_from=1_000))
        return self._take(content)

    def turn(self, text: str, **fields: Any) -> Id:
        """Take in a turn of session ``s1`` by Ada; gives its id."""
        given = _with(fields, valid_from=1_000, author="Ada", session="s1", role=Role.USER)
        return self._take(Content(**_with(given, kind=Kind.TURN, text=text)))

    def _take(self, content: Content) -> Id:
        command = decide.Take(content, self.ledger.new_id())
        return self.ledger.write(lambda view, secret: decide.take(view, command, secret)).record

    def correct(self, record: Id, text: str) -> Id:
        """Supersede a memory; gives the id of what replaces it."""
        command = decide.Correct(record, text, self.ledger.new_id(), 2_000, "owner")
        return self.ledger.write(lambda view, secret: decide.correct(view, command, secret))

    def revise(self, record: Id, **changes: Any) -> int:
        """Write a further version."""
        command = decide.Revise(record, changes, "owner")
        return self.ledger.write(lambda view, secret: decide.revise(view, command, secret))

    def forget(self, *records: Id) -> Id:
        """Erase memories; gives the receipt."""
        command = decide.Forget(records, self.ledger.new_id(), "owner")
        self.ledger.write(lambda view, secret: decide.forget(view, command, secret))
        return command.receipt

    def bind(self, model: SetModel = MODEL) -> None:
        """Bind the space to a model."""
        self.ledger.write(lambda view, _: (decide.set_model(view, model.fingerprint, model.dimensions), None))

    def embed(self, *records: Id, model: SetModel = MODEL) -> int:
        """Store a vector of each memory as it is now; gives how many were stored."""
        with self.store.reading() as reader:
            held = [reader.find(record) for record in records]
            found = [(h.n, h.seq, entry_of(reader, h.seq)) for h in held if h and h.seq]
        ns, seqs, entries = ([n for n, _, _ in found], [seq for _, seq, _ in found], [entry for _, _, entry in found])
        return self.store.put_vectors(ns, seqs, entries, vectors_for(ns, model.dimensions), model)

    def read(self, what: Callable[[Reader], T]) -> T:
        """What a function says of the space now."""
        with self.store.reading() as reader:
            return what(reader)

    def held(self, record: Id) -> Holding:
        """What is held of a memory that is known."""
        found = self.read(lambda reader: reader.find(record))
        assert found is not None
        return found

    def n(self, record: Id) -> int:
        """The local number of a memory."""
        return self.held(record).n


def _with(fields: dict[str, Any], **defaults: Any) -> dict[str, Any]:
    return {**defaults, **fields}


def entry_of(reader: Reader, seq: int) -> Entry:
    """What is embedded of the memory that an event holds."""
    content = decode_content(reader.event(seq))
    assert content is not None
    return content.author, content.text, content.caption


def vectors_for(ns: Sequence[int], dimensions: int = 4) -> StoredVectors:
    """A vector per number that can be told from the others."""
    values = np.array([[n % 100 + place for place in range(dimensions)] for n in ns], np.int8)
    scales = np.array([n / 8 for n in ns], np.float32)
    return StoredVectors(np.array(ns, np.int64), values.reshape(len(ns), dimensions), scales, 0)


class StoreFixtures:
    """The fixtures that the contract's tests take."""

    @pytest.fixture
    def store_factory(self) -> StoreFactory:
        """Makes the stores to judge; override this."""
        raise NotImplementedError("Override the `store_factory` fixture.")

    @pytest.fixture
    def desk(self, store_factory: StoreFactory) -> Iterator[Desk]:
        desk = Desk(store_factory(IDENTITY))
        yield desk
        desk.store.close()

    @pytest.fixture
    def rival(self, store_factory: StoreFactory) -> Iterator[Desk]:
        """Another node of the same space."""
        desk = Desk(store_factory(RIVAL))
        yield desk
        desk.store.close()


def three_memories(desk: Desk) -> dict[str, Id]:
    """A fact, a turn and a reply, told apart by every field there is."""
    return {
        "fact": desk.fact(
            "Ada is allergic to penicillin", category="health", subject="Ada", source="form", origin=Origin.TOOL,
            tags=("red", "round"), valid_from=1_000,
        ),
        "turn": desk.turn("I live in Lisbon", tags=("red", "blue"), valid_from=2_000),
        "reply": desk.turn("Noted", author="Ben", role=Role.ASSISTANT, valid_from=3_000),
    }  # fmt: skip


def readable(desk: Desk) -> dict[str, object]:
    """Everything a reader can say, as plain values to compare."""
    with desk.store.reading() as reader:
        return snapshot(reader)


def snapshot(reader: Reader) -> dict[str, object]:
    """The same of one reader; everything but the digest, which is a store's own, is equal between stores."""
    events = list(reader.events(0, 1_000_000))
    records = list(dict.fromkeys(event.header.record for event in events if any(event.header.record)))
    held = [reader.find(record) for record in records]
    ns = [holding.n for holding in held if holding]
    columns, vectors = reader.columns(None), reader.vectors(0)
    return {
        "events": events,
        "head": reader.head(),
        "node heads": dict(reader.node_heads()),
        "held": held,
        "contents": {n: (holding, decode_content(event)) for n, (holding, event) in reader.current(ns).items()},
        "events of": [list(reader.events_of(record)) for record in records],
        "derived": [[holding.n for holding in reader.derived_from([record])] for record in records],
        "erasable": [reader.erasable([record]) for record in records],
        "live": list(reader.live(0, 1_000_000)),
        "all held": reader.held(0, 1_000_000),
        "count": reader.count(),
        "quarantined": reader.count(quarantined=True),
        "expired": [reader.expired(ms) for ms in (0, 1_000, 1 << 62)],
        "tally": plain_tally(reader),
        "columns": [list(getattr(columns, name)) for name in columns.__slots__],
        "moved": [reader.moved(seq) for seq in range(len(events) + 1)],
        "vectors": {n: (values.tobytes(), float(scale)) for n, values, scale in zip(
            vectors.ns.tolist(), vectors.values, vectors.scales, strict=True)},
        "damaged": vectors.damaged,
        "backlog": list(reader.backlog(1_000_000)),
        "backlog size": reader.backlog_size(),
        "model": reader.model(),
        "superseded": [[holding.n for holding in reader.superseded_by(record)] for record in records],
        "reads": {n: list(reader.reads_of(n)) for n in ns},
        "accesses": list(reader.accesses()),
        "digest": reader.digest(),
    }  # fmt: skip


def plain_tally(reader: Reader) -> tuple[object, ...]:
    """The tally with its mappings as plain dictionaries."""
    tally = reader.tally()
    counts = tuple(dict(counted) for counted in (tally.by_kind, tally.by_category, tally.by_author))
    times = tally.sessions, tally.oldest_ms, tally.newest_ms
    sources = dict(tally.by_source), tally.sources, tally.first_recorded_ms, tally.last_recorded_ms, tally.receipts
    return tally.live, tally.superseded, tally.forgotten, tally.quarantined, counts, times, sources
