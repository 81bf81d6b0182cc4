"""Whose turn it is to write, fairly between processes.

SQLite's busy handler sleeps and tries again, so a busy process can keep a patient one out for
long. Two file locks in a row give turns instead: whoever waits for the second holds the first,
and the one that has just written must pass the first again. A lock goes with its process.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Generator
from contextlib import contextmanager

from holdfast.errors import StoreBusy, StoreError, StoreFull, StoreReadOnly

try:
    import fcntl
except ImportError:  # pragma: no cover - not on this platform; SQLite's own lock still serialises writers
    fcntl = None


WAIT_S = 30.0
"""How long a writer waits for its turn."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.0002, 0.002


class Turnstile:
    """Two advisory locks beside the space file."""

    def __init__(self, path: str | None) -> None:
        self._path = path
        self._files: tuple[int, int] | None = None

    @contextmanager
    def turn(self) -> Generator[None]:
        """Hold the turn for the time of a ``with``; waits for those who came first."""
        if self._path is None or fcntl is None:
            yield
            return
        queue, turn = self._open(self._path)
        deadline = time.monotonic() + WAIT_S
        _lock(queue, deadline, self._path)
        try:
            _lock(turn, deadline, self._path)
        finally:
            fcntl.flock(queue, fcntl.LOCK_UN)
        try:
            yield
        finally:
            fcntl.flock(turn, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the lock files; they stay, since another process may be waiting on them."""
        if self._files:
            for descriptor in self._files:
                os.close(descriptor)
            self._files = None

    def _open(self, path: str) -> tuple[int, int]:
        if self._files is None:
            self._files = _open_lock(f"{path}-lock"), _open_lock(f"{path}-turn")
        return self._files


def _lock(descriptor: int, deadline: float, path: str) -> None:
    """Take a lock, asking again and again: a wait without end would hang on a process that was stopped."""
    assert fcntl is not None
    pause_s = FIRST_PAUSE_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise StoreBusy(
                    f"Another process has kept the turn to write {path} for {WAIT_S:.0f} s. Nothing was written; "
                    "try again, or see whether that process was stopped."
                ) from None
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        else:
            return


def _open_lock(path: str) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        match error.errno:
            case errno.EACCES | errno.EPERM | errno.EROFS:
                raise StoreReadOnly(
                    f"{path} cannot be made or written ({error.strerror}). Nothing was written."
                ) from error
            case errno.ENOSPC | errno.EDQUOT:
                raise StoreFull(f"There is no space left for {path}. Nothing was written.") from error
            case _:
                raise StoreError(f"{path} cannot be opened ({error.strerror}). Nothing was written.") from error
