"""The part of a conversation that fits into a prompt."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from holdfast.model.messages import Shape


@dataclass(frozen=True, slots=True)
class Window:
    """What of a session is given to a model: what the system said, what the older part came to, the newest messages.

    Attributes:
        session: The session's id.
        messages: In the provider's shape, ready to be sent.
        system: What the system said, where the shape has its own place for that (``anthropic``); None otherwise.
        tokens: What all of it comes to, ``system`` included; never more than ``max_tokens``.
        max_tokens: The window.
        memories: Ids of what is shown, oldest first; those in ``shortened`` by their gist, all others verbatim.
        evicted: How many messages of the session are not shown. They are kept, and `recall` finds them.
        summary: What the evicted part came to, as it stands in the messages; None where nothing tells it.
        by: What wrote the summary: names of models, ``extractive``; empty where there is none.
        shortened: Ids of messages shown by their gist, because they would not fit; `Episodes.full_text` has all.
        degraded: Why this is less than it might be, in words; None where it is not.
        left_out: What cannot be said in the shape and so is not there, in words.
    """

    session: str
    shape: Shape
    messages: list[dict[str, Any]]
    system: str | None
    tokens: int
    max_tokens: int
    memories: tuple[str, ...] = ()
    evicted: int = 0
    summary: str | None = None
    by: tuple[str, ...] = ()
    shortened: tuple[str, ...] = ()
    degraded: str | None = None
    left_out: tuple[str, ...] = field(default=())
