"""Small worlds for the laws: several nodes of one space, each with a store and a clock of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from hypothesis import strategies as st

from holdfast.adapters.sqlite.store import SqliteStore
from holdfast.core import decide
from holdfast.core.codec import decode_content
from holdfast.core.proof import genesis
from holdfast.errors import HoldfastError
from holdfast.model.ids import Id, keyed_id, parse_id
from holdfast.model.records import Content, Kind, Role
from holdfast.ports.store import Identity, SpaceStore
from holdfast.services.ledger import Ledger
from holdfast.testing.faults import SteppedClock
from holdfast.testing.reference import ReferenceStore

SPACE = Id(b"space" + bytes(11))
SECRET = b"s" * 32
TEXTS = ("Ada lives in Lisbon", "Ada lives in Porto", "The door code is 7306", "Fern likes tea")
Factory = Callable[[Identity], SpaceStore]


def sqlite_in_memory(identity: Identity) -> SpaceStore:
    return SqliteStore(":memory:", identity, genesis(identity.space, identity.node))


FACTORIES: dict[str, Factory] = {"reference": ReferenceStore, "sqlite": sqlite_in_memory}


@dataclass
class Node:
    """One device: a ledger, and which memories it has heard of."""

    ledger: Ledger
    clock: SteppedClock

    def events(self):
        with self.ledger.store.reading() as reader:
            return reader.events(0, 100_000)

    def digest(self) -> bytes:
        with self.ledger.store.reading() as reader:
            return reader.digest()

    def ids(self) -> list[Id]:
        seen: dict[Id, None] = {}
        for event in self.events():
            if any(event.header.record):
                seen[event.header.record] = None
        return list(seen)


@dataclass
class World:
    """Nodes of one space and what was done to them."""

    nodes: list[Node]
    forgotten: set[Id] = field(default_factory=set)
    tidied: set[Id] = field(default_factory=set)
    """Superseded memories that a pruning forgot."""
    derived: dict[Id, set[Id]] = field(default_factory=dict)
    """From what each memory was derived, as it was written."""
    effects: dict[str, set[Id]] = field(default_factory=dict)


def make_world(factory: Factory, count: int) -> World:
    nodes = []
    for number in range(count):
        clock = SteppedClock(1_700_000_000_000 + number * 7, seed=number)
        identity = Identity(SPACE, Id(bytes([number + 1]) * 16), SECRET)
        nodes.append(Node(Ledger(factory(identity), clock), clock))
    return World(nodes)


def content(text: str, *, turn: bool = False, sources: tuple[str, ...] = (), arguments: str | None = None) -> Content:
    return Content(
        kind=Kind.TURN if turn else Kind.FACT,
        role=Role.USER if turn else Role.NONE,
        author="Ada" if turn else None,
        session="s1" if turn else None,
        text=text,
        valid_from=1_600_000_000_000,
        sources=sources,
        arguments=arguments,
        tags=("home",),
    )


REVISIONS = (
    {"importance": 0.3},
    {"quarantined": True, "marks": ("injection",)},
    {"quarantined": False},
    {"expires_at": 1_700_000_000_500, "marks": ("medical", "contact")},
    {"expires_at": None},
    {"importance": 0.7},
)


# A step is (what, node, a, b): numbers that the step reads as it needs.
steps = st.lists(
    st.tuples(
        st.sampled_from(("fact", "turn", "keyed", "derive", "revise", "correct", "forget", "readmit", "sync", "clock")),
        st.integers(0, 2),
        st.integers(0, 30),
        st.integers(0, 30),
    ),
    max_size=30,
)


# Rivals: few memories, no word between the nodes until the end, so that their changes really meet.
rival_steps = st.lists(
    st.tuples(
        st.sampled_from(("keyed", "revise", "correct", "forget", "clock", "keyed")),
        st.integers(0, 2),
        st.integers(0, 30),
        st.integers(0, 2),
    ),
    min_size=3,
    max_size=15,
)


# What one node prunes because it is superseded, while others derive from it, forget it, or correct what was derived.
tidy_steps = st.lists(
    st.tuples(
        st.sampled_from(("derive", "derive", "correct", "tidy", "forget", "sync", "fact")),
        st.integers(0, 2),
        st.integers(0, 30),
        st.integers(0, 5),
    ),
    max_size=15,
)


def run_step(world: World, step: tuple[str, int, int, int]) -> None:
    """Do one step; a refusal is a legal outcome, anything else is a failure."""
    what, where, a, b = step
    node = world.nodes[where % len(world.nodes)]
    try:
        _run(world, node, what, a, b)
    except HoldfastError:
        return


def _run(world: World, node: Node, what: str, a: int, b: int) -> None:
    from holdfast.model.ids import id_text

    ledger, text = node.ledger, TEXTS[a % len(TEXTS)]
    known = node.ids()
    some = known[b % len(known)] if known else None
    new = ledger.new_id()
    match what:
        case "fact" | "readmit" | "turn":
            command = decide.Take(content(text, turn=what == "turn"), new, readmit=what == "readmit")
            ledger.write(lambda view, secret: decide.take(view, command, secret))
        case "keyed":
            key = f"k{b % 3}"
            keyed = keyed_id(SECRET, "owner", "remember", key)
            command = decide.Take(content(text, arguments=text), keyed, keyed=True, readmit=a % 3 == 0)
            taken = ledger.write(lambda view, secret: decide.take(view, command, secret))
            world.effects.setdefault(key, set()).add(taken.record)
        case "derive" if some:
            command = decide.Take(content(text + "!", sources=(id_text(some),)), new)
            taken = ledger.write(lambda view, secret: decide.take(view, command, secret))
            world.derived[taken.record] = {some}
        case "revise" if some:
            revision = decide.Revise(some, REVISIONS[a % len(REVISIONS)], "owner")
            ledger.write(lambda view, secret: decide.revise(view, revision, secret))
        case "correct" if some:
            correction = decide.Correct(some, text, new, 1_650_000_000_000, "owner")
            ledger.write(lambda view, secret: decide.correct(view, correction, secret))
            with ledger.store.reading() as reader:
                written = decode_content(reader.event(reader.find(new).seq))
            world.derived[new] = set(map(parse_id, written.sources))
        case "forget" if some:
            erasure = decide.Forget([some], new, "owner", reason="asked")
            done = ledger.write(lambda view, secret: decide.forget(view, erasure, secret))
            world.forgotten.update(done.asked + done.derived)
        case "tidy":
            tidied(node, world)
        case "sync":
            other = world.nodes[b % len(world.nodes)]
            ledger.merge(event for event in other.events())
        case "clock":
            node.clock.advance((a - 15) * 1000)
        case _:
            pass


def tidied(node: Node, world: World) -> None:
    """Forget superseded memories that nothing is derived from, as a pruning does."""

    def forget(view, secret):
        closed = [record for record, held in view.find_all(node.ids()).items() if held.closed_by and not held.receipt]
        erasure = decide.Forget(closed, node.ledger.new_id(), "owner", bars=False, spares=True)
        return decide.forget(view, erasure, secret)

    done = node.ledger.write(forget)
    world.tidied.update(done.asked + done.derived)
