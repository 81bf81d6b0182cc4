"""One space in one SQLite file."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from holdfast.adapters.sqlite.connection import (
    BUSY_MS,
    connect,
    inspect_header,
    is_space,
    make_private,
    opening,
    refuse_newer,
    schema_version,
    translated,
)
from holdfast.adapters.sqlite.database import Database
from holdfast.adapters.sqlite.forks import Home, refuse_inherited
from holdfast.adapters.sqlite.group import GroupCommit
from holdfast.adapters.sqlite.migrate import migrate, migrations
from holdfast.adapters.sqlite.reader import SqliteReader
from holdfast.adapters.sqlite.residue import residue
from holdfast.adapters.sqlite.rows import entry_check, pack_vector
from holdfast.adapters.sqlite.turn import Turnstile
from holdfast.adapters.sqlite.writer import SqliteWriter
from holdfast.errors import Closed, Damaged, InvalidVector, ModelMismatch, NotASpace, StoreReadOnly
from holdfast.model.events import Change, Event, SetModel
from holdfast.model.ids import Id
from holdfast.ports.store import Commit, Identity, R, Reader, StoredVectors

_IDLE_READERS = 8
"""Read connections kept open between uses."""
TRUNCATE_BUSY_MS = 250
"""How long emptying the log waits for readers."""
_MEMORY = ":memory:"


class SqliteStore:
    """A `SpaceStore` in one SQLite file, or in memory for the path ``:memory:``.

    Safe to use from several threads and several processes at once. Not for network file systems,
    whose locks SQLite cannot rely on.
    """

    def __init__(
        self, path: str, fresh: Identity, chain: bytes, *, read_only: bool = False, create: bool = True
    ) -> None:
        """Open a space, making it first where there is none.

        Args:
            fresh, chain: Identity and first chain value for a space that is made here.
            create: Make a file that is not there.

        Raises:
            NotASpace, NewerSchema, Damaged, StoreReadOnly, StoreError.
        """
        self.path = path
        self.read_only = read_only
        in_memory = path == _MEMORY
        exists = False if in_memory else inspect_header(Path(path))
        if not exists and (read_only or not create):
            raise StoreReadOnly(f"There is no space at {path}. Nothing was made; open it for writing to make one.")
        if not exists and not in_memory:
            make_private(Path(path))
        refuse_inherited(path)
        self._turnstile = Turnstile(None if in_memory or read_only else path)
        self._closed = False
        self._idle: list[Database] = []
        self._idle_lock = threading.Lock()
        self._shared = threading.RLock() if in_memory else None
        try:
            # In turn from the first statement on: SQLite does not wait for another process that enters WAL mode.
            with translated(path), opening(path), self._turnstile.turn():
                self._connection = connect(path, writable=not read_only)
                try:
                    self._prepare(fresh, chain)
                    self.identity = self._read_identity(path)
                except BaseException:
                    self._connection.close()
                    raise
        except BaseException:
            self._turnstile.close()
            raise
        self._home = Home(path)
        self._writes = ExitStack()
        self._group = GroupCommit(
            begin=self._begin,
            commit=self._commit,
            rollback=self._rollback,
            savepoint=lambda: self._plain("SAVEPOINT caller"),
            release=lambda: self._plain("RELEASE caller"),
            undo=lambda: self._plain("ROLLBACK TO caller"),
        )

    def _prepare(self, fresh: Identity, chain: bytes) -> None:
        if not self.read_only:
            migrate(self._connection, self.path, fresh, chain)
            return
        if not is_space(self._connection, self.path):
            raise NotASpace(f"{self.path} is an empty database; a space was begun there and never made.")
        refuse_newer(self.path, schema_version(self._connection), migrations()[-1][0])

    # Writing

    def commit(self, decide: Callable[[Reader], Commit[R]]) -> R:
        def work() -> R:
            wanted = decide(SqliteReader(self._connection, self.identity))
            if wanted.sealed:
                SqliteWriter(self._connection).store(wanted.sealed)
            return wanted.result

        return self._write(work)

    def put_vectors(
        self,
        ns: Sequence[int],
        seqs: Sequence[int],
        entries: Sequence[tuple[str | None, str, str | None]],
        vectors: StoredVectors,
        model: SetModel,
    ) -> int:
        if vectors.values.shape != (len(ns), model.dimensions) or not (
            len(ns) == len(seqs) == len(entries) == len(vectors.scales)
        ):
            raise InvalidVector(
                f"{vectors.values.shape} vectors for {len(ns)} memories of a model with {model.dimensions} dimensions. "
                "No vector was stored."
            )

        def work() -> int:
            run = self._connection.execute
            bound = SqliteReader(self._connection, self.identity).model()
            if bound != model:
                raise ModelMismatch(f"The space is bound to {bound}, not to {model}. No vector was stored.")
            stored = 0
            for place, (n, seq) in enumerate(zip(ns, seqs, strict=True)):
                if not run("SELECT 1 FROM memory WHERE n = ? AND seq = ? AND state = 1", (n, seq)).fetchone():
                    continue
                data = pack_vector(vectors.values[place], float(vectors.scales[place]))
                run("DELETE FROM vector WHERE n = ?", (n,))
                run("INSERT INTO vector (n, entry, data) VALUES (?, ?, ?)", (n, entry_check(*entries[place]), data))
                run("DELETE FROM backlog WHERE n = ?", (n,))
                stored += 1
            return stored

        return self._write(work)

    def drop_vectors(self, ns: Sequence[int]) -> None:
        def work() -> None:
            for n in ns:
                self._plain("DELETE FROM vector WHERE n = ?", (n,))
                self._plain("INSERT OR IGNORE INTO backlog SELECT n FROM memory WHERE n = ? AND state = 1", (n,))

        self._write(work)

    @property
    def index_version(self) -> str:
        with self.reading() as reader:
            rows = reader.rows("SELECT CAST(value AS TEXT) FROM meta WHERE key = 'index'")
        return rows[0][0] if rows else ""

    def rebuild(
        self,
        replay: Callable[[Iterator[Event]], Iterable[tuple[Event, tuple[Change, ...]]]],
        index_version: str | None = None,
    ) -> bytes:
        def work() -> bytes:
            if index_version is not None:
                self._plain("INSERT OR REPLACE INTO meta VALUES ('index', ?)", (index_version.encode(),))
            reader = SqliteReader(self._connection, self.identity)
            writer = SqliteWriter(self._connection, keep_vectors=True)
            for table in ("memory", "tag", "mark", "expiry", "derivation", "bar", "model", "backlog"):
                self._plain(f"DELETE FROM {table}")
            for event, changes in replay(self._journal(reader)):
                row = self._connection.execute("SELECT n FROM event WHERE seq = ?", (event.seq,)).fetchone()
                n = row[0] if row else 0
                writer.execute(event, event.seq, n, is_new=False, changes=changes)
                if n:
                    writer.hold_place(n, event.header.record)
            self._plain("DELETE FROM vector WHERE n NOT IN (SELECT n FROM memory WHERE state IN (1, 2, 4))")
            writer.drop_stale_vectors()
            self._plain("DELETE FROM backlog WHERE n IN (SELECT n FROM vector)")
            return reader.digest()

        return self._write(work)

    def _journal(self, reader: SqliteReader) -> Iterator[Event]:
        after = 0
        while batch := reader.events(after, 1_000):
            yield from batch
            after = batch[-1].seq

    def truncate_log(self) -> bool:
        """Fold the write-ahead log into the file and empty it, so that erased bytes leave the disk.

        Returns False while another reader still needs the log.
        """
        if self.read_only:
            # Only a writer can empty it; what is in it may be anything.
            return not any(file.exists() and file.stat().st_size for file in self.files()[1:2])
        with translated(self.path), self._shared or _no_lock(), self._group.idle():
            self._check_open()
            # Writers wait meanwhile, so a reader that stays is not waited for long: the answer is "not yet".
            self._connection.set_busy_timeout(TRUNCATE_BUSY_MS)
            try:
                busy, _, _ = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() or (0, 0, 0)
            finally:
                self._connection.set_busy_timeout(BUSY_MS)
        return busy == 0

    def adopt_model(self, model: SetModel) -> None:
        """Take vectors of this model though no event binds the space to it, for a view of the past."""
        self._write(
            lambda: self._plain(
                "INSERT OR IGNORE INTO model VALUES (1, ?, ?, 0)", (model.fingerprint, model.dimensions)
            )
        )

    def _write(self, work: Callable[[], R]) -> R:
        self._check_open()
        if self.read_only:
            raise StoreReadOnly(f"{self.path} was opened read-only. Nothing was written.")
        with translated(self.path), self._shared or _no_lock():
            return self._group.run(work)

    def _plain(self, sql: str, values: Sequence[object] = ()) -> None:
        self._connection.execute(sql, values).fetchall()

    def _begin(self) -> None:
        self._check_open()
        self._writes.enter_context(self._turnstile.turn())
        self._plain("BEGIN IMMEDIATE")

    def _commit(self) -> None:
        self._plain("COMMIT")
        self._writes.close()

    def _rollback(self) -> bool:
        """Undo what was begun, however far it came; SQLite may have done so by itself."""
        try:
            began = self._connection.in_transaction
            if began:
                self._plain("ROLLBACK")
            return began
        finally:
            self._writes.close()

    # Reading

    @contextmanager
    def reading(self) -> Generator[SqliteReader]:
        self._check_open()
        if self._shared:
            with self._shared, translated(self.path):
                yield SqliteReader(self._connection, self.identity)
            return
        with translated(self.path):
            connection = self._borrow()
            try:
                connection.execute("BEGIN").fetchall()
                try:
                    yield SqliteReader(connection, self.identity)
                finally:
                    # SQLite ends a transaction by itself on some errors; the error matters then, not the end.
                    if connection.in_transaction:
                        connection.execute("ROLLBACK").fetchall()
            finally:
                self._give_back(connection)

    def _borrow(self) -> Database:
        with self._idle_lock:
            if self._idle:
                return self._idle.pop()
        return connect(self.path, writable=not self.read_only)

    def _give_back(self, connection: Database) -> None:
        with self._idle_lock:
            if not self._closed and len(self._idle) < _IDLE_READERS:
                self._idle.append(connection)
                return
        connection.close()

    def residue(self, texts: Sequence[str]) -> int:
        if self.path == _MEMORY:
            return 0
        with self.reading() as reader:
            return residue(reader.connection, self.files()[:2], texts)

    def problems(self) -> list[str]:
        with self.reading() as reader:
            found = [row[0] for row in reader.rows("PRAGMA integrity_check(100)") if row[0] != "ok"]
            found += [
                f"memory {n} is live but its event {seq} is missing or erased"
                for n, seq in reader.rows(
                    "SELECT m.n, m.seq FROM memory m LEFT JOIN event e ON e.seq = m.seq "
                    "WHERE m.state IN (1, 2, 4) AND e.payload IS NULL LIMIT 100"
                )
            ]
            found += [
                f"memory {n} was forgotten, but event {seq} still holds its text"
                for n, seq in reader.rows(
                    "SELECT m.n, e.seq FROM memory m JOIN event e ON e.n = m.n "
                    "WHERE m.state = 3 AND e.type IN (1, 2) AND e.payload IS NOT NULL LIMIT 100"
                )
            ]
            found += [
                f"event {seq} has lost its payload, though nothing was forgotten that it is about"
                for (seq,) in reader.rows(
                    "SELECT e.seq FROM event e LEFT JOIN memory m ON m.n = e.n WHERE e.payload IS NULL "
                    "AND (e.type NOT IN (1, 2) OR m.state IS NOT 3) LIMIT 100"
                )
            ]
            found += [
                f"memory {n} has neither a vector nor a place in the backlog"
                for (n,) in reader.rows(
                    "SELECT n FROM memory WHERE state = 1 AND n NOT IN (SELECT n FROM vector) "
                    "AND n NOT IN (SELECT n FROM backlog) LIMIT 100"
                )
            ]
        return found

    def size_bytes(self) -> int:
        if self.path == _MEMORY:
            return 0
        return sum(file.stat().st_size for file in self.files() if file.exists())

    def files(self) -> list[Path]:
        """Every file the space may have on disk."""
        return [Path(self.path + ending) for ending in ("", "-wal", "-shm", "-lock", "-turn")]

    def close(self) -> None:
        if not self._home.is_here:  # the files belong to the process this one was forked from
            self._closed = True
            return
        with self._idle_lock:
            if self._closed:
                return
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()
        # No write and, in memory, no reading is under way once these locks are ours.
        with self._shared or _no_lock(), self._group.idle():
            self._connection.close()
        self._turnstile.close()
        self._home.leave()

    def _check_open(self) -> None:
        if self._closed:
            raise Closed
        self._home.check()

    def _read_identity(self, path: str) -> Identity:
        run = self._connection.execute
        meta = dict(run("SELECT key, value FROM meta").fetchall())
        node = run("SELECT id FROM node WHERE ref = 1").fetchone()
        if node is None or len(meta.get("space", b"")) != 16 or len(meta.get("secret", b"")) != 32:
            raise Damaged(f"{path} has lost its identity; restore it from a backup.")
        return Identity(Id(meta["space"]), Id(node[0]), meta["secret"])


@contextmanager
def _no_lock() -> Generator[None]:
    yield
