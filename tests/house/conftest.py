"""Houses to test with: by words only, with a clock that stands still, closed at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from holdfast.house import Holdfast
from holdfast.testing.faults import SteppedClock


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "memories"


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock(1_750_000_000_000)


@pytest.fixture
def opened(folder: Path, clock: SteppedClock) -> Iterator[Callable[..., Holdfast]]:
    """Opens the house, once more each time, and closes all of them after the test."""
    houses: list[Holdfast] = []

    def open_(**settings) -> Holdfast:
        houses.append(Holdfast.open(settings.pop("folder", folder), **({"embedder": None, "clock": clock} | settings)))
        return houses[-1]

    yield open_
    for house in houses:
        house.close()


@pytest.fixture
def house(opened) -> Holdfast:
    return opened()
