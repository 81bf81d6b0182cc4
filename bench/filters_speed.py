"""What a filter costs a recall: none, one over columns, one that needs the contents, turn about in one space."""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from bench.figures import store_random_vectors
from bench.synthetic import questions, sessions
from holdfast.memory import Memory
from holdfast.testing.embedders import HashEmbedder

DIMENSIONS = 384
COLUMNS: dict[str, Any] = {"kind": ["turn"], "role": ["user", "assistant", "none"]}
"""What nearly every entry meets: the most that columns can cost."""
FILTERS: dict[str, Any] = {
    "none": None,
    "columns": COLUMNS,
    "contents of few": {"session": "session-1", "confidence": {"gte": 0.5}},
    "contents of all": {"confidence": {"gte": 0.5}},
    "contents at first": {"confidence": {"gte": 0.5}},
}
"""``contents at first``: nothing is remembered of the contents, as in the first recall with a condition."""


def measure(folder: Path, count: int, rounds: int, only: list[str]) -> None:
    """Print the median of each."""
    embedder = HashEmbedder(DIMENSIONS)
    path = folder / "space.db"
    with Memory.open(path, embedder=None) as memory:
        names = list[str]()
        for name, turns in sessions(count):
            memory.session(name).add_many(turns)
            names.append(name)
        store_random_vectors(memory, embedder)
    FILTERS["contents of few"]["session"] = names[0]
    with Memory.open(path, embedder=embedder) as memory:
        times: dict[str, list[float]] = {name: [] for name in only}
        for question in questions(rounds):
            for name in only:
                if name == "contents at first":
                    memory._space.index.conditions.clear()
                start = time.perf_counter()
                memory.recall(question, where=FILTERS[name])
                times[name].append((time.perf_counter() - start) * 1000)
    for name in only:
        print(f"entries {count:,}  filter {name:<16} p50 {median(times[name][2:]):.2f} ms  recalls {len(times[name])}")


def main() -> int:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--only", nargs="*", default=list(FILTERS), choices=list(FILTERS))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), arguments.entries, arguments.rounds, arguments.only)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
