"""Filters: read from what callers give, asked of a record, and written as JSON and as text.

As JSON, and so in Python, a filter is a mapping. A name in it is a field or ``and``, ``or``, ``not``; all of its parts
must be true::

    {"category": "health", "tag": ["red", "blue"]}                    # equal to the value, or to one of them
    {"attributes.age": {"gte": 18, "lt": 65}, "source": {"exists": False}}
    {"and": [{"category": "health"}, {"not": {"tag": {"in": ["a", "b"]}}}]}

Operators: eq, ne, gt, gte, lt, lte, in, exists, contains. A missing value is equal to nothing, neither less nor greater
than anything, and contains nothing; ``ne`` and ``not`` are the plain opposite of what they stand before, so they
are true of it. The same as text is in `holdfast.core.filter_text`.
"""

from __future__ import annotations

import difflib
import math
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from itertools import islice
from operator import ge, gt, le, lt
from types import MappingProxyType
from typing import Any, Final, TypeGuard, cast

from holdfast.errors import InvalidFilter, InvalidTime
from holdfast.model import limits
from holdfast.model.filters import (
    ATTRIBUTES,
    CHOICES,
    EVERYTHING,
    FIELDS,
    LISTED,
    NOTHING,
    OPERATORS,
    And,
    Condition,
    FieldType,
    Filter,
    Not,
    Op,
    Or,
)
from holdfast.model.records import CATEGORIES, Record, Scalar
from holdfast.model.times import format_when, parse_when

MOST_DEPTH: Final = 16
"""Levels of ``and``, ``or``, ``not``, a condition included."""
MOST_CONDITIONS: Final = 200
MOST_VALUES: Final = 1_000
"""Values of one condition."""
MOST_VALUES_IN_ALL: Final = 10_000
LOGIC: Final = ("and", "or", "not")
OPERATOR_NAMES: Final = ("eq", "ne", "gt", "gte", "lt", "lte", "in", "exists", "contains")
_LARGEST: Final = 2**63 - 1
_COMPARED: Final[Mapping[Op, Callable[[Any, Any], bool]]] = MappingProxyType(
    {Op.GT: gt, Op.GTE: ge, Op.LT: lt, Op.LTE: le}
)


def filter_from_json(given: Mapping[str, object]) -> Filter:
    """The filter that a mapping means.

    Raises:
        InvalidFilter: an unknown field or operator, a value the field can never have, or too large.
    """
    return checked(_mapping(given, 1))


def checked(found: Filter) -> Filter:
    """The filter itself, unless it is larger than is taken.

    Raises:
        InvalidFilter.
    """
    depth, conditions, values = _size(found)
    if depth > MOST_DEPTH:
        raise InvalidFilter(f"The filter is {depth} levels deep; at most {MOST_DEPTH} are taken.")
    if conditions > MOST_CONDITIONS:
        raise InvalidFilter(f"The filter has {conditions:,} conditions; at most {MOST_CONDITIONS} are taken.")
    if values > MOST_VALUES_IN_ALL:
        raise InvalidFilter(f"The filter has {values:,} values; at most {MOST_VALUES_IN_ALL:,} are taken.")
    return found


def every(parts: Sequence[Filter]) -> Filter:
    """All of them, in the shortest form: one alone is itself, and what is joined in the same way is joined once."""
    flat = [one for part in parts for one in (part.parts if isinstance(part, And) else (part,))]
    return flat[0] if len(flat) == 1 else And(tuple(flat))


def either(parts: Sequence[Filter]) -> Filter:
    """One of them at least; see `every`."""
    flat = [one for part in parts for one in (part.parts if isinstance(part, Or) else (part,))]
    return flat[0] if len(flat) == 1 else Or(tuple(flat))


def field_type(name: object) -> FieldType:
    """What a field holds.

    Raises:
        InvalidFilter: there is none of that name.
    """
    if isinstance(name, str):
        if name in FIELDS:
            return FIELDS[name]
        if name.startswith(ATTRIBUTES) and 0 < len(name) - len(ATTRIBUTES) <= limits.LABEL_CHARS:
            _refuse_surrogates(name, name)
            return FieldType.ATTRIBUTE
    raise InvalidFilter(f"There is no filter {_told(name)}{_nearest(name, (*FIELDS, ATTRIBUTES + 'NAME'))}.")


def condition(field: str, operator: str, value: object) -> Filter:
    """What one operator says of a field.

    Raises:
        InvalidFilter.
    """
    kind = field_type(field)
    if operator not in OPERATOR_NAMES:
        raise InvalidFilter(f"There is no operator {_told(operator)}{_nearest(operator, OPERATOR_NAMES)}.")
    op = Op.IN if operator in ("eq", "ne", "in") else Op(operator)
    if op not in OPERATORS[kind]:
        known = [name for name in OPERATOR_NAMES if name in ("eq", "ne") or Op(name) in OPERATORS[kind]]
        raise InvalidFilter(f"The filter {field!r:.60} has no {operator}; it takes {', '.join(known)}.")
    if op is Op.EXISTS:
        if not isinstance(value, bool):
            raise InvalidFilter(f"{field!r:.60} exists {_told(value)}; expected true or false.")
        return Condition(field, op) if value else Not(Condition(field, op))
    values = _listed(field, value) if operator == "in" else (value,)
    compared = [_value(field, kind, op, one) for one in values]
    # 1, 1.0 and True are one key of a mapping, and only the first two are one value.
    found = Condition(field, op, tuple({(isinstance(one, bool), one): one for one in compared}.values()))
    return Not(found) if operator == "ne" else found


def holds(asked: Filter, record: Record) -> bool:
    """Whether a filter is true of a record."""
    match asked:
        case And(parts):
            return all(holds(part, record) for part in parts)
        case Or(parts):
            return any(holds(part, record) for part in parts)
        case Not(part):
            return not holds(part, record)
        case Condition(field, op, values):
            held = values_of(record, field)
            if op is Op.EXISTS:
                return bool(held)
            if op is Op.CONTAINS:
                wanted = _folded(str(values[0]))
                return any(isinstance(one, str) and wanted in _folded(one) for one in held)
            if op is Op.IN:
                return any(_same_sort(one, value) and one == value for one in held for value in values)
            compare = _COMPARED[op]
            return any(_same_sort(one, values[0]) and compare(one, values[0]) for one in held)


def values_of(record: Record, field: str) -> Sequence[Scalar]:
    """What a record has in a field: no value, one, or several."""
    if field in LISTED:
        return record.tags if field == "tag" else record.marks
    found = record.attributes.get(field[len(ATTRIBUTES) :]) if field.startswith(ATTRIBUTES) else getattr(record, field)
    return () if found is None else (int(found),) if field in CHOICES else (found,)


def widened(asked: Filter) -> Filter:
    """A filter over columns alone that is true wherever the given one is; the same one, where it needs no more."""
    return _bounded(asked, EVERYTHING)


def needs_contents(asked: Filter) -> bool:
    """Whether columns alone do not decide it."""
    match asked:
        case And(parts) | Or(parts):
            return any(map(needs_contents, parts))
        case Not(part):
            return needs_contents(part)
        case Condition():
            return not asked.in_columns


def failing(asked: Filter, record: Record) -> tuple[Filter, ...]:
    """The parts of a filter, each as small as can be said, for which a record does not meet it."""
    if holds(asked, record):
        return ()
    return tuple(one for part in asked.parts for one in failing(part, record)) if isinstance(asked, And) else (asked,)


def to_json(asked: Filter) -> dict[str, Any]:
    """The one mapping that stands for a filter; `filter_from_json` gives the filter again."""
    match asked:
        case And(parts):
            return {"and": [to_json(part) for part in parts]} if parts else {}
        case Or(parts):
            return {"or": [to_json(part) for part in parts]}
        case Not(Condition(field, Op.EXISTS)):
            return {field: {"exists": False}}
        case Not(Condition(field, Op.IN, (value,))):
            return {field: {"ne": shown(field, value)}}
        case Not(part):
            return {"not": to_json(part)}
        case Condition(field, Op.EXISTS):
            return {field: {"exists": True}}
        case Condition(field, Op.IN, (value,)):
            return {field: {"eq": shown(field, value)}}
        case Condition(field, Op.IN, values):
            return {field: {"in": [shown(field, value) for value in values]}}
        case Condition(field, op, values):
            return {field: {op.value: shown(field, values[0])}}


def shown(field: str, value: Scalar) -> Scalar:
    """A value as callers write it: the name of a choice, a time in ISO 8601."""
    if field in CHOICES:
        return CHOICES[field](int(value)).name.lower()
    return format_when(int(value)) if FIELDS.get(field) is FieldType.TIME else value


def _bounded(asked: Filter, unknown: Filter) -> Filter:
    """The filter with ``unknown`` in place of what columns do not decide, and its opposite behind each ``not``."""
    match asked:
        case And(parts):
            return And(tuple(_bounded(part, unknown) for part in parts))
        case Or(parts):
            return Or(tuple(_bounded(part, unknown) for part in parts))
        case Not(part):
            return Not(_bounded(part, NOTHING if unknown == EVERYTHING else EVERYTHING))
        case Condition():
            return asked if asked.in_columns else unknown


def _size(asked: Filter) -> tuple[int, int, int]:
    """Levels, conditions and values."""
    match asked:
        case Condition(_, _, values):
            return 1, 1, len(values)
        case Not(part):
            depth, conditions, values = _size(part)
            return depth + 1, conditions, values
        case And(parts) | Or(parts):
            sizes = [_size(part) for part in parts]
            return (
                1 + max((size[0] for size in sizes), default=0),
                sum(size[1] for size in sizes),
                sum(size[2] for size in sizes),
            )


def _mapping(given: object, depth: int) -> Filter:
    if not _is_mapping(given):
        raise InvalidFilter(f"A filter is {_told(given)}; expected fields with values, such as {{'author': 'Ada'}}.")
    if depth > MOST_DEPTH:
        raise InvalidFilter(f"The filter is more than {MOST_DEPTH} levels deep; at most {MOST_DEPTH} are taken.")
    if len(given) > MOST_CONDITIONS:
        raise InvalidFilter(f"The filter has more than {MOST_CONDITIONS} conditions; at most that many are taken.")
    return every([_named(name, wanted, depth) for name, wanted in given.items()])


def _named(name: object, wanted: object, depth: int) -> Filter:
    if name == "not":
        if _is_mapping(wanted) and not wanted:
            raise InvalidFilter("'not' stands before nothing; give it a filter.")
        return Not(_mapping(wanted, depth + 1))
    if name in ("and", "or"):
        if not _is_listed(wanted) or not wanted:
            raise InvalidFilter(f"{name!r} joins {_told(wanted)}; expected a list of filters.")
        if len(wanted) > MOST_CONDITIONS:
            raise InvalidFilter(f"{name!r} joins {len(wanted):,} filters; at most {MOST_CONDITIONS} are taken.")
        parts = [_mapping(part, depth + 1) for part in wanted]
        if EVERYTHING in parts:
            raise InvalidFilter(f"{name!r} joins an empty filter; leave it out.")
        return every(parts) if name == "and" else either(parts)
    field_type(name)
    field = cast("str", name)
    if _is_mapping(wanted):
        if not wanted:
            raise InvalidFilter(
                f"The filter {field!r:.60} has no operator; expected one of: {', '.join(OPERATOR_NAMES)}."
            )
        return every([condition(field, cast("str", operator), value) for operator, value in wanted.items()])
    return condition(field, "in" if _is_many(wanted) else "eq", wanted)


def _listed(field: str, value: object) -> list[object]:
    if not _is_many(value):
        raise InvalidFilter(f"The filter {field!r:.60} has {_told(value)}; expected a list of values.")
    values = list(islice(value, MOST_VALUES + 1))
    if not values:
        raise InvalidFilter(f"The filter {field!r:.60} has an empty list; expected a value or a list of some.")
    if len(values) > MOST_VALUES:
        raise InvalidFilter(
            f"The filter {field!r:.60} has more than {MOST_VALUES:,} values; at most that many are taken."
        )
    return values


def _value(field: str, kind: FieldType, op: Op, value: object) -> Scalar:
    """A caller's value as stored ones are compared with it."""
    if kind is FieldType.TIME:
        if not isinstance(value, str | date):
            raise InvalidFilter(f"The filter {field!r:.60} has {_told(value)}; expected a time, such as 2024-05-03.")
        try:
            return parse_when(value)
        except InvalidTime as error:
            raise InvalidFilter(f"The filter {field!r}: {error}") from None
    if kind is FieldType.NUMBER or (kind is FieldType.ATTRIBUTE and isinstance(value, int | float)):
        if isinstance(value, bool) and kind is FieldType.ATTRIBUTE and op is Op.IN:
            return value
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InvalidFilter(f"The filter {field!r:.60} has {_told(value)}; expected a number.")
        if op is Op.CONTAINS:
            raise InvalidFilter(f"The filter {field!r:.60} has {_told(value)}; give it as a text.")
        if not (math.isfinite(value) if isinstance(value, float) else -_LARGEST <= value <= _LARGEST):
            raise InvalidFilter(f"The filter {field!r:.60} has {_told(value)}; expected a finite number of 64 bits.")
        return value
    if not isinstance(value, str):
        raise InvalidFilter(f"The filter {field!r:.60} has {_told(value)}; expected a string or a list of some.")
    if kind in (FieldType.CHOICE, FieldType.LEVEL):
        known = {member.name.lower(): int(member) for member in CHOICES[field]}
        if value not in known:
            raise InvalidFilter(f"{_told(value)} is not a {field}{_nearest(value, list(known))}.")
        return known[value]
    if kind is FieldType.CATEGORY and op is Op.IN and value not in CATEGORIES:
        raise InvalidFilter(f"{_told(value)} is not a category{_nearest(value, CATEGORIES)}.")
    _refuse_surrogates(field, value)
    return value


def _is_mapping(value: object) -> TypeGuard[Mapping[object, object]]:
    return isinstance(value, Mapping)


def _is_listed(value: object) -> TypeGuard[Sequence[object]]:
    return isinstance(value, list | tuple)


def _is_many(value: object) -> TypeGuard[Iterable[object]]:
    return isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping)


def _refuse_surrogates(field: str, value: str) -> None:
    if not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value):
        raise InvalidFilter(
            f"The filter {field!r:.60} has {_told(value)} with half a surrogate pair; no memory can match it."
        )


def _same_sort(one: Scalar, other: Scalar) -> bool:
    """Texts with texts, booleans with booleans, numbers with numbers: 1 is not True."""
    return isinstance(one, str) == isinstance(other, str) and isinstance(one, bool) == isinstance(other, bool)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _told(value: object) -> str:
    """A caller's value for a message; one that cannot be written out is told by its type."""
    try:
        return f"{value!r:.60}"
    except (ValueError, RecursionError):
        return f"a {type(value).__name__}"


def _nearest(value: object, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(_told(value)[:100], known, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ";"
    return f"{hint} expected one of: {', '.join(known)}"
