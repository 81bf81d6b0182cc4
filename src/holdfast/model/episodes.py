"""Episodes as they are given back: what was said, called, decided, went wrong, came of it, or happened."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from holdfast.model.records import Kind, Record

OUTCOMES: Final = ("success", "failure", "partial", "abandoned")
"""How something may have ended."""

RECORDED: Final = {
    "decision": Kind.DECISION,
    "error": Kind.ERROR,
    "outcome": Kind.OUTCOME,
    "event": Kind.EVENT,
    "tool_call": Kind.TOOL_CALL,
}
"""Kinds of episodes that a caller records; turns are added, summaries are made."""


@dataclass(frozen=True, slots=True)
class Episode:
    """Something that was said or happened, with what belongs to it.

    Attributes:
        user, agent: For whom, and by whom.
        input, output: What went in and what came out, any JSON value.
        outcome: One of `OUTCOMES`.
        sentiment: From -1 (bad) to 1 (good).
        times: The times its text names, counted from when it was said: from (inclusive) and before (exclusive),
            milliseconds since 1970 UTC.
        it: What "it" stands for in the text, where that is certain enough to say.
        resolution: What resolved an error, where something did.
        resolves: Id of the error that this resolved.
        score: How near it is to what was asked, where something was; higher is nearer.
    """

    record: Record
    user: str | None = None
    agent: str | None = None
    input: Any = None
    output: Any = None
    outcome: str | None = None
    sentiment: float | None = None
    times: tuple[tuple[int, int], ...] = ()
    it: str | None = None
    resolution: Episode | None = None
    resolves: str | None = None
    score: float | None = field(default=None, compare=False)

    @property
    def id(self) -> str:
        return self.record.id

    @property
    def kind(self) -> str:
        """``turn``, ``tool_call``, ``decision``, ``error``, ``outcome``, ``event`` or ``summary``."""
        return self.record.kind.name.lower()

    @property
    def text(self) -> str:
        return self.record.text

    @property
    def at_ms(self) -> int:
        """When it was said or happened, milliseconds since the epoch."""
        return self.record.valid_from
