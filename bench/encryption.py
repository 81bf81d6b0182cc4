"""What encryption costs: the same work in a plain and in an encrypted space, in turns.

Usage: python -m bench.encryption [--memories N] [--rounds N]

Prints per kind of work the best processor time of all rounds, plain and encrypted, and their ratio. Texts are made up;
vectors come from hashes, so that no model is in the figures.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from holdfast import Memory, Turn
from holdfast.testing.embedders import HashEmbedder

KEY = bytes(range(32))
RECALLS, FACTS = 100, 200


def measured(folder: Path, key: bytes | None, memories: int) -> dict[str, float]:
    """Processor time of each kind of work, in microseconds a piece."""
    path = folder / f"{'sealed' if key else 'plain'}-{time.monotonic_ns()}.db"
    turns = [
        Turn(speaker="user", text=f"Sentence {number} about the harbour, the cello and person {number % 97}.")
        for number in range(memories)
    ]
    found: dict[str, float] = {}
    with Memory.open(path, embedder=HashEmbedder(), key=key) as memory:
        begun = time.process_time()
        for start in range(0, memories, 200):
            memory.session("s").add_many(turns[start : start + 200])
        memory.settle()
        found["a turn in a batch, with its vector"] = _since(begun, memories)
    with Memory.open(path, embedder=HashEmbedder(), key=key) as memory:
        begun = time.process_time()
        memory.recall("harbour")
        found["the first recall of a process, a memory"] = _since(begun, memories)
        begun = time.process_time()
        for number in range(RECALLS):
            memory.recall(f"cello of person {number % 97}")
        found["a later recall"] = _since(begun, RECALLS)
        begun = time.process_time()
        found["a record read"] = _since(begun, sum(1 for _ in memory.records()))
        begun = time.process_time()
        for number in range(FACTS):
            memory.remember(f"Fact {number} is about the harbour.", subject="Ada", tags=["place"])
        found["a fact by itself, synced"] = _since(begun, FACTS)
    found["bytes of file, a memory"] = path.stat().st_size / (memories + FACTS)
    return found


def _since(begun: float, pieces: int) -> float:
    return (time.process_time() - begun) / pieces * 1e6


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description="What encryption costs.")
    parser.add_argument("--memories", type=int, default=4_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    best: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(given.rounds):
            for place, key in enumerate((None, KEY)):
                for name, value in measured(Path(folder), key, given.memories).items():
                    both = best.setdefault(name, [float("inf")] * 2)
                    both[place] = min(both[place], value)
    print(f"{given.memories:,} memories, best of {given.rounds} rounds, processor time in µs")
    for name, (plain, sealed) in best.items():
        print(f"{name:42} plain {plain:9.1f}   encrypted {sealed:9.1f}   x {sealed / plain:.2f}")


if __name__ == "__main__":
    main()
