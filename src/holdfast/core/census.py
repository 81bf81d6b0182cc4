"""Running counts over the entries of a corpus, so that its statistics cost nothing after a write."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from holdfast.core.columns import Columns
from holdfast.core.entry import LONG_WORDS, Statistics
from holdfast.model.records import Role

Rows = NDArray[np.int32]


def blank(number: int) -> str:
    """Return what stands in place of a name that is to be let go of, while its number cannot be given again."""
    return f"\0{number}"  # no name has a NUL in it


class Census:
    """Whole numbers alone: what entries brought when they came is exactly what they take with them."""

    def __init__(self) -> None:
        self.entries = 0
        self._total = 0
        self._window = 0
        self._long = 0
        self._roles = np.zeros(len(Role), np.int64)
        self._authors = np.zeros(1, np.int64)

    def count(self, columns: Columns, rows: Rows | slice, sign: int) -> None:
        """Count rows in (1) or out (-1), as they stand in the columns."""
        authors = columns.author[rows]
        self.entries += sign * len(authors)
        self._total += sign * int(columns.total[rows].sum())
        self._window += sign * int(columns.window[rows].sum())
        self._long += sign * int(np.count_nonzero(columns.words[rows] >= LONG_WORDS))
        self._roles += sign * np.bincount(columns.role[rows], minlength=len(Role))
        held = np.bincount(authors, minlength=len(self._authors))
        held[: len(self._authors)] *= sign
        held[: len(self._authors)] += self._authors
        self._authors = held

    def widen(self, tokens: int) -> None:
        """Add so many tokens to the windows of the entries together."""
        self._window += tokens

    def without_absent(self, authors: Mapping[str | None, int]) -> dict[str | None, int]:
        """Return the numbers of authors with a blank in place of each name that no entry has any more."""
        held = self._authors
        return {
            name if not number or (number < len(held) and held[number]) else blank(number): number
            for name, number in authors.items()
        }

    def recount_authors(self, columns: Columns, size: int) -> None:
        """Count the authors again, after they were given other numbers."""
        self._authors = np.bincount(columns.author[:size][columns.alive[:size]], minlength=1)

    def statistics(self, authors: Mapping[str | None, int]) -> Statistics:
        """Return the statistics of what was counted, with the names that authors' numbers stand for."""
        count = max(self.entries, 1)
        held = self._authors
        return Statistics(
            entries=self.entries,
            mean_total=float(self._total) / count,
            mean_window=float(self._window) / count,
            long_share=float(self._long) / count,
            role_shares=tuple((self._roles / count).tolist()),
            authors=tuple(sorted(name for name, i in authors.items() if name and i < len(held) and held[i])),
        )
