"""An import that is killed is resumed with nothing twice and nothing missing: `bench.import_kill`, in short."""

from __future__ import annotations

import os
import re
import subprocess

import pytest

from tests.campaigns import run_campaign

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the campaign forks its importers")


def campaign(*arguments: str) -> subprocess.CompletedProcess[str]:
    return run_campaign("import_kill", "--megabytes", "2", *arguments)


def test_an_import_killed_twenty_times_is_resumed_with_nothing_twice_and_nothing_missing() -> None:
    done = campaign("--kills", "20")
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.search(r"entries ([\d,]+)  kills (\d+)  missing 0  twice 0  different 0  problems 0", done.stdout)
    assert found, done.stdout
    assert int(found[1].replace(",", "")) > 3_000
    assert int(found[2]) >= 10


@pytest.mark.parametrize(
    ("plant", "noticed"), [("forgets-keys", r"twice [1-9]"), ("marks-before-writing", r"missing [1-9]")]
)
def test_the_campaign_notices_a_broken_promise(plant: str, noticed: str) -> None:
    done = campaign("--kills", "6", "--seed", "1", "--plant", plant)
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(noticed, done.stdout), done.stdout
