"""`holdfast mcp` measured and attacked: its start, what it adds to a recall, fuzzed calls, many clients at once.

Start: from the console script to the answer of the first recall, over standard input and output. Added: round trip of a
recall less what the recall itself took (``took_ms``). Fuzz: calls with wrong types, odd sizes, injections and tricks
with paths, in both modes; none may end the server, get an answer nobody meant, print beside the protocol, or write
outside the space. Together: clients of the SDK over HTTP and over standard input and output on one space, in two
processes; every memory that was acknowledged must be there.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import resource
import sys
import time
from collections import Counter
from pathlib import Path
from statistics import median
from typing import Any

from bench import campaign
from bench.mcp_calls import call
from bench.mcp_client import Client, server_command
from bench.mcp_planted import FAULTS

MOST_START_S, MOST_ADDED_MS = 1.5, 6.0
MEMORIES = 2_000


def command(space: Path, plant: str | None, *options: str) -> list[str]:
    told = server_command(space, *options)
    return told if plant is None else [sys.executable, "-m", "bench.mcp_planted", plant, *told[1:]]


def fill(space: Path, count: int) -> None:
    """A space with facts to look for."""
    from holdfast.memory import Memory
    from holdfast.model.reports import Turn

    with Memory.open(space) as memory:
        said = (f"Note {n}: {'Ada' if n % 2 else 'Ben'} asked for item {n * 7 % 97}." for n in range(count))
        turns = [Turn(speaker="user", text=text) for text in said]
        memory.session("notes").add_many(turns)
        memory.settle(600)


def started(space: Path, runs: int) -> tuple[list[float], float]:
    """Seconds from the start of the process to the answer of the first recall; and of a processor, for each run."""
    took, before = list[float](), resource.getrusage(resource.RUSAGE_CHILDREN)
    for _ in range(runs):
        start = time.perf_counter()
        with Client(server_command(space)) as client:
            client.greet()
            answer = client.call("recall", {"query": "What did Ada ask for?"})
            took.append(time.perf_counter() - start)
            assert not answer["result"].get("isError"), answer
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return took, spent / runs


def added(space: Path, count: int, chance: random.Random) -> tuple[list[float], list[float]]:
    """Milliseconds of a round trip, and those beyond the recall itself."""
    whole, beyond = list[float](), list[float]()
    with Client(server_command(space)) as client:
        client.greet()
        for _ in range(count):
            asked = {"query": f"What did Ada ask for about item {chance.randrange(97)}?"}
            start = time.perf_counter()
            answer = client.call("recall", asked)
            whole.append((time.perf_counter() - start) * 1_000)
            beyond.append(whole[-1] - answer["result"]["structuredContent"]["took_ms"])
    return whole, beyond


class Fuzz:
    """A server in a folder of its own, with canaries beside it."""

    def __init__(self, folder: Path, plant: str | None, *options: str) -> None:
        self.outcomes = Counter[str]()
        self.broken = list[str]()
        self._inside, self._outside, self._log = folder / "inside", folder / "outside", folder / "log"
        self._inside.mkdir(parents=True)
        self._outside.mkdir()
        for name in ("file", "passwd", "x"):
            (self._outside / name).write_text("canary")
        os.chdir(self._inside)  # the server's working folder: names without a folder land where they are seen
        self._home = {"HOME": str(self._outside), "XDG_DATA_HOME": str(self._outside), "TMPDIR": str(self._outside)}
        self._command = command(self._inside / "space.db", plant, "--embedder", "none", *options)
        self._before = self._tree(self._outside)

    def run(self, calls: int, chance: random.Random) -> None:
        """Make calls, and look at what is left."""
        ids = list[str]()
        path = {"PYTHONPATH": str(Path(__file__).resolve().parents[1])}
        with Client(self._command, env=self._home | path, log=self._log) as client:
            client.greet()
            tools = {one["name"]: one["inputSchema"] for one in client.ask("tools/list")["result"]["tools"]}
            for number in range(calls):
                name, given = call(chance, tools, ids[-50:])
                try:
                    answer = client.ask("tools/call", {"name": name, "arguments": given})
                except (EOFError, ValueError, BrokenPipeError) as error:
                    self.broken.append(f"call {number} {name!r:.40} {given!r:.300}: {error}")
                    return
                self._note(number, name, given, answer, ids)
            if "result" not in client.ask("ping"):
                self.broken.append("the server does not answer at the end")
        if client.process.returncode != 0:
            self.broken.append(f"the server ended with {client.process.returncode}")
        if "Traceback" in (said := self._log.read_text(errors="replace")):
            self.broken.append(f"the log has a traceback: {said[-600:]}")
        self._look()

    def _note(self, number: int, name: Any, given: Any, answer: dict[str, Any], ids: list[str]) -> None:
        if "error" in answer:
            self.outcomes["refused by the protocol"] += 1
            if answer["error"]["code"] == -32603:
                self.broken.append(f"call {number} {name!r:.40} {given!r:.300}: {answer!r:.300}")
            return
        result = answer["result"]
        if result.get("isError"):
            self.outcomes["tool errors"] += 1
            if "was not written for" in str(result["content"]):
                self.broken.append(f"call {number} {name!r:.40} {given!r:.300}: {result!r:.300}")
        else:
            self.outcomes["answered"] += 1
            if isinstance(made := result.get("structuredContent", {}).get("id"), str):
                ids.append(made)

    def _look(self) -> None:
        from holdfast.memory import Memory

        stray = [name for name in self._tree(self._inside) if not name.startswith("space.db")]
        if stray or self._tree(self._outside) != self._before:
            self.broken.append(f"something was written outside the space: {stray} {self._tree(self._outside)}")
        with Memory.open(self._inside / "space.db", embedder=None) as memory:
            self.broken += [f"the check of the space says: {said}" for said in memory.check()]

    @staticmethod
    def _tree(folder: Path) -> dict[str, bytes]:
        return {
            str(path.relative_to(folder)): path.read_bytes() if "space" not in path.name else b""
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }


async def together(space: Path, clients: int, writes: int, plant: str | None) -> tuple[int, list[str]]:
    """Memories that were acknowledged by two processes to several clients at once, and what went wrong."""
    from mcp import Client as SdkClient
    from mcp import StdioServerParameters

    wrong, acknowledged = list[str](), dict[str, str]()
    served = await asyncio.create_subprocess_exec(
        *command(space, plant, "--embedder", "none", "--http", "127.0.0.1:0"),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert served.stdout is not None
    assert served.stderr is not None
    line = (await served.stderr.readline()).decode()
    url = line.split("listening on ")[1].strip()
    beside = command(space, plant, "--embedder", "none")

    async def act(number: int, server: Any) -> None:
        async with SdkClient(server) as client:
            for turn in range(writes):
                text = f"Client {number} notes number {turn} of its own."
                for tool, given in (("remember", {"text": text}), ("recall", {"query": f"client {number} {turn}"})):
                    answer = await client.call_tool(tool, given)
                    if answer.is_error:
                        wrong.append(f"client {number}, {tool} {turn}: {answer.content}")
                    elif tool == "remember":
                        acknowledged[answer.structured_content["id"]] = text

    own = StdioServerParameters(command=beside[0], args=beside[1:], env=dict(os.environ))
    try:
        await asyncio.gather(*(act(n, url) for n in range(clients)), act(clients, own))
    finally:
        served.terminate()
        printed = await served.stdout.read()
        ended = await served.wait()
    if printed:
        wrong.append(f"over HTTP something was printed: {printed!r:.200}")
    if ended != 0:
        wrong.append(f"told to end, the server ended with {ended}")
    wrong += _missing(space, acknowledged)
    return len(acknowledged), wrong


def _missing(space: Path, acknowledged: dict[str, str]) -> list[str]:
    from holdfast.memory import Memory

    with Memory.open(space, embedder=None) as memory:
        there = {record.id: record.text for record in memory.records()}
        found = [f"the check of the space says: {said}" for said in memory.check()]
    return found + [f"lost: {text}" for id_, text in acknowledged.items() if there.get(id_) != text]


def speed(given: argparse.Namespace, folder: Path, chance: random.Random) -> list[str]:
    """Print the figures of time; gives those beyond their bounds."""
    space = folder / "speed.db"
    fill(space, given.memories)
    starts, spent = started(space, given.starts)
    whole, beyond = added(space, given.recalls, chance)
    load = os.getloadavg()[0]
    print(
        f"start to first answer: median {median(starts):.2f} s of {len(starts)}, {spent:.2f} s of a processor "
        f"(at most {MOST_START_S} s)"
    )
    print(f"recall over stdio, {given.memories:,} memories: round trip p50 {median(whole):.2f} ms, "
          f"beyond the recall p50 {median(beyond):.2f} ms (at most {MOST_ADDED_MS} ms); load {load:.1f}")  # fmt: skip
    slow = [f"the start takes {median(starts):.2f} s"] if median(starts) > MOST_START_S else []
    return slow + ([f"{median(beyond):.2f} ms are added"] if median(beyond) > MOST_ADDED_MS else [])


def main(argv: list[str] | None = None) -> int:
    parser = campaign.options("mcp", __doc__, FAULTS)
    parser.add_argument("--calls", type=int, default=10_000, help="fuzzed calls, a quarter in compatibility mode")
    parser.add_argument("--starts", type=int, default=7)
    parser.add_argument("--recalls", type=int, default=300)
    parser.add_argument("--memories", type=int, default=MEMORIES)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--writes", type=int, default=250, help="memories that each client writes")
    parser.add_argument("--only", choices=("speed", "fuzz", "together"), default=None)
    given = parser.parse_args(argv)
    seed, folder = campaign.begin(given)
    folder = folder.resolve()
    broken = list[str]()
    if given.only in (None, "speed") and given.plant is None:
        broken += speed(given, folder, random.Random(seed))
    if given.only in (None, "together"):
        count, wrong = asyncio.run(together(folder / "together.db", given.clients, given.writes, given.plant))
        print(f"together: {given.clients} clients over HTTP and 1 beside them, 2 processes: {count:,} memories "
              f"acknowledged, {len(wrong)} errors or losses")  # fmt: skip
        broken += wrong
    if given.only in (None, "fuzz"):
        outcomes, start = Counter[str](), time.perf_counter()
        for name, count, options in (
            ("standard", given.calls - given.calls // 4, ()),
            ("compat", given.calls // 4, ("--compat", "memory")),
        ):
            fuzz = Fuzz(folder / name, given.plant, *options)
            fuzz.run(count, random.Random(f"{seed}/{name}"))
            outcomes += fuzz.outcomes
            broken += [f"{name}: {one}" for one in fuzz.broken]
        os.chdir(folder)
        told = ", ".join(f"{count:,} {what}" for what, count in outcomes.most_common())
        print(f"fuzzed calls: {outcomes.total():,} in {time.perf_counter() - start:.0f} s: {told}; "
              f"{len(broken)} crashes, unhandled errors or writes outside the space")  # fmt: skip
    return campaign.end(given, folder, broken)


if __name__ == "__main__":
    sys.exit(main())
