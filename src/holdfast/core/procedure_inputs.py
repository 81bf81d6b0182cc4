"""The values that procedures are filled with: of which type, and how large; JSON that comes back as it is."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, cast

from holdfast.errors import InvalidField, InvalidText
from holdfast.model.procedures import InputType, Procedure, ProcedureInput

WHOLE_CHARS: Final = 200_000
"""Characters of a whole procedure, and of one value for it."""
VALUE_DEPTH: Final = 8
"""How deep a value may be nested."""
_TYPES: Final[Mapping[InputType, tuple[type, ...]]] = {
    InputType.TEXT: (str,),
    InputType.INTEGER: (int,),
    InputType.NUMBER: (int, float),
    InputType.BOOLEAN: (bool,),
    InputType.LIST: (list, tuple),
}
_LEFT: Final = " Nothing was written."


def inputs_for(one: Procedure, given: object) -> dict[str, Any]:
    """The value of every input of a procedure, from what a caller gives and from defaults.

    Raises:
        InvalidField: one is missing, unknown, or of another type; its name is told.
    """
    if given is not None and not isinstance(given, Mapping):
        raise InvalidField(f"The inputs are {given!r:.60}; expected names with values.")
    values = dict(cast("Mapping[object, object]", given or {}))
    known = [field.name for field in one.inputs]
    if unknown := [name for name in values if name not in known]:
        raise InvalidField(
            f"The procedure {one.name!r} has no input {unknown[0]!r:.60}; it has {', '.join(known) or 'none'}."
        )
    filled: dict[str, Any] = {}
    for field in one.inputs:
        if field.name in values and values[field.name] is not None:
            filled[field.name] = check_value(values[field.name], field)
        elif field.required:
            raise InvalidField(
                f"The procedure {one.name!r} needs the input {field.name!r} ({field.type.value})"
                f"{f': {field.description}' if field.description else ''}, and it was not given."
            )
        else:
            filled[field.name] = field.default
    return filled


def check_value(value: object, field: ProcedureInput) -> Any:
    """A value for an input, if it is one of its type.

    Raises:
        InvalidField, InvalidText.
    """
    what = f"input {field.name!r}"
    wanted = _TYPES.get(field.type)
    is_right = wanted is None or (isinstance(value, wanted) and (bool in wanted or not isinstance(value, bool)))
    if not is_right:
        raise InvalidField(f"The {what} is {value!r:.60}; expected a value of the type {field.type.value}.{_LEFT}")
    return json_value(cast("object", value), what)


def json_value(value: object, what: str) -> Any:
    """The value, if it is JSON that comes back as it is; tuples become lists."""
    made = listed(value, what)
    try:
        text = json.dumps(made, ensure_ascii=False, allow_nan=False)
        text.encode()
    except (TypeError, ValueError) as error:
        raise InvalidField(f"The {what} is no JSON ({error!s:.100}).{_LEFT}") from None
    if "\0" in text or "\\u0000" in text:
        raise InvalidText(f"The {what} holds a NUL character; remove it.{_LEFT}")
    if len(text) > WHOLE_CHARS:
        raise InvalidText(f"The {what} has {len(text):,} characters; at most {WHOLE_CHARS:,} are taken.{_LEFT}")
    return made


def listed(value: object, what: str = "value", depth: int = 0) -> Any:
    if depth > VALUE_DEPTH:
        raise InvalidField(f"The {what} is nested more than {VALUE_DEPTH} deep.{_LEFT}")
    if isinstance(value, Mapping):
        fields = cast("Mapping[object, object]", value)
        if strange := [key for key in fields if not isinstance(key, str)]:
            raise InvalidField(f"The {what} has the key {strange[0]!r:.60}; expected a text.{_LEFT}")
        return {key: listed(one, what, depth + 1) for key, one in fields.items()}
    if isinstance(value, list | tuple):
        return [listed(one, what, depth + 1) for one in cast("Sequence[object]", value)]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**63:
        raise InvalidField(f"The {what} holds a whole number of more than 63 bits.{_LEFT}")
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidField(f"The {what} holds {value!r}; expected finite numbers.{_LEFT}")
    return value


def texts_in(value: object) -> Iterator[str]:
    """The texts in a JSON value; names in it are no templates."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in cast("Mapping[str, object]", value).values():
            yield from texts_in(one)
    elif isinstance(value, list):
        for one in cast("list[object]", value):
            yield from texts_in(one)
