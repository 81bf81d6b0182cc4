"""Filters: what each says of a record, both ways to write them, and that a bad one gives `InvalidFilter` alone."""

from __future__ import annotations

import json
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.filter_text import filter_from_text, filter_text
from holdfast.core.filters import failing, filter_from_json, holds, needs_contents, to_json, widened
from holdfast.errors import InvalidFilter
from holdfast.model.filters import COLUMNS, EVERYTHING, FIELDS, LISTED, And, Condition, Not, Op, Or
from holdfast.model.records import Content, Kind, Record, Role, Trust
from tests.core.made_filters import contents, filters, mappings


def record(**given) -> Record:
    told = {"kind": Kind.FACT, "text": "Ada runs.", "valid_from": 1_000, **given}
    return Record(**told, id="0" * 32, version=1, recorded_at=2_000)


records = contents.map(lambda c: record(**{field.name: getattr(c, field.name) for field in fields(Content)}))


def says(where, **given) -> bool:
    asked = filter_from_text(where) if isinstance(where, str) else filter_from_json(where)
    return holds(asked, record(**given))


def test_the_short_form_is_equality_with_one_of_the_values_of_every_field():
    asked = {"category": "health", "tag": ["red", "blue"]}
    assert says(asked, category="health", tags=("blue", "green"))
    assert not says(asked, category="health", tags=("green",))
    assert not says(asked, category="work", tags=("blue",))
    assert says({}, category="work")


@pytest.mark.parametrize("where", ["category = health", "category in (health, work)", "category contains ealt"])
def test_a_missing_value_meets_no_comparison_and_its_opposite_always(where):
    assert says(where, category="health")
    assert not says(where)
    assert says(f"not {where}")
    assert not says(f"category exists and not ({where})")


def test_a_missing_attribute_is_neither_less_nor_greater():
    for sign in ("<", "<=", ">", ">=", "="):
        assert not says(f"attributes.age {sign} 3")
        assert says(f"not attributes.age {sign} 3")
    assert says("attributes.age != 3")
    assert not says("attributes.age exists")
    assert says("attributes.age exists", attributes={"age": False}), "false is a value"


def test_values_of_another_sort_are_never_equal_less_or_greater():
    for where, age, met in (
        ("attributes.age = 1", True, False), ("attributes.age = true", 1, False), ("attributes.age = 1", 1.0, True),
        ("attributes.age = 3", "3", False), ('attributes.age = "3"', "3", True), ("attributes.age > 2", "3", False),
        ("attributes.age > 2", True, False), ("attributes.age > 2", 2.5, True), ('attributes.age > "2"', "3", True),
        ('attributes.age > "2"', 3, False), ("attributes.age contains 3", "13", None),
        ('attributes.age contains "3"', 13, False), ("attributes.age in (1, true)", True, True),
    ):  # fmt: skip
        if met is None:
            with pytest.raises(InvalidFilter, match="give it as a text"):
                says(where)
        else:
            assert says(where, attributes={"age": age}) is met, where


def test_a_field_with_several_values_meets_what_one_of_them_meets():
    assert says("tag = red and tag = blue", tags=("red", "blue"))
    assert says("tag contains ED", tags=("red",))
    assert not says("tag != red", tags=("red", "blue"))
    assert says("tag != red and not tag exists")


def test_levels_and_times_have_an_order():
    assert says("trust >= medium", trust=Trust.HIGH)
    assert not says("trust >= medium", trust=Trust.LOW)
    assert says({"valid_from": {"gte": "1970-01-01T00:00:01Z", "lt": "1970-01-01T00:00:02Z"}})
    assert says("valid_from = 1970-01-01T00:00:01Z and not valid_to exists and recorded_at > 1970-01-01T00:00:01Z")


def test_contains_looks_past_case_and_compatibility_forms():
    assert says('text contains "ADA RUNS"')
    assert says("text contains strasse", text="Die STRAẞE")
    assert not says("text contains swims")


@pytest.mark.parametrize(
    ("text", "mapping"),
    [
        ("category = health and not tag in (a, b)",
         {"and": [{"category": {"eq": "health"}}, {"not": {"tag": {"in": ["a", "b"]}}}]}),
        ("author=Ada Lovelace", {"author": {"eq": "Ada Lovelace"}}),
        ("author = \"a and b\" OR author!='O\\'Brien'",
         {"or": [{"author": {"eq": "a and b"}}, {"author": {"ne": "O'Brien"}}]}),
        ("author not in (a, b) and source not exists",
         {"and": [{"not": {"author": {"in": ["a", "b"]}}}, {"source": {"exists": False}}]}),
        ('attributes."shoe size" >= 4.5e1 or attributes.vip = true',
         {"or": [{"attributes.shoe size": {"gte": 45.0}}, {"attributes.vip": {"eq": True}}]}),
        ("a_b = 1", None),
        ("kind = turn and (author = Ben or author = Ada) and source = notes/a.md:12",
         {"and": [{"kind": {"eq": "turn"}}, {"or": [{"author": {"eq": "Ben"}}, {"author": {"eq": "Ada"}}]},
                  {"source": {"eq": "notes/a.md:12"}}]}),
    ],
)  # fmt: skip
def test_a_line_means_the_mapping_beside_it(text, mapping):
    if mapping is None:
        with pytest.raises(InvalidFilter, match="column 1 of the filter: There is no filter 'a_b'"):
            filter_from_text(text)
    else:
        assert to_json(filter_from_text(text)) == mapping


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("", 1), ("author", 7), ("author =", 9), ("author = Ada and", 17), ("(author = Ada", 14), ("author = 'Ada", 10),
        ("author = Ada)", 13), ("tag in a", 8), ("tag in (a; b)", None), ("tag in (a, )", 12), ("author > Ada", 1),
        ("autor = Ada", 1), ("author = a = b", 12), ("not", 4), ("author not = Ada", 12), ("tag in (a b", 12),
        ("category = helth", 1), ("confidence = high", 1), ("valid_from > soon", 1), ("attributes. = 3", 1),
    ],
)  # fmt: skip
def test_a_line_that_cannot_be_read_names_the_column(text, column):
    if column is None:
        assert filter_from_text(text) == Condition("tag", Op.IN, ("a; b",))
        return
    with pytest.raises(InvalidFilter, match=rf"column {column}\b"):
        filter_from_text(text)


def test_too_deep_too_many_and_too_long_are_refused():
    for bad in (
        "not " * 16 + "author = Ada", "(" * 5000 + "author = Ada", " and ".join(["author = Ada"] * 201),
        "not " * 5000 + "author = Ada", "author = " + "a" * 100_001,
    ):  # fmt: skip
        with pytest.raises(InvalidFilter):
            filter_from_text(bad)
    assert filter_from_text("not " * 15 + "author = Ada")
    deep: dict = {"author": "Ada"}
    for _ in range(5_000):
        deep = {"not": deep}
    loop: dict = {}
    loop["not"] = loop
    nested: list = []
    for _ in range(100_000):
        nested = [nested]
    for bad in (
        deep, loop, {"author": nested}, {"and": []}, {"or": "author"}, {"not": {}}, {"and": [{}]}, {"author": {}},
        {"confidence": 10**5000}, {"attributes.age": 2**70}, {"author": {"in": "Ada"}},
        {"and": [{"tag": [str(n) for n in range(1_000)]}] * 11}, {"author": b"Ada"}, {"author": {"exists": "yes"}},
        {"attributes.age": float("nan")}, {"valid_from": 10**5000},
        {"attributes." + "a" * 501: 1}, {"attributes.half \ud800": 1}, [], 5,
    ):  # fmt: skip
        with pytest.raises(InvalidFilter) as caught:
            filter_from_json(bad)
        assert len(str(caught.value)) < 1_000
    nested.clear()


@given(filters)
def test_json_and_text_give_the_same_filter_again(asked):
    assert filter_from_json(json.loads(json.dumps(to_json(asked)))) == asked
    assert filter_from_text(filter_text(asked)) == asked


@given(filters, records)
def test_a_filter_is_true_or_false_and_its_opposite_the_other(asked, one):
    met = holds(asked, one)
    assert holds(Not(asked), one) is not met
    assert holds(And((asked, Not(asked))), one) is False
    assert holds(Or((asked, Not(asked))), one) is True


@given(filters, records)
def test_columns_alone_never_leave_out_what_the_filter_means(asked, one):
    rough = widened(asked)
    assert not needs_contents(rough)
    if holds(asked, one):
        assert holds(rough, one)
    if not needs_contents(asked):
        assert rough == asked
        assert holds(rough, one) is holds(asked, one)


@given(filters, records)
def test_the_failing_parts_fail_and_the_others_are_met(asked, one):
    parts = failing(asked, one)
    assert bool(parts) is not holds(asked, one)
    assert not any(holds(part, one) or isinstance(part, And) for part in parts)


@given(st.text(max_size=60) | mappings().map(lambda m: filter_text(filter_from_json(m))[1:]))
def test_any_line_is_read_or_refused(text):
    try:
        filter_from_text(text)
    except InvalidFilter as error:
        str(error).encode()


_KEYS = (*FIELDS, "attributes.age", "and", "or", "not", "eq", "in", "exists", "x")
_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8),
              st.sampled_from(("and", "or", "not", "eq", "author", "attributes.age"))),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(_KEYS), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(_JSON)
def test_any_value_is_read_or_refused(value):
    try:
        asked = filter_from_json(value)
    except InvalidFilter as error:
        str(error).encode()
    else:
        assert filter_from_json(to_json(asked)) == asked


def test_every_field_is_one_of_a_record():
    assert {f"{name}s" if name in LISTED else name for name in FIELDS} <= {field.name for field in fields(Record)}
    assert set(FIELDS) >= COLUMNS
    assert holds(EVERYTHING, record(role=Role.NONE))
