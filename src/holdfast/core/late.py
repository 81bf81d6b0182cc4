"""Late interaction: a question's tokens against those of each of the best candidates.

After ColBERT (Khattab and Zaharia 2020), over the token states of a model that was not trained for it.

A sentence's one vector blurs what it says; token by token, each word of the question finds what answers to it best. It
costs about two kilobytes an entry, so token vectors are made when they are first wanted and kept in memory alone.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from holdfast.core.columns import Columns

LATE_CANDIDATES: Final = 50
"""Best entries by all other signals that are looked at closely."""

LATE_CHARS: Final = 240
"""Leading characters of a text that are looked at, some 50 tokens: more found no more, and cost in proportion."""

LATE_WEIGHT: Final = 0.5
"""What a standard deviation of late interaction counts, in units of the score, in a space of short entries."""

MOST_BYTES: Final = 64 * 1_000_000
"""Token vectors that are kept for one space, the least lately used ones given up first."""

NEIGHBOURS: Final = (1.0, 0.9, 0.85)
"""What a token counts that stands in the entry itself, in the one before it and in the one after it."""

_SCALE: Final = 127.0

Codes = NDArray[np.int8]
Floats = NDArray[np.float32]
Rows = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class LateQuery:
    """The tokens of a question that say something."""

    vectors: Floats
    """Unit vectors, shape (tokens, dimensions)."""
    weights: Floats
    """Share of each in the whole, 0 to 1, shape (tokens,)."""


class TokenTable:
    """Token vectors of entries by their numbers, as 8-bit integers, the least lately used dropped first."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._held: OrderedDict[int, Codes] = OrderedDict()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._held)

    def missing(self, ns: Iterable[int]) -> list[int]:
        """Return those of the numbers that have no token vectors here."""
        return [n for n in ns if n not in self._held]

    def put(self, n: int, codes: Codes) -> None:
        """Keep the token vectors of an entry, shape (tokens, dimensions), unit vectors times 127."""
        self.drop((n,))
        self._held[n] = codes
        self.bytes += codes.nbytes
        while self.bytes > self._most_bytes and len(self._held) > 1:
            _, dropped = self._held.popitem(last=False)
            self.bytes -= dropped.nbytes

    def get(self, n: int) -> Codes | None:
        """Return the token vectors of an entry, None where there are none."""
        codes = self._held.get(n)
        if codes is not None:
            self._held.move_to_end(n)
        return codes

    def drop(self, ns: Iterable[int]) -> None:
        """Overwrite and forget the token vectors of entries; numbers that are not there are skipped."""
        for n in ns:
            codes = self._held.pop(n, None)
            if codes is not None:
                self.bytes -= codes.nbytes
                if codes.flags.writeable:
                    codes[:] = 0


def encode_tokens(vectors: Floats) -> Codes:
    """Return unit vectors of tokens as 8-bit integers."""
    return np.rint(vectors * _SCALE).astype(np.int8)


def late_query(vectors: Floats, weights: Sequence[float]) -> LateQuery | None:
    """Return a question's tokens with the share of each; None where none says anything.

    Args:
        vectors: unit vectors, shape (tokens, dimensions).
        weights: how much each token says, 0 or more.
    """
    shares = np.asarray(weights, np.float32)
    total = float(shares.sum())
    return LateQuery(vectors, shares / np.float32(total)) if total > 0 else None


def surroundings(columns: Columns, rows: Rows) -> Rows:
    """Return the rows whose tokens count for some rows: they and their neighbours, ascending, without row 0."""
    near = np.unique(np.concatenate((rows, columns.before[rows], columns.after[rows])))
    return near[near > 0]


def late(columns: Columns, table: TokenTable, rows: Rows, query: LateQuery) -> Floats:
    """Return how well the best tokens of each row and its neighbours answer those of the question, -1 to 1.

    The weighted mean, over the question's tokens, of the greatest cosine with a token (`NEIGHBOURS`). An entry that has
    no tokens in the table gives 0.
    """
    near = surroundings(columns, rows)
    found = [(place, codes) for place, n in enumerate(columns.n[near].tolist()) if (codes := table.get(n)) is not None]
    greatest = np.zeros((len(near) + 1, len(query.weights)), np.float32)
    found = [(place, codes) for place, codes in found if len(codes)]
    if found:
        tokens = np.concatenate([codes for _, codes in found]).astype(np.float32)
        sizes = np.fromiter((len(codes) for _, codes in found), np.int64, len(found))
        cosines = query.vectors @ tokens.T
        best = np.maximum.reduceat(cosines, np.cumsum(sizes) - sizes, axis=1)
        greatest[[place + 1 for place, _ in found]] = best.T / np.float32(_SCALE)

    def places(of: Rows) -> NDArray[np.int64]:
        return np.where(of > 0, np.searchsorted(near, of) + 1, 0)

    own, before, after = (np.float32(factor) for factor in NEIGHBOURS)
    answered = own * greatest[places(rows)]
    np.maximum(answered, before * greatest[places(columns.before[rows])], out=answered)
    np.maximum(answered, after * greatest[places(columns.after[rows])], out=answered)
    return np.asarray(answered @ query.weights, np.float32)
