"""The schema is the sum of its migrations, and dying in one leaves a file that opens."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import pytest

from holdfast.adapters.sqlite import migrate as module
from holdfast.adapters.sqlite import store as store_module
from holdfast.adapters.sqlite.migrate import migrations
from holdfast.testing.store_desk import readable
from tests.adapters.sqlite.desks import desk_at, space_at, store_at

SECOND = """
-- A migration as a later release might bring.
CREATE TABLE later (n INTEGER PRIMARY KEY, word TEXT) STRICT;
INSERT INTO later SELECT n, 'moved' FROM memory;
ALTER TABLE memory ADD COLUMN mood TEXT;
CREATE INDEX memory_mood ON memory (mood) WHERE mood IS NOT NULL;
"""


def schema_of(connection: apsw.Connection) -> list[tuple[str, str]]:
    rows = connection.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")
    return [(name, sql) for name, sql in rows]


def schema_at(path: Path) -> list[tuple[str, str]]:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return schema_of(connection)
    finally:
        connection.close()


def version_at(path: Path) -> int:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return connection.execute("PRAGMA user_version").get
    finally:
        connection.close()


@pytest.fixture
def a_second_migration(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Calling it makes the library one release newer."""
    newer = (*migrations(), (len(migrations()) + 1, SECOND))

    def upgrade() -> None:
        for place in (module, store_module):
            monkeypatch.setattr(place, "migrations", lambda: newer)

    return upgrade


def test_the_schema_is_the_sum_of_the_migrations(tmp_path: Path) -> None:
    path = space_at(tmp_path / "memory.db")
    plain = apsw.Connection(":memory:")
    for _, sql in migrations():
        plain.execute(sql).fetchall()
    assert schema_at(path) == schema_of(plain)
    assert version_at(path) == len(migrations())


def test_an_older_space_is_brought_up_with_everything_in_it(
    tmp_path: Path, a_second_migration: Callable[[], None]
) -> None:
    path = space_at(tmp_path / "memory.db")
    desk = desk_at(path)
    before = readable(desk)
    desk.store.close()
    a_second_migration()
    desk = desk_at(path)
    assert readable(desk) == before
    assert desk.store._connection.execute("SELECT count(*) FROM later").get == 3
    desk.fact("after")
    assert desk.store.problems() == []
    desk.store.close()
    assert version_at(path) == len(migrations()) + 1


def test_a_migration_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = space_at(tmp_path / "memory.db")
    before = schema_at(path)
    broken = (*migrations(), (len(migrations()) + 1, SECOND + "INSERT INTO nowhere VALUES (1);"))
    monkeypatch.setattr(module, "migrations", lambda: broken)
    with pytest.raises(Exception, match="nowhere"):
        store_at(path)
    assert (schema_at(path), version_at(path)) == (before, len(migrations()))
    monkeypatch.undo()
    desk = desk_at(path)
    assert desk.read(lambda r: r.count()) == 3
    desk.store.close()


@pytest.fixture
def hooks() -> Iterator[list[Callable[[apsw.Connection], None]]]:
    """Called with every connection that is made."""
    before = list(apsw.connection_hooks)
    yield apsw.connection_hooks
    apsw.connection_hooks[:] = before


def statements_of_opening(path: Path, hooks: list[Callable[[apsw.Connection], None]], die_at: int | None) -> int:
    """Open a space in a forked process that kills itself before a statement; gives how many it came to."""
    ours, theirs = os.pipe()
    process = os.fork()
    if process == 0:

        def trace(*_: object) -> bool:
            os.write(theirs, b".")
            trace.count += 1
            if trace.count == die_at:
                os.kill(os.getpid(), signal.SIGKILL)
            return True

        trace.count = 0
        hooks.append(lambda connection: connection.set_exec_trace(trace))
        try:
            store_at(path)
        finally:
            os._exit(0)
    os.close(theirs)
    with os.fdopen(ours, "rb") as pipe:
        count = len(pipe.read())
    os.waitpid(process, 0)
    return count


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="the dying process is forked")


@needs_fork
def test_dying_at_any_statement_of_the_making_leaves_a_file_that_opens(
    tmp_path: Path, hooks: list[Callable[[apsw.Connection], None]]
) -> None:
    count = statements_of_opening(tmp_path / "whole.db", hooks, None)
    assert count > 15
    for place in range(1, count + 1):
        path = tmp_path / f"{place}.db"
        assert statements_of_opening(path, hooks, place) == place
        desk = desk_at(path)
        desk.fact("one")
        assert (desk.read(lambda r: r.count()), desk.store.problems()) == (1, [])
        desk.store.close()
        assert schema_at(path) == schema_at(tmp_path / "whole.db")


@needs_fork
def test_dying_at_any_statement_of_a_migration_leaves_the_old_or_the_new(
    tmp_path: Path, hooks: list[Callable[[apsw.Connection], None]], a_second_migration: Callable[[], None]
) -> None:
    source = space_at(tmp_path / "source.db")
    data = source.read_bytes()
    desk = desk_at(source)
    before = readable(desk)
    desk.store.close()
    old = version_at(source)
    a_second_migration()
    count = statements_of_opening(source, hooks, None)
    seen: set[int] = set()
    for place in range(1, count + 1):
        path = tmp_path / f"{place}.db"
        path.write_bytes(data)
        statements_of_opening(path, hooks, place)
        seen.add(version_at(path))
        desk = desk_at(path)
        assert readable(desk) == before
        assert desk.store._connection.execute("SELECT count(*) FROM later").get == 3
        desk.store.close()
    assert seen == {old, old + 1}
