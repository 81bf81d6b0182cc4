"""Reading a space: every query Holdfast asks of SQLite while it only looks."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from holdfast.adapters.sqlite.database import Database
from holdfast.adapters.sqlite.rows import (
    CURRENT_SQL,
    EVENT_SQL,
    FORGOTTEN,
    HOLDING_SQL,
    LIVE,
    QUARANTINED,
    SUPERSEDED,
    chunks,
    event_of,
    holding_of,
    marks,
    unpack_vectors,
)
from holdfast.errors import Damaged, InvalidFilter
from holdfast.model.events import BarReason, Event, Head, SetModel
from holdfast.model.holdings import Holding
from holdfast.model.ids import Id
from holdfast.ports.store import Columns, Identity, Moved, StoredVectors, Tally

_COLUMN = {
    "author": "m.author",
    "role": "m.role",
    "session": "m.session",
    "kind": "m.kind",
    "category": "m.category",
    "subject": "m.subject",
    "source": "m.source",
    "origin": "m.origin",
}
_LISTED = ("tag", "mark")
"""Fields with several values each: the table and its column have their name."""
_COLUMNS_SQL = (
    "SELECT m.n, m.session, m.said_ms, m.author, m.role, m.kind, m.said_ms, m.terms FROM memory m WHERE m.state = 1 "
)
_DIGEST_SQL = """
SELECT m.id, m.state, m.version, p.hlc, pn.id, p.node_seq, p.commitment, c.hlc, cn.id, c.node_seq, m.closed_by,
       t.hlc, tn.id, t.node_seq, m.receipt, m.kind, m.role, m.origin, m.said_ms, m.session, m.author, m.category,
       m.subject, m.source, m.terms,
       (SELECT group_concat(tag, char(31)) FROM (SELECT tag FROM tag g WHERE g.n = m.n ORDER BY tag)),
       (SELECT group_concat(mark) FROM (SELECT mark FROM mark k WHERE k.n = m.n ORDER BY mark)),
       (SELECT at_ms FROM expiry x WHERE x.n = m.n),
       (SELECT group_concat(hex(source)) FROM (SELECT source FROM derivation d WHERE d.n = m.n ORDER BY source))
FROM memory m
LEFT JOIN event p ON p.seq = m.seq LEFT JOIN node pn ON pn.ref = p.node
LEFT JOIN event c ON c.seq = m.close_seq LEFT JOIN node cn ON cn.ref = c.node
LEFT JOIN event t ON t.seq = m.tomb_seq LEFT JOIN node tn ON tn.ref = t.node
ORDER BY m.id
"""


class SqliteReader:
    """A `Reader` over one connection; whoever made it holds a transaction open."""

    def __init__(self, connection: Database, identity: Identity) -> None:
        self.connection = connection
        self._identity = identity

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Every row of a query."""
        return self.connection.execute(sql, values).fetchall()

    def _one(self, sql: str, values: Sequence[Any] = ()) -> tuple[Any, ...] | None:
        return self.connection.execute(sql, values).fetchone()

    def head(self) -> Head:
        row = self._one(
            "SELECT node_seq, chain, (SELECT max(hlc) FROM node), (SELECT coalesce(max(seq), 0) FROM event) "
            "FROM node WHERE ref = 1"
        )
        if row is None:
            raise Damaged("The space has lost its node. Run `holdfast check` and restore a backup.")
        return Head(self._identity.space, self._identity.node, row[0], row[1], row[2], row[3])

    def node_heads(self) -> Mapping[Id, tuple[int, bytes]]:
        return {
            Id(node): (number, chain)
            for node, number, chain in self.rows("SELECT id, node_seq, chain FROM node WHERE node_seq > 0")
        }

    def find(self, record: Id) -> Holding | None:
        row = self._one(HOLDING_SQL + "WHERE m.id = ?", (record,))
        return holding_of(row) if row else None

    def current(self, ns: Sequence[int]) -> Mapping[int, tuple[Holding, Event]]:
        found: dict[int, tuple[Holding, Event]] = {}
        for some in chunks(ns):
            for row in self.rows(CURRENT_SQL + f"WHERE m.seq > 0 AND m.n IN ({marks(len(some))})", some):
                found[row[0]] = holding_of(row[:8]), event_of(row[8:], self._identity.space)
        return found

    def bar(self, digest: bytes) -> BarReason | None:
        row = self._one("SELECT reason FROM bar WHERE digest = ? AND reason > 0", (digest,))
        return BarReason(row[0]) if row else None

    def event(self, seq: int) -> Event:
        row = self._one(EVENT_SQL + "WHERE e.seq = ?", (seq,))
        if row is None:
            raise Damaged(f"Event {seq} is missing from the journal. Run `holdfast check`.")
        return event_of(row, self._identity.space)

    def events_of(self, record: Id) -> Sequence[Event]:
        rows = self.rows(
            EVENT_SQL + "WHERE e.n = (SELECT n FROM memory WHERE id = ?) AND e.n > 0 ORDER BY e.seq", (record,)
        )
        return [event_of(row, self._identity.space) for row in rows]

    def events(self, after_seq: int, limit: int) -> Sequence[Event]:
        rows = self.rows(EVENT_SQL + "WHERE e.seq > ? ORDER BY e.seq LIMIT ?", (after_seq, limit))
        return [event_of(row, self._identity.space) for row in rows]

    def derived_from(self, record: Id) -> Sequence[Holding]:
        rows = self.rows(
            HOLDING_SQL + "JOIN derivation d ON d.n = m.n WHERE d.source = ? AND m.state <> ? ORDER BY m.n",
            (record, FORGOTTEN),
        )
        return [holding_of(row) for row in rows]

    def orphans(self) -> Sequence[Holding]:
        rows = self.rows(
            HOLDING_SQL
            + "WHERE m.state <> ?1 AND m.n IN (SELECT d.n FROM derivation d JOIN memory s ON s.id = d.source "
            "WHERE s.state = ?1) ORDER BY m.n",
            (FORGOTTEN,),
        )
        return [holding_of(row) for row in rows]

    def erasable(self, records: Sequence[Id]) -> tuple[int, int]:
        payloads = vectors = 0
        for some in chunks(records):
            held = f"(SELECT n FROM memory WHERE id IN ({marks(len(some))}))"
            counted = self._one(
                f"SELECT (SELECT count(*) FROM event WHERE type IN (1, 2) AND payload IS NOT NULL AND n IN {held}), "
                f"(SELECT count(*) FROM vector WHERE n IN {held})",
                (*some, *some),
            )
            payloads, vectors = payloads + (counted or (0, 0))[0], vectors + (counted or (0, 0))[1]
        return payloads, vectors

    def model(self) -> SetModel | None:
        row = self._one("SELECT fingerprint, dimensions FROM model")
        return SetModel(*row) if row else None

    def count(self, where: Mapping[str, Sequence[str | int]] | None = None, *, quarantined: bool = False) -> int:
        sql, values = _where(where or {}, None, None, quarantined=quarantined)
        row = self._one("SELECT count(*) FROM memory m " + sql, values)
        return row[0] if row else 0

    def sourced(self, prefix: str) -> list[tuple[Id, str]]:
        sql = "SELECT id, source FROM memory WHERE state IN (?, ?) AND kind = 2 AND substr(source, 1, ?) = ? ORDER BY n"
        values = (LIVE, QUARANTINED, len(prefix), prefix)
        return [(Id(record), source) for record, source in self.rows(sql, values)]

    def names(self) -> list[str]:
        return [row[0] for row in self.rows("SELECT author FROM memory UNION SELECT subject FROM memory") if row[0]]

    def receipts(self) -> Sequence[Event]:
        return [event_of(row, self._identity.space) for row in self.rows(EVENT_SQL + "WHERE e.type = 6 ORDER BY e.seq")]

    def select(
        self,
        where: Mapping[str, Sequence[str | int]],
        since_ms: int | None,
        until_ms: int | None,
        *,
        superseded: bool = False,
        quarantined: bool = False,
    ) -> list[int]:
        sql, values = _where(where, since_ms, until_ms, superseded=superseded, quarantined=quarantined)
        return [row[0] for row in self.rows("SELECT m.n FROM memory m " + sql + " ORDER BY m.n", values)]

    def expired(self, now_ms: int) -> list[int]:
        return [row[0] for row in self.rows("SELECT n FROM expiry WHERE at_ms <= ? ORDER BY n", (now_ms,))]

    def session(self, session: str) -> list[int]:
        sql = "SELECT n FROM memory WHERE session = ? AND state IN (1, 2, 4) ORDER BY said_ms, n"
        return [row[0] for row in self.rows(sql, (session,))]

    def held(self, after_n: int, limit: int) -> list[int]:
        sql = "SELECT n FROM memory WHERE n > ? AND state IN (1, 2, 4) ORDER BY n LIMIT ?"
        return [row[0] for row in self.rows(sql, (after_n, limit))]

    def tally(self) -> Tally:
        states = dict(self.rows("SELECT state, count(*) FROM memory GROUP BY state"))

        def by(column: str) -> dict[Any, int]:
            held = f"FROM memory WHERE state = 1 AND {column} IS NOT NULL"
            sql = f"SELECT {column}, count(*) {held} GROUP BY 1 ORDER BY 2 DESC, 1"
            return dict(self.rows(sql))

        sessions, oldest, newest = self._one(
            "SELECT count(DISTINCT session), min(said_ms), max(said_ms) FROM memory WHERE state = 1"
        ) or (0, None, None)
        return Tally(
            live=states.get(LIVE, 0),
            superseded=states.get(SUPERSEDED, 0),
            forgotten=states.get(FORGOTTEN, 0),
            quarantined=states.get(QUARANTINED, 0),
            by_kind=by("kind"),
            by_category=by("category"),
            by_author=by("author"),
            sessions=sessions,
            oldest_ms=oldest,
            newest_ms=newest,
        )

    def live(self, after_n: int, limit: int) -> Sequence[Holding]:
        rows = self.rows(HOLDING_SQL + "WHERE m.state = 1 AND m.n > ? ORDER BY m.n LIMIT ?", (after_n, limit))
        return [holding_of(row) for row in rows]

    def columns(self, ns: Sequence[int] | None) -> Columns:
        if ns is None:
            rows = self.rows(_COLUMNS_SQL + "ORDER BY m.n")
        else:
            rows = [
                row
                for some in chunks(sorted(set(ns)))
                for row in self.rows(_COLUMNS_SQL + f"AND m.n IN ({marks(len(some))}) ORDER BY m.n", some)
            ]
        return Columns(*zip(*rows, strict=True)) if rows else Columns((), (), (), (), (), (), (), ())

    def moved(self, after_seq: int) -> Moved:
        rows = self.rows(
            "SELECT DISTINCT m.n, m.state FROM event e JOIN memory m ON m.n = e.n WHERE e.seq > ? ORDER BY m.n",
            (after_seq,),
        )
        newest = self._one("SELECT coalesce(max(seq), 0) FROM event")
        return Moved(
            tuple(n for n, state in rows if state == LIVE),
            tuple(n for n, state in rows if state != LIVE),
            newest[0] if newest else 0,
        )

    def vectors(self, after_revision: int) -> StoredVectors:
        return self._stored(
            self.rows("SELECT n, data FROM vector WHERE revision > ? ORDER BY revision", (after_revision,))
        )

    def vectors_of(self, ns: Sequence[int]) -> StoredVectors:
        return self._stored(
            [
                row
                for some in chunks(ns)
                for row in self.rows(f"SELECT n, data FROM vector WHERE n IN ({marks(len(some))}) ORDER BY n", some)
            ]
        )

    def _stored(self, rows: list[tuple[Any, ...]]) -> StoredVectors:
        model = self.model()
        matrix, sound, damaged = unpack_vectors(rows, model.dimensions if model else 0)
        return StoredVectors(
            ns=np.array(sound, np.int64),
            values=np.ascontiguousarray(matrix[:, 4:]).view(np.int8),
            scales=np.ascontiguousarray(matrix[:, :4]).view("<f4").reshape(len(sound)).astype(np.float32),
            revision=self.vector_revision(),
            damaged=tuple(damaged),
        )

    def vector_revision(self) -> int:
        row = self._one("SELECT seq FROM sqlite_sequence WHERE name = 'vector'")
        return row[0] if row else 0

    def backlog(self, limit: int, after_n: int = 0) -> Sequence[Holding]:
        rows = self.rows(
            HOLDING_SQL + "JOIN backlog b ON b.n = m.n WHERE b.n > ? ORDER BY b.n LIMIT ?", (after_n, limit)
        )
        return [holding_of(row) for row in rows]

    def backlog_size(self) -> int:
        row = self._one("SELECT count(*) FROM backlog")
        return row[0] if row else 0

    def digest(self) -> bytes:
        digest = hashlib.sha256()
        for row in self.connection.execute(_DIGEST_SQL):
            # What a forgotten memory was is nobody's business, in whichever order its events arrived.
            digest.update(repr((row[0], row[11:15]) if row[1] == FORGOTTEN else row).encode())
        for sql in (
            "SELECT b.digest, b.reason, e.hlc, o.id, e.node_seq FROM bar b JOIN event e USING (seq) "
            "JOIN node o ON o.ref = e.node ORDER BY b.digest",
            "SELECT fingerprint, dimensions FROM model WHERE seq > 0",
        ):
            for row in self.connection.execute(sql):
                digest.update(repr(row).encode())
        return digest.digest()


def _where(
    where: Mapping[str, Sequence[str | int]],
    since_ms: int | None,
    until_ms: int | None,
    *,
    superseded: bool = False,
    quarantined: bool = False,
) -> tuple[str, list[str | int]]:
    states = [LIVE, *([SUPERSEDED] if superseded else ()), *([QUARANTINED] if quarantined else ())]
    held = f"IN ({', '.join(map(str, states))})" if len(states) > 1 else f"= {LIVE}"
    parts, values = [f"m.state {held}"], list[str | int]()
    for name, wanted in where.items():
        if name not in _LISTED and name not in _COLUMN:
            raise InvalidFilter(f"{name!r:.80} is not a field memories can be selected by.")
        within = f"IN ({marks(len(wanted))})"
        listed = f"m.n IN (SELECT n FROM {name} WHERE {name} {within})"
        parts.append(listed if name in _LISTED else f"{_COLUMN[name]} {within}")
        values.extend(wanted)
    for bound, sign in ((since_ms, ">="), (until_ms, "<")):
        if bound is not None:
            parts.append(f"m.said_ms {sign} ?")
            values.append(bound)
    return "WHERE " + " AND ".join(parts), values
