"""Copying whole spaces while they are written to, and putting files in place whole or not at all."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import cast

import apsw

from holdfast.adapters.sqlite.connection import (
    APPLICATION_ID,
    BACKUP_ID,
    application_of,
    connect,
    inspect_header,
    make_private,
    translated,
)
from holdfast.adapters.sqlite.database import Database
from holdfast.adapters.sqlite.folding import Folder
from holdfast.adapters.sqlite.forks import refuse_inherited
from holdfast.adapters.sqlite.gaps import clean_vfs
from holdfast.adapters.sqlite.turn import Turnstile
from holdfast.disk import sync, write_failed
from holdfast.errors import AlreadyThere, NotASpace, StoreBusy, StoreError
from holdfast.model.ids import Id
from holdfast.ports.spacefiles import Place, Tell

try:
    import fcntl
except ImportError:  # pragma: no cover - not on this platform; two backups into one file are then not told apart
    fcntl = None

STEP_PAGES = 256
"""Pages copied between two calls of ``tell``: 2 MiB."""
ALONE_MS = 2_000
"""How long is waited for others to close a space."""
_COPY = "space.db"
_PAGES_PART = ".pages.part"
_PAGES = frozenset(
    ("facts", "facts by category", "sessions", "about.md", "holdfast-export.json", "holdfast-export.json.begun")
)
"""What an export of pages makes in its part."""


class SqliteFiles:
    """`SpaceFiles` for spaces in SQLite files."""

    @contextmanager
    def part(self, target: Path) -> Generator[Path]:
        mark = hashlib.blake2b(os.fsencode(target.name), digest_size=4).hexdigest()
        folder = target.absolute().parent / f".{target.name[:60]}.{mark}.part"
        with _reported(target):
            for left in left_parts(folder.parent):
                _remove_left(left)
            descriptor = _locked(folder, target)
        try:
            with _reported(target):
                _empty(folder)
            yield folder / _COPY
        finally:
            # Removed while locked, so that nobody else's part is taken for a stale one.
            shutil.rmtree(folder, ignore_errors=True)
            os.close(descriptor)

    def copy(self, source: Path, target: Path, *, as_backup: bool, tell: Tell | None) -> Place:
        refuse_inherited(str(source))
        if not inspect_header(source):
            raise NotASpace(f"{source} is empty; there is no space in it to copy.")
        make_private(target)
        folder = Folder(str(source), None, read_only=True)
        with translated(str(source)), closing(connect(str(source), writable=False)) as read:
            # One view for all steps: in WAL mode it keeps no writer waiting, and no write makes the copy begin again.
            read.execute("BEGIN").fetchall()
            place = _place(read)
            with translated(str(target)), closing(_plain(target)) as written:
                with written.backup("main", cast("apsw.Connection", read), "main") as pages:
                    while not pages.done:
                        pages.step(STEP_PAGES)
                        if tell is not None:
                            tell(pages.page_count - pages.remaining, pages.page_count)
                # One file without a log beside it, so that it can be kept and read anywhere.
                run = cast("Database", written).execute
                run(f"PRAGMA application_id={BACKUP_ID if as_backup else APPLICATION_ID}").fetchall()
                run("PRAGMA journal_mode=DELETE").fetchall()
        folder.close_last()
        with _reported(target):
            sync(target)
        return place

    def is_backup(self, path: Path) -> bool:
        if not inspect_header(path):
            raise NotASpace(f"{path} is empty; it is neither a space nor a backup of one.")
        return application_of(path) == BACKUP_ID

    def put(self, part: Path, target: Path, *, replace: bool) -> int:
        with _reported(target):
            sync(part)
            size = part.stat().st_size
            if replace:
                part.replace(target)
            else:
                _link(part, target)
            sync(target.absolute().parent)
        return size

    @contextmanager
    def alone(self, path: Path) -> Generator[Place]:
        refuse_inherited(str(path))
        turnstile = Turnstile(str(path))
        try:
            # Whoever opens it to write waits for this turn, and finds what is there when it ends.
            with translated(str(path)), turnstile.turn():
                with closing(connect(str(path), writable=True, folds=True)) as connection:
                    place = _place(connection)
                    connection.set_busy_timeout(ALONE_MS)
                    _leave_wal(connection, path)
                yield place
        finally:
            turnstile.close()


def _leave_wal(connection: Database, path: Path) -> None:
    """Fold the log into the file and let go of it, which SQLite does only where nobody else has the file open."""
    try:
        mode = connection.execute("PRAGMA journal_mode=DELETE").get
    except apsw.BusyError:
        mode = "wal"
    if mode != "delete":
        raise StoreBusy(
            f"{path} is open in this or another process, which would go on writing to a file that is no longer "
            "there. Nothing was changed; close it there and try again."
        )


def _place(connection: Database) -> Place:
    heads = connection.execute("SELECT id, node_seq, chain FROM node WHERE node_seq > 0 ORDER BY id").fetchall()
    return Place(
        connection.execute("SELECT coalesce(max(seq), 0) FROM event").get,
        {Id(node): (number, chain) for node, number, chain in heads},
    )


def _plain(target: Path) -> apsw.Connection:
    return apsw.Connection(str(target), flags=apsw.SQLITE_OPEN_READWRITE, vfs=clean_vfs())


def left_parts(folder: Path) -> list[Path]:
    """Parts in a folder that a killed backup, restore or export of pages left there, and nobody works on.

    They hold memories that anybody who may read the folder's files can read, and no forget reaches them; the next
    backup or restore beside them removes them.
    """
    if fcntl is None:
        return []
    return sorted(part for part in folder.glob(".*.part") if _is_part(part) and _is_free(part))


def _is_part(path: Path) -> bool:
    """Whether a folder is one of ours by its name, its owner and what lies in it; others are left alone."""
    try:
        if path.is_symlink() or not path.is_dir() or path.stat().st_uid != os.geteuid():
            return False
        names = {one.name for one in path.iterdir()}
    except OSError:
        return False
    if not names:
        return False  # somebody is about to lock it, and nothing is in it
    if path.name.endswith(_PAGES_PART):
        return names <= _PAGES
    is_named = re.fullmatch(r"\..*\.[0-9a-f]{8}\.part", path.name, re.DOTALL) is not None
    return is_named and all(re.fullmatch(r"(space|cut)\.db(-[a-z]+)?", name) for name in names)


def _is_free(part: Path) -> bool:
    try:
        descriptor = _held(part)
    except OSError:
        return False
    os.close(descriptor)
    return True


def _remove_left(part: Path) -> None:
    with suppress(OSError):  # taken over or removed by somebody else meanwhile
        descriptor = _held(part)
        try:
            shutil.rmtree(part, ignore_errors=True)
        finally:
            os.close(descriptor)


def _held(part: Path) -> int:
    """Lock a part; gives the open descriptor.

    Raises:
        OSError: somebody else holds it, or it is gone.
    """
    descriptor = os.open(part, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _locked(folder: Path, target: Path) -> int:
    """Make a private folder, or take over the one a killed attempt left, and lock it; gives the open descriptor."""
    while True:
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            if not folder.parent.is_dir():
                raise
            continue  # removed by whoever had it until now
        if fcntl is None:
            return descriptor
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise StoreBusy(f"Another process is making {target}. Nothing was written; wait for it.") from None
        with suppress(FileNotFoundError):
            if folder.stat().st_ino == os.fstat(descriptor).st_ino:
                return descriptor
        os.close(descriptor)


def _empty(folder: Path) -> None:
    for left in folder.iterdir():
        left.unlink()


def _link(part: Path, target: Path) -> None:
    """Put a file where there is none: a link fails where one came to be, which a rename would replace."""
    try:
        target.hardlink_to(part)
    except FileExistsError:
        raise AlreadyThere(f"{target} is there already. It was not changed.") from None
    except OSError:
        if target.exists():
            raise AlreadyThere(f"{target} is there already. It was not changed.") from None
        part.replace(target)  # a file system without links


@contextmanager
def _reported(target: Path) -> Generator[None]:
    """Raise what the system refuses as Holdfast's errors."""
    try:
        yield
    except FileNotFoundError:
        raise StoreError(
            f"{target} cannot be made: there is no folder {target.absolute().parent}. Make it first."
        ) from None
    except OSError as error:
        raise write_failed(
            error, f"{target} cannot be written ({error.strerror}). Nothing is there that was not there before."
        ) from error
