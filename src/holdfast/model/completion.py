"""What a language model is asked and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Stop = Literal["end", "length", "tools", "refused"]
"""Why a model stopped: it was done, its tokens were spent, it calls tools, or it will not answer."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that a model may call.

    Attributes:
        name: 1 to 64 letters, digits, ``_`` and ``-``.
        parameters: JSON schema of an object.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call that a model asks for.

    Attributes:
        id: Goes back with the result; made up here where the service gives none.
        arguments: Decoded; None where the model wrote something that is no JSON object.
        written: The arguments as the model wrote them.
    """

    id: str
    name: str
    arguments: Mapping[str, Any] | None
    written: str


@dataclass(frozen=True, slots=True)
class Completion:
    """One answer of a model.

    Attributes:
        text: What it says; empty where it only calls tools, or refuses without a word.
        calls: Tools it wants called, in order.
        messages: The answer in the model's own shape, to be added to a session and sent again as it is.
        model: Name under which the service answered.
        tokens_in, tokens_out: As the service counted them; None where it did not say.
    """

    text: str
    calls: tuple[ToolCall, ...]
    stop: Stop
    messages: tuple[dict[str, Any], ...]
    model: str
    tokens_in: int | None = None
    tokens_out: int | None = None
