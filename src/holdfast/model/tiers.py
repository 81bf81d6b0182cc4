"""Tiers: how much memory of a sort is kept, for how long, how it is found, and what goes first.

A tier is a declaration, not a store: the records are in one journal, and a `TierSpec` says what holds for those of
certain kinds. The four of `DEFAULT_TIERS` are there without a word; a further one is one more `TierSpec`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from holdfast.model.records import Kind


class Retrieval(StrEnum):
    """How what a tier holds is found."""

    ORDER = "order"
    """As it was said."""
    RECENCY = "recency"
    SIMILARITY = "similarity"
    KEY = "key"
    """By name, and by what triggers it."""


class Eviction(StrEnum):
    """What goes first when a tier is over its capacity. Nothing is forgotten by it, except where it says so."""

    SUMMARIZE = "summarize"
    """The oldest become a summary."""
    DROP = "drop"
    """The oldest leave."""
    RELEVANCE = "relevance"
    """What bears least on what is said now leaves."""
    EXPIRE = "expire"
    """What is older than the lifetime is forgotten for good, with a receipt, when the tier is swept."""
    SUPERSEDE = "supersede"
    """Only what is newer takes the place of what it replaces."""
    SUCCESS = "success"
    """What succeeds least goes first: it is the last of those that match, and nothing is forgotten by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TierSpec:
    """One tier.

    Attributes:
        name: Lower-case letters, digits and dashes.
        kinds: The kinds of memories that it is about; none for values that are no memories.
        items, tokens: Capacity; None for no bound.
        lifetime_s: How long something stays after it came; None for good. Of the working tier the time without a word
            after which a session is closed.
        key_ttl_s: How long a value without a lifetime of its own stays, where the tier has values.
        retrieval, eviction: See `Retrieval` and `Eviction`.
        keep_last: The newest so many are never evicted, nor is what the system said.
        compress_at: Share of the capacity from which on it is compressed, above 0 and up to 1.
        backend: ``space`` for the space's own file, or the address of a Redis that holds copies (working tier only).
        where: Which of those kinds, as a filter; see `holdfast.core.filters`. Empty for all of them.
    """

    name: str
    kinds: frozenset[Kind] = frozenset()
    items: int | None = None
    tokens: int | None = None
    lifetime_s: float | None = None
    key_ttl_s: float | None = None
    retrieval: Retrieval = Retrieval.SIMILARITY
    eviction: Eviction = Eviction.SUPERSEDE
    keep_last: int = 5
    compress_at: float = 0.8
    backend: str = "space"
    where: str = ""


WORKING: Final = TierSpec(
    name="working", items=20, tokens=8_000, lifetime_s=1_800.0, key_ttl_s=3_600.0, retrieval=Retrieval.ORDER,
    eviction=Eviction.SUMMARIZE, keep_last=5, compress_at=0.8,
)  # fmt: skip
EPISODIC: Final = TierSpec(
    name="episodic", kinds=frozenset(kind for kind in Kind if kind.is_episode), retrieval=Retrieval.RECENCY,
    eviction=Eviction.SUPERSEDE,
)  # fmt: skip
SEMANTIC: Final = TierSpec(name="semantic", kinds=frozenset({Kind.FACT}), retrieval=Retrieval.SIMILARITY)
PROCEDURAL: Final = TierSpec(
    name="procedural", kinds=frozenset({Kind.PROCEDURE}), retrieval=Retrieval.KEY, eviction=Eviction.SUCCESS
)
DEFAULT_TIERS: Final = (WORKING, EPISODIC, SEMANTIC, PROCEDURAL)


@dataclass(frozen=True, slots=True)
class Tiers:
    """The tiers of a space, by name; the four default ones always among them."""

    specs: tuple[TierSpec, ...] = DEFAULT_TIERS

    def __iter__(self) -> Iterator[TierSpec]:
        return iter(self.specs)

    def __getitem__(self, name: str) -> TierSpec:
        for spec in self.specs:
            if spec.name == name:
                return spec
        raise KeyError(name)

    @property
    def working(self) -> TierSpec:
        return self["working"]


@dataclass(frozen=True, slots=True)
class TierHolding:
    """A tier, and how many memories it holds."""

    spec: TierSpec
    memories: int


@dataclass(frozen=True, slots=True)
class SweepReport:
    """What left its tier, or with ``dry_run`` what would.

    Attributes:
        left: Per tier the ids of the memories that were forgotten.
        kept: Per tier how many stay though they are over its bounds, because a fact that is held was derived from them.
        receipts: Ids of the receipts of what was forgotten.
    """

    left: Mapping[str, tuple[str, ...]]
    kept: Mapping[str, int]
    receipts: tuple[str, ...]
    dry_run: bool
