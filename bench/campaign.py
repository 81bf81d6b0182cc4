"""What every campaign of promises has: a seed that is printed, a folder to work in, faults to plant, and an end."""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SHOWN = 20
"""Broken promises that are printed one by one."""


def options(module: str, text: str | None, plants: Sequence[str]) -> argparse.ArgumentParser:
    """The command line that campaigns share."""
    parser = argparse.ArgumentParser(prog=f"python -m bench.{module}", description=(text or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=None, help="repeat the choices of an earlier campaign")
    parser.add_argument("--folder", type=Path, default=None, help="where to keep the spaces; temporary by default")
    parser.add_argument("--plant", choices=plants, default=None, help="break the promise on purpose")
    return parser


def begin(given: argparse.Namespace) -> tuple[int, Path]:
    """Print the seed; gives it, and the folder to work in."""
    seed = random.SystemRandom().randrange(1_000_000) if given.seed is None else given.seed
    folder = given.folder or Path(tempfile.mkdtemp(prefix="holdfast-campaign-"))
    folder.mkdir(parents=True, exist_ok=True)
    print(f"seed {seed}", flush=True)
    return seed, folder


def end(given: argparse.Namespace, folder: Path, broken: Sequence[str]) -> int:
    """Print what was broken and tidy up; gives the exit code."""
    for line in broken[:SHOWN]:
        print(f"  {line}")
    if len(broken) > SHOWN:
        print(f"  and {len(broken) - SHOWN} more")
    if broken:
        print(f"the spaces are kept in {folder}")
        return 1
    if given.folder is None:
        shutil.rmtree(folder)
    return 0


@contextmanager
def replaced(owner: object, name: str, value: Any) -> Iterator[None]:
    """An attribute with another value for the time of a ``with``: how a fault is planted."""
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)
