"""Many at once, retries, slow and failing models: the campaigns of `bench` in short, and what they must notice."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from bench import interleaving, mixed, outage
from tests.campaigns import run_campaign

FORKS = pytest.mark.skipif(not hasattr(os, "fork"), reason="the campaign forks its writers")
SHORT = {
    "contention": ("--writes", "12"),
    "retries": ("--keys", "60"),
    "group_commit": ("--untimed", "--writes", "64", "--rounds", "1"),
}
PLANTS = {
    "contention": ("blind", "unfair", "impatient"),
    "retries": ("scattered", "deaf", "hasty"),
    "group_commit": ("alone", "undone"),
}
Outcome = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[tuple[str, str], Future[Outcome]]]:
    """Every campaign that needs a process of its own, without a fault and with each; several run at once."""
    with ThreadPoolExecutor(2) as pool:
        yield {
            (module, plant): pool.submit(
                run_campaign, module, "--seed", "7", *SHORT[module], *(("--plant", plant) if plant else ()),
                "--folder", tmp_path_factory.mktemp(f"{module}-{plant}"),
            )
            for module in SHORT
            for plant in ("", *PLANTS[module])
        }  # fmt: skip


@FORKS
@pytest.mark.parametrize(
    ("module", "says"),
    [
        ("contention", "processes 4  increments 48  turns 48"),
        ("retries", "conflicts 60  gone 2  broken 0"),
        ("group_commit", "writes a sync"),
    ],
)
def test_the_promise_holds(outcomes: dict[tuple[str, str], Future[Outcome]], module: str, says: str) -> None:
    done = outcomes[module, ""].result()
    assert done.returncode == 0, done.stdout + done.stderr
    assert says in done.stdout


@FORKS
@pytest.mark.parametrize(
    ("module", "plant", "says"),
    [
        ("contention", "blind", "the count is"),
        ("contention", "unfair", "more than 10 times the median"),
        ("contention", "impatient", "StoreBusy"),
        ("retries", "scattered", "60 keys had"),
        ("retries", "deaf", "was taken again, instead of KeyReused"),
        ("retries", "hasty", "which hold"),
        ("group_commit", "alone", "1.0 writes share a sync"),
        ("group_commit", "undone", "  slow: "),
    ],
)
def test_the_campaign_notices_a_broken_promise(
    outcomes: dict[tuple[str, str], Future[Outcome]], module: str, plant: str, says: str
) -> None:
    done = outcomes[module, plant].result()
    assert done.returncode == 1, done.stdout + done.stderr
    assert says in done.stdout, done.stdout


def held(campaign: object, folder: Path, *arguments: str) -> int:
    return campaign.main(["--seed", "7", "--folder", str(folder), *arguments])  # type: ignore[attr-defined]


def test_threads_and_tasks_at_once_lose_and_double_nothing(tmp_path: Path, capsys) -> None:
    assert held(mixed, tmp_path, "--keys", "120") == 0, capsys.readouterr().out
    assert "cancelled" in capsys.readouterr().out


@pytest.mark.parametrize("plant", mixed.PLANTS)
def test_the_campaign_of_threads_and_tasks_notices_a_broken_promise(tmp_path: Path, capsys, plant: str) -> None:
    assert held(mixed, tmp_path, "--keys", "60", "--plant", plant) == 1
    assert "60 keys had" in capsys.readouterr().out


def test_a_slow_model_clobbers_nothing(tmp_path: Path, capsys) -> None:
    assert held(interleaving, tmp_path, "--count", "8") == 0, capsys.readouterr().out


@pytest.mark.parametrize(
    ("plant", "says"), [("blind", "vectors are of nothing that is held"), ("careless", "that have no vector")]
)
def test_the_campaign_of_interleavings_notices_a_broken_promise(tmp_path: Path, capsys, plant: str, says: str) -> None:
    assert held(interleaving, tmp_path, "--count", "10", "--plant", plant) == 1
    assert says in capsys.readouterr().out


def test_an_outage_of_the_model_loses_nothing(tmp_path: Path, capsys) -> None:
    assert held(outage, tmp_path, "--rounds", "1", "--some", "6") == 0, capsys.readouterr().out


@pytest.mark.parametrize(
    ("plant", "only", "says"),
    [
        ("eager", "raises: panic", "was asked although it is left alone"),
        ("trusting", "returns: zeros", "did not say why it is degraded"),
        ("giving-up", "returns: NaN", "memories have"),
    ],
)
def test_the_campaign_of_outages_notices_a_broken_promise(
    tmp_path: Path, capsys, plant: str, only: str, says: str
) -> None:
    assert held(outage, tmp_path, "--rounds", "1", "--only", only, "--plant", plant) == 1
    assert says in capsys.readouterr().out
