"""Overwriting what a change of key left in a file; done again at the next opening where a process died before."""

from __future__ import annotations

from holdfast.adapters.sqlite.database import Database
from holdfast.adapters.sqlite.folding import Folder

UNFINISHED_ROW = "rewriting"
"""The row of ``meta`` that says that old bytes of a space sealed anew are still to be overwritten."""


def finish(connection: Database) -> bool:
    """Write the whole file anew, so that what was there before a change of key is gone.

    Outside a transaction, on a connection that folds the log.

    Returns False where somebody reads, so that it must be done again later.
    """
    run = connection.execute
    run("VACUUM").fetchall()
    busy, _, _ = run("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() or (1, 0, 0)
    if busy:
        return False
    run("DELETE FROM meta WHERE key = ?", (UNFINISHED_ROW,)).fetchall()
    run("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return True


def finish_if_cut_off(connection: Database, folder: Folder) -> None:
    """`finish` a change of key whose process died after it was durable."""
    if connection.execute("SELECT 1 FROM meta WHERE key = ?", (UNFINISHED_ROW,)).fetchone():
        finish(folder.connection)
