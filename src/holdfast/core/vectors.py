"""Vectors of entries and their scan.

A vector is kept as 8-bit integers with one scale: a quarter of the memory, and as fast to scan as
floats because it is memory that bounds the scan. The context vector of a row is a weighted sum of its
neighbours' vectors, so its product with a query is the same sum of the neighbours' products: only its
length is stored, the pooled matrix never is.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

DIMENSIONS: Final = 384
CONTEXT_WEIGHTS: Final = (1.0, 0.7, 0.4, 0.4)
"""Weights of a row itself, of the one before it, of the second before it and of the one after it."""

_CHUNK_ROWS: Final = 1_024  # 1.5 MB as floats: stays in the cache of a core
# Numbers multiplied in one step: few enough that BLAS does not share the step among threads, which wait for one another
# on a busy machine (with twice as many a scan took up to 50 times as long).
_SCANNED: Final = 1_024 * 384

Floats = NDArray[np.float32]
Rows = NDArray[np.int32]


def quantise(vectors: Floats) -> tuple[NDArray[np.int8], Floats]:
    """Return vectors of shape (m, d) as 8-bit integers and the scale of each, ``vectors ~ integers * scale``."""
    largest = np.abs(vectors).max(axis=1, initial=0.0)
    scales = np.where(largest > 0, largest / 127.0, 1.0).astype(np.float32)
    return np.rint(vectors / scales[:, None]).astype(np.int8), scales


class VectorTable:
    """Rows of vectors; row 0 and rows that have none yet are zero."""

    def __init__(self, dimensions: int = DIMENSIONS) -> None:
        self._dimensions = dimensions
        self._codes: NDArray[np.int8] = np.zeros((1, dimensions), np.int8)
        self._scales: Floats = np.zeros(1, np.float32)
        self._context: Floats = np.zeros(1, np.float32)
        self._pooled: Floats = np.zeros(1, np.float32)
        self._buffer: Floats | None = None

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        return self._dimensions

    def reserve(self, capacity: int) -> None:
        """Make room for rows up to ``capacity`` - 1, new ones zero."""
        extra = capacity - len(self._scales)
        if extra > 0:
            codes = np.zeros((capacity, self._dimensions), np.int8)  # takes no memory before it is written to
            codes[: len(self._codes)] = self._codes
            self._codes = codes
            self._scales = np.concatenate((self._scales, np.zeros(extra, np.float32)))
            self._context = np.concatenate((self._context, np.zeros(extra, np.float32)))
            self._pooled = np.concatenate((self._pooled, np.zeros(extra, np.float32)))

    def put(self, rows: Rows, codes: NDArray[np.int8], scales: Floats) -> None:
        """Set the vectors of rows; a scale of zero marks a row without one."""
        if len(rows) and int(rows[-1]) - int(rows[0]) == len(rows) - 1 and bool(np.all(np.diff(rows) == 1)):
            self._codes[rows[0] : rows[-1] + 1] = codes
        else:
            self._codes[rows] = codes
        self._scales[rows] = scales

    def drop(self, rows: Rows) -> None:
        """Overwrite the vectors of rows with zeros."""
        self._codes[rows] = 0
        self._scales[rows] = 0

    @property
    def scales(self) -> Floats:
        """Scale of every row, 0 for a row without a vector."""
        return self._scales

    def keep(self, rows: Rows) -> None:
        """Keep only these rows, in this order."""
        self._codes, self._scales = self._codes[rows], self._scales[rows]
        self._context, self._pooled = self._context[rows], self._pooled[rows]

    def pool(self, rows: Rows, before: Rows, after: Rows) -> None:
        """Compute the lengths of context and pooled vectors of rows again.

        Args:
            rows: what to compute, any order; fastest when neighbours stand side by side.
            before: for every row of the table the row before it in its session, 0 for none.
            after: likewise the row after it.
        """
        one, two, three, four = (np.float32(weight) for weight in CONTEXT_WEIGHTS)
        for low in range(0, len(rows), _CHUNK_ROWS):
            chunk = rows[low : low + _CHUNK_ROWS]
            first = before[chunk]
            own = self._floats(chunk)
            context = one * own
            for weight, neighbour in ((two, first), (three, before[first]), (four, after[chunk])):
                context += self._floats(neighbour, weight)
            lengths = np.sqrt(np.einsum("ij,ij->i", context, context))
            context /= np.maximum(lengths, 1e-12)[:, None]
            own += context
            self._context[chunk] = lengths
            self._pooled[chunk] = np.sqrt(np.einsum("ij,ij->i", own, own))

    def scan(self, query: Floats, size: int) -> Floats:
        """Return the product of a query of shape (d,) with each of the first ``size`` rows, shape (size,)."""
        products = np.empty(size, np.float32)
        step = max(1, _SCANNED // self._dimensions)
        if self._buffer is None:
            self._buffer = np.empty((step, self._dimensions), np.float32)
        for low in range(0, size, step):
            high = min(size, low + step)
            floats = self._buffer[: high - low]
            np.copyto(floats, self._codes[low:high])
            np.dot(floats, query, out=products[low:high])
        products *= self._scales[:size]
        return products

    def scan_rows(self, query: Floats, rows: Rows) -> Floats:
        """Return the product of a query of shape (d,) with each of some rows, in their order."""
        products = np.empty(len(rows), np.float32)
        step = max(1, _SCANNED // self._dimensions)
        for low in range(0, len(rows), step):
            chunk = rows[low : low + step]
            np.dot(self._codes[chunk].astype(np.float32), query, out=products[low : low + len(chunk)])
        products *= self._scales[rows]
        return products

    def codes(self, rows: Rows) -> NDArray[np.int8]:
        """Return the 8-bit integers of rows, shape (len(rows), dimensions)."""
        return self._codes[rows]

    def pooled_rows(self, products: Floats, rows: Rows, before: Rows, after: Rows) -> Floats:
        """Return `pooled` of some rows alone; the products of their three neighbours must be known too."""
        one, two, three, four = (np.float32(weight) for weight in CONTEXT_WEIGHTS)
        first, own = before[rows], products[rows]
        context = products[first] * two
        context += products[before[first]] * three
        context += products[after[rows]] * four
        context += own * one
        context /= np.maximum(self._context[rows], 1e-12)
        context += own
        context /= np.maximum(self._pooled[rows], 1e-12)
        return context

    def pooled(self, products: Floats, before: Rows, after: Rows) -> Floats:
        """Return the cosine of the query with each pooled vector, -1 to 1, from the products of `scan`.

        The pooled vector is ``norm(e + norm(context))`` with the context of `CONTEXT_WEIGHTS`.
        """
        size = len(products)
        one, two, three, four = (np.float32(weight) for weight in CONTEXT_WEIGHTS)
        first = before[:size]
        context = products.take(first)
        others = context.take(first)  # of the second before
        context *= two
        others *= three
        context += others
        # Every row is in range; "raise", the usual mode, would copy what is written to.
        np.take(products, after[:size], out=others, mode="wrap")
        others *= four
        context += others
        np.multiply(products, one, out=others)
        context += others
        context /= np.maximum(self._context[:size], 1e-12, out=others)
        context += products
        context /= np.maximum(self._pooled[:size], 1e-12, out=others)
        return context

    def _floats(self, rows: Rows, weight: np.float32 | None = None) -> Floats:
        scales = self._scales[rows]
        if weight is not None:
            scales *= weight
        floats = self._codes[rows].astype(np.float32)
        floats *= scales[:, None]
        return floats
