"""Read connections of one store: kept open between uses, and all given back when somebody must be alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from holdfast.adapters.sqlite.database import Database
from holdfast.errors import StoreBusy

KEPT_OPEN = 8
"""Connections kept open between uses."""
ALONE_S = 5.0
"""How long is waited for readers to come to an end."""


class ReaderPool:
    """Lends connections to threads, one at a time each."""

    def __init__(self, connect: Callable[[], Database]) -> None:
        self._connect = connect
        self._idle: list[Database] = []
        self._lent = 0
        self._closed = False
        self._change = threading.Condition()

    def borrow(self) -> Database:
        """A connection, to be given back."""
        with self._change:
            self._lent += 1
            if self._idle:
                return self._idle.pop()
        try:
            return self._connect()
        except BaseException:
            with self._change:
                self._lent -= 1
                self._change.notify_all()
            raise

    def give_back(self, connection: Database) -> None:
        """Take a connection back; closed where enough are kept, or an interrupt left it in a transaction."""
        with self._change:
            self._lent -= 1
            self._change.notify_all()
            if not self._closed and len(self._idle) < KEPT_OPEN and not connection.in_transaction:
                self._idle.append(connection)
                return
        connection.close()

    @contextmanager
    def drained(self) -> Generator[None]:
        """Nobody reads for the time of a ``with``, and no connection is open; whoever wants one waits.

        Raises:
            StoreBusy: somebody went on reading for `ALONE_S`.
        """
        until = time.monotonic() + ALONE_S
        with self._change:
            while self._lent:
                if not self._change.wait(until - time.monotonic()):
                    raise StoreBusy(
                        f"The space is being read in this process since {ALONE_S:.0f} s, by an iterator that was not "
                        "run to its end perhaps. Nothing was changed; end that and try again."
                    )
            self._drop_idle()
            yield

    def close(self) -> None:
        """Close every connection that is not lent, and the others when they come back."""
        with self._change:
            self._closed = True
            self._drop_idle()

    def _drop_idle(self) -> None:
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()
