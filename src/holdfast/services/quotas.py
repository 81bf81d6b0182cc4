"""Quotas of a space, judged inside the write: exact over threads and processes, before anything is stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from holdfast.core.access import over_quota
from holdfast.errors import QuotaExceeded
from holdfast.model.access import Ahead, Quota, Usage
from holdfast.model.events import EventType, Sealed
from holdfast.model.holdings import Holding
from holdfast.ports.clock import Clock
from holdfast.ports.store import Commit, R, Reader, SpaceStore

MINUTE_MS = 60_000
_TAKEN_IN = (EventType.REMEMBERED, EventType.REVISED)

Measure = Callable[[Reader, Quota, int, int], Usage]
"""Gives what a space holds: of its view, as far as a quota asks, from a time on, with its live memories."""


class LimitedStore:
    """A `SpaceStore` that refuses what would exceed a quota; everything else goes to the store as it is.

    A retry, which stores nothing, and a forget are never refused.

    Args:
        quota: Gives the quota that holds now.
    """

    def __init__(self, store: SpaceStore, clock: Clock, quota: Callable[[], Quota], measure: Measure) -> None:
        self._store = store
        self._clock = clock
        self._quota = quota
        self._measure = measure
        self._counted: tuple[tuple[int, bytes], int] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def commit(self, decide: Callable[[Reader], Commit[R]]) -> R:
        """See `SpaceStore.commit`.

        Raises:
            QuotaExceeded: nothing of it was stored.
        """

        def within(view: Reader) -> Commit[R]:
            wanted = decide(view)
            if wanted.sealed:
                self._judge(view, wanted.sealed, wanted.ahead)
            return wanted

        return self._store.commit(within)

    def _judge(self, view: Reader, sealed: Sequence[Sealed], ahead: Ahead | None) -> None:
        quota = self._quota()
        if quota == Quota():
            return
        taken_in = [item.event for item in sealed if item.event.header.type in _TAKEN_IN]
        added = _added(view, sealed)
        held = self._live(view) if quota.memories is not None else 0
        usage = self._measure(view, quota, self._clock.now_ms() - MINUTE_MS + 1, held)
        size_bytes = sum(len(event.payload or b"") for event in taken_in)
        most = max(added, ahead.memories) if ahead else added
        refusal = over_quota(quota, usage, most, max(size_bytes, ahead.size_bytes if ahead else 0), len(taken_in))
        if refusal is not None:
            why, later = refusal
            raise _exceeded(why, later, usage.oldest_write_ms, self._clock.now_ms())
        self._foresee(view, sealed, held + added)

    def _live(self, view: Reader) -> int:
        """Live memories: counted once, and again only when others have written."""
        head = view.head()
        place = (head.seq, head.chain)
        if self._counted is None or self._counted[0] != place:
            self._counted = place, view.count(quarantined=True)
        return self._counted[1]

    def _foresee(self, view: Reader, sealed: Sequence[Sealed], live: int) -> None:
        """Know the count after this write, if it is what it seems; its chain value tells whether it was made."""
        head, last = view.head(), sealed[-1].event
        if all(
            item.event.header.node == head.node and item.event.header.type in (*_TAKEN_IN, EventType.SUPERSEDED)
            for item in sealed
        ):
            self._counted = (head.seq + len(sealed), last.chain), live


def _added(view: Reader, sealed: Sequence[Sealed]) -> int:
    """How many live memories there are more after a write."""
    fresh = set[bytes]()
    closed = set[bytes]()
    for item in sealed:
        header = item.event.header
        if header.type is EventType.REMEMBERED and not item.event.erased and not _is_live(view.find(header.record)):
            fresh.add(header.record)
        elif header.type is EventType.SUPERSEDED and (header.record in fresh or _is_live(view.find(header.record))):
            closed.add(header.record)
    return len(fresh) - len(closed)


def _is_live(held: Holding | None) -> bool:
    return held is not None and held.live


def _exceeded(why: str, later: bool, oldest_ms: int | None, now_ms: int) -> QuotaExceeded:
    wait_s = 0 if oldest_ms is None else max(1, -(-(oldest_ms + MINUTE_MS - now_ms) // 1000))
    what = f"Try again in {wait_s} s" if later and wait_s else "Forget something, or have the quota raised"
    error = QuotaExceeded(f"The space has reached its quota: {why}. Nothing of this write was kept. {what}.")
    error.retryable = later
    return error
