"""Clocks and chance that do as they are told."""

from __future__ import annotations

import hashlib
import threading


class SteppedClock:
    """A clock that moves when told, with randomness from a seed: the same calls give the same values."""

    def __init__(self, now_ms: int = 1_700_000_000_000, seed: int = 0) -> None:
        self.now = now_ms
        self._seed = seed
        self._drawn = 0
        self._elapsed_s = 0.0
        self._lock = threading.Lock()

    def advance(self, ms: int) -> None:
        """Move by that many milliseconds, backwards too."""
        self.now += ms
        self._elapsed_s += max(0, ms) / 1000

    def now_ms(self) -> int:
        return self.now

    def monotonic_s(self) -> float:
        return self._elapsed_s

    def entropy(self, size: int) -> bytes:
        with self._lock:
            self._drawn += 1
            mark = f"{self._seed}:{self._drawn}".encode()
        return hashlib.shake_256(mark).digest(size)
