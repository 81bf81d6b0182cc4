"""Where the development data lies: it is never part of the repository."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONVERSATIONS = ("locomo-dev.jsonl", "beam-100k-dev.jsonl", "longmemeval-evidence-dev.jsonl")
HOW = "name its folder with HOLDFAST_DATA, or put it into ../shared/data beside the repository"


def data_folder(given: Path | None = None) -> Path:
    """The folder given, or that of ``HOLDFAST_DATA``, or ``../shared/data`` beside the repository."""
    named = given or os.environ.get("HOLDFAST_DATA")
    return Path(named) if named else ROOT.parent / "shared" / "data"


def data_file(name: str, given: Path | None = None) -> Path | None:
    """A file of the data, or None where it is not there."""
    path = data_folder(given) / name
    return path if path.is_file() else None
