"""One space in one SQLite file."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path

from holdfast.adapters.sqlite.connection import (
    IN_MEMORY,
    connect,
    inspect_header,
    is_space,
    make_private,
    opening,
    refuse_backup,
    refuse_newer,
    schema_version,
    translated,
)
from holdfast.adapters.sqlite.copying import copy_past
from holdfast.adapters.sqlite.database import Database
from holdfast.adapters.sqlite.folding import Folder
from holdfast.adapters.sqlite.forks import Home, refuse_inherited
from holdfast.adapters.sqlite.group import GroupCommit
from holdfast.adapters.sqlite.identity import index_version, note_index_version, read_identity, take_identity
from holdfast.adapters.sqlite.migrate import migrate, migrations
from holdfast.adapters.sqlite.overwriting import finish_if_cut_off
from holdfast.adapters.sqlite.problems import problems_of
from holdfast.adapters.sqlite.projecting import project
from holdfast.adapters.sqlite.reader import SqliteReader
from holdfast.adapters.sqlite.readers import ReaderPool
from holdfast.adapters.sqlite.residue import residue
from holdfast.adapters.sqlite.sealing import OpenRows
from holdfast.adapters.sqlite.snapshots import drop_pruned, keep_snapshot
from holdfast.adapters.sqlite.sole import sole_use
from holdfast.adapters.sqlite.touches import add_uses
from holdfast.adapters.sqlite.turn import Turnstile
from holdfast.adapters.sqlite.vectors import store_vectors
from holdfast.adapters.sqlite.writer import SqliteWriter
from holdfast.errors import Closed, InvalidVector, ModelMismatch, NotASpace, StoreReadOnly
from holdfast.model.encryption import FileKey
from holdfast.model.events import Event, SetModel
from holdfast.model.ids import Id
from holdfast.model.snapshots import Cut
from holdfast.ports.history import Proof, Replay
from holdfast.ports.keys import SpaceKeys
from holdfast.ports.store import Commit, Identity, R, Reader, StoredVectors, Uses

_ENDINGS = ("", "-wal", "-shm", "-lock", "-turn", "-vectors", "-vectors.new")
TRUNCATE_BUSY_MS = 250
"""How long emptying the log waits for readers."""


class SqliteStore:
    """A `SpaceStore` in one SQLite file, or in memory for the path ``:memory:``.

    Safe to use from several threads and several processes at once. Not for network file systems,
    whose locks SQLite cannot rely on.
    """

    whole: SqliteStore | None = None  # of a view of the past that began from a snapshot
    earlier_events: Callable[[Id], Sequence[Event]] | None = None

    def __init__(
        self,
        path: str,
        fresh: Identity,
        chain: bytes,
        *,
        read_only: bool = False,
        create: bool = True,
        keys: SpaceKeys | None = None,
        file_key: FileKey | None = None,
    ) -> None:
        """Open a space, making it first where there is none.

        Args:
            fresh, chain: Identity and first chain value for a space that is made here.
            create: Make a file that is not there.
            keys: What opens an encrypted space, and encrypts one that is made here.
            file_key: The key of a file that SQLite itself encrypts as a whole.

        Raises:
            NotASpace, NewerSchema, Damaged, StoreReadOnly, StoreError.
            KeyNeeded, WrongKey, NotEncrypted: it cannot be opened with what was given; it was not changed.
        """
        self.path = path
        self.keys = keys
        self.file_key = file_key
        self.read_only = read_only
        self.why_closed: str | None = None  # for whoever uses it after somebody else closed it
        in_memory = path == IN_MEMORY
        exists = False if in_memory else inspect_header(Path(path), file_key)
        if not exists and (read_only or not create):
            raise StoreReadOnly(f"There is no space at {path}. Nothing was made; open it for writing to make one.")
        if not exists and not in_memory:
            make_private(Path(path))
        if exists and not read_only and file_key is None:
            refuse_backup(Path(path))
        refuse_inherited(path)
        self._turnstile = Turnstile(None if in_memory or read_only else path)
        self._closed = False
        self._settled = False
        self._readers = ReaderPool(lambda: connect(path, writable=not read_only, file_key=file_key))
        self._shared = threading.RLock() if in_memory else None
        self._folder = Folder(path, file_key, read_only=read_only)
        try:
            # In turn from the first statement on: SQLite does not wait for another process that enters WAL mode.
            with translated(path), opening(path), self._turnstile.turn():
                self._connection = self._connected()
                try:
                    self._prepare(fresh, chain)
                    self._settle(self._connection)
                    self._folder.fold_left()
                    if keys is not None and not read_only:
                        finish_if_cut_off(self._connection, self._folder)
                except BaseException:
                    self._connection.close()
                    self._folder.close()
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

    def _connected(self) -> Database:
        connection = connect(self.path, writable=not self.read_only, file_key=self.file_key)
        if not self.read_only and self.path != IN_MEMORY:
            self._folder.watch(connection)
        return connection

    def _prepare(self, fresh: Identity, chain: bytes) -> None:
        if not self.read_only:
            migrate(self._connection, self.path, fresh, chain, self.keys)
            return
        if not is_space(self._connection, self.path):
            raise NotASpace(f"{self.path} is an empty database; a space was begun there and never made.")
        refuse_newer(self.path, schema_version(self._connection), migrations()[-1][0])

    # Writing

    def commit(self, decide: Callable[[Reader], Commit[R]]) -> R:
        def work() -> R:
            self._settle(self._connection)  # what another caller of this transaction took on may be undone
            wanted = decide(SqliteReader(self._connection, self.identity, self._border))
            if wanted.adopts:
                take_identity(self._connection, self.path, *wanted.adopts, self.keys)
                self._settle(self._connection, anew=True)
            if wanted.sealed:
                SqliteWriter(self._connection, self._border).store(wanted.sealed, wanted.pause)
            if wanted.snapshot:
                keep_snapshot(self._connection, wanted.snapshot)
            if wanted.uses:
                add_uses(self._connection, wanted.uses, self.identity.node, self._border)
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
            reader = SqliteReader(self._connection, self.identity, self._border)
            if (bound := reader.model()) != model:
                raise ModelMismatch(f"The space is bound to {bound}, not to {model}. No vector was stored.")
            return store_vectors(self._connection, self._border, reader.vector_revision(), ns, seqs, entries, vectors)

        return self._write(work)

    def adopt(self, identity: Identity, chain: bytes) -> None:
        self.commit(lambda _: Commit((), None, adopts=(identity, chain)))

    def add_uses(self, uses: Uses) -> None:
        self._write(lambda: add_uses(self._connection, uses, self.identity.node, self._border))

    def drop_vectors(self, ns: Sequence[int]) -> None:
        def work() -> None:
            for n in ns:
                self._plain("DELETE FROM vector WHERE n = ?", (n,))
                self._plain("INSERT OR IGNORE INTO backlog SELECT n FROM memory WHERE n = ? AND state = 1", (n,))

        self._write(work)

    @property
    def index_version(self) -> str:
        with self.reading() as reader:
            return index_version(reader.connection)

    def rebuild(self, replay: Replay, index_version: str | None = None) -> bytes:
        def work() -> bytes:
            if index_version is not None:
                note_index_version(self._connection, index_version)
            project(self._connection, self._border, replay)
            return SqliteReader(self._connection, self.identity, self._border).digest()

        return self._write(work)

    def copy_past(self, source: Reader, cut: Cut, replay: Replay, proof: Proof) -> None:
        self._write(lambda: copy_past(self._connection, self._border, source, cut, replay, proof))

    def drop_pruned(self, after_seq: int, limit: int) -> tuple[int, int]:
        return self._write(lambda: drop_pruned(self._connection, after_seq, limit))

    def compact(self) -> bool:
        self._check_open()
        if self.read_only:
            raise StoreReadOnly(f"{self.path} was opened read-only. Nothing was written.")
        with translated(self.path), self._shared or nullcontext(), self._group.idle(), self._turnstile.turn():
            self._plain("VACUUM")
        return self.truncate_log()

    def truncate_log(self) -> bool:
        """Fold the write-ahead log into the file and empty it, so that erased bytes leave the disk.

        Returns False while another reader still needs the log.
        """
        if self.read_only:
            # Only a writer can empty it; what is in it may be anything.
            return not any(file.exists() and file.stat().st_size for file in self.files()[1:2])
        with translated(self.path), self._shared or nullcontext(), self._group.idle():
            self._check_open()
            # Writers wait meanwhile, so a reader that stays is not waited for long: the answer is "not yet".
            return self.path == IN_MEMORY or self._folder.empty(TRUNCATE_BUSY_MS)

    def adopt_model(self, model: SetModel) -> None:
        """Take vectors of this model though no event binds the space to it, for a view of the past."""
        self._write(
            lambda: self._plain(
                "INSERT OR IGNORE INTO model VALUES (1, ?, ?, 0)", (model.fingerprint, model.dimensions)
            )
        )

    @property
    def border(self) -> OpenRows:
        """What stands between the rows of the file and those who read them."""
        return self._border

    def write(self, work: Callable[[Database], R]) -> R:
        """Run work in a transaction with others'."""
        return self._write(lambda: work(self._connection))

    @contextmanager
    def alone(self) -> Generator[Database]:
        """The writing connection, with nobody else in the file: no thread, no process, no reader.

        Whatever became of the keys is read anew at the end.

        Raises:
            StoreBusy: somebody else has the file open.
        """
        self._check_open()
        if self.read_only:
            raise StoreReadOnly(f"{self.path} was opened read-only. Nothing was written.")
        with translated(self.path), self._group.idle(), self._turnstile.turn(), self._readers.drained():
            self._connection.close()
            self._folder.close()
            self._connection = connect(self.path, writable=True, folds=True, file_key=self.file_key)
            try:
                with sole_use(self._connection, self.path):
                    yield self._connection
            finally:
                self._connection.close()
                self._connection = self._connected()
                self._settle(self._connection, anew=True)

    def _write(self, work: Callable[[], R]) -> R:
        self._check_open()
        if self.read_only:
            raise StoreReadOnly(f"{self.path} was opened read-only. Nothing was written.")
        with translated(self.path), self._shared or nullcontext():
            return self._group.run(work)

    def _plain(self, sql: str, values: Sequence[object] = ()) -> None:
        self._connection.execute(sql, values).fetchall()

    def _begin(self) -> None:
        self._check_open()
        self._writes.enter_context(self._turnstile.turn())
        self._plain("BEGIN IMMEDIATE")
        self._settle(self._connection)

    def _commit(self) -> None:
        self._plain("COMMIT")
        self._writes.close()
        self._folder.fold_if_long()

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
                yield SqliteReader(self._connection, self.identity, self._border, self.earlier_events)
            return
        with translated(self.path):
            connection = self._readers.borrow()
            try:
                connection.execute("BEGIN").fetchall()
                try:
                    self._settle(connection)
                    yield SqliteReader(connection, self.identity, self._border)
                finally:
                    # SQLite ends a transaction by itself on some errors; the error matters then, not the end.
                    if connection.in_transaction:
                        connection.execute("ROLLBACK").fetchall()
            finally:
                self._readers.give_back(connection)

    def residue(self, texts: Sequence[str]) -> int:
        if self.path == IN_MEMORY:
            return 0
        with self.reading() as reader:
            return residue(reader.connection, self.files()[:2], texts, self._border.erased())

    def problems(self) -> list[str]:
        with self.reading() as reader:
            return problems_of(reader.rows)

    def size_bytes(self) -> int:
        return 0 if self.path == IN_MEMORY else sum(map(_bytes_of, self.files()))

    def log_bytes(self) -> int:
        log = self.files()[1]
        return log.stat().st_size if self.path != IN_MEMORY and log.exists() else 0

    def files(self) -> list[Path]:
        """Every file the space may have on disk."""
        return [Path(self.path + ending) for ending in _ENDINGS]

    def close(self) -> None:
        if not self._home.is_here:  # the files belong to the process this one was forked from
            self._closed = True
            return
        if self._closed:
            return
        self._closed = True
        self._readers.close()
        # No write and, in memory, no reading is under way once these locks are ours.
        with self._shared or nullcontext(), self._group.idle():
            self._connection.close()
            if self.path != IN_MEMORY:
                self._folder.close_last()
        self._turnstile.close()
        self._home.leave()

    def _check_open(self) -> None:
        if self._closed:
            raise Closed(self.why_closed)
        self._home.check()

    def _settle(self, connection: Database, *, anew: bool = False) -> None:
        """Read who the space is, until it has an event: an empty one may take another identity, in any process."""
        if anew or not self._settled:
            self.identity, self._border = read_identity(connection, self.path, self.keys)
            self._border.takes_unchecked = not index_version(connection)
            self._settled = bool(connection.execute("SELECT 1 FROM event LIMIT 1").fetchone())


def _bytes_of(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:  # also one that was just put in place of another
        return 0
