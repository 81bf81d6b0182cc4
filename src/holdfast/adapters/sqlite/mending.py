"""Mending a file: what follows from the journal is made again in one transaction, the journal itself never touched.

The transaction is undone where the journal is not the same afterwards, to the byte, or where SQLite finds something
wrong with the file that it did not find before: in a damaged file a page may belong to two tables.
"""

from __future__ import annotations

import hashlib

import apsw

from holdfast.adapters.sqlite.database import Database
from holdfast.adapters.sqlite.identity import note_index_version
from holdfast.adapters.sqlite.problems import engine_problems, problems_of
from holdfast.adapters.sqlite.projecting import project
from holdfast.adapters.sqlite.reader import SqliteReader
from holdfast.adapters.sqlite.snapshots import drop_altered
from holdfast.adapters.sqlite.store import SqliteStore
from holdfast.adapters.sqlite.touches import FIELD
from holdfast.errors import Damaged
from holdfast.ports.history import Replay

_JOURNAL = (
    "SELECT key, value FROM meta NOT INDEXED WHERE key NOT IN ('index', 'check') ORDER BY key",
    "SELECT ref, id, node_seq, hlc, chain FROM node NOT INDEXED ORDER BY ref",
    "SELECT seq, node, node_seq, hlc, type, record, version, other, commitment, chain, salt, payload "
    "FROM event NOT INDEXED ORDER BY seq",
)
"""Everything of a journal but the local numbers of memories, which lead to its rows and are no part of it."""
_NUMBERED_WRONG = (
    "SELECT max(revision), coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'vector'), 0) AS last FROM vector "
    "HAVING max(revision) > last"
)
_TWICE = (
    "SELECT record FROM event NOT INDEXED WHERE record <> zeroblob(16) GROUP BY record "
    "HAVING count(DISTINCT n) > 1 OR min(n) < 1 UNION "
    "SELECT record FROM event NOT INDEXED WHERE record <> zeroblob(16) AND n IN (SELECT n FROM event NOT INDEXED "
    "WHERE record <> zeroblob(16) GROUP BY n HAVING count(DISTINCT record) > 1) UNION "
    "SELECT e.record FROM event e NOT INDEXED JOIN memory m ON m.id = e.record WHERE m.n <> e.n ORDER BY 1"
)
"""Memories whose events do not agree on a number, have none or not that of its row, or share one with another's."""
_OF_NOBODY = "UPDATE event SET n = 0 WHERE n <> 0 AND record = zeroblob(16) RETURNING seq"
_HIGHEST = 1 << 62
"""Numbers above are no count of anything."""


def mend_file(store: SqliteStore, replay: Replay | None, index_version: str) -> list[str]:
    """Mend what can be, in one transaction; gives what was done, in words.

    Args:
        replay: As for `SpaceStore.rebuild`; None where the journal is not sound, so that its projection stays.

    Raises:
        Damaged: it cannot be mended; nothing was changed.
    """

    def work(connection: Database) -> list[str]:
        before, known = _journal_digest(connection), set(_problems(connection))
        done = [*_rename(store, connection), *_drop_vectors(store, connection), *_reindex(connection)]
        if replay is not None:
            done += [*drop_altered(connection), *_renumber(connection)]
            note_index_version(connection, index_version)
            try:
                project(connection, store.border, replay)
            except apsw.ConstraintError as error:
                raise Damaged(f"The journal does not fit the tables ({error}). Nothing was changed.") from None
            done.append("made what is held, and what it is searched by, again from the journal")
        if _journal_digest(connection) != before:
            raise Damaged("Mending would have changed the journal, so it was undone. Nothing was changed.")
        if more := sorted(set(_problems(connection)) - known):
            raise Damaged(f"Mending would have done harm ({more[0]}), so it was undone. Nothing was changed.")
        return done

    return store.write(work)


def _problems(connection: Database) -> list[str]:
    return problems_of(lambda sql: connection.execute(sql).fetchall())


def _journal_digest(connection: Database) -> bytes:
    digest = hashlib.sha256()
    try:
        for sql in _JOURNAL:
            for row in connection.execute(sql):
                digest.update(repr(row).encode())
    except apsw.CorruptError as error:
        raise Damaged(f"The journal's own pages are damaged ({error}). Nothing was changed.") from None
    return digest.digest()


def _drop_vectors(store: SqliteStore, connection: Database) -> list[str]:
    """Drop damaged vectors; all of them where their pages are damaged too."""
    done = list[str]()
    try:
        if connection.execute(_NUMBERED_WRONG).fetchone():
            connection.execute("DELETE FROM sqlite_sequence WHERE name = 'vector'").fetchall()
            connection.execute("INSERT INTO sqlite_sequence SELECT 'vector', max(revision) FROM vector").fetchall()
            done.append("numbered vectors on from the last one")
        damaged = SqliteReader(connection, store.identity, store.border).vectors(0).damaged
    except (apsw.CorruptError, Damaged):
        connection.execute("DELETE FROM vector").fetchall()
        connection.execute("INSERT OR IGNORE INTO backlog SELECT n FROM memory WHERE state = 1").fetchall()
        return ["dropped every vector, since their pages were damaged; they are made again"]
    for n in damaged:
        connection.execute("DELETE FROM vector WHERE n = ?", (n,)).fetchall()
        connection.execute("INSERT OR IGNORE INTO backlog SELECT n FROM memory WHERE n = ? AND state = 1", (n,))
    return [*done, f"dropped damaged vectors ({len(damaged)}), which are made again"] if damaged else done


def _reindex(connection: Database) -> list[str]:
    if not engine_problems(lambda sql: connection.execute(sql).fetchall()):
        return []
    try:
        connection.execute("REINDEX").fetchall()
    except apsw.ConstraintError as error:
        raise Damaged(f"A table holds what it cannot ({error}). Nothing was changed.") from None
    return ["made SQLite's indexes again from its tables"]


def _renumber(connection: Database) -> list[str]:
    """Give memories whose numbers are not their own the one of their row, or a new one where they have none."""
    confused = [row[0] for row in connection.execute(_TWICE).fetchall()]
    numbers = "SELECT n FROM event UNION ALL SELECT n FROM memory"
    free = connection.execute(f"SELECT max(n) + 1 FROM ({numbers}) WHERE n < {_HIGHEST}").get or 1
    for place, record in enumerate(confused):
        row = connection.execute("SELECT n FROM memory NOT INDEXED WHERE id = ?", (record,)).fetchone()
        n = row[0] if row and row[0] > 0 else free + place
        connection.execute("UPDATE event SET n = ? WHERE record = ?", (n, record)).fetchall()
    done = [f"gave memories ({len(confused)}) without a number of their own one each"] if confused else []
    if of_nobody := connection.execute(_OF_NOBODY).fetchall():
        done.append(f"took their numbers from events ({len(of_nobody)}) that are about no memory")
    return done


def _rename(store: SqliteStore, connection: Database) -> list[str]:
    """Put a name that says so in place of those of principals that cannot be read: of them there is no other copy."""
    unread = list[int]()
    for ref, stored in connection.execute("SELECT ref, CAST(principal AS BLOB) FROM visitor").fetchall():
        try:
            store.border.said(FIELD, bytes(stored).decode())
        except (Damaged, TypeError, UnicodeDecodeError):
            unread.append(ref)
    for ref in unread:
        name = store.border.label(FIELD, f"unknown {ref}")
        connection.execute("UPDATE visitor SET principal = ? WHERE ref = ?", (name, ref)).fetchall()
    return [f"called principals ({len(unread)}) unknown, whose names cannot be read any more"] if unread else []
