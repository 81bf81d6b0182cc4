"""What is forgotten is gone, stays gone, and can be shown: the campaigns of `bench.forgetting`, in short."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.campaigns import run_campaign


def campaign(*arguments: str) -> subprocess.CompletedProcess[str]:
    return run_campaign("forgetting", *arguments)


def test_canaries_on_every_surface_are_found_nowhere_once_they_are_forgotten_in_ten_ways() -> None:
    done = campaign("canaries", "--canaries", "20")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"canaries 20  ways 10  found 0  problems 0  seed \d+", done.stdout), done.stdout


def test_nothing_forgotten_comes_back_through_imports_retries_merges_rebuilds_and_restores() -> None:
    done = campaign("interleavings", "--count", "40")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"interleavings 40  came back 0  seed \d+", done.stdout), done.stdout
    for what in ("forget", "import", "retry", "merge", "rebuild", "restore"):
        assert re.search(rf"{what} [1-9]", done.stdout), done.stdout


def test_every_tampering_with_a_journal_shows_against_a_kept_proof() -> None:
    done = campaign("receipts", "--count", "110")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"tamperings 110  unseen 0  seed \d+", done.stdout), done.stdout


def test_the_speed_campaign_forgets_what_it_says() -> None:
    done = campaign("speed", "--memories", "500", "--going", "100")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "forgot 100 of 500" in done.stdout


@pytest.mark.parametrize(
    ("plant", "noticed"),
    [
        ("secure-delete-off", "file canaries.db"),
        ("log-kept", "file canaries.db"),
        ("terms-kept", "terms: zq"),
        *(
            pytest.param(plant, noticed, marks=pytest.mark.slow)
            for plant, noticed in (
                ("labels-kept", "file canaries.db"),
                ("payloads-kept", "file canaries.db"),
                ("vectors-kept", "vector: "),
                ("tags-kept", "file canaries.db"),
                ("touches-kept", "a row of touch"),
                ("no-bars", "learned again"),
                ("caches-kept", "cache: zq"),
                ("derived-kept", "file canaries.db"),
            )
        ),
    ],
)
def test_the_canaries_notice_a_broken_promise(plant: str, noticed: str) -> None:
    done = campaign("canaries", "--canaries", "20", "--seed", "1", "--plant", plant)
    assert done.returncode == 1, done.stdout + done.stderr
    assert noticed in done.stdout
    assert re.search(r"found [1-9]", done.stdout), done.stdout


@pytest.mark.parametrize(
    ("plant", "every", "noticed"),
    [
        ("merge-ignores-tombstones", "1000", "holds the payload"),
        ("merge-keeps-derived", "1000", "made of what is gone"),
        ("bars-ignored", "1000", "learned again"),
        ("restore-skips-tombstones", "1", "node"),
    ],
)
@pytest.mark.slow
def test_the_interleavings_notice_a_broken_promise(plant: str, every: str, noticed: str) -> None:
    count = "40" if every == "1" else "150"
    done = campaign("interleavings", "--count", count, "--seed", "1", "--plant", plant, "--every", every)
    assert done.returncode == 1, done.stdout + done.stderr
    assert noticed in done.stdout
    assert re.search(r"came back [1-9]", done.stdout), done.stdout


@pytest.mark.parametrize("plant", ["chains-unchecked", "heads-unchecked"])
def test_the_tamperings_notice_a_broken_promise(plant: str) -> None:
    done = campaign("receipts", "--count", "44", "--seed", "1", "--plant", plant)
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(r"unseen [1-9]", done.stdout), done.stdout
