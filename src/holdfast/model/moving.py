"""What was backed up, restored or written out, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupReport:
    """A copy of a space that was written and looked through.

    Attributes:
        path: Where it is.
        space: Id of the space.
        seq: The newest event in it.
        at_ms: When that event was written, milliseconds since the epoch; None in an empty space.
        heads: Per node its id, the number of its newest event in the copy and its chain value.
        digest: SHA-256 over what the copy holds.
        bytes: Its size.
        duration_s: How long copying and looking through took.
    """

    path: str
    space: str
    seq: int
    at_ms: int | None
    heads: tuple[tuple[str, int, str], ...]
    digest: str
    bytes: int
    duration_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """What a space holds that a backup does not, and that a restore over it drops.

    Attributes:
        events: How many events.
        by_what: How many of each: remembered, revised, superseded, readmitted. Forgets are never lost.
        memories: Ids of memories that would be gone, at most 1,000.
        first_ms, last_ms: When the first and the last of the events were written; None without any.
        pruned: Events since the backup that were pruned there already: versions that later ones outdid, and what is
            left of forgotten memories. They are not among the others, since nothing held there says them any more.
    """

    events: int = 0
    by_what: Mapping[str, int] = field(default_factory=dict[str, int])
    memories: tuple[str, ...] = ()
    first_ms: int | None = None
    last_ms: int | None = None
    pruned: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreReport:
    """A space that was restored, or with ``dry_run`` would be.

    Attributes:
        path, space: Where it is, and its id.
        node: The node it goes on under, new with every restore; None in a dry run.
        seq: How many events were taken from the backup.
        backup_seq: The newest event of the backup.
        memories: Live memories now.
        forgotten_again: Memories that had been forgotten after the backup, and were forgotten again before
            anyone could open the space.
        receipts_again: Ids of the receipts that were recorded again.
        forgets_known_until_ms: Until when it is known what was forgotten, milliseconds since the epoch.
        lost: What the space that was there held beyond the backup.
        bytes: Size of the restored file.
        duration_s: How long it took.
        dry_run: Nothing was changed.
    """

    path: str
    space: str
    node: str | None
    seq: int
    backup_seq: int
    memories: int
    forgotten_again: int
    receipts_again: tuple[str, ...]
    forgets_known_until_ms: int | None
    lost: Lost
    bytes: int
    duration_s: float
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkdownReport:
    """Pages of Markdown that were written.

    Attributes:
        path: The folder.
        files: The files in it, with slashes.
        memories: How many memories they hold.
    """

    path: str
    files: tuple[str, ...]
    memories: int
