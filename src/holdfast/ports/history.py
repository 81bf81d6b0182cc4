"""What a store does about its own history: snapshots, pruning, copies as of an event, compacting."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from holdfast.model.events import Change, Event
from holdfast.model.snapshots import Cut, Snapshot

if TYPE_CHECKING:
    from holdfast.ports.store import Reader

Replay = Callable[[Iterator[Event]], Iterable[tuple[Event, tuple[Change, ...]]]]
"""Gives events their changes, one at a time and in their order."""


class Proof(Protocol):
    """What rows of a journal are held against while they are copied; headers go from the node to the other id."""

    def link(self, previous: bytes | None, header: Sequence[Any], committed: bytes) -> bytes:
        """The chain value of an event, from that of its node's one before; None before the first."""
        ...

    def keep(self, seq: int, header: Sequence[Any], committed: bytes, chain: bytes) -> None:
        """Take in one of the events up to the snapshot that the copy begins from, in their order."""
        ...

    def is_whole(self) -> bool:
        """Whether all that the snapshot rests on was taken in, as it was written."""
        ...


class HistoryReader(Protocol):
    """A consistent view of how far back a space's history goes."""

    def horizon(self) -> Snapshot | None:
        """Where the history begins, if anything was pruned."""
        ...

    def snapshot(self, last_seq: int, at_ms: int | None) -> Snapshot | None:
        """The newest snapshot that is of no later event, and no later time where one is given."""
        ...

    def snapshot_of(self, last_seq: int) -> Snapshot:
        """What was held after an event, or the last one before it, rests on; without the digest.

        Of the versions of a memory that are not erased those are kept that came first and that held then; of what
        was decided (superseded, forgotten, readmitted, receipts, models) everything.
        """
        ...

    def last_before(self, at_ms: int) -> int:
        """The greatest number up to which every event was written before a time, milliseconds since the epoch."""
        ...

    def written_ms(self, seq: int) -> int:
        """When an event, or the last one before it that is there, was written; 0 before the first."""
        ...

    def events_at(self, seqs: Sequence[int]) -> Sequence[Event]:
        """The events of these numbers that are there, ascending."""
        ...

    def count_until(self, seq: int) -> int:
        """How many events are there up to a number."""
        ...

    def free_bytes(self) -> int:
        """Bytes of the file that hold nothing."""
        ...


class HistoryStore(Protocol):
    """A store that can shorten its history and take on another's."""

    def copy_past(self, source: Reader, cut: Cut, replay: Replay, proof: Proof) -> None:
        """Become, while empty, what another held at a cut, minus what was erased since. Events keep their numbers.

        Raises:
            Damaged: an event was altered, or is not there; the store stays empty.
        """
        ...

    def drop_pruned(self, after_seq: int, limit: int) -> tuple[int, int]:
        """Look at so many events above a number, and drop those up to the horizon that are not kept.

        Returns from where to go on, 0 at the end, and how many went.
        """
        ...

    def compact(self) -> bool:
        """Write the file anew without its free pages; False while a reader keeps the file from getting shorter.

        Raises:
            StoreBusy, StoreFull, StoreReadOnly, StoreError: nothing was changed.
        """
        ...
