"""The port for time and chance, so that every run can be played again."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """Where times, random ids and salts come from. Safe to call from several threads."""

    def now_ms(self) -> int:
        """Milliseconds since 1970-01-01T00:00Z; may go backwards, as real clocks do."""
        ...

    def monotonic_s(self) -> float:
        """Seconds from an arbitrary start; never goes backwards. For durations."""
        ...

    def entropy(self, size: int) -> bytes:
        """Unpredictable bytes."""
        ...
