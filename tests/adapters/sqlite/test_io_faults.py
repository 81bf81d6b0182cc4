"""Whichever read, write or sync fails, what was acknowledged is kept and the space goes on when the disk does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from holdfast.core.proof import chain_problems
from holdfast.errors import HoldfastError, StoreError, StoreFull
from holdfast.testing.store_desk import Desk, readable
from tests.adapters.sqlite.desks import desk_at

NAME = "holdfast-test-faults"
BASE = apsw.vfs_names()[0]
"""The machine's own files."""


class Disk:
    """Says which calls fail: the one with a number, and with ``lasting`` every later one."""

    def __init__(self) -> None:
        self.count = 0
        self.fail_at: int | None = None
        self.lasting = False
        self.error: type[apsw.Error] = apsw.IOError

    def plan(self, fail_at: int | None, *, lasting: bool = False, error: type[apsw.Error] = apsw.IOError) -> None:
        self.count, self.fail_at, self.lasting, self.error = 0, fail_at, lasting, error

    def call(self) -> None:
        self.count += 1
        if self.fail_at and (self.count == self.fail_at or (self.lasting and self.count > self.fail_at)):
            raise self.error("planned failure")


DISK = Disk()


class FaultyFile(apsw.VFSFile):
    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's name
        DISK.call()
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:  # noqa: N802
        DISK.call()
        super().xSync(flags)

    def xTruncate(self, size: int) -> None:  # noqa: N802
        DISK.call()
        super().xTruncate(size)


class FaultyFiles(apsw.VFS):
    def __init__(self) -> None:
        super().__init__(NAME, BASE, makedefault=True)

    def xOpen(self, name: Any, flags: list[int]) -> FaultyFile:  # noqa: N802
        return FaultyFile(BASE, name, flags)


@pytest.fixture
def disk() -> Iterator[Disk]:
    vfs = FaultyFiles()
    DISK.plan(None)
    yield DISK
    DISK.plan(None)
    vfs.unregister()


def acts(desk: Desk) -> dict[str, Callable[[], object]]:
    """Every sort of write, on a space with two facts that have vectors."""
    first, second = desk.read(lambda r: [held.id for held in r.live(0, 2)])
    return {
        "take": lambda: desk.fact("a new fact " * 2_000),
        "correct": lambda: desk.correct(first, "a correction"),
        "forget": lambda: desk.forget(second),
        "embed": lambda: desk.embed(first),
        "drop": lambda: desk.store.drop_vectors([1, 2]),
        "rebuild": desk.ledger.rebuild,
        "let go of the log": desk.store.truncate_log,
    }


@pytest.mark.parametrize("error", [apsw.IOError, apsw.FullError])
@pytest.mark.parametrize("lasting", [False, True], ids=["once", "lasting"])
@pytest.mark.parametrize("act", ["take", "correct", "forget", "embed", "drop", "rebuild", "let go of the log"])
def test_any_failing_call_leaves_a_space_that_goes_on(
    tmp_path: Path, disk: Disk, act: str, lasting: bool, error: type[apsw.Error]
) -> None:
    failed = 0
    for place in range(1, 200):
        desk = desk_at(tmp_path / f"{place}.db")
        records = [desk.fact(text) for text in ("one", "two")]
        desk.bind()
        desk.embed(*records)
        before = readable(desk)
        run = acts(desk)[act]
        disk.plan(place, lasting=lasting, error=error)
        raised: HoldfastError | None = None
        try:
            run()
        except HoldfastError as found:
            raised = found
        came_to, _ = disk.count, disk.plan(None)
        if raised:
            failed += 1
            assert isinstance(raised, StoreFull if error is apsw.FullError else StoreError)
            assert readable(desk) == before
        # The disk works again: so does the space, here and for whoever opens it next.
        desk.fact("after")
        assert desk.store.problems() == []
        after = readable(desk)
        desk.store.close()
        again = desk_at(tmp_path / f"{place}.db")
        assert readable(again) == after
        assert chain_problems(again.read(lambda r: list(r.events(0, 100)))) == []
        again.store.close()
        if came_to < place:
            break
    else:
        pytest.fail("never came to the last call")
    assert failed >= 1


def test_making_a_space_on_a_disk_that_fails_leaves_nothing_in_the_way(tmp_path: Path, disk: Disk) -> None:
    for place in range(1, 200):
        path = tmp_path / f"{place}.db"
        disk.plan(place, lasting=True)
        made: Desk | None = None
        try:
            made = desk_at(path)
        except StoreError:
            made = None
        came_to, _ = disk.count, disk.plan(None)
        if made:
            made.store.close()
        desk = desk_at(path)
        desk.fact("one")
        assert desk.store.problems() == []
        desk.store.close()
        if made and came_to < place:
            break
    else:
        pytest.fail("never came to the last call")
    assert place > 3
