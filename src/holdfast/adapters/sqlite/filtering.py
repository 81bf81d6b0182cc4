"""Filters as SQL: names of columns come from a table, every value of a caller is bound."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from holdfast.adapters.sqlite.rows import marks
from holdfast.errors import InvalidFilter
from holdfast.model.filters import LISTED, And, Condition, Filter, Not, Op, Or

Stored = Callable[[str, Sequence[str | int]], Sequence[str | int]]
"""Gives the values of a field as they are stored; see `sealing.OpenRows.wanted`."""

_COLUMN: Final = {
    "author": "m.author",
    "role": "m.role",
    "session": "m.session",
    "kind": "m.kind",
    "category": "m.category",
    "subject": "m.subject",
    "source": "m.source",
    "origin": "m.origin",
    "valid_from": "m.said_ms",
    "recorded_at": "(SELECT e.hlc >> 16 FROM event e WHERE e.seq = m.seq)",
    "expires_at": "(SELECT x.at_ms FROM expiry x WHERE x.n = m.n)",
}
_SIGN: Final = {Op.GT: ">", Op.GTE: ">=", Op.LT: "<", Op.LTE: "<="}


def filter_sql(asked: Filter, stored: Stored) -> tuple[str, list[str | int]]:
    """An expression over ``memory m`` that is true where the filter is, and the values to bind.

    The expression may be NULL where the filter is false.

    Raises:
        InvalidFilter: a field is not one that memories can be selected by.
    """
    match asked:
        case And(parts) | Or(parts):
            if not parts:
                return ("1" if isinstance(asked, And) else "0"), []
            pieces = [filter_sql(part, stored) for part in parts]
            joint = " AND " if isinstance(asked, And) else " OR "
            return f"({joint.join(sql for sql, _ in pieces)})", [value for _, values in pieces for value in values]
        case Not(part):
            sql, values = filter_sql(part, stored)
            # NULL stands for false: NOT alone would keep it NULL.
            return f"({sql} IS NOT TRUE)", values
        case Condition():
            return _condition(asked, stored)


def _condition(asked: Condition, stored: Stored) -> tuple[str, list[str | int]]:
    field, op = asked.field, asked.op
    if not asked.in_columns or (field not in LISTED and field not in _COLUMN):
        raise InvalidFilter(f"{field!r:.80} is not a field memories can be selected by.")
    column = field if field in LISTED else _COLUMN[field]
    if op is Op.EXISTS:
        test, values = ("1" if field in LISTED else f"{column} IS NOT NULL"), list[str | int]()
    else:
        values = list(stored(field, [value for value in asked.values if isinstance(value, str | int)]))
        test = f"{column} IN ({marks(len(values))})" if op is Op.IN else f"{column} {_SIGN[op]} ?"
    return (f"m.n IN (SELECT n FROM {field} WHERE {test})" if field in LISTED else test), values
