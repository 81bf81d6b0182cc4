"""Use one memory from threads and from asyncio tasks at once, cancel awaits at random, and count effects.

    python -m bench.mixed --keys 4000 --seed 7

Thirty-two threads use a `Memory`, and two hundred tasks an `AsyncMemory` over the same one. Every key is sent by two
to four of them, threads and tasks alike, with the same body; between that they read and recall. A task's await is
cancelled at random, before the call has begun, while it runs, or after; the task then sends the key again, until it is
answered. In the end there is one memory for each key and one event in the journal, every answer for a key named that
memory, and `check` finds nothing.

The exit code is 1 when anything was broken. ``--plant`` breaks it on purpose: ``scattered`` makes the id of a key
depend on the thread, ``undone`` takes back the work of a caller who shares a transaction and is told that it was done.
"""

from __future__ import annotations

import asyncio
import random
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.campaign import begin, end, options, replaced
from bench.group_commit import one_undone
from holdfast.adapters.sqlite.group import GroupCommit
from holdfast.aio import AsyncMemory
from holdfast.errors import HoldfastError
from holdfast.memory import Memory
from holdfast.services.remembering import Remembering
from holdfast.testing.embedders import HashEmbedder
from holdfast.threads import Threads

THREADS, TASKS = 32, 200
SENDERS = (2, 4)
"""Each key is sent by so many of them, from and to."""
CANCELLED = 0.4
"""Share of a task's awaits that somebody cancels."""
PATIENCE_S = 0.05
"""A cancelled await is cancelled within so many seconds."""
PLANTS = ("scattered", "undone")


@dataclass
class Tally:
    """What was answered, and what happened on the way."""

    answers: dict[int, set[str]] = field(default_factory=lambda: defaultdict[int, set[str]](set))
    counts: Counter[str] = field(default_factory=Counter[str])
    broken: list[str] = field(default_factory=list[str])
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answered(self, key: int, memory: str, what: str) -> None:
        """Somebody heard that a key made a memory."""
        with self.lock:
            self.answers[key].add(memory)
            self.counts[what] += 1


def text_of(key: int) -> str:
    """The body of a key."""
    return f"Parcel {key} goes to shelf {key % 97}."


def thread(memory: Memory, keys: Sequence[int], seed: str, tally: Tally) -> None:
    """Send keys, and read between."""
    chance = random.Random(seed)
    try:
        for key in keys:
            if key % 3:
                record = memory.remember(text_of(key), key=f"k{key}")
            else:
                record = memory.session(f"s{key % 5}").add("user", text_of(key), key=f"k{key}")
            tally.answered(key, record.id, "sent by threads")
            if chance.random() < 0.1 and memory.get(record.id).text != text_of(key):
                tally.broken.append(f"key {key} was answered with a memory of another text")
            if chance.random() < 0.02:
                memory.recall(f"Where does parcel {key} go?", limit=3)
    except Exception as error:  # noqa: BLE001 - the edge of a thread
        tally.broken.append(f"a thread failed: {error!r}")


async def task(memory: AsyncMemory, keys: Sequence[int], seed: str, tally: Tally) -> None:
    """Send keys, each until it is answered, however often that is cancelled."""
    chance = random.Random(seed)
    for key in keys:
        while True:
            if key % 3:
                call: Awaitable[Any] = memory.remember(text_of(key), key=f"k{key}")
            else:
                call = memory.session(f"s{key % 5}").add("user", text_of(key), key=f"k{key}")
            sending = asyncio.ensure_future(call)
            if chance.random() < CANCELLED:
                # At once, before it has begun; or while it waits for a thread or runs on one; or after.
                asyncio.get_running_loop().call_later(chance.choice((0, chance.uniform(0, PATIENCE_S))), sending.cancel)
            try:
                record = await sending
            except asyncio.CancelledError:
                tally.counts["cancelled"] += 1
                continue
            tally.answered(key, record.id, "sent by tasks")
            break
        if chance.random() < 0.02:
            await memory.recall(f"Where does parcel {key} go?", limit=3)


def run(path: Path, keys: int, seed: int) -> Tally:
    """Everybody at once."""
    chance, tally = random.Random(seed), Tally()
    senders: list[list[int]] = [[] for _ in range(THREADS + TASKS)]
    for key in range(keys):
        for sender in chance.sample(senders, chance.randint(*SENDERS)):
            sender.append(key)
    with Memory.open(path, embedder=HashEmbedder(), touches=False) as memory:
        threads = [
            threading.Thread(target=thread, args=(memory, mine, f"{seed}.{place}", tally))
            for place, mine in enumerate(senders[:THREADS])
        ]

        async def everybody() -> None:
            shared, pool = AsyncMemory(memory, (own := Threads("holdfast-mixed"))), own
            try:
                for one in threads:
                    one.start()
                tasks = [
                    task(shared, mine, f"{seed}.{THREADS + place}", tally)
                    for place, mine in enumerate(senders[THREADS:])
                ]
                for outcome in await asyncio.gather(*tasks, return_exceptions=True):
                    if outcome is not None:
                        tally.broken.append(f"a task failed: {outcome!r}")
            finally:
                pool.shutdown()

        asyncio.run(everybody())
        for one in threads:
            one.join()
        try:
            if memory.settle() != 0:
                tally.broken.append("some memories have no vector")
        except HoldfastError as error:
            tally.broken.append(f"vectors cannot be stored: {error}")
        tally.broken[:0] = judged(memory, keys, tally)
    return tally


def judged(memory: Memory, keys: int, tally: Tally) -> list[str]:
    """What of the promises the space does not keep."""
    held = {record.id: record.text for record in memory.records()}
    broken = memory.check()
    if sorted(held.values()) != sorted(map(text_of, range(keys))):
        broken.append(f"{keys} keys had {len(held)} effects, of {len(set(held.values()))} different texts")
    # One more binds the space to the model.
    if memory.summary().events != keys + 1:
        broken.append(f"{keys} keys made {memory.summary().events - 1} events")
    for key in range(keys):
        answers = tally.answers[key]
        if len(answers) != 1 or held.get(*answers) != text_of(key):
            broken.append(f"key {key} was answered with {sorted(answers)}, which hold {[held.get(a) for a in answers]}")
    return broken


def planted(plant: str | None) -> AbstractContextManager[None]:
    """The named fault, for the time of a ``with``."""
    keyed: Callable[..., Any] = Remembering.keyed_record
    if plant == "scattered":
        return replaced(
            Remembering,
            "keyed_record",
            lambda self, operation, key: keyed(self, f"{operation} {threading.get_ident()}", key),
        )
    if plant == "undone":
        return replaced(GroupCommit, "_one", one_undone)
    return nullcontext()


def main(arguments: list[str] | None = None) -> int:
    """Run a campaign and print what came of it."""
    parser = options("mixed", __doc__, PLANTS)
    parser.add_argument("--keys", type=int, default=4000)
    given = parser.parse_args(arguments)
    seed, folder = begin(given)
    start = time.monotonic()
    with planted(given.plant):
        tally = run(folder / "mixed.db", given.keys, seed)
    counts = "  ".join(f"{what} {count}" for what, count in sorted(tally.counts.items()))
    print(
        f"threads {THREADS}  tasks {TASKS}  keys {given.keys}  {counts}  broken {len(tally.broken)}  seed {seed}  "
        f"{time.monotonic() - start:.0f} s"
    )
    return end(given, folder, tally.broken)


if __name__ == "__main__":
    sys.exit(main())
