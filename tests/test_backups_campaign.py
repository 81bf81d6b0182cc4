"""Backups during writes restore to an exact prefix without what was forgotten: `bench.backups`, in short."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.campaigns import run_campaign


def campaign(*arguments: str) -> subprocess.CompletedProcess[str]:
    return run_campaign("backups", *arguments)


def test_backups_taken_while_two_processes_write_restore_to_an_exact_prefix():
    done = campaign("--rounds", "3")
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout[done.stdout.index("{") : done.stdout.rindex("}") + 1])
    assert (told["backups"], told["restored"], told["wrong"]) == (3, 6, 0)
    assert told["forgotten_looked_for"] > 0


@pytest.mark.parametrize("plant", ["raw-copy", "skip-forgets", "same-node"])
def test_the_campaign_notices_a_broken_promise(plant):
    done = campaign("--rounds", "2", "--seed", "3", "--plant", plant)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "round" in done.stdout
