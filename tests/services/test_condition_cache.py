"""What contents were found to say is remembered, and never past its time."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from holdfast import Memory, Turn
from holdfast.services import condition_cache
from holdfast.testing.faults import SteppedClock

Open = Callable[..., Memory]
DEEP = {"confidence": {"gte": 0.5}}


@pytest.fixture
def told(memory: Memory) -> Memory:
    for number in range(12):
        memory.remember(
            f"Heron {number} stands by the water.",
            confidence=number / 12,
            attributes={"age": number, "big": number > 5},
        )
    return memory


def found(memory: Memory, where: dict[str, object]) -> list[str]:
    return sorted(hit.text for hit in memory.recall("heron", limit=100, where=where))


def afresh(memory: Memory, where: dict[str, object]) -> list[str]:
    memory._space.index.conditions.clear()
    return found(memory, where)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows with every content that is decoded for a filter."""
    seen = list[int]()
    decode = condition_cache.decode_record

    def counted(event):
        seen.append(event.seq)
        return decode(event)

    monkeypatch.setattr(condition_cache, "decode_record", counted)
    return seen


def test_contents_are_read_once_for_a_condition(told: Memory, reads: list[int]) -> None:
    first = found(told, DEEP)
    assert len(first) == 6
    assert len(reads) == 12
    assert found(told, DEEP) == first
    assert found(told, {"and": [DEEP, {"kind": "fact"}]}) == first
    assert found(told, {"not": DEEP}) == sorted(f"Heron {number} stands by the water." for number in range(6))
    assert len(reads) == 12


def test_what_changed_is_read_again_and_nothing_else(told: Memory, reads: list[int]) -> None:
    found(told, DEEP)
    reads.clear()
    records = {record.text: record.id for record in told.records()}
    told.revise(records["Heron 0 stands by the water."], confidence=0.9)
    told.forget(records["Heron 11 stands by the water."])
    told.remember("Heron 12 stands by the water.", confidence=0.75)
    expected = afresh(told, DEEP)
    assert "Heron 0 stands by the water." in expected
    assert "Heron 12 stands by the water." in expected
    assert "Heron 11 stands by the water." not in expected
    told._space.index.conditions.clear()
    found(told, DEEP)
    reads.clear()
    told.revise(records["Heron 1 stands by the water."], confidence=0.95)
    told.remember("Heron 13 stands by the water.", confidence=0.2)
    assert found(told, DEEP) == sorted([*expected, "Heron 1 stands by the water."])
    assert len(reads) == 2


def test_another_handle_s_changes_count(opened: Open, path) -> None:
    one, other = opened(path), opened(path)
    record = one.remember("Heron 1 stands by the water.", confidence=0.9)
    assert len(found(one, DEEP)) == 1
    other.revise(record.id, confidence=0.1)
    assert found(one, DEEP) == []


def test_one_and_true_are_not_taken_for_each_other(memory: Memory) -> None:
    memory.remember("Heron one.", attributes={"n": 1})
    memory.remember("Heron true.", attributes={"n": True})
    assert found(memory, {"attributes.n": 1}) == ["Heron one."]
    assert found(memory, {"attributes.n": True}) == ["Heron true."]
    assert found(memory, {"attributes.n": 1.0}) == ["Heron one."]


@pytest.mark.parametrize(
    "where",
    [
        {"attributes.age": {"gt": 3, "lte": 8}},
        {"or": [{"attributes.big": True}, {"text": {"contains": "HERON 2"}}]},
        {"not": {"attributes.age": {"in": [1, 2, 3]}}},
        {"and": [{"not": {"attributes.big": True}}, {"kind": "fact"}, {"attributes.age": {"exists": True}}]},
        {"not": {"or": [{"attributes.age": 4}, {"not": {"confidence": {"lt": 0.8}}}]}},
        {"or": [{"kind": "turn"}, {"attributes.nothing": {"exists": False}}]},
    ],
)
def test_remembered_answers_are_those_of_the_contents(told: Memory, where: dict[str, object]) -> None:
    told.session("s").add_many([Turn(speaker="Ada", text="I saw a heron.")])
    expected = afresh(told, where)
    assert found(told, where) == expected
    assert found(told, DEEP) == afresh(told, DEEP)
    assert found(told, where) == expected


def test_a_content_that_was_altered_meets_nothing_also_behind_not(opened: Open, path, clock: SteppedClock) -> None:
    memory = opened(path)
    memory.remember("Heron 1 stands by the water.", confidence=0.9)
    memory.remember("Heron 2 stands by the water.", confidence=0.9)
    memory._space.store.write(
        lambda connection: connection.execute(
            "UPDATE event SET payload = CAST(replace(CAST(payload AS TEXT), '0.9', '0.1') AS BLOB) WHERE seq = 1"
        ).fetchall()
    )
    with memory._space.store.reading() as reader:
        from holdfast.core.border import check_where
        from holdfast.services.selecting import matching

        remembered = condition_cache.ConditionCache()
        for where in (DEEP, {"not": {"confidence": {"lt": 0.5}}}):
            for _ in range(2):
                assert len(matching(reader, check_where(where), None, None, cache=remembered)) == 1
        assert matching(reader, check_where({"confidence": {"lt": 0.5}}), None, None, cache=remembered) == []


def test_forgetting_leaves_no_condition_behind(told: Memory) -> None:
    found(told, {"text": {"contains": "Heron 3"}})
    assert told._space.index.conditions._known
    told.forget(next(iter(told.records())).id)
    assert not told._space.index.conditions._known


def test_what_is_remembered_is_bounded(told: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(condition_cache, "MOST_CONDITIONS", 3)
    for number in range(8):
        found(told, {"attributes.age": number})
    assert len(told._space.index.conditions._known) == 3
    monkeypatch.setattr(condition_cache, "MOST_ANSWERS", 20)
    assert len(found(told, {"attributes.age": 3})) == 1
    assert sum(len(ns) for ns, _ in told._space.index.conditions._known.values()) <= 20
