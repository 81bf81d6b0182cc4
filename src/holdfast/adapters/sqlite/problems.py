"""What is wrong with a space's tables, in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Rows = Callable[[str], list[tuple[Any, ...]]]

_QUESTIONS = (
    (
        "memory {} is live but its event {} is missing or erased",
        "SELECT m.n, m.seq FROM memory m LEFT JOIN event e ON e.seq = m.seq "
        "WHERE m.state IN (1, 2, 4, 5) AND e.payload IS NULL LIMIT 100",
    ),
    (
        "memory {} was forgotten, but event {} still holds its text",
        "SELECT m.n, e.seq FROM memory m JOIN event e ON e.n = m.n "
        "WHERE m.state = 3 AND e.type IN (1, 2) AND e.payload IS NOT NULL LIMIT 100",
    ),
    (
        "event {} has lost its payload, though nothing was forgotten that it is about",
        "SELECT e.seq FROM event e LEFT JOIN memory m ON m.n = e.n WHERE e.payload IS NULL "
        "AND (e.type NOT IN (1, 2) OR m.state IS NOT 3) LIMIT 100",
    ),
    (
        "memory {} has neither a vector nor a place in the backlog",
        "SELECT n FROM memory WHERE state = 1 AND n NOT IN (SELECT n FROM vector) "
        "AND n NOT IN (SELECT n FROM backlog) LIMIT 100",
    ),
)


def problems_of(rows: Rows) -> list[str]:
    """What SQLite finds wrong with the file, and what the tables say that cannot be; the first hundred of each."""
    found = [row[0] for row in rows("PRAGMA integrity_check(100)") if row[0] != "ok"]
    for words, sql in _QUESTIONS:
        found += [words.format(*row) for row in rows(sql)]
    return found
