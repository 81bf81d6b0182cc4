"""The machine's own clock and randomness."""

from __future__ import annotations

import os
import time


class SystemClock:
    """A `Clock` from the operating system; two of them are the same clock."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SystemClock)

    def __hash__(self) -> int:
        return hash(SystemClock)

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        return time.perf_counter()

    def entropy(self, size: int) -> bytes:
        return os.urandom(size)
