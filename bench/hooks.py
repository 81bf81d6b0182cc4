"""How long a coding agent waits for a hook: real processes, called as installed, on a project of many memories.

``python -m bench.hooks`` measures a prompt's round trip warm and cold, a capture, and every way in which a store can
fail: each must end with 0, print nothing, and stay within the cap.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from holdfast import Memory, Turn
from holdfast.integrations.coding_agents import hook
from holdfast.integrations.coding_agents.agents import hook_command
from holdfast.integrations.coding_agents.places import Places
from holdfast.integrations.coding_agents.problems import problems_in

P50_MS, P95_MS, START_MS = 150.0, 300.0, 150.0
"""What is to be reached."""
_TOPICS = [
    "parser",
    "lexer",
    "token",
    "grammar",
    "cache",
    "server",
    "client",
    "database",
    "migration",
    "index",
    "query",
    "schema",
    "deploy",
    "build",
    "test",
    "button",
    "color",
    "login",
    "session",
    "cookie",
    "header",
    "route",
    "worker",
    "queue",
    "retry",
    "timeout",
    "metric",
    "log",
    "trace",
    "config",
    "secret",
    "key",
    "release",
]
_VERBS = [
    "fixed",
    "moved",
    "renamed",
    "removed",
    "added",
    "split",
    "merged",
    "measured",
    "tested",
    "reverted",
    "documented",
    "replaced",
]


@dataclass
class Bench:
    """A user with one project.

    Attributes:
        cap_ms: What hooks may take.
    """

    folder: Path
    embedder: str
    cap_ms: int = 500

    def __post_init__(self) -> None:
        self.root = self.folder / "project"
        (self.root / ".git").mkdir(parents=True)
        runtime = Path(tempfile.mkdtemp(prefix="hf-"))
        self.environment = {
            "HOME": str(self.folder), "XDG_RUNTIME_DIR": str(runtime), "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "HOLDFAST_EMBEDDER": self.embedder, "ORT_DISABLE_TELEMETRY": "1",
        }  # fmt: skip
        self.places = Places(self.folder / ".local/share/holdfast/agents")
        self.space = self.places.project(self.root).space
        self.space.parent.mkdir(parents=True)

    def fill(self, memories: int, seed: int) -> None:
        """Sessions of a hundred turns over the last year."""
        chance = random.Random(seed)
        now_ms, per = time.time_ns() // 1_000_000, 100
        with Memory.open(self.space, embedder=None if self.embedder == "none" else self.embedder) as memory:
            for number in range(memories // per):
                at_ms = now_ms - (memories // per - number + 1) * 86_400_000
                memory.session(f"claude-code/{number}").add_many(
                    Turn(
                        speaker=("user", "assistant")[place % 2],
                        text=f"{chance.choice(_VERBS)} the {' '.join(chance.choices(_TOPICS, k=18))} in step {place}",
                        when_ms=at_ms + place * 60_000,
                    )
                    for place in range(per)
                )
            memory.settle()

    def call(self, event: str, payload: dict[str, object]) -> tuple[float, int, bytes]:
        """Call a hook as an agent does; gives milliseconds, exit code and output."""
        told = json.dumps(payload | {"cwd": str(self.root)}).encode()
        began = time.perf_counter()
        done = subprocess.run(
            ["/bin/sh", "-c", hook_command("claude", event)], input=told, capture_output=True, cwd=self.root,
            env=self.environment, timeout=60, check=False,
        )  # fmt: skip
        took = (time.perf_counter() - began) * 1_000
        return took, done.returncode, done.stdout + done.stderr

    def prompts(self, count: int, seed: int) -> tuple[list[float], int]:
        """Round trips of prompts, each of a conversation of its own, and how many of them were told something."""
        chance, took, answered = random.Random(seed), list[float](), 0
        for number in range(count):
            prompt = f"why was the {' and the '.join(chance.sample(_TOPICS, 3))} changed?"
            ms, code, told = self.call("prompt", {"session_id": f"n{seed}-{number}", "prompt": prompt})
            assert code == 0
            answered += b"additionalContext" in told
            took.append(ms)
        return took, answered

    def end(self) -> None:
        hook.end_resident(self.environment)


def shown(name: str, took: list[float], bounds: str = "") -> None:
    ordered = sorted(took)
    p95 = ordered[min(int(len(ordered) * 0.95), len(ordered) - 1)]
    print(
        f"{name:<44} p50 {statistics.median(took):7.1f} ms   p95 {p95:7.1f} ms   most {ordered[-1]:7.1f} ms  {bounds}"
    )


def failing(bench: Bench, count: int) -> bool:
    """Every way in which the store can fail, with and without a resident that had it open."""
    kept, well = bench.space.with_suffix(".kept"), True
    bench.end()
    shutil.copy(bench.space, kept)
    locking = (
        "import apsw, sys\nc = apsw.Connection(sys.argv[1])\nc.execute('PRAGMA locking_mode=EXCLUSIVE').fetchall()\n"
        "c.execute('BEGIN EXCLUSIVE')\nprint(1, flush=True)\nsys.stdin.read()\n"
    )
    for way in ("locked", "missing", "broken"):
        took = list[float]()
        other = None
        bench.end()
        for beside in bench.space.parent.glob(f"{bench.space.name}*"):
            beside.unlink()
        if way == "broken":
            bench.space.write_bytes(b"not a space" * 10_000)
        elif way == "locked":
            shutil.copy(kept, bench.space)
            other = subprocess.Popen(
                [sys.executable, "-c", locking, str(bench.space)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            assert other.stdout is not None
            other.stdout.readline()
        for number in range(count):
            ms, code, told = bench.call(
                "prompt", {"session_id": f"{way}{number}", "prompt": "why was the parser changed?"}
            )
            well = well and (code, told) == (0, b"") and ms <= bench.cap_ms
            took.append(ms)
        found = problems_in(bench.places)
        why = next(
            (problem.why for problem in (found[1] if found else {}).values()), "nothing, as there is no space yet"
        )
        if other is not None:
            other.communicate()
        shown(f"store {way}, exit 0 and nothing said: {well}", took, f"doctor: {why[:90]}")
    bench.end()
    for beside in bench.space.parent.glob(f"{bench.space.name}*"):
        beside.unlink()
    kept.rename(bench.space)
    return well


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--memories", type=int, default=20_000)
    options.add_argument("--count", type=int, default=100)
    options.add_argument("--seed", type=int, default=7)
    options.add_argument("--embedder", default="auto")
    given = options.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="hooks-"))
    bench = Bench(folder, given.embedder)
    try:
        bench.fill(given.memories, given.seed)
        print(f"{given.memories:,} memories, seed {given.seed}, model {given.embedder}, cap {bench.cap_ms} ms")
        bench.environment["HOLDFAST_HOOKS"] = "off"
        off = [bench.call("prompt", {})[0] for _ in range(given.count)]
        del bench.environment["HOLDFAST_HOOKS"]
        shown("the hook alone: start, nothing asked, end", off, f"bound p50 {START_MS:.0f}")
        cold = list[float]()
        for number in range(5):
            bench.end()
            ms, code, _ = bench.call("session-start", {"session_id": f"c{number}", "source": "startup"})
            assert code == 0
            cold.append(ms)
            time.sleep(2)  # the resident loads meanwhile, as while a person writes the first prompt
        shown("cold: no resident, session start", cold, f"within the cap of {bench.cap_ms}")
        first, answered = bench.prompts(1, given.seed + 1)
        shown("the first prompt after it", first, f"{answered} of 1 answered")
        warm, answered = bench.prompts(given.count, given.seed)
        bounds = f"bounds p50 {P50_MS:.0f}, p95 {P95_MS:.0f}; {answered} of {given.count} answered"
        shown("warm: prompt with recall", warm, bounds)
        transcript = folder / "s.jsonl"
        took = list[float]()
        for number in range(given.count):
            line = {
                "type": "user",
                "uuid": f"u{number}",
                "sessionId": "s",
                "message": {"role": "user", "content": "ok"},
            }
            with transcript.open("a") as file:
                file.write(json.dumps(line) + "\n")
            took.append(bench.call("stop", {"session_id": "s", "transcript_path": str(transcript)})[0])
        shown("warm: stop, transcript handed over", took)
        well = failing(bench, 5)
        ordered = sorted(warm)
        p95 = ordered[min(int(len(ordered) * 0.95), len(ordered) - 1)]
        reached = (
            statistics.median(warm) <= P50_MS
            and p95 <= P95_MS
            and answered == given.count
            and well
            and max(cold) <= bench.cap_ms
        )
        print("reached" if reached else "NOT REACHED")
        sys.exit(0 if reached else 1)
    finally:
        bench.end()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
