"""What a house gives back: memories from several spaces, and receipts of dropped ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import overload

from holdfast.model.recollection import Hit
from holdfast.model.records import Record


@dataclass(frozen=True, slots=True)
class HouseHit:
    """One memory that was recalled, from which space, and why.

    Attributes:
        space: Name of the space that holds it.
        hit: The hit within that space; its own score compares with hits of the same space only.
        score: Estimated chance, 0 to 1, that this memory is the evidence; compares across the spaces.
    """

    space: str
    hit: Hit
    score: float

    @property
    def record(self) -> Record:
        return self.hit.record

    @property
    def id(self) -> str:
        return self.hit.id

    @property
    def text(self) -> str:
        return self.hit.text

    @property
    def sources(self) -> tuple[str, ...]:
        """Ids to cite; see `Hit.sources`."""
        return self.hit.sources

    @property
    def signals(self) -> Mapping[str, float]:
        return self.hit.signals

    @property
    def reasons(self) -> tuple[str, ...]:
        return self.hit.reasons


@dataclass(frozen=True, slots=True)
class HouseRecollection(Sequence[HouseHit]):
    """The hits of one recall in several spaces, best first.

    Attributes:
        query: What was asked.
        hits: The memories, best first.
        text: The hits as text for a prompt, each with its space: numbered, dated, cited and fenced as data.
        tokens: Estimated tokens of ``text``.
        confidence: The greatest of the spaces' confidences, 0 to 1.
        by_space: Each space that was asked, with its own confidence.
        degraded: Why less than all signals answered, in words; None when all did.
        pending: Memories of these spaces that have no vector yet.
        took_ms: How long it took.
    """

    query: str
    hits: tuple[HouseHit, ...]
    text: str
    tokens: int
    confidence: float
    by_space: Mapping[str, float]
    degraded: str | None
    pending: int
    took_ms: float

    @overload
    def __getitem__(self, index: int) -> HouseHit: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[HouseHit, ...]: ...
    def __getitem__(self, index: int | slice) -> HouseHit | tuple[HouseHit, ...]:
        return self.hits[index]

    def __len__(self) -> int:
        return len(self.hits)

    def __iter__(self) -> Iterator[HouseHit]:
        return iter(self.hits)


@dataclass(frozen=True, slots=True, kw_only=True)
class DropPreview:
    """What dropping a space would erase.

    Attributes:
        space, id: Its name, and its random id.
        memories: Live memories, those in quarantine too.
        bytes: In pages in use of its file.
        grants: How many principals lose a grant.
        token: Confirms the drop of the space as it was shown; it ends with the next write there.
    """

    space: str
    id: str
    memories: int
    bytes: int
    grants: int
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DropReceipt:
    """What is left of a space that was dropped: no name and nothing it held.

    Attributes:
        id: The receipt's own id.
        space: The random id that the space had.
        at_ms: When, milliseconds since the epoch.
        actor, reason: Who dropped it, and why, in the caller's words.
        files, bytes: How many files were erased, and how much they held; 0 until that is done.
        chain: Chain value of the audit entry that records the erasure; empty until that is done.
        pending: Why a file may still be there, in words; None when all are gone.
    """

    id: str
    space: str
    at_ms: int
    actor: str
    reason: str | None
    files: int
    bytes: int
    chain: str
    pending: str | None = None
