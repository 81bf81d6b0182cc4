"""A space with a past: facts, turns, a correction, a revision, a forget, what was derived, and a readmission."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from holdfast import ForgetReceipt, Memory
from holdfast.testing.faults import SteppedClock

START_MS = 1_750_000_000_000


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock(START_MS)


@pytest.fixture
def opened(clock: SteppedClock) -> Iterator[Callable[..., Memory]]:
    """Opens memories by words only, and closes them after the test."""
    memories: list[Memory] = []

    def open_(path: str | Path = ":memory:", **settings) -> Memory:
        memories.append(Memory.open(path, **({"embedder": None, "clock": clock} | settings)))
        return memories[-1]

    yield open_
    for memory in memories:
        memory.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ada.db"


def lived(memory: Memory, clock: SteppedClock) -> ForgetReceipt:
    """Give a space its past; gives the receipt of what it forgot."""
    talk = memory.session("chat/1", user="Ada")
    first = talk.add("user", "I live in Lisbon.\nFor now.")
    clock.advance(1_000)
    talk.add("assistant", "Noted \u202e and kept.")
    gone = memory.remember("The door code is 7306.", subject="Ada", key="door", source="note")
    memory.remember("Ada told the door code.", sources=[gone.id])
    clock.advance(1_000)
    old = memory.remember("Ada likes tea.", subject="Ada", tags=["drink"], category="preference")
    new = memory.correct(old.id, "Ada likes coffee.", reason="she said so")
    memory.revise(new.id, importance=0.9)
    memory.remember("Ada met Fern.", sources=[first.id], attributes={"n": 1.5, "x": True})
    receipt = memory.forget(gone.id, reason="asked")
    again = memory.remember("Fern likes jazz.")
    memory.forget(again.id)
    memory.remember("Fern likes jazz.", readmit=True)
    clock.advance(1_000)
    return receipt


@pytest.fixture
def space(opened: Callable[..., Memory], path: Path, clock: SteppedClock) -> tuple[Memory, ForgetReceipt]:
    memory = opened(path)
    return memory, lived(memory, clock)


@pytest.fixture
def exported(opened, path, tmp_path) -> tuple[Memory, Path]:
    memory = opened(path)
    memory.remember("Ada lives in Lisbon.", subject="Ada", tags=["home"], source="form: 'A'")
    memory.remember("Ada likes tea.", subject="Ada")
    memory.remember("Take pills\n\n- at 8\n- at 20", category="health")
    talk = memory.session("chat/1", user="Ada")
    talk.add("user", "Hello.\nI am here.")
    talk.add("assistant", "Hello!")
    memory.storage.export_markdown(tmp_path / "out")
    return memory, tmp_path / "out"
