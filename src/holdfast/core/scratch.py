"""Arrays with a number for each row of a large corpus, of which a search writes to few."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Rows = NDArray[np.int32]


class Scratch:
    """Lends arrays of zeros, and clears what was written to them: a fresh one costs more than the search in it."""

    def __init__(self) -> None:
        self._clean: list[Floats] = []
        self._lent: list[tuple[Floats, Rows]] = []

    @property
    def lent(self) -> int:
        """How many arrays are out."""
        return len(self._lent)

    def clear(self, kept: int = 0) -> None:
        """Take back everything that was lent but the first so many."""
        for array, rows in self._lent[kept:]:
            array[rows] = 0
            self._clean.append(array)
        del self._lent[kept:]

    def lend(self, size: int, rows: Rows) -> Floats:
        """Return ``size`` zeros, of which only those of some rows may be written to; valid until `clear`."""
        array = self._clean.pop() if self._clean else np.empty(0, np.float32)
        if len(array) < size:
            array = np.zeros(size + size // 8, np.float32)
        self._lent.append((array, rows))
        return array[:size]

    def spread(self, size: int, rows: Rows, values: Floats) -> Floats:
        """Return ``size`` numbers: the values at their rows, and zeros; valid until `clear`."""
        array = self.lend(size, rows)
        array[rows] = values
        return array
