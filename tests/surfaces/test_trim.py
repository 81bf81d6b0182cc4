"""`holdfast prune`, `compact` and `snapshot`: a space that stays as small as what it holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast import Memory
from holdfast.surfaces.cli import failure
from holdfast.testing.faults import SteppedClock
from tests.surfaces.shell import Shell

YEAR_MS = 365 * 86_400_000


@pytest.fixture
def aged(shell: Shell) -> str:
    """A space in which a fact was revised and another corrected, a year ago."""
    with Memory.open(shell.space, embedder=None, clock=SteppedClock(1_700_000_000_000)) as memory:
        fact = memory.remember("Ada lives in Lisbon.")
        for tag in ("home", "town", "sea"):
            memory.revise(fact.id, tags=[tag])
        other = memory.remember("Ada sails.")
        memory.correct(other.id, "Ada swims.")
        return memory.storage.digest()


def test_prune_shows_first_and_does_it_when_told_to(shell: Shell, aged: str):
    shown = shell.ok("prune", "--keep-days", "30")
    assert "2 events would go" in shown
    assert "Nothing was changed; --apply does it." in shown
    told = shell.json("prune", "--keep-days", "30")
    assert (told["pruned"], told["horizon_at"][:4]) == (2, "2023")
    done = shell.ok("prune", "--keep-days", "30", "--superseded", "--compact", "--apply")
    for words in ("events went", "1 superseded memory went", "history begins after event", "bytes"):
        assert words in done
    assert "Nothing to prune." in shell.ok("prune", "--before", "2023-12-01", "--apply")
    assert shell.ok("check").strip().endswith("Nothing is wrong.")


def test_prune_leaves_what_is_held(shell: Shell, aged: str):
    shell.ok("prune", "--keep-days", "30", "--apply")
    with Memory.open(shell.space, embedder=None, read_only=True) as memory:
        assert memory.storage.digest() == aged


def test_prune_takes_the_retention_of_the_configuration(
    shell: Shell, aged: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    code, error = shell.error("prune")
    assert (code, "[retention]" in error) == (failure.USAGE, True)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "holdfast.toml").write_text("[retention]\nkeep_days = 30\nsuperseded = true\n")
    report = shell.json("prune")
    assert (report["pruned"], report["superseded"]) == (2, 1)
    for wrong in ("keep_days = -1", "keep_days = true", "superseded = true", "keep_days = 3\nkeep = 1"):
        (tmp_path / "holdfast.toml").write_text(f"[retention]\n{wrong}\n")
        code, error = shell.error("prune")
        assert (code, "expected keep_days" in error) == (failure.USAGE, True)


def test_compact_and_snapshot_say_what_they_did(shell: Shell, aged: str):
    assert "Snapshot after event 7" in shell.ok("snapshot")
    report = shell.json("compact")
    assert report["bytes_after"] <= report["bytes_before"]
    assert report["pending"] is None
    assert shell.json("snapshot") == {"seq": 7, "events": 5}
