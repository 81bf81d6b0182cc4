"""One memory as recall sees it, and what a space's memories are like together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

LONG_WORDS: Final = 100
"""Words, stop words included, from which an entry counts as long."""

EntryColumns = tuple[
    list[int], list[str | None], list[int], list[str | None], list[int], list[int], list[int], list[bytes]
]
"""Entries as one list for each field of `Entry`, in the order of the fields."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One memory as recall sees it."""

    n: int
    """Local number, unique in the space; later entries have greater ones."""
    session: str | None
    """Entries of one session are each other's context; None has no context."""
    order: int
    """Sorts inside the session; equal ones are sorted by `n`."""
    author: str | None
    """Who said it, by name."""
    role: int
    """A `Role`."""
    kind: int
    """What sort of memory it is, as the caller numbers them."""
    said_ms: int
    """When it was said, milliseconds since 1970 UTC."""
    terms: bytes
    """What `encode_terms` gave for its text."""


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Statistics:
    """What the engine knows of a space when it weighs signals."""

    entries: int
    mean_total: float
    """Mean indexed tokens of an entry."""
    mean_window: float
    """Mean indexed tokens of an entry with its neighbours."""
    long_share: float
    """Share of entries of `LONG_WORDS` words or more, 0 to 1."""
    role_shares: tuple[float, ...]
    """Share of entries of each role, by the number of the `Role`."""
    authors: tuple[str, ...]
    """Distinct authors' names, sorted."""


def transposed(entries: Sequence[Entry]) -> EntryColumns:
    """Return entries as columns."""
    return (
        [entry.n for entry in entries],
        [entry.session for entry in entries],
        [entry.order for entry in entries],
        [entry.author for entry in entries],
        [entry.role for entry in entries],
        [entry.kind for entry in entries],
        [entry.said_ms for entry in entries],
        [entry.terms for entry in entries],
    )
