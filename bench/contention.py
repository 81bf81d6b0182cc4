"""Let several processes write to one space at once, and see that each gets in, in turn, and none is overwritten.

    python -m bench.contention --writes 2500 --seed 7

Four processes share one space. Each raises one count by compare-and-set (it reads the memory, and revises it under the
version it saw, again and again until no one else was quicker) and says one turn in a session of its own, so many times
each, in an order by chance. Meanwhile two more read. At the end the count is the exact sum, every turn is there once,
in order, the readers saw versions and counts that never went back and always belonged together, no call was refused but
for a version, and nobody waited for the turn longer than ten times the median.

That wait is judged in turns: how many others wrote while one stood in line, which is exact, and does not depend on the
disk or on what else the machine does. Milliseconds are printed beside it, and judged too with ``--timed``: all of the
wait; what of it nobody had the turn, which is the line's own; how long a turn was held; and what syncs that wait for
nobody take on the same disk, one after the other, once the others have ended.

The exit code is 1 when anything was broken. ``--plant`` breaks it on purpose: ``blind`` leaves the version out,
``unfair`` takes the line away, so that who looks at the right moment writes, ``impatient`` takes the turns away, and
SQLite's patience.
"""

from __future__ import annotations

import fcntl
import json
import mmap
import os
import random
import struct
import sys
import time
import traceback
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

# Threads that the numerical library would start do not survive the forks below, and nothing here needs them.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from bench.campaign import SHOWN, begin, end, options, replaced
from holdfast.adapters.sqlite import connection, turn
from holdfast.errors import VersionConflict
from holdfast.memory import Memory

WRITERS, READERS = 4, 2
NAMES = tuple(f"writer-{place}" for place in range(WRITERS))
MOST_TIMES = 10
"""How many times the median the longest wait may be."""
READ_EVERY_S = 0.001
BARE_SYNCS, BARE_BYTES = 1_000, 16_384
PLANTS = ("blind", "unfair", "impatient")
NAME = "The number of visitors is noted here."


@dataclass
class Told:
    """What one process tells at its end.

    Attributes:
        waits_ms, turns: Of each wait for the turn to write: how long, and how many others wrote meanwhile.
        idle_ms, held_ms: How much of each wait nobody had the turn, and how long it was had then.
        calls_ms: How long each call took that wrote, or was refused for its version.
        conflicts: Calls that were refused for their version.
        broken: What went wrong, in words.
    """

    waits_ms: list[float] = field(default_factory=list[float])
    turns: list[int] = field(default_factory=list[int])
    idle_ms: list[float] = field(default_factory=list[float])
    held_ms: list[float] = field(default_factory=list[float])
    calls_ms: list[float] = field(default_factory=list[float])
    conflicts: int = 0
    reads: int = 0
    broken: list[str] = field(default_factory=list[str])


# The processes


def write(path: Path, name: str, writes: int, seed: str, counter: str, written: mmap.mmap, plant: str | None) -> Told:
    """Raise the count and say turns, so many of each."""
    told, chance = Told(), random.Random(seed)
    acts = ["count"] * writes + ["say"] * writes
    chance.shuffle(acts)
    said = 0
    with (
        planted(plant),
        Memory.open(path, embedder=None, as_=name, touches=False) as memory,
        replaced(turn.Turnstile, "turn", counted(turn.Turnstile.turn, told, written)),
    ):
        session = memory.session(name)
        for act in acts:
            if act == "count":
                raise_count(memory, counter, told, blind=plant == "blind")
            else:
                text = f"{name} says {said}"
                timed(told, lambda text=text: session.add("user", text))
                said += 1
    return told


def counted(
    take: Callable[[turn.Turnstile], AbstractContextManager[None]], told: Told, written: mmap.mmap
) -> Callable[[turn.Turnstile], AbstractContextManager[None]]:
    """Taking the turn, and noting how long it took and how many others had it meanwhile.

    Args:
        written: How often anybody had it, in memory that all processes share; counted by who has it.
    """

    @contextmanager
    def turn_taken(self: turn.Turnstile) -> Generator[None]:
        start, stood, held_ns = time.perf_counter(), [_count(written)], _held_ns(written)
        with replaced(turn, "_last_place", _noting(turn._last_place, stood, written)), take(self):
            told.waits_ms.append(1000 * (time.perf_counter() - start))
            told.turns.append(_count(written) - stood[-1])
            told.idle_ms.append(max(0.0, told.waits_ms[-1] - (_held_ns(written) - held_ns) / 1e6))
            begun_ns = time.monotonic_ns()
            struct.pack_into("qqq", written, 0, _count(written) + 1, _held_ns(written), begun_ns)
            try:
                yield
            finally:
                struct.pack_into("qqq", written, 0, _count(written), _held_ns(written), 0)
                told.held_ms.append((time.monotonic_ns() - begun_ns) / 1e6)

    return turn_taken


def _noting(stand: Callable[[int], int], stood: list[int], written: mmap.mmap) -> Callable[[int], int]:
    """Taking a place in line, and noting how many had the turn before that."""

    def noted(line: int) -> int:
        place = stand(line)
        stood.append(_count(written))
        return place

    return noted


def _count(written: mmap.mmap) -> int:
    return struct.unpack_from("q", written)[0]


def _held_ns(written: mmap.mmap) -> int:
    """How long anybody had the turn, up to now."""
    _, total, since = struct.unpack_from("qqq", written)
    return total + (time.monotonic_ns() - since if since else 0)


def bare_syncs_ms(folder: Path) -> list[float]:
    """How long syncs take on this disk, of which nobody waits for another."""
    took, page = list[float](), bytes(BARE_BYTES)
    with (folder / "bare").open("wb", buffering=0) as file:
        for _ in range(BARE_SYNCS):
            start = time.perf_counter()
            file.write(page)
            os.fdatasync(file.fileno())
            took.append(1000 * (time.perf_counter() - start))
    return took


def raise_count(memory: Memory, counter: str, told: Told, *, blind: bool) -> None:
    """One increment: again until nobody else was quicker."""
    while True:
        seen = memory.get(counter)
        attributes = {"count": int(seen.attributes["count"]) + 1}
        version = None if blind else seen.version
        if timed(told, partial(memory.revise, counter, version=version, attributes=attributes)):
            return
        told.conflicts += 1


def timed(told: Told, call: Callable[[], object]) -> bool:
    """Make a call and note how long it took; False where somebody else was quicker."""
    start = time.perf_counter()
    try:
        call()
    except VersionConflict:
        return False
    finally:
        told.calls_ms.append(1000 * (time.perf_counter() - start))
    return True


def read(path: Path, counter: str, goes_on: Callable[[], bool]) -> Told:
    """Read until told to stop; versions and counts go forward, together."""
    told, last, events = Told(), 0, 0
    with Memory.open(path, embedder=None, as_="reader", touches=False) as memory:
        while goes_on() and len(told.broken) < SHOWN:
            seen = memory.get(counter)
            told.reads += 1
            if seen.version < last:
                told.broken.append(f"a reader saw version {seen.version} after {last}")
            if seen.attributes["count"] != seen.version - 1:
                told.broken.append(f"a reader saw count {seen.attributes['count']} in version {seen.version}")
            last = seen.version
            time.sleep(READ_EVERY_S)
            if told.reads % 20 == 0:
                now = memory.summary().events
                if now < events:
                    told.broken.append(f"a reader saw {now} events after {events}")
                events = now
    return told


@dataclass
class Process:
    """A forked process: what it tells comes from one pipe, and a word in the other ends it."""

    number: int
    tells: int
    stop: int

    @classmethod
    def start(cls, body: Callable[[Callable[[], bool]], Told]) -> Process:
        """Fork; nothing of SQLite is open in this process at that moment."""
        told, telling = os.pipe()
        asked, stopping = os.pipe()
        number = os.fork()
        if number == 0:
            code = 1
            try:
                os.close(told)
                os.close(stopping)
                os.set_blocking(asked, False)
                found = body(lambda: _is_quiet(asked))
                _write_all(telling, json.dumps(vars(found)).encode())
                code = 0
            except BaseException:  # noqa: BLE001 - the edge of the process: told to the parent, which counts it
                _write_all(telling, json.dumps(vars(Told(broken=[traceback.format_exc(limit=-3)]))).encode())
            finally:
                os._exit(code)
        os.close(telling)
        os.close(asked)
        return cls(number, told, stopping)

    def ended(self) -> Told:
        """Wait for the end; gives what it told."""
        with os.fdopen(self.tells, "rb") as pipe:
            told = pipe.read()
        os.waitpid(self.number, 0)
        return Told(**json.loads(told))

    def let_go(self) -> None:
        """Ask it to end."""
        with suppress(BrokenPipeError):  # it has
            os.write(self.stop, b"!")
        os.close(self.stop)


def _is_quiet(pipe: int) -> bool:
    try:
        os.read(pipe, 1)
    except BlockingIOError:
        return True
    return False


def _write_all(pipe: int, data: bytes) -> None:
    while data:
        data = data[os.write(pipe, data) :]


# The campaign


def run(folder: Path, writes: int, seed: int, plant: str | None) -> tuple[list[Told], list[Told], list[str]]:
    """One campaign; gives what writers and readers told, and what was broken."""
    path, written = folder / "shared.db", mmap.mmap(-1, 24)
    with Memory.open(path, embedder=None) as memory:
        counter = memory.remember(NAME, attributes={"count": 0}).id
    readers = [Process.start(lambda goes_on: read(path, counter, goes_on)) for _ in range(READERS)]
    writers = [
        Process.start(lambda _, name=name: write(path, name, writes, f"{seed}.{name}", counter, written, plant))
        for name in NAMES
    ]
    told = [writer.ended() for writer in writers]
    for process in (*readers, *writers):
        process.let_go()
    seen = [reader.ended() for reader in readers]
    broken = [line for one in (*told, *seen) for line in one.broken]
    with Memory.open(path, embedder=None) as memory:
        return told, seen, judged(memory, counter, writes) + broken


def judged(memory: Memory, counter: str, writes: int) -> list[str]:
    """What of the promises the space does not keep."""
    broken, total = memory.check(), WRITERS * writes
    found = memory.get(counter)
    if found.attributes["count"] != total or found.version != total + 1:
        broken.append(f"the count is {found.attributes['count']} in version {found.version}; {total} were added")
    for name in NAMES:
        texts = [record.text for record in memory.session(name).turns()]
        if texts != [f"{name} says {number}" for number in range(writes)]:
            broken.append(f"{name} said {writes} turns in order, and {len(set(texts))} are there")
    return broken


@contextmanager
def planted(plant: str | None) -> Generator[None]:
    """The named fault, for the time of a ``with``."""
    with ExitStack() as stack:
        if plant == "unfair":
            stack.enter_context(replaced(turn.Turnstile, "turn", _turn_by_luck))
        elif plant == "impatient":
            stack.enter_context(replaced(turn.Turnstile, "turn", lambda _: nullcontext()))
            stack.enter_context(replaced(connection, "BUSY_MS", 0))
        yield


@contextmanager
def _turn_by_luck(self: turn.Turnstile) -> Generator[None]:
    _, held = self._open(self._path or "")
    turn._Wait("").until(lambda: turn._lock(held))
    try:
        yield
    finally:
        fcntl.flock(held, fcntl.LOCK_UN)


@dataclass(frozen=True)
class Spread:
    """How something is spread: its median, what one in a hundred and one in a thousand exceed, its most."""

    median: float
    p99: float
    p999: float
    most: float

    @classmethod
    def of(cls, values: list[float]) -> Spread:
        ordered = sorted(values)
        places = (0.5, 0.99, 0.999)
        return cls(*(ordered[int(share * (len(ordered) - 1))] for share in places), most=ordered[-1])

    @property
    def times(self) -> float:
        """The most by the median; by 1 where that is less."""
        return self.most / max(self.median, 1e-9)

    def __str__(self) -> str:
        return (
            f"median {self.median:.2f}  99% {self.p99:.2f}  99.9% {self.p999:.2f}  longest {self.most:.2f}  "
            f"longest by median {self.times:.1f}"
        )


def main(arguments: list[str] | None = None) -> int:
    """Run a campaign and print what came of it."""
    parser = options("contention", __doc__, PLANTS)
    parser.add_argument("--writes", type=int, default=2500, help="increments, and turns, of each process")
    parser.add_argument("--timed", action="store_true", help="judge waits in milliseconds, too")
    given = parser.parse_args(arguments)
    seed, folder = begin(given)
    start = time.monotonic()
    told, seen, broken = run(folder, given.writes, seed, given.plant)
    if all(one.turns for one in told):
        in_turns = Spread.of([float(turns) for one in told for turns in one.turns])
        in_ms = Spread.of([wait for one in told for wait in one.waits_ms])
        print(f"waits in turns       {in_turns}")
        print(f"waits in ms          {in_ms}")
        print(f"nobody had the turn  {Spread.of([idle for one in told for idle in one.idle_ms])}")
        print(f"turns held in ms     {Spread.of([held for one in told for held in one.held_ms])}")
        print(f"calls in ms          {Spread.of([took for one in told for took in one.calls_ms])}")
        print(f"bare syncs in ms     {Spread.of(bare_syncs_ms(folder))}")
        if in_turns.most > MOST_TIMES * max(1, in_turns.median):
            broken.append(f"one waited {in_turns.most:.0f} turns, more than {MOST_TIMES} times the median")
        if given.timed and in_ms.times > MOST_TIMES:
            broken.append(f"one waited {in_ms.most:.1f} ms, more than {MOST_TIMES} times the median")
    conflicts, reads = sum(one.conflicts for one in told), sum(one.reads for one in seen)
    print(
        f"processes {WRITERS}  increments {WRITERS * given.writes}  turns {WRITERS * given.writes}  "
        f"refused for a version {conflicts}  reads beside {reads}  broken {len(broken)}  seed {seed}  "
        f"{time.monotonic() - start:.0f} s"
    )
    return end(given, folder, broken)


if __name__ == "__main__":
    sys.exit(main())
