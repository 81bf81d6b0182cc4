"""A recall that is not sure enough gives nothing; also in a space of a few memories, with the packaged model."""

from __future__ import annotations

from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import pytest

from holdfast import Memory

HELD = ("My cat is called Pickle.", "I moved to Lisbon in May.", "I am allergic to nuts.")
KNOWN = {"What is my cat called?": 0, "Which city did I move to?": 1, "Am I allergic to anything?": 2}
UNKNOWN = ("What is the capital of Peru?", "Who won the football match?", "How do I install Linux?")


def test_too_little_confidence_gives_no_hits_and_says_how_much_there_was(tmp_path: Path) -> None:
    with Memory.open(tmp_path / "a.db", embedder=None) as memory:
        for text in HELD:
            memory.remember(text)
        found = memory.recall("Who won the football match?")
        assert len(found) == 3
        nothing = memory.recall("Who won the football match?", min_confidence=found.confidence + 0.01)
        assert (nothing.hits, nothing.text, nothing.tokens) == ((), "", 0)
        assert nothing.confidence == found.confidence
        assert len(memory.recall("Who won the football match?", min_confidence=found.confidence)) == 3
        assert len(memory.recall("Who won the football match?", min_confidence=0.99, budget_tokens=500)) == 0
        sure = memory.recall("What is my cat called?", min_confidence=0.5)
        assert sure[0].text == HELD[0]
    with Memory.open(tmp_path / "a.db", embedder=None) as memory:
        assert len(memory.recall("What is my cat called?", at="2999-01-01", min_confidence=0.5)) == 3
        before = memory.summary().accesses[0].reads
        memory.recall("Who won the football match?", min_confidence=0.99)
        assert memory.summary().accesses[0].reads == before, "what was not given was not read"


@pytest.mark.skipif(find_spec("holdfast_minilm") is None, reason="the packaged model is not installed")
def test_three_memories_are_told_from_what_is_not_among_them() -> None:
    model = str(files("holdfast_minilm"))
    with Memory.open(":memory:", embedder=model) as memory:
        for text in HELD:
            memory.remember(text)
        memory.settle()
        for query, place in KNOWN.items():
            found = memory.recall(query, min_confidence=0.5)
            assert found[0].text == HELD[place], query
        for query in UNKNOWN:
            assert memory.recall(query).confidence < 0.2, query
            assert len(memory.recall(query, min_confidence=0.3)) == 0
