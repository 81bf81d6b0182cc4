"""What callers may give: everything acceptable passes unchanged, everything else is named."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core import border
from holdfast.errors import HoldfastError, InvalidField, InvalidFilter, InvalidInput, InvalidText
from holdfast.model import limits
from holdfast.model.filters import EVERYTHING, FIELDS, Condition, Op, having
from holdfast.model.records import CATEGORIES, Kind, Origin, Role

anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.binary(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=5,
)
CHECKS = {
    "text": lambda value: border.check_text(value),
    "label": lambda value: border.check_label(value, "name"),
    "category": border.check_category,
    "unit": lambda value: border.check_unit(value, "confidence"),
    "tags": border.check_tags,
    "attributes": border.check_attributes,
    "origin": border.check_origin,
    "where": border.check_where,
    "count": lambda value: border.check_count(value, "limit", 10),
    "sources": border.check_sources,
    "turn": border.check_turn,
    "moment": border.check_moment,
    "path": border.check_path,
}


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS.keys())
@given(value=anything)
def test_whatever_is_given_is_taken_or_refused_in_words(check, value):
    try:
        check(value)
    except InvalidInput as error:
        message = str(error)
        assert message[-1] in ".}" or "expected one of" in message
        message.encode()
        assert len(message) < 1000


@given(st.text(max_size=200))
def test_a_text_is_taken_as_it_is_or_not_at_all(text):
    acceptable = bool(text.strip()) and "\0" not in text and not any("\ud800" <= char <= "\udfff" for char in text)
    try:
        assert border.check_text(text) is text
    except InvalidText:
        assert not acceptable
    else:
        assert acceptable


@given(st.text(max_size=200))
def test_a_label_is_one_clean_line(text):
    try:
        label = border.check_label(text, "name")
    except InvalidInput:
        return
    assert label == text == text.strip()
    assert len(text.split("\n")) == 1
    assert not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in text)


@given(st.one_of(st.floats(), st.integers(), st.booleans()))
def test_a_unit_is_a_finite_number_from_0_to_1(value):
    acceptable = not isinstance(value, bool) and math.isfinite(value) and 0 <= value <= 1
    try:
        assert border.check_unit(value, "confidence") == value
    except InvalidField:
        assert not acceptable
    else:
        assert acceptable


def test_tags_keep_their_order_and_come_once():
    assert border.check_tags(["b", "a", "b"]) == ("b", "a")
    assert border.check_tags(tag for tag in ("x", "y")) == ("x", "y")
    assert border.check_tags(()) == ()


def test_attributes_are_copied_and_cannot_be_changed_afterwards():
    given_ = {"n": 1}
    kept = border.check_attributes(given_)
    given_["n"] = 2
    assert kept == {"n": 1}
    with pytest.raises(TypeError):
        kept["n"] = 3
    assert border.check_attributes(None) == border.check_attributes({}) == {}


def test_origins_are_read_from_their_names():
    for origin in Origin:
        assert border.check_origin(origin) is border.check_origin(origin.name.lower()) is origin


def test_filters_become_conditions_on_stored_values():
    assert border.check_where(None) == border.check_where({}) == EVERYTHING
    asked = {"author": "Ada", "kind": ["fact", "turn"], "role": "user", "origin": ["tool"]}
    assert border.check_where(asked) == having(
        {"author": ["Ada"], "kind": [Kind.FACT, Kind.TURN], "role": [Role.USER], "origin": [Origin.TOOL]}
    )
    assert border.check_where("author = Ada and kind in (fact, turn) and role = user and origin = tool") == (
        border.check_where(asked)
    )
    for category in CATEGORIES:
        assert border.check_where({"category": category}) == Condition("category", Op.IN, (category,))


def test_every_filter_that_is_named_in_a_message_exists():
    with pytest.raises(InvalidFilter) as caught:
        border.check_where({"nothing like it": "x"})
    for name in str(caught.value).rpartition(": ")[2].rstrip(".").split(", "):
        assert name in FIELDS or name == "attributes.NAME"


def test_counts_have_a_stated_range():
    assert [border.check_count(value, "limit", 3) for value in (1, 3)] == [1, 3]
    for bad in (0, 4, True, 1.0, "1", None):
        with pytest.raises(HoldfastError, match="whole number from 1 to 3"):
            border.check_count(bad, "limit", 3)


def test_messages_about_long_values_are_short():
    for call in (
        lambda: border.check_category("x" * 10**6), lambda: border.check_where({"y" * 10**6: "x"}),
        lambda: border.check_where({"kind": "z" * 10**6}), lambda: border.check_text("t" * (limits.TEXT_CHARS + 1)),
        lambda: border.check_tags("g" * 10**6), lambda: border.check_label("l" * 10**6, "name"),
    ):  # fmt: skip
        with pytest.raises(InvalidInput) as caught:
            call()
        assert len(str(caught.value)) < 500


def test_a_question_that_is_refused_is_not_told_that_nothing_was_written():
    for value in ("x" * 11, "", 5, "a\0b", "\ud800"):
        with pytest.raises(InvalidText) as told:
            border.check_text(value, "query", 10)
        assert "written" not in str(told.value)
        assert "Split" not in str(told.value)
        with pytest.raises(InvalidText, match="Nothing was written"):
            border.check_text(value, "text", 10)
    with pytest.raises(InvalidField) as refused:
        border.check_unit(2, "least confidence")
    assert "written" not in str(refused.value)
