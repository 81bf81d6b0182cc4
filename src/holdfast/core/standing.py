"""How a memory stands at the moment of a question: whether it still holds, and how much it matters.

These are told by the record itself, so they are weighed when the best candidates have been fetched.
"""

from __future__ import annotations

from typing import Final

from holdfast.model.records import Record

NEAR: Final = 4
"""Candidates fetched at first beyond those asked for: a standing moves a memory by so few places, as a rule."""

STEP: Final = 16
"""Candidates that are fetched at a time where those did not settle what is returned."""

NOT_VALID: Final = 4.0
"""What a fact loses that is not true at the moment of the question, in units of the score."""

IMPORTANCE: Final = 1.0
"""What a memory of importance 1 has over one of importance 0."""

MOST_GAINED: Final = IMPORTANCE / 2
"""The most that a standing adds to a score."""

AHEAD_MS: Final = 24 * 3_600_000
"""How far ahead the beginning of a fact may lie: the clocks of those who share a space differ, and zones do."""


def valid(record: Record, now_ms: int) -> float:
    """Return 0 for what is true at a moment and -1 for a fact that no longer is, or is not yet.

    What was said or happened at a time stays so. What begins within `AHEAD_MS` counts as true.
    """
    if record.kind.is_episode:
        return 0.0
    ended = record.valid_to is not None and record.valid_to <= now_ms
    return -1.0 if ended or record.valid_from > now_ms + AHEAD_MS else 0.0


def importance(record: Record) -> float:
    """Return the importance given to a memory, -0.5 (none) to 0.5 (the most); 0 where nobody gave any."""
    return record.importance - 0.5


def standing(record: Record, now_ms: int | None) -> dict[str, float]:
    """Return what a record's standing gives to its score, by signal; signals that say nothing are left out.

    Args:
        now_ms: when the question is asked, milliseconds since 1970 UTC; None where it names a time of its own, and
            what was true then is as good as what is true now.
    """
    given = {
        "valid": 0.0 if now_ms is None else NOT_VALID * valid(record, now_ms),
        "importance": IMPORTANCE * importance(record),
    }
    return {name: part for name, part in given.items() if part}
