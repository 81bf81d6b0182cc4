"""An altered byte is never answered with silently: the campaign of `bench.bitrot`, in short."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.campaigns import run_campaign


def campaign(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_campaign("bitrot", "--folder", folder, *arguments)


@pytest.mark.slow
def test_no_answer_from_an_altered_file_is_wrong_without_saying_so(tmp_path: Path) -> None:
    done = campaign(tmp_path, "--flips", "40")
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.search(r"flips 40  told (\d+)  lacking and named \d+  without effect \d+  mended (\d+)", done.stdout)
    assert found, done.stdout
    assert int(found[1]) > 0
    assert int(found[2]) > 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("plant", "group"),
    [
        ("no-commitment", "journal"), ("no-check-of-rows", "rows"), ("no-check-of-vectors", "vectors"),
        ("deaf-check", "journal"), ("mend-raises", "rows"), ("forget-by-number", "numbers"),
    ],
)  # fmt: skip
def test_the_campaign_notices_a_broken_promise(tmp_path: Path, plant: str, group: str) -> None:
    done = campaign(tmp_path, "--flips", "24", "--seed", "1", "--plant", plant, "--only", group)
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(r"wrong [1-9]", done.stdout), done.stdout
