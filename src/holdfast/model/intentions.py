"""An intention: something to bring up later, at a time, after an event, or when a condition holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class IntentionState(StrEnum):
    """Where an intention stands; the words are stored."""

    PENDING = "pending"
    """It waits, or is due and nobody has taken it."""
    FIRED = "fired"
    """Somebody took it, to bring it up; it is not done yet."""
    DONE = "done"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    """Its time was over before anybody took it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intention:
    """Something to bring up later. Times are milliseconds since the epoch.

    Attributes:
        text: What to bring up.
        when_ms: From when on it is due; None where it waits for an event or a condition.
        said: The words that ``when_ms`` was read from, such as ``next Friday``, where it was not a date.
        event: The name of the event that it waits for.
        condition: The filter over facts that it waits for, as a mapping; see `holdfast.core.filters`.
        until_ms: From when on nobody wants it any more, unless it was taken before.
        about: Whom or what it concerns.
        met_ms: When what it waits for came about, where that is known.
        snoozed_until_ms: It is not due before.
        fired_ms: When it was last taken.
        taken_by: The session that took it, where that was said.
        version: 1 for the first, one more for each change of its state.
        actor: The principal that changed it last.
        made_ms, changed_ms: When it was noted, and last changed.
        quarantined: A policy that came later set it apart: it is not brought up.
    """

    id: str
    text: str
    state: IntentionState
    when_ms: int | None
    said: str | None
    event: str | None
    condition: Mapping[str, Any] | None = field(hash=False)
    until_ms: int | None
    about: str | None
    met_ms: int | None = None
    snoozed_until_ms: int | None = None
    fired_ms: int | None = None
    taken_by: str | None = None
    version: int = 1
    actor: str = "owner"
    made_ms: int = 0
    changed_ms: int = 0
    quarantined: bool = False
