"""How much faster many threads write durably than one: they share transactions, and so syncs.

    python -m bench.group_commit --seed 7

Threads call ``remember`` one memory at a time and wait for each to be durable. One thread and sixteen take turns on
the same disk in one run, so that whatever else the machine does falls on both; the rate of each is the median of its
rounds. First every sync takes 5 ms more than it does (a layer below SQLite waits in it), as on a disk that is slow to
confirm; then the disk is as it is, where how much there is to share depends on how long its syncs take: that is
printed, too. The exit code is 1 when sixteen threads are less than 6 times as fast with slow syncs, less than twice as
fast without, or anything acknowledged is missing.

``--plant`` breaks it on purpose: ``alone`` gives every caller a transaction of its own, ``undone`` takes back the work
of a caller who is told that it was done.
"""

from __future__ import annotations

import statistics
import sys
import threading
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import apsw

from bench.campaign import begin, end, options, replaced
from holdfast.adapters.sqlite import group
from holdfast.memory import Memory

THREADS = 16
SLOW_S = 0.005
LEAST = {"slow": 6.0, "native": 2.0}
"""How many times one thread's rate the threads must reach."""
LEAST_SHARED = 3
"""Writes that must share a sync on average, with all threads at work: on any disk, however fast."""
PLANTS = ("alone", "undone")


class SlowSyncs(apsw.VFS):
    """SQLite's default file layer while it is registered: counts syncs, and makes each take longer.

    Attributes:
        delay_s: How much longer.
        syncs, took_s: How many there were, and how long the disk took for each.
    """

    def __init__(self) -> None:
        self.delay_s = 0.0
        self.syncs = 0
        self.took_s = list[float]()
        self._base = next(name for name in apsw.vfs_names() if not name.startswith("holdfast"))
        super().__init__("holdfast-slow-syncs", self._base, makedefault=True)

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        return _SlowFile(self, self._base, name, flags)


class _SlowFile(apsw.VFSFile):
    def __init__(self, vfs: SlowSyncs, base: str, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        super().__init__(base, name, flags)
        self._vfs = vfs

    def xSync(self, flags: int) -> None:  # noqa: N802
        start = time.perf_counter()
        super().xSync(flags)
        self._vfs.took_s.append(time.perf_counter() - start)
        self._vfs.syncs += 1
        if self._vfs.delay_s:
            time.sleep(self._vfs.delay_s)


@dataclass
class Round:
    """What some threads wrote in one go."""

    threads: int
    writes: int
    took_s: float
    syncs: int

    @property
    def rate(self) -> float:
        """Writes a second."""
        return self.writes / self.took_s


@dataclass
class Comparison:
    """One thread's rounds and the many's."""

    name: str
    one: list[Round] = field(default_factory=list[Round])
    many: list[Round] = field(default_factory=list[Round])

    @property
    def ratio(self) -> float:
        """The many's rate by one's, each the median of its rounds."""
        return statistics.median(r.rate for r in self.many) / statistics.median(r.rate for r in self.one)

    @property
    def shared(self) -> float:
        """Writes of the many by their syncs."""
        return sum(r.writes for r in self.many) / max(1, sum(r.syncs for r in self.many))

    def __str__(self) -> str:
        one, many = (statistics.median(r.rate for r in rounds) for rounds in (self.one, self.many))
        return (
            f"{self.name:<7} 1 thread {one:7,.0f}/s  {self.many[0].threads} threads {many:7,.0f}/s  "
            f"{self.ratio:5.2f} times  {self.shared:4.1f} writes a sync"
        )


def write(memory: Memory, threads: int, each: int, vfs: SlowSyncs, mark: str) -> tuple[Round, set[str]]:
    """Let threads write so many memories each, all beginning at once; gives the ids that were acknowledged."""
    ids: list[list[str]] = [[] for _ in range(threads)]
    gate = threading.Barrier(threads + 1)

    def work(place: int) -> None:
        gate.wait()
        for number in range(each):
            ids[place].append(memory.remember(f"Note {number} of writer {place} in {mark}.").id)

    workers = [threading.Thread(target=work, args=(place,)) for place in range(threads)]
    for worker in workers:
        worker.start()
    syncs = vfs.syncs
    gate.wait()
    start = time.perf_counter()
    for worker in workers:
        worker.join()
    took_s = time.perf_counter() - start
    return Round(threads, threads * each, took_s, vfs.syncs - syncs), {i for some in ids for i in some}


def compare(
    folder: Path, vfs: SlowSyncs, name: str, threads: int, writes: int, rounds: int
) -> tuple[Comparison, list[str]]:
    """Rounds of one thread and of many in turn, in one space; gives also what was acknowledged and is not there."""
    found, acknowledged = Comparison(name), set[str]()
    path = folder / f"{name}.db"
    with Memory.open(path, embedder=None, touches=False) as memory:
        write(memory, threads, 4, vfs, "warming up")
        for number in range(rounds):
            one, ids = write(memory, 1, max(1, writes // 4), vfs, f"round {number} alone")
            many, more = write(memory, threads, max(1, writes // threads), vfs, f"round {number}")
            found.one.append(one)
            found.many.append(many)
            acknowledged |= ids | more
    with Memory.open(path, embedder=None) as memory:
        held = {record.id for record in memory.records()}
        return found, [*sorted(acknowledged - held), *memory.check()]


def planted(plant: str | None) -> AbstractContextManager[None]:
    """The named fault, for the time of a ``with``."""
    if plant == "alone":
        return replaced(group, "MOST_PER_COMMIT", 1)
    if plant == "undone":
        return replaced(group.GroupCommit, "_one", one_undone)
    return nullcontext()


def one_undone(self: group.GroupCommit, waiting: group._Waiting[object]) -> None:
    """What `GroupCommit` does with one of several callers, taken back although it is told that it was done."""
    self._savepoint()
    waiting.result = waiting.work()
    self._undo()
    self._release()


def main(arguments: list[str] | None = None) -> int:
    """Compare, and print what came of it."""
    parser = options("group_commit", __doc__, PLANTS)
    parser.add_argument("--writes", type=int, default=1600, help="of all threads together in a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--untimed", action="store_true", help="judge what is there and how syncs are shared, no rate")
    given = parser.parse_args(arguments)
    _, folder = begin(given)
    vfs, broken = SlowSyncs(), list[str]()
    with planted(given.plant):
        for name, delay_s in (("slow", SLOW_S), ("native", 0.0)):
            vfs.delay_s = delay_s
            vfs.took_s.clear()
            found, missing = compare(folder, vfs, name, THREADS, given.writes, given.rounds)
            own_ms = 1000 * statistics.median(vfs.took_s)
            print(f"{found}  a sync takes {own_ms + 1000 * delay_s:.2f} ms", flush=True)
            broken += [f"{name}: {one}" for one in missing]
            if found.shared < LEAST_SHARED:
                broken.append(f"{name}: {found.shared:.1f} writes share a sync, fewer than {LEAST_SHARED}")
            if not given.untimed and found.ratio < LEAST[name]:
                broken.append(f"{name}: {THREADS} threads are {found.ratio:.2f} times as fast, less than {LEAST[name]}")
    vfs.unregister()
    return end(given, folder, broken)


if __name__ == "__main__":
    sys.exit(main())
