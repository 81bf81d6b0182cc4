"""Long work that gives way to recalls: Python runs one thread at a time, and a machine has few cores."""

from __future__ import annotations

import time
from collections.abc import Callable

SLICE_S = 0.0004
"""Processor time between two rests. Python takes the interpreter from a busy thread only every 5 ms."""
SHARE = 0.5
"""Of the time that work takes beside recalls, how much it works; it rests for the others' sake otherwise."""


class Pace:
    """Rests while somebody recalls, in proportion to the work done since the last rest.

    Args:
        is_wanted: Whether anybody would gain by a rest.
    """

    def __init__(self, is_wanted: Callable[[], bool]) -> None:
        self._is_wanted = is_wanted
        self._since_s = time.thread_time()

    def step(self) -> None:
        """Rest if it is time to. To be called between two small pieces of work, always by the same thread."""
        worked_s = time.thread_time() - self._since_s
        if worked_s < SLICE_S:
            return
        if self._is_wanted():
            time.sleep(worked_s * (1 / SHARE - 1))
        self._since_s = time.thread_time()
