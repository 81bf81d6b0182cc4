"""Cut the power at random moments and look for anything that was promised and is not there.

    python -m bench.powercut --states 5000 --seed 7

A space is used while a VFS writes down what SQLite asks of the disk (`bench.recorder`): turns alone, in batches and
from three threads at once, facts, corrections, revisions, forgets, touches, vectors, snapshots, pruning, compacting,
the folding of the log, closing and opening again. Then the power is cut at places of that record: what was synced is
there; of the rest nothing, all, a beginning, any part in any order, or pieces of sectors, and files that were made or
deleted may not have been. Every such state is opened: its journal must end where a call ended, not before the last
acknowledged one; every memory must read as it did then; what was forgotten must be gone, its bytes too once the space
was closed; ``check()`` must find nothing, a rebuild must give the same digest, and the space must take another write.

The exit code is 1 when anything was lost. ``--plant`` breaks the promise on purpose, to see that this notices.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import apsw

from bench.campaign import begin, end, options
from bench.promises import Tally, Verdict
from bench.recorder import WAYS, Platter, Recorder, Tape
from holdfast.adapters.sqlite import folding, store
from holdfast.adapters.sqlite.database import Database
from holdfast.errors import Gone, HoldfastError, NotFound
from holdfast.memory import Memory
from holdfast.model.reports import Turn
from holdfast.services import pruning
from holdfast.testing.embedders import HashEmbedder
from holdfast.testing.faults import SteppedClock

STATES_PER_TAPE = 250
CALLS = 40
"""Calls in one recorded use of a space."""
FOLD_PAGES = 60
"""The log is folded from this length on, so that short uses fold it some times."""
PRUNED_AT_ONCE = 4
"""Events that are dropped in one write, so that few take several writes."""
PLANTS = ("normal", "off", "off-folding", "early-ack")
"""Less syncing, none, none where the log is folded into the file, and acknowledging before the commit."""

Seen = tuple[str, int, str | None] | str
"""A memory as it reads: its text, version and successor; or that it is gone."""


# The recorded use


@dataclass
class Call:
    """One call, and where on the tape it began and was acknowledged."""

    what: str
    begun: int
    acknowledged: int = 0
    head: int = 0
    """Events in the journal once it had returned."""
    chain: str = ""
    digest: str = ""
    seen: dict[str, Seen] = field(default_factory=dict)
    parts: list[tuple[int, str, str]] = field(default_factory=list)
    """Of calls from several threads: where each was acknowledged, the memory it made and its text."""

    @property
    def is_one(self) -> bool:
        """Whether it is one transaction: there whole or not at all."""
        return self.what in ("add", "add many", "remember", "correct", "revise", "forget")


class Use:
    """Uses one space, and notes what is promised after each call."""

    def __init__(self, path: Path, tape: Tape, seed: int, plant: str | None) -> None:
        self._path, self._tape, self._plant = path, tape, plant
        self._chance = random.Random(seed)
        self._clock = SteppedClock(seed=seed)
        self._texts: dict[str, str] = {}
        self._free: list[str] = []
        self._superseded: list[str] = []
        self._marks = 0
        self.calls: list[Call] = []
        self.forgotten: list[tuple[int, str]] = []
        """Where it was acknowledged that words are forgotten."""

    def run(self) -> None:
        """Use the space from its making to its last closing."""
        self._noted("make", self._make)
        acts: dict[str, Callable[[], object]] = {
            "add": self._add, "add many": self._add_many, "remember": self._remember, "threads": self._threads,
            "correct": self._correct, "revise": self._revise, "forget": self._forget,
            "recall": lambda: self._memory.recall(f"word {self._chance.randint(0, 9)}"),
            "settle": lambda: self._memory.settle(10.0),
            "open": self._again, "snapshot": lambda: self._memory.storage.snapshot(),
            "prune": lambda: self._memory.storage.prune(keep_days=0, dry_run=False), "tidy": self._tidy,
            "compact": lambda: self._memory.storage.compact(),
        }  # fmt: skip
        weights = (5, 5, 4, 2, 3, 4, 4, 2, 2, 1.5, 1, 1.5, 1, 1)
        for _ in range(CALLS):
            what = self._chance.choices(list(acts), weights)[0]
            if what not in ("correct", "revise", "forget") or self._free:
                self._noted(what, acts[what])
        self._noted("close", lambda: self._memory.close())

    def _noted(self, what: str, act: Callable[[], object]) -> None:
        self._clock.advance(1_000)
        call = Call(what, self._tape.length)
        known = len(self.forgotten)
        self._parts = call.parts
        act()
        call.acknowledged = call.begun if self._plant == "early-ack" else self._tape.length
        self.forgotten[known:] = [(call.acknowledged, words) for _, words in self.forgotten[known:]]
        if what == "close":
            before = self.calls[-1]
            call.head, call.chain, call.digest, call.seen = before.head, before.chain, before.digest, before.seen
        else:
            (call.head, call.chain), call.digest = head_of(self._memory), self._memory.storage.digest()
            call.seen = {record_id: seen_in(self._memory, record_id) for record_id in self._texts}
        self.calls.append(call)

    def _open(self) -> None:
        self._memory = Memory.open(self._path, embedder=HashEmbedder(16), clock=self._clock)

    def _make(self) -> None:
        self._open()
        self._remember()
        # The first vector binds the space to its model, with an event of its own.
        self._memory.settle(10.0)

    def _again(self) -> None:
        self._memory.close()
        self._open()

    def _text(self) -> str:
        self._marks += 1
        length = self._chance.choice((3, 20, 20, 400, 3_000))
        return f"mark {self._marks:04} said{self._marks:04} " + " ".join(
            f"word{self._chance.randint(0, 999)}" for _ in range(length)
        )

    def _keep(self, record_id: str, text: str) -> None:
        self._texts[record_id] = text
        self._free.append(record_id)

    def _taken(self) -> str:
        return self._free.pop(self._chance.randrange(len(self._free)))

    def _add(self) -> None:
        text = self._text()
        self._keep(self._memory.session(f"s{self._chance.randint(1, 3)}").add("user", text).id, text)

    def _add_many(self) -> None:
        texts = [self._text() for _ in range(self._chance.randint(2, 12))]
        session = self._memory.session(f"batch {self._marks}")
        for record in session.add_many(Turn(speaker="user", text=text) for text in texts):
            self._keep(record.id, record.text)

    def _remember(self) -> None:
        text = self._text()
        self._keep(self._memory.remember(text, key=text[:9], tags=("a", text[:9])).id, text)

    def _threads(self) -> None:
        def one(text: str) -> None:
            record = self._memory.remember(text)
            self._parts.append((self._tape.length, record.id, text))

        threads = [threading.Thread(target=one, args=(self._text(),)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if len(self._parts) < len(threads):
            raise RuntimeError("a thread failed to write")
        for _, record_id, text in self._parts:
            self._keep(record_id, text)

    def _correct(self) -> None:
        target, text = self._taken(), self._text()
        self._keep(self._memory.correct(target, text).id, text)
        self._superseded.append(target)

    def _revise(self) -> None:
        target = self._chance.choice(self._free)
        self._memory.revise(target, tags=[f"t{self._marks}"])

    def _forget(self) -> None:
        receipt = self._memory.forget(self._taken())
        for record_id in (*receipt.forgotten, *receipt.derived):
            self.forgotten.append((0, self._texts[record_id][:9]))
            if record_id in self._free:
                self._free.remove(record_id)

    def _tidy(self) -> None:
        """Prune, and forget what is superseded."""
        report = self._memory.storage.prune(keep_days=0, superseded=True, dry_run=False)
        if report.superseded != len(self._superseded):
            raise RuntimeError(f"{report.superseded} superseded memories went, of {len(self._superseded)}")
        # A tag stays with what a memory was corrected to.
        self.forgotten += [(0, self._texts[one][10:18]) for one in self._superseded]
        self._superseded.clear()


def head_of(memory: Memory) -> tuple[int, str]:
    """How many events the space has, and the chain over them: it was written by one node."""
    heads = memory.proof().heads
    return (heads[0][1], heads[0][2]) if heads else (0, "")


def seen_in(memory: Memory, record_id: str) -> Seen:
    """A memory as it reads now."""
    try:
        record = memory.get(record_id)
    except Gone:
        return "forgotten"
    except NotFound:
        return "not there"
    return record.text, record.version, record.superseded_by


def weakened(connect: Callable[..., Database], level: str) -> Callable[..., Database]:
    """Connections that sync less than they must: the planted fault."""

    def connect_weakly(*args: object, **kwargs: object) -> Database:
        connection = connect(*args, **kwargs)
        connection.execute(f"PRAGMA synchronous={level}").fetchall()
        return connection

    return connect_weakly


# Judging a state


def judge(folder: Path, name: str, use: Use, cut: int) -> Verdict:
    """Open a state and hold it against what was acknowledged before the cut."""
    verdict = Verdict()
    try:
        with Memory.open(folder / name, embedder=None) as memory:
            _compare(memory, use, cut, verdict)
            verdict.problems.extend(memory.check())
            if memory.storage.digest() != memory.storage.rebuild():
                verdict.problems.append("a rebuild gives another digest")
            memory.remember("written after the power came back")
    except (HoldfastError, apsw.Error, OSError) as error:
        verdict.problems.append(f"{type(error).__name__}: {error}")
        return verdict
    # Nobody has the file open any more, so it may be read plainly.
    left = b"".join(file.read_bytes() for file in folder.iterdir())
    for acknowledged, words in use.forgotten:
        if acknowledged <= cut and words.encode() in left:
            verdict.problems.append(f"forgotten, and still in a file: {words}")
    return verdict


def _compare(memory: Memory, use: Use, cut: int, verdict: Verdict) -> None:
    done = [call for call in use.calls if call.acknowledged <= cut]
    flying = next((call for call in use.calls if call.acknowledged > cut), None)
    last = done[-1] if done else Call("nothing", 0)
    head, chain = head_of(memory)
    if head < last.head:
        verdict.lost.append(f"{last.head - head} of {last.head} events, the last by {last.what!r}")
        return
    ended = next((call for call in (last, flying) if call and call.head == head), None)
    if ended is None and (flying is None or flying.is_one or head > flying.head):
        verdict.half.append(f"{head} events, where {last.head} or those of {flying and flying.what!r} belong")
        return
    if ended is not None and head:
        if chain != ended.chain:
            verdict.half.append("another chain over as many events")
        if memory.storage.digest() != ended.digest:
            verdict.half.append(f"another digest than after {ended.what!r}")
    for record_id, seen in (ended or last).seen.items():
        may_be = {seen, flying.seen.get(record_id, seen)} if flying and flying.what == "tidy" else {seen}
        if (now := seen_in(memory, record_id)) not in may_be:
            verdict.lost.append(f"{record_id} reads {str(now)[:60]!r} instead of {str(seen)[:60]!r}")
    for acknowledged, record_id, text in flying.parts if flying else ():
        if acknowledged <= cut and seen_in(memory, record_id)[0] != text:
            verdict.lost.append(f"{record_id}: acknowledged by a thread, and not there")


# The campaign


def recorded(recorder: Recorder, folder: Path, seed: int, plant: str | None) -> tuple[Tape, Use]:
    """Use a space and give the record of it."""
    folder.mkdir()
    tape = recorder.tape = Tape(folder)
    use = Use(folder / "space.db", tape, seed, plant)
    use.run()
    recorder.tape = None
    shutil.rmtree(folder)
    return tape, use


def states(
    recorder: Recorder, folder: Path, count: int, seed: int, plant: str | None
) -> Iterator[tuple[str, int, Verdict]]:
    """Judge states; yields of each what it is, how many calls were acknowledged in it, and what was wrong."""
    chance = random.Random(seed)
    for first in range(0, count, STATES_PER_TAPE):
        tape, use = recorded(recorder, folder / "used", chance.randrange(1 << 30), plant)
        platter = Platter()
        for cut in sorted(chance.randint(1, tape.length) for _ in range(min(STATES_PER_TAPE, count - first))):
            platter.play(tape.acts, cut)
            way = chance.choice(WAYS)
            state = folder / "state"
            state.mkdir()
            for name, content in platter.left(way, chance).items():
                (state / name).write_bytes(content)
            if chance.random() < 0.2:
                (state / "space.db-shm").write_bytes(chance.randbytes(32_768))
            verdict = judge(state, "space.db", use, cut)
            yield f"tape {first // STATES_PER_TAPE}, cut {cut} of {tape.length}, {way}", _promised(use, cut), verdict
            if not verdict.fine and not (folder / "first-bad").exists():
                state.rename(folder / "first-bad")
            else:
                shutil.rmtree(state)


def _promised(use: Use, cut: int) -> int:
    return sum(1 for call in use.calls if call.acknowledged <= cut)


def planted(plant: str | None) -> None:
    """Prepare this process: fold often, and sync less where that is what is planted."""
    folding.FOLD_PAGES = FOLD_PAGES
    pruning.PER_COMMIT = PRUNED_AT_ONCE
    if plant in ("normal", "off", "off-folding"):
        level = plant.removesuffix("-folding")
        for module in (store, folding) if level == plant else (folding,):
            module.connect = cast("Callable[..., Database]", weakened(module.connect, level))


def main(arguments: list[str] | None = None) -> int:
    """Run a campaign and print what came of it."""
    parser = options("powercut", __doc__, PLANTS)
    parser.add_argument("--states", type=int, default=1_000)
    given = parser.parse_args(arguments)
    seed, folder = begin(given)
    folder = folder.resolve()
    planted(given.plant)
    recorder = Recorder()
    tally, start_s, broken = Tally(), time.monotonic(), list[str]()
    for what, promised, verdict in states(recorder, folder, given.states, seed, given.plant):
        tally.add(verdict, promised)
        broken += [f"{what}: {line}" for line in verdict.lines]
        if given.plant and tally.lost:
            break
        if tally.states % 500 == 0:
            print(f"  {tally.states} states", file=sys.stderr, flush=True)
    recorder.unregister()
    print(f"states {tally.states}  {tally}  seed {seed}  {time.monotonic() - start_s:.0f} s")
    if broken:
        print(f"the first bad state is kept, as it was after it was opened, in {folder / 'first-bad'}")
    return end(given, folder, broken)


if __name__ == "__main__":
    sys.exit(main())
