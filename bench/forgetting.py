"""Is what is forgotten gone, does it stay gone, can it be shown, and how long does it take?

    python -m bench.forgetting canaries --canaries 200
    python -m bench.forgetting interleavings --count 2000
    python -m bench.forgetting receipts --count 1000
    python -m bench.forgetting speed --memories 100000 --going 10000

Each part prints what it counted and its seed, with which its choices can be repeated. The exit code is 1 where a
promise did not hold. ``--plant`` breaks one on purpose, to see that the campaign notices.

canaries
    Made-up words stand on every surface of a space: texts, captions, authors, subjects, predicates, objects, tags,
    attributes, sources, session names, idempotency keys, reasons, vectors, term counts, what was derived from them,
    caches. They are forgotten in ten ways and then looked for in the bytes of every file, among the stored term
    hashes, by the nearness of vectors, in the past, in histories, in recalls and exports, and once more after their
    sources were imported again. A column of the schema that nobody accounted for is a failure. A twentieth as many
    spaces of a house are named by canaries, renamed and dropped.
interleavings
    Two devices with one space forget, import, retry, merge, rebuild, back up and restore in random order.
receipts
    A journal is altered, in half of the cases with every chain value made to fit, and held against a kept proof.
speed
    Bounds hold from 100,000 memories on: 10,000 in 5 s, one in 50 ms, and recalls meanwhile at most twice as slow.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from bench import forgetting_canaries, forgetting_houses, forgetting_receipts, forgetting_returns, forgetting_speed
from bench.forgetting_faults import PLANTS as CANARY_PLANTS

SHOWN = 20
"""Lines of what went wrong that are printed."""


def canaries(given: argparse.Namespace, folder: Path) -> bool:
    """Run that part; gives whether nothing was found."""
    findings = forgetting_canaries.campaign(folder, given.seed, given.canaries, given.plant)
    findings.found += forgetting_houses.left(folder / "house", given.seed, max(1, given.canaries // 20))
    _show(findings.found)
    _show(findings.lost)
    print(
        f"canaries {given.canaries}  ways {len(forgetting_canaries.WAYS)}  found {len(findings.found)}  problems "
        f"{len(findings.lost)}  seed {given.seed}"
    )
    return not findings.found and not findings.lost


def interleavings(given: argparse.Namespace, folder: Path) -> bool:
    """Run that part; gives whether nothing came back."""
    returned, counts = forgetting_returns.campaign(folder, given.seed, given.count, given.plant, given.every)
    _show(returned)
    done = "  ".join(f"{what} {count:,}" for what, count in sorted(counts.items()))
    print(f"interleavings {given.count:,}  came back {len(returned)}  seed {given.seed}\n  {done}")
    return not returned


def receipts(given: argparse.Namespace, folder: Path) -> bool:
    """Run that part; gives whether everything was noticed."""
    shown, unseen = forgetting_receipts.campaign(folder, given.seed, given.count, given.plant)
    _show(unseen)
    how = ", ".join(f"{name} {count:,}" for name, count in sorted(shown.items()))
    print(f"tamperings {given.count:,}  unseen {len(unseen)}  seed {given.seed}\n  {how}")
    return not unseen


def speed(given: argparse.Namespace, folder: Path) -> bool:
    """Run that part; gives whether the bounds hold."""
    return forgetting_speed.speed(given.memories, given.going, given.seed, folder)


def _show(lines: list[str]) -> None:
    for line in lines[:SHOWN]:
        print(f"  {line}")
    if len(lines) > SHOWN:
        print(f"  and {len(lines) - SHOWN:,} more")


def main(arguments: list[str] | None = None) -> int:
    """Run one part."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.forgetting", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parts = parser.add_subparsers(required=True, metavar="PART")
    for part, plants in (
        (canaries, CANARY_PLANTS),
        (interleavings, forgetting_returns.PLANTS),
        (receipts, forgetting_receipts.PLANTS),
        (speed, None),
    ):
        command = parts.add_parser(part.__name__)
        command.set_defaults(part=part)
        command.add_argument("--seed", type=int, default=None, help="repeat the choices of an earlier campaign")
        if plants:
            command.add_argument("--plant", choices=plants, default=None, help="break the promise on purpose")
        if part is canaries:
            command.add_argument("--canaries", type=int, default=200)
        elif part is speed:
            command.add_argument("--memories", type=int, default=100_000)
            command.add_argument("--going", type=int, default=10_000, help="how many are forgotten; a multiple of 25")
        else:
            command.add_argument("--count", type=int, default=2_000 if part is interleavings else 1_000)
        if part is interleavings:
            command.add_argument("--every", type=int, default=forgetting_returns.ON_DISK, help="one in so many on disk")
    given = parser.parse_args(arguments)
    given.seed = random.SystemRandom().randrange(1_000_000) if given.seed is None else given.seed
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="holdfast-forgetting-") as folder:
        is_fine = given.part(given, Path(folder))
    print(f"{time.monotonic() - start:.0f} s")
    return 0 if is_fine else 1


if __name__ == "__main__":
    sys.exit(main())
