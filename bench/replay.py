"""Drop the projection of random spaces and make it again; then measure how quickly a long journal is replayed.

    python -m bench.replay --histories 300 --events 100000 --seed 7

Each history is a random life of one space. After it, what is held is compared with the reference store that is given
the same events, and the projection is dropped and made again: the digest must be the same, and so every answer. The
second part writes a journal of facts, revisions, corrections and forgets, and measures, without embedding: the rebuild,
`at()` of the last event, and `at()` from a snapshot. The exit code is 1 where an answer differs, or a rebuild or an
`at()` replays fewer than `--floor` events in a second of processor time, which a busy machine changes less.
"""

from __future__ import annotations

import random
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from bench.campaign import begin, end, options, replaced
from bench.histories import POLICY, START_MS, Life, answers
from holdfast.adapters.sqlite import projecting
from holdfast.core import decide
from holdfast.core.codec import decode_record
from holdfast.memory import Memory
from holdfast.model.ids import Id, id_text
from holdfast.model.records import Content, Kind, Role
from holdfast.services.past import copy_until
from holdfast.testing.faults import SteppedClock
from holdfast.testing.reference import ReferenceStore, reference_records

FLOOR = 20_000
"""Events a second that must be replayed at least."""
PLANTS = ("arrival-order", "drops-tags", "forgets-closing")
PER_WRITE = 500


def disposable(seed: str) -> list[str]:
    """One history: what differs once its projection is made again, in words."""
    chance = random.Random(seed)
    clock = SteppedClock(START_MS, seed=chance.randrange(1 << 30))
    policy = POLICY if chance.random() < 0.3 else None
    broken = list[str]()
    with (
        Memory.open(":memory:", embedder=None, clock=clock, policy=policy) as memory,
        Memory.open(":memory:", embedder=None, clock=clock) as other,
    ):
        life = Life(memory, clock, chance)
        life.live(chance.randint(5, 40))
        if chance.random() < 0.4:
            # Another copy of the space goes its own way and comes back.
            other.storage.merge(list(memory.storage.journal()))
            Life(other, clock, chance, list(life.ids)).live(chance.randint(1, 15))
            life.live(chance.randint(1, 15))
            memory.storage.merge(list(other.storage.journal()))
        before, said = memory.storage.digest(), answers(memory)
        if memory.storage.rebuild() != before:
            broken.append("a rebuild gives another digest")
        if answers(memory) != said:
            broken.append("after a rebuild it answers otherwise")
        broken += memory.check()
        broken += _against_reference(memory)
    return [f"history {seed}: {line}" for line in broken]


def _against_reference(memory: Memory) -> list[str]:
    store = memory._space.store
    oracle = ReferenceStore(store.identity)
    with store.reading() as reader:
        copy_until(store, oracle, reader.head().seq)
        held = list[int]()
        while ns := reader.held(held[-1] if held else 0, 1_000):
            held += ns
        found = {id_text(holding.id): decode_record(event) for holding, event in reader.current(held).values()}
    wanted = reference_records(oracle)
    if wanted.keys() != found.keys():
        return [f"{len(wanted)} memories in the reference store, {len(found)} here"]
    return [
        f"memory {one} differs from the reference store's"
        for one, record in wanted.items()
        if not _same(record, found[one])
    ]


def _same(one: Any, other: Any) -> bool:
    """But for what closed it, which stands with the row."""
    return other is not None and (one.text, one.version, one.tags, one.recorded_at, one.quarantined) == (
        other.text, other.version, other.tags, other.recorded_at, other.quarantined
    )  # fmt: skip


def measured(folder: Path, events: int, seed: int) -> dict[str, tuple[float, float]]:
    """Events a second of the clock, and of this process alone: of a rebuild, of a past, and of one from a snapshot."""
    rates = dict[str, tuple[float, float]]()
    with Memory.open(folder / "replay.db", embedder=None) as memory:
        written = write_many(memory, events, random.Random(seed))

        def rate(began: tuple[float, float]) -> tuple[float, float]:
            return written / (time.perf_counter() - began[0]), written / (time.process_time() - began[1])

        began = time.perf_counter(), time.process_time()
        memory.storage.rebuild()
        rates["rebuild"] = rate(began)
        for name in ("at", "at from a snapshot"):
            began = time.perf_counter(), time.process_time()
            with memory.at(seq=written) as past:
                rates[name] = rate(began)
                assert past.storage.digest() == memory.storage.digest()
            memory.storage.snapshot()
    return rates


def write_many(memory: Memory, events: int, chance: random.Random, live: int = 20_000) -> int:
    """Write a journal of so many events at least: facts, revisions, corrections, forgets; gives how many there are.

    Args:
        live: When so many memories are live, an old one is forgotten for every new one.
    """
    ledger, words = memory._space.ledger, [f"word{number}" for number in range(3_000)]
    ids, written = list[Id](), memory.summary().events

    def content() -> Content:
        text = " ".join(chance.choices(words, k=25))
        return Content(kind=Kind.FACT, role=Role.NONE, text=text, category="work", valid_from=START_MS)

    def decided(view: Any, secret: bytes) -> Any:
        drafts = list[Any]()
        touched = set[Id]()
        while len(drafts) < PER_WRITE:
            one = chance.choice(ids) if ids else None
            what = (
                "take"
                if len(ids) < 100
                else chance.choices(["take", "revise", "correct", "forget"], [25, 60, 5, 10])[0]
            )
            if len(ids) >= live and what == "take":
                what = "revise"
            if one in touched and len(ids) >= live:
                break  # of one memory, one change in a write
            if what == "take" or one is None or one in touched:
                new = ledger.new_id()
                drafts += decide.take(view, decide.Take(content(), new), secret)[0]
                touched.add(new)
                ids.append(new)
                continue
            touched.add(one)
            if what == "revise":
                drafts += decide.revise(view, decide.Revise(one, {"importance": chance.random()}, "owner"), secret)[0]
            elif what == "correct":
                new = ledger.new_id()
                text = " ".join(chance.choices(words, k=25))
                drafts += decide.correct(view, decide.Correct(one, text, new, START_MS, "owner"), secret)[0]
                ids[ids.index(one)] = new
                touched.add(new)
            else:
                drafts += decide.forget(view, decide.Forget([one], ledger.new_id(), "owner"), secret)[0]
                ids.remove(one)
        return drafts, len(drafts)

    while written < events:
        written += ledger.write(decided)
    return written


def planted(plant: str | None) -> Any:
    """A fault for the time of a ``with``."""
    if plant == "arrival-order":
        wrong = projecting._OUTDONE.replace("e.hlc DESC, o.id DESC, e.node_seq DESC", "e.seq")
        return replaced(projecting, "_OUTDONE", wrong)
    if plant == "drops-tags":
        return replaced(projecting, "LISTED", ("mark", "expiry", "derivation"))
    if plant == "forgets-closing":
        return replaced(projecting, "_PUT", projecting._PUT.replace("close_seq IS NULL", "true"))
    return nullcontext()


def main() -> int:
    parser = options("replay", __doc__, PLANTS)
    parser.add_argument("--histories", type=int, default=300)
    parser.add_argument("--events", type=int, default=100_000, help="of the journal that is measured; 0 measures none")
    parser.add_argument("--floor", type=int, default=FLOOR, help="events a second that must be replayed at least")
    given = parser.parse_args()
    seed, folder = begin(given)
    broken = list[str]()
    with planted(given.plant):
        for number in range(given.histories):
            try:
                broken += disposable(f"{seed}/{number}")
            except Exception as error:  # noqa: BLE001 - the edge of the campaign: whatever breaks is told with its seed
                broken.append(f"history {seed}/{number}: {error!r}")
    print(f"{given.histories:,} histories rebuilt, {len(broken)} promises broken")
    if given.events:
        for name, (rate, alone) in measured(folder, given.events, seed).items():
            print(
                f"{name}: {rate:,.0f} events a second of {given.events:,}, {alone:,.0f} a second of this process's own "
                f"time (must reach {given.floor:,})"
            )
            if alone < given.floor:
                broken.append(f"{name}: {alone:,.0f} events a second of processor time, fewer than {given.floor:,}")
    return end(given, folder, broken)


if __name__ == "__main__":
    raise SystemExit(main())
