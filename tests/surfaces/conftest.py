"""A command line in an empty folder, with nothing of the machine's own settings."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.surfaces.shell import UPDATE, Shell


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Commands run here use the space ``space.db`` of an empty folder, and recall by words only."""
    for name in [name for name in os.environ if name.startswith(("HOLDFAST_", "XDG_")) and name != UPDATE]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOLDFAST_DB", str(tmp_path / "space.db"))
    monkeypatch.setenv("HOLDFAST_EMBEDDER", "none")
    monkeypatch.setenv("PYTHONIOENCODING", "utf-8")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.chdir(tmp_path)
    return Shell(tmp_path)
