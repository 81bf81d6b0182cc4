"""The port through which a space is stored: its journal and the projection of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from holdfast.core.view import View
from holdfast.model.events import Change, Event, Head, Sealed, SetModel
from holdfast.model.holdings import Holding
from holdfast.model.ids import Id

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


Entry = tuple[str | None, str, str | None]
"""Author, text and caption: what is embedded of a memory."""


class Reader(View, Protocol):
    """A consistent view of one space, valid inside the call or the ``with`` that gave it."""

    def head(self) -> Head: ...

    def node_heads(self) -> Mapping[Id, tuple[int, bytes]]:
        """Per node that ever wrote here, the number and chain value of its newest event."""
        ...

    def current(self, ns: Sequence[int]) -> Mapping[int, tuple[Holding, Event]]:
        """By local number, memories that are held and the events with their current versions.

        Forgotten and unknown ones are left out; superseded ones are there.
        """
        ...

    def events_of(self, record: Id) -> Sequence[Event]:
        """Every event about a memory, oldest arrival first."""
        ...

    def events(self, after_seq: int, limit: int) -> Sequence[Event]:
        """Events in local order."""
        ...

    def count(self, where: Mapping[str, Sequence[str | int]] | None = None, *, quarantined: bool = False) -> int:
        """Live memories that match; see `select`."""
        ...

    def select(
        self,
        where: Mapping[str, Sequence[str | int]],
        since_ms: int | None,
        until_ms: int | None,
        *,
        superseded: bool = False,
        quarantined: bool = False,
    ) -> list[int]:
        """Local numbers of live memories, ascending, whose fields each equal one of the given values.

        Fields: author, role, session, kind, category, subject, source, tag, mark, origin.

        Args:
            superseded: Superseded memories too, whether they were quarantined or not.
            quarantined: Quarantined memories too.
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

    def session(self, session: str) -> list[int]:
        """Local numbers of a session's turns in order, superseded and quarantined ones too."""
        ...

    def held(self, after_n: int, limit: int) -> list[int]:
        """Local numbers of every memory that is not forgotten, ascending."""
        ...

    def tally(self) -> Tally: ...

    def live(self, after_n: int, limit: int) -> Sequence[Holding]:
        """Live memories by local number."""
        ...

    def columns(self, ns: Sequence[int] | None) -> Columns:
        """Columns of the live memories among these, or of all; quarantined ones are not live."""
        ...

    def moved(self, after_seq: int) -> Moved: ...

    def vectors(self, after_revision: int) -> StoredVectors: ...

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
    """What one caller wants written, and what it is to be given once that is durable."""

    sealed: tuple[Sealed, ...]
    result: R


class SpaceStore(Protocol):
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

    def drop_vectors(self, ns: Sequence[int]) -> None:
        """Put memories back into the backlog, to be embedded again."""
        ...

    @property
    def index_version(self) -> str:
        """What the stored terms were made with, as the last rebuild was told; empty before the first."""
        ...

    def rebuild(
        self,
        replay: Callable[[Iterator[Event]], Iterable[tuple[Event, tuple[Change, ...]]]],
        index_version: str | None = None,
    ) -> bytes:
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

    def close(self) -> None:
        """Release everything; a second call does nothing."""
        ...
