"""What belongs to an episode beside its text: who, what came of it, and what its words mean at the time it was said.

The body of an episode is JSON with some of these fields: ``message`` and ``shape`` (a provider's message as it was
given), ``times`` (the times that the text names, as intervals of milliseconds since 1970 UTC, counted from when it was
said), ``it`` (the thing that "it" stands for), ``user``, ``agent``, ``input``, ``output``, ``outcome``, ``sentiment``,
``resolves`` (the error that this resolved), and of a summary ``since_ms``, ``until_ms``, ``turns`` and
``by`` (what wrote it).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final, cast

from holdfast.core import border
from holdfast.errors import InvalidField
from holdfast.model import limits
from holdfast.model.episodes import OUTCOMES
from holdfast.model.ids import parse_id
from holdfast.model.messages import SHAPES
from holdfast.model.records import Kind

FIELDS: Final = (
    "message", "shape", "times", "it", "user", "agent", "input", "output", "outcome", "sentiment", "resolves",
    "since_ms", "until_ms", "turns", "by",
)  # fmt: skip
FROM_TEXT: Final = ("times", "it")
"""Fields that follow from what was said before and when: no part of what a caller passed."""


def body_of(**fields: Any) -> str | None:
    """The body of an episode; None where there is nothing to say.

    Raises:
        InvalidField: a value is not JSON.
    """
    given = {name: fields[name] for name in FIELDS if fields.get(name) is not None}
    if not given:
        return None
    try:
        written = json.dumps(given, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        written.encode()
    except UnicodeEncodeError:
        # Half a surrogate pair, as a tool may print it, is kept by its escape.
        written = json.dumps(given, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidField(f"The input or output is no JSON ({error}). Nothing was written.") from None
    return border.check_text(written, "body")


def read_episode(body: str | None) -> Mapping[str, Any]:
    """The fields of a body; none where there is none.

    Raises:
        InvalidField: it is not what `body_of` writes.
    """
    if body is None:
        return {}
    try:
        found: object = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidField(f"What belongs to the episode is no JSON ({error}).") from None
    values = cast("dict[str, Any]", found) if isinstance(found, dict) else {"": found}
    if unknown := sorted(set(values) - set(FIELDS)):
        raise InvalidField(f"What belongs to the episode has unknown fields: {unknown!r:.100}.")
    return values


def check_episode(kind: Kind, body: str) -> None:
    """Refuse a body that no call of Holdfast would have written for that episode.

    Raises:
        InvalidInput.
    """
    values = read_episode(body)
    if ("message" in values) != ("shape" in values) or values.get("shape", SHAPES[0]) not in SHAPES:
        raise InvalidField("The episode has a message without its shape, or in an unknown one.")
    if not isinstance(values.get("message", {}), dict):
        raise InvalidField("The message of the episode is no object.")
    times = values.get("times", [])
    if not isinstance(times, list) or not all(_is_span(one) for one in cast("list[Any]", times)):
        raise InvalidField("The times of the episode are not pairs of milliseconds.")
    for name in ("it", "user", "agent", "by"):
        border.optional_label(values.get(name), name)
    check_outcome(values.get("outcome"))
    check_sentiment(values.get("sentiment"))
    if "resolves" in values:
        parse_id(values["resolves"])
    if kind is not Kind.SUMMARY and not {"since_ms", "until_ms", "turns", "by"}.isdisjoint(values):
        raise InvalidField(f"A {kind.name.lower()} sums up no turns.")
    for name in ("since_ms", "until_ms"):
        border.check_moment(values.get(name))
    if "turns" in values:
        border.check_count(values["turns"], "turns", limits.SOURCES)


def check_outcome(value: object) -> str | None:
    """One of `OUTCOMES`, or None.

    Raises:
        InvalidField.
    """
    if value is not None and value not in OUTCOMES:
        raise InvalidField(
            f"The outcome is {value!r:.60}; expected one of: {', '.join(OUTCOMES)}. Nothing was written."
        )
    return cast("str | None", value)


def check_sentiment(value: object) -> float | None:
    """A number from -1 (bad) to 1 (good), or None.

    Raises:
        InvalidField.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or abs(value) > 1:
        raise InvalidField(f"The sentiment is {value!r:.60}; expected a number from -1 to 1. Nothing was written.")
    return float(value)


def as_passed(body: str | None) -> str | None:
    """A body without what follows from the text: what a caller passed."""
    if body is None or not any(f'"{name}":' in body for name in FROM_TEXT):
        return body
    values = {name: value for name, value in read_episode(body).items() if name not in FROM_TEXT}
    return body_of(**values)


def _is_span(value: Any) -> bool:
    if not isinstance(value, list):
        return False
    pair = cast("list[Any]", value)
    return len(pair) == 2 and all(type(one) is int for one in pair) and pair[0] < pair[1]
