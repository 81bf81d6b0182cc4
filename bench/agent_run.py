"""The example agent over a thousand turns in an 8,000-token window, killed on the way, and what it knows at the end.

    python -m bench.agent_run                      # 1,000 turns, killed every 100, 50 facts
    python -m bench.agent_run --turns 60 --kills 2 --facts 5 --no-embedder
    python -m bench.agent_run --plant small-window # the same run must fail

`examples/agent.py` runs as a process of its own against a model service on loopback that answers as scripted, and now
and then calls a tool. It is killed with SIGKILL while the model is being asked, while it takes the answer in, or
between two questions, and started again on its file. A fact counts as there when its number, which was said once,
stands in the messages of the request in which it is asked for. What a request counts is reckoned from its JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.synthetic import Wording
from holdfast.core.budget import estimate_tokens
from tests.scripted_server import Reply, scripted_server

ROOT = Path(__file__).resolve().parents[1]
WINDOW, ANSWER = 8_000, 800
RESUME_S = 0.5
_THINGS = ("locker", "safe", "gate", "bicycle lock", "alarm", "suitcase", "garage", "archive", "server room", "boat")
_PLACES = ("in Lisbon", "of my sister", "at the office", "of the old house", "at the harbour")
PLANTS = ("small-window", "no-memories", "no-key")


@dataclass
class Run:
    """What a run came to."""

    turns: int = 0
    kills: int = 0
    asked: int = 0
    found: int = 0
    missing: list[str] = field(default_factory=list)
    most_tokens: int = 0
    over: int = 0
    broken: list[str] = field(default_factory=list)
    resumed_s: list[float] = field(default_factory=list)
    processor_s: list[float] = field(default_factory=list)
    started_s: list[float] = field(default_factory=list)
    doubled: int = 0
    took_s: float = 0.0

    @property
    def problems(self) -> list[str]:
        """Why it failed, in words."""
        found = list(self.broken)
        if self.found < self.asked or not self.asked:
            found.append(f"{self.found} of {self.asked} facts were in the context: missing {self.missing[:3]}")
        if self.over:
            found.append(f"{self.over} requests were over the window, the largest of {self.most_tokens} tokens")
        if self.doubled:
            found.append(f"{self.doubled} questions were taken in twice")
        return found


def strings(value: Any) -> list[str]:
    """Every text in a JSON value."""
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for one in inner for text in strings(one)]


def tokens_of(body: dict[str, Any]) -> int:
    """What a request takes of a window: its texts, 4 for a message, the tools as JSON, and the room of the answer."""
    said = sum(estimate_tokens(text) for one in body["messages"] for text in strings(one)) + 4 * len(body["messages"])
    return said + estimate_tokens(json.dumps(body.get("tools", []))) + body["max_completion_tokens"]


def last_words(body: dict[str, Any]) -> str:
    """What the user said last in a request."""
    return next(one["content"] for one in reversed(body["messages"]) if one["role"] == "user")


def sound(messages: list[dict[str, Any]]) -> bool:
    """Whether every call has its result right behind it, and every result its call: no service takes it otherwise."""
    waiting = set[str]()
    for message in messages:
        if message["role"] == "tool":
            if message["tool_call_id"] not in waiting:
                return False
            waiting.discard(message["tool_call_id"])
            continue
        if waiting:
            return False
        waiting = {call["id"] for call in message.get("tool_calls") or ()}
    return not waiting


class Model:
    """Answers as a model would: a word or two, and every so often a call of a tool first."""

    def __init__(self, run: Run, seed: int) -> None:
        self.run = run
        self.chance = random.Random(seed)
        self.requests: list[dict[str, Any]] = []
        self.number = 0
        self.kill: Any = None

    def answer(self, path: str, body: dict[str, Any]) -> Reply:
        self.number += 1
        self.requests.append(body)
        tokens = tokens_of(body)
        self.run.most_tokens = max(self.run.most_tokens, tokens)
        self.run.over += tokens > WINDOW
        if not sound(body["messages"]):
            self.run.broken.append(f"request {self.number} has a call without its result")
        if self.kill is not None:
            self.kill("asked")
        message: dict[str, Any] = {"role": "assistant", "content": f"Noted, {self.chance.randint(0, 10**6)}."}
        if body["messages"][-1]["role"] == "user" and self.number % 20 == 0:
            name, arguments = self.chance.choice(
                [
                    ("memory_recall", {"query": last_words(body)[:80]}),
                    ("memory_save", {"text": f"Topic {self.number} came up."}),
                    ("memory_dream", {}),
                ]
            )
            function = {"name": name, "arguments": json.dumps(arguments)}
            message = {
                "role": "assistant", "content": None,
                "tool_calls": [{"id": f"call-{self.number}", "type": "function", "function": function}],
            }  # fmt: skip
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return Reply(body={"object": "chat.completion", "model": body["model"], "choices": [choice]})


class AgentProcess:
    """The example, as a process."""

    def __init__(self, url: str, path: Path, run: Run, *, window: int, embedder: bool) -> None:
        command = [
            sys.executable, str(ROOT / "examples" / "agent.py"), "--base-url", f"{url}/v1", "--model", "scripted",
            "--db", str(path), "--user", "Ada", "--window", str(window), "--answer-tokens", str(ANSWER), "--json-lines",
            "--retries", "0", "--timeout-s", "30",
        ]  # fmt: skip
        if not embedder:
            command.append("--no-embedder")
        start = time.perf_counter()
        # As an installed package it finds its modules compiled; the first start compiles them here.
        kept = {"PYTHONPYCACHEPREFIX": str(path.parent / "compiled")}
        around = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | kept
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=around
        )  # fmt: skip
        first = self.read()
        if first is None:
            raise RuntimeError("the agent did not start")
        run.started_s.append(time.perf_counter() - start)
        run.resumed_s.append(first["resumed_s"])
        run.processor_s.append(first["processor_s"])

    def read(self) -> dict[str, Any] | None:
        """The next line; None where the process ended."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        return json.loads(line) if line.endswith("\n") else None

    def ask(self, key: str | None, text: str) -> bool:
        """Ask, and wait for the answer; False where the process died meanwhile."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps({"key": key, "text": text}) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return False
        return self.read() is not None

    def kill(self) -> None:
        self.process.kill()  # SIGKILL; nothing where it is gone already

    def end(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait(60)
        self.process.stdout.close()


def script(turns: int, facts: int, seed: int) -> tuple[list[str], list[tuple[str, str]]]:
    """What the user says, and the questions with the number that answers each."""
    chance, wording = random.Random(seed), Wording(seed)
    pairs = [(thing, place) for thing in _THINGS for place in _PLACES]
    chosen = chance.sample(pairs, facts)
    numbers = chance.sample(range(100_000, 999_999), facts)
    said = [f"{wording.sentence(8, 40).capitalize()}." for _ in range(turns)]
    for (thing, place), number, at in zip(chosen, numbers, chance.sample(range(turns), facts), strict=True):
        said[at] = f"By the way, the code of the {thing} {place} is {number}."
    questions = [
        (f"What is the code of the {thing} {place}?", str(number))
        for (thing, place), number in zip(chosen, numbers, strict=True)
    ]
    return said, questions


def campaign(
    turns: int, kills: int, facts: int, seed: int, folder: Path, *, embedder: bool = True, plant: str | None = None
) -> Run:
    """One whole run."""
    run, chance, started = Run(), random.Random(seed), time.perf_counter()
    said, questions = script(turns, facts, seed)
    path = folder / "agent.db"
    window = WINDOW * 3 // 2 if plant == "small-window" else WINDOW
    every = max(1, turns // kills) if kills else turns + 1
    with scripted_server() as server:
        model = Model(run, seed)
        server.answer = model.answer  # type: ignore[method-assign]
        agent = AgentProcess(server.url, path, run, window=window, embedder=embedder)
        for number, text in enumerate(said):
            key = None if plant == "no-key" else f"turn-{number}"
            dies = chance.choice(["asked", "answering", "between"]) if (number + 1) % every == 0 and kills else None
            if dies in ("asked", "answering"):
                delay_s = 0.0 if dies == "asked" else chance.random() * 0.02

                def kill(_: str, victim: AgentProcess = agent, delay_s: float = delay_s) -> None:
                    model.kill = None
                    threading.Timer(delay_s, victim.kill).start() if delay_s else victim.kill()

                model.kill = kill
            is_answered = agent.ask(key, text)
            if dies is not None:
                agent.kill()
                agent.end()
                run.kills += 1
                agent = AgentProcess(server.url, path, run, window=window, embedder=embedder)
                is_answered = agent.ask(key, text)
            if not is_answered:
                raise RuntimeError(f"no answer to turn {number}")
            run.turns += 1
            if len(model.requests) > 100:
                del model.requests[:50]
        for question, number in questions:
            model.requests.clear()
            agent.ask(None, question)
            run.asked += 1
            messages = model.requests[0]["messages"]
            if plant == "no-memories":
                messages = messages[-1:]
            if number in json.dumps(messages):
                run.found += 1
            else:
                run.missing.append(question)
        agent.end()
    run.doubled = _doubled(path, said)
    run.took_s = time.perf_counter() - started
    return run


def _doubled(path: Path, said: list[str]) -> int:
    from holdfast import Memory

    with Memory.open(path, embedder=None, read_only=True) as memory:
        texts = [turn.text for turn in memory.session("main").turns() if turn.role.name == "USER"]
    return len(texts) - len(set(texts)) + len(set(said) - set(texts))


def main() -> int:
    """Run it and print what it came to."""
    parser = argparse.ArgumentParser("agent_run", description=__doc__)
    parser.add_argument("--turns", type=int, default=1_000)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--facts", type=int, default=50)
    parser.add_argument("--seed", type=int, default=6)
    parser.add_argument("--no-embedder", action="store_true")
    parser.add_argument("--plant", choices=PLANTS)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        run = campaign(
            given.turns, given.kills, given.facts, given.seed, Path(name), embedder=not given.no_embedder,
            plant=given.plant,
        )  # fmt: skip
    worst = max(run.resumed_s)
    print(f"seed {given.seed}: {run.turns:,} turns in {run.took_s:.0f} s, killed {run.kills} times")
    print(f"facts in the context when asked for: {run.found} of {run.asked}")
    print(f"largest request: {run.most_tokens:,} of {WINDOW:,} tokens, {run.over} over the window")
    held = "held" if worst <= RESUME_S else "NOT HELD"
    middle = sorted(run.resumed_s)[len(run.resumed_s) // 2]
    print(f"resume, from opening the file to the first context: median {middle:.2f} s, slowest {worst:.2f} s "
          f"(bound {RESUME_S} s: {held}); processor {max(run.processor_s):.2f} s at most; whole "
          f"process, slowest {max(run.started_s):.2f} s")  # fmt: skip
    for problem in run.problems:
        print(f"FAILED: {problem}")
    return 1 if run.problems else 0


if __name__ == "__main__":
    sys.exit(main())
