"""Spaces to test with: a clock that stands still, a model without weights, and everything closed at the end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from holdfast import Memory
from holdfast.testing.embedders import FaultyEmbedder, HashEmbedder
from holdfast.testing.faults import SteppedClock

START_MS = 1_750_000_000_000
"""2025-06-15T15:06:40Z, where the clock stands."""


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock(START_MS)


@pytest.fixture
def model() -> FaultyEmbedder:
    return FaultyEmbedder()


@pytest.fixture
def opened(clock: SteppedClock, model: FaultyEmbedder) -> Iterator[Callable[..., Memory]]:
    """Opens memories, by words only unless told otherwise, and closes them after the test."""
    memories: list[Memory] = []

    def open_(path: str | Path = ":memory:", **settings) -> Memory:
        memories.append(Memory.open(path, **({"embedder": None, "clock": clock} | settings)))
        return memories[-1]

    yield open_
    model.fault = None
    model.thaw()
    for memory in memories:
        memory.close()
    left = [thread.name for thread in threading.enumerate() if thread.name == "holdfast-embedding"]
    assert left == [], "closing left a thread behind"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "space.db"


@pytest.fixture(params=["file", "memory"])
def memory(request: pytest.FixtureRequest, opened, path: Path) -> Memory:
    """A space in a file, and one in memory."""
    return opened(path if request.param == "file" else ":memory:")


@pytest.fixture
def embedded(opened, path: Path, model: FaultyEmbedder) -> Memory:
    """A space in a file with a model that fails when told to."""
    return opened(path, embedder=model)


@pytest.fixture(scope="session")
def hash_embedder() -> HashEmbedder:
    return HashEmbedder()
