"""Random filters and contents that often meet: few values, many of them missing."""

from __future__ import annotations

from hypothesis import strategies as st

from holdfast.core.filters import filter_from_json
from holdfast.model.filters import FIELDS, OPERATORS, FieldType, Op
from holdfast.model.records import Content, Kind, Origin, Role, Trust

WORDS = ("Ada", "ada", "Ben", "ß", "' OR 1=1 --", "a, b", "and", "not", 'say "hi"', "back\\slash", "3", "true", "x y")
ATTRIBUTES = ("age", "shoe size", 'a"b', "a.b", "not")
NUMBERS = (-1, 0, 1, 2.5, 3)
CATEGORIES = ("health", "work")
TIMES = (1_000, 1_500, 2_000)
SCALARS = (*NUMBERS, True, False, "3", "true", "Ada", "x y")

words, numbers = st.sampled_from(WORDS), st.sampled_from(NUMBERS)
_times = st.sampled_from(("1970-01-01T00:00:01Z", "1970-01-01T00:00:01.500Z", "1970-01-01T00:00:02Z"))
_names = {"role": Role, "kind": Kind, "origin": Origin, "trust": Trust}
_EQUALITY = ("eq", "ne", "in")


@st.composite
def conditions(draw) -> dict:
    field = draw(st.sampled_from((*FIELDS, *(f"attributes.{name}" for name in ATTRIBUTES))))
    kind = FIELDS.get(field, FieldType.ATTRIBUTE)
    known = [op.value for op in OPERATORS[kind] if op is not Op.IN] + list(_EQUALITY)
    operator = draw(st.sampled_from(sorted(known)))
    if operator == "exists":
        return {field: {operator: draw(st.booleans())}}
    values = {
        FieldType.TEXT: words,
        FieldType.CATEGORY: words if operator == "contains" else st.sampled_from(CATEGORIES),
        FieldType.CHOICE: st.sampled_from([one.name.lower() for one in _names.get(field, Role)]),
        FieldType.LEVEL: st.sampled_from([one.name.lower() for one in Trust]),
        FieldType.NUMBER: numbers,
        FieldType.TIME: _times,
        FieldType.ATTRIBUTE: st.sampled_from(SCALARS),
    }[kind]
    if operator == "contains":
        values = words
    elif kind is FieldType.ATTRIBUTE and operator not in _EQUALITY:
        values = st.one_of(words, numbers)
    value = draw(st.lists(values, min_size=1, max_size=3) if operator == "in" else values)
    return {field: {operator: value}}


def mappings(leaves: int = 8) -> st.SearchStrategy[dict]:
    """Filters as callers write them in Python."""
    return st.recursive(
        conditions(),
        lambda inner: st.one_of(
            st.builds(lambda parts: {"and": parts}, st.lists(inner, min_size=1, max_size=3)),
            st.builds(lambda parts: {"or": parts}, st.lists(inner, min_size=1, max_size=3)),
            st.builds(lambda part: {"not": part}, inner),
        ),
        max_leaves=leaves,
    )


filters = mappings().map(filter_from_json)

_maybe = st.one_of(st.none(), words)

contents = st.builds(
    Content,
    kind=st.sampled_from((Kind.TURN, Kind.FACT)),
    text=words,
    valid_from=st.sampled_from(TIMES),
    valid_to=st.one_of(st.none(), st.sampled_from(TIMES)),
    role=st.sampled_from(Role),
    author=_maybe,
    session=_maybe,
    caption=_maybe,
    subject=_maybe,
    predicate=_maybe,
    object=_maybe,
    category=st.one_of(st.none(), st.sampled_from(CATEGORIES)),
    tags=st.lists(words, max_size=3, unique=True).map(tuple),
    attributes=st.dictionaries(st.sampled_from(ATTRIBUTES), st.sampled_from(SCALARS), max_size=3),
    source=_maybe,
    origin=st.sampled_from(Origin),
    trust=st.sampled_from(Trust),
    actor=words,
    confidence=st.sampled_from((0.0, 1.0)),
    importance=st.sampled_from((0.0, 0.5, 1.0)),
    marks=st.lists(st.sampled_from(("medical", "contact")), max_size=2, unique=True).map(tuple),
    expires_at=st.one_of(st.none(), st.sampled_from(TIMES)),
)
