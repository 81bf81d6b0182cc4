"""What a context costs, beside a bare embedding and a bare recall of the same run, and that none is over its budget.

    python -m bench.context                   # speed, prefetch, 10,000 random cases
    python -m bench.context --cases 500 --plant uncounted

Speed: a session of 1,000 turns in a space of 10,000 memories, blocks, facts about the user, procedures, due intentions;
no language model; each context with another question. Prefetch: turns are added and contexts asked for with a pause, as
when somebody types, with and without what is warmed in the background. The cases draw turns, facts, blocks, budgets,
shares, tokenizers and shapes; what a context comes to is counted anew from what is given out.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from bench.figures import store_random_vectors
from bench.synthetic import START_MS, Wording, questions, sessions
from holdfast.adapters.embed.resolve import find_embedder
from holdfast.core import context as core
from holdfast.core.budget import estimate_tokens
from holdfast.errors import InvalidField
from holdfast.memory import Memory
from holdfast.model.context import SECTIONS, Context
from holdfast.model.messages import SHAPES
from holdfast.model.reports import Turn
from holdfast.ports.embedder import Embedder
from holdfast.session import Session

MEMORIES, TURNS = 10_000, 1_000
P50_MS, P95_MS = 8.0, 25.0
PLANTS = ("uncounted", "unshared")
_PROCEDURE = """
name: {name}
description: how to {what}
when:
  examples: ["how do I {what}?", "please {what}"]
steps:
  - prompt: First look at {what}.
  - prompt: Then tell what you found.
"""


def filled(path: Path, embedder: Embedder) -> None:
    """The space that speed is measured in."""
    wording = Wording(3)
    with Memory.open(path, embedder=None) as memory:
        for name, turns in sessions(MEMORIES - TURNS):
            memory.session(name).add_many(turns)
        chat, start = memory.session("long"), START_MS + 10**11
        chat.add_many(
            Turn(speaker=("user", "assistant")[n % 2], text=wording.sentence(6, 36), when_ms=start + n * 30_000)
            for n in range(TURNS)
        )
        memory.blocks.create("persona", "Brief, kind, exact.", description="how you speak")
        memory.blocks.create("human", "Ada, who lives in Lisbon.", description="what you know of the user")
        for _ in range(20):
            memory.remember(wording.sentence(5, 12), subject="Ada", importance=0.6)
        for number in range(10):
            memory.procedures.add(_PROCEDURE.format(name=f"p{number}", what=wording.sentence(2, 4)))
        for _ in range(5):
            memory.intend(wording.sentence(4, 8), when="2024-01-01")
        store_random_vectors(memory, embedder)


def spent(act: Callable[[Any], object], given: list[Any]) -> tuple[list[float], list[float]]:
    """Milliseconds of each call, by the clock and of this thread's processor."""
    wall, own = list[float](), list[float]()
    for one in given:
        start, used = time.perf_counter(), time.thread_time()
        act(one)
        own.append((time.thread_time() - used) * 1_000)
        wall.append((time.perf_counter() - start) * 1_000)
    return wall, own


def told(what: str, times: tuple[list[float], list[float]], bound: bool = False) -> None:
    """Print medians and 95th percentiles."""
    wall, own = times
    p50, p95 = median(wall), quantiles(wall, n=20)[-1]
    held = f" (bound {P50_MS:g} and {P95_MS:g}: {'held' if p50 <= P50_MS and p95 <= P95_MS else 'NOT HELD'})"
    print(f"{what:<46} p50 {p50:6.2f} ms, p95 {p95:6.2f} ms; processor {median(own):5.2f} ms{held if bound else ''}")


def _measured(memory: Memory, chat: Session) -> dict[str, Callable[[str], object]]:
    """What is timed, turn about."""
    return {
        "embedding of the question": lambda query: memory._space.embedding.query_vector(query),
        "recall of 10": lambda query: memory.recall(query),
        "context of 4,000 tokens": lambda query: chat.context(about=query),
    }


def speed(path: Path, rounds: int) -> None:
    """Print what a context costs, taken turn about with what it is made of."""
    with Memory.open(path) as memory:
        chat = memory.session("long", user="Ada", agent="Fern")
        asked = questions(len(measured := _measured(memory, chat)) * rounds + 40, seed=2)
        for query in asked[:20]:
            memory.recall(query)
            chat.context(about=query)
        memory.settle()
        times: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in measured}
        for number in range(rounds):
            for place, (name, act) in enumerate(measured.items()):
                wall, own = spent(act, [asked[20 + len(measured) * number + place]])
                times[name][0].extend(wall)
                times[name][1].extend(own)
        for name in measured:
            told(name, times[name], bound=name.startswith("context"))
        found = chat.context(about=asked[-1])
        print(
            "  one of them: " + ", ".join(f"{part.section} {part.tokens}" for part in found.parts), f"= {found.tokens}"
        )


def prefetch(path: Path, rounds: int, pause_s: float) -> None:
    """Print what looking ahead saves, how often it hits, and what a turn costs with it."""
    wording = Wording(17)
    with Memory.open(path) as memory:
        chat, space = memory.session("long", user="Ada", agent="Fern"), memory._space
        made = [0]
        query_vector = space.embedding.query_vector

        def counted(text: str) -> Any:
            known = getattr(space.embedding._asking, "known", ({}, []))[0]
            made[0] += text not in known
            return query_vector(text)

        kinds: dict[str, tuple[list[float], list[float]]] = {}
        adds: dict[str, tuple[list[float], list[float]]] = {}
        hits, asked = 0, 0
        for name in ("not looked ahead", "looked ahead") * 2:
            times, add = kinds.setdefault(name, ([], [])), adds.setdefault(name, ([], []))
            for _ in range(rounds // 2):
                chat._foresees = name == "looked ahead"
                wall, own = spent(lambda text: chat.add("user", text), [f"{wording.sentence(6, 20)}?"])
                add[0].extend(wall)
                add[1].extend(own)
                time.sleep(pause_s)
                made[0] = 0
                space.embedding.query_vector = counted  # type: ignore[method-assign]
                wall, own = spent(lambda _: chat.context(), [None])
                del space.embedding.query_vector
                times[0].extend(wall)
                times[1].extend(own)
                if name == "looked ahead":
                    hits, asked = hits + (made[0] == 0), asked + 1
                chat.add("assistant", "Noted.")
        for name, times in kinds.items():
            told(f"context {pause_s * 1_000:g} ms after the turn, {name}", times)
        for name, times in adds.items():
            told(f"add of that turn, {name}", times)
        print(f"{'hit rate':<46} {hits} of {asked}; saved {median(kinds['not looked ahead'][0]) - median(kinds['looked ahead'][0]):.2f} ms at the median")  # fmt: skip  # noqa: E501


COUNTS: dict[str, Callable[[str], int]] = {
    "estimate": estimate_tokens,
    "words": lambda text: len(text.split()),
    "characters": len,
    "odd": lambda text: len(text.encode()) // 3 + 7 * text.count("\n") + (len(text) % 5),
}


def strings(value: Any) -> list[str]:
    """Every text in a message."""
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for one in inner for text in strings(one)]


def over(context: Context, budget: int, count: Callable[[str], int], shape: str) -> str | None:
    """Why a context is over its budget, in words; None where it is not."""
    if count(context.text) > budget:
        return f"its text has {count(context.text)}"
    found = context.messages(shape)
    said = [text for one in found for text in strings(one.get("content"))] + ([found.system] if found.system else [])
    tokens = sum(map(count, said)) + core.MESSAGE_TOKENS * len(found)
    return f"its messages ({shape}) have {tokens}" if tokens > budget else None


def cases(number: int, seed: int) -> tuple[int, list[str]]:
    """Random contexts, and what was wrong with any."""
    chance, wrong, done = random.Random(seed), list[str](), 0
    alphabet = "ab cd. \n<>/[]1é漢🙂#memories" + "\u2028"
    wording = Wording(seed)

    def text() -> str:
        if chance.random() < 0.5:
            return wording.sentence(1, chance.choice([5, 40, 200]))
        return "x" + "".join(chance.choices(alphabet, k=chance.choice([3, 30, 400])))

    while done < number:
        name = chance.choice(list(COUNTS))
        count = COUNTS[name]
        with Memory.open(":memory:", embedder=None, tokenizer=count) as memory:
            for place in range(chance.randint(0, 3)):
                memory.blocks.create(f"b{place}", text()[:1_500], description=text()[:80].replace("\n", " ").strip())
            for _ in range(chance.randint(0, 12)):
                memory.remember(text(), subject=chance.choice([None, "Ada"]), importance=chance.random())
            for _ in range(chance.randint(0, 3)):
                memory.intend(text(), when="2024-01-01")
            chat = memory.session("s", user="Ada", agent="Fern")
            for _ in range(chance.randint(0, 30)):
                chat.add(chance.choice(["user", "assistant", "user", "assistant", "system"]), text())
            for _ in range(min(25, number - done)):
                done += 1
                budget = int(chance.choice([1, 10, 100, 1_000, 8_000]) * chance.uniform(1, 3))
                shares = chance.choice([None, {one: round(chance.random(), 2) for one in chance.sample(SECTIONS, 3)}])
                about, shape = chance.choice([None, text()]), chance.choice(SHAPES)
                try:
                    found = chat.context(budget, about, shares=shares, shape=shape)
                except InvalidField:
                    continue
                why = over(found, budget, count, shape)
                if why or found.tokens > budget:
                    wrong.append(f"case {done}, seed {seed}, budget {budget}, {name}: {why or found.tokens}")
    return done, wrong


def planted(name: str) -> None:
    """Break what keeps a context within its budget."""
    if name == "uncounted":  # what the fences and headings take is not counted, nor what all comes to at the end
        core.least = lambda count: 0
        core._tokens = lambda *given, **named: (0, 0)
    else:  # every section is given all there is, and nothing is counted at the end
        core.allot = lambda budget, wanted, shares: dict.fromkeys(wanted, budget)
        core._tokens = lambda *given, **named: (0, 0)


def main() -> int:
    """Print every figure; 1 where a context was over its budget."""
    parser = argparse.ArgumentParser("context", description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--pause-s", type=float, default=0.1)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=6)
    parser.add_argument("--plant", choices=PLANTS)
    parser.add_argument("--only", choices=("speed", "prefetch", "cases"))
    given = parser.parse_args()
    if given.plant:
        planted(given.plant)
    if given.only != "cases" and not given.plant:
        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / "space.db"
            filled(path, find_embedder())
            if given.only != "prefetch":
                speed(path, given.rounds)
            if given.only != "speed":
                prefetch(path, given.rounds, given.pause_s)
    if given.only in (None, "cases"):
        done, wrong = cases(given.cases, given.seed)
        print(f"{done:,} random contexts, seed {given.seed}: {len(wrong)} over their budget")
        for one in wrong[:5]:
            print(f"  {one}")
        return 1 if wrong else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
