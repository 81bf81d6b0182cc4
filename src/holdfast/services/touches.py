"""Touches: who was given which memory, how often and when last.

They are counted in memory and written in batches, so that no recall waits for them: by a thread, `WINDOW_S` after
the first that waits; with the next write of this process, where a memory was given out, which carries the oldest
along; and at close. They stand beside the journal and in no digest. A crash loses what was not yet written, of the
last `WINDOW_S` while the space can be written; nothing else depends on them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import islice

from holdfast.errors import Closed, StoreError
from holdfast.model.holdings import Holding
from holdfast.model.insight import MOST_PRINCIPALS, OTHERS, Access, Reads
from holdfast.ports.clock import Clock
from holdfast.ports.store import Reader, SpaceStore, Touch, Uses

WINDOW_S = 5.0
"""Seconds that a touch waits to be written, at most, while the space can be written."""
MOST_PENDING = 20_000
"""Pairs of memory and principal that wait, at most; beyond it, what is touched for the first time goes uncounted."""
WRITE_AT = 2_000
"""Pairs at which writing does not wait any longer."""
PER_WRITE = 500
"""Pairs in one durable write, so that nobody waits long for its end."""
CARRIED = 100
"""Pairs that a write of something else takes along."""
CLOSE_S = 10.0
"""Seconds that closing waits for a write of touches under way."""


class TouchBook:
    """What one process has counted for one space and not yet written.

    Args:
        enabled: False counts nothing.
    """

    def __init__(self, store: SpaceStore, clock: Clock, *, enabled: bool) -> None:
        self._store = store
        self._clock = clock
        self._counting = enabled and not store.read_only
        self._lock = threading.Lock()
        self._touches: dict[tuple[str, int], Touch] = {}
        self._accesses: dict[str, Access] = {}
        self._waiting = threading.Event()
        self._hurry = threading.Event()
        self._stop = threading.Event()
        # Made here and started when needed: an interrupt between the two leaves one that can still be started.
        self._thread = threading.Thread(target=self._follow, name="holdfast-touches", daemon=True)

    def note(self, principal: str, ns: Sequence[int] = (), *, listed: int = 0, writes: int = 0) -> None:
        """Count memories that were given out one by one or in bulk, and writes."""
        if not self._counting or not (ns or listed or writes):
            return
        now = self._clock.now_ms()
        with self._lock:
            if principal not in self._accesses and len(self._accesses) >= MOST_PRINCIPALS:
                principal = OTHERS
            for n in ns:
                self._add(Touch(n, Reads(principal, 1, now, now)))
            self._add_access(Access(principal, len(ns), listed, writes, now, now))
            if len(self._touches) >= WRITE_AT:
                self._hurry.set()
        if not self._waiting.is_set():
            self._waiting.set()
        if self._thread.ident is None:
            self._start()

    def take_some(self) -> Uses | None:
        """A few, for a write of something else to take along; see `take`.

        Where nobody was given anything since the last time there is nothing to take: that this principal writes is
        counted within `WINDOW_S` anyway, and would cost every write a row.
        """
        return self.take(CARRIED) if self._touches else None

    def take(self, most: int) -> Uses | None:
        """The oldest that waits, to be written by the caller, who gives it back where that fails."""
        if not self._waiting.is_set():
            return None
        with self._lock:
            keys = list(islice(self._touches, most))
            accesses = tuple(self._accesses.values())
            self._accesses.clear()
            if len(keys) == len(self._touches) and not self._stop.is_set():
                self._waiting.clear()
                self._hurry.clear()
            taken = Uses(tuple(self._touches.pop(key) for key in keys), accesses)
        return taken if taken.touches or taken.accesses else None

    def give_back(self, uses: Uses) -> None:
        """It was not written and waits again."""
        with self._lock:
            for touch in uses.touches:
                self._add(touch)
            for access in uses.accesses:
                self._add_access(access)
        self._waiting.set()

    def flush(self) -> None:
        """Write all that waits.

        Raises:
            StoreError: what could not be written waits on.
        """
        while uses := self.take(PER_WRITE):
            try:
                self._store.add_uses(uses)
            except BaseException:
                self.give_back(uses)
                raise

    def close(self) -> None:
        """Write what waits and stop; what cannot be written now is lost."""
        with self._lock:  # so that a write under way does not clear what wakes its thread
            self._counting = False
            self._stop.set()
            self._waiting.set()
            self._hurry.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(CLOSE_S)
        with suppress(StoreError):
            self.flush()

    def pending(self) -> Uses:
        """What was counted and is not written yet."""
        with self._lock:
            return Uses(tuple(self._touches.values()), tuple(self._accesses.values()))

    def _add(self, touch: Touch) -> None:
        key = (touch.reads.principal, touch.n)
        held = self._touches.get(key)
        if held is not None:
            self._touches[key] = Touch(touch.n, added(held.reads, touch.reads))
        elif len(self._touches) < MOST_PENDING:
            self._touches[key] = touch

    def _add_access(self, access: Access) -> None:
        held = self._accesses.get(access.principal)
        self._accesses[access.principal] = access if held is None else both(held, access)

    def _start(self) -> None:
        with self._lock:
            if self._thread.ident is None and not self._stop.is_set():
                self._thread.start()

    def _follow(self) -> None:
        while True:
            self._waiting.wait()
            self._hurry.wait(WINDOW_S)
            if self._stop.is_set():
                return
            try:
                self.flush()
            except Closed:
                return
            except Exception:  # noqa: BLE001 - the edge of a thread: whatever it was, the next try may work
                # Busy, full or failing: it is tried again, and nobody waits for it.
                self._stop.wait(WINDOW_S)


class Touches:
    """Counts what one principal is given and writes in one space; the book is shared by all principals.

    Args:
        follow: Called after each write, so that vectors follow.
    """

    def __init__(self, book: TouchBook, actor: str, follow: Callable[[], None]) -> None:
        self.book = book
        self._actor = actor
        self._follow = follow

    def read(self, ns: Iterable[int]) -> None:
        """These memories were given out, by a recall or by id."""
        self.book.note(self._actor, tuple(ns))

    def listed(self, count: int) -> None:
        """So many memories were given out in bulk."""
        self.book.note(self._actor, listed=count)

    def written(self, count: int) -> None:
        """So many memories or versions were written, which want their vectors."""
        self.book.note(self._actor, writes=count)
        self._follow()

    def forgot(self) -> None:
        """Something was forgotten."""
        self.book.note(self._actor, writes=1)

    def reads_of(self, reader: Reader, held: Holding) -> tuple[Reads, ...]:
        """Who was given a memory, most often first, what is not written yet included; nobody once it is forgotten."""
        if held.receipt:
            return ()
        known = {reads.principal: reads for reads in reader.reads_of(held.n)}
        for touch in self.book.pending().touches:
            if touch.n == held.n:
                written = known.get(touch.reads.principal)
                known[touch.reads.principal] = touch.reads if written is None else added(written, touch.reads)
        return tuple(sorted(known.values(), key=lambda reads: (-reads.count, reads.principal)))

    def accesses(self, reader: Reader) -> tuple[Access, ...]:
        """Who used the space, last seen first, what is not written yet included."""
        known = {access.principal: access for access in reader.accesses()}
        for access in self.book.pending().accesses:
            held = known.get(access.principal)
            known[access.principal] = access if held is None else both(held, access)
        return tuple(sorted(known.values(), key=lambda access: (-access.last_ms, access.principal)))


def added(one: Reads, other: Reads) -> Reads:
    """Two counts of the same principal as one."""
    first, last = min(one.first_ms, other.first_ms), max(one.last_ms, other.last_ms)
    return Reads(one.principal, one.count + other.count, first, last)


def both(one: Access, other: Access) -> Access:
    """Two accounts of the same principal as one."""
    return Access(
        one.principal,
        one.reads + other.reads,
        one.listed + other.listed,
        one.writes + other.writes,
        min(one.first_ms, other.first_ms),
        max(one.last_ms, other.last_ms),
    )
