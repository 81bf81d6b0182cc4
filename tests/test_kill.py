"""What was acknowledged survives SIGKILL: the campaign of `bench.kill`, in short."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.campaigns import run_campaign

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the campaign forks its writers")


def campaign(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_campaign("kill", "--folder", folder, *arguments)


@pytest.mark.slow
def test_every_acknowledged_write_import_and_backup_survives_300_kills(tmp_path: Path) -> None:
    done = campaign(tmp_path, "--kills", "300")
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.search(
        r"kills 300  rounds 75  acknowledged (\d+)  lost 0  half-applied 0  problems 0  seed", done.stdout
    )
    assert found, done.stdout
    assert int(found[1]) > 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "plant", ["false-ack", "split-batch", "lazy-forget", "early-import", "rewritten-import", "raw-backup"]
)
def test_the_campaign_notices_a_broken_promise(tmp_path: Path, plant: str) -> None:
    done = campaign(tmp_path, "--kills", "60", "--seed", "1", "--plant", plant)
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(r"lost [1-9]|half-applied [1-9]|problems [1-9]", done.stdout), done.stdout
