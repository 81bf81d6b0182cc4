"""Every long campaign, two at a time: ``python -m bench.nightly [--jobs 2] [--only WORD] [--logs FOLDER]``.

Those that measure time run alone, after the others. Prints a line for each as it ends, and a Markdown table with the
duration and what it printed last; ends with 1 if any of them broke a promise, whose whole output is printed then.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LONGEST_S = 3_000
"""A campaign that takes longer hangs."""
CAMPAIGNS = (
    "kill --kills 5000 --seconds 1500", "iofaults", "powercut --states 5000", "converge --histories 20000",
    "time_travel --histories 1000", "bitrot --flips 1000", "bitrot_house --flips 500", "interleaving --count 1000",
    "long_life --events 300000", "prune_kill --kills 100", "retries --keys 10000", "forgetting canaries",
    "import_kill --megabytes 50 --kills 20", "forgetting interleavings --count 2000", "forgetting receipts",
    "backups --rounds 50", "mixed --keys 4000", "upgrades",
)  # fmt: skip
"""The longest first, so that none is left over at the end."""
ALONE = (
    "contention --writes 2500", "group_commit", "replay --histories 1000 --events 200000", "forgetting speed",
    "agent_run", "outage --rounds 3", "fuzz --queries 10000",
)  # fmt: skip
"""Those that measure time, or wait for something for a short one."""


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a campaign."""

    command: str
    seconds: float
    code: int
    output: str

    @property
    def last_line(self) -> str:
        """The last line that says what it came to."""
        lines = [line.strip() for line in self.output.splitlines() if line.strip()]
        return lines[-1].replace("|", "/") if lines else ""


def run(command: str, logs: Path, seed: int | None) -> Done:
    """Run one campaign in a process of its own, its output kept in a file."""
    start = time.monotonic()
    seeded = [] if seed is None else ["--seed", str(seed)]
    with (logs / f"{command.replace(' ', '_')}.log").open("w+", encoding="utf-8") as log:
        try:
            code = subprocess.run(
                [sys.executable, "-m", *f"bench.{command}".split(), *seeded],
                cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, timeout=LONGEST_S, check=False,
            ).returncode  # fmt: skip
        except subprocess.TimeoutExpired:
            code = 124
        log.seek(0)
        return Done(command, time.monotonic() - start, code, log.read())


def told(done: Done) -> Done:
    """The same, after a line about it was printed."""
    said = "kept every promise" if done.code == 0 else f"ENDED WITH {done.code}"
    print(f"{done.command}: {said}, {done.seconds:,.0f} s", flush=True)
    return done


def main(arguments: Sequence[str] | None = None) -> int:
    """Run them all; the exit code is 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m bench.nightly", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--jobs", type=int, default=2, help="campaigns at once (default %(default)s)")
    parser.add_argument("--only", nargs="+", default=[""], metavar="WORD", help="campaigns with one of these in them")
    parser.add_argument("--seed", type=int, help="of every campaign; each draws its own otherwise, and prints it")
    parser.add_argument("--logs", type=Path, help="keep what each of them prints in this folder")
    given = parser.parse_args(arguments)
    logs = given.logs or Path(tempfile.mkdtemp(prefix="holdfast-nightly-"))
    logs.mkdir(parents=True, exist_ok=True)

    def chosen(commands: Iterable[str]) -> list[str]:
        return [command for command in commands if any(word in command for word in given.only)]

    start = time.monotonic()
    with ThreadPoolExecutor(given.jobs) as pool:
        waiting = [pool.submit(run, command, logs, given.seed) for command in chosen(CAMPAIGNS)]
        done = [told(one.result()) for one in as_completed(waiting)]
    done += [told(run(command, logs, given.seed)) for command in chosen(ALONE)]
    print(f"\n{len(done)} campaigns in {(time.monotonic() - start) / 60:.0f} min, printed in full under {logs}\n")
    print("| campaign | seconds | exit | printed last |\n|---|---|---|---|")
    for one in done:
        print(f"| `{one.command}` | {one.seconds:,.0f} | {one.code} | {one.last_line:.300} |")
    for one in done:
        if one.code:
            print(f"\n{one.command}:\n{one.output}")
    return 1 if any(one.code for one in done) else 0


if __name__ == "__main__":
    raise SystemExit(main())
