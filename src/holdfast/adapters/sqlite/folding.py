"""Folding the write-ahead log of a space into its file, on a connection of its own."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import cast

import apsw

from holdfast.adapters.sqlite.connection import BUSY_MS, connect
from holdfast.adapters.sqlite.database import Database
from holdfast.model.encryption import FileKey

FOLD_PAGES = 1_000
"""Pages in the log from which on it is folded into the file after a commit: what SQLite does by itself otherwise."""


class Folder:
    """Folds the log of one file; for one thread at a time.

    Connections that write leave the log alone (see `gaps`), and tell this one how long it has become.
    """

    def __init__(self, path: str, file_key: FileKey | None, *, read_only: bool = False) -> None:
        log = Path(f"{path}-wal")
        self._was_left = not read_only and log.exists() and log.stat().st_size > 0
        self._log = log
        self._is_readers = read_only
        self._was_there = log.exists()
        self._path = path
        self._file_key = file_key
        self._connection: Database | None = None
        self._pages = 0

    def watch(self, writing: Database) -> None:
        """Notice how long the log is after each commit of a connection."""
        cast("apsw.Connection", writing).set_wal_hook(self._noted)

    def _noted(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        self._pages = pages
        return apsw.SQLITE_OK

    def fold_if_long(self) -> None:
        """Fold what readers let it, where the log is long. Never fails: the next commit tries it again."""
        if self._pages >= FOLD_PAGES:
            self._fold()

    def fold_left(self) -> None:
        """Fold a log that was there before this was made. Never fails.

        After a failed sync a log may read well and not be on the disk, and what follows in it would hang on that.
        """
        if self._was_left:
            self._fold()

    def _fold(self) -> None:
        try:
            self.connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        except apsw.Error:
            # The commit is durable in the log; SQLite's own folding after a commit passes over its errors, too.
            return

    def empty(self, wait_ms: int) -> bool:
        """Fold all of the log and cut it to nothing; False where somebody reads for longer than that."""
        self.connection.set_busy_timeout(wait_ms)
        try:
            busy, _, _ = self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() or (0, 0, 0)
        finally:
            self.connection.set_busy_timeout(BUSY_MS)
        return busy == 0

    @property
    def connection(self) -> Database:
        """The connection that folds, opened when it is first needed."""
        if self._connection is None:
            # Never made here: a file that is gone was dropped by another process.
            self._connection = connect(self._path, writable=True, folds=True, create=False, file_key=self._file_key)
        return self._connection

    def close(self) -> None:
        """Let go of the file; the next use opens it again. Never fails."""
        connection, self._connection = self._connection, None
        # Whoever leaves last folds the log; where the disk does not let it, the log is found at the next opening.
        with suppress(apsw.Error):
            if connection is not None:
                connection.close()

    def _is_empty(self) -> bool:
        """Whether there is a log, with nothing in it."""
        try:
            return not self._log.stat().st_size
        except FileNotFoundError:
            return False

    def close_last(self) -> None:
        """Let go of the file when nobody else of this process has it: the log goes with the last of all processes.

        Where the space was only read, an empty log goes that came with that: a connection that may not write cannot
        take it away again. One that was there before stays, and one in which somebody has written since.
        """
        if self._is_readers and (self._was_there or not self._is_empty()):
            self.close()
            return
        try:
            self.connection.execute("SELECT 1 FROM sqlite_schema").fetchall()
        except apsw.Error:
            # What is in the log stays there, and is found at the next opening.
            return
        finally:
            self.close()
