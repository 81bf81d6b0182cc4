"""Having a space file to oneself, which rewriting it under another key takes."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import apsw

from holdfast.adapters.sqlite.database import Database
from holdfast.errors import StoreBusy

BUSY_MS = 30_000
ALONE_MS = 2_000
"""How long is waited for others to close the file."""


@contextmanager
def sole_use(connection: Database, path: str) -> Generator[None]:
    """Keep every other connection, of any process, out of a file for the time of a ``with``.

    In the exclusive locking mode the first write takes a lock that no other connection in WAL mode, reading or
    idle, lets it have; so whoever opened the file before is noticed.

    Raises:
        StoreBusy: somebody has it open; nothing was changed.
    """
    connection.set_busy_timeout(ALONE_MS)
    connection.execute("PRAGMA locking_mode=EXCLUSIVE").fetchall()
    try:
        try:
            connection.execute("BEGIN IMMEDIATE").fetchall()
            connection.execute("COMMIT").fetchall()
        except apsw.BusyError:
            raise StoreBusy(
                f"{path} is open in this or another process, which would go on with the old key. Nothing was changed; "
                "close it there and try again."
            ) from None
        yield
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK").fetchall()
        # The lock goes with the first statement after the change of mode.
        connection.execute("PRAGMA locking_mode=NORMAL").fetchall()
        connection.execute("SELECT count(*) FROM meta").fetchall()
        connection.set_busy_timeout(BUSY_MS)
