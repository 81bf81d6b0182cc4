"""What a session has at hand: values for a while, and what was said last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class WorkingEntry:
    """Something that was said, as the working tier holds it.

    Attributes:
        id: Of the memory that has it.
        at_ms: When it was said, milliseconds since the epoch.
        line: What is shown of it, in one text.
    """

    id: str
    at_ms: int
    line: str


@dataclass(frozen=True, slots=True)
class Working:
    """What a session has at hand at one moment.

    Attributes:
        recent: What was said last, oldest first.
        scratch: Values that are held, by key.
        episodes: What was said or happened in the session since a moment that was asked for, oldest first.
    """

    recent: tuple[WorkingEntry, ...] = ()
    scratch: Mapping[str, str] = field(default_factory=dict[str, str])
    episodes: tuple[WorkingEntry, ...] = ()
