"""Which rows hold a term: the inverted index, kept in memory only.

A posting is one 64-bit number: term (32 bits), row (24 bits), count byte (8 bits). Postings lie in
65,536 buckets by the upper half of their term, which a radix sort fills in linear time; new ones wait
in a tail that is sorted when it is next read and merged when it has grown to a quarter of the whole.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

MAX_ROWS: Final = 1 << 24
_MIN_MERGE: Final = 4_096

_TERM_SHIFT: Final = np.uint64(32)
_ROW_SHIFT: Final = np.uint64(8)
_BUCKET_SHIFT: Final = np.uint64(48)
_ROW_MASK: Final = np.uint64(MAX_ROWS - 1)

Packed = NDArray[np.uint64]


class Postings:
    """Rows and counts of every term, appendable."""

    def __init__(self) -> None:
        self._base: Packed = np.empty(0, np.uint64)
        self._offsets: NDArray[np.int64] = np.zeros((1 << 16) + 1, np.int64)
        self._tail: Packed = np.empty(0, np.uint64)
        self._pending: list[Packed] = []
        self._waiting = 0

    def __len__(self) -> int:
        return len(self._base) + len(self._tail) + self._waiting

    def add(self, rows: NDArray[np.int32], terms: NDArray[np.uint32], counts: NDArray[np.uint8]) -> None:
        """Append postings, three arrays of one length; rows are 0 to `MAX_ROWS` - 1."""
        packed = terms.astype(np.uint64) << _TERM_SHIFT
        packed |= rows.astype(np.uint64) << _ROW_SHIFT
        packed |= counts
        self._pending.append(packed)
        self._waiting += len(packed)

    def find(self, term: int) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
        """Return the rows that hold a term, in no order, and their count bytes."""
        if self._pending:
            self._settle()
        bucket = term >> 16
        found = self._base[self._offsets[bucket] : self._offsets[bucket + 1]]
        if len(self._tail):
            low = self._tail.searchsorted(np.uint64(term << 32))
            high = self._tail.searchsorted(np.uint64(term << 32 | 0xFFFFFFFF), side="right")
            found = np.concatenate((found, self._tail[low:high]))
        found = found[(found >> _TERM_SHIFT) == term]
        return ((found >> _ROW_SHIFT) & _ROW_MASK).astype(np.int32), found.astype(np.uint8)

    def keep(self, moved: NDArray[np.int32]) -> None:
        """Renumber every row to ``moved[row]`` and drop the postings of rows moved to -1."""
        packed = np.concatenate((self._base, self._tail, *self._pending))
        target = moved[((packed >> _ROW_SHIFT) & _ROW_MASK).astype(np.int64)]
        kept = target >= 0
        packed = packed[kept]
        counts = packed & np.uint64(0xFF)
        packed = (packed >> _TERM_SHIFT << _TERM_SHIFT) | (target[kept].astype(np.uint64) << _ROW_SHIFT) | counts
        self._tail = np.empty(0, np.uint64)
        self._pending, self._waiting = [], 0
        self._sort_base(packed)

    def _settle(self) -> None:
        tail = np.concatenate((self._tail, *self._pending))
        self._pending, self._waiting = [], 0
        if len(tail) > max(_MIN_MERGE, len(self._base) // 4):
            self._tail = np.empty(0, np.uint64)
            self._sort_base(np.concatenate((self._base, tail)))
        else:
            tail.sort(kind="stable")
            self._tail = tail

    def _sort_base(self, packed: Packed) -> None:
        buckets = (packed >> _BUCKET_SHIFT).astype(np.uint16)
        self._base = packed[np.argsort(buckets, kind="stable")]
        self._offsets[1:] = np.cumsum(np.bincount(buckets, minlength=1 << 16))
