"""Write on several nodes that do not hear of each other, join their histories in any order, and compare.

    python -m bench.converge --histories 20000 --seed 7

Each history has two or three nodes of one space, with clocks up to eleven hours apart that go backwards now and then.
They remember (also under one key), revise, correct, forget, readmit and derive from what the others wrote, half of
the time hearing of each other meanwhile. In the end a node that knows nothing takes in all histories in a random
order, each of them twice, and every node those of the others: all must have one digest; what was forgotten anywhere
must be held nowhere, in no row and no payload; every chain must verify and no clock value fall; after the orphans are
cleared and told of, again one digest. Most run on the reference store, every 20th on SQLite, whose projection is
rebuilt too.
"""

from __future__ import annotations

import random
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from bench.campaign import begin, end, options, replaced
from holdfast.adapters.sqlite.writer import SqliteWriter
from holdfast.core import sync
from holdfast.core.receipts import ERASABLE
from holdfast.errors import HoldfastError
from holdfast.model.events import Stamp
from holdfast.services import ledger
from holdfast.services.chains import journal_problems
from tests.laws.worlds import FACTORIES, REVISIONS, Node, World, make_world, run_step

SQLITE_EVERY = 20
"""Of so many histories one runs on SQLite."""
MOST_ASKEW_MS = 11 * 3_600_000
"""How far a clock is from the middle: two differ by less than the day that a merge puts up with."""
PLANTS = ("last-arrival-wins", "words-come-back", "clock-falls", "chain-skips")
_ACTS = ("fact", "turn", "keyed", "keyed", "derive", "revise", "correct", "forget", "readmit", "clock", "sync")


def converge(seed: str, store: str) -> list[str]:
    """One history on one sort of store: what was broken, in words."""
    chance = random.Random(seed)
    count = chance.choice([2, 3, 3])
    world = make_world(FACTORIES[store], count)
    for node in world.nodes:
        node.clock.advance(chance.randint(-MOST_ASKEW_MS, MOST_ASKEW_MS))
    acts = _ACTS if chance.random() < 0.5 else _ACTS[:-1]
    for _ in range(chance.randint(4, 24)):
        what = chance.choice(acts)
        a = chance.randint(0, 30) if what == "clock" else chance.randint(0, 5 * len(REVISIONS))
        run_step(world, (what, chance.randrange(count), a, chance.randint(0, 30)))
    try:
        return [f"history {seed} on {store}: {line}" for line in _joined(world, chance, store)]
    except HoldfastError as error:
        return [f"history {seed} on {store}: {error!r}"]


def _joined(world: World, chance: random.Random, store: str) -> list[str]:
    sent = [node.events() for node in world.nodes]
    late = make_world(FACTORIES[store], 4).nodes[3]
    order = [*sent, *sent]
    chance.shuffle(order)
    for events in order:
        late.ledger.merge(events)
    for node in world.nodes:
        others = chance.sample(sent, len(sent))
        for events in (*others, *others):
            node.ledger.merge(events)
    nodes = [late, *world.nodes]
    broken = _one_digest(nodes, "after the merges")
    for _ in range(3):
        for node in world.nodes:
            for other in world.nodes:
                node.ledger.merge(other.events())
            node.ledger.forget_orphans("owner")
    for node in world.nodes:
        late.ledger.merge(node.events())
    broken += _one_digest(nodes, "after the orphans")
    for node in nodes:
        broken += _broken(node, world)
        if store == "sqlite":
            before = node.digest()
            if node.ledger.rebuild() != before:
                broken.append("a rebuild gives another digest")
    return broken


def _one_digest(nodes: list[Node], when: str) -> list[str]:
    count = len({node.digest() for node in nodes})
    return [] if count == 1 else [f"{count} digests {when}"]


def _broken(node: Node, world: World) -> list[str]:
    broken, clocks = list[str](), dict[bytes, int]()
    with node.ledger.store.reading() as reader:
        broken += journal_problems(reader)
        for event in reader.events(0, 1 << 30):
            header = event.header
            if header.record in world.forgotten and header.type in ERASABLE and event.payload is not None:
                broken.append(f"event {event.seq} holds words that were forgotten")
            if header.hlc <= clocks.get(header.node, 0):
                broken.append(f"event {event.seq}: the clock of its node fell")
            clocks[header.node] = header.hlc
        for record in world.forgotten:
            held = reader.find(record)
            if held is None or held.receipt is None or held.live:
                broken.append("what was forgotten is held")
    return broken


def planted(plant: str | None, stack: ExitStack) -> None:
    """A fault, until the stack is closed."""

    def plant_in(owner: object, name: str, value: Any) -> None:
        stack.enter_context(replaced(owner, name, value))

    if plant == "last-arrival-wins":
        plant_in(Stamp, "__gt__", lambda one, other: True)
        plant_in(SqliteWriter, "_outranks", lambda self, event, seq: True)
    elif plant == "words-come-back":
        plant_in(sync, "ERASABLE", frozenset())
    elif plant in ("clock-falls", "chain-skips"):
        sound = ledger.seal
        wrong: dict[str, Any] = {"hlc": 0} if plant == "clock-falls" else {"chain": bytes(32)}
        plant_in(ledger, "seal", lambda drafts, head, *rest: sound(drafts, replace(head, **wrong), *rest))


def main() -> int:
    parser = options("converge", __doc__, PLANTS)
    parser.add_argument("--histories", type=int, default=20_000)
    given = parser.parse_args()
    seed, folder = begin(given)
    broken, on_sqlite = list[str](), 0
    with ExitStack() as stack:
        planted(given.plant, stack)
        for number in range(given.histories):
            is_sqlite = number % SQLITE_EVERY == 0
            on_sqlite += is_sqlite
            broken += converge(f"{seed}/{number}", "sqlite" if is_sqlite else "reference")
    print(f"{given.histories:,} histories, {on_sqlite:,} of them on SQLite; {len(broken)} promises broken")
    return end(given, folder, broken)


if __name__ == "__main__":
    raise SystemExit(main())
