"""JSON Schemas of what tools take and give, and the check of what a caller sends against them.

Only the words of JSON Schema that are used here are known to the check: ``type``, ``anyOf`` of types, ``properties``,
``required``, ``items``, ``enum``, and the bounds of texts, numbers and lists.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

from holdfast.errors import InvalidField

Schema = dict[str, Any]
_NAMES = {
    "string": "a text", "integer": "a whole number", "number": "a number", "boolean": "true or false",
    "array": "a list", "object": "an object", "null": "null",
}  # fmt: skip
_SHOWN = 60


def text(says: str, most: int, *, least: int = 1) -> Schema:
    """A text of ``least`` to ``most`` characters."""
    return {"type": "string", "minLength": least, "maxLength": most, "description": says}


def choice(says: str, values: Sequence[str], default: str | None = None) -> Schema:
    """One of some words."""
    return {"type": "string", "enum": list(values), "description": says} | _default(default)


def whole(says: str, least: int, most: int, default: int | None = None) -> Schema:
    """A whole number."""
    return {"type": "integer", "minimum": least, "maximum": most, "description": says} | _default(default)


def unit(says: str, default: float | None = None) -> Schema:
    """A number from 0 to 1."""
    return {"type": "number", "minimum": 0, "maximum": 1, "description": says} | _default(default)


def flag(says: str, *, default: bool | None = None) -> Schema:
    """True or false."""
    return {"type": "boolean", "description": says} | _default(default)


def listing(says: str, item: Schema, most: int) -> Schema:
    """A list of at most ``most``."""
    return {"type": "array", "items": item, "maxItems": most, "description": says}


def named(says: str, most: int) -> Schema:
    """Texts, numbers and booleans by name."""
    # Not a list of types, which some clients cannot pass on to their model.
    values = {"anyOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"}]}
    return {"type": "object", "maxProperties": most, "additionalProperties": values, "description": says}


def arguments(properties: Mapping[str, Schema], required: Sequence[str] = ()) -> Schema:
    """What a tool takes, and nothing else."""
    schema: Schema = {"type": "object", "properties": dict(properties)}
    return schema | ({"required": list(required)} if required else {}) | {"additionalProperties": False}


def check(tool: str, schema: Schema, given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a call, with defaults where none are given; null is as not given.

    Raises:
        InvalidField: one is unknown, missing, of another type, or out of bounds.
    """
    properties = cast("Mapping[str, Schema]", schema["properties"])
    for name in given:
        if name not in properties:
            close = difflib.get_close_matches(name[:100], properties, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else f"; it takes {', '.join(properties) or 'nothing'}."
            raise InvalidField(f"{tool} has no argument {_told(name)}{hint} Nothing was done.")
    taken: dict[str, Any] = {}
    for name, said in properties.items():
        value = given.get(name)
        if value is None:
            if name in schema.get("required", ()):
                raise InvalidField(f"{tool} needs {name!r}: {said['description']} Nothing was done.")
            if "default" in said:
                taken[name] = said["default"]
            continue
        if (wrong := _wrong(name, said, value)) is not None:
            raise InvalidField(f"{tool}: {wrong}. Nothing was done.")
        taken[name] = value
    return taken


def _wrong(name: str, schema: Schema, value: Any) -> str | None:
    """What is wrong with a value, in words; None where nothing is."""
    kinds: list[str] = [one["type"] for one in schema.get("anyOf", (schema,))]
    if not any(_is(value, kind) for kind in kinds):
        wanted = " or ".join(_NAMES[kind] for kind in kinds)
        return f"{name!r} is {_told(value)}; expected {wanted}"
    if "enum" in schema and value not in schema["enum"]:
        return f"{name!r} is {_told(value)}; expected one of {', '.join(schema['enum'])}"
    if isinstance(value, str):
        return _out_of(name, "characters", len(value), schema.get("minLength", 0), schema.get("maxLength"))
    if isinstance(value, list):
        items = cast("list[Any]", value)
        if (wrong := _out_of(name, "entries", len(items), 0, schema.get("maxItems"))) is not None:
            return wrong
        found = (_wrong(f"{name}[{place}]", schema["items"], item) for place, item in enumerate(items))
        return next((one for one in found if one is not None), None)
    if isinstance(value, dict):
        held = cast("dict[str, Any]", value)
        if (wrong := _out_of(name, "entries", len(held), 0, schema.get("maxProperties"))) is not None:
            return wrong
        inner = schema["additionalProperties"]
        found = (_wrong(f"{name}.{key[:_SHOWN]}", inner, item) for key, item in held.items())
        return next((one for one in found if one is not None), None)
    if isinstance(value, int | float) and "minimum" in schema and not schema["minimum"] <= value <= schema["maximum"]:
        return f"{name!r} is {_told(value)}; expected {schema['minimum']:,} to {schema['maximum']:,}"
    return None


def _out_of(name: str, what: str, count: int, least: int, most: int | None) -> str | None:
    if least <= count and (most is None or count <= most):
        return None
    return f"{name!r} has {count:,} {what}; expected {least:,} to {most:,}"


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool) or kind == "boolean":
        return isinstance(value, bool) and kind == "boolean"
    if kind == "integer":
        return isinstance(value, int)
    if kind == "number":
        return isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))
    return isinstance(value, {"string": str, "array": list, "object": dict}[kind])


def _told(value: Any) -> str:
    """A value as a message repeats it: short, and in one line."""
    shown = repr(value if not isinstance(value, str) else value[:_SHOWN])
    return shown if len(shown) <= _SHOWN + 2 else f"{shown[:_SHOWN]}…"


def _default(value: object) -> Schema:
    return {} if value is None else {"default": value}
