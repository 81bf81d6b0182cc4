"""Numbered SQL files, applied once each: the schema is their sum."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from holdfast.adapters.sqlite.connection import APPLICATION_ID, is_space, refuse_newer, schema_version
from holdfast.adapters.sqlite.database import Database
from holdfast.adapters.sqlite.envelope import fresh_meta, unlocked
from holdfast.ports.keys import SpaceKeys
from holdfast.ports.store import Identity


@cache
def migrations() -> tuple[tuple[int, str], ...]:
    """Numbers and SQL of every migration, ascending from 1 without gaps."""
    folder = files("holdfast.adapters.sqlite") / "sql"
    found = sorted(
        (int(file.name[:4]), file.read_text("utf-8")) for file in folder.iterdir() if file.name[:4].isdigit()
    )
    if [number for number, _ in found] != list(range(1, len(found) + 1)):
        raise RuntimeError(f"migrations are not numbered 1 to {len(found)}: {[number for number, _ in found]}")
    return tuple(found)


def migrate(connection: Database, path: str, fresh: Identity, chain: bytes, keys: SpaceKeys | None = None) -> None:
    """Bring a file to the newest schema, each step in one transaction; a new file gets an identity.

    Args:
        fresh, chain: Identity and first chain value for a file that has none yet.
        keys: What opens the space; the key of a new one is kept there, durably, before the space is made.
    """
    newest = migrations()[-1][0]
    if is_space(connection, path):
        refuse_newer(path, schema_version(connection), newest)
        if schema_version(connection) == newest:
            return
        unlocked(connection, path, keys)  # whoever cannot open it does not change it
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Read again under the lock: another process may have migrated meanwhile.
        found = schema_version(connection) if is_space(connection, path) else 0
        refuse_newer(path, found, newest)
        for number, sql in migrations():
            if number > found:
                connection.execute(sql).fetchall()
                connection.execute(f"PRAGMA user_version={number}").fetchall()
        if found == 0:
            connection.execute(f"PRAGMA application_id={APPLICATION_ID}").fetchall()
            connection.executemany("INSERT INTO meta VALUES (?, ?)", fresh_meta(fresh, keys)).fetchall()
            connection.execute("INSERT INTO node VALUES (1, ?, 0, 0, ?)", (bytes(fresh.node), chain)).fetchall()
        connection.execute("COMMIT")
    except BaseException:
        # SQLite ends a transaction by itself on some errors; the error matters then, not the end.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
