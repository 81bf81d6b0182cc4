"""What a person may know of a memory: what is kept, what happened to it, why it is held, and who used it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import overload

from holdfast.model.erasure import ForgetReceipt
from holdfast.model.records import Record

MOST_PRINCIPALS = 1_000
"""Principals whose uses of one space are told apart."""
OTHERS = "(others)"
"""Stands for all further principals of a space, whose uses are counted together."""


@dataclass(frozen=True, slots=True)
class Reads:
    """How often a principal was given one memory.

    Attributes:
        count: Times it was among the hits of a recall, or was looked up by its id.
        first_ms, last_ms: When for the first and the last time, milliseconds since the epoch.
    """

    principal: str
    count: int
    first_ms: int
    last_ms: int


@dataclass(frozen=True, slots=True)
class Access:
    """How much a principal used a space.

    Attributes:
        reads: Memories given to it by recalls and by id.
        listed: Memories given to it in bulk: listed, exported, as a session, or shown before a forget.
        writes: Memories and versions it wrote, and calls that forgot something.
        first_ms, last_ms: When it was first and last seen, milliseconds since the epoch.
    """

    principal: str
    reads: int
    listed: int
    writes: int
    first_ms: int
    last_ms: int


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One event in the life of a memory.

    Attributes:
        what: remembered, revised, superseded or forgotten.
        at_ms: When, milliseconds since the epoch.
        version: The memory's version after it.
        record: What it said then, with its source and what a policy noted of it; None where that was erased or
            the event has no content.
        other: The memory that superseded it, or the receipt that erased it.
        reason: Why, in the caller's words, where one was given.
        actor: The principal that did it; None where that was erased with the words.
    """

    what: str
    at_ms: int
    version: int
    record: Record | None
    other: str | None
    seq: int
    reason: str | None = None
    actor: str | None = None


@dataclass(frozen=True, slots=True)
class History:
    """The life of one memory: its events in order of arrival, as a sequence, and who read it.

    Attributes:
        entries: What happened, oldest first.
        reads: Who was given it, most often first; empty once it is forgotten.
        supersedes: Ids of the memories that this one replaced.
    """

    id: str
    entries: tuple[HistoryEntry, ...]
    reads: tuple[Reads, ...] = ()
    supersedes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[HistoryEntry]:
        return iter(self.entries)

    @overload
    def __getitem__(self, place: int) -> HistoryEntry: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[HistoryEntry, ...]: ...
    def __getitem__(self, place: int | slice) -> HistoryEntry | tuple[HistoryEntry, ...]:
        return self.entries[place]


@dataclass(frozen=True, slots=True)
class Linked:
    """A memory that another one rests on, or that rests on it.

    Attributes:
        record: As it is held now; None where it was forgotten or is not here.
        depth: 1 for what the memory itself names or what names it, 2 for the next step, and so on.
        via: Id of the memory on the way to it.
    """

    id: str
    record: Record | None
    depth: int
    via: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """Why a memory is held, or no longer: every part as a value, and all of it in words.

    Attributes:
        state: live, superseded, quarantined, aside (see `Kind.is_aside`), due (its time is up) or forgotten.
        record: What it says; None once it is forgotten.
        recorded_ms: When its first version was taken in, milliseconds since the epoch.
        sources: What it was derived from, to any depth, nearest first; at the end of each chain stands what
            was said or told.
        supersedes: The memories that it replaced.
        superseded_by: The memory that replaced it.
        falls: What would be forgotten with it.
        reads: Who was given it.
        receipt: The receipt of the forget that erased it.
        words: The same as sentences, by what they are about: state, origin, sources, trust, policy, keeping,
            supersedes, falls, use; a subject of which there is nothing to say is missing.
    """

    id: str
    state: str
    record: Record | None
    recorded_ms: int
    sources: tuple[Linked, ...]
    supersedes: tuple[Linked, ...]
    superseded_by: Linked | None
    falls: tuple[Linked, ...]
    reads: tuple[Reads, ...]
    receipt: ForgetReceipt | None
    words: Mapping[str, str]

    def __str__(self) -> str:
        return "\n".join(self.words.values())


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes of a space; 0 in memory.

    Attributes:
        total: All files, with what is free in them.
        texts: Payloads of the journal: what was said, with everything noted beside it.
        index: Words counted for recall.
        vectors: Vectors for recall.
        log: The write-ahead log, part of ``total``.
    """

    total: int
    texts: int
    index: int
    vectors: int
    log: int


@dataclass(frozen=True, slots=True)
class Summary:
    """What is kept in a space, where it came from, who used it, and how much room it takes.

    Attributes:
        live, superseded, forgotten: Memories by state.
        by_kind, by_category, by_author: Live memories.
        sessions: Distinct sessions of live turns.
        oldest_ms, newest_ms: When the first and the last live memory was said or became true.
        events: Length of the journal.
        pending: Live memories without a vector.
        quarantined: Memories that are kept apart; not among the live ones.
        expired: Memories whose time is up; `Admission.audit` forgets them.
        model: Fingerprint of the embedding model the space is bound to.
        size_bytes: All files of the space.
        first_recorded_ms, last_recorded_ms: When the first and the last live memory was taken in.
        by_source: Live memories by their source, the 20 most frequent sources.
        more_sources: Further sources, not in ``by_source``.
        receipts: How many forgets are recorded.
        accesses: Who used the space, last seen first; see `Memory.open`, ``touches``.
        sizes: Where the bytes are.
        breaker: Whether the model at hand is asked: closed (it is), open (it failed too often in a row and is left
            alone), half-open (the next call tries it); None without a model.
        model_failure: What it failed with the last time, where that was its last call.
    """

    space: str
    live: int
    superseded: int
    forgotten: int
    by_kind: Mapping[str, int]
    by_category: Mapping[str, int]
    by_author: Mapping[str, int]
    sessions: int
    oldest_ms: int | None
    newest_ms: int | None
    events: int
    pending: int
    model: str | None
    size_bytes: int
    quarantined: int = 0
    expired: int = 0
    first_recorded_ms: int | None = None
    last_recorded_ms: int | None = None
    by_source: Mapping[str, int] = field(default_factory=dict[str, int])
    more_sources: int = 0
    receipts: int = 0
    accesses: tuple[Access, ...] = ()
    sizes: Sizes = Sizes(0, 0, 0, 0, 0)
    breaker: str | None = None
    model_failure: str | None = None
