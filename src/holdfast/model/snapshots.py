"""Snapshots of what was held after an event, and what pruning and compacting a space came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from holdfast.model.ids import Id


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Which events what was held after a certain one rests on. It holds no words: those stay in their events.

    Attributes:
        seq: It stands after this event.
        hlc: The greatest clock value among the events up to there.
        at_ms: When that event was written, milliseconds since the epoch.
        anchors: Per node the number and chain value of its newest event up to there.
        kept: Numbers of the events that it rests on, ascending.
        digest: SHA-256 over all of the above, and the headers, commitments and chain values of those events; empty
            before it was made.
        is_horizon: The other events up to there were pruned.
        is_copied: The horizon of a copy that begins there: its journal need not hold the event that tells of it.
    """

    seq: int
    hlc: int
    at_ms: int
    anchors: Mapping[Id, tuple[int, bytes]]
    kept: Sequence[int]
    digest: bytes = b""
    is_horizon: bool = False
    is_copied: bool = False


@dataclass(frozen=True, slots=True)
class Cut:
    """Up to where a copy of a space goes, and how.

    Attributes:
        last_seq: No later event is copied.
        at_ms: None that was written later than this, milliseconds since the epoch, where a time is given.
        base: A snapshot from which to begin: of the events up to it only those are copied that it rests on.
        lends: What the space holds of memories that have not changed since is taken over, not made again.
    """

    last_seq: int
    at_ms: int | None = None
    base: Snapshot | None = None
    lends: bool = False

    @property
    def latest(self) -> int:
        """The greatest clock value of an event that is copied."""
        return (1 << 63) - 1 if self.at_ms is None else self.at_ms << 16 | 0xFFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotReport:
    """A snapshot that was made.

    Attributes:
        seq: It stands after this event.
        events: How many events it rests on, of all that came until then.
    """

    seq: int
    events: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneReport:
    """Events that were pruned, or with ``dry_run`` would be.

    Attributes:
        horizon: The history begins after this event; 0 where nothing was ever pruned.
        horizon_ms: When that event was written, milliseconds since the epoch; None where nothing was ever pruned.
        pruned: Events that went.
        kept: Events up to the horizon that stayed, since something held rests on them or they record a decision.
        superseded: Superseded memories that were forgotten first.
        bytes_free: Bytes of the file that are free for what is written next; `Storage.compact` gives them back.
        pending: Why erased bytes may still be in the write-ahead log; None when they are not.
        dry_run: Nothing was changed.
    """

    horizon: int
    horizon_ms: int | None
    pruned: int
    kept: int
    superseded: int
    bytes_free: int
    pending: str | None
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CompactReport:
    """A file that was written anew without its free pages.

    Attributes:
        bytes_before, bytes_after: Size of all files of the space.
        pending: Why the file is not shorter yet; None when it is.
    """

    bytes_before: int
    bytes_after: int
    pending: str | None
