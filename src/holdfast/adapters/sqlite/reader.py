"""Reading a space: every query Holdfast asks of SQLite while it only looks."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from holdfast.adapters.sqlite import snapshots
from holdfast.adapters.sqlite.database import Database
from holdfast.adapters.sqlite.filtering import filter_sql
from holdfast.adapters.sqlite.rows import (
    ASIDE,
    CURRENT_SQL,
    ERASABLE_SQL,
    EVENT_SQL,
    FORGOTTEN,
    HOLDING_SQL,
    LIVE,
    QUARANTINED,
    SUPERSEDED,
    WORKING_SQL,
    ascending,
    chunks,
    current_of,
    heads_of,
    holding_of,
    marks,
    of_record,
)
from holdfast.adapters.sqlite.sealing import OpenRows
from holdfast.adapters.sqlite.touches import accesses, reads_of
from holdfast.adapters.sqlite.vectors import vectors_after, vectors_of
from holdfast.errors import Damaged
from holdfast.model.erasure import SURFACES
from holdfast.model.events import BarReason, Event, Head, SetModel
from holdfast.model.filters import EVERYTHING, Filter
from holdfast.model.holdings import Holding
from holdfast.model.ids import Id
from holdfast.model.insight import Access, Reads
from holdfast.model.snapshots import Snapshot
from holdfast.ports.store import MOST_SOURCES, Columns, Identity, Moved, StoredVectors, Tally

_COLUMNS_SQL = (
    "SELECT m.n, m.session, m.said_ms, m.author, m.role, m.kind, m.said_ms, m.terms FROM memory m WHERE m.state = 1 "
)
MOST_DIMENSIONS = 1 << 20
"""No model has more; a number above is what an altered byte made of one."""
_RECORDED_SQL = """
SELECT (SELECT hlc FROM event WHERE n = (SELECT min(n) FROM memory WHERE state = 1) ORDER BY seq LIMIT 1),
       (SELECT hlc FROM event WHERE seq = (SELECT max(seq) FROM memory WHERE state = 1))
"""
"""Clock values of the first event of the memory that came first, and of the newest version."""
_DIGEST_SQL = """
SELECT m.id, m.state, m.version, p.hlc, pn.id, p.node_seq, p.commitment, c.hlc, cn.id, c.node_seq, m.closed_by,
       t.hlc, tn.id, t.node_seq, m.receipt, m.kind, m.role, m.origin, m.said_ms, m.session, m.author, m.category,
       m.subject, m.source, m.terms,
       (SELECT group_concat(tag, char(31)) FROM (SELECT tag FROM tag g WHERE g.n = m.n ORDER BY tag)),
       (SELECT group_concat(mark) FROM (SELECT mark FROM mark k WHERE k.n = m.n ORDER BY mark)),
       (SELECT at_ms FROM expiry x WHERE x.n = m.n),
       (SELECT group_concat(hex(source)) FROM (SELECT source FROM derivation d WHERE d.n = m.n ORDER BY source)){extra}
FROM memory m
LEFT JOIN event p ON p.seq = m.seq LEFT JOIN node pn ON pn.ref = p.node
LEFT JOIN event c ON c.seq = m.close_seq LEFT JOIN node cn ON cn.ref = c.node
LEFT JOIN event t ON t.seq = m.tomb_seq LEFT JOIN node tn ON tn.ref = t.node
ORDER BY m.id
"""


class SqliteReader:
    """A `Reader` over one connection; whoever made it holds a transaction open."""

    def __init__(
        self,
        connection: Database,
        identity: Identity,
        border: OpenRows | None = None,
        earlier_events: Callable[[Id], Sequence[Event]] | None = None,
    ) -> None:
        """Read through a connection.

        Args:
            border: Opens what an encrypted space keeps sealed.
            earlier_events: Gives the events of a memory up to the snapshot from which a view of the past began.
        """
        self.connection = connection
        self._identity = identity
        self._border = border or OpenRows(identity.space)
        self._earlier_events = earlier_events

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Every row of a query."""
        return self.connection.execute(sql, values).fetchall()

    def _one(self, sql: str, values: Sequence[Any] = ()) -> tuple[Any, ...] | None:
        return self.connection.execute(sql, values).fetchone()

    def head(self) -> Head:
        row = snapshots.head_row(self.rows, self._identity.node)
        if row is None:
            raise Damaged("The space has lost its node. Run `holdfast check` and restore a backup.")
        return Head(self._identity.space, self._identity.node, row[0], row[1], row[2], row[3])

    def node_heads(self) -> Mapping[Id, tuple[int, bytes]]:
        return heads_of(self.rows("SELECT id, node_seq, chain FROM node WHERE node_seq > 0"))

    def find(self, record: Id) -> Holding | None:
        row = self._one(HOLDING_SQL + "WHERE m.id = ?", (record,))
        return holding_of(row) if row else None

    def find_all(self, records: Sequence[Id]) -> Mapping[Id, Holding]:
        found: dict[Id, Holding] = {}
        for some in chunks(records):
            for row in self.rows(HOLDING_SQL + f"WHERE m.id IN ({marks(len(some))})", some):
                found[Id(row[1])] = holding_of(row)
        return found

    def current(self, ns: Sequence[int]) -> Mapping[int, tuple[Holding, Event]]:
        found: dict[int, tuple[Holding, Event]] = {}
        for some in chunks(ns):
            for row in self.rows(CURRENT_SQL + f"WHERE m.seq > 0 AND m.n IN ({marks(len(some))})", some):
                found[row[0]] = current_of(holding_of(row[:9]), self._border.event_of(row[9:]))
        return found

    def has_bars(self) -> bool:
        return self._one("SELECT 1 FROM bar LIMIT 1") is not None

    def bar(self, digest: bytes) -> BarReason | None:
        row = self._one("SELECT reason FROM bar WHERE digest = ? AND reason > 0", (digest,))
        return BarReason(row[0]) if row else None

    def event(self, seq: int) -> Event:
        row = self._one(EVENT_SQL + "WHERE e.seq = ?", (seq,))
        if row is None:
            raise Damaged(f"Event {seq} is missing from the journal. Run `holdfast check`.")
        return self._border.event_of(row)

    def events_of(self, record: Id) -> Sequence[Event]:
        rows = self.rows(
            EVENT_SQL + "WHERE e.n = (SELECT n FROM memory WHERE id = ?) AND e.n > 0 ORDER BY e.seq", (record,)
        )
        here = [of_record(self._border.event_of(row), record) for row in rows]
        if self._earlier_events is None:
            return here
        earlier = self._earlier_events(record)
        return [*earlier, *here[len({event.seq for event in earlier} & {event.seq for event in here}) :]]

    def events(self, after_seq: int, limit: int) -> Sequence[Event]:
        rows = self.rows(EVENT_SQL + "WHERE e.seq > ? ORDER BY e.seq LIMIT ?", (after_seq, limit))
        return [self._border.event_of(row) for row in ascending(rows, after_seq)]

    def derived_from(self, records: Sequence[Id]) -> Sequence[Holding]:
        found: dict[int, Holding] = {}
        for some in chunks(records):
            named = f"SELECT n FROM derivation WHERE source IN ({marks(len(some))})"
            sql = HOLDING_SQL + f"WHERE m.n IN ({named}) AND m.state <> ? ORDER BY m.n"
            for row in self.rows(sql, (*some, FORGOTTEN)):
                found[row[0]] = holding_of(row)
        return list(found.values())

    def orphans(self) -> Sequence[Holding]:
        rows = self.rows(
            HOLDING_SQL
            + "WHERE m.state <> ?1 AND m.n IN (SELECT d.n FROM derivation d JOIN memory s ON s.id = d.source "
            "WHERE s.state = ?1) ORDER BY m.n",
            (FORGOTTEN,),
        )
        return [holding_of(row) for row in rows]

    def erasable(self, records: Sequence[Id]) -> Mapping[str, int]:
        counts = Counter[str](dict.fromkeys(SURFACES, 0))
        for some in chunks(records):
            row = self._one(ERASABLE_SQL.format(marks=marks(len(some))), some) or ()
            counts.update(dict(zip(SURFACES, row, strict=True)))
        return dict(counts)

    def working(self, records: Sequence[Id]) -> int:
        return self.rows(WORKING_SQL, (json.dumps([record.hex() for record in records]),))[0][0]

    def model(self) -> SetModel | None:
        row = self._one("SELECT fingerprint, dimensions FROM model")
        # An altered row is as good as none: nothing is compared by it, `check` finds it, and the journal has it.
        is_sound = row is not None and type(row[1]) is int and 0 < row[1] <= MOST_DIMENSIONS
        return SetModel(*row) if row and is_sound else None

    def count(self, where: Filter = EVERYTHING, *, quarantined: bool = False) -> int:
        sql, values = filter_sql(where, self._border.wanted)
        held = _states(quarantined=quarantined)
        row = self._one(f"SELECT count(*) FROM memory m WHERE {held} AND {sql}", values)
        return row[0] if row else 0

    def sourced(self, prefix: str) -> list[tuple[Id, str]]:
        if self._border.is_sealed:
            # A beginning cannot be compared with sealed bytes, so all of them are opened.
            sql = "SELECT id, source FROM memory WHERE state IN (?, ?) AND kind = 2 AND source IS NOT NULL ORDER BY n"
            said = self._border.said
            found = [(Id(record), said("source", stored)) for record, stored in self.rows(sql, (LIVE, QUARANTINED))]
            return [(record, source) for record, source in found if source.startswith(prefix)]
        sql = "SELECT id, source FROM memory WHERE state IN (?, ?) AND kind = 2 AND substr(source, 1, ?) = ? ORDER BY n"
        values = (LIVE, QUARANTINED, len(prefix), prefix)
        return [(Id(record), source) for record, source in self.rows(sql, values)]

    def names(self) -> list[str]:
        sql = "SELECT author, 'author' FROM memory UNION SELECT subject, 'subject' FROM memory"
        return sorted({self._border.said(field, stored) for stored, field in self.rows(sql) if stored})

    def receipts(self) -> Sequence[Event]:
        return [self._border.event_of(row) for row in self.rows(EVENT_SQL + "WHERE e.type = 6 ORDER BY e.seq")]

    def receipt(self, receipt: Id) -> Event | None:
        row = self._one(EVENT_SQL + "WHERE e.type = 6 AND e.other = ? ORDER BY e.seq LIMIT 1", (receipt,))
        return self._border.event_of(row) if row else None

    def select(
        self,
        where: Filter,
        since_ms: int | None,
        until_ms: int | None,
        *,
        superseded: bool = False,
        quarantined: bool = False,
        aside: bool = False,
    ) -> list[int]:
        sql, values = filter_sql(where, self._border.wanted)
        for bound, sign in ((since_ms, ">="), (until_ms, "<")):
            if bound is not None:
                sql += f" AND m.said_ms {sign} ?"
                values.append(bound)
        held = _states(superseded=superseded, quarantined=quarantined, aside=aside)
        return [row[0] for row in self.rows(f"SELECT m.n FROM memory m WHERE {held} AND {sql} ORDER BY m.n", values)]

    def expired(self, now_ms: int) -> list[int]:
        return [row[0] for row in self.rows("SELECT n FROM expiry WHERE at_ms <= ? ORDER BY n", (now_ms,))]

    def session(self, session: str) -> list[int]:
        # The index says where to look, each row whether it is so: an altered index may name rows of another session.
        sql = (
            "SELECT m.n FROM memory i CROSS JOIN memory m ON m.n = i.n WHERE i.session = ?1 AND m.session = ?1 "
            "AND m.state IN (1, 2, 4) ORDER BY m.said_ms, m.n"
        )
        return [row[0] for row in self.rows(sql, (self._border.label("session", session),))]

    def held(self, after_n: int, limit: int) -> list[int]:
        sql = "SELECT n FROM memory WHERE n > ? AND state IN (1, 2, 4, 5) ORDER BY n LIMIT ?"
        return [row[0] for row in ascending(self.rows(sql, (after_n, limit)), after_n)]

    def tally(self) -> Tally:
        states = dict(self.rows("SELECT state, count(*) FROM memory GROUP BY state"))

        def by(column: str, most: int = -1) -> dict[Any, int]:
            held = f"FROM memory WHERE state = 1 AND {column} IS NOT NULL"
            sql = f"SELECT {column}, count(*) {held} GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ?"
            if not self._border.is_sealed or column == "kind":
                return dict(self.rows(sql, (most,)))
            found = [(self._border.said(column, stored), count) for stored, count in self.rows(sql, (-1,))]
            found.sort(key=lambda pair: (-pair[1], pair[0]))
            return dict(found[: most if most >= 0 else None])

        sessions, sources, oldest, newest = self._one(
            "SELECT count(DISTINCT session), count(DISTINCT source), min(said_ms), max(said_ms) "
            "FROM memory WHERE state = 1"
        ) or (0, 0, None, None)
        first, last = self._one(_RECORDED_SQL) or (None, None)
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
            by_source=by("source", MOST_SOURCES),
            sources=sources,
            first_recorded_ms=first and first >> 16,
            last_recorded_ms=last and last >> 16,
            receipts=self.rows("SELECT count(DISTINCT other) FROM event WHERE type = 6")[0][0],
        )

    def superseded_by(self, record: Id) -> Sequence[Holding]:
        rows = self.rows(HOLDING_SQL + "WHERE m.closed_by = ? AND m.state <> ? ORDER BY m.n", (record, FORGOTTEN))
        return [holding_of(row) for row in rows]

    def reads_of(self, n: int) -> Sequence[Reads]:
        return reads_of(self.rows, n, self._border)

    def accesses(self) -> Sequence[Access]:
        return accesses(self.rows, self._border)

    def content_bytes(self) -> tuple[int, int, int]:
        sums = ("length(payload)), 0) FROM event", "length(terms)), 0) FROM memory", "length(data)), 0) FROM vector")
        payloads, terms, vectors = (self.rows(f"SELECT coalesce(sum({of}")[0][0] for of in sums)
        return payloads, terms, vectors

    def live(self, after_n: int, limit: int) -> Sequence[Holding]:
        rows = self.rows(HOLDING_SQL + "WHERE m.state = 1 AND m.n > ? ORDER BY m.n LIMIT ?", (after_n, limit))
        return [holding_of(row) for row in ascending(rows, after_n)]

    def columns(self, ns: Sequence[int] | None, *, after_n: int = 0, limit: int | None = None) -> Columns:
        if ns is None:
            most = -1 if limit is None else limit
            rows = self.rows(_COLUMNS_SQL + "AND m.n > ? ORDER BY m.n LIMIT ?", (after_n, most))
        else:
            rows = [
                row
                for some in chunks(sorted(set(ns)))
                for row in self.rows(_COLUMNS_SQL + f"AND m.n IN ({marks(len(some))}) ORDER BY m.n", some)
            ]
        return Columns(*self._border.columns(rows)) if rows else Columns((), (), (), (), (), (), (), ())

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

    def vectors(self, after_revision: int, *, limit: int | None = None) -> StoredVectors:
        return vectors_after(self, after_revision, limit)

    def vectors_of(self, ns: Sequence[int]) -> StoredVectors:
        return vectors_of(self, ns)

    def vector_revision(self) -> int:
        row = self._one("SELECT seq FROM sqlite_sequence WHERE name = 'vector'")
        return row[0] if row else 0

    def backlog(self, limit: int, after_n: int = 0) -> Sequence[Holding]:
        rows = self.rows(
            HOLDING_SQL + "JOIN backlog b ON b.n = m.n WHERE b.n > ? ORDER BY b.n LIMIT ?", (after_n, limit)
        )
        return [holding_of(row) for row in ascending(rows, after_n)]

    def backlog_size(self) -> int:
        row = self._one("SELECT count(*) FROM backlog")
        return row[0] if row else 0

    @property
    def border(self) -> OpenRows:
        """What stands between the rows and those who read them."""
        return self._border

    def horizon(self) -> Snapshot | None:
        return snapshots.horizon(self.rows)

    def snapshot(self, last_seq: int, at_ms: int | None) -> Snapshot | None:
        return snapshots.newest_snapshot(self.rows, last_seq, at_ms)

    def snapshot_of(self, last_seq: int) -> Snapshot:
        return snapshots.snapshot_of(self.rows, last_seq)

    def last_before(self, at_ms: int) -> int:
        return snapshots.last_before(self.rows, at_ms)

    def written_ms(self, seq: int) -> int:
        return snapshots.written_ms(self.rows, seq)

    def events_at(self, seqs: Sequence[int]) -> Sequence[Event]:
        sql = EVENT_SQL + "WHERE e.seq IN (SELECT value FROM json_each(?)) ORDER BY e.seq"
        return [self._border.event_of(row) for row in self.rows(sql, (json.dumps(list(seqs)),))]

    def count_until(self, seq: int) -> int:
        return self.rows("SELECT count(*) FROM event WHERE seq <= ?", (seq,))[0][0]

    def free_bytes(self) -> int:
        return snapshots.free_bytes(self.rows)

    def digest(self) -> bytes:
        digest = hashlib.sha256()
        sql = _DIGEST_SQL.format(extra=self._border.digest_extra)
        for row in self._border.digest_rows(self.connection.execute(sql)):
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


def _states(*, superseded: bool = False, quarantined: bool = False, aside: bool = False) -> str:
    wanted = ((SUPERSEDED, superseded), (QUARANTINED, quarantined), (ASIDE, aside))
    states = [LIVE, *(state for state, is_wanted in wanted if is_wanted)]
    return f"m.state IN ({', '.join(map(str, states))})" if len(states) > 1 else f"m.state = {LIVE}"
