"""What holds now comes first, with the packaged model; and confidence says the same whatever is returned."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from importlib.util import find_spec

import pytest

from holdfast import Memory

pytestmark = pytest.mark.skipif(find_spec("holdfast_minilm") is None, reason="the packaged model is not installed")

TOLD = {
    "what is my current phone number?": ("My phone number is 555-1111.", "My phone number is 555-2222."),
    "what is my current office room?": ("My office room is 12.", "My office room is 40.", "My office room is now 77."),
    "where do I live now?": ("I live in Porto, near the river.", "I moved to Lisbon, I live near the castle now."),
}


@pytest.fixture(scope="module")
def memory() -> Iterator[Memory]:
    with Memory.open(":memory:", embedder=str(files("holdfast_minilm"))) as memory:
        chat = memory.session("s", user="Ada")
        for texts in TOLD.values():
            for number, text in enumerate(texts):
                chat.add("user", text, when=f"2024-0{number + 1}-05")
        for number in range(35):
            chat.add(
                "user", f"Today I read chapter {number} of the book about ships.", when=f"2024-06-{number % 28 + 1:02d}"
            )
        memory.settle()
        yield memory


@pytest.mark.parametrize("thorough", [False, True])
@pytest.mark.parametrize("question", TOLD)
def test_the_newest_mention_comes_first_and_the_older_ones_follow(
    memory: Memory, question: str, thorough: bool
) -> None:
    found = [hit.text for hit in memory.recall(question, limit=10, thorough=thorough)]
    assert found[0] == TOLD[question][-1]
    assert tuple(text for text in found if text in TOLD[question]) == TOLD[question][::-1]


def test_confidence_is_that_of_the_best_candidates_however_many_are_returned(memory: Memory) -> None:
    question = "what is my office room?"
    plain = memory.recall(question).confidence
    assert memory.recall(question, limit=1).confidence == plain
    assert memory.recall(question, thorough=True).confidence == plain
    assert memory.recall(question, budget_tokens=60).confidence == plain
    nothing = memory.recall(question, budget_tokens=1)
    assert (nothing.hits, nothing.confidence) == ((), 0.0)
