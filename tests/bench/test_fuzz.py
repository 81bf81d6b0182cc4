"""A short run of the fuzzer, without its clock, and what it calls a failure."""

from __future__ import annotations

from typing import Any

import pytest

from bench import fuzz
from holdfast import Memory
from holdfast.errors import InvalidFilter, InvalidText
from holdfast.testing.embedders import HashEmbedder

SEED = 7


@pytest.fixture(scope="module")
def memory(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("fuzz") / "fuzz.db"
    with Memory.open(path, embedder=HashEmbedder()) as opened:
        fuzz.fill(opened, fuzz.entries(300, SEED))
        yield opened


def test_every_query_is_answered_or_refused_as_documented(memory: Memory) -> None:
    texts = fuzz.entries(300, SEED)
    outcomes = [fuzz.ask(memory, case) for case in fuzz.cases(260, SEED, texts)]
    failed = [(one.said, one.case.query[:100], one.case.more) for one in outcomes if one.failed]
    assert not failed, f"seed {SEED}"
    assert {"answered", "InvalidText", "InvalidFilter"} <= {one.said for one in outcomes}


@pytest.mark.parametrize("query", ["", " \n", "a\0b", "\ud83d", "x" * 100_001])
def test_what_no_query_may_be_is_refused(memory: Memory, query: str) -> None:
    assert fuzz.ask(memory, fuzz.Case("broken", query)).said == "InvalidText"


def test_a_wrong_refusal_a_wrong_answer_and_a_crash_are_failures(memory: Memory, monkeypatch: Any) -> None:
    def give(error: Exception | None) -> None:
        def recall(*given: object, **more: object) -> None:
            if error is not None:
                raise error

        monkeypatch.setattr(Memory, "recall", recall)

    case = fuzz.Case("words", "fine")
    for error in (InvalidText("no"), InvalidFilter("no"), RecursionError("no")):
        give(error)
        assert fuzz.ask(memory, case).failed
    give(None)
    assert fuzz.ask(memory, case).said == "answered"
    assert fuzz.ask(memory, fuzz.Case("broken", "\ud83d")).failed


def test_the_same_seed_asks_the_same(memory: Memory) -> None:
    texts = fuzz.entries(50, SEED)
    assert list(fuzz.cases(60, 3, texts)) == list(fuzz.cases(60, 3, texts))
    assert fuzz.entries(400, 3) == fuzz.entries(400, 3)


def test_a_slow_query_and_a_failed_one_end_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    case = fuzz.Case("words", "fine")
    fine = fuzz.Outcome(case, "answered", 1.0, 500.0)
    assert fuzz.told([fine], "a test") == 0
    assert "1 took longer by the clock" in capsys.readouterr().out
    assert fuzz.told([fine, fuzz.Outcome(case, "answered", fuzz.MOST_MS + 1, 1.0)], "a test") == 1
    assert fuzz.told([fine, fuzz.Outcome(case, "failed: ZeroDivisionError()", 1.0, 1.0)], "a test") == 1
    reading = fuzz.Case("words", "fine", {"where": {"attributes.mood": "glad"}})
    assert fuzz.told([fuzz.Outcome(reading, "answered", fuzz.MOST_MS + 1, 1.0)], "a test") == 0
