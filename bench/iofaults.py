"""Fail each call to the disk in turn and look for anything that is lost, hidden or stuck.

    python -m bench.iofaults --seed 7

Every call that SQLite makes while a space is made, opened, written, corrected, forgotten, given vectors, folded,
pruned, compacted, rebuilt and closed is a point: writes, writes cut short, syncs, truncations, openings, deletions,
locks, and those of the memory that processes share. There the call fails, once or from then on, as an IO error or as a
full disk. Then:

- the error reaches the caller as a `StoreError` (`StoreFull` for a full disk), or the call was done all the same;
- what was there before reads as before, while the disk fails and after it;
- once the disk works the space takes a write, as it is or after it was opened again;
- a failed call left nothing behind (pruning, which is several writes: some of them), a call that returned left all of
  it, ``check()`` finds nothing;
- after a power cut too (`bench.recorder`), on a disk that never gets what a failed sync was to write.

The exit code is 1 when one of these is broken. ``--plant`` breaks the promise on purpose, to see that this notices.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import apsw

from bench.recorder import WAYS, Platter, Recorder, Tape
from bench.shared_memory import SHM_KINDS, SharedMemoryFaults
from holdfast.adapters.sqlite import connection, folding
from holdfast.adapters.sqlite.store import SqliteStore
from holdfast.errors import Gone, HoldfastError, StoreError, StoreFull
from holdfast.memory import Memory
from holdfast.model.reports import Turn
from holdfast.services import pruning
from holdfast.testing.embedders import HashEmbedder

BUSY_MS = 20
"""How long SQLite waits for a lock that fails here; the product's 30 s would be waited for at many points."""
KINDS: tuple[tuple[str, type[apsw.Error]], ...] = (
    ("write", apsw.IOError), ("write", apsw.FullError), ("short write", apsw.FullError), ("sync", apsw.IOError),
    ("sync", apsw.FullError), ("truncate", apsw.IOError), ("open", apsw.CantOpenError), ("delete", apsw.IOError),
    ("lock", apsw.IOError), *((kind, apsw.IOError) for kind in SHM_KINDS),
)  # fmt: skip
LETS_READ = ("write", "short write", "sync", "truncate", "delete")
"""While only these fail, everything can be read. The others may be part of reading."""
PLANTS = ("swallowed-commit", "deaf-sync")
TEXTS = [f"fact {number} " + "with more words " * 60 for number in range(4)]
VERSIONS = 12
"""Of one of the facts, so that there is something to prune."""
PRUNED_AT_ONCE = 4
"""Events that are dropped in one write, so that few take several writes."""
AFTER = "written after the disk worked again"


class Point(NamedTuple):
    """One call that fails."""

    act: str
    kind: str
    error: type[apsw.Error]
    lasting: bool
    place: int

    def __str__(self) -> str:
        how = "on from" if self.lasting else "at"
        return f"{self.act}: {self.error.__name__} {how} {self.kind} {self.place}"


@dataclass
class Act:
    """Something that is done to a space, and whether it is there afterwards."""

    run: Callable[[Memory, list[str]], object]
    found: Callable[[Memory, list[str]], int]
    """Of `size` parts, how many are there."""
    size: int = 1
    changes: frozenset[int] = frozenset()
    """Places of the memories that it changes."""
    is_whole: bool = True
    """Whether it is there whole or not at all, also where it failed."""


def _turns(memory: Memory, _ids: list[str]) -> int:
    return len(memory.session("new").turns())


def _is_gone(memory: Memory, ids: list[str]) -> int:
    try:
        memory.get(ids[1])
    except Gone:
        return 1
    return 0


def _is_corrected(memory: Memory, ids: list[str]) -> int:
    by = memory.get(ids[0]).superseded_by
    return int(by is not None and memory.get(by).text == "a correction")


def _add_many(memory: Memory, _ids: list[str]) -> None:
    memory.session("new").add_many(Turn(speaker="user", text=f"turn {n} " + "long " * 1_500) for n in range(12))


def _prune(memory: Memory, _ids: list[str]) -> None:
    memory.storage.prune(keep_days=0, superseded=True, dry_run=False)


def _is_tidy(memory: Memory, _ids: list[str]) -> int:
    """Whether no superseded memory is held."""
    return int(memory.summary().superseded == 0)


ACTS: dict[str, Act] = {
    "add": Act(lambda m, _: m.session("new").add("user", "a turn"), _turns),
    "add many": Act(_add_many, _turns, 12),
    "add and fold": Act(lambda m, _: m.session("new").add("user", "a turn"), _turns),
    "correct": Act(lambda m, ids: m.correct(ids[0], "a correction"), _is_corrected, changes=frozenset({0})),
    "revise": Act(
        lambda m, ids: m.revise(ids[2], tags=["t"]), lambda m, ids: int(m.get(ids[2]).tags == ("t",)),
        changes=frozenset({2}),
    ),
    "forget": Act(lambda m, ids: m.forget(ids[1]), _is_gone, changes=frozenset({1})),
    "snapshot": Act(lambda m, _: m.storage.snapshot(), lambda _m, _ids: 0, 0),
    "prune": Act(_prune, _is_tidy, is_whole=False),
    "compact": Act(lambda m, _: m.storage.compact(), lambda _m, _ids: 0, 0),
    "settle": Act(lambda m, _: m.settle(5.0), lambda _m, _ids: 0, 0),
    "recall": Act(lambda m, _: m.recall("fact words"), lambda _m, _ids: 0, 0),
    "rebuild": Act(lambda m, _: m.storage.rebuild(), lambda _m, _ids: 0, 0),
    "open": Act(lambda _m, _: None, lambda _m, _ids: 0, 0),
    "make": Act(lambda _m, _: None, lambda _m, _ids: 0, 0),
    "close": Act(lambda m, _: m.close(), lambda _m, _ids: 0, 0),
}  # fmt: skip


@dataclass
class Outcome:
    """What came of one point."""

    reached: bool = False
    raised: str = ""
    reopened: bool = False
    """It took opening again before the space could be written."""
    wrong: list[str] = field(default_factory=list)


class Bench:
    """One folder in which a space is made anew for every point."""

    def __init__(self, recorder: Recorder, folder: Path) -> None:
        self._recorder, self._faults = recorder, recorder.faults
        self._folder = folder / "space"
        self._state = folder / "state"
        self._path = self._folder / "space.db"
        self._folder.mkdir()
        with Memory.open(self._path, embedder=HashEmbedder(16)) as memory:
            self._ids = [memory.remember(text).id for text in TEXTS]
            for place in range(VERSIONS):
                memory.revise(self._ids[3], importance=place / VERSIONS)
            memory.correct(memory.remember("a fact that was wrong " * 200).id, "a fact that is right")
            memory.settle(10.0)
        self._made = self._path.read_bytes()

    def points(self, acts: Sequence[str] = tuple(ACTS)) -> Iterator[Point]:
        """Every call of every act, once and lasting."""
        for name in acts:
            for kind, error in KINDS:
                tape, memory = self._begun(name)
                with self._planned(Point(name, kind, error, False, 0)):
                    memory = self._done(name, memory)
                count = self._faults.count
                self._end(tape, memory)
                for place in range(1, count + 1):
                    for lasting in (False, True):
                        yield Point(name, kind, error, lasting, place)

    def judge(self, point: Point, chance: random.Random) -> Outcome:
        """Fail one call and see what comes of it."""
        outcome = Outcome()
        act = ACTS[point.act]
        tape, memory = self._begun(point.act)
        held = [] if point.act == "make" else self._ids
        raised: BaseException | None = None
        with self._planned(point):
            try:
                memory = self._done(point.act, memory)
            except HoldfastError as error:
                raised, outcome.raised = error, type(error).__name__
            except Exception as error:  # noqa: BLE001 - whatever is not ours must not come out, and is reported
                raised = error
                outcome.wrong.append(f"{type(error).__name__} came out: {error}")
            self._judge_error(point, raised, outcome)
            if memory is not None and point.act != "close":
                self._judge_reading(point, memory, held, outcome)
        outcome.reached = self._faults.hits > 0
        self._faults.plan(())
        wanted = None if raised else act.size
        way = "dropped" if raised is None else chance.choice(WAYS)
        self._judge_cut(tape, way, chance, point, wanted, held, outcome, after=False)
        memory = self._written_again(memory if point.act != "close" else None, outcome)
        if memory is not None:
            wanted = 0 if raised else act.size
            self._judge_cut(tape, "dropped", chance, point, wanted, held, outcome, after=True)
            self._judge_memory(memory, point.act, wanted, held, outcome, "afterwards")
            memory.close()
            with Memory.open(self._path, embedder=None) as again:
                self._judge_memory(again, point.act, wanted, held, outcome, "once opened again")
        self._end(tape, None)
        return outcome

    # The parts of a point

    @contextmanager
    def _planned(self, point: Point) -> Generator[None]:
        """Fail what a point says, until the end of a ``with``; what was counted stays to be read."""
        self._faults.plan((point.kind,), point.place, lasting=point.lasting, error=point.error)
        with SharedMemoryFaults(self._recorder) if point.kind in SHM_KINDS else nullcontext():
            yield

    def _begun(self, name: str) -> tuple[Tape, Memory | None]:
        self._faults.plan(())
        shutil.rmtree(self._folder)
        self._folder.mkdir()
        tape = self._recorder.tape = Tape(self._folder)
        folding.FOLD_PAGES = 1 if name == "add and fold" else 1_000
        if name == "make":
            return tape, None
        self._path.write_bytes(self._made)
        tape.take_in(self._path)
        if name == "open":
            return tape, None
        memory = Memory.open(self._path, embedder=HashEmbedder(16) if name == "settle" else None)
        if name == "settle":
            memory.storage.rebuild()
        for record_id in self._ids:
            memory.get(record_id)
        if name == "close":
            memory.session("old").add("user", "so that there is a log to fold")
        return tape, memory

    def _done(self, name: str, memory: Memory | None) -> Memory:
        """Carry out an act; gives the open space."""
        if memory is None:
            return Memory.open(self._path, embedder=None)
        if name == "settle":
            memory.remember("a fact without a vector")
        ACTS[name].run(memory, self._ids)
        return memory

    def _end(self, _tape: Tape, memory: Memory | None) -> None:
        self._faults.plan(())
        if memory is not None:
            memory.close()
        elif self._path.exists():
            # What a failed opening left is nobody's; making and closing it here lets go of the file.
            with suppress(HoldfastError):
                Memory.open(self._path, embedder=None).close()
        self._recorder.tape = None

    def _judge_error(self, point: Point, raised: BaseException | None, outcome: Outcome) -> None:
        if raised is None:
            return
        if not isinstance(raised, StoreError):
            outcome.wrong.append(f"raised {type(raised).__name__}, expected a StoreError")
        elif point.error is apsw.FullError and not isinstance(raised, StoreFull):
            outcome.wrong.append(f"raised {type(raised).__name__} on a full disk: {raised}")

    def _judge_reading(self, point: Point, memory: Memory, held: list[str], outcome: Outcome) -> None:
        changed = ACTS[point.act].changes
        try:
            for place, record_id in enumerate(held):
                if place not in changed and memory.get(record_id).text != TEXTS[place]:
                    outcome.wrong.append(f"reads something else for fact {place} while the disk fails")
        except StoreError as error:
            if point.kind in LETS_READ:
                outcome.wrong.append(f"cannot be read while the disk fails: {error}")

    def _written_again(self, memory: Memory | None, outcome: Outcome) -> Memory | None:
        if memory is not None:
            try:
                memory.remember(AFTER)
            except StoreError:
                outcome.reopened = True
                with suppress(StoreError):
                    memory.close()
            else:
                return memory
        try:
            memory = Memory.open(self._path, embedder=None)
            memory.remember(AFTER)
        except HoldfastError as error:
            outcome.wrong.append(f"takes no write once the disk works: {error}")
            return None
        return memory

    def _judge_cut(
        self,
        tape: Tape,
        way: str,
        chance: random.Random,
        point: Point,
        wanted: int | None,
        held: list[str],
        outcome: Outcome,
        *,
        after: bool,
    ) -> None:
        """Hold what a power cut leaves against what was acknowledged; None where either is right."""
        platter = Platter()
        platter.play(tape.acts, tape.length)
        self._state.mkdir()
        for name, content in platter.left(way, chance).items():
            (self._state / name).write_bytes(content)
        try:
            with Memory.open(self._state / "space.db", embedder=None) as memory:
                self._judge_memory(memory, point.act, wanted, held, outcome, f"after a power cut, {way}", after)
        except HoldfastError as error:
            outcome.wrong.append(f"cannot be opened after a power cut, {way}: {error}")
        shutil.rmtree(self._state)

    def _judge_memory(
        self,
        memory: Memory,
        name: str,
        wanted: int | None,
        held: list[str],
        outcome: Outcome,
        when: str,
        after: bool = True,
    ) -> None:
        act = ACTS[name]
        try:
            for place, record_id in enumerate(held):
                if place not in act.changes and memory.get(record_id).text != TEXTS[place]:
                    outcome.wrong.append(f"fact {place} was altered, {when}")
            found = act.found(memory, held) if held else 0
            if found not in ((0, act.size) if wanted is None or not (wanted or act.is_whole) else (wanted,)):
                outcome.wrong.append(f"{found} of {act.size} parts are there where {wanted} belong, {when}")
            if after and not any(record.text == AFTER for record in memory.records()):
                outcome.wrong.append(f"what was written next is lost, {when}")
            outcome.wrong.extend(f"{problem}, {when}" for problem in memory.check())
        except HoldfastError as error:
            outcome.wrong.append(f"{type(error).__name__}: {error}, {when}")


def planted(plant: str | None, recorder: Recorder) -> None:
    """Break the promise as it was asked."""
    if plant == "deaf-sync":
        recorder.faults.silent = True
    if plant == "swallowed-commit":
        sound = SqliteStore._commit  # pyright: ignore[reportPrivateUsage]

        def commit(self: SqliteStore) -> None:
            try:
                sound(self)
            except apsw.Error:
                self._rollback()  # pyright: ignore[reportPrivateUsage]

        SqliteStore._commit = commit  # type: ignore[method-assign]  # pyright: ignore


def main(arguments: list[str] | None = None) -> int:
    """Run a campaign and print what came of it."""
    parser = argparse.ArgumentParser(prog="python -m bench.iofaults", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--points", type=int, default=None, help="so many points, by chance; all by default")
    parser.add_argument(
        "--acts", nargs="*", choices=tuple(ACTS), default=tuple(ACTS), help="only these; all by default"
    )
    parser.add_argument("--seed", type=int, default=None, help="repeat the choices of an earlier campaign")
    parser.add_argument("--folder", type=Path, default=None, help="where to keep the spaces; temporary by default")
    parser.add_argument("--plant", choices=PLANTS, default=None, help="break the promise on purpose")
    given = parser.parse_args(arguments)
    seed = random.SystemRandom().randrange(1_000_000) if given.seed is None else given.seed
    folder = (given.folder or Path(tempfile.mkdtemp(prefix="holdfast-iofaults-"))).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    print(f"seed {seed}", flush=True)
    chance, start = random.Random(seed), time.monotonic()
    connection.BUSY_MS = folding.BUSY_MS = BUSY_MS
    pruning.PER_COMMIT = PRUNED_AT_ONCE
    recorder = Recorder()
    bench = Bench(recorder, folder)
    points = list(bench.points(given.acts))
    known = len(points)
    if given.points is not None and given.points < known:
        points = chance.sample(points, given.points)
    planted(given.plant, recorder)
    failed = _judge_all(bench, points, chance, stops=given.plant is not None)
    recorder.unregister()
    print(f"points {len(points)} of {known}  broken {failed}  seed {seed}  {time.monotonic() - start:.0f} s")
    shutil.rmtree(folder)
    return 1 if failed else 0


def _judge_all(bench: Bench, points: list[Point], chance: random.Random, *, stops: bool) -> int:
    """Judge every point, or as many as it takes to see one broken; gives how many are."""
    failed, reached, raised, passed, reopened = 0, 0, 0, 0, 0
    for number, point in enumerate(points):
        outcome = bench.judge(point, chance)
        reached += outcome.reached
        raised += bool(outcome.raised)
        passed += outcome.reached and not outcome.raised
        reopened += outcome.reopened
        if outcome.wrong:
            failed += 1
            for line in outcome.wrong if failed <= 20 else ():
                print(f"  {point}: {line}", flush=True)
            if stops:
                break
        if number % 250 == 249:
            print(f"  {number + 1} points", file=sys.stderr, flush=True)
    print(f"reached {reached}: told {raised}, done all the same {passed}; opened again to write {reopened}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
