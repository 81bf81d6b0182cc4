"""Kill writers at random moments and look for anything they were promised that is not there.

    python -m bench.kill --rounds 200 --seed 7

Each round, two processes with two threads each write to one space: single turns, batches, facts,
corrections and forgets. Every write is announced on a pipe before the call and acknowledged on it after
the call has returned. Both processes are killed with SIGKILL, each at a moment of its own. Then the space is
opened: every acknowledged write must be there, what was forgotten must be gone, a write in flight must be
there whole or not at all, ``check()`` must find nothing and a rebuild must give the same digest.

The exit code is 1 when anything was lost. ``--plant`` breaks the promise on purpose, to see that this notices.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

# Threads that the numerical library would start do not survive the forks below, and nothing here needs them.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from holdfast.errors import Gone, HoldfastError, NotFound
from holdfast.memory import Memory
from holdfast.model.reports import Turn

WRITERS, THREADS = 2, 2
MOST_MS = 350
"""A writer lives between 0 and so many milliseconds."""
ROUNDS_PER_SPACE = 20
"""Then a new space is begun, so that its making is killed too."""
SAMPLE = 200
"""Older writes that are looked at again in each round; at the end of a space it is all of them."""
PLANTS = ("false-ack", "split-batch", "lazy-forget")

Line = dict[str, str | int | list[str]]


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
        os.write(self._pipe, json.dumps({"what": what, **values}).encode() + b"\n")

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


def write_until_killed(path: Path, pipe: int, seed: str, mine: list[str], plant: str | None) -> None:
    """The life of a writing process; it ends by SIGKILL only."""
    memory = Memory.open(path, embedder=None)
    writers = [Writer(memory, pipe, f"{seed}-{thread}", mine[thread::THREADS], plant) for thread in range(THREADS)]
    for writer in writers[1:]:
        threading.Thread(target=writer.run, daemon=True).start()
    writers[0].run()


@dataclass
class Running:
    """A writing process and the end of its pipe."""

    process: int
    pipe: int
    dies_s: float

    @classmethod
    def start(cls, path: Path, seed: str, mine: list[str], plant: str | None, life_s: float) -> Running:
        """Fork a writer. Nothing of SQLite is open in this process at that moment."""
        ours, theirs = os.pipe()
        process = os.fork()
        if process == 0:
            code = 1
            try:
                os.close(ours)
                write_until_killed(path, theirs, seed, mine, plant)
            except BaseException as error:  # noqa: BLE001 - the edge of the process: told to the parent, which fails
                with suppress(OSError):
                    os.write(theirs, json.dumps({"what": "failed", "why": repr(error)}).encode() + b"\n")
            finally:
                os._exit(code)
        os.close(theirs)
        return cls(process, ours, time.monotonic() + life_s)

    def kill(self) -> list[Line]:
        """Kill it at its time; gives what it said, without a line that it did not finish."""
        os.set_blocking(self.pipe, False)
        said = b""
        while (left_s := self.dies_s - time.monotonic()) > 0:
            time.sleep(min(left_s, 0.005))
            said += self._heard()
        os.kill(self.process, signal.SIGKILL)
        os.waitpid(self.process, 0)
        said += self._heard()
        os.close(self.pipe)
        return [json.loads(line) for line in said.split(b"\n")[:-1]]

    def _heard(self) -> bytes:
        heard = b""
        with suppress(BlockingIOError):
            while some := os.read(self.pipe, 65_536):
                heard += some
        return heard


# What was promised


@dataclass
class Promises:
    """What one space must hold, by what its writers said."""

    there: dict[str, str] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    corrected: dict[str, str] = field(default_factory=dict)
    doubtful: set[str] = field(default_factory=set)
    """Being forgotten or corrected when the end came: either is right, and the space says which."""
    batches: dict[str, int] = field(default_factory=dict)
    corrections: dict[str, str] = field(default_factory=dict)
    """In flight: the id corrected and the text that replaces it."""
    acknowledged: int = 0
    failures: list[str] = field(default_factory=list)

    def hear(self, lines: list[Line]) -> None:
        """Take in what a writer said, in its order."""
        for line in lines:
            match line:
                case {"what": "there", "ids": list(ids), "texts": list(texts)}:
                    self.there.update(zip(ids, texts, strict=True))
                    self.acknowledged += len(ids)
                case {"what": "batch", "mark": str(mark), "size": int(size)}:
                    self.batches[mark] = size
                case {"what": "forgetting", "id": str(target)}:
                    self.doubtful.add(target)
                case {"what": "forgotten", "ids": list(ids)}:
                    self.gone.update(ids)
                    self.doubtful.difference_update(ids)
                    self.acknowledged += 1
                case {"what": "correcting", "id": str(target), "text": str(text)}:
                    self.doubtful.add(target)
                    self.corrections[target] = text
                case {"what": "corrected", "id": str(target), "new": str(new), "text": str(text)}:
                    self.corrected[target] = new
                    self.there[new] = text
                    self.doubtful.discard(target)
                    self.corrections.pop(target, None)
                    self.acknowledged += 1
                case _:
                    self.failures.append(f"a writer failed: {line.get('why', line)}")

    def targets(self, chance: random.Random) -> list[str]:
        """Memories that the next round may correct or forget."""
        free = [i for i in self.there if i not in self.gone and i not in self.corrected and i not in self.doubtful]
        return chance.sample(free, min(40, len(free)))


@dataclass
class Verdict:
    """What was wrong in a round."""

    lost: list[str] = field(default_factory=list)
    half: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def fine(self) -> bool:
        return not (self.lost or self.half or self.problems)


def judge(memory: Memory, promises: Promises, fresh: set[str], chance: random.Random, everything: bool) -> Verdict:
    """Hold a space against what was promised."""
    verdict = Verdict(problems=[*promises.failures, *memory.check()])
    _settle_doubts(memory, promises, verdict)
    older = [i for i in promises.there if i not in fresh]
    looked_at = fresh | set(older if everything else chance.sample(older, min(SAMPLE, len(older))))
    # What was derived fell with its source, also where nobody heard back from the forget.
    receipts = {receipt for record_id in promises.gone for receipt in _receipts(memory, record_id)}
    for record_id in looked_at - promises.gone:
        if _receipts(memory, record_id) & receipts:
            promises.gone.add(record_id)
    for record_id in looked_at | promises.gone | set(promises.corrected):
        if why := _broken(memory, promises, record_id):
            verdict.lost.append(f"{record_id}: {why}")
    for mark, size in promises.batches.items():
        found = len(memory.session(mark).turns())
        known = sum(1 for i, text in promises.there.items() if text.startswith(f"{mark}.") and i in promises.gone)
        if found + known not in (0, size):
            verdict.half.append(f"batch {mark}: {found} of {size} turns")
    promises.batches.clear()
    if memory.storage.digest() != memory.storage.rebuild():
        verdict.problems.append("a rebuild gives another digest")
    return verdict


def _broken(memory: Memory, promises: Promises, record_id: str) -> str | None:
    """How a promise about one memory is broken, or None."""
    try:
        record = memory.get(record_id)
    except Gone:
        return None if record_id in promises.gone else "acknowledged, and forgotten without being asked"
    except NotFound:
        return "acknowledged, and not there"
    if record_id in promises.gone:
        return "forgotten, and still there"
    if record_id in promises.there and record.text != promises.there[record_id]:
        return f"says {record.text!r} instead of {promises.there[record_id]!r}"
    if record_id in promises.corrected and record.superseded_by != promises.corrected[record_id]:
        return "corrected, and still holds"
    return None


def _settle_doubts(memory: Memory, promises: Promises, verdict: Verdict) -> None:
    """Look what became of what was in flight, and hold the space to that from now on."""
    for target in promises.doubtful:
        text = promises.corrections.get(target)
        try:
            record = memory.get(target)
        except Gone:
            promises.gone.add(target)
            continue
        except NotFound:
            continue  # reported with the others: it was acknowledged
        if text is None or record.superseded_by is None:
            continue
        try:
            replacement = memory.get(record.superseded_by)
        except HoldfastError as error:
            verdict.half.append(f"{target} was superseded by {record.superseded_by}, which is not there: {error}")
            continue
        if replacement.text != text:
            verdict.half.append(f"{target} was superseded by {replacement.text!r} instead of {text!r}")
        promises.corrected[target] = replacement.id
        promises.there[replacement.id] = replacement.text
    promises.doubtful.clear()
    promises.corrections.clear()


def _receipts(memory: Memory, record_id: str) -> set[str]:
    try:
        return {entry.other for entry in memory.history(record_id) if entry.what == "forgotten" and entry.other}
    except NotFound:
        return set()  # reported with the others


# The campaign


@dataclass
class Tally:
    """The sum of a campaign."""

    rounds: int = 0
    acknowledged: int = 0
    lost: int = 0
    half_applied: int = 0
    problems: int = 0

    @property
    def fine(self) -> bool:
        return not (self.lost or self.half_applied or self.problems)


def rounds(folder: Path, count: int, seed: int, plant: str | None) -> Iterator[tuple[int, int, Verdict]]:
    """Run rounds; yields after each its number, how much was acknowledged in it, and what was wrong."""
    chance = random.Random(seed)
    path, promises = folder / "0.db", Promises()
    for number in range(count):
        if number % ROUNDS_PER_SPACE == 0:
            path, promises = folder / f"{number}.db", Promises()
        before, already = promises.acknowledged, set(promises.there)
        targets = promises.targets(chance)
        running = [
            Running.start(
                path, f"{seed}.{number}.{place}", targets[place::WRITERS], plant, chance.uniform(0, MOST_MS) / 1000
            )
            for place in range(WRITERS)
        ]
        for writer in sorted(running, key=lambda writer: writer.dies_s):
            promises.hear(writer.kill())
        last = number % ROUNDS_PER_SPACE == ROUNDS_PER_SPACE - 1 or number == count - 1
        with Memory.open(path, embedder=None) as memory:
            verdict = judge(memory, promises, set(promises.there) - already, chance, everything=last)
        promises.failures.clear()
        yield number + 1, promises.acknowledged - before, verdict
        if last and verdict.fine:
            for file in folder.glob(f"{path.name}*"):
                file.unlink()


def main(arguments: list[str] | None = None) -> int:
    """Run a campaign and print what came of it."""
    parser = argparse.ArgumentParser(prog="python -m bench.kill", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=None, help="repeat the choices of an earlier campaign")
    parser.add_argument("--folder", type=Path, default=None, help="where to keep the spaces; temporary by default")
    parser.add_argument("--plant", choices=PLANTS, default=None, help="break the promise on purpose")
    given = parser.parse_args(arguments)
    seed = random.SystemRandom().randrange(1_000_000) if given.seed is None else given.seed
    folder = given.folder or Path(tempfile.mkdtemp(prefix="holdfast-kill-"))
    folder.mkdir(parents=True, exist_ok=True)
    print(f"seed {seed}", flush=True)
    tally, start = Tally(), time.monotonic()
    for number, acknowledged, verdict in rounds(folder, given.rounds, seed, given.plant):
        tally.rounds = number
        tally.acknowledged += acknowledged
        tally.lost += len(verdict.lost)
        tally.half_applied += len(verdict.half)
        tally.problems += len(verdict.problems)
        for line in (*verdict.lost, *verdict.half, *verdict.problems):
            print(f"  round {number}: {line}", flush=True)
        if number % 20 == 0 and number < given.rounds:
            print(f"  {number} rounds, {tally.acknowledged} acknowledged", file=sys.stderr, flush=True)
    took_s = time.monotonic() - start
    print(
        f"rounds {tally.rounds}  acknowledged {tally.acknowledged}  lost {tally.lost}  half-applied "
        f"{tally.half_applied}  problems {tally.problems}  seed {seed}  {took_s:.0f} s"
    )
    if tally.fine:
        if given.folder is None:
            shutil.rmtree(folder)
        return 0
    print(f"the spaces are kept in {folder}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
