"""Whose turn it is to write, fairly between processes.

SQLite's busy handler sleeps and tries again, so a busy process can keep a patient one out for long. Here processes
stand in line: each holds a lock of its own in a file beside the space, a place behind all others, and waits until none
before it is held; so nobody is overtaken, however seldom it looks. A lock goes with its process, and so does its place.

Where the system has no locks of an open file (Linux has), two file locks in a row give turns instead: whoever waits for
the second holds the first, and the one that has just written must pass the first again.
"""

from __future__ import annotations

import errno
import os
import struct
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, nullcontext

from holdfast.errors import StoreBusy, StoreError, StoreFull, StoreReadOnly

try:
    import fcntl
except ImportError:  # pragma: no cover - not on this platform; SQLite's own lock still serialises writers
    fcntl = None


WAIT_S = 30.0
"""How long a writer waits for its turn."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.0002, 0.002
LOOKS = 8
"""How often a wait is looked at while it doubles: a long one seldom, so that waiting costs little."""
_FLOCK = struct.Struct("hhqqi4x")
"""``struct flock`` of Linux on 64 bits: type, whence, start, length, process."""
_HAS_PLACES = sys.platform == "linux" and struct.calcsize("P") == 8 and hasattr(fcntl, "F_OFD_SETLK")
_TO_THE_END = 0
"""A length that means all that follows."""
_HELD, _FREE = (fcntl.F_WRLCK, fcntl.F_UNLCK) if fcntl else (1, 2)


class Turnstile:
    """Locks in two files beside the space: the line, and the turn of whoever writes."""

    def __init__(self, path: str | None) -> None:
        self._path = path
        self._files: tuple[int, int] | None = None

    @contextmanager
    def turn(self) -> Generator[None]:
        """Hold the turn for the time of a ``with``; waits for those who came first."""
        if self._path is None or fcntl is None:
            yield
            return
        line, turn = self._open(self._path)
        wait = _Wait(self._path)
        with _in_line(line, wait) if _HAS_PLACES else nullcontext():
            if not _HAS_PLACES:
                wait.until(lambda: _lock(line))
            try:
                wait.until(lambda: _lock(turn))
            finally:
                if not _HAS_PLACES:
                    fcntl.flock(line, fcntl.LOCK_UN)
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


@contextmanager
def _in_line(line: int, wait: _Wait) -> Generator[None]:
    """Stand in line until everybody before is through, and keep the place for the time of a ``with``."""
    try:
        place = _last_place(line)
        if place:
            wait.until(lambda: _taken_from(line, 0, place) is None)
        yield
    finally:
        # After the turn, so that the next one finds that free; all of it, since an interrupt may hide the place.
        _set(line, _FREE, 0, _TO_THE_END)


def _last_place(line: int) -> int:
    """Take the place behind the last one that somebody holds; 0 where nobody does."""
    while True:
        place = 0
        while (taken := _taken_from(line, place, _TO_THE_END)) is not None:
            place = taken + 1
        if not _set(line, _HELD, place):
            continue  # somebody was quicker
        if _taken_from(line, place + 1, _TO_THE_END) is None:
            return place
        # The line moved on between the look and the step: this is a place before somebody who was there.
        _set(line, _FREE, place)


class _Wait:
    """A wait that looks again and again: one without end would hang on a process that was stopped."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._start = time.monotonic()

    def until(self, ready: Callable[[], bool]) -> None:
        """Return once it is ready.

        Raises:
            StoreBusy: the time for all of this wait is up.
        """
        while not ready():
            waited_s = time.monotonic() - self._start
            if waited_s >= WAIT_S:
                raise StoreBusy(
                    f"Another process has kept the turn to write {self._path} for {WAIT_S:.0f} s. Nothing was written; "
                    "try again, or see whether that process was stopped."
                )
            time.sleep(min(max(waited_s / LOOKS, FIRST_PAUSE_S), LONGEST_PAUSE_S))


def _lock(descriptor: int) -> bool:
    assert fcntl is not None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _taken_from(line: int, start: int, length: int) -> int | None:
    """A place from there on that somebody else holds, where there is one."""
    assert fcntl is not None
    asked = _FLOCK.pack(_HELD, os.SEEK_SET, start, length, 0)
    kind, _, taken, _, _ = _FLOCK.unpack(fcntl.fcntl(line, fcntl.F_OFD_GETLK, asked))
    return None if kind == _FREE else taken


def _set(line: int, kind: int, place: int, length: int = 1) -> bool:
    assert fcntl is not None
    try:
        fcntl.fcntl(line, fcntl.F_OFD_SETLK, _FLOCK.pack(kind, os.SEEK_SET, place, length, 0))
    except BlockingIOError:
        return False
    return True


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
