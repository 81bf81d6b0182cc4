"""Keeping SQLite away from forked processes that inherited its open files.

SQLite remembers per process which locks it holds on a file. A forked child inherits that memory but
not the locks, so whatever it opens there is unprotected: another process closing the space would
delete the log that the child writes to, and with it what the child had acknowledged.
"""

from __future__ import annotations

import os
import weakref
from pathlib import Path

from holdfast.errors import StoreError

File = tuple[int, int]
"""Device and inode: the same file under any name."""

_open: dict[int, tuple[File, int]] = {}
"""Per open store its file and the process that opened it. No lock guards it, since none would survive a fork."""


def file_at(path: str) -> File | None:
    """The file at a path, or None where there is none yet."""
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def refuse_inherited(path: str) -> None:
    """Raise `StoreError` where this process was forked from one that had the file open."""
    file = file_at(path)
    if any(held == file and process != os.getpid() for held, process in list(_open.values())):
        raise StoreError(
            f"{path} was open when this process was forked, and SQLite cannot cross a fork. Nothing was changed. "
            "Open the space after the fork, close it before, or start processes with the spawn method."
        )


class Home:
    """The process that opened a store, which alone may use it."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._process = os.getpid()
        if file := file_at(path):
            _open[id(self)] = file, self._process
            # A store that is dropped without being closed has left all the same.
            weakref.finalize(self, _open.pop, id(self), None)

    @property
    def is_here(self) -> bool:
        return self._process == os.getpid()

    def check(self) -> None:
        """Raise `StoreError` in a forked child."""
        if not self.is_here:
            raise StoreError(
                f"{self._path} was opened before this process was forked, and SQLite cannot cross a fork. "
                "Nothing was changed; open the space in each process by itself, after the fork."
            )

    def leave(self) -> None:
        """The store is closed."""
        _open.pop(id(self), None)
