"""What counting reads costs a recall, and what it fills: the same recalls with and without, turn about."""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path
from statistics import median

from bench.figures import store_random_vectors
from bench.synthetic import questions, sessions
from holdfast.memory import Memory
from holdfast.testing.embedders import HashEmbedder

DIMENSIONS = 384
MOST_RATIO = 1.05
"""Recalls that count may take so many times those that do not, at the median."""
CHUNK = 20
"""Recalls of one kind before the other kind's turn comes."""


def timed(memory: Memory, asked: list[str]) -> list[float]:
    """Milliseconds of each recall."""
    times = list[float]()
    for question in asked:
        start = time.perf_counter()
        memory.recall(question)
        times.append((time.perf_counter() - start) * 1000)
    return times


def measure(folder: Path, count: int, rounds: int) -> float:
    """Print the medians; gives their ratio."""
    embedder = HashEmbedder(DIMENSIONS)
    path = folder / "with.db"
    with Memory.open(path, embedder=None) as memory:
        for name, turns in sessions(count):
            memory.session(name).add_many(turns)
        store_random_vectors(memory, embedder)
    shutil.copy(path, folder / "without.db")
    asked = cycle(questions(CHUNK * 10))
    figures: dict[bool, list[float]] = {True: [], False: []}
    with (
        Memory.open(path, embedder=embedder) as counting,
        Memory.open(folder / "without.db", embedder=embedder, touches=False) as plain,
    ):
        before = counting.summary().size_bytes
        for memory in (counting, plain):
            timed(memory, list(islice(asked, CHUNK)))
        for turn in range(rounds):
            some = list(islice(asked, CHUNK))
            for touched in ((True, False), (False, True))[turn % 2]:
                figures[touched] += timed(counting if touched else plain, some)
        reads = counting.summary().accesses[0].reads
    with Memory.open(path, embedder=None) as memory:
        grown = memory.summary().size_bytes - before
        # The log's own size moves; what is held is in the tables.
        rows = memory._space.store.reading()
        with rows as reader:
            ((touched,), ((used,),)) = (
                reader.rows("SELECT count(*) FROM touch")[0],
                reader.rows("SELECT coalesce(sum(pgsize), 0) FROM dbstat WHERE name = 'touch'"),
            )
    ratio = median(figures[True]) / median(figures[False])
    print(
        f"memories {count:,}  recalls {len(figures[True]):,} each  p50 counted {median(figures[True]):.2f} ms  "
        f"p50 not counted {median(figures[False]):.2f} ms  ratio {ratio:.3f}"
    )
    print(f"reads {reads:,}  rows {touched:,}  bytes a row {used / max(1, touched):.0f}  files grew by {grown:,} bytes")
    return ratio


def main() -> int:
    """Measure; 1 where counting costs too much."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--memories", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=40)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ratio = measure(Path(folder), arguments.memories, arguments.rounds)
    return int(ratio > MOST_RATIO)


if __name__ == "__main__":
    raise SystemExit(main())
