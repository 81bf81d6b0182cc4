"""Which values a filter of LangGraph means, and which namespaces a condition."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import ge, gt, le, lt
from typing import Any, Final, cast

from langgraph.store.base import MatchCondition

_ORDER: Final[Mapping[str, Callable[[Any, Any], bool]]] = {"$gt": gt, "$gte": ge, "$lt": lt, "$lte": le}
ANY: Final = "*"


def meets(value: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether a value has all that a filter asks for. A name with dots leads to a field within, where none is named so.

    Raises:
        ValueError: an operator that LangGraph does not know.
    """
    return all(_is(value_at(value, name), one) for name, one in wanted.items())


def value_at(value: Mapping[str, Any], name: Any) -> Any:
    """A field of a value, or one within it that a name with dots leads to; None where there is none."""
    if name in value or not isinstance(name, str):
        return value.get(name)
    at: Any = value
    for part in name.split("."):
        at = cast("Mapping[str, Any]", at).get(part) if isinstance(at, Mapping) else None
    return at


def _is(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping):
        asked = cast("Mapping[Any, Any]", wanted)
        if any(isinstance(name, str) and name.startswith("$") for name in asked):
            return all(_operated(value, name, one) for name, one in asked.items())
        if not isinstance(value, Mapping):
            return False
        held = cast("Mapping[Any, Any]", value)
        return all(_is(held.get(name), one) for name, one in asked.items())
    if isinstance(wanted, list | tuple):
        parts = cast("Sequence[Any]", wanted)
        if not isinstance(value, list | tuple):
            return False
        held_parts = cast("Sequence[Any]", value)
        return len(held_parts) == len(parts) and all(map(_is, held_parts, parts))
    return bool(value == wanted)


def _operated(value: Any, operator: Any, wanted: Any) -> bool:
    if operator == "$eq":
        return bool(value == wanted)
    if operator == "$ne":
        return bool(value != wanted)
    compare = _ORDER.get(operator)
    if compare is None:
        raise ValueError(f"Unsupported operator: {operator!r:.60}; expected $eq, $ne, $gt, $gte, $lt or $lte.")
    number, bound = _number(value), _number(wanted)
    if number is not None and bound is not None:
        return compare(number, bound)
    # Texts, such as dates, in the order of their characters; all else is neither more nor less.
    return isinstance(value, str) and isinstance(wanted, str) and compare(value, wanted)


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def is_meant(namespace: Sequence[str], condition: MatchCondition) -> bool:
    """Whether a namespace begins, or ends, with a path; ``*`` stands for any label.

    Raises:
        ValueError: the condition is of neither sort.
    """
    path = tuple(condition.path)
    if condition.match_type not in ("prefix", "suffix"):
        raise ValueError(f"Unsupported match type: {condition.match_type!r:.60}; expected prefix or suffix.")
    if len(namespace) < len(path):
        return False
    at = namespace[: len(path)] if condition.match_type == "prefix" else namespace[len(namespace) - len(path) :]
    return all(wanted in (ANY, label) for label, wanted in zip(at, path, strict=True))
