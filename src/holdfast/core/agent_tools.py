"""The tools that an agent is given for its memory: one table in every provider's shape, with its arguments."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, cast

from holdfast.core.echoes import TOOL_PREFIX
from holdfast.errors import InvalidField
from holdfast.model.messages import Shape
from holdfast.model.records import CATEGORIES

TEXT_CHARS: Final = 10_000
"""In one argument; what is longer is a document, not something to remember."""
ARCHIVE_CHARS: Final = 100_000
MOST_HITS: Final = 20
ARGUMENTS_CHARS: Final = 400_000
"""In the arguments of one call, as JSON."""

Parameter = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """One tool.

    Attributes:
        verb: What it does, without the prefix that all have.
        parameters: JSON schema of each argument.
        needed: Names of those that must be given.
        writes: Whether it changes anything.
    """

    verb: str
    description: str
    parameters: Mapping[str, Parameter]
    needed: tuple[str, ...]
    writes: bool = True

    @property
    def name(self) -> str:
        return TOOL_PREFIX + self.verb

    @property
    def schema(self) -> dict[str, Any]:
        """JSON schema of the object of all arguments."""
        properties = {name: dict(one) for name, one in self.parameters.items()}
        return {
            "type": "object",
            "properties": properties,
            "required": list(self.needed),
            "additionalProperties": False,
        }


def _text(description: str, most: int = TEXT_CHARS) -> Parameter:
    return MappingProxyType({"type": "string", "description": description, "maxLength": most})


_SINCE: Final = _text("Only from this time on: ISO date or time, such as 2026-05-01.", 40)
_UNTIL: Final = _text("Only before this time: ISO date or time.", 40)
_HITS: Final[Parameter] = MappingProxyType(
    {"type": "integer", "description": "The most memories, 5 by default.", "minimum": 1, "maximum": MOST_HITS}
)
_LABEL: Final = _text("The label of the block.", 64)

TABLE: Final[tuple[ToolSpec, ...]] = (
    ToolSpec(
        "save",
        "Remember one fact for good, in a sentence that can be read alone. Not what memory told you: that is kept.",
        {
            "text": _text("The fact, with names instead of 'he' or 'it'."),
            "about": _text("Whom or what it is about.", 500),
            "category": {**_text("What sort of fact it is.", 50), "enum": list(CATEGORIES)},
            "importance": {"type": "number", "description": "0 to 1; 0.5 by default.", "minimum": 0, "maximum": 1},
        },
        ("text",),
    ),
    ToolSpec(
        "recall",
        "Look for what is remembered: facts, and what was said or happened earlier.",
        {"query": _text("A question or topic, in any words."), "since": _SINCE, "until": _UNTIL, "limit": _HITS},
        ("query",),
        writes=False,
    ),
    ToolSpec(
        "block_append",
        "Add a line to a block, the short text that always stands in your context.",
        {"label": _LABEL, "text": _text("The line.")},
        ("label", "text"),
    ),
    ToolSpec(
        "block_replace",
        "Replace a passage of a block by another, or by nothing.",
        {
            "label": _LABEL,
            "old": _text("The passage, to the letter; it must stand there once."),
            "new": _text("What takes its place; may be empty."),
        },
        ("label", "old", "new"),
    ),
    ToolSpec(
        "archive_insert",
        "Put a longer text, such as notes or a document, where it can be searched.",
        {
            "text": _text("The text.", ARCHIVE_CHARS),
            "source": _text("Where it came from.", 500),
            "tags": {
                "type": "array",
                "description": "Words to find it by.",
                "items": {"type": "string", "maxLength": 100},
                "maxItems": 20,
            },
        },
        ("text",),
    ),
    ToolSpec(
        "archive_search",
        "Search the texts of the archive alone.",
        {"query": _text("A question or topic."), "since": _SINCE, "until": _UNTIL, "limit": _HITS},
        ("query",),
        writes=False,
    ),
    ToolSpec(
        "intend",
        "Note something to bring up later: at a time, or after an event. Give exactly one of the two.",
        {
            "text": _text("What to bring up."),
            "when": _text("A date, a time, or English such as 'next Friday at 9am'; in UTC.", 200),
            "event": _text("The name of the event to wait for.", 500),
            "until": _text("From then on it is not wanted any more.", 200),
        },
        ("text",),
    ),
    ToolSpec(
        "intention_done",
        "Tell that something from 'To bring up now' was brought up, so that it does not come again.",
        {"text": _text("What was to be brought up, in its own words.")},
        ("text",),
    ),
    ToolSpec(
        "forget",
        "Erase memories for good. The first call only shows what would go and gives a code; ask the user, and only if "
        "they agree call again with the same arguments and the code.",
        {
            "query": _text("What the memories say."),
            "about": _text("The person or thing they are about or said by.", 500),
            "ids": {
                "type": "array",
                "description": "Ids of memories.",
                "items": {"type": "string", "maxLength": 64},
                "maxItems": 100,
            },
            "confirm": _text("The code that the first call gave.", 100),
        },
        (),
    ),
)  # fmt: skip
BY_NAME: Final[Mapping[str, ToolSpec]] = MappingProxyType({spec.name: spec for spec in TABLE})


def chosen(only: Sequence[str] | None, *, read_only: bool) -> tuple[ToolSpec, ...]:
    """The tools of these names, all where None; of those the ones that change nothing, where ``read_only``.

    Raises:
        InvalidField: an unknown name.
    """
    if isinstance(only, str):
        raise InvalidField(f"The tools are {only!r:.60}; expected a list of names.")
    for name in only or ():
        if name not in BY_NAME:
            raise InvalidField(f"There is no tool {name!r:.60}; expected some of: {', '.join(BY_NAME)}.")
    return tuple(spec for spec in TABLE if (only is None or spec.name in only) and not (read_only and spec.writes))


def definitions(specs: Sequence[ToolSpec], shape: Shape) -> list[dict[str, Any]]:
    """The tools as a provider takes them."""
    if shape == "anthropic":
        return [{"name": one.name, "description": one.description, "input_schema": one.schema} for one in specs]
    if shape == "openai-responses":
        return [
            {"type": "function", "name": one.name, "description": one.description, "parameters": one.schema}
            | {"strict": False}
            for one in specs
        ]
    return [
        {
            "type": "function",
            "function": {"name": one.name, "description": one.description, "parameters": one.schema},
        }
        for one in specs
    ]


def result_messages(shape: Shape, results: Sequence[tuple[str, str, bool]]) -> list[dict[str, Any]]:
    """What goes back to a provider: id of the call, text, and whether it is a result and no error."""
    if shape == "anthropic":
        blocks = [
            {"type": "tool_result", "tool_use_id": call, "content": text} | ({} if ok else {"is_error": True})
            for call, text, ok in results
        ]
        return [{"role": "user", "content": blocks}] if blocks else []
    if shape == "openai-responses":
        return [{"type": "function_call_output", "call_id": call, "output": text} for call, text, _ in results]
    return [{"role": "tool", "tool_call_id": call, "content": text} for call, text, _ in results]


# Arguments


def read_arguments(spec: ToolSpec, given: object) -> dict[str, Any]:
    """The arguments of a call, checked against the schema of its tool.

    Args:
        given: A mapping, or JSON as a model writes it.

    Raises:
        InvalidField: with words for the model.
    """
    if given is None or given == "":
        given = {}
    if isinstance(given, str):
        given = _decoded(spec, given)
    if not isinstance(given, Mapping):
        raise InvalidField(f"The arguments of {spec.name} are {type(given).__name__}; expected a JSON object.")
    arguments = {str(name): value for name, value in cast("Mapping[Any, Any]", given).items() if value is not None}
    unknown = sorted(arguments.keys() - spec.parameters.keys())
    if unknown:
        raise InvalidField(
            f"{spec.name} takes no {', '.join(map(ascii, unknown)):.120}; it takes {', '.join(spec.parameters)}. "
            "Nothing was done."
        )
    missing = [name for name in spec.needed if name not in arguments]
    if missing:
        raise InvalidField(f"{spec.name} needs {', '.join(missing)}. Nothing was done.")
    for name, value in arguments.items():
        _check(name, value, spec.parameters[name])
    return arguments


def _decoded(spec: ToolSpec, given: str) -> object:
    if len(given) > ARGUMENTS_CHARS:
        raise InvalidField(
            f"The arguments of {spec.name} have {len(given):,} characters; at most {ARGUMENTS_CHARS:,} are taken."
        )
    try:
        return json.loads(given)
    except (ValueError, RecursionError):
        raise InvalidField(f"The arguments of {spec.name} are no JSON: {given!r:.80}. Nothing was done.") from None


def _check(name: str, value: object, schema: Parameter) -> None:
    match schema["type"]:
        case "string":
            _check_text(name, value, schema)
        case "array":
            if not isinstance(value, list | tuple):
                raise _wrong(name, value, "a list of texts")
            items = cast("Sequence[object]", value)
            if len(items) > schema["maxItems"]:
                raise InvalidField(f"{name} has {len(items):,} entries; at most {schema['maxItems']} are taken.")
            for item in items:
                _check_text(name, item, schema["items"])
        case kind:
            whole = kind == "integer"
            if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
                raise _wrong(name, value, "a whole number" if whole else "a number")
            if not schema["minimum"] <= value <= schema["maximum"]:
                raise _wrong(name, value, f"{schema['minimum']} to {schema['maximum']}")


def _check_text(name: str, value: object, schema: Parameter) -> None:
    if not isinstance(value, str):
        raise _wrong(name, value, "a text")
    if len(value) > schema["maxLength"]:
        raise InvalidField(
            f"{name} has {len(value):,} characters; at most {schema['maxLength']:,} are taken. Nothing was done."
        )
    if "enum" in schema and value not in schema["enum"]:
        raise _wrong(name, value, f"one of: {', '.join(schema['enum'])}")


def _wrong(name: str, value: object, expected: str) -> InvalidField:
    return InvalidField(f"{name} is {_short(value)}; expected {expected}. Nothing was done.")


def _short(value: object) -> str:
    try:
        return f"{value!r:.60}"
    except (ValueError, RecursionError):  # an integer of too many digits, a list of itself
        return f"a {type(value).__name__}"
