"""Group commit: callers on several threads share one transaction and one sync."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Generic, cast

from holdfast.ports.store import R

MOST_PER_COMMIT = 256
"""Callers in one transaction; bounds how long the first of them waits."""


class _Waiting(Generic[R]):
    """One caller's work, and what became of it."""

    __slots__ = ("done", "error", "result", "work")

    def __init__(self, work: Callable[[], R]) -> None:
        self.work = work
        self.result: R | None = None
        self.error: BaseException | None = None
        self.done = False


class GroupCommit:
    """Runs callers' work in shared transactions, led by whoever comes first.

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

    def run(self, work: Callable[[], R]) -> R:
        """Run work inside a transaction and return its result once the transaction is durable.

        What the work raises is raised here, with its own changes undone and no one else's.
        """
        mine = _Waiting(work)
        self._queue.append(mine)
        try:
            with self._lead:
                while not mine.done:
                    self._one_transaction(mine)
        except BaseException:
            # Interrupted: nobody will hear of this work, so where it still waits it must not be written.
            with suppress(ValueError):
                self._queue.remove(mine)
            raise
        if mine.error is not None:
            raise mine.error
        return cast("R", mine.result)

    def idle(self) -> threading.Lock:
        """The lock that is held while a transaction runs."""
        return self._lead

    def _one_transaction(self, mine: _Waiting[Any]) -> None:
        batch = [self._queue.popleft() for _ in range(min(len(self._queue), MOST_PER_COMMIT))]
        committing, undone = False, True
        try:
            try:
                self._begin()
                if len(batch) == 1:
                    batch[0].result = batch[0].work()
                else:
                    for waiting in batch:
                        self._one(waiting)
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
                others = [waiting for waiting in batch if waiting is not mine]
                for waiting in others:
                    waiting.error = None
                self._queue.extendleft(reversed(others))
                batch.clear()
            raise
        finally:
            for waiting in batch:
                waiting.done = True

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
