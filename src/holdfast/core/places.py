"""Where a number stands in a corpus: from local numbers to rows."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from holdfast.core.columns import Columns

_MIN_NEW: Final = 1_024
_NEW_SHARE: Final = 64

Rows = NDArray[np.int32]


class Places:
    """Rows by number, kept in two sorted parts: all rows but the newest, and those.

    Entries that go need not be told: a row that is not alive counts as not there. `forget` when rows get other numbers.
    """

    def __init__(self) -> None:
        self._seen = self._size = 1
        self._old = self._new = np.empty(0, np.int64), np.empty(0, np.int32)

    def forget(self) -> None:
        """Start anew: rows were moved."""
        self.__init__()

    def rows(self, ns: NDArray[np.int64], columns: Columns, size: int) -> Rows:
        """Return the row of each number, 0 for one that is not there."""
        if size != self._size:
            if size - self._seen > max(_MIN_NEW, self._seen // _NEW_SHARE):
                self._old, self._seen = _sorted(columns, 1, size), size
            self._new, self._size = _sorted(columns, self._seen, size), size
        found = _found(ns, *self._old, columns)
        if len(self._new[0]):
            found = np.maximum(found, _found(ns, *self._new, columns))
        return found


def _sorted(columns: Columns, first: int, size: int) -> tuple[NDArray[np.int64], Rows]:
    rows = np.flatnonzero(columns.alive[first:size]).astype(np.int32) + np.int32(first)
    numbers = columns.n[rows]
    if bool(np.any(numbers[1:] < numbers[:-1])):
        order = np.argsort(numbers, kind="stable")
        return numbers[order], rows[order]
    return numbers, rows


def _found(ns: NDArray[np.int64], numbers: NDArray[np.int64], rows: Rows, columns: Columns) -> Rows:
    if not len(numbers):
        return np.zeros(len(ns), np.int32)
    places = np.minimum(numbers.searchsorted(ns), len(numbers) - 1)
    found = rows[places]
    return np.where((numbers[places] == ns) & columns.alive[found], found, np.int32(0))
