"""Rows that share pages with what a forget erases: they must be the same afterwards.

SQLite does not look through a whole page before it writes to it. Where an altered byte lets a cell reach into another,
or a page hold other cells than it says, deleting one takes its neighbours with it, and nothing raises. So what stands
around the erased rows, and at the end of the journal, where the forget itself is written, is read before and after.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import apsw

from holdfast.adapters.sqlite.connection import PAGE_BYTES
from holdfast.adapters.sqlite.database import Database, Row
from holdfast.adapters.sqlite.rows import EVENT_SQL
from holdfast.adapters.sqlite.sealing import OpenRows
from holdfast.errors import Damaged
from holdfast.model.events import Entomb, Sealed, commitment

EVENTS, MEMORIES = 80, 140
"""Rows that a page may hold at most: an erased event takes some 105 bytes of it, a forgotten memory some 60."""
SHARE = 4
"""Where more than one of so many rows is to be read, SQLite's own look at every page is quicker and sees more."""
MANY = 2_000
"""Rows from which on that look is enough: SQLite harms nothing in pages that are sound."""
LONG_BYTES = 7_500
"""A row with more than so much may go on in pages of its own; what those hold is only read with the row."""
_WHERE = (
    "SELECT seq FROM event WHERE n IN (SELECT value FROM json_each(?1)) "
    "UNION SELECT seq FROM memory WHERE n IN (SELECT value FROM json_each(?1)) AND seq > 0 ORDER BY 1"
)
_EVENTS = (
    "SELECT seq, CAST(record AS BLOB), node, node_seq, hlc, type, version, CAST(other AS BLOB), "
    "CAST(commitment AS BLOB), CAST(chain AS BLOB), CAST(salt AS BLOB), "
    f"iif(length(payload) > {LONG_BYTES}, length(payload), CAST(payload AS BLOB)) "
    "FROM event WHERE seq {} ORDER BY seq "
)
_ERASED_COLUMNS = -2
"""The last columns of `_EVENTS`, salt and payload, are what goes of an event that stays."""
_MEMORIES = (
    "SELECT n, CAST(id AS BLOB), state, version, seq, close_seq, CAST(closed_by AS BLOB), tomb_seq, "
    "CAST(receipt AS BLOB), kind, role, origin, said_ms, CAST(session AS BLOB), CAST(author AS BLOB), "
    "CAST(category AS BLOB), CAST(subject AS BLOB), CAST(source AS BLOB), "
    f"iif(length(terms) > {LONG_BYTES}, length(terms), CAST(terms AS BLOB)) "
    "FROM memory WHERE n {} ORDER BY n "
)
_LONG = (
    EVENT_SQL + "WHERE e.seq IN (SELECT value FROM json_each(?)) AND e.type IN (1, 2) "
    f"AND length(e.payload) > {LONG_BYTES}"
)
_LONG_TERMS = (
    "SELECT n, session, said_ms, author, role, kind, said_ms, terms FROM memory "
    f"WHERE n IN (SELECT value FROM json_each(?)) AND length(terms) > {LONG_BYTES} ORDER BY n"
)

Ranges = list[tuple[int, int]]


class Neighbours:
    """What stands around the memories that some events erase, as it is before they are stored.

    Of many, SQLite's look at every page of the journal is enough where it finds them sound.
    """

    def __init__(self, connection: Database, border: OpenRows, sealed: Sequence[Sealed]) -> None:
        """Look, inside the caller's transaction.

        Raises:
            Damaged: what is erased leads to pages that are not its own, or what stands around cannot be read.
        """
        self._connection = connection
        self._gone = {bytes(one.event.header.record) for one in sealed if _erases(one)}
        self._written = {bytes(one.event.header.record) for one in sealed} if self._gone else self._gone
        self._before: tuple[dict[int, int], dict[int, int]] | None = None
        if self._gone:
            self._look(border)

    def compare(self) -> None:
        """See that what stood around is as it was.

        Raises:
            Damaged: something is missing or altered; the caller's transaction must be undone.
        """
        if self._before is None:
            return
        try:
            after = self._digests(*(self._found(*one) for one in zip((_EVENTS, _MEMORIES), self._before, strict=True)))
        except apsw.CorruptError as error:
            raise _harmful(f"SQLite could not read afterwards what stands beside it ({error})") from error
        for kind, was, now in zip(("event", "memory"), self._before, after, strict=True):
            for number, digest in was.items():
                if now.get(number) != digest:
                    raise _harmful(f"it would have altered {kind} {number}, which stands beside it")

    def _look(self, border: OpenRows) -> None:
        run = self._connection.execute
        newest = run("SELECT coalesce(max(seq), 0) FROM event").get
        if MANY < len(self._gone) > newest // EVENTS and self._is_sound("event"):
            return
        records = json.dumps([record.hex() for record in self._gone])
        sql = "SELECT n FROM memory WHERE id IN (SELECT unhex(value) FROM json_each(?)) ORDER BY n"
        ns = [n for (n,) in run(sql, (records,))]
        named = json.dumps(ns)
        seqs = [seq for (seq,) in run(_WHERE, (named,))]
        events, memories = _merged([*seqs, newest], EVENTS), _merged(ns, MEMORIES)
        wanted = sum(high - low + 2 * EVENTS for low, high in events)
        is_small, is_many = wanted * SHARE > newest, wanted > MANY
        is_sound = is_small and self._is_sound("event" if is_many else "1")
        if is_sound and is_many:
            return
        if not is_sound and self._has_strange(border, seqs, named) and (is_small or not self._is_sound()):
            raise _harmful("its text leads to pages that are not its own")
        if is_small and not is_sound:
            events = memories = [(0, newest)]  # a memory has no greater number than the event that made it
        try:
            self._before = self._digests(
                self._around(_EVENTS, events, EVENTS), self._around(_MEMORIES, memories, MEMORIES)
            )
        except apsw.CorruptError as error:
            raise _harmful(f"SQLite cannot read what stands beside it ({error})") from error

    def _is_sound(self, what: str = "1") -> bool:
        """Whether SQLite finds the pages of a table sound, or of everything."""
        try:
            return self._connection.execute(f"PRAGMA quick_check({what})").fetchall() == [("ok",)]
        except apsw.CorruptError:
            return False

    def _has_strange(self, border: OpenRows, seqs: Sequence[int], ns: str) -> bool:
        """Whether a row that may go on in other pages does not lead to what was written."""
        run = self._connection.execute
        try:
            for event in map(border.event_of, run(_LONG, (json.dumps(seqs),))):
                if not event.salt or commitment(event.salt, event.payload or b"") != event.commitment:
                    return True
            if searched := run(_LONG_TERMS, (ns,)).fetchall():
                border.columns(searched)
        except Damaged:
            return True
        return False

    def _digests(self, events: Iterable[Row], memories: Iterable[Row]) -> tuple[dict[int, int], dict[int, int]]:
        """A digest of each row by its number, without what this transaction may change."""
        return (
            {row[0]: hash(row[:_ERASED_COLUMNS] if row[1] in self._gone else row) for row in events},
            {row[0]: hash(row[:2] if row[1] in self._written else row) for row in memories},
        )

    def _found(self, sql: str, numbers: Iterable[int]) -> Iterable[Row]:
        """Rows by their numbers, each looked up: what is only met on the way is as good as lost."""
        return self._connection.execute(sql.format("IN (SELECT value FROM json_each(?))"), (json.dumps(list(numbers)),))

    def _around(self, sql: str, groups: Ranges, most: int) -> Iterator[Row]:
        """The rows of some ranges, and a page of them to either side."""
        run = self._connection.execute
        for low, high in groups:
            below = _and_a_page(run(sql.format("< ?") + "DESC", (low,)), low, high, most)
            # In one go: where it meets a row that is in no order, the rows behind it show that.
            above = _and_a_page(run(sql.format(">= ?"), (low,)), low, high, most)
            rows = [*reversed(below), *above]
            if any(later[0] <= sooner[0] for sooner, later in pairwise(rows)):
                raise _harmful("what stands beside it is out of order")
            yield from rows


def _erases(sealed: Sealed) -> bool:
    return any(isinstance(change, Entomb) for change in sealed.changes)


def _merged(numbers: Iterable[int], reach: int) -> Ranges:
    """Ascending numbers as ranges: those that a page may hold together are in one."""
    found = Ranges()
    for number in numbers:
        if found and number - found[-1][1] <= reach:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def _and_a_page(rows: Iterable[Row], low: int, high: int, most: int) -> list[Row]:
    """Rows in a range, and so many of the others that a page could not hold them all."""
    found, left = list[Row](), PAGE_BYTES
    for row in rows:
        found.append(row)
        if not low <= row[0] <= high:
            most -= 1
            left -= sum(len(value) for value in row if isinstance(value, bytes))
            if most <= 0 or left <= 0:
                break
    return found


def _harmful(why: str) -> Damaged:
    return Damaged(
        f"A page of the space was altered, so that this cannot be erased alone: {why}. Nothing was forgotten; run "
        "`holdfast check`, and mend with `holdfast check --fix` or restore a backup."
    )
