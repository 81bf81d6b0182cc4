"""A space that is full says so before it writes, and goes on answering."""

from __future__ import annotations

import pytest

from holdfast import Memory, Turn
from holdfast.errors import TooManyMemories
from holdfast.model import limits


def test_a_space_takes_as_many_as_it_can_hold_and_no_more(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MEMORIES", 4)
    session = memory.session("s")
    ids = [session.add("Ada", f"Heron number {number}.").id for number in range(3)]
    memory.forget(ids[0])
    session.add("Ada", "A kingfisher.")
    session.add("Ada", "An owl.")
    with pytest.raises(TooManyMemories, match="holds 4 memories; with 1 more"):
        session.add("Ada", "One too many.")
    assert [hit.text for hit in memory.recall("owl", limit=1)] == ["An owl."]
    memory.forget(ids[1])
    session.add("Ada", "Now there is room.")
    assert len(list(memory.records())) == 4


def test_many_at_once_are_taken_all_or_none(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MEMORIES", 4)
    memory.remember("A heron.")
    with pytest.raises(TooManyMemories):
        memory.session("s").add_many(Turn(speaker="Ada", text=f"Bird {number}.") for number in range(4))
    memory.session("s").add_many(Turn(speaker="Ada", text=f"Bird {number}.") for number in range(3))
    assert len(list(memory.records())) == 4
