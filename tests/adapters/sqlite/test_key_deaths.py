"""Whenever a process dies while a key is changed, the space opens with the old key or the new one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="the campaign forks"),
]


@pytest.mark.parametrize("change", ["encrypt", "rewrap", "rotate"])
def test_after_any_death_the_space_opens_and_holds_what_it_held(tmp_path: Path, change: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.adapters.sqlite.key_deaths", str(tmp_path), change],
        cwd=ROOT, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.fullmatch(r"deaths \d\d+\n", done.stdout)
