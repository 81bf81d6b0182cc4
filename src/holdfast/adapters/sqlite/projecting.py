"""Making the projection of a journal: what rebuilding a space and looking at its past have in common."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from holdfast.adapters.sqlite.database import Database
from holdfast.adapters.sqlite.rows import EVENT_COLUMNS, FORGOTTEN, LIVE, SUPERSEDED, UNKNOWN, ascending
from holdfast.adapters.sqlite.sealing import OpenRows
from holdfast.adapters.sqlite.tombs import LISTED
from holdfast.adapters.sqlite.writer import PUT_COLUMNS, SqliteWriter, put_row
from holdfast.model.events import Change, Entomb, Event, Put
from holdfast.model.ids import parse_id
from holdfast.ports.history import Replay

AT_ONCE = 1_000
"""Events that are carried out together."""
_TABLES = ("memory", *LISTED, "bar", "model", "backlog")
_OUTDONE = """
INSERT INTO temp.outdone SELECT seq FROM (
    SELECT e.seq, row_number() OVER (PARTITION BY e.n ORDER BY e.hlc DESC, o.id DESC, e.node_seq DESC) AS place
    FROM event e JOIN node o ON o.ref = e.node WHERE e.type IN (1, 2) AND e.payload IS NOT NULL
    AND e.n NOT IN (SELECT n FROM memory)
) WHERE place > 1
UNION ALL SELECT seq FROM event WHERE type IN (1, 2) AND (payload IS NULL OR n IN (SELECT n FROM memory))
"""
"""Versions that a later one outdid, and erased ones: whatever they said, nothing of it is held. And those of memories
that are there already."""
_NEXT = (
    f"SELECT e.n, {EVENT_COLUMNS} FROM event e JOIN node o ON o.ref = e.node "
    "WHERE e.seq > ? AND e.seq NOT IN (SELECT seq FROM temp.outdone) ORDER BY e.seq LIMIT ?"
)
_PUT = (
    f"INSERT INTO memory (n, id, {PUT_COLUMNS}) VALUES ({', '.join('?' * 15)}) ON CONFLICT (n) DO UPDATE SET "
    f"({PUT_COLUMNS}) = (iif(close_seq IS NULL, excluded.state, {SUPERSEDED}), "
    f"{', '.join('excluded.' + name.strip() for name in PUT_COLUMNS.split(',')[1:])}) WHERE state <> {FORGOTTEN}"
)
_TOMB = f"INSERT INTO memory (n, id, state, version, seq, tomb_seq, receipt) VALUES (?, ?, {FORGOTTEN}, 0, 0, ?, ?)"
_PLACES = (
    f"INSERT INTO memory (n, id, state, version, seq) SELECT n, record, {UNKNOWN}, 0, 0 FROM event e "
    "WHERE n > 0 AND NOT EXISTS (SELECT 1 FROM memory m WHERE m.n = e.n) GROUP BY n"
)


def project(connection: Database, border: OpenRows, replay: Replay, lend: Callable[[], None] = lambda: None) -> None:
    """Drop the projection and make it again from the events in the file, inside the caller's transaction.

    Vectors stay where they belong to what is held in the end.

    Args:
        lend: Fills in memories of which it is known what the events say of them in the end.
    """
    run = connection.execute
    for table in _TABLES:
        run(f"DELETE FROM {table}").fetchall()
    lend()
    run("CREATE TEMP TABLE IF NOT EXISTS outdone (seq INTEGER PRIMARY KEY)").fetchall()
    run("DELETE FROM temp.outdone").fetchall()
    run(_OUTDONE).fetchall()
    projector = _Projector(connection, border)
    for event, changes in replay(projector.events()):
        projector.take(event, changes)
    projector.finish()
    run("DELETE FROM temp.outdone").fetchall()


class _Projector:
    """Carries out the changes of events, so many at a time."""

    def __init__(self, connection: Database, border: OpenRows) -> None:
        self._connection = connection
        self._border = border
        self._writer = SqliteWriter(connection, border, keep_vectors=True)
        self._has_vectors = bool(connection.execute("SELECT EXISTS (SELECT 1 FROM vector)").get)
        self._numbers: dict[int, int] = {}
        self._puts: list[tuple[Any, ...]] = []
        self._listed: dict[str, list[tuple[Any, ...]]] = {table: [] for table in LISTED}
        self._entries: list[tuple[int, int]] = []
        self._tombs: dict[int, tuple[Event, tuple[Change, ...]]] = {}

    def events(self) -> Iterator[Event]:
        """The events that something may rest on, in their order."""
        after = 0
        while rows := self._connection.execute(_NEXT, (after, AT_ONCE)).fetchall():
            after = ascending(rows, after, 1)[-1][1]
            self._flush()
            self._numbers = {row[1]: row[0] for row in rows}
            for row in rows:
                yield self._border.event_of(row[1:])

    def take(self, event: Event, changes: tuple[Change, ...]) -> None:
        n = self._numbers[event.seq]
        match changes:
            case (Put() as put,):
                self._put(event, n, put)
            case (Entomb(), *_) if n not in self._tombs:
                self._tombs[n] = event, changes
            case _:
                self._writer.execute(event, event.seq, n, is_new=False, changes=changes)

    def _put(self, event: Event, n: int, put: Put) -> None:
        content, border = put.content, self._border
        self._puts.append((n, event.header.record, *put_row(border, n, event.seq, put)))
        listed = self._listed
        listed["tag"] += [(n, border.label("tag", tag)) for tag in content.tags]
        listed["mark"] += [(n, border.label("mark", mark)) for mark in content.marks]
        if content.expires_at is not None:
            listed["expiry"].append((content.expires_at, n))
        listed["derivation"] += [(parse_id(source), n) for source in content.sources]
        if self._has_vectors:
            self._entries.append((n, border.entry(content.author, content.text, content.caption)))

    def _flush(self) -> None:
        many = self._connection.executemany
        many(_PUT, self._puts).fetchall()
        for table, rows in self._listed.items():
            many(f"INSERT OR IGNORE INTO {table} VALUES (?, ?)", rows).fetchall()
            rows.clear()
        many("DELETE FROM vector WHERE n = ? AND entry <> ?", self._entries).fetchall()
        self._puts.clear()
        self._entries.clear()
        self._entomb()

    def _entomb(self) -> None:
        """Rows of forgotten memories; where there is one already, which of the events counts is looked at."""
        known = "SELECT n FROM memory WHERE n IN (SELECT value FROM json_each(?))"
        held = {row[0] for row in self._connection.execute(known, (json.dumps(list(self._tombs)),)).fetchall()}
        rows = [
            (n, event.header.record, event.seq, event.header.other)
            for n, (event, _) in self._tombs.items()
            if n not in held
        ]
        self._connection.executemany(_TOMB, rows).fetchall()
        for n, (event, changes) in self._tombs.items():
            self._writer.execute(event, event.seq, n, is_new=False, changes=changes[0 if n in held else 1 :])
        self._tombs.clear()

    def finish(self) -> None:
        """What follows from all of them together."""
        self._flush()
        run = self._connection.execute
        run(_PLACES).fetchall()
        for table in LISTED:
            run(f"DELETE FROM {table} WHERE n IN (SELECT n FROM memory WHERE state = {FORGOTTEN})").fetchall()
        run("DELETE FROM vector WHERE n NOT IN (SELECT n FROM memory WHERE state IN (1, 2, 4, 5))").fetchall()
        run(
            f"INSERT INTO backlog SELECT n FROM memory WHERE state = {LIVE} AND n NOT IN (SELECT n FROM vector)"
        ).fetchall()
