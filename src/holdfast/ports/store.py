"""The port through which a space is stored: its journal and the projection of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from holdfast.core.view import View
from holdfast.model.access import Ahead
from holdfast.model.events import Event, Head, Sealed, SetModel
from holdfast.model.filters import EVERYTHING, Filter
from holdfast.model.holdings import Holding
from holdfast.model.ids import Id
from holdfast.model.insight import Access, Reads
from holdfast.model.snapshots import Snapshot
from holdfast.ports.history import HistoryReader, HistoryStore, Replay

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Identity:
    """What never changes about a space file.

    Attributes:
        secret: 32 bytes under which digests, keyed ids and stored terms of this space are made.
    """

    space: Id
    node: Id
    secret: bytes


@dataclass(frozen=True, slots=True)
class Columns:
    """Equally long columns of live memories, for the index in memory; see `Corpus.add_columns`."""

    n: Sequence[int]
    session: Sequence[str | None]
    order: Sequence[int]
    author: Sequence[str | None]
    role: Sequence[int]
    kind: Sequence[int]
    said_ms: Sequence[int]
    terms: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class StoredVectors:
    """Quantised vectors: ``values[i] * scales[i]`` is the vector of memory ``ns[i]``.

    Attributes:
        ns: int64 of shape (m,).
        values: int8 of shape (m, dimensions).
        scales: float32 of shape (m,).
        revision: Ask for later ones with this.
        damaged: Numbers whose bytes failed their check; their vectors are not in the arrays.
    """

    ns: NDArray[np.int64]
    values: NDArray[np.int8]
    scales: NDArray[np.float32]
    revision: int
    damaged: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Moved:
    """What changed in the projection between two places of the journal, as local numbers.

    Attributes:
        changed: Memories to load again if they are live.
        gone: Memories that are no longer live.
        seq: The newest event taken into account.
    """

    changed: tuple[int, ...]
    gone: tuple[int, ...]
    seq: int


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts over the projection; the mappings and the times are over live memories.

    Attributes:
        quarantined: Memories that would be live if they were not kept apart.
        oldest_ms, newest_ms: The first and the last time something was said or became true.
        by_source: The most frequent sources, `MOST_SOURCES` at most, of ``sources`` in all.
        first_recorded_ms, last_recorded_ms: When the first of them came, and the newest version of any.
        receipts: Forgets that are recorded.
    """

    live: int
    superseded: int
    forgotten: int
    quarantined: int
    by_kind: Mapping[int, int]
    by_category: Mapping[str, int]
    by_author: Mapping[str, int]
    sessions: int
    oldest_ms: int | None
    newest_ms: int | None
    by_source: Mapping[str, int]
    sources: int
    first_recorded_ms: int | None
    last_recorded_ms: int | None
    receipts: int


MOST_SOURCES = 20
"""Sources that a `Tally` names."""


@dataclass(frozen=True, slots=True)
class Touch:
    """How often a principal was given the memory of a local number."""

    n: int
    reads: Reads


@dataclass(frozen=True, slots=True)
class Uses:
    """Counts to be added to those that are held: who was given which memory, and who used the space."""

    touches: tuple[Touch, ...] = ()
    accesses: tuple[Access, ...] = ()


Entry = tuple[str | None, str, str | None]
"""Author, text and caption: what is embedded of a memory."""


class Reader(View, HistoryReader, Protocol):
    """A consistent view of one space, valid inside the call or the ``with`` that gave it."""

    def head(self) -> Head: ...

    def node_heads(self) -> Mapping[Id, tuple[int, bytes]]:
        """Per node that ever wrote here, the number and chain value of its newest event."""
        ...

    def events_of(self, record: Id) -> Sequence[Event]:
        """Every event about a memory, oldest arrival first."""
        ...

    def events(self, after_seq: int, limit: int) -> Sequence[Event]:
        """Events in local order."""
        ...

    def count(self, where: Filter = EVERYTHING, *, quarantined: bool = False) -> int:
        """Live memories that match; see `select`."""
        ...

    def select(
        self,
        where: Filter,
        since_ms: int | None,
        until_ms: int | None,
        *,
        superseded: bool = False,
        quarantined: bool = False,
        aside: bool = False,
    ) -> list[int]:
        """Local numbers of live memories, ascending, for which a filter is true.

        Args:
            where: Only of conditions that columns decide, see `holdfast.model.filters.COLUMNS`.
            superseded: Superseded memories too, whether they were quarantined or not.
            quarantined: Quarantined memories too.
            aside: What is of a kind that is aside too; see `Kind.is_aside`.

        Raises:
            InvalidFilter: a condition that columns do not decide.
        """
        ...

    def sourced(self, prefix: str) -> list[tuple[Id, str]]:
        """Ids and sources of facts whose source begins with a prefix, in order of arrival.

        Live ones and quarantined ones. Compared character by character; nothing in the prefix has a meaning of its own.
        """
        ...

    def expired(self, now_ms: int) -> list[int]:
        """Local numbers of memories that are held, ascending, whose time was up by then."""
        ...

    def names(self) -> list[str]:
        """Every author and subject of memories that are held, once each."""
        ...

    def receipts(self) -> Sequence[Event]:
        """The events that record receipts, oldest arrival first."""
        ...

    def receipt(self, receipt: Id) -> Event | None:
        """The event that records the receipt of that id."""
        ...

    def session(self, session: str) -> list[int]:
        """Local numbers of a session's turns in order, superseded and quarantined ones too."""
        ...

    def held(self, after_n: int, limit: int) -> list[int]:
        """Local numbers of every memory that is not forgotten, ascending."""
        ...

    def tally(self) -> Tally: ...

    def superseded_by(self, record: Id) -> Sequence[Holding]:
        """Memories, not forgotten, that this one replaced, in order of arrival."""
        ...

    def reads_of(self, n: int) -> Sequence[Reads]:
        """Who was given a memory, over all nodes; nobody once it is forgotten."""
        ...

    def accesses(self) -> Sequence[Access]:
        """Who used the space, over all nodes."""
        ...

    def content_bytes(self) -> tuple[int, int, int]:
        """Bytes of payloads, of stored terms and of vectors."""
        ...

    def live(self, after_n: int, limit: int) -> Sequence[Holding]:
        """Live memories by local number."""
        ...

    def columns(self, ns: Sequence[int] | None, *, after_n: int = 0, limit: int | None = None) -> Columns:
        """Columns of the live memories among these, or of all after a number, so many; quarantined are not live."""
        ...

    def moved(self, after_seq: int) -> Moved: ...

    def vectors(self, after_revision: int, *, limit: int | None = None) -> StoredVectors: ...

    def vectors_of(self, ns: Sequence[int]) -> StoredVectors:
        """The vectors of these memories, where there are some."""
        ...

    def vector_revision(self) -> int:
        """Rises whenever a vector is stored."""
        ...

    def backlog(self, limit: int, after_n: int = 0) -> Sequence[Holding]:
        """Live memories that have no vector, oldest first."""
        ...

    def backlog_size(self) -> int: ...

    def digest(self) -> bytes:
        """SHA-256 over the whole projection, the same on every node that holds the same events."""
        ...


@dataclass(frozen=True, slots=True)
class Commit(Generic[R]):
    """What one caller wants written, and what it is to be given once that is durable.

    Attributes:
        adopts: Taken on together with what is written, or not at all: an identity and the chain value before the
            node's first event; see `SpaceStore.adopt`, also for what is raised.
        ahead: What is to follow in writes of their own, this one included.
        uses: Counts that are written along with it; see `SpaceStore.add_uses`.
        pause: To be called between two pieces of work, where there is much to store.
        snapshot: Is stored along with it.
    """

    sealed: tuple[Sealed, ...]
    result: R
    uses: Uses | None = None
    pause: Callable[[], None] = lambda: None
    adopts: tuple[Identity, bytes] | None = None
    ahead: Ahead | None = None
    snapshot: Snapshot | None = None


class SpaceStore(HistoryStore, Protocol):
    """One space: a journal and its projection, changed together.

    Guarantees: what `commit` has returned survives a crash of the process and of the machine; a
    commit is wholly there or not at all; callers on several threads and processes are serialised.
    """

    @property
    def identity(self) -> Identity: ...

    @property
    def read_only(self) -> bool: ...

    def commit(self, decide: Callable[[Reader], Commit[R]]) -> R:
        """Run a decision against the newest state and store what it yields, durably.

        ``decide`` may run more than once and must not have effects of its own. Whatever it raises
        is raised to this caller alone, with nothing written.

        Raises:
            StoreBusy, StoreFull, StoreReadOnly, Damaged, Closed.
        """
        ...

    def reading(self) -> AbstractContextManager[Reader]:
        """A consistent view for the time of a ``with``."""
        ...

    def put_vectors(
        self,
        ns: Sequence[int],
        seqs: Sequence[int],
        entries: Sequence[Entry],
        vectors: StoredVectors,
        model: SetModel,
    ) -> int:
        """Store vectors of memories that are still held in the version they were made from.

        Args:
            ns, seqs: The memories, and the events whose texts were embedded.
            entries: What was embedded of each.

        Returns how many were stored; the others were changed or forgotten in the meantime.

        Raises:
            ModelMismatch: the space's vectors belong to another model.
            InvalidVector: the shapes do not fit.
        """
        ...

    def adopt(self, identity: Identity, chain: bytes) -> None:
        """Take on an identity, durably.

        A space without an event becomes any other. One with events only goes on under another node: what the
        node before it wrote stays its own, and nobody else may have the space open.

        Args:
            chain: The chain value before the node's first event.

        Raises:
            AlreadyThere: the space has events, and the identity is another space's.
        """
        ...

    def add_uses(self, uses: Uses) -> None:
        """Add to what is counted, durably and in no digest; a memory that is not held gets no count.

        The counts stay through a `rebuild` and go with their memory.

        Raises:
            StoreBusy, StoreFull, StoreReadOnly, Closed.
        """
        ...

    def drop_vectors(self, ns: Sequence[int]) -> None:
        """Put memories back into the backlog, to be embedded again."""
        ...

    @property
    def index_version(self) -> str:
        """What the stored terms were made with, as the last rebuild was told; empty before the first."""
        ...

    def rebuild(self, replay: Replay, index_version: str | None = None) -> bytes:
        """Drop the projection, make it again from the journal, and return its digest. Vectors are kept.

        Args:
            index_version: To be noted as what the terms were made with.
        """
        ...

    def residue(self, texts: Sequence[str]) -> int:
        """How many of these texts have bytes in the files that no memory which is held accounts for."""
        ...

    def truncate_log(self) -> bool:
        """Let erased bytes leave the disk; False while another reader still needs them."""
        ...

    def problems(self) -> list[str]:
        """What the storage engine itself finds wrong with its files, in words."""
        ...

    def size_bytes(self) -> int:
        """Bytes on disk, everything included; 0 in memory."""
        ...

    def log_bytes(self) -> int:
        """Bytes of the write-ahead log, part of `size_bytes`."""
        ...

    def close(self) -> None:
        """Release everything; a second call does nothing."""
        ...
