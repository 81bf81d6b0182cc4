"""What is known of a conversation beside what was said in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from holdfast.model.recollection import Hit

IDLE_TTL_S: Final = 1_800.0
"""Seconds without a word after which a session counts as over, where its opener says nothing else."""
MOST_TTL_S: Final = 366 * 86_400.0
"""The longest time that anything may be kept for a while."""


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """One conversation.

    Attributes:
        user, agent: Who takes part, as its opener named them, or as the newest turns do.
        idle_ttl_s: Seconds without a word after which it is closed.
        is_closed: It was closed, and nothing was said since.
        turns: What was said in it and is held, calls of tools included.
        first_ms, last_ms: When the first and the last of it was said; None where nothing was.
        closed_ms: When it was last closed.
        summaries: Ids of the summaries that closing it made, oldest first.
    """

    id: str
    user: str | None
    agent: str | None
    idle_ttl_s: float
    is_closed: bool
    turns: int
    first_ms: int | None
    last_ms: int | None
    closed_ms: int | None
    summaries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SessionFound:
    """A session in which something was found; the best hit first.

    Attributes:
        score: Of the best hit; higher is nearer.
    """

    session: SessionInfo
    hits: tuple[Hit, ...]
    score: float
