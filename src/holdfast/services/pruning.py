"""Keeping a space as small as what it holds: snapshots, pruning, compacting."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from holdfast.core.erasing import unneeded
from holdfast.core.pruning import pruned, snapshot_digest
from holdfast.errors import InvalidField
from holdfast.model.events import Event
from holdfast.model.ids import Id
from holdfast.model.retention import MOST_DAYS
from holdfast.model.snapshots import CompactReport, PruneReport, Snapshot, SnapshotReport
from holdfast.model.times import When, parse_when
from holdfast.ports.store import Reader
from holdfast.services.forgetting import Forgetting, empty_log
from holdfast.services.ledger import Ledger
from holdfast.services.paging import PAGE

PER_COMMIT = 5_000
"""Events that are looked at in one durable write, so that other writers get their turn."""
SUPERSEDED_REASON = "superseded, and pruned"
"""The reason in receipts of what was forgotten because it was superseded."""
_DAY_MS = 86_400_000


class Pruning:
    """Snapshots, pruning and compacting of one space."""

    def __init__(self, ledger: Ledger, forgetting: Forgetting, actor: str) -> None:
        self._ledger = ledger
        self._forgetting = forgetting
        self._actor = actor

    def snapshot(self) -> SnapshotReport:
        """See `Storage.snapshot`."""
        with self._ledger.store.reading() as reader:
            snapshot = snapshot_at(reader, reader.head().seq)
        self._ledger.keep_snapshot(snapshot)
        return SnapshotReport(seq=snapshot.seq, events=len(snapshot.kept))

    def prune(self, before: When | None, keep_days: float | None, *, superseded: bool, dry_run: bool) -> PruneReport:
        """See `Storage.prune`."""
        before_ms = self._before_ms(before, keep_days)
        store = self._ledger.store
        going = self._superseded(before_ms) if superseded else []
        count_superseded = len(going)
        if going and not dry_run:
            # What is derived from one of them by then keeps it.
            receipt = self._forgetting.erase(
                going, actor=self._actor, reason=SUPERSEDED_REASON, bars=False, spares=True
            )
            count_superseded = len(receipt.forgotten)
        with store.reading() as reader:
            was = reader.horizon()
            last = reader.last_before(before_ms)
            is_more = last > (was.seq if was else 0)
            snapshot = snapshot_at(reader, last) if is_more else was
            count = reader.count_until(snapshot.seq) - len(snapshot.kept) if snapshot else 0
            if not count:
                snapshot = was  # a later horizon would bring nothing
            free = reader.free_bytes()
        pending = None
        if snapshot and count and not dry_run:
            count = prune_to(self._ledger, snapshot)
            pending = empty_log(store)
            with store.reading() as reader:
                free, snapshot = reader.free_bytes(), reader.horizon() or snapshot
        return PruneReport(
            horizon=snapshot.seq if snapshot else 0,
            horizon_ms=snapshot.at_ms if snapshot else None,
            pruned=count,
            kept=len(snapshot.kept) if snapshot else 0,
            superseded=count_superseded,
            bytes_free=free,
            pending=pending,
            dry_run=dry_run,
        )

    def compact(self) -> CompactReport:
        """See `Storage.compact`."""
        store = self._ledger.store
        before = store.size_bytes()
        is_shorter = store.compact()
        pending = None if is_shorter else "another reader still holds the write-ahead log, which is not empty"
        return CompactReport(bytes_before=before, bytes_after=store.size_bytes(), pending=pending)

    def _before_ms(self, before: When | None, keep_days: float | None) -> int:
        if (before is None) == (keep_days is None):
            raise InvalidField(
                "Give either a time or a number of days, to say from when on the history is kept. Nothing was pruned."
            )
        now_ms = self._ledger.clock.now_ms()
        if keep_days is None:
            before_ms = parse_when(before or "")
        else:
            before_ms = now_ms - round(_checked_days(keep_days) * _DAY_MS)
        # What is being written at this moment is no history yet.
        return min(before_ms, now_ms)

    def _superseded(self, before_ms: int) -> list[Id]:
        """Memories that were superseded before a time, and that nothing held is derived from."""
        found, after = list[Id](), 0
        with self._ledger.store.reading() as reader:
            while ns := reader.held(after, PAGE):
                after = ns[-1]
                current = reader.current(ns)
                closed = [held for held, _ in current.values() if held.closed_ms is not None]
                found += [held.id for held in closed if (held.closed_ms or 0) < before_ms]
            return unneeded(reader, found)


def prune_to(ledger: Ledger, snapshot: Snapshot) -> int:
    """Let the history begin after a snapshot, and drop what it does without; gives how many events went.

    They go so many at a time; a crash leaves the rest to the next pruning.
    """
    # The journal says that it begins later, and where: both or neither.
    ledger.keep_snapshot(replace(snapshot, is_horizon=True), pruned(snapshot))
    count = after = 0
    while True:
        after, gone = ledger.store.drop_pruned(after, PER_COMMIT)
        count += gone
        if not after:
            return count


def _checked_days(days: object) -> float:
    """A number of days from 0 to `MOST_DAYS`.

    Raises:
        InvalidField.
    """
    if isinstance(days, bool) or not isinstance(days, int | float) or not 0 <= days <= MOST_DAYS:
        raise InvalidField(
            f"The keep_days is {days!r:.60}; expected a number of days from 0 to {MOST_DAYS:,}. Nothing was pruned."
        )
    return days


def snapshot_at(reader: Reader, last_seq: int) -> Snapshot:
    """What was held after an event, or the last one before it, rests on."""
    snapshot = reader.snapshot_of(last_seq)
    return replace(snapshot, digest=snapshot_digest(snapshot, _events(reader, snapshot)))


def _events(reader: Reader, snapshot: Snapshot) -> Iterator[Event]:
    """The events that a snapshot rests on."""
    for start in range(0, len(snapshot.kept), PAGE):
        yield from reader.events_at(snapshot.kept[start : start + PAGE])
