"""Kill imports at random moments, resume them, and look for anything twice or missing.

    python -m bench.import_kill --megabytes 50 --kills 20 --seed 7

Makes transcripts of four formats and a folder of Markdown, and imports them into a space. Then the same is
imported into a copy of the space as it was when empty, by processes that are killed with SIGKILL, each somewhat
further on, and at last by one that is not. Ids follow from the secret of a space and the keys of what is
imported, so both spaces must hold the same ids with the same contents; ``check()`` must find nothing wrong.

The exit code is 1 when anything was twice, missing or different. ``--plant`` breaks resuming on purpose, to see
that this notices.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any

# Threads that the numerical library would start do not survive the forks below, and nothing here needs them.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from bench.importers import FILES, Talk, written
from holdfast.memory import Memory
from holdfast.services.importing import Importing

PLANTS = ("forgets-keys", "marks-before-writing")
FATAL = 2
"""The batch between whose mark and write the planted fault dies."""
NOTES = 200
"""Files in the folder of Markdown."""


def sources(folder: Path, size: int) -> list[Path]:
    """Files of every format that together have a size, and a folder of notes."""
    made = [
        written(folder / name, values(Talk(seed)), size // len(FILES), as_list=as_list)
        for seed, (name, values, as_list) in enumerate(FILES, 1)
    ]
    notes = folder / "notes"
    notes.mkdir()
    talk = Talk(99)
    for number in range(NOTES):
        sections = (f"# Section {n}\n{talk.text(40)}\n\n" for n in range(talk.number(8)))
        (notes / f"{number}.md").write_text("".join(sections), encoding="utf-8")
    return [*made, notes]


def import_all(space: Path, paths: list[Path]) -> int:
    """Import every source in order; gives how many memories were added."""
    with Memory.open(space, embedder=None) as memory:
        return sum(memory.import_(path).added for path in paths)


def held(space: Path) -> tuple[dict[str, tuple[Any, ...]], list[str]]:
    """What a space holds by id, and what is wrong with it."""
    with Memory.open(space, embedder=None) as memory:
        records = {
            record.id: (record.text, record.session, record.author, record.source, record.version)
            for record in memory.records()
        }
        return records, memory.check()


def plant_fault(plant: str, folder: Path) -> None:
    """Break resuming in this process."""
    take, command = Importing._take, Importing._command
    mark, count = folder / "mark", 0

    def take_marked(self: Importing, made: Any) -> None:
        nonlocal count
        count += 1
        if count > int(mark.read_text() if mark.exists() else 0):
            # Whole or not at all, so that the fault is the one that was meant: a mark before its write.
            fresh = mark.with_suffix(".new")
            fresh.write_text(str(count))
            fresh.replace(mark)
            if count == FATAL:
                # Where a random kill would have to fall to show it; once, since the mark is there now.
                os.kill(os.getpid(), signal.SIGKILL)
            take(self, made)

    def command_without_key(self: Importing, item: Any, *more: Any) -> Any:
        return replace(command(self, item, *more), record=self._ledger.new_id())

    if plant == "marks-before-writing":
        Importing._take = take_marked  # type: ignore[method-assign]
    else:
        Importing._command = command_without_key  # type: ignore[method-assign]


def import_in_child(space: Path, paths: list[Path], life_s: float | None, plant: str | None) -> bool:
    """Import in a process of its own that is killed after a while; gives whether it was, before its end."""
    process = os.fork()
    if process == 0:
        code = 1
        try:
            if plant:
                plant_fault(plant, space.parent)
            import_all(space, paths)
            code = 0
        except BaseException:  # noqa: BLE001 - the edge of the process: shown before it ends
            traceback.print_exc()
        finally:
            os._exit(code)
    if life_s is not None:
        time.sleep(life_s)
        # Not reaped yet, so the number is still its own even where it has ended.
        os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    if os.WIFSIGNALED(status):
        return True
    if os.waitstatus_to_exitcode(status):
        raise SystemExit("an import failed by itself")
    return False


def campaign(folder: Path, size: int, kills: int, seed: int, plant: str | None) -> int:
    """Run it; gives the exit code."""
    chance = random.Random(seed)
    whole, killed = folder / "whole.db", folder / "killed" / "killed.db"
    killed.parent.mkdir()
    paths = sources(folder, size)
    Memory.open(whole, embedder=None).close()
    shutil.copy(whole, killed)
    start = time.perf_counter()
    import_in_child(whole, paths, None, None)
    took_s = time.perf_counter() - start
    done = 0
    for number in range(kills):
        life_s = took_s * (number + chance.random()) / kills
        done += import_in_child(killed, paths, life_s, plant)
    import_in_child(killed, paths, None, plant)
    expected, _ = held(whole)
    found, problems = held(killed)
    missing, more = len(expected.keys() - found.keys()), len(found.keys() - expected.keys())
    differing = sum(1 for one in expected.keys() & found.keys() if expected[one] != found[one])
    print(
        f"entries {len(expected):,}  kills {done}  missing {missing:,}  twice {more:,}  different {differing:,}  "
        f"problems {len(problems)}  unkilled {took_s:.1f} s  seed {seed}"
    )
    return 1 if missing or more or differing or problems else 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=float, default=50)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--plant", choices=PLANTS)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(campaign(Path(folder), int(given.megabytes * 1e6), given.kills, given.seed, given.plant))


if __name__ == "__main__":
    main()
