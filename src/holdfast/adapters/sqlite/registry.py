"""The registry of a house in one SQLite file."""

from __future__ import annotations

import struct
import threading
import zlib
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from holdfast.adapters.sqlite.connection import connect, opening, refuse_newer, schema_version, translated
from holdfast.adapters.sqlite.database import Database
from holdfast.adapters.sqlite.forks import Home, refuse_inherited
from holdfast.adapters.sqlite.turn import Turnstile
from holdfast.errors import Closed, Damaged, NotASpace
from holdfast.model.access import OWNER, AuditEntry, Grant, HeldSpace, Quota, Right, Standing
from holdfast.model.house import DropReceipt
from holdfast.model.ids import id_text, parse_id
from holdfast.ports.registry import SpaceRef

HOUSE_ID = 0x48464855
"""``HFHU`` in the file's header (PRAGMA application_id): the registry of a Holdfast house."""
_SUMMED = 3
"""The version of the schema from which on rows carry sums."""
UNFINISHED = "the files of the space are still to be erased; opening the house again does that"
_SPACE = "s.id, s.name, s.created_ms, s.made, s.memories, s.bytes, s.writes_a_minute, s.policy, s.key, s.sum"
_GRANT = "g.right, g.by, g.at_ms, g.sum"
_STANDING = f"""
SELECT asked.name, p.administers, {_GRANT}, {_SPACE} FROM (SELECT ?1 AS ref, ?2 AS name) asked
LEFT JOIN principal p ON p.name = asked.name
LEFT JOIN space s ON s.{{column}} = asked.ref
LEFT JOIN grant g ON g.space = s.n AND g.principal = p.n
"""
_STANDINGS = f"""
SELECT p.name, p.administers, {_GRANT}, {_SPACE} FROM principal p JOIN space s
LEFT JOIN grant g ON g.space = s.n AND g.principal = p.n
WHERE p.name = ?1 AND (?1 = '{OWNER}' OR g.right IS NOT NULL) ORDER BY s.key
"""
_GRANTS = f"""
SELECT p.name, s.name, s.id, {_GRANT}, b.name FROM grant g
JOIN space s ON s.n = g.space JOIN principal p ON p.n = g.principal JOIN principal b ON b.n = g.by
WHERE s.id = ? ORDER BY p.name
"""
_RECEIPTS = """
SELECT t.receipt, t.space, t.at_ms, p.name, t.reason, t.files, t.bytes, t.chain
FROM tombstone t JOIN principal p ON p.n = t.by ORDER BY t.at_ms, t.receipt
"""
_AUDIT = """
SELECT a.seq, a.at_ms, b.name, a.what, a.space, p.name, a.detail, a.chain FROM audit a
JOIN principal b ON b.n = a.by LEFT JOIN principal p ON p.n = a.principal ORDER BY a.seq
"""


class SqliteView:
    """A `RegistryView` over one connection."""

    def __init__(self, connection: Database) -> None:
        self._connection = connection

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Every row of a query; nothing of it stays open."""
        return self._connection.execute(sql, values).fetchall()

    def standing(self, space: SpaceRef, principal: str) -> Standing:
        column = "key" if isinstance(space, str) else "id"
        (row,) = self.rows(_STANDING.format(column=column), (space, principal))
        return _standing(row)

    def standings(self, principal: str) -> list[Standing]:
        return [_standing(row) for row in self.rows(_STANDINGS, (principal,))]

    def spaces(self) -> list[HeldSpace]:
        return [_held(row) for row in self.rows(f"SELECT {_SPACE} FROM space s ORDER BY s.key")]

    def grants(self, space: bytes) -> list[Grant]:
        return [
            Grant(principal, name, _right(found, principal, grant), by, grant[2])
            for principal, name, found, *grant, by in self.rows(_GRANTS, (space,))
        ]

    def receipts(self) -> list[DropReceipt]:
        return [
            DropReceipt(
                id=id_text(receipt), space=id_text(space), at_ms=at_ms, actor=actor, reason=reason, files=files_erased,
                bytes=size, chain=chain.hex() if chain else "", pending=None if chain else UNFINISHED,
            )
            for receipt, space, at_ms, actor, reason, files_erased, size, chain in self.rows(_RECEIPTS)
        ]  # fmt: skip

    def audit(self) -> list[AuditEntry]:
        return [
            AuditEntry(seq, at_ms, by, what, id_text(space), principal, detail, chain.hex())
            for seq, at_ms, by, what, space, principal, detail, chain in self.rows(_AUDIT)
        ]

    def audit_head(self) -> tuple[int, bytes]:
        found = self.rows("SELECT seq, chain FROM audit ORDER BY seq DESC LIMIT 1")
        return found[0] if found else (0, b"")  # pyright: ignore[reportReturnType]


class SqliteDesk(SqliteView):
    """A `RegistryDesk` inside the transaction of one change."""

    def add_space(self, space: HeldSpace, key: str) -> None:
        self.rows(
            "INSERT INTO space (id, name, key, made, created_ms, sum) VALUES (?, ?, ?, ?, ?, 0)",
            (space.id, space.name, key, space.made, space.created_ms),
        )
        self.set_quota(space.id, space.quota)
        self.set_policy(space.id, space.policy)

    def rename_space(self, space: bytes, name: str, key: str) -> None:
        self.rows("UPDATE space SET (name, key, sum) = (?, ?, NULL) WHERE id = ?", (name, key, space))
        _sum_space(self._connection, space)

    def mark_made(self, space: bytes) -> None:
        self.rows("UPDATE space SET (made, sum) = (1, NULL) WHERE id = ?", (space,))
        _sum_space(self._connection, space)

    def set_quota(self, space: bytes, quota: Quota) -> None:
        self.rows(
            "UPDATE space SET (memories, bytes, writes_a_minute, sum) = (?, ?, ?, NULL) WHERE id = ?",
            (quota.memories, quota.bytes, quota.writes_a_minute, space),
        )
        _sum_space(self._connection, space)

    def set_policy(self, space: bytes, policy: str | None) -> None:
        self.rows("UPDATE space SET policy = ? WHERE id = ?", (policy, space))

    def put_grant(self, space: bytes, principal: str, right: Right | None, by: str, at_ms: int) -> None:
        place = (self._space(space), self._principal(principal))
        self.rows("DELETE FROM grant WHERE space = ? AND principal = ?", place)
        if right is not None:
            given = (int(right), self._principal(by), at_ms)
            row = (*place, *given, _sum(space, principal, *given))
            self.rows("INSERT INTO grant VALUES (?, ?, ?, ?, ?, ?)", row)

    def bury(self, space: bytes, receipt: DropReceipt) -> None:
        n = self._space(space)
        self.rows("DELETE FROM grant WHERE space = ?", (n,))
        self.rows("DELETE FROM space WHERE n = ?", (n,))
        by = self._principal(receipt.actor)
        self.rows(
            "INSERT INTO tombstone VALUES (?, ?, ?, ?, ?, 0, 0, NULL)",
            (space, parse_id(receipt.id), receipt.at_ms, by, receipt.reason),
        )

    def finish(self, receipt: DropReceipt) -> None:
        self.rows(
            "UPDATE tombstone SET (files, bytes, chain) = (?, ?, ?) WHERE receipt = ?",
            (receipt.files, receipt.bytes, bytes.fromhex(receipt.chain), parse_id(receipt.id)),
        )

    def append(self, entry: AuditEntry) -> None:
        principal = None if entry.principal is None else self._principal(entry.principal)
        by, space, chain = self._principal(entry.by), parse_id(entry.space), bytes.fromhex(entry.chain)
        row = (entry.seq, entry.at_ms, by, entry.what, space, principal, entry.detail, chain)
        self.rows("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)

    def _space(self, space: bytes) -> int:
        return self.rows("SELECT n FROM space WHERE id = ?", (space,))[0][0]

    def _principal(self, name: str) -> int:
        self.rows("INSERT OR IGNORE INTO principal (name, administers) VALUES (?, 0)", (name,))
        return self.rows("SELECT n FROM principal WHERE name = ?", (name,))[0][0]


class SqliteRegistry:
    """A `Registry` in one SQLite file. Safe to use from several threads and several processes at once."""

    def __init__(self, path: str) -> None:
        """Open the registry, making it first where there is none.

        Raises:
            NotASpace, NewerSchema, Damaged, StoreReadOnly, StoreError.
        """
        self.path = path
        _refuse_foreign(Path(path))
        refuse_inherited(path)
        self._closed = False
        self._view_lock, self._change_lock = threading.Lock(), threading.RLock()
        turnstile = Turnstile(path)
        try:
            # One at a time: SQLite does not wait where two processes turn a new file to WAL at once.
            with turnstile.turn(), translated(path), opening(path):
                self._writer = connect(path, writable=True, folds=True)
                try:
                    _migrate(self._writer, path)
                    self._reader = connect(path, writable=True)
                except BaseException:
                    self._writer.close()
                    raise
        finally:
            turnstile.close()
        self._home = Home(path)

    @contextmanager
    def viewing(self) -> Generator[SqliteView]:
        with self._view_lock, translated(self.path):
            self._check_open()
            # Each statement sees what is newest; none is left open, so the log can be emptied.
            yield SqliteView(self._reader)

    @contextmanager
    def changing(self) -> Generator[SqliteDesk]:
        with self._change_lock, translated(self.path):
            self._check_open()
            self._writer.execute("BEGIN IMMEDIATE").fetchall()
            try:
                yield SqliteDesk(self._writer)
                self._writer.execute("COMMIT").fetchall()
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK").fetchall()
                raise

    def truncate_log(self) -> bool:
        with self._change_lock, translated(self.path):
            self._check_open()
            ((busy, _, _),) = self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return busy == 0

    def problems(self) -> list[str]:
        with self.viewing() as view:
            return [row[0] for row in view.rows("PRAGMA integrity_check(100)") if row[0] != "ok"]

    def close(self) -> None:
        if self._closed:
            return
        if not self._home.is_here:  # the files belong to the process this one was forked from
            self._closed = True
            return
        with self._view_lock, self._change_lock:
            self._closed = True
            self._reader.close()
            self._writer.close()
        self._home.leave()

    def _check_open(self) -> None:
        if self._closed:
            raise Closed("The house was closed; open it again to use it.")
        self._home.check()


@cache
def registry_migrations() -> tuple[str, ...]:
    """The SQL of every migration of the registry, in order."""
    folder = files("holdfast.adapters.sqlite") / "registry_sql"
    found = sorted((file.name, file.read_text("utf-8")) for file in folder.iterdir() if file.name[:4].isdigit())
    if [int(name[:4]) for name, _ in found] != list(range(1, len(found) + 1)):
        raise RuntimeError(f"migrations of the registry are not numbered 1 to {len(found)}")
    return tuple(sql for _, sql in found)


def _migrate(connection: Database, path: str) -> None:
    migrations = registry_migrations()
    if schema_version(connection) == len(migrations):
        return
    connection.execute("BEGIN IMMEDIATE").fetchall()
    try:
        # Read again under the lock: another process may have made it meanwhile.
        found = schema_version(connection)
        refuse_newer(path, found, len(migrations))
        for number, sql in enumerate(migrations, 1):
            if number > found:
                connection.execute(sql).fetchall()
                connection.execute(f"PRAGMA user_version={number}").fetchall()
        if 0 < found < _SUMMED:
            _sum_all(connection)
        if found == 0:
            connection.execute(f"PRAGMA application_id={HOUSE_ID}").fetchall()
            connection.execute("INSERT INTO principal (name, administers) VALUES (?, 1)", (OWNER,)).fetchall()
        connection.execute("COMMIT").fetchall()
    except BaseException:
        connection.execute("ROLLBACK").fetchall()
        raise


def _refuse_foreign(path: Path) -> None:
    """Raise where a file of that name is not a registry, before SQLite changes anything in it."""
    try:
        with path.open("rb") as file:
            head = file.read(100)
    except FileNotFoundError:
        return
    except OSError as error:
        raise NotASpace(f"{path} cannot be read as the registry of a house ({error.strerror}).") from None
    if not head:
        return
    if len(head) < 100 or not head.startswith(b"SQLite format 3\x00"):
        raise NotASpace(f"{path} is not the registry of a Holdfast house. It was not changed.")
    cookie, application = struct.unpack(">I", head[40:44])[0], struct.unpack(">I", head[68:72])[0]
    # A process that died while it made a registry leaves an empty database, its first tables still in the log.
    if application != HOUSE_ID and (application or cookie):
        raise NotASpace(f"{path} is not the registry of a Holdfast house. It was not changed.")


def _standing(row: Sequence[Any]) -> Standing:
    name, administers, *grant = row[:6]
    held = row[6:]
    if held[0] is None:
        return Standing(None, None, _administers(name, administers))
    right = None if all(one is None for one in grant) else _right(held[0], name, grant)
    return Standing(_held(held), right, _administers(name, administers))


def _administers(name: str, administers: int | None) -> bool:
    # An altered byte makes nobody else the owner.
    return bool(administers) and name == OWNER


def _held(row: Sequence[Any]) -> HeldSpace:
    if _sum_of_space(row) != row[-1]:
        raise Damaged("The registry's row of a space was altered. Nothing was done; restore house.db from a backup.")
    space, name, created_ms, made, memories, size, writes, policy, _, _ = row
    quota = Quota(memories=memories, bytes=size, writes_a_minute=writes)
    return HeldSpace(space, name, created_ms, bool(made), quota, policy)


def _right(space: bytes, principal: str, grant: Sequence[Any]) -> Right:
    right, by, at_ms, found = grant
    if _sum(space, principal, right, by, at_ms) != found:
        raise Damaged(
            "A grant in the registry was altered, or leads to another space or principal. Nothing was done; restore "
            "house.db from a backup."
        )
    try:
        return Right(right)
    except ValueError:
        raise Damaged(f"The registry holds a grant of the unknown right {right}.") from None


def _sum(*values: object) -> int:
    return zlib.crc32(repr(values).encode())


def _sum_of_space(row: Sequence[Any]) -> int:
    *named, _policy, key, _ = (
        row  # a policy that cannot be read can be set again, and `check` compares it with the audit
    )
    return _sum(*named, key)


def _sum_space(connection: Database, space: bytes) -> None:
    """Give a space's row its sum again."""
    row = connection.execute(f"SELECT {_SPACE} FROM space s WHERE s.id = ?", (space,)).fetchone() or ()
    connection.execute("UPDATE space SET sum = ? WHERE id = ?", (_sum_of_space(row), space)).fetchall()


def _sum_all(connection: Database) -> None:
    """Give every row of an earlier schema its sum."""
    for (space,) in connection.execute("SELECT id FROM space").fetchall():
        _sum_space(connection, space)
    sql = (
        "SELECT g.space, g.principal, s.id, p.name, g.right, g.by, g.at_ms FROM grant g "
        "JOIN space s ON s.n = g.space JOIN principal p ON p.n = g.principal"
    )
    for n, principal, *given in connection.execute(sql).fetchall():
        values = (_sum(*given), n, principal)
        connection.execute("UPDATE grant SET sum = ? WHERE space = ? AND principal = ?", values).fetchall()
