"""What no longer holds stands behind what does."""

from __future__ import annotations

import pytest

from holdfast.core.standing import AHEAD_MS, NOT_VALID, standing, valid
from holdfast.model.records import Kind, Record

NOW = 1_700_000_000_000


def record(**fields: object) -> Record:
    given: dict[str, object] = {
        "kind": Kind.FACT, "text": "x", "valid_from": NOW - 1_000, "id": "i", "version": 1, "recorded_at": NOW
    }  # fmt: skip
    return Record(**(given | fields))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, 0),
        ({"valid_to": NOW + 1}, 0),
        ({"valid_to": NOW}, -1),
        ({"valid_from": NOW}, 0),
        ({"valid_from": NOW + AHEAD_MS}, 0),
        ({"valid_from": NOW + AHEAD_MS + 1}, -1),
        ({"kind": Kind.TURN, "valid_from": NOW + 1}, 0),
    ],
)
def test_a_fact_holds_from_its_beginning_and_before_its_end(fields: dict[str, object], expected: float) -> None:
    assert valid(record(**fields), NOW) == expected


def test_standing_names_only_what_it_weighs() -> None:
    assert standing(record(), NOW) == {}
    assert standing(record(valid_to=NOW - 1), NOW) == {"valid": -NOT_VALID}
    assert standing(record(valid_to=NOW - 1), None) == {}
    assert standing(record(importance=1.0), NOW)["importance"] > 0 > standing(record(importance=0.0), NOW)["importance"]
