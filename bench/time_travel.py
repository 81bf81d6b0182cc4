"""Look at random spaces as they were, whatever came later, and compare with what they said then.

    python -m bench.time_travel --histories 1000 --seed 7

Each history is a random life of one space (remember, turns, revisions, corrections, forgets, kept recalls, audits, a
clock that goes backwards), with a model or by words only. At random moments everything it answers is noted: records,
each of them by its id, sessions, kept recalls, expectations, the summary and four recalls. Then it lives on; snapshots
are made, the projection is rebuilt, now and then it is pruned and compacted. In the end `at(seq)`, and `at(time)`
where no clock had gone back, must answer every moment as then, without what was forgotten since and with nothing else.
Recalls must find the same with the same scores where nothing that was held then was forgotten since.
What is below the horizon must be refused.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from typing import Any

from bench.campaign import begin, end, options, replaced
from bench.histories import POLICY, START_MS, Life, answers, erased
from holdfast import space
from holdfast.errors import HistoryPruned
from holdfast.memory import Memory
from holdfast.model.recollection import Hit
from holdfast.model.times import format_when
from holdfast.services import past as services_past
from holdfast.testing.embedders import HashEmbedder
from holdfast.testing.faults import SteppedClock

ROUNDING = 1e-4
"""What two sums of the same float32 numbers in another order may differ by."""
PLANTS = ("one-late", "no-snapshot-end", "clock-ignored", "horizon-ignored")


@dataclass(frozen=True)
class Moment:
    """What a space said at one moment, after so many acts."""

    seq: int
    at_ms: int
    acts: int
    said: dict[str, Any]
    forgotten: frozenset[str]


def travel(seed: str) -> tuple[list[str], int, int]:
    """One history: what was broken, in words, how many moments were compared, and how many refused as pruned."""
    chance = random.Random(seed)
    clock = SteppedClock(START_MS, seed=chance.randrange(1 << 30))
    embedder = HashEmbedder() if chance.random() < 0.3 else None
    with ExitStack() as closing:
        memory = closing.enter_context(
            Memory.open(":memory:", embedder=embedder, clock=clock, policy=POLICY if chance.random() < 0.3 else None)
        )
        life, moments = Life(memory, clock, chance), list[Moment]()
        for _ in range(chance.randint(2, 4)):
            life.live(chance.randint(3, 25))
            if embedder is not None:
                memory.settle()
            seq, at_ms = memory.summary().events, max(clock.now, _stamped_ms(memory))
            moments.append(Moment(seq, at_ms, len(life.times), answers(memory), erased(memory)))
            clock.advance(chance.choice([0, 5]))
            life.times.append(clock.now)
            _upkeep(memory, chance)
        life.live(chance.randint(0, 10))
        broken, refused = list[str](), 0
        for moment in moments:
            # While a clock is behind, what is written is stamped with the greatest time that was seen before.
            is_time = all(time > moment.at_ms for time in life.times[moment.acts :])
            found, was_refused = _compared(memory, moment, is_time=is_time)
            broken += [f"history {seed}, {line}" for line in found]
            refused += was_refused
        return broken, len(moments), refused


def _upkeep(memory: Memory, chance: random.Random) -> None:
    """What must change nothing."""
    if chance.random() < 0.3:
        memory.storage.snapshot()
    if chance.random() < 0.1:
        memory.storage.rebuild()
    if chance.random() < 0.1:
        memory.storage.prune(keep_days=chance.choice([0, 1, 30, 60]), dry_run=False)
        memory.storage.compact()


def _stamped_ms(memory: Memory) -> int:
    with memory._space.store.reading() as reader:
        return reader.head().hlc >> 16


def _compared(memory: Memory, moment: Moment, *, is_time: bool) -> tuple[list[str], bool]:
    with memory._space.store.reading() as reader:
        horizon = reader.horizon()
    since = erased(memory) - moment.forgotten
    places: list[dict[str, Any]] = [{"seq": moment.seq}]
    if is_time:
        places.append({"moment": format_when(moment.at_ms)})
    broken, was_refused = list[str](), False
    for place in places:
        is_below = horizon is not None and moment.seq < horizon.seq
        try:
            view = memory.at(**place)
        except HistoryPruned:
            was_refused = True
            if not is_below:
                broken.append(f"{place}: refused as pruned, though it is not")
            continue
        with view as past:
            if is_below and "seq" in place:
                broken.append(f"{place}: shown, though it is below the horizon")
            broken += [f"{place}: {line}" for line in _differences(moment.said, answers(past), since)]
    return broken, was_refused


def _differences(then: dict[str, Any], now: dict[str, Any], since: frozenset[str]) -> Iterator[str]:
    """In what a space answers otherwise than then.

    Args:
        since: What was forgotten since.
    """
    for name in ("records", "get", "kept", "expected"):
        if [one for one in then[name] if one.id not in since] != now[name]:
            yield f"{name} (forgotten since: {len(since)})"
    for name, said in then["sessions"].items():
        if [turn for turn in said if turn.id not in since] != now["sessions"][name]:
            yield f"session {name} (forgotten since: {len(since)})"
    if not since and then["summary"] != now["summary"]:
        yield f"summary: {then['summary']} is now {now['summary']}"
    held = {record.id for record in then["records"]}
    if since & held:
        hits = {hit.id for found in now["recall"] for hit in found}
        if hits & since or not hits <= held:
            yield "recall gives what was forgotten since, or what was not there"
    elif not all(map(_same_hits, then["recall"], now["recall"])):
        yield "recall"


def _same_hits(then: Sequence[Hit], now: Sequence[Hit]) -> bool:
    """Whether two recalls found the same; equal scores may change places, sums of floats differ in the last digit."""
    if len(then) != len(now) or any(abs(a.score - b.score) > ROUNDING for a, b in zip(then, now, strict=True)):
        return False
    last = min((hit.score for hit in then), default=0.0) + ROUNDING
    scores = {hit.id: hit.score for hit in now}
    return all(hit.score <= last or abs(scores.get(hit.id, float("inf")) - hit.score) <= ROUNDING for hit in then)


def planted(plant: str | None) -> Any:
    """A fault for the time of a ``with``."""
    sound = space.show_past
    if plant == "one-late":
        return replaced(space, "show_past", lambda store, past, last, at_ms=None: sound(store, past, last + 1, at_ms))
    if plant == "clock-ignored":
        return replaced(space, "show_past", lambda store, past, last, at_ms=None: sound(store, past, last))
    if plant == "horizon-ignored":
        return replaced(services_past, "_pruned", lambda horizon, wanted: Ignored())
    if plant == "no-snapshot-end":
        # A snapshot of a later moment is taken for one of the moment that is asked for.
        from holdfast.adapters.sqlite import snapshots

        newest = snapshots.newest_snapshot
        return replaced(snapshots, "newest_snapshot", lambda rows, last, at_ms: newest(rows, 1 << 40, None))
    return nullcontext()


class Ignored(Exception):
    """In place of a refusal."""


def main() -> int:
    parser = options("time_travel", __doc__, PLANTS)
    parser.add_argument("--histories", type=int, default=1_000)
    given = parser.parse_args()
    seed, folder = begin(given)
    broken, moments, refused = list[str](), 0, 0
    with planted(given.plant):
        for number in range(given.histories):
            try:
                found, compared, were_refused = travel(f"{seed}/{number}")
            except Ignored:
                found, compared, were_refused = [f"history {seed}/{number}: below the horizon, and not refused"], 0, 0
            broken += found
            moments += compared
            refused += were_refused
    print(f"{given.histories:,} histories, {moments:,} moments, {refused:,} refused as pruned, {len(broken)} broken")
    return end(given, folder, broken)


if __name__ == "__main__":
    raise SystemExit(main())
