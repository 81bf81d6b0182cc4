"""Intentions: what they wait for, when they are due, and what becomes of them, as contents and back."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar, cast

from holdfast.core import border
from holdfast.core.codec import body_fields, canonical
from holdfast.core.filter_text import filter_from_text, filter_text
from holdfast.core.filters import LOGIC, MOST_DEPTH, filter_from_json, holds, to_json
from holdfast.core.moments import moment
from holdfast.errors import Conflict, InvalidField, InvalidFilter, InvalidTime, Refused
from holdfast.model.filters import ATTRIBUTES, EVERYTHING, Filter, Where
from holdfast.model.intentions import Intention, IntentionState
from holdfast.model.records import TRUST_OF_ORIGIN, Content, Kind, Origin, Record
from holdfast.model.times import When, format_when

FACTS: Final = 10_000
"""The most facts that conditions are asked of at once."""
TEXT_CHARS: Final = 10_000
CLOSED: Final = frozenset({IntentionState.DONE, IntentionState.CANCELLED, IntentionState.EXPIRED})
_TIMES: Final = ("when_ms", "until_ms", "met_ms", "snoozed_until_ms", "fired_ms")
_TEXTS: Final = ("said", "event", "taken_by")
_FACT_NAME: Final = re.compile(r"(?<![\w.\"'])attributes\.")
_VALUE_DEPTH: Final = 3
"""How deep the values of a condition lie below the name of their fact."""
T = TypeVar("T")
_FIELDS: Final = frozenset({*_TIMES, *_TEXTS, "condition", "state"})


@dataclass(frozen=True, slots=True)
class Facts:
    """What conditions are asked of."""

    record: Record


@dataclass(frozen=True, slots=True)
class Trigger:
    """What an intention waits for: one of a time, an event and a condition."""

    when_ms: int | None = None
    said: str | None = None
    event: str | None = None
    condition: Mapping[str, Any] | None = None
    until_ms: int | None = None
    until_said: str | None = None


def trigger_of(when: When | None, event: object, condition: Where | None, until: When | None, now_ms: int) -> Trigger:
    """What a caller's words mean.

    Raises:
        InvalidField: not exactly one of ``when``, ``event`` and ``condition``.
        InvalidTime, InvalidFilter, InvalidText.
    """
    given = [name for name, one in (("when", when), ("event", event), ("condition", condition)) if one is not None]
    if len(given) != 1:
        said = " and ".join(given) or "nothing"
        raise InvalidField(
            f"An intention waits for one thing: a time (when), an event, or a condition; {said} was given. Nothing was "
            "written."
        )
    when_ms, said = (None, None) if when is None else moment(when, now_ms)
    until_ms, until_said = (None, None) if until is None else moment(until, now_ms, "end")
    if until_ms is not None and until_ms <= max(now_ms, when_ms or now_ms):
        raise InvalidTime(
            f"It would end at {format_when(until_ms)}, before it can be due. Nothing was written; give a later end."
        )
    return Trigger(
        when_ms,
        said,
        None if event is None else border.check_label(event, "event"),
        None if condition is None else condition_json(condition),
        until_ms,
        until_said,
    )


def as_asked(content: Content, trigger: Trigger) -> Content:
    """An intention as its caller said it: a time in words is those words, whenever they are said again."""
    body = json.loads(content.body or "{}")
    if body["said"] is not None:
        body |= {"when_ms": None, "said": body["said"].lower()}
    if trigger.until_said is not None:
        body |= {"until_ms": None, "until_said": trigger.until_said.lower()}
    return replace(content, body=canonical(body).decode())


def check_kept(kept: Content, said: Content) -> None:
    """Refuse an intention that a policy lets wait for something else than it was to wait for.

    Raises:
        Refused.
    """
    mine, theirs = json.loads(kept.body or "{}"), json.loads(said.body or "{}")
    if any(mine[name] != theirs[name] for name in ("event", "condition")):
        raise Refused(
            "The policy would change what the intention waits for, so that it would never come about. Nothing was "
            "written; name the event or the condition without it."
        )


def condition_json(given: Where) -> dict[str, Any]:
    """The one mapping that stands for a condition; its fields are the names of facts.

    Raises:
        InvalidFilter.
    """
    asked = _condition(given)
    if asked == EVERYTHING:
        raise InvalidFilter("The condition is empty, so it would always hold. Nothing was written.")
    return cast("dict[str, Any]", _renamed(to_json(asked), lambda name: name.removeprefix(ATTRIBUTES)))


def condition_text(condition: Mapping[str, Any]) -> str:
    """A condition as a line, for people."""
    return _FACT_NAME.sub("", filter_text(_condition(condition)))


def facts_of(given: object) -> Facts | None:
    """Facts that a caller knows, to ask conditions of; None for none.

    Raises:
        InvalidField, InvalidText.
    """
    if given is None:
        return None
    if not isinstance(given, Mapping):
        raise InvalidField(f"The facts are {given!r:.60}; expected names with values, such as {{'open_tickets': 3}}.")
    named = cast("Mapping[object, object]", given)
    if len(named) > FACTS:
        raise InvalidField(f"{len(named):,} facts were given; at most {FACTS:,} are taken.")
    facts = {_composed(border.check_label(name, "name of a fact")): _composed(value) for name, value in named.items()}
    for name, value in facts.items():
        if not isinstance(value, str | int | float) or (isinstance(value, float) and not math.isfinite(value)):
            raise InvalidField(f"The fact {name!r:.60} is {value!r:.60}; expected a text, a number or a boolean.")
    attributes = cast("dict[str, str | int | float | bool]", facts)
    return Facts(Record(kind=Kind.FACT, text="-", valid_from=0, attributes=attributes, id="", version=1, recorded_at=0))


def intention_content(
    text: str, trigger: Trigger, about: str | None, at_ms: int, actor: str, session: str | None = None
) -> Content:
    """A new intention as what is stored."""
    body: dict[str, Any] = dict.fromkeys((*_TIMES, *_TEXTS))
    body |= {
        "state": IntentionState.PENDING.value, "when_ms": trigger.when_ms, "said": trigger.said, "event": trigger.event,
        "condition": trigger.condition, "until_ms": trigger.until_ms,
    }  # fmt: skip
    return Content(
        kind=Kind.INTENTION,
        text=border.check_text(text, "text", TEXT_CHARS),
        valid_from=at_ms,
        subject=border.optional_label(about, "subject"),
        session=border.optional_label(session, "session"),
        origin=Origin.AGENT,
        trust=TRUST_OF_ORIGIN[Origin.AGENT],
        actor=actor,
        body=canonical(body).decode(),
    )


def read_intention(body: str | None) -> Mapping[str, Any]:
    """What belongs to an intention beside its text.

    Raises:
        InvalidInput: it is not what is written there.
    """
    values = body_fields("intention", body)
    if values.keys() != _FIELDS:
        raise InvalidField(f"What belongs to the intention has other fields than {', '.join(sorted(_FIELDS))}.")
    for name in _TIMES:
        border.check_moment(values[name])
    for name in _TEXTS:
        border.optional_label(values[name], name)
    if values["state"] not in list(IntentionState):
        raise InvalidField(
            f"{values['state']!r:.40} is no state of an intention; expected {', '.join(IntentionState)}."
        )
    if values["condition"] is not None:
        _condition(values["condition"])
    if sum(values[name] is not None for name in ("when_ms", "event", "condition")) != 1:
        raise InvalidField("The intention waits for none or several of a time, an event and a condition.")
    return values


def intention_of(record: Record) -> Intention:
    """An intention from its record, in the state that is stored.

    Raises:
        InvalidInput.
    """
    values = dict(read_intention(record.body))
    values["state"] = IntentionState(values["state"])
    return Intention(
        id=record.id, text=record.text, about=record.subject, version=record.version, actor=record.actor,
        made_ms=record.valid_from, changed_ms=record.recorded_at, quarantined=record.quarantined, **values,
    )  # fmt: skip


def body_of(one: Intention) -> str:
    """What is stored of an intention beside its text."""
    body = {name: getattr(one, name) for name in _FIELDS}
    return canonical({**body, "state": one.state.value}).decode()


def as_of(one: Intention, now_ms: int) -> Intention:
    """An intention as it stands at a moment: one that nobody took in time is expired."""
    is_over = one.state is IntentionState.PENDING and one.until_ms is not None and one.until_ms <= now_ms
    return replace(one, state=IntentionState.EXPIRED) if is_over else one


def is_due(one: Intention, now_ms: int, facts: Facts | None) -> bool:
    """Whether it is to be brought up: it waits, its end is not reached, and what it waits for came about."""
    if as_of(one, now_ms).state is not IntentionState.PENDING or one.quarantined:
        return False
    if one.snoozed_until_ms is not None and one.snoozed_until_ms > now_ms:
        return False
    if one.met_ms is not None:
        return True
    if one.condition is not None:
        return facts is not None and holds(_condition(one.condition), facts.record)
    return one.when_ms is not None and one.when_ms <= now_ms


def due_ms(one: Intention, now_ms: int) -> int:
    """Since when it is due; of what waits for a condition, now."""
    begun = one.met_ms if one.when_ms is None else one.when_ms
    return max(now_ms if begun is None else begun, one.snoozed_until_ms or begun or now_ms)


def met(one: Intention, now_ms: int) -> Intention:
    """What it waits for came about."""
    return replace(one, met_ms=now_ms)


def taken(one: Intention, now_ms: int, session: str | None) -> Intention:
    """Fired: somebody brings it up now."""
    met = now_ms if one.met_ms is None else one.met_ms
    return replace(one, state=IntentionState.FIRED, fired_ms=now_ms, met_ms=met, taken_by=session)


def snoozed(one: Intention, until_ms: int, now_ms: int) -> Intention:
    """Not due before a moment; one that was taken waits again.

    Raises:
        Conflict: it is closed.
        InvalidTime: that is past, or not before its end.
    """
    _expect_open(one, now_ms)
    if until_ms <= now_ms:
        raise InvalidTime(f"{format_when(until_ms)} is past; snooze it until a moment to come. Nothing was written.")
    if one.until_ms is not None and until_ms >= one.until_ms:
        raise InvalidTime(
            f"It ends at {format_when(one.until_ms)}, so it cannot be snoozed until {format_when(until_ms)}. Nothing "
            "was written."
        )
    return replace(one, state=IntentionState.PENDING, snoozed_until_ms=until_ms, taken_by=None)


def closed(one: Intention, state: IntentionState, now_ms: int) -> Intention:
    """Done or cancelled; again is no change.

    Raises:
        Conflict: it is closed in another way.
    """
    if one.state is not state:
        _expect_open(one, now_ms)
    return replace(one, state=state)


def _expect_open(one: Intention, now_ms: int) -> None:
    state = as_of(one, now_ms).state
    if state in CLOSED:
        raise Conflict(f"The intention {one.id} is {state.value} already. Nothing was written; note a new one instead.")


def _condition(given: object) -> Filter:
    if isinstance(given, str):
        return filter_from_text(_composed(given), ATTRIBUTES)
    named = _renamed(given, lambda name: _composed(name if name.startswith(ATTRIBUTES) else ATTRIBUTES + name))
    return filter_from_json(cast("Mapping[str, object]", named))


def _composed(value: T, depth: int = 0) -> T:
    """A text, or the texts in a value, as their one sequence of characters (Unicode NFC), however they were typed."""
    found: object = value
    if isinstance(value, str):
        found = unicodedata.normalize("NFC", value)
    elif isinstance(value, list | tuple) and depth < _VALUE_DEPTH:
        found = [_composed(one, depth + 1) for one in cast("Sequence[object]", value)]
    elif isinstance(value, Mapping) and depth < _VALUE_DEPTH:
        found = {name: _composed(one, depth + 1) for name, one in cast("Mapping[object, object]", value).items()}
    return cast("T", found)


def _renamed(given: object, name: Callable[[str], str], depth: int = 0) -> object:
    """A filter as a mapping with other names for its fields; what is none is left to who reads it."""
    if isinstance(given, list | tuple):
        return [_renamed(one, name, depth + 1) for one in cast("list[object]", given)]
    if not isinstance(given, Mapping) or depth > 2 * MOST_DEPTH:
        return cast("object", given)
    fields = cast("Mapping[object, object]", given)
    return {
        (name(key) if isinstance(key, str) and key not in LOGIC else key): (
            _renamed(one, name, depth + 1) if key in LOGIC else _composed(one)
        )
        for key, one in fields.items()
    }
