"""Group commit: callers on several threads share one transaction and one sync."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Generic, cast

from holdfast.ports.store import R

MOST_PER_COMMIT = 256
"""Callers in one transaction; bounds how long the first of them waits."""
LOOK_S = 1.0
"""A caller that waits looks again after so many seconds, should whoever led have been interrupted before it said so."""


class _Waiting(Generic[R]):
    """One caller's work, and what became of it."""

    __slots__ = ("done", "error", "result", "told", "work")

    def __init__(self, work: Callable[[], R]) -> None:
        self.work = work
        self.result: R | None = None
        self.error: BaseException | None = None
        self.done = False
        self.told = threading.Lock()
        self.told.acquire()

    def tell(self) -> None:
        """Let it look: it is done, or may lead."""
        with suppress(RuntimeError):  # it was told already and has not looked yet
            self.told.release()


class GroupCommit:
    """Runs callers' work in shared transactions, led by whoever finds nobody leading.

    The others wait each for themselves, not for the one who leads: who is done goes on while the next transaction
    runs. A leader takes in whoever comes while it works, so that those of one commit meet again in the next.

    Args:
        begin, commit, rollback: The transaction; ``rollback`` says whether there was one to roll back.
        savepoint, release, undo: Name a point to return to, let go of it, return to it.
    """

    def __init__(
        self,
        begin: Callable[[], None],
        commit: Callable[[], None],
        rollback: Callable[[], bool],
        savepoint: Callable[[], None],
        release: Callable[[], None],
        undo: Callable[[], None],
    ) -> None:
        self._begin, self._commit, self._rollback = begin, commit, rollback
        self._savepoint, self._release, self._undo = savepoint, release, undo
        self._queue: deque[_Waiting[Any]] = deque()
        self._lead = threading.Lock()
        self._idle = Idle(self._lead, self._tell_next)

    def run(self, work: Callable[[], R]) -> R:
        """Run work inside a transaction and return its result once the transaction is durable.

        What the work raises is raised here, with its own changes undone and no one else's.
        """
        mine = _Waiting(work)
        try:
            self._queue.append(mine)
            while not mine.done:
                # In the queue before it looks for a leader: whoever leaves the lead looks there afterwards.
                if not self._idle.wanted and self._lead.acquire(blocking=False):
                    try:
                        if not mine.done and mine not in self._queue:
                            self._queue.append(mine)  # whoever led was interrupted before it could put it back
                        while not mine.done:
                            self._one_transaction(mine)
                    finally:
                        self._lead.release()
                        self._tell_next()
                else:
                    mine.told.acquire(timeout=LOOK_S)
        except BaseException:
            # Interrupted: nobody will hear of this work, so where it still waits it must not be written.
            with suppress(ValueError):
                self._queue.remove(mine)
            self._tell_next()  # it may have been its turn to lead
            raise
        if mine.error is not None:
            raise mine.error
        return cast("R", mine.result)

    def idle(self) -> Idle:
        """What is held while a transaction runs; who takes it keeps the writers waiting."""
        return self._idle

    def _tell_next(self) -> None:
        if not self._idle.wanted:
            with suppress(IndexError):
                self._queue[0].tell()

    def _one_transaction(self, mine: _Waiting[Any]) -> None:
        batch = list[_Waiting[Any]]()
        committing, undone = False, True
        try:
            try:
                for _ in range(min(len(self._queue), MOST_PER_COMMIT)):
                    self._take(batch)
                self._begin()
                self._work_off(batch)
                committing = True
                self._commit()
            except BaseException:
                undone = self._rollback() or not committing
                raise
        except Exception as error:  # noqa: BLE001 - every caller of this transaction must learn that it failed
            for waiting in batch:
                waiting.error = waiting.error or error
        except BaseException:
            # This thread was interrupted, the other callers were not: their work is committed or still to be done.
            if undone:
                others = [waiting for waiting in batch if waiting is not mine and waiting not in self._queue]
                for waiting in batch:
                    waiting.error = None
                self._queue.extendleft(reversed(others))
                batch.clear()
            raise
        finally:
            for waiting in batch:
                waiting.done = True
            for waiting in batch:
                waiting.tell()

    def _work_off(self, batch: list[_Waiting[Any]]) -> None:
        """Do the work of a batch, and of who comes meanwhile."""
        if len(batch) == 1:
            # Before anybody else's work there is nothing to return to: where it fails, the transaction is undone.
            batch[0].result = batch[0].work()
        else:
            for waiting in batch:
                self._one(waiting)
        while self._queue and len(batch) < MOST_PER_COMMIT:
            self._take(batch)
            self._one(batch[-1])

    def _take(self, batch: list[_Waiting[Any]]) -> None:
        # In the batch before it leaves the queue: an interrupt between the two must not lose it.
        batch.append(self._queue[0])
        self._queue.popleft()

    def _one(self, waiting: _Waiting[Any]) -> None:
        self._savepoint()
        try:
            waiting.result = waiting.work()
        except Exception as error:  # noqa: BLE001 - handed to the caller whose work it is
            waiting.error = error
            try:
                self._undo()
            except Exception:  # noqa: BLE001 - SQLite gave up the whole transaction, as it may on a full disk
                raise error from None
        self._release()


class Idle:
    """A ``with`` in which no transaction runs: it waits for the one that does, and later ones wait for it."""

    def __init__(self, lead: threading.Lock, after: Callable[[], None]) -> None:
        self._lead = lead
        self._after = after
        self._counting = threading.Lock()
        self.wanted = 0
        """How many hold it or wait for it; meanwhile nobody begins to lead."""

    def locked(self) -> bool:
        """Whether a transaction runs, or somebody keeps them from running."""
        return self._lead.locked()

    def __enter__(self) -> None:
        self._count(1)
        try:
            self._lead.acquire()
        except BaseException:
            self._leave()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lead.release()
        self._leave()

    def _count(self, by: int) -> None:
        with self._counting:
            self.wanted += by

    def _leave(self) -> None:
        self._count(-1)
        self._after()
