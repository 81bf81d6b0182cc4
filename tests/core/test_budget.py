"""Token estimates and what fits a budget."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.budget import estimate_tokens, fill


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", 0),
        ("   \t ", 0),
        ("Hello, world!", 4),
        ("internationalisation", 3),
        ("in 2023", 3),
        ("1234567", 3),
        ("黒猫が好き", 5),
        ("안녕", 2),
        ("😀😀", 2),
        ("Привет", 3),
        ("a\n\nb", 3),
    ],
)
def test_pieces_are_counted(text: str, tokens: int) -> None:
    assert estimate_tokens(text) == tokens


@given(st.text(max_size=200), st.text(max_size=200))
def test_more_text_never_costs_less(text: str, more: str) -> None:
    assert 0 <= estimate_tokens(text) <= estimate_tokens(text + " " + more) <= 2 * len(text + more) + 2


@given(st.lists(st.text(max_size=60), max_size=20), st.integers(-5, 120))
def test_what_is_taken_fits_and_nothing_that_fits_is_left_out(texts: list[str], budget: int) -> None:
    taken = fill(texts, budget)
    assert taken == sorted(set(taken))
    used = sum(estimate_tokens(texts[i]) for i in taken)
    assert used <= max(budget, 0)
    for i, text in enumerate(texts):
        before = sum(estimate_tokens(texts[j]) for j in taken if j < i)
        if i not in taken:
            assert before + estimate_tokens(text) > budget or before >= budget


def test_a_text_too_long_is_passed_over() -> None:
    assert fill(["one two", "one two three four five", "six"], 3) == [0, 2]


def test_a_callers_own_tokenizer_counts() -> None:
    assert fill(["aaaa", "bb", "c"], 3, count=len) == [1, 2]


@given(st.text(alphabet=st.characters(max_codepoint=127), max_size=200))
def test_plain_text_is_counted_as_any_other(text: str) -> None:
    # One wide character takes the long way and counts one.
    assert estimate_tokens(text + "\n") + 1 == estimate_tokens(text + "\n中")
