"""The port through which times are found in questions that are not in English."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class TimeFinder(Protocol):
    """Finds the times that a question names. Safe to call from several threads; never fails, and comes back soon."""

    def spans(self, text: str, tongue: str, now_ms: int) -> Sequence[tuple[int, int]]:
        """The times that are named, in the order named: from and before, milliseconds since 1970 UTC.

        Args:
            tongue: ISO 639-1 code of the language.
            now_ms: The moment from which "yesterday" is counted.
        """
        ...
