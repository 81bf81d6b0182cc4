"""What a recall gives back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import overload

from holdfast.model.records import Record


@dataclass(frozen=True, slots=True)
class Hit:
    """One memory that was recalled, and why.

    Attributes:
        record: The memory itself.
        score: How well it fits; comparable within one recollection only, greater is better.
        signals: What each signal gave to the score; they sum to it.
        reasons: The strongest of them in words.
    """

    record: Record
    score: float
    signals: Mapping[str, float]
    reasons: tuple[str, ...]

    @property
    def id(self) -> str:
        return self.record.id

    @property
    def text(self) -> str:
        return self.record.text

    @property
    def sources(self) -> tuple[str, ...]:
        """Ids to cite: the memories it was derived from, or its own where it was said directly."""
        return self.record.sources or (self.record.id,)


@dataclass(frozen=True, slots=True)
class Recollection(Sequence[Hit]):
    """The hits of one recall, best first.

    Attributes:
        query: What was asked.
        hits: The memories, best first.
        text: The hits as text for a prompt: numbered, dated, cited and fenced as data.
        tokens: Estimated tokens of ``text``.
        confidence: Calibrated chance, 0 to 1, that evidence is among the ten best candidates, however many of them a
            limit or a budget returned; 0 where there was none, or none fits the budget.
        degraded: Why less than all signals answered, in words; None when all did.
        pending: Memories of the space that have no vector yet.
        took_ms: How long it took, the query's embedding included.
        kept: Id under which it was kept, where that was asked for; see `holdfast.groups.Recalls`.
    """

    query: str
    hits: tuple[Hit, ...]
    text: str
    tokens: int
    confidence: float
    degraded: str | None
    pending: int
    took_ms: float
    kept: str | None = None

    @overload
    def __getitem__(self, index: int) -> Hit: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Hit, ...]: ...
    def __getitem__(self, index: int | slice) -> Hit | tuple[Hit, ...]:
        return self.hits[index]

    def __len__(self) -> int:
        return len(self.hits)

    def __iter__(self) -> Iterator[Hit]:
        return iter(self.hits)
