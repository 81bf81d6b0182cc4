"""Working memory in the space's own file: sealed with it where it is encrypted, erased with what it may stem from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from holdfast.errors import QuotaExceeded
from holdfast.model.ids import id_text, parse_id
from holdfast.model.working import Working, WorkingEntry

if TYPE_CHECKING:
    from holdfast.adapters.sqlite.database import Database
    from holdfast.adapters.sqlite.reader import SqliteReader
    from holdfast.adapters.sqlite.sealing import OpenRows, SealedRows
    from holdfast.adapters.sqlite.store import SqliteStore

_EXPIRED = (
    "DELETE FROM scratch WHERE expires_ms <= ?",
    "DELETE FROM recent WHERE max(expires_ms, episode_ms) <= ?",
)
_TABLES = "SELECT 1 FROM sqlite_schema WHERE name = 'scratch'"
_COUNT = "SELECT count(*) FROM scratch WHERE session = ? AND key <> ? AND expires_ms > ?"
_PUT = "INSERT OR REPLACE INTO scratch VALUES (?, ?, ?, ?)"
_SCRATCH = "SELECT key, value FROM scratch WHERE session = ? AND expires_ms > ?"
_PUSH = "INSERT OR REPLACE INTO recent (session, id, at_ms, line, expires_ms, episode_ms) VALUES (?, ?, ?, ?, ?, ?)"
_KEEP = (
    "UPDATE recent SET expires_ms = iif(place IN (SELECT place FROM recent WHERE session = ?1 ORDER BY place DESC "
    "LIMIT ?2), max(expires_ms, ?3), 0) WHERE session = ?1"
)
_RECENT = (
    "SELECT id, at_ms, line FROM (SELECT place, id, at_ms, line FROM recent WHERE session = ? AND expires_ms > ? "
    "ORDER BY place DESC LIMIT ?) ORDER BY place"
)
_EPISODES = (
    "SELECT id, at_ms, line FROM recent WHERE session = ? AND episode_ms > ? AND at_ms >= ? ORDER BY at_ms, place"
)


class SqliteWorking:
    """A `WorkingStore` in the file of a space.

    What is put is durable, and what has outlived its time is erased by the next call that writes.

    Args:
        now_ms: The clock that lifetimes are counted by. Should it go back, values stay longer, never shorter.
    """

    is_elsewhere = False

    def __init__(self, store: SqliteStore, now_ms: Callable[[], int]) -> None:
        self._store = store
        self._now_ms = now_ms
        self._has_tables = False

    @property
    def name(self) -> str:
        return "the space's own file"

    def put(self, session: str, key: str, value: str, ttl_ms: int, limit: int) -> None:
        now = self._now_ms()

        def work(connection: Database) -> None:
            border = self._store.border
            where, named = border.label("session", session), border.label("key", key)
            _purge(connection, now)
            if connection.execute(_COUNT, (where, named, now)).get >= limit:
                raise QuotaExceeded(
                    f"The session {session!r:.80} holds {limit:,} values already, which is as many as it may. Nothing "
                    "was changed; delete some, or let them expire."
                )
            held = border.held((session, key), value)
            connection.execute(_PUT, (where, named, held, now + ttl_ms)).fetchall()

        self._store.write(work)

    def get(self, session: str, key: str) -> str | None:
        border = self._store.border
        where, named = border.label("session", session), border.label("key", key)
        with self._store.reading() as reader:
            rows = self._rows(reader, f"{_SCRATCH} AND key = ?", (where, self._now_ms(), named))
        return border.opened_held((session, key), rows[0][1]) if rows else None

    def delete(self, session: str, *keys: str) -> int:
        now = self._now_ms()

        def work(connection: Database) -> int:
            border = self._store.border
            _purge(connection, now)
            where, gone = border.label("session", session), 0
            for key in keys:
                sql = "DELETE FROM scratch WHERE session = ? AND key = ? RETURNING 1"
                gone += len(connection.execute(sql, (where, border.label("key", key))).fetchall())
            return gone

        return self._store.write(work)

    def keys(self, session: str) -> list[str]:
        border = self._store.border
        with self._store.reading() as reader:
            rows = self._rows(reader, _SCRATCH, (border.label("session", session), self._now_ms()))
        return sorted(border.said("key", key) for key, _ in rows)

    def push(self, session: str, entries: Sequence[WorkingEntry], keep: int, ttl_ms: int, episodes_ms: int) -> None:
        now = self._now_ms()

        def work(connection: Database) -> None:
            border = self._store.border
            where = border.label("session", session)
            _purge(connection, now)
            for one in entries:
                row = (
                    where, parse_id(one.id), one.at_ms, border.held((session, one.id), one.line), now + ttl_ms,
                    now + episodes_ms,
                )  # fmt: skip
                connection.execute(_PUSH, row).fetchall()
            connection.execute(_KEEP, (where, keep, now + ttl_ms)).fetchall()

        self._store.write(work)

    def read(self, session: str, recent: int, since_ms: int | None = None) -> Working:
        border, now = self._store.border, self._now_ms()
        where = border.label("session", session)
        with self._store.reading() as reader:
            last = self._rows(reader, _RECENT, (where, now, recent))
            values = self._rows(reader, _SCRATCH, (where, now))
            since = self._rows(reader, _EPISODES, (where, now, since_ms)) if since_ms is not None else []

        def entry(row: Sequence[Any]) -> WorkingEntry:
            id_ = id_text(row[0])
            return WorkingEntry(id_, row[1], border.opened_held((session, id_), row[2]))

        scratch = {border.said("key", key): value for key, value in values}
        opened = {key: border.opened_held((session, key), value) for key, value in sorted(scratch.items())}
        return Working(tuple(map(entry, last)), opened, tuple(map(entry, since)))

    def drop(self, sessions: Sequence[str]) -> int:
        def work(connection: Database) -> int:
            gone = 0
            for session in sessions:
                where = self._store.border.label("session", session)
                for table in ("scratch", "recent"):
                    sql = f"DELETE FROM {table} WHERE session = ? RETURNING 1"
                    gone += len(connection.execute(sql, (where,)).fetchall())
            return gone

        return self._store.write(work)

    def close(self) -> None:
        """Nothing to release: the file is the space's."""

    def _rows(self, reader: SqliteReader, sql: str, values: Sequence[Any]) -> list[Sequence[Any]]:
        """Rows of the tables; none in a file of an earlier schema that is only read."""
        self._has_tables = self._has_tables or bool(reader.rows(_TABLES, ()))
        return list(reader.rows(sql, values)) if self._has_tables else []


def _purge(connection: Database, now_ms: int) -> None:
    for sql in _EXPIRED:
        connection.execute(sql, (now_ms,)).fetchall()


def seal_working(connection: Database, old: OpenRows, new: SealedRows) -> None:
    """Working memory, opened by one border and stored by another."""
    run = connection.execute
    rows = run("SELECT session, key, value, expires_ms FROM scratch").fetchall()
    run("DELETE FROM scratch").fetchall()
    for where, named, value, expires_ms in rows:
        session, key = old.said("session", where), old.said("key", named)
        held = new.held((session, key), old.opened_held((session, key), value))
        run(_PUT, (new.label("session", session), new.label("key", key), held, expires_ms)).fetchall()
    for place, where, id_, line in run("SELECT place, session, id, line FROM recent").fetchall():
        session = old.said("session", where)
        held = new.held((session, id_text(id_)), old.opened_held((session, id_text(id_)), line))
        sql = "UPDATE recent SET (session, line) = (?, ?) WHERE place = ?"
        run(sql, (new.label("session", session), held, place)).fetchall()
