"""Procedures: read from what somebody wrote, checked, and as contents and back.

The plain form of a procedure is what its YAML says: a mapping with ``name``, ``description``, ``steps``, and where they
are given ``version`` (the author's), ``when`` and ``inputs``. A body holds that form with the state beside it.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar, cast

from holdfast.core import border
from holdfast.core.blocks import label_trouble
from holdfast.core.codec import body_fields, canonical
from holdfast.core.procedure_inputs import WHOLE_CHARS, check_value, json_value, listed, texts_in
from holdfast.core.words import word_set
from holdfast.errors import InvalidField, InvalidText
from holdfast.model.procedures import (
    CallStep,
    InputType,
    Procedure,
    ProcedureDifference,
    ProcedureInput,
    ProcedureState,
    PromptStep,
    Step,
    Triggers,
)
from holdfast.model.records import TRUST_OF_ORIGIN, Content, Kind, Origin, Record

T = TypeVar("T")
DESCRIPTION_CHARS: Final = 2_000
EDITION_CHARS: Final = 40
PROMPT_CHARS: Final = 20_000
MOST_STEPS: Final = 50
MOST_INPUTS: Final = 50
MOST_TRIGGERS: Final = 100
"""Phrases, examples, keywords or tools; of each."""
_TRIGGER_CHARS: Final = {"phrases": 200, "examples": 1_000, "keywords": 60, "tools": 200}
_PROCEDURE: Final = ("name", "version", "description", "when", "inputs", "steps")
_INPUT: Final = ("name", "type", "required", "default", "description")
_STEP: Final = ("name", "prompt", "call", "arguments")
_BODY: Final = frozenset({"procedure", "state", "same_as"})
_INPUT_NAME: Final = r"[A-Za-z][A-Za-z0-9_]{0,39}"
_RESERVED: Final = word_set(
    "true false none and or not in is if else elif endif for endfor loop self super varargs kwargs caller"
)
"""Words of templates, which no input may be called."""
_LEFT: Final = " Nothing was written."


def check_procedure_name(value: object) -> str:
    """The name of a procedure, composed (Unicode NFC): a plain name, which no file system takes for a path.

    Raises:
        InvalidField, InvalidText.
    """
    name = unicodedata.normalize("NFC", border.check_text(value, "name"))
    trouble = label_trouble(name)
    if trouble:
        raise InvalidField(
            f"{name!a:.80} cannot be the name of a procedure: {trouble}. Expected a name of letters, digits and . - _, "
            "such as 'explain' or 'book-a-flight'. Nothing was written."
        )
    return name


def procedure_from(given: object) -> Procedure:
    """A procedure from its plain form, or one that was made in Python, each part checked.

    Raises:
        InvalidField, InvalidText: naming the place.
    """
    form = plain(given) if isinstance(given, Procedure) else given
    fields = _fields(form, "procedure", _PROCEDURE, ("name", "description", "steps"))
    name = check_procedure_name(fields["name"])
    description = border.check_text(fields["description"], "description", DESCRIPTION_CHARS)
    inputs = tuple(_items(fields.get("inputs"), "inputs", MOST_INPUTS, _input))
    names = [one.name for one in inputs]
    if twice := next((one for one in names if names.count(one) > 1), None):
        raise InvalidField(f"There are two inputs {twice!r}; each needs a name of its own.{_LEFT}")
    steps = tuple(_items(fields["steps"], "steps", MOST_STEPS, _step))
    if not steps:
        raise InvalidField(f"The procedure {name!r} has no steps; expected at least one.{_LEFT}")
    found = Procedure(
        name=name, description=description, steps=steps, when=_triggers(fields.get("when")), inputs=inputs,
        edition=_edition(fields.get("version")),
    )  # fmt: skip
    size = len(canonical(plain(found)).decode())
    if size > WHOLE_CHARS:
        raise InvalidText(f"The procedure has {size:,} characters; at most {WHOLE_CHARS:,} are taken.{_LEFT}")
    return found


def plain(one: Procedure) -> dict[str, Any]:
    """The plain form of a procedure: what somebody would write, without what is empty."""
    form: dict[str, Any] = {"name": one.name, "version": one.edition, "description": one.description}
    form["when"] = _full({what: list(getattr(one.when, what)) for what in _TRIGGER_CHARS})
    form["inputs"] = [_plain_input(given) for given in one.inputs]
    form["steps"] = [_plain_step(step) for step in one.steps]
    return _full(form) | ({} if one.steps else {"steps": []})


def steps_digest(one: Procedure) -> str:
    """32 hexadecimal digits for what a procedure does: its inputs and steps, whatever triggers them."""
    form = plain(one)
    return hashlib.sha256(canonical([form.get("inputs"), form["steps"]])).hexdigest()[:32]


def procedure_content(one: Procedure, at_ms: int, actor: str, origin: Origin = Origin.AGENT) -> Content:
    """A version of a procedure as what is stored."""
    body = {"procedure": plain(one), "state": one.state.value, "same_as": one.same_as}
    return Content(
        kind=Kind.PROCEDURE,
        text=one.description,
        valid_from=at_ms,
        origin=origin,
        trust=TRUST_OF_ORIGIN[origin],
        actor=actor,
        sources=one.sources,
        body=canonical(body).decode(),
    )


def read_procedure(body: str | None) -> tuple[Procedure, ProcedureState, int | None]:
    """What a body says: the procedure, its state, and the version that it repeats.

    Raises:
        InvalidInput: it is not what `procedure_content` writes.
    """
    values = body_fields("procedure", body)
    if values.keys() != _BODY:
        raise InvalidField(f"What belongs to the procedure has other fields than {', '.join(sorted(_BODY))}.")
    if values["state"] not in list(ProcedureState):
        raise InvalidField(f"{values['state']!r:.40} is no state of a procedure; expected {', '.join(ProcedureState)}.")
    if values["same_as"] is not None:
        border.check_count(values["same_as"], "version that is repeated", 2**62)
    return procedure_from(values["procedure"]), ProcedureState(values["state"]), values["same_as"]


def procedure_of(record: Record) -> Procedure:
    """A version of a procedure from its record.

    Raises:
        InvalidInput.
    """
    found, state, same_as = read_procedure(record.body)
    return Procedure(
        name=found.name, description=found.description, steps=found.steps, when=found.when, inputs=found.inputs,
        edition=found.edition, version=record.version, state=state, same_as=same_as, sources=record.sources,
        actor=record.actor, at_ms=record.recorded_at, id=record.id, quarantined=record.quarantined,
    )  # fmt: skip


def templates_of(one: Procedure) -> Iterator[tuple[str, str]]:
    """Every template of a procedure, with the place where it stands."""
    for number, step in enumerate(one.steps, 1):
        if isinstance(step, PromptStep):
            yield f"the prompt of step {number}", step.prompt
        else:
            yield from ((f"the arguments of step {number}", text) for text in texts_in(step.arguments))


def check_state(given: object) -> ProcedureState:
    """The state of that name.

    Raises:
        InvalidField.
    """
    if given in list(ProcedureState):
        return ProcedureState(given)
    raise InvalidField(f"{given!r:.60} is no state of a procedure; expected one of: {', '.join(ProcedureState)}.")


def differences(before: Procedure, after: Procedure) -> tuple[ProcedureDifference, ...]:
    """What differs between two versions, in the order of their plain form."""
    return tuple(_differing("", plain(before), plain(after)))


def _differing(where: str, before: Any, after: Any) -> Iterator[ProcedureDifference]:
    if isinstance(before, dict) and isinstance(after, dict):
        one, other = cast("dict[str, Any]", before), cast("dict[str, Any]", after)
        for name in dict.fromkeys((*one, *other)):
            yield from _differing(f"{where}.{name}".lstrip("."), one.get(name), other.get(name))
    elif isinstance(before, list) and isinstance(after, list):
        first, second = cast("list[Any]", before), cast("list[Any]", after)
        for place in range(max(len(first), len(second))):
            pair = (rows[place] if place < len(rows) else None for rows in (first, second))
            yield from _differing(f"{where}[{place + 1}]", *pair)
    elif before != after or type(cast("object", before)) is not type(cast("object", after)):
        yield ProcedureDifference(where, before, after)


def _fields(given: object, what: str, known: Sequence[str], needed: Sequence[str]) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise InvalidField(f"The {what} is {given!r:.60}; expected names with values: {', '.join(known)}.{_LEFT}")
    fields = cast("Mapping[object, object]", given)
    if unknown := [key for key in fields if key not in known]:
        raise InvalidField(f"The {what} has the unknown key {unknown[0]!r:.60}; known are {', '.join(known)}.{_LEFT}")
    if missing := [name for name in needed if fields.get(name) is None]:
        raise InvalidField(f"The {what} lacks {missing[0]!r}.{_LEFT}")
    return cast("Mapping[str, Any]", fields)


def _items(given: object, what: str, most: int, make: Callable[[object, str], T]) -> Iterator[T]:
    if given is None:
        return
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Sequence):
        raise InvalidField(f"The {what} are {given!r:.60}; expected a list.{_LEFT}")
    items = cast("Sequence[object]", given)
    if len(items) > most:
        raise InvalidField(f"There are {len(items):,} {what}; at most {most} are taken.{_LEFT}")
    for number, one in enumerate(items, 1):
        yield make(one, f"{number} of the {what}")


def _triggers(given: object) -> Triggers:
    if given is None:
        return Triggers()
    fields = _fields(given, "'when'", tuple(_TRIGGER_CHARS), ())
    found: dict[str, tuple[str, ...]] = {}
    for what, chars in _TRIGGER_CHARS.items():
        texts = _items(
            fields.get(what), what, MOST_TRIGGERS, lambda one, place, chars=chars: _short(one, f"number {place}", chars)
        )
        found[what] = tuple(dict.fromkeys(texts))
    return Triggers(**found)


def _edition(given: object) -> str | None:
    if isinstance(given, float):
        raise InvalidField(f"The version is the number {given!r}; write it in quotes, such as '{given!r}'.{_LEFT}")
    if isinstance(given, int) and not isinstance(given, bool):
        given = str(given)
    return None if given is None else _short(given, "version", EDITION_CHARS)


def _input(given: object, place: str) -> ProcedureInput:
    fields = _fields(given, f"number {place}", _INPUT, ("name",))
    name = border.check_text(fields["name"], "name of an input")
    if not re.fullmatch(_INPUT_NAME, name) or name.lower() in _RESERVED:
        raise InvalidField(
            f"{name!r:.60} cannot be the name of an input; expected a letter, then up to 39 letters, digits and _, and "
            f"no word of templates such as 'if'.{_LEFT}"
        )
    kind = fields.get("type", InputType.TEXT.value)
    if kind not in list(InputType):
        raise InvalidField(
            f"The type of the input {name!r} is {kind!r:.60}; expected one of: {', '.join(InputType)}.{_LEFT}"
        )
    has_default = fields.get("default") is not None
    required = fields.get("required", not has_default)
    if not isinstance(required, bool):
        raise InvalidField(f"'required' of the input {name!r} is {required!r:.60}; expected true or false.{_LEFT}")
    if required and has_default:
        raise InvalidField(f"The input {name!r} is required and has a default; leave one of the two out.{_LEFT}")
    said = fields.get("description") or ""
    made = ProcedureInput(
        name, InputType(kind), required,
        description=said and border.check_text(said, "description of an input", DESCRIPTION_CHARS),
    )  # fmt: skip
    default = check_value(fields["default"], made) if has_default else None
    return ProcedureInput(made.name, made.type, made.required, default, made.description)


def _step(given: object, place: str) -> Step:
    fields = _fields(given, f"number {place}", _STEP, ())
    name = None if fields.get("name") is None else _short(fields["name"], "name of a step", 200)
    prompt, tool = fields.get("prompt"), fields.get("call")
    if (prompt is None) == (tool is None):
        raise InvalidField(f"The number {place} needs 'prompt' or 'call', and not both.{_LEFT}")
    if prompt is not None:
        if fields.get("arguments") is not None:
            raise InvalidField(f"The number {place} is a prompt and has 'arguments'; only a call has them.{_LEFT}")
        return PromptStep(border.check_text(prompt, "prompt", PROMPT_CHARS), name)
    arguments: object = {} if fields.get("arguments") is None else fields["arguments"]
    if not isinstance(arguments, Mapping):
        raise InvalidField(f"The arguments of the number {place} are {arguments!r:.60}; expected names.{_LEFT}")
    return CallStep(_short(tool, "tool", 200), json_value(cast("object", arguments), "arguments"), name)


def _plain_input(one: ProcedureInput) -> dict[str, Any]:
    form = {"name": one.name, "type": InputType(one.type).value, "default": one.default}
    if one.required is not (one.default is None):
        form["required"] = one.required
    return {key: value for key, value in form.items() if value is not None} | _full({"description": one.description})


def _plain_step(step: Step) -> dict[str, Any]:
    named = {} if step.name is None else {"name": step.name}
    if isinstance(step, PromptStep):
        return {**named, "prompt": step.prompt}
    return {**named, "call": step.tool, **_full({"arguments": listed(step.arguments)})}


def _full(form: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is empty."""
    return {key: value for key, value in form.items() if value is not None and value not in ("", [], {})}


def _short(value: object, what: str, most: int) -> str:
    text = border.check_label(value, what)
    if len(text) > most:
        raise InvalidText(f"The {what} has {len(text):,} characters; at most {most} are taken.{_LEFT}")
    return text
