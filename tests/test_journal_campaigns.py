"""Short forms of the campaigns about the journal, and that each notices what it is there to notice.

The long ones: ``python -m bench.replay``, ``bench.time_travel``, ``bench.converge``, ``bench.prune_kill`` and
``bench.long_life``.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace

import pytest

from bench import converge, long_life, prune_kill, replay, time_travel
from holdfast.errors import HoldfastError

SEED = 20_261_120


def first_broken(campaign: Callable[[str], list[str]], most: int, first: int = 0) -> list[str]:
    """What the first history that breaks a promise says; empty where none of them does."""
    for number in range(first, first + most):
        try:
            broken = campaign(f"{SEED}/{number}")
        except (HoldfastError, LookupError) as error:
            return [repr(error)]
        if broken:
            return broken
    return []


def travelled(seed: str) -> list[str]:
    return time_travel.travel(seed)[0]


def converged(seed: str) -> list[str]:
    number = int(seed.rpartition("/")[2])
    return converge.converge(seed, "reference" if number % 4 else "sqlite")


def test_projections_of_random_lives_are_disposable():
    print(f"seed {SEED}")  # noqa: T201
    assert first_broken(replay.disposable, 12) == []


@pytest.mark.parametrize("plant", replay.PLANTS)
def test_a_projection_made_otherwise_is_noticed(plant):
    with replay.planted(plant):
        assert first_broken(replay.disposable, 40)


def test_random_pasts_are_as_they_were():
    print(f"seed {SEED}")  # noqa: T201
    assert first_broken(travelled, 10) == []


@pytest.mark.parametrize("plant", [plant for plant in time_travel.PLANTS if plant != "horizon-ignored"])
def test_a_past_that_is_shown_otherwise_is_noticed(plant):
    with time_travel.planted(plant):
        assert first_broken(travelled, 40)


def test_a_past_below_the_horizon_that_is_shown_is_noticed():
    with time_travel.planted("horizon-ignored"), pytest.raises(time_travel.Ignored):
        first_broken(travelled, 40, first=20)


def test_offline_histories_converge():
    print(f"seed {SEED}")  # noqa: T201
    assert first_broken(converged, 80) == []


@pytest.mark.parametrize("plant", converge.PLANTS)
def test_nodes_that_do_not_converge_are_noticed(plant):
    with ExitStack() as stack:
        converge.planted(plant, stack)
        assert first_broken(converged, 60)


def test_a_long_life_leaves_a_space_as_small_as_what_it_holds(tmp_path, monkeypatch):
    monkeypatch.setattr(long_life, "OPENINGS", 1)
    print(f"seed {SEED}")  # noqa: T201
    broken = long_life.live_long(tmp_path, 2_000, 300, SEED, long_life.FACTOR)
    assert [line for line in broken if "opening takes" not in line] == []


@pytest.mark.parametrize("plant", long_life.PLANTS)
def test_a_life_that_leaves_more_or_less_is_noticed(plant, tmp_path, monkeypatch):
    size = long_life.Size("", 0, 1.0, 1.0, 1.0, 1.0)
    monkeypatch.setattr(long_life, "sized", lambda name, path: _sized(size, path))
    with long_life.planted(plant):
        try:
            assert long_life.live_long(tmp_path, 2_000, 150, SEED, long_life.FACTOR)
        except HoldfastError:
            return  # a space that cannot be used is noticed too


def _sized(size, path):
    return replace(size, file_mb=sum(file.stat().st_size for file in path.parent.glob(path.name + "*")) / 1e6)


def test_killed_while_it_is_pruned_and_compacted_a_space_loses_nothing(tmp_path):
    print(f"seed {SEED}")  # noqa: T201
    assert prune_kill.rounds(tmp_path, 4, SEED) == []


@pytest.mark.parametrize("plant", prune_kill.PLANTS)
def test_a_pruning_that_loses_what_it_must_not_is_noticed(plant, tmp_path):
    with prune_kill.planted(plant):
        try:
            assert prune_kill.rounds(tmp_path, 8, SEED)
        except HoldfastError:
            return
