"""Kill writers at random moments and look for anything they were promised that is not there.

    python -m bench.kill --kills 300 --seed 7

Each round, four processes use one space: one writes from one thread, one from two and one from six, whose writes
share commits; single turns, batches, facts, corrections and forgets. The fourth imports conversations, takes backups,
rebuilds the projection and makes vectors. Half of the spaces are made in the first round, half begin as a file of the
oldest schema, which whoever opens it first brings to today's. Every act is announced on a pipe before the call and
acknowledged on it after the call has returned. All are killed with SIGKILL, each at a moment of its own. Then the space
is opened: every acknowledged write must be there, what was forgotten must be gone, a write in flight must be there
whole or not at all, an import that was cut off is taken up again with nothing twice, a backup is sound or was not made,
``check()`` must find nothing and a rebuild must give the same digest.

The exit code is 1 when anything was lost. ``--plant`` breaks the promise on purpose, to see that this notices.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

# Threads that the numerical library would start do not survive the forks below, and nothing here needs them.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from bench.campaign import begin, end, options
from bench.promises import Line, Promises, Tally, Verdict, conversation, judge
from holdfast.errors import Gone, HoldfastError, NotFound
from holdfast.memory import Memory
from holdfast.model.reports import Turn
from holdfast.testing.embedders import HashEmbedder
from tests.adapters.sqlite.fixtures import old_spaces

THREADS = (1, 2, 6)
"""Of each writing process."""
MOST_MS, OPENING_MS = 180, 60
"""A process lives at most so many milliseconds after it opened the space; one in three dies on the way, so soon after
its fork."""
MOST_OPENING_S = 20.0
"""How long is waited for a process to open the space; it is killed then as well."""
ROUNDS_PER_SPACE = 10
PLANTS = ("false-ack", "split-batch", "lazy-forget", "early-import", "rewritten-import", "raw-backup")


# The writers


class Writer:
    """One thread of a writing process."""

    def __init__(self, memory: Memory, pipe: int, seed: str, mine: list[str], plant: str | None) -> None:
        self._memory, self._pipe, self._plant = memory, pipe, plant
        self._random = random.Random(seed)
        self._name = seed
        self._mine = mine
        self._count = 0

    def run(self) -> None:
        """Write until killed."""
        acts = (self._add, self._add_many, self._remember, self._forget, self._correct)
        try:
            while True:
                self._count += 1
                self._random.choices(acts, (5, 2, 3, 1, 1))[0](f"{self._name}/{self._count}")
        except BaseException as error:  # noqa: BLE001 - the edge of the process: told to the parent, which fails
            self._say("failed", why=repr(error))

    def _say(self, what: str, **values: str | int | list[str]) -> None:
        say(self._pipe, what, **values)

    def _add(self, mark: str) -> None:
        if self._plant == "false-ack":
            self._say("there", ids=["01a1f83c-0000-7000-8000-000000000000"], texts=[mark])
        record = self._memory.session(self._name).add("user", mark)
        self._say("there", ids=[record.id], texts=[mark])
        self._mine.append(record.id)

    def _add_many(self, mark: str) -> None:
        texts = [f"{mark}.{place}" for place in range(self._random.randint(2, 20))]
        session = self._memory.session(mark)
        self._say("batch", mark=mark, size=len(texts))
        if self._plant == "split-batch":
            ids = [session.add("user", text).id for text in texts]
        else:
            ids = [record.id for record in session.add_many(Turn(speaker="user", text=text) for text in texts)]
        self._say("there", ids=ids, texts=texts)
        self._mine.extend(ids[:2])

    def _remember(self, mark: str) -> None:
        sources = self._random.sample(self._mine, 1) if self._mine and self._random.random() < 0.3 else []
        key = mark if self._random.random() < 0.5 else None
        with suppress(NotFound):  # the source fell with its own source
            record = self._memory.remember(mark, key=key, sources=sources)
            self._say("there", ids=[record.id], texts=[mark])
            self._mine.append(record.id)

    def _forget(self, mark: str) -> None:
        if not self._mine:
            return
        target = self._mine.pop(self._random.randrange(len(self._mine)))
        self._say("forgetting", id=target)
        if self._plant == "lazy-forget":
            self._say("forgotten", ids=[target])
            return
        with suppress(Gone):
            receipt = self._memory.forget(target)
            self._say("forgotten", ids=[*receipt.forgotten, *receipt.derived])

    def _correct(self, mark: str) -> None:
        if not self._mine:
            return
        target = self._mine.pop(self._random.randrange(len(self._mine)))
        self._say("correcting", id=target, text=mark)
        with suppress(Gone):
            record = self._memory.correct(target, mark)
            self._say("corrected", id=target, new=record.id, text=mark)
            self._mine.append(record.id)


class Chores:
    """What the fourth process does, over and over: imports, backups, rebuilds, vectors."""

    def __init__(self, memory: Memory, pipe: int, seed: str, folder: Path, plant: str | None) -> None:
        self._memory, self._pipe, self._plant, self._folder = memory, pipe, plant, folder
        self._random = random.Random(seed)
        self._name = seed
        self._imported: list[str] = []

    def run(self) -> None:
        """Go on until killed."""
        acts: tuple[Callable[[str], None], ...] = (self._import, self._back_up, self._rebuild, self._settle)
        count = 0
        while True:
            count += 1
            # What others hold just now is told as such, and tried again.
            with suppress(HoldfastError):
                self._random.choices(acts, (4, 2, 1, 1))[0](f"{self._name}/{count}")

    def _import(self, mark: str) -> None:
        size = self._random.randint(2, 60)
        say(self._pipe, "importing", mark=mark, size=size)
        if self._plant == "early-import":
            say(self._pipe, "imported", mark=mark, size=size)
        if self._plant == "rewritten-import":
            self._memory.session(mark).add("Ada", f"{mark}.0")
        self._memory.import_([conversation(mark, size)])
        say(self._pipe, "imported", mark=mark, size=size)
        self._imported.append(mark)

    def _back_up(self, mark: str) -> None:
        path = self._folder / f"{mark.replace('/', '-')}.bak"
        say(self._pipe, "backing", path=str(path), marks=list(self._imported))
        if self._plant == "raw-backup":
            # Half of it, and the log not at all. Opened once more by this process, which dies soon anyway.
            content = self._folder.joinpath("space.db").read_bytes()
            path.write_bytes(content[: len(content) // 2])
        else:
            self._memory.storage.backup(path)
        say(self._pipe, "backed", path=str(path))

    def _rebuild(self, _mark: str) -> None:
        self._memory.storage.rebuild()
        say(self._pipe, "rebuilt")

    def _settle(self, _mark: str) -> None:
        self._memory.settle(0.05)


def say(pipe: int, what: str, **values: str | int | list[str]) -> None:
    """One line, whole or not at all: less than a pipe takes in at once (PIPE_BUF) where several write to it."""
    os.write(pipe, json.dumps({"what": what, **values}).encode() + b"\n")


def write_until_killed(path: Path, pipe: int, seed: str, mine: list[str], threads: int, plant: str | None) -> None:
    """The life of a process; it ends by SIGKILL only. Without threads to write it does the chores."""
    memory = Memory.open(path, embedder=None if threads else HashEmbedder(16))
    say(pipe, "open")
    if not threads:
        Chores(memory, pipe, seed, path.parent, plant).run()
    writers = [Writer(memory, pipe, f"{seed}-{thread}", mine[thread::threads], plant) for thread in range(threads)]
    for writer in writers[1:]:
        threading.Thread(target=writer.run, daemon=True).start()
    writers[0].run()


@dataclass
class Running:
    """A process, the end of its pipe, and how long it lives: from its fork, or from when it has the space open."""

    process: int
    pipe: int
    life_s: float
    from_open: bool
    dies_s: float
    said: bytes = b""

    @classmethod
    def start(cls, path: Path, seed: str, mine: list[str], threads: int, plant: str | None, life_s: float) -> Running:
        """Fork a process. Nothing of SQLite is open in this process at that moment."""
        ours, theirs = os.pipe()
        process = os.fork()
        if process == 0:
            code = 1
            try:
                os.close(ours)
                write_until_killed(path, theirs, seed, mine, threads, plant)
            except BaseException as error:  # noqa: BLE001 - the edge of the process: told to the parent, which fails
                with suppress(OSError):
                    os.write(theirs, json.dumps({"what": "failed", "why": repr(error)}).encode() + b"\n")
            finally:
                os._exit(code)
        os.close(theirs)
        os.set_blocking(ours, False)
        from_open = life_s > 0
        dies_s = time.monotonic() + (MOST_OPENING_S if from_open else -life_s)
        return cls(process, ours, abs(life_s), from_open, dies_s)

    def hear(self) -> None:
        """Take in what it says; its life begins with the first of it, where it does not with its fork."""
        with suppress(BlockingIOError):
            while some := os.read(self.pipe, 65_536):
                if self.from_open and not self.said:
                    self.dies_s = time.monotonic() + self.life_s
                self.said += some

    def kill(self) -> list[Line]:
        """Kill it; gives what it said, without a line that it did not finish."""
        os.kill(self.process, signal.SIGKILL)
        os.waitpid(self.process, 0)
        self.hear()
        os.close(self.pipe)
        lines: list[Line] = [json.loads(line) for line in self.said.split(b"\n")[:-1]]
        return [line for line in lines if line["what"] != "open"]


def killed(running: list[Running]) -> Iterator[list[Line]]:
    """Kill each at its time; gives what it said."""
    left = list(running)
    while left:
        time.sleep(0.002)
        for process in list(left):
            process.hear()
            if time.monotonic() >= process.dies_s:
                left.remove(process)
                yield process.kill()


# The campaign


def rounds(folder: Path, kills: int, seed: int, plant: str | None) -> Iterator[tuple[int, int, Verdict]]:
    """Run rounds; yields after each how many were killed, how much was acknowledged in it, and what was wrong."""
    chance = random.Random(seed)
    place, promises, done, number = folder, Promises(), 0, 0
    while done < kills:
        if number % ROUNDS_PER_SPACE == 0:
            place, promises = folder / str(number), _begun(folder / str(number), number)
        path = place / "space.db"
        before, already = promises.acknowledged, set(promises.there)
        targets = promises.targets(chance)
        running = [
            Running.start(
                path, f"{seed}.{number}.{which}", targets[which :: len(THREADS)] if threads else [], threads, plant,
                _life_s(chance),
            )
            for which, threads in enumerate((*THREADS, 0))
        ]  # fmt: skip
        for lines in killed(running):
            promises.hear(lines)
        done += len(running)
        last = number % ROUNDS_PER_SPACE == ROUNDS_PER_SPACE - 1 or done >= kills
        with Memory.open(path, embedder=None) as memory:
            verdict = judge(memory, promises, set(promises.there) - already, chance, everything=last)
        promises.failures.clear()
        yield done, promises.acknowledged - before, verdict
        number += 1
        if last and verdict.fine:
            shutil.rmtree(place)


def _life_s(chance: random.Random) -> float:
    """How long a process lives after it opened the space; below 0, how long after its fork."""
    return -chance.random() * OPENING_MS / 1000 if chance.random() < 1 / 3 else chance.random() * MOST_MS / 1000


def _begun(place: Path, number: int) -> Promises:
    """A folder for a space, with an old file in every other one; gives what that holds."""
    place.mkdir()
    promises = Promises()
    if number // ROUNDS_PER_SPACE % 2:
        oldest = next(old for old in old_spaces() if old.key is None)
        promises.there.update(oldest.records)
        (place / "space.db").write_bytes(oldest.content)
    return promises


def main(arguments: list[str] | None = None) -> int:
    """Run a campaign and print what came of it."""
    parser = options("kill", __doc__, PLANTS)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=None, help="end after so many, however many were killed")
    given = parser.parse_args(arguments)
    seed, folder = begin(given)
    tally, start_s, broken, done = Tally(), time.monotonic(), list[str](), 0
    for done, acknowledged, verdict in rounds(folder, given.kills, seed, given.plant):
        tally.add(verdict, acknowledged)
        broken += [f"round {tally.states}: {line}" for line in verdict.lines]
        if tally.states % 50 == 0:
            print(f"  {done} kills, {tally.acknowledged} acknowledged", file=sys.stderr, flush=True)
        if given.plant and broken:
            break
        if given.seconds is not None and time.monotonic() - start_s > given.seconds:
            break
    print(f"kills {done}  rounds {tally.states}  {tally}  seed {seed}  {time.monotonic() - start_s:.0f} s")
    return end(given, folder, broken)


if __name__ == "__main__":
    sys.exit(main())
