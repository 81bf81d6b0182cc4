"""What recall searches: the entries of one space, in memory.

A corpus is built from stored columns and kept up by `add`, `set_vectors` and `remove`; how the calls
are cut up makes no difference to what it answers. Additions wait in a queue and are worked in at the
next read, so a write costs an append. It takes no lock: its owner lets one thread at a time use it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from holdfast.core.census import Census
from holdfast.core.columns import INDEXED, Columns, numbered, renumbered
from holdfast.core.entry import Entry, Statistics, transposed
from holdfast.core.late import TokenTable
from holdfast.core.lexical import TermColumns, decode_terms, is_whole
from holdfast.core.links import Links
from holdfast.core.places import Places
from holdfast.core.postings import MAX_ROWS, Postings
from holdfast.core.scratch import Scratch
from holdfast.core.vectors import DIMENSIONS, VectorTable

EXACT_ENTRIES: Final = 100_000
"""Entries up to which every row is looked at in every search; see `holdfast.core.wide` for larger ones."""
_MIN_DEAD: Final = 1_024

Rows = NDArray[np.int32]
Mask = NDArray[np.bool_]


class Corpus:
    """The entries of one space with their terms, vectors, neighbours and statistics."""

    def __init__(self, dimensions: int = DIMENSIONS) -> None:
        self.columns = Columns.empty()
        self.postings = Postings()
        self.vectors = VectorTable(dimensions)
        self.vectors.reserve(self.columns.capacity)
        self.tokens = TokenTable()
        self.scratch = Scratch()
        self.removals = 0
        """Calls of `remove` that took something out: what was read for an entry before may be of an older one."""
        self._size = 1
        self._dead = 0
        self._unsettled = False
        self._queue: list[Entry] = []
        self._greatest_n = -(1 << 63)
        self._places = Places()
        self._census = Census()
        self._sessions: dict[str | None, int] = {None: 0}
        self._authors: dict[str | None, int] = {None: 0}
        self._links = Links(self.columns)
        self._lacking: Rows | None = None
        self._loose: Rows | None = None
        self._statistics: Statistics | None = None

    def __len__(self) -> int:
        return self._size - 1 - self._dead + len(self._queue)

    @property
    def size(self) -> int:
        """Rows in use, row 0 and removed ones included: the length of every mask and score."""
        self._flush()
        return self._size

    @property
    def has_removed(self) -> bool:
        """Whether removed rows are still among the postings."""
        return self._unsettled

    def add(self, entries: Iterable[Entry]) -> None:
        """Add entries.

        Raises:
            ValueError: an entry's number is in use, or the corpus is full (16.7 million rows).
            Damaged: an entry's terms cannot be read. The entries before it were added.
        """
        for entry in entries:
            if entry.n > self._greatest_n and is_whole(entry.terms) and self._size + len(self._queue) < MAX_ROWS:
                self._queue.append(entry)
                self._greatest_n = entry.n
            else:
                self.add_columns(*transposed([entry]))

    def add_columns(
        self,
        ns: Sequence[int],
        sessions: Sequence[str | None],
        orders: Sequence[int],
        authors: Sequence[str | None],
        roles: Sequence[int],
        kinds: Sequence[int],
        said_ms: Sequence[int],
        terms: Sequence[bytes],
    ) -> None:
        """Add many entries at once, given as columns of one length in the fields of `Entry`.

        Raises:
            ValueError: a number is in use or given twice, or the corpus would hold 16.7 million rows.
            Damaged: an entry's terms cannot be read; nothing was added.
        """
        self._flush()
        if len(ns):
            numbers = np.fromiter(ns, np.int64, len(ns))
            decoded = decode_terms(terms)
            self._admit(numbers)
            self._append(numbers, sessions, orders, authors, roles, kinds, said_ms, decoded)

    def _append(
        self,
        numbers: NDArray[np.int64],
        sessions: Sequence[str | None],
        orders: Sequence[int],
        authors: Sequence[str | None],
        roles: Sequence[int],
        kinds: Sequence[int],
        said_ms: Sequence[int],
        decoded: TermColumns,
    ) -> None:
        count = len(numbers)
        size = self._size + count
        columns, new = self.columns, slice(self._size, size)
        columns.reserve(size)
        self.vectors.reserve(columns.capacity)
        columns.n[new] = numbers
        columns.order[new] = np.fromiter(orders, np.int64, count)
        columns.said_ms[new] = np.fromiter(said_ms, np.int64, count)
        columns.role[new] = np.fromiter(roles, np.uint8, count)
        columns.kind[new] = np.fromiter(kinds, np.int32, count)
        columns.session[new] = numbered(sessions, self._sessions)
        columns.author[new] = numbered(authors, self._authors)
        columns.total[new] = decoded.totals
        columns.window[new] = decoded.totals
        columns.words[new] = decoded.words
        columns.flags[new] = decoded.flags
        columns.alive[new] = True
        self.postings.add(decoded.owners + np.int32(self._size), decoded.hashes, decoded.counts)
        first, self._size = self._size, size
        self._census.count(columns, new, 1)
        self._statistics = self._lacking = self._loose = None
        self._links.add(first, size)

    def remove(self, ns: Iterable[int]) -> None:
        """Take entries out, with every influence they had; numbers that are not there are skipped."""
        rows = self.rows(np.fromiter(ns, np.int64))
        rows = np.unique(rows[rows > 0])
        if not len(rows):
            return
        columns = self.columns
        self._refresh_links()
        self._census.count(columns, rows, -1)
        columns.alive[rows] = False
        columns.indexed[rows] = 0
        self.vectors.drop(rows)
        self.tokens.drop(columns.n[rows].tolist())
        self.removals += 1
        self._links.take_out(rows.tolist())
        self._dead += len(rows)
        self._unsettled = True
        self._statistics = self._lacking = self._loose = None
        if self._dead > max(_MIN_DEAD, self._size // 4):
            self.compact()

    def compact(self) -> None:
        """Overwrite what removed entries left behind; masks made before no longer fit."""
        self._flush()
        if not self._dead:
            return
        self._refresh_links()
        columns = self.columns
        kept = np.flatnonzero(columns.alive[: self._size]).astype(np.int32)
        kept = np.concatenate((np.zeros(1, np.int32), kept))
        moved = np.full(self._size, -1, np.int32)
        moved[kept] = np.arange(len(kept), dtype=np.int32)
        columns.keep(kept)
        self.vectors.keep(kept)
        self._links.move(moved)
        self.postings.keep(moved)
        self._size, self._dead = len(kept), 0
        self._unsettled = False
        self._places.forget()
        self._lacking = self._loose = None
        self._rename()

    def scrub(self) -> None:
        """Overwrite what removed entries left behind; in a large corpus their rows stay, empty, where they are."""
        self._flush()
        if self._size <= EXACT_ENTRIES:
            self.compact()
        elif self._unsettled:
            self._refresh_links()
            gone = ~self.columns.alive[: self._size]
            self.postings.drop(gone)
            self.columns.wipe(np.flatnonzero(gone).astype(np.int32))
            self._unsettled = False
            self._authors = self._census.without_absent(self._authors)
            self._sessions = self._links.without_empty(self._sessions)
            self._statistics = None

    def _rename(self) -> None:
        """Let the names go of those who wrote nothing that is left."""
        columns = self.columns
        self._authors, _ = renumbered(self._authors, columns.author[: self._size])
        self._sessions, renamed = renumbered(self._sessions, columns.session[: self._size])
        self._links.rename(renamed)
        self._census.recount_authors(columns, self._size)
        self._statistics = None

    def set_vectors(self, ns: NDArray[np.int64], codes: NDArray[np.int8], scales: NDArray[np.float32]) -> None:
        """Set the vectors of entries as `vectors.quantise` gives them; numbers that are not there are skipped.

        Args:
            ns: numbers, shape (m,).
            codes: shape (m, dimensions).
            scales: greater than 0, shape (m,).

        Raises:
            ValueError: a shape is wrong, or a scale is not positive and finite.
        """
        if codes.shape != (len(ns), self.vectors.dimensions) or scales.shape != (len(ns),):
            raise ValueError("Vectors need one row of the corpus's dimensions and one scale each.")
        if not np.all(np.isfinite(scales) & (scales > 0)):
            raise ValueError("A vector's scale must be positive and finite.")
        rows = self.rows(ns)
        known = rows > 0
        if not known.all():
            rows, codes, scales = rows[known], codes[known], scales[known]
        self.vectors.put(rows, codes, scales)
        self.columns.indexed[rows] = 0
        self._lacking = self._loose = None
        self._refresh_links()
        self._links.touch(rows)

    def missing_vectors(self) -> NDArray[np.int64]:
        """Return the numbers of entries that have no vector yet, in the order they were added."""
        rows = self.lacking()  # first: it may make the columns longer, which are other arrays then
        return self.columns.n[rows]

    def lacking(self) -> Rows:
        """Return the rows of entries that have no vector yet, rising."""
        self._flush()
        if self._lacking is None:
            waiting = self.columns.alive[: self._size] & (self.vectors.scales[: self._size] <= 0)
            self._lacking = np.flatnonzero(waiting).astype(np.int32)
        return self._lacking

    def loose(self) -> Rows:
        """Return the rows whose vector no index of vectors has as it is, rising."""
        self._flush()
        if self._loose is None:
            size, columns = self._size, self.columns
            loose = columns.alive[:size] & (self.vectors.scales[:size] > 0) & (columns.indexed[:size] & INDEXED == 0)
            self._loose = np.flatnonzero(loose).astype(np.int32)
        return self._loose

    def indexed(self, rows: Rows, bit: int, *, anew: bool = False) -> None:
        """Mark rows as those whose vectors an index has, by `INDEXED` or `BUILDING`; ``anew`` no others are."""
        marks = self.columns.indexed
        if anew:
            marks[: self.size] &= ~np.uint8(bit)
        marks[rows] |= np.uint8(bit)
        if bit == INDEXED:
            self._loose = None

    def rows(self, ns: NDArray[np.int64]) -> Rows:
        """Return the row of each number, 0 for one that is not there."""
        self._flush()
        return self._places.rows(ns, self.columns, self._size)

    def mask(self, ns: Iterable[int]) -> Mask:
        """Return a mask for `rank` that allows these numbers and no others."""
        allowed = np.zeros(self.size, np.bool_)
        allowed[self.rows(np.fromiter(ns, np.int64))] = True
        allowed[0] = False
        return allowed

    def where(
        self,
        *,
        session: str | None = None,
        author: str | None = None,
        roles: Sequence[int] | None = None,
        kinds: Sequence[int] | None = None,
        said_from_ms: int | None = None,
        said_before_ms: int | None = None,
    ) -> Mask:
        """Return a mask for `rank` of the entries that meet every condition given.

        Masks combine by ``&``, ``|`` and ``~`` and fit until the next `add`, `remove` or `compact`.
        """
        size, columns = self.size, self.columns
        allowed = columns.alive[:size].copy()
        if session is not None:
            allowed &= columns.session[:size] == self._sessions.get(session, -1)
        if author is not None:
            allowed &= columns.author[:size] == self._authors.get(author, -1)
        if roles is not None:
            allowed &= np.isin(columns.role[:size], np.asarray(roles, np.uint8))
        if kinds is not None:
            allowed &= np.isin(columns.kind[:size], np.asarray(kinds, np.int32))
        if said_from_ms is not None:
            allowed &= columns.said_ms[:size] >= said_from_ms
        if said_before_ms is not None:
            allowed &= columns.said_ms[:size] < said_before_ms
        return allowed

    def author_number(self, name: str) -> int:
        """Return the number `Columns.author` gives a name, -1 for one that never wrote."""
        return self._authors.get(name, -1)

    def statistics(self) -> Statistics:
        """Return the statistics of the entries that are there."""
        self.refresh()
        if self._statistics is None:
            self._statistics = self._census.statistics(self._authors)
        return self._statistics

    def refresh(self) -> None:
        """Work in what waits: queued entries, links, windows and context of rows whose neighbours changed."""
        self._refresh_links()
        if not self._links.stale:
            return
        columns = self.columns
        stale = np.flatnonzero(~columns.fresh[: self._size] & columns.alive[: self._size]).astype(np.int32)
        if not len(stale):
            self._links.stale = False
            return
        before, after, total = columns.before, columns.after, columns.total
        one_before, one_after = before[stale], after[stale]
        windows = (
            total[stale] + total[one_before] + total[before[one_before]] + total[one_after] + total[after[one_after]]
        )
        self._census.widen(int(windows.sum()) - int(columns.window[stale].sum()))
        columns.window[stale] = windows
        self.vectors.pool(stale, before, after)
        columns.fresh[stale] = True
        self._links.stale = False
        self._statistics = None

    def _flush(self) -> None:
        if self._queue:
            columns = transposed(self._queue)
            numbers = np.fromiter(columns[0], np.int64, len(self._queue))
            self._append(numbers, *columns[1:7], decode_terms(columns[7]))
            self._queue = []

    def _admit(self, numbers: NDArray[np.int64]) -> None:
        """Check that numbers are new and there is room."""
        if self._size + len(numbers) > MAX_ROWS:
            raise ValueError(f"A corpus holds at most {MAX_ROWS - 1} entries.")
        rises = bool(np.all(np.diff(numbers) > 0)) and numbers[0] > self._greatest_n
        if not rises and (len(np.unique(numbers)) < len(numbers) or self.rows(numbers).any()):
            raise ValueError("An entry's number is already in use.")
        self._greatest_n = max(self._greatest_n, int(numbers.max()))

    def _refresh_links(self) -> None:
        self._flush()
        self._links.refresh(self._size, len(self._sessions))
