"""The port through which a language model is asked. None is needed: what uses one says what it does without."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from holdfast.model.completion import Completion, Tool
from holdfast.model.messages import Message, Shape


class LanguageModel(Protocol):
    """Answers messages. Implementations are safe to call from several threads and keep nothing between calls."""

    @property
    def name(self) -> str:
        """The model, as the service knows it."""
        ...

    @property
    def shape(self) -> Shape:
        """The shape of messages it takes and gives."""
        ...

    def complete(
        self,
        messages: Sequence[Message],
        *,
        system: str | None = None,
        tools: Sequence[Tool] = (),
        max_tokens: int = 1024,
        temperature: float | None = None,
    ) -> Completion:
        """Ask, and wait for the whole answer.

        Args:
            messages: In its own `shape`, at least one.
            system: What the system says; beside the messages.
            max_tokens: The most tokens of the answer, 1 to 1,000,000.
            temperature: 0 to 2; the model's own where None.

        Raises:
            ModelUnavailable: it cannot be reached, or is busy; trying again later may work.
            ModelRefused: the service answered that it will not, or in a way that cannot be read. That the model itself
                will not answer is no error: ``stop`` is ``refused`` then.
            InvalidField: an argument is out of range.
        """
        ...

    def stream(
        self,
        messages: Sequence[Message],
        *,
        system: str | None = None,
        tools: Sequence[Tool] = (),
        max_tokens: int = 1024,
        temperature: float | None = None,
    ) -> Iterator[str | Completion]:
        """As `complete`, giving the text in pieces as it comes, and last the whole answer.

        The pieces, joined, are the ``text`` of the answer.

        Raises:
            As `complete`; `ModelUnavailable` also where the answer breaks off.
        """
        ...
