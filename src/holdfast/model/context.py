"""What an agent is given before it answers: sections of text and messages, each line citing its memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from holdfast.model.messages import Messages

SECTIONS: Final = ("blocks", "profile", "procedures", "intentions", "memories", "recent")
"""What a context is made of, in the order of its text: what changes least comes first."""

SHARES: Final[Mapping[str, float]] = MappingProxyType(
    {"blocks": 0.15, "profile": 0.10, "procedures": 0.10, "intentions": 0.05, "memories": 0.30, "recent": 0.30}
)
"""What each section has of the budget; what one does not use flows to the others, by their shares."""


@dataclass(frozen=True, slots=True)
class Part:
    """One section of a context.

    Attributes:
        text: Its heading and lines, as they stand inside the fence.
        tokens: Of that text.
        memories: The memory that each line cites, in the order of the lines.
        first: The number by which the first line is cited; the next ones follow it.
    """

    section: str
    text: str
    tokens: int
    memories: tuple[str, ...]
    first: int


@dataclass(frozen=True, slots=True)
class Context:
    """What an agent is given before it answers.

    Attributes:
        text: All of it as one text: what it is, and a fence with the sections that hold something.
        tokens: Of the text, or of its messages where those have more; never above ``budget_tokens``.
        parts: The sections that hold something, in the order of the text.
        left_out: By section, how many of what could have stood there do not, by the reason why.
        query: What memories and procedures were looked for by; None where nothing was asked and nobody spoke.
        confidence: See `holdfast.Recollection.confidence`.
        degraded: Why less than all was looked through, in words; None when all was.
        session: The conversation it is for; None for none.
        shape: The shape in which messages are as they were added.
    """

    text: str
    tokens: int
    budget_tokens: int
    parts: tuple[Part, ...]
    left_out: Mapping[str, Mapping[str, int]] = field(hash=False)
    query: str | None = None
    confidence: float = 0.0
    degraded: str | None = None
    session: str | None = None
    shape: str = "openai"
    shaped: Callable[[str], Messages] = field(default=lambda shape: Messages("openai"), repr=False, compare=False)

    @property
    def memories(self) -> tuple[str, ...]:
        """The memory behind each number: ``[1]`` cites the first."""
        return tuple(memory for part in self.parts for memory in part.memories)

    def messages(self, shape: str | None = None) -> Messages:
        """The same for a provider: what is stable first, what was said, and what was recalled before the last word.

        What the system says, the blocks among it, comes first (for Anthropic it stands in ``system``), then the recent
        turns as they were; profile, procedures, intentions and memories, which change with every question, are one
        message of the user before the last one, so that all before it stays the prefix of the next call. Where nobody
        spoke yet it comes last.

        Args:
            shape: ``openai``, ``openai-responses`` or ``anthropic``; the one it was asked for in where None. What was
                said is converted into another one.

        Raises:
            InvalidField: an unknown shape.
        """
        return self.shaped(self.shape if shape is None else shape)

    def part(self, section: str) -> Part | None:
        """One section; None where it holds nothing."""
        return next((part for part in self.parts if part.section == section), None)
