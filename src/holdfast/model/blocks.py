"""A block: bounded text that stands in the prompt, known by its label."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One version of a block.

    Attributes:
        label: What it is known by.
        text: What stands in it; may be empty.
        description: What it is for, in words for whoever edits it.
        version: 1 for the first, one more for each edit.
        limit: The most that it may hold, in `unit`.
        unit: ``characters``, or ``tokens`` by the counter of the space.
        size: What it holds, in `unit`.
        writers: The principals that may edit it, beside ``owner``; everybody may where None.
        actor: The principal that made this version.
        at_ms: When that was, milliseconds since the epoch.
        id: Of the memory that holds it, for `Memory.forget` and `Memory.history`.
        quarantined: A policy that came later set it apart: it does not belong in a prompt.
    """

    label: str
    text: str
    description: str
    version: int
    limit: int
    unit: str
    size: int
    writers: tuple[str, ...] | None
    actor: str
    at_ms: int
    id: str
    quarantined: bool = False

    @property
    def left(self) -> int:
        """What it has room for yet, in `unit`; never below 0."""
        return max(0, self.limit - self.size)
