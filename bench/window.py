"""How much of a prompt stays the same from turn to turn, and what a window costs.

    python -m bench.window [--turns 200] [--seed 1] [--window 8000]

First a conversation with tool calls is shown in a window after every turn, by each strategy and by a sliding window
(the newest messages that fit), and the part of each prompt that is the same as in the one before, from its beginning
on, is what a provider's prompt cache can take. Then the same is timed in a session of 1,000 turns over 10,000
memories, and a process that has just started.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from holdfast import Memory
from holdfast.core.budget import estimate_tokens
from holdfast.core.window_costs import message_tokens
from holdfast.model.reports import Turn
from holdfast.session import Session

WINDOW_MS = 1.5
"""The bound on the median."""
WORDS = [
    *("the", "plan", "for", "Lisbon", "is", "due", "on", "Friday", "and", "costs", "420", "euros", "Ada", "Grace"),
    *("ship", "build", "server", "deploy", "rollback", "logs", "coffee", "meeting", "invoice", "budget", "version"),
    *("release", "test", "branch", "review", "customer", "contract", "visa", "flight", "hotel", "Porto", "report"),
]


def messages(turns: int, rng: random.Random) -> list[dict[str, Any]]:
    """A conversation of so many messages: questions, answers, and calls of tools with their results."""
    made = list[dict[str, Any]]()
    while len(made) < turns:
        n = len(made)
        made.append({"role": "user", "content": f"Question {n}: {words(rng, 5, 40)}?"})
        if rng.random() < 0.3:
            ids = [f"call-{n}-{k}" for k in range(rng.randint(1, 3))]
            calls = [
                {"id": id_, "type": "function", "function": {"name": "look_up", "arguments": json.dumps({"at": n})}}
                for id_ in ids
            ]
            made.append({"role": "assistant", "content": None, "tool_calls": calls})
            made += [{"role": "tool", "tool_call_id": id_, "content": words(rng, 20, 120)} for id_ in ids]
        made.append({"role": "assistant", "content": f"Answer {n}: {words(rng, 20, 120)}."})
    return made[:turns]


def words(rng: random.Random, least: int, most: int) -> str:
    return " ".join(rng.choices(WORDS, k=rng.randint(least, most)))


def told(message: dict[str, Any]) -> str:
    return json.dumps(message, ensure_ascii=False)


def same(before: Sequence[str], now: Sequence[str]) -> int:
    """Tokens of the longest common beginning of two prompts, in whole messages and of the first that differs."""
    tokens = 0
    for one, other in zip(before, now, strict=False):
        if one == other:
            tokens += estimate_tokens(one)
            continue
        alike = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
        return tokens + estimate_tokens(one[:alike])
    return tokens


def sliding(said: Sequence[dict[str, Any]], window: int, items: int) -> list[dict[str, Any]]:
    """What a sliding window shows: what the system said, and the newest messages that fit."""
    left = window - message_tokens(said[0], estimate_tokens)
    shown = list[dict[str, Any]]()
    for message in reversed(said[1:]):
        tokens = message_tokens(message, estimate_tokens)
        if tokens > left or len(shown) == items:
            break
        shown.insert(0, message)
        left -= tokens
    while shown and shown[0]["role"] == "tool":
        shown.pop(0)
    return [said[0], *shown]


def measure_prefix(turns: int, seed: int, window: int, items: int) -> None:
    """Print the share of each prompt that is the same as in the one before."""
    print(f"\n{turns} turns, a window of {window:,} tokens and {items} messages, seed {seed}")
    print(
        f"{'strategy':<14} {'from cache':>10} {'kept of the last':>17} {'changes':>8} {'mean prompt':>12} {'over':>5}"
    )
    conversation = [{"role": "system", "content": f"You are Fern. {words(random.Random(0), 150, 151)}."}]
    conversation += messages(turns, random.Random(seed))
    for strategy in ("summarize", "drop", "relevance", "sliding"):
        with Memory.open(":memory:", embedder=None) as memory:
            chat, before = memory.session("chat"), list[str]()
            cached, sent, kept, changes, over, prompts = 0, 0, 0.0, 0, 0, 0
            for n, message in enumerate(conversation):
                chat.add_message(message)
                if message["role"] not in ("user", "tool") or n == 0:
                    continue  # a model is asked after these
                if strategy == "sliding":
                    shown = sliding(conversation[: n + 1], window, items)
                else:
                    found = chat.window(window, max_items=items, strategy=strategy)
                    over += found.tokens > window
                    shown = found.messages
                now = [told(one) for one in shown]
                tokens, common = sum(map(estimate_tokens, now)), same(before, now)
                cached, sent, prompts = cached + common, sent + tokens, prompts + 1
                kept += common / max(1, sum(map(estimate_tokens, before))) if before else 1.0
                changes += now[: len(before)] != before
                before = now
        shares = f"{cached / sent:>10.1%} {kept / prompts:>17.1%}"
        print(f"{strategy:<14} {shares} {changes:>8} {sent // prompts:>12,} {over:>5}")


def measure_cost(seed: int, window: int, turns: int, memories: int) -> None:
    """Print what a window costs in a long session over many memories."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "space.db"
        with Memory.open(path, embedder=None) as memory:
            others = [Turn(speaker="user", text=words(rng, 10, 40), session=f"other-{n % 50}") for n in range(memories)]
            for start in range(0, memories, 1_000):
                memory.session("other").add_many(others[start : start + 1_000])
            chat = memory.session("chat")
            chat.add_messages(messages(turns, rng))
            start = time.perf_counter()
            chat.window(window, max_items=200)
            first = (time.perf_counter() - start) * 1_000
            print(f"\n{turns:,} turns over {memories:,} memories, a window of {window:,} tokens")
            print(f"the first window of a session that was never compressed  {first:.0f} ms")
            for name, asked in (("200 messages", 200), ("20 messages", 20)):
                timed(chat, rng, window, asked, name)
        start = time.perf_counter()
        with Memory.open(path, embedder=None) as memory:
            memory.session("chat").window(window, max_items=200)
            print(f"opened and shown by another process              {(time.perf_counter() - start) * 1_000:.0f} ms")


def timed(chat: Session, rng: random.Random, window: int, items: int, name: str) -> None:
    times = list[float]()
    chat.window(window, max_items=items)
    for message in messages(300, rng):
        chat.add_message(message)
        start = time.perf_counter()
        chat.window(window, max_items=items)
        times.append((time.perf_counter() - start) * 1_000)
    steps = [one for one in times if one > 4 * median(times)]
    held = "held" if median(times) <= WINDOW_MS else "NOT HELD"
    print(
        f"after every message, at most {name:<14} p50 {median(times):.2f} ms, p95 {quantiles(times, n=20)[-1]:.2f} ms, "
        f"longest {max(times):.1f} ms, {len(steps)} steps (bound on p50 {WINDOW_MS} ms: {held})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--window", type=int, default=8_000)
    parser.add_argument("--memories", type=int, default=10_000)
    parser.add_argument("--session", type=int, default=1_000, help="turns of the session that is timed")
    asked = parser.parse_args()
    measure_prefix(asked.turns, asked.seed, asked.window, 200)
    measure_prefix(asked.turns, asked.seed, asked.window // 4, 200)
    measure_prefix(asked.turns, asked.seed, asked.window, 20)
    measure_cost(asked.seed, asked.window, asked.session, asked.memories)


if __name__ == "__main__":
    main()
