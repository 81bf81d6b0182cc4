"""What a tool of an agent gives back."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ToolResult:
    """The result of one call, as it goes back to the model.

    Attributes:
        name: The tool that was called, as the model named it.
        text: What the model is told: JSON, or recalled memories in their fence.
        ok: False where nothing came of the call; the text then says why and what to do.
    """

    name: str
    text: str
    ok: bool = True
