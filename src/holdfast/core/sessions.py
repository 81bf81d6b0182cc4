"""What is kept of a session as a record aside, whether it is idle, and how its turns are cut for summaries."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from holdfast.core import border
from holdfast.core.codec import body_fields, canonical
from holdfast.errors import InvalidField
from holdfast.model import limits
from holdfast.model.ids import parse_id
from holdfast.model.records import Content, Kind
from holdfast.model.sessions import IDLE_TTL_S, MOST_TTL_S

SUMMARIES: Final = 1_000
"""Ids of summaries that a session names; of more the newest ones."""
SHARE: Final = 10
"""A summary has a tenth of the tokens of what it is of,"""
LEAST_TOKENS, MOST_TOKENS = 64, 400
"""no fewer than the first, and no more than the second."""
_MAYBE_TEXT = (str, type(None))
_MAYBE_NUMBER = (int, type(None))
_FIELDS: Final = {
    "id": str, "user": _MAYBE_TEXT, "agent": _MAYBE_TEXT, "idle_ttl_s": float, "closed_ms": _MAYBE_NUMBER,
    "through": _MAYBE_TEXT, "summaries": list, "why": _MAYBE_TEXT,
}  # fmt: skip
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SessionState:
    """What is kept of a session.

    Attributes:
        closed_ms: When it was last closed.
        through: Id of the last memory that was there then: what comes after it resumed the session.
        summaries: Ids of what closing it came to.
        why: ``asked`` or ``idle``.
    """

    id: str
    user: str | None = None
    agent: str | None = None
    idle_ttl_s: float = IDLE_TTL_S
    closed_ms: int | None = None
    through: str | None = None
    summaries: tuple[str, ...] = ()
    why: str | None = None


def session_content(state: SessionState, at_ms: int, actor: str) -> Content:
    """What is stored of a session."""
    body = canonical(
        {
            "id": state.id, "user": state.user, "agent": state.agent, "idle_ttl_s": float(state.idle_ttl_s),
            "closed_ms": state.closed_ms, "through": state.through, "summaries": list(state.summaries[-SUMMARIES:]),
            "why": state.why,
        }
    )  # fmt: skip
    return Content(
        kind=Kind.SESSION, text=state.id, valid_from=at_ms, session=state.id, actor=actor, body=body.decode()
    )


def read_session(body: str | None) -> SessionState:
    """What is kept of a session, from a body.

    Raises:
        InvalidInput: it is not what `session_content` writes.
    """
    values = body_fields("session", body)
    if set(values) != set(_FIELDS) or not all(isinstance(values[name], _FIELDS[name]) for name in _FIELDS):
        raise InvalidField(f"What belongs to the session has other fields than {', '.join(_FIELDS)}.")
    border.check_label(values["id"], "session")
    border.optional_label(values["user"], "user")
    border.optional_label(values["agent"], "agent")
    check_ttl(values["idle_ttl_s"], "idle_ttl_s")
    border.check_moment(values["closed_ms"])
    summaries: list[Any] = values["summaries"]
    if len(summaries) > SUMMARIES:
        raise InvalidField(f"The session names {len(summaries):,} summaries; at most {SUMMARIES:,} are taken.")
    for one in (*summaries, *((values["through"],) if values["through"] else ())):
        parse_id(one)
    fields: dict[str, Any] = {**values, "summaries": tuple(summaries)}
    return SessionState(**fields)


def check_ttl(value: object, what: str) -> float:
    """Seconds for which something is kept: more than 0, at most `MOST_TTL_S`.

    Raises:
        InvalidField.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InvalidField(f"{what} is {value!r:.60}; expected a number of seconds. Nothing was written.")
    if not 0.001 <= value <= MOST_TTL_S:
        raise InvalidField(
            f"{what} is {value!r:.60}; expected seconds from 0.001 to {MOST_TTL_S:,.0f} (a year). Nothing was written."
        )
    return float(value)


def is_idle(last_ms: int, now_ms: int, idle_ttl_s: float) -> bool:
    """Whether so long passed since the last word; a clock that went back says nothing, so then it did not."""
    return now_ms - last_ms > idle_ttl_s * 1_000


def is_live(said_ms: int, recorded_ms: int) -> bool:
    """Whether a turn was said when it was recorded, within a day: what was imported was said long before."""
    return recorded_ms - said_ms <= limits.FUTURE_MS


def stretches(turns: Sequence[T]) -> list[Sequence[T]]:
    """Turns in pieces of one summary each: as many as a memory may have sources."""
    return [turns[start : start + limits.SOURCES] for start in range(0, len(turns), limits.SOURCES)]


def summary_tokens(tokens: int) -> int:
    """The tokens that a summary of so many may have."""
    return max(LEAST_TOKENS, min(MOST_TOKENS, tokens // SHARE))
