"""Opening SQLite the one way Holdfast uses it, and turning its errors into ours."""

from __future__ import annotations

import os
import struct
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import cast

import apsw

from holdfast.adapters.sqlite.database import Database
from holdfast.adapters.sqlite.gaps import MOST_PAGES, clean_vfs
from holdfast.adapters.sqlite.whole_file import unlock_file
from holdfast.errors import (
    Damaged,
    NewerSchema,
    NotASpace,
    NotEncrypted,
    StoreBusy,
    StoreError,
    StoreFull,
    StoreReadOnly,
)
from holdfast.model.encryption import FileKey

APPLICATION_ID = 0x48464153
"""``HFAS`` in the file's header (PRAGMA application_id): a Holdfast space."""
BACKUP_ID = 0x4846424B
"""``HFBK``: a backup of one, which is only read until it is restored."""
PAGE_BYTES = 8192
BUSY_MS = 30_000
CACHE_KIB = 8_192
IN_MEMORY = ":memory:"
_MAGIC = b"SQLite format 3\x00"
_JOURNAL_MAGIC = bytes.fromhex("d9d505f920a163d7")
"""How a rollback journal begins; at byte 16 stands how many pages the database had."""
_WAL_FORMAT = 2
"""Byte 18 of a database in WAL mode."""


_NEEDS_ITS_FOLDER = (
    apsw.SQLITE_READONLY_CANTINIT,
    apsw.SQLITE_READONLY_CANTLOCK,
    apsw.SQLITE_READONLY_DIRECTORY,
    apsw.SQLITE_READONLY_RECOVERY,
)


@contextmanager
def translated(path: str) -> Generator[None]:
    """Raise SQLite's errors as Holdfast's, naming the file."""
    try:
        yield
    except apsw.BusyError as error:
        raise StoreBusy(
            f"{path} stayed locked by another process for {BUSY_MS // 1000} s. Nothing was written; try again."
        ) from error
    except apsw.FullError as error:
        raise StoreFull(
            f"The disk of {path} is full. Nothing of this change was written; what was acknowledged before is kept. "
            "Free some space and try again."
        ) from error
    except (apsw.ReadOnlyError, apsw.PermissionsError, apsw.AuthError) as error:
        if getattr(error, "extendedresult", 0) in _NEEDS_ITS_FOLDER:
            raise StoreReadOnly(
                f"{path} cannot be used here, not even to read: SQLite needs to write files beside it and its folder "
                "cannot be written. Nothing was changed; copy it to a folder that can be written."
            ) from error
        raise StoreReadOnly(f"{path} cannot be written here ({error}). Nothing was written.") from error
    except apsw.NotADBError as error:
        raise NotASpace(f"{path} is not a Holdfast space. It was not changed.") from error
    except apsw.CorruptError as error:
        raise Damaged(
            f"{path} is damaged: {error}. Run `holdfast check` on it and keep a copy before anything else."
        ) from error
    except apsw.CantOpenError as error:
        folder = Path(path).parent
        if folder.is_dir() and not os.access(folder, os.W_OK):
            raise StoreReadOnly(
                f"{path} cannot be opened, since its folder cannot be written. Nothing was written."
            ) from error
        raise StoreError(f"{path} cannot be opened ({error}); check that its folder exists and may be used.") from error
    except apsw.IOError as error:
        raise StoreError(
            f"Reading or writing {path} failed ({error}). Nothing of this change was written; "
            "what was acknowledged before is kept."
        ) from error
    except UnicodeDecodeError as error:
        raise Damaged(
            f"{path} holds text that is none ({error.reason} at {error.start}): a label was altered. "
            "Run `holdfast rebuild`, which makes labels again from the journal."
        ) from error
    except apsw.SQLError as error:
        # Our statements are fixed, so what SQLite does not find in the file is missing from the file.
        raise Damaged(
            f"{path} is damaged: {error}. Nothing of this change was written; restore it from a backup."
        ) from error
    except apsw.Error as error:
        raise StoreError(
            f"SQLite cannot do what was asked of {path} ({type(error).__name__}: {error}). Nothing of this change "
            "was written. Run `holdfast check` on it."
        ) from error


def followed(path: Path) -> Path:
    """What a symbolic link leads to: log, locks and index lie beside the file, under one name whoever opens it.

    Raises:
        StoreError: it leads nowhere.
    """
    if not path.is_symlink():
        return path
    with suppress(OSError, RuntimeError):
        found = path.resolve()
        if not found.is_symlink() and found.parent.is_dir():
            return found
    raise StoreError(
        f"{path} is a symbolic link that leads to no folder that is there, or in a circle. Nothing was changed; name "
        "the file itself."
    )


def inspect_header(path: Path, file_key: FileKey | None = None) -> bool:
    """Whether the file is a space already; False for a missing or empty one.

    Args:
        file_key: The file is encrypted as a whole, so that there is nothing to see in its header.

    Raises:
        NotEncrypted: there is, in spite of the key.
        NotASpace: it is some other file.
        Damaged: it is shorter than its own header says.
        StoreReadOnly: it may not be read.
    """
    if path.is_dir():
        raise NotASpace(f"{path} is a folder; expected a file such as {path / 'memory.db'}.")
    if not path.exists() or not path.stat().st_size:
        return False
    try:
        head = next(blocks(path, 100), b"")
    except apsw.CantOpenError:
        raise StoreReadOnly(f"{path} may not be read.") from None
    if file_key is not None:
        if head.startswith(_MAGIC):
            raise NotEncrypted(f"{path} is not encrypted as a whole, but a FileKey was given. It was not changed.")
        return True
    if _was_cut_off_in_making(path):
        return True
    if len(head) < 100 or not head.startswith(_MAGIC):
        raise NotASpace(f"{path} is not a Holdfast space. It was not changed.")
    (page_bytes,) = struct.unpack(">H", head[16:18])
    page_bytes = 65_536 if page_bytes == 1 else page_bytes
    (pages,) = struct.unpack(">I", head[28:32])
    (application,) = struct.unpack(">I", head[68:72])
    wal = path.with_name(path.name + "-wal")
    has_wal = wal.exists() and wal.stat().st_size > 0
    if application not in (APPLICATION_ID, BACKUP_ID):
        (cookie,) = struct.unpack(">I", head[40:44])
        # A process that died while it made a space leaves an empty database, or one whose first tables are in its log.
        if application != 0 or cookie != 0 or head[18] != _WAL_FORMAT:
            raise _foreign(path)
    size = path.stat().st_size
    if not has_wal and pages * page_bytes > size:
        raise Damaged(
            f"{path} is cut short: {size:,} bytes where {pages * page_bytes:,} belong. It was not changed; "
            "restore it from a backup, or copy it and run `holdfast check` on the copy."
        )
    return True


def _was_cut_off_in_making(path: Path) -> bool:
    """Whether a journal beside the file says that it was empty: SQLite empties it again, whatever is in it."""
    journal = path.with_name(path.name + "-journal")
    if not journal.exists() or journal.stat().st_size < 28:
        return False
    head = next(blocks(journal, 28))
    return head.startswith(_JOURNAL_MAGIC) and not any(head[16:20])


def application_of(path: Path) -> int:
    """What the header of a file says it is: `APPLICATION_ID`, `BACKUP_ID` or another."""
    return int.from_bytes(next(blocks(path, 100), b"")[68:72], "big")


def refuse_backup(path: Path) -> None:
    """Raise `StoreReadOnly` for a backup: what was forgotten since it was taken must be applied to it first."""
    if application_of(path) == BACKUP_ID:
        raise StoreReadOnly(
            f"{path} is a backup, which is only read. It was not changed; `holdfast restore` makes a space of it, "
            "without what was forgotten since."
        )


def blocks(path: Path, size: int) -> Iterator[bytes]:
    """The bytes of a file, so many at a time, read through SQLite.

    A process that opens and closes a database by itself drops the locks that SQLite holds on it
    (https://www.sqlite.org/howtocorrupt.html, section 2.2).
    """
    file = apsw.VFSFile("", str(path), [apsw.SQLITE_OPEN_MAIN_DB | apsw.SQLITE_OPEN_READONLY, 0])
    try:
        end = file.xFileSize()
        for start in range(0, end, size):
            yield file.xRead(min(size, end - start), start)
    finally:
        file.xClose()


def make_private(path: Path) -> None:
    """Make an empty file that its owner alone may read, where there is none; SQLite's own files take after it."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileNotFoundError:
        raise StoreError(f"{path} cannot be made: there is no folder {path.parent}. Make it first.") from None
    except OSError:
        # It is there already, or cannot be made: SQLite says which.
        return


def connect(
    path: str, *, writable: bool, folds: bool = False, create: bool = True, file_key: FileKey | None = None
) -> Database:
    """A connection with Holdfast's settings; the file must be a space or, if writable, new.

    ``synchronous=FULL`` because NORMAL loses acknowledged commits when the power goes;
    ``secure_delete`` so that what was erased is overwritten.

    Args:
        folds: The connection may fold the log into the file, writing pages without gaps (`gaps`); the others
            never do. A file that SQLite encrypts as a whole shows no gaps, and there every connection may.
        create: Make a writable file that is not there.
    """
    making = apsw.SQLITE_OPEN_CREATE if create else 0
    flags = apsw.SQLITE_OPEN_READWRITE | making if writable else apsw.SQLITE_OPEN_READONLY
    vfs = clean_vfs() if folds and file_key is None else None
    opened = apsw.Connection(path, flags=flags, statementcachesize=120, vfs=vfs)
    try:
        return _set_up(opened, path, writable=writable, folds=folds, file_key=file_key)
    except BaseException:
        # Whoever keeps the error would keep the file open, and what is locked in it.
        with suppress(apsw.Error):
            opened.close()
        raise


def _set_up(opened: apsw.Connection, path: str, *, writable: bool, folds: bool, file_key: FileKey | None) -> Database:
    connection = cast(Database, opened)
    connection.set_busy_timeout(BUSY_MS)
    if writable and file_key is None and path != IN_MEMORY:
        opened.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0 if folds else 1)
    if file_key is not None:
        unlock_file(connection, path, file_key)
    if writable:
        connection.execute(f"PRAGMA page_size={PAGE_BYTES}; PRAGMA journal_mode=WAL").fetchall()
        connection.execute("PRAGMA synchronous=FULL; PRAGMA secure_delete=ON; PRAGMA foreign_keys=OFF").fetchall()
        if file_key is None:
            connection.execute(f"PRAGMA max_page_count={MOST_PAGES}").fetchall()
            if not folds:
                connection.execute("PRAGMA wal_autocheckpoint=0").fetchall()
    connection.execute(f"PRAGMA cache_size=-{CACHE_KIB}; PRAGMA temp_store=MEMORY").fetchall()
    return connection


def schema_version(connection: Database) -> int:
    """PRAGMA user_version: the number of the newest migration that was applied."""
    return connection.execute("PRAGMA user_version").get


def is_space(connection: Database, path: str) -> bool:
    """Whether the database, its log included, is a space; False for an empty one.

    Raises:
        NotASpace: it is somebody else's.
        Damaged: it is a space without a version.
    """
    application = connection.execute("PRAGMA application_id").get
    if application in (APPLICATION_ID, BACKUP_ID):
        if schema_version(connection) < 1:
            raise Damaged(f"{path} is damaged: its header names no schema version. Restore it from a backup.")
        return True
    if application or connection.execute("SELECT count(*) FROM sqlite_schema").get:
        raise _foreign(path)
    return False


def _foreign(path: str | Path) -> NotASpace:
    return NotASpace(f"{path} is an SQLite file, but not a Holdfast space. It was not changed.")


@contextmanager
def opening(path: str) -> Generator[None]:
    """Raise `Damaged` where even the first statements on a file do not work."""
    try:
        yield
    except apsw.SQLError as error:
        raise Damaged(f"{path} is damaged: {error}. It was not changed; restore it from a backup.") from error


def refuse_newer(path: str, found: int, known: int) -> None:
    """Raise `NewerSchema` where the file is from a later library."""
    if found > known:
        raise NewerSchema(
            f"{path} was written by a newer Holdfast (schema {found}; this one knows up to {known}). "
            "It was not changed; upgrade Holdfast to open it."
        )
