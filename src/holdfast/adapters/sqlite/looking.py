"""What the file of a space, or a backup of one, says of itself without a key: for a look, never for an answer."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import cast

import apsw

from holdfast.adapters.sqlite.connection import (
    BACKUP_ID,
    application_of,
    connect,
    inspect_header,
    is_space,
    opening,
    schema_version,
    translated,
)
from holdfast.adapters.sqlite.database import Database
from holdfast.adapters.sqlite.envelope import meta_of
from holdfast.adapters.sqlite.migrate import migrations
from holdfast.errors import HoldfastError
from holdfast.model.diagnosis import BackupSeen, FileInside

MONTH_MS = 30 * 86_400_000
MOST_FORGETS = 1_000
MOST_FILES = 2_000
"""Files of a folder that are looked at for backups."""
_ENDINGS = ("-wal", "-shm", "-lock", "-turn", "-journal", "-vectors", ".part", ".new")
_MS_OF_HLC = 16
"""Bits of a hybrid clock below its milliseconds; see `holdfast.core.proof`."""


def inside(path: Path, now_ms: int) -> FileInside:
    """What a file says of itself.

    Raises:
        NotASpace, Damaged, StoreError: it is no space, or cannot be read.
    """
    name = str(path)
    with translated(name), opening(name), closing(connect(name, writable=False)) as connection:
        connection.execute("BEGIN").fetchall()  # one view for all of it
        return _read(connection, name, now_ms)


@contextmanager
def leaving_nothing(path: Path) -> Generator[None]:
    """Around reading a space: where it was closed cleanly, it is so again.

    A reader makes SQLite's log and its index, and cannot take them away. Whoever may write does, where nobody else has
    the file open; the log is empty then, so that nothing is written to the file.
    """
    beside = [path.with_name(path.name + ending) for ending in ("-wal", "-shm")]
    was_closed = not any(one.exists() for one in beside)
    try:
        yield
    finally:
        if was_closed and os.access(path, os.W_OK):
            with suppress(apsw.Error), closing(_bare(path)) as connection:
                connection.execute("PRAGMA schema_version").fetchall()


def _bare(path: Path) -> Database:
    return cast("Database", apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE))


def backups_in(folders: tuple[Path, ...], space: str, beside: Path, now_ms: int) -> tuple[BackupSeen, ...]:
    """The backups of a space in some folders, newest first; what cannot be read is none.

    Args:
        space: The id of the space, in hexadecimal digits.
        beside: The file of the space.
    """
    found = list[BackupSeen]()
    for folder in dict.fromkeys(folders):
        for path in _files(folder):
            try:
                if not inspect_header(path) or application_of(path) != BACKUP_ID:
                    continue
                seen, state = inside(path, now_ms), path.stat()
            except (HoldfastError, OSError):
                continue
            if seen.space == space:
                same = state.st_dev == beside.stat().st_dev
                found.append(BackupSeen(str(path), int(state.st_mtime * 1000), seen.seq, state.st_mode & 0o777, same))
    return tuple(sorted(found, key=lambda one: -one.taken_ms))


def _files(folder: Path) -> list[Path]:
    try:
        listed = sorted(one for one in folder.iterdir() if not one.name.endswith(_ENDINGS))[:MOST_FILES]
        return [one for one in listed if one.is_file()]
    except OSError:
        return []


def _read(connection: Database, name: str, now_ms: int) -> FileInside:
    newest = migrations()[-1][0]
    if not is_space(connection, name):
        return FileInside(newest_schema=newest)

    def one(sql: str, *values: object) -> int:
        return connection.execute(sql, values).get or 0

    since = (now_ms - MONTH_MS) << _MS_OF_HLC
    last = connection.execute("SELECT max(hlc) FROM event").get
    # The clock never goes back along the journal of one node: the first event of the month begins its end.
    first = one("SELECT coalesce(min(seq), 0) FROM event WHERE hlc >= ?", since)
    recent = "FROM event WHERE seq >= ? AND ? > 0"
    forgets = connection.execute("SELECT seq FROM event WHERE type = 6 ORDER BY seq DESC LIMIT ?", (MOST_FORGETS,))
    return FileInside(
        space=meta_of(connection).get("space", b"").hex(),
        schema=schema_version(connection),
        newest_schema=newest,
        pages=one("PRAGMA page_count"),
        free_pages=one("PRAGMA freelist_count"),
        page_bytes=one("PRAGMA page_size"),
        seq=one("SELECT max(seq) FROM event"),
        newest_ms=None if last is None else last >> _MS_OF_HLC,
        month_payload_bytes=one(f"SELECT sum(length(payload)) {recent}", first, first),
        month_events=one(f"SELECT count(*) {recent}", first, first),
        most_payload_bytes=one("SELECT max(length(payload)) FROM event"),
        erased=one("SELECT count(*) FROM event WHERE payload IS NULL AND type IN (1, 2)"),
        nodes=one("SELECT count(*) FROM node WHERE node_seq > 0"),
        due_ms=connection.execute("SELECT min(at_ms) FROM expiry").get,
        forgets=tuple(seq for (seq,) in forgets.fetchall()),
    )
