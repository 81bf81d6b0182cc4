"""What is wrong with a space's tables, in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import apsw

from holdfast.adapters.sqlite import snapshots

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
        "AND (e.type NOT IN (1, 2) OR m.state IN (1, 2, 4, 5)) LIMIT 100",
    ),
    (
        "memory {} has neither a vector nor a place in the backlog",
        "SELECT n FROM memory WHERE state = 1 AND n NOT IN (SELECT n FROM vector) "
        "AND n NOT IN (SELECT n FROM backlog) LIMIT 100",
    ),
    (
        "vector {} was stored after the last one, {}: the numbering of vectors was altered",
        "SELECT max(revision), coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'vector'), 0) AS last "
        "FROM vector HAVING max(revision) > last",
    ),
    (
        "event {} stands under the number {}, which is not that of its memory",
        "SELECT e.seq, e.n FROM event e LEFT JOIN memory m ON m.n = e.n "
        "WHERE iif(e.record = zeroblob(16), e.n <> 0, m.id IS NOT e.record) LIMIT 100",
    ),
)


def problems_of(rows: Rows) -> list[str]:
    """What SQLite finds wrong with the file, and what the tables say that cannot be; the first hundred of each."""
    found = engine_problems(rows)
    found += snapshots.problems(lambda sql, _: rows(sql))
    for words, sql in _QUESTIONS:
        try:
            found += [words.format(*row) for row in rows(sql)]
        except apsw.CorruptError as error:
            found.append(f"SQLite cannot read a table: {error}")
    return found


def engine_problems(rows: Rows) -> list[str]:
    """What SQLite finds wrong with the pages of the file and with its indexes; the first hundred."""
    try:
        return [row[0] for row in rows("PRAGMA integrity_check(100)") if row[0] != "ok"]
    except apsw.CorruptError as error:
        return [f"SQLite cannot look through the file: {error}"]
