"""Who a space file is: its space, the node that writes here, and the secret."""

from __future__ import annotations

from holdfast.adapters.sqlite.database import Database
from holdfast.adapters.sqlite.envelope import moved_envelope, note_check, unlocked
from holdfast.adapters.sqlite.sealing import OpenRows
from holdfast.errors import AlreadyThere, Damaged
from holdfast.model.ids import Id, id_text
from holdfast.ports.keys import SpaceKeys
from holdfast.ports.store import Identity

_NODE = "SELECT id FROM node WHERE id = coalesce((SELECT value FROM meta WHERE key = 'node'), id) ORDER BY ref LIMIT 1"
"""The node that writes: the one that was named when the file took another, else the first."""
_CHECKED = "/checked"
"""Ends the version of an index whose rows all have a check; see `rows.with_check`."""


def read_identity(connection: Database, path: str, keys: SpaceKeys | None = None) -> tuple[Identity, OpenRows]:
    """The identity a file holds, and how its rows are read.

    Raises:
        Damaged: it has none.
        KeyNeeded, WrongKey, NotEncrypted: see `unlocked`.
    """
    space, secret, border = unlocked(connection, path, keys)
    node = connection.execute(_NODE).fetchone()
    if node is None:
        raise Damaged(f"{path} has lost its identity; restore it from a backup.")
    return Identity(space, Id(node[0]), secret), border


def take_identity(
    connection: Database, path: str, identity: Identity, chain: bytes, keys: SpaceKeys | None = None
) -> None:
    """Write an identity into a file, inside the caller's transaction; see `SpaceStore.adopt`.

    Raises:
        AlreadyThere.
    """
    run = connection.execute
    held, _ = read_identity(connection, path, keys)
    if not run("SELECT 1 FROM event LIMIT 1").fetchone():
        run("DELETE FROM node").fetchall()
        for name, value in moved_envelope(connection, path, identity, keys):
            run("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value)).fetchall()
    elif (held.space, held.secret) != (identity.space, identity.secret):
        raise AlreadyThere(
            f"{path} holds the space {id_text(held.space)}, which has memories; it cannot become the space "
            f"{id_text(identity.space)}. Nothing was changed."
        )
    run("INSERT OR REPLACE INTO meta VALUES ('node', ?)", (bytes(identity.node),)).fetchall()
    # The clock of a node that writes here begins where those before it ended.
    run(
        "INSERT OR IGNORE INTO node (id, node_seq, hlc, chain) SELECT ?, 0, coalesce(max(hlc), 0), ? FROM node",
        (bytes(identity.node), chain),
    ).fetchall()


def index_version(connection: Database) -> str:
    """What the stored terms were made with; empty where they were never made again, or have no check yet."""
    row = connection.execute("SELECT CAST(value AS TEXT) FROM meta WHERE key = 'index'").fetchone()
    return row[0].removesuffix(_CHECKED) if row and row[0].endswith(_CHECKED) else ""


def note_index_version(connection: Database, version: str) -> None:
    """Write down what the terms of every row were made with, inside the caller's transaction.

    Files from before id and secret had a check get one too.
    """
    connection.execute("INSERT OR REPLACE INTO meta VALUES ('index', ?)", ((version + _CHECKED).encode(),)).fetchall()
    note_check(connection)
