"""How long it takes to find the procedures that apply, besides making the vector of what is said.

    python -m bench.procedures_speed [--procedures 100] [--rounds 500]

Prints the time of `match` in processor milliseconds of its thread, median and 95th percentile, with as many procedures
and ten trials of each, unit vectors of a model in memory, and a turn added to the space before each call.
"""

from __future__ import annotations

import argparse
import time

from holdfast import Memory
from holdfast.testing.embedders import HashEmbedder

SAID = "Could you please do thing {} for me now, it is rather urgent, and then tell Ada about it."


def procedure(number: int) -> dict[str, object]:
    """A procedure with eight texts to compare."""
    return {
        "name": f"thing-{number}",
        "description": f"How to do thing number {number} in department {number % 7}.",
        "when": {
            "phrases": [f"do thing {number}", f"thing {number} please", f"perform {number}"],
            "examples": [f"could you run thing {number}", f"item {number} needs doing", f"what about {number}"],
            "keywords": [f"item{number}", "thing", "urgent"],
        },
        "steps": [{"prompt": "Do it."}],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--procedures", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=500)
    given = parser.parse_args()
    with Memory.open(":memory:", embedder=HashEmbedder(384)) as memory:
        for number in range(given.procedures):
            memory.procedures.add(procedure(number))
            for trial in range(10):
                memory.procedures.record_outcome(f"thing-{number}", trial < 7)
        service, chat = memory._space.procedures, memory.session("s")
        took = list[float]()
        for number in range(given.rounds):
            said = SAID.format(number % given.procedures)
            chat.add("user", said)
            vector = memory._space.embedding.query_vector(said)
            start = time.thread_time()
            found = service.match(said, limit=3, tools=None, vector=vector)
            took.append((time.thread_time() - start) * 1_000)
            assert found[0].procedure.name == f"thing-{number % given.procedures}"
        first, *rest = took
        rest.sort()
        print(
            f"{given.procedures} procedures, {given.rounds} calls: median {rest[len(rest) // 2]:.2f} ms, "
            f"95th percentile {rest[len(rest) * 95 // 100]:.2f} ms; the first, which makes vectors, {first:.0f} ms"
        )


if __name__ == "__main__":
    main()
