"""Late interaction: a question's tokens against those of each of the best candidates.

After ColBERT (Khattab and Zaharia 2020), over the token states of a model that was not trained for it.

A sentence's one vector blurs what it says; token by token, each word of the question finds what answers to it best. It
costs some fifteen kilobytes an entry, so token vectors are made when they are first wanted and kept in memory alone.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from holdfast.core.columns import Columns
from holdfast.core.words import STOP_WORDS

LATE_CANDIDATES: Final = 100
"""Best entries by all other signals that are looked at closely."""

LATE_CHARS: Final = 240
"""Leading characters of a text that are looked at, some 50 tokens: more found no more, and cost in proportion."""

MOST_BYTES: Final = 64 * 1_000_000
"""Token vectors that are kept for one space, the least lately used ones given up first."""

_WORD: Final = re.compile(r"[\w'\u2019-]+")
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
    looked: NDArray[np.int64]
    """Numbers of the entries to look at: what else happens to be kept in the table decides nothing."""
    topic: Floats | None = None
    """Unit vector of `topic_text`; None where there is none."""


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


def late_query(
    vectors: Floats, weights: Sequence[float], looked: NDArray[np.int64], topic: Floats | None = None
) -> LateQuery | None:
    """Return a question's tokens with the share of each; None where none says anything.

    Args:
        vectors: unit vectors, shape (tokens, dimensions).
        weights: how much each token says, 0 or more; its square root is its share, for a rare word is not all.
        looked: numbers of the entries to look at.
        topic: see `LateQuery`.
    """
    shares = np.asarray(np.sqrt(weights), np.float32)
    total = float(shares.sum())
    return LateQuery(vectors, shares / np.float32(total), looked, topic) if total > 0 else None


def topic_text(question: str) -> str | None:
    """Return the words of a question that name its topic, function words left out; None where that changes nothing."""
    words = _WORD.findall(question)
    told = [word for word in words if word.lower() not in STOP_WORDS]
    return " ".join(told) if 0 < len(told) < len(words) else None


def late(columns: Columns, table: TokenTable, rows: Rows, query: LateQuery) -> Floats:
    """Return how well the best tokens of each row answer those of the question, -1 to 1.

    The weighted mean, over the question's tokens, of the greatest cosine with a token of the row. An entry that has no
    tokens in the table gives 0.
    """
    found = [(place, codes) for place, n in enumerate(columns.n[rows].tolist()) if (codes := table.get(n)) is not None]
    found = [(place, codes) for place, codes in found if len(codes)]
    answered = np.zeros(len(rows), np.float32)
    if found:
        tokens = np.concatenate([codes for _, codes in found]).astype(np.float32)
        sizes = np.fromiter((len(codes) for _, codes in found), np.int64, len(found))
        cosines = query.vectors @ tokens.T
        best = np.maximum.reduceat(cosines, np.cumsum(sizes) - sizes, axis=1)
        answered[[place for place, _ in found]] = (query.weights @ best) / np.float32(_SCALE)
    return answered
