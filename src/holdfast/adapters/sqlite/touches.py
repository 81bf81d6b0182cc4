"""Who used a space, in its file: counts per memory and principal, and per principal, each for every node."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from holdfast.adapters.sqlite.database import Database
from holdfast.model.ids import Id
from holdfast.model.insight import MOST_PRINCIPALS, OTHERS, Access, Reads
from holdfast.ports.store import Uses

if TYPE_CHECKING:
    from holdfast.adapters.sqlite.sealing import OpenRows

FIELD = "principal"
"""What a principal's name is called where it is sealed as a label."""
_KNOWN = "SELECT ref FROM visitor WHERE principal = ?"
_NEW = "INSERT INTO visitor (principal) VALUES (?) RETURNING ref"
_TOUCH = """
INSERT INTO touch SELECT ?1, ?2, ?3, ?4, ?5, ?6
WHERE EXISTS (SELECT 1 FROM memory WHERE n = ?1 AND state IN (1, 2, 4, 5))
ON CONFLICT DO UPDATE SET count = count + excluded.count,
    first_ms = min(first_ms, excluded.first_ms), last_ms = max(last_ms, excluded.last_ms)
"""
"""A memory that was forgotten meanwhile gets no row again."""
_ACCESS = """
INSERT INTO access VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET reads = reads + excluded.reads, listed = listed + excluded.listed,
    writes = writes + excluded.writes, first_ms = min(first_ms, excluded.first_ms),
    last_ms = max(last_ms, excluded.last_ms)
"""
_READS_OF = """
SELECT v.principal, sum(t.count), min(t.first_ms), max(t.last_ms) FROM touch t JOIN visitor v ON v.ref = t.visitor
WHERE t.n = ? GROUP BY v.ref ORDER BY 2 DESC
"""
_ACCESSES = """
SELECT v.principal, sum(a.reads), sum(a.listed), sum(a.writes), min(a.first_ms), max(a.last_ms)
FROM access a JOIN visitor v ON v.ref = a.visitor GROUP BY v.ref ORDER BY 6 DESC
"""

Rows = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]


def add_uses(connection: Database, uses: Uses, node: Id, border: OpenRows) -> None:
    """Add to the counts of a node, inside the caller's transaction."""
    (ref,) = connection.execute("SELECT ref FROM node WHERE id = ?", (node,)).fetchone() or (0,)
    visitors = dict[str, int]()

    def visitor(principal: str) -> int:
        if principal not in visitors:
            visitors[principal] = _visitor(connection, principal, border)
        return visitors[principal]

    for touch in uses.touches:
        reads = touch.reads
        values = (touch.n, visitor(reads.principal), ref, reads.count, reads.first_ms, reads.last_ms)
        connection.execute(_TOUCH, values).fetchall()
    for access in uses.accesses:
        counts = (access.reads, access.listed, access.writes, access.first_ms, access.last_ms)
        connection.execute(_ACCESS, (visitor(access.principal), ref, *counts)).fetchall()


def _visitor(connection: Database, principal: str, border: OpenRows) -> int:
    """The number of a principal, new where there is room for one more."""
    name = border.label(FIELD, principal)
    known = connection.execute(_KNOWN, (name,)).fetchone()
    if known is None and connection.execute("SELECT count(*) FROM visitor").get >= MOST_PRINCIPALS:
        name = border.label(FIELD, OTHERS)
        known = connection.execute(_KNOWN, (name,)).fetchone()
    return (known or connection.execute(_NEW, (name,)).fetchall()[0])[0]


def reads_of(rows: Rows, n: int, border: OpenRows) -> list[Reads]:
    """Who was given a memory, most often first."""
    return [Reads(border.said(FIELD, row[0]), *row[1:]) for row in rows(_READS_OF, (n,))]


def accesses(rows: Rows, border: OpenRows) -> list[Access]:
    """Who used the space, last seen first."""
    return [Access(border.said(FIELD, row[0]), *row[1:]) for row in rows(_ACCESSES, ())]
