"""Messages as providers shape them, and what a session gives back in one of those shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, get_args, overload

Shape = Literal["openai", "openai-responses", "anthropic"]
"""OpenAI's chat completions, items of OpenAI's Responses, and Anthropic's messages with content blocks."""

SHAPES: Final[tuple[Shape, ...]] = get_args(Shape)

Message = Mapping[str, Any]
"""One message, as a mapping of the JSON that a provider's interface takes and gives."""


@dataclass(frozen=True, slots=True)
class Messages(Sequence[dict[str, Any]]):
    """Messages in one shape, ready to be sent; a sequence of them.

    Attributes:
        shape: The provider's shape.
        messages: What was added in this shape is as it was, to the byte of its JSON; the rest is converted.
        system: What the system said, where the shape has its own place for that (``anthropic``); None otherwise.
        left_out: What cannot be said in this shape and so is not there, in words; empty when all of it is.
        sources: For each message the ids of the memories it is made of.
    """

    shape: Shape
    messages: tuple[dict[str, Any], ...] = ()
    system: str | None = None
    left_out: tuple[str, ...] = ()
    sources: tuple[tuple[str, ...], ...] = ()

    def __len__(self) -> int:
        return len(self.messages)

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> Messages: ...
    def __getitem__(self, index: int | slice) -> dict[str, Any] | Messages:
        if isinstance(index, slice):
            return replace(self, messages=self.messages[index], sources=self.sources[index])
        return self.messages[index]
