"""Which entry stands before and after which: the order inside each session, kept in the columns of a corpus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from holdfast.core.census import blank
from holdfast.core.columns import Columns

_ONE_BY_ONE: Final = 64

Rows = NDArray[np.int32]


class Links:
    """Links the rows of some columns: new ones at the end of a session at once, others at the next `refresh`."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._last_of_session: dict[int, int] = {}
        self._unlinked: set[int] = set()
        self._left: set[int] = set()  # sessions that an entry left
        self.stale = False
        """Whether a row waits for its window and context; whoever works them in says that none does."""

    def add(self, first: int, size: int) -> None:
        """Link the rows from ``first`` on."""
        columns = self._columns
        self.stale = True
        sessions = columns.session[first:size]
        if len(sessions) > _ONE_BY_ONE:
            self._unlinked.update(set(sessions[sessions > 0].tolist()))
            return
        for row, session in enumerate(sessions.tolist(), first):
            if session == 0 or session in self._unlinked:
                continue
            last = self._last_of_session.get(session, 0)
            if last and (columns.order[last], columns.n[last]) > (columns.order[row], columns.n[row]):
                self._unlinked.add(session)
                continue
            columns.before[row] = last
            if last:
                columns.after[last] = row
            self._last_of_session[session] = row
            self.touch(np.array([row], np.int32))

    def take_out(self, rows: Sequence[int]) -> None:
        """Link the neighbours of rows with each other; links must be refreshed."""
        columns = self._columns
        for row in rows:
            if columns.session[row]:
                self._left.add(int(columns.session[row]))
            before, after = int(columns.before[row]), int(columns.after[row])
            if after == 0 and columns.session[row]:
                self._last_of_session[int(columns.session[row])] = before
            if before:
                columns.after[before] = after
            if after:
                columns.before[after] = before
            columns.before[row] = columns.after[row] = 0
            self.touch(np.array([before, after], np.int32))

    def refresh(self, size: int, sessions: int) -> None:
        """Link the sessions whose order is not known, of so many rows and numbers of sessions."""
        if not self._unlinked:
            return
        columns = self._columns
        wanted = np.zeros(sessions, np.bool_)
        wanted[list(self._unlinked)] = True
        rows = np.flatnonzero(wanted[columns.session[:size]] & columns.alive[:size])
        rows = rows[np.lexsort((columns.n[rows], columns.order[rows], columns.session[rows]))].astype(np.int32)
        numbers = columns.session[rows]
        together = numbers[1:] == numbers[:-1]
        columns.before[rows] = 0
        columns.after[rows] = 0
        columns.before[rows[1:]] = np.where(together, rows[:-1], 0)
        columns.after[rows[:-1]] = np.where(together, rows[1:], 0)
        columns.fresh[rows] = False
        self.stale = True
        last = np.append(~together, True)
        for session in self._unlinked:
            self._last_of_session.pop(session, None)
        self._last_of_session.update(zip(numbers[last].tolist(), rows[last].tolist(), strict=True))
        self._unlinked.clear()

    def touch(self, rows: Rows) -> None:
        """Mark rows, and the two before and after each, as awaiting a refresh."""
        columns = self._columns
        before, after = columns.before[rows], columns.after[rows]
        for stale in (rows, before, columns.before[before], after, columns.after[after]):
            columns.fresh[stale] = False
        self.stale = True

    def move(self, moved: Rows) -> None:
        """Follow rows that got other numbers, -1 for those that are gone; the columns have theirs already."""
        columns = self._columns
        columns.before, columns.after = moved[columns.before], moved[columns.after]
        self._last_of_session = {
            session: int(moved[row]) for session, row in self._last_of_session.items() if row and moved[row] > 0
        }

    def rename(self, renamed: Mapping[int, int]) -> None:
        """Follow sessions that got other numbers; those that are not named are gone."""
        self._last_of_session = {
            renamed[session]: row for session, row in self._last_of_session.items() if session in renamed
        }
        self._left.clear()

    def without_empty(self, sessions: Mapping[str | None, int]) -> dict[str | None, int]:
        """Return the numbers of sessions with a blank in place of each name that no entry has any more."""
        empty = {session for session in self._left if not self._last_of_session.get(session)}
        self._left.clear()
        return {blank(number) if number in empty else name: number for name, number in sessions.items()}
