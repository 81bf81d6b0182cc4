"""Which rows hold a term: the inverted index, kept in memory only.

Settled postings are two columns, rows and counts, five bytes a posting: the rows of one term stand together and rise.
New ones wait as 64-bit numbers, term (32 bits), row (24 bits) and count byte (8 bits), in a tail that is sorted when
it is next read and merged when it has grown to a quarter of the whole.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

MAX_ROWS: Final = 1 << 24
_MIN_MERGE: Final = 4_096

_TERM_SHIFT: Final = np.uint64(32)
_ROW_SHIFT: Final = np.uint64(8)
_ROW_MASK: Final = np.uint64(MAX_ROWS - 1)

Packed = NDArray[np.uint64]
Rows = NDArray[np.int32]
Counts = NDArray[np.uint8]


class Postings:
    """Rows and counts of every term, appendable."""

    def __init__(self) -> None:
        self._terms: NDArray[np.uint32] = np.empty(0, np.uint32)
        self._starts: NDArray[np.int64] = np.zeros(1, np.int64)
        self._rows: Rows = np.empty(0, np.int32)
        self._counts: Counts = np.empty(0, np.uint8)
        self._tail: Packed = np.empty(0, np.uint64)
        self._pending: list[Packed] = []
        self._waiting = 0

    def __len__(self) -> int:
        return len(self._rows) + len(self._tail) + self._waiting

    @property
    def size_bytes(self) -> int:
        """Bytes in memory."""
        arrays = (self._terms, self._starts, self._rows, self._counts, self._tail, *self._pending)
        return sum(array.nbytes for array in arrays)

    def add(self, rows: Rows, terms: NDArray[np.uint32], counts: Counts) -> None:
        """Append postings, three arrays of one length; rows are 0 to `MAX_ROWS` - 1."""
        packed = terms.astype(np.uint64) << _TERM_SHIFT
        packed |= rows.astype(np.uint64) << _ROW_SHIFT
        packed |= counts
        self._pending.append(packed)
        self._waiting += len(packed)

    def find(self, term: int) -> tuple[Rows, Counts]:
        """Return the rows that hold a term, in no order, and their count bytes; not to be written to."""
        low, high, first, last = self._places(term)
        rows, counts = self._rows[low:high], self._counts[low:high]
        if last > first:
            new = self._tail[first:last]
            rows = np.concatenate((rows, _rows_of(new)))
            counts = np.concatenate((counts, new.astype(np.uint8)))
        return rows, counts

    def holding(self, term: int) -> int:
        """Return how many rows hold a term."""
        low, high, first, last = self._places(term)
        return high - low + last - first

    def counts_at(self, term: int, rows: Rows) -> Counts:
        """Return the count byte of a term in each of some rows, 0 where a row does not hold it."""
        low, high, first, last = self._places(term)
        found = _at(self._rows[low:high], self._counts[low:high], rows)
        if last > first:
            new = self._tail[first:last]
            found |= _at(_rows_of(new), new.astype(np.uint8), rows)
        return found

    def drop(self, gone: NDArray[np.bool_]) -> None:
        """Take out the postings of every row that is marked."""
        self._drop(np.flatnonzero(gone[self._rows]))
        new = np.concatenate((self._tail, *self._pending))
        self._tail = np.sort(new[~gone[_rows_of(new)]])
        self._pending, self._waiting = [], 0

    def keep(self, moved: Rows) -> None:
        """Renumber every row to ``moved[row]``, which rises, and drop the postings of rows moved to -1."""
        self._settle(at_once=True)
        self._rows = moved[self._rows]
        self._drop(np.flatnonzero(self._rows < 0))

    def _drop(self, places: NDArray[np.intp]) -> None:
        """Drop settled postings by their places, which rise, and terms that no row holds any more."""
        if not len(places):
            return
        self._rows, self._counts = np.delete(self._rows, places), np.delete(self._counts, places)
        starts = self._starts - places.searchsorted(self._starts)
        held = starts[1:] > starts[:-1]
        self._terms = self._terms[held]
        self._starts = np.append(starts[:-1][held], starts[-1])

    def _places(self, term: int) -> tuple[int, int, int, int]:
        """Return where a term stands among the settled postings, and where in the tail."""
        if self._pending:
            self._settle()
        low = high = first = last = 0
        place = int(self._terms.searchsorted(np.uint32(term)))
        if place < len(self._terms) and self._terms[place] == term:
            low, high = int(self._starts[place]), int(self._starts[place + 1])
        if len(self._tail):
            first = int(self._tail.searchsorted(np.uint64(term << 32)))
            last = int(self._tail.searchsorted(np.uint64(term << 32 | 0xFFFFFFFF), side="right"))
        return low, high, first, last

    def _settle(self, *, at_once: bool = False) -> None:
        tail = np.concatenate((self._tail, *self._pending))
        self._pending, self._waiting = [], 0
        if not at_once and len(tail) <= max(_MIN_MERGE, len(self._rows) // 4):
            tail.sort()
            self._tail = tail
            return
        self._tail = np.empty(0, np.uint64)
        if len(tail):
            settled = np.repeat(self._terms, np.diff(self._starts)).astype(np.uint64) << _TERM_SHIFT
            settled |= self._rows.astype(np.uint64) << _ROW_SHIFT
            settled |= self._counts
            self._sort(np.concatenate((settled, tail)))

    def _sort(self, packed: Packed) -> None:
        packed.sort()
        self._rows, self._counts = _rows_of(packed), packed.astype(np.uint8)
        terms = (packed >> _TERM_SHIFT).astype(np.uint32)
        del packed
        opens = np.flatnonzero(np.append(True, terms[1:] != terms[:-1]))
        self._terms = terms[opens]
        self._starts = np.append(opens, len(terms))


def _rows_of(packed: Packed) -> Rows:
    return ((packed >> _ROW_SHIFT) & _ROW_MASK).astype(np.int32)


def _at(held: Rows, counts: Counts, rows: Rows) -> Counts:
    """Return the counts at the rows that are held, which rise, and 0 at the others."""
    if not len(held):
        return np.zeros(len(rows), np.uint8)
    places = held.searchsorted(rows)
    places[places == len(held)] = 0
    return np.where(held[places] == rows, counts[places], np.uint8(0))
