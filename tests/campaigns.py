"""Running a campaign of `bench` in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def run_campaign(module: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """What ``python -m bench.MODULE`` came to; it may take five minutes."""
    return subprocess.run(
        [sys.executable, "-m", f"bench.{module}", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
