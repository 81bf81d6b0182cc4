"""Files that are not a sound space: a clear error, nothing changed, nothing altered ever returned as sound."""

from __future__ import annotations

import errno
import os
import random
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import pytest

from holdfast.adapters.sqlite.connection import APPLICATION_ID, connect
from holdfast.core.proof import chain_problems
from holdfast.errors import (
    Damaged,
    HoldfastError,
    NewerSchema,
    NotASpace,
    StoreError,
    StoreFull,
    StoreReadOnly,
)
from holdfast.memory import Memory
from holdfast.testing.store_desk import readable
from tests.adapters.sqlite.desks import desk_at, space_at, store_at

PAGE = 8192


def other_database(path: Path, *, wal: bool = False) -> apsw.Connection:
    connection = apsw.Connection(str(path))
    if wal:
        connection.execute("PRAGMA journal_mode=WAL").fetchall()
    connection.execute("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)").fetchall()
    return connection


def refused(path: Path, error: type[HoldfastError]) -> None:
    """Opening raises, for reading and for writing, and leaves every byte and no new file."""
    before = {file: file.read_bytes() for file in path.parent.iterdir() if file.is_file()}
    for read_only in (False, True):
        with pytest.raises(error) as raised:
            store_at(path, read_only=read_only)
        assert str(path) in str(raised.value)
    assert {file: file.read_bytes() for file in path.parent.iterdir() if file.is_file()} == before


# Files of another kind


@pytest.mark.parametrize(
    "content", [b"x", b"hello\n" * 100, b"SQLite format 3\x00", b"SQLite format 3\x00" + b"\xff" * 50]
)
def test_a_file_that_is_no_database_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    refused(path, NotASpace)


def test_another_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "theirs.db"
    other_database(path).close()
    refused(path, NotASpace)


def test_another_database_in_the_middle_of_its_work_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "theirs.db"
    theirs = other_database(path, wal=True)
    for read_only in (False, True):
        with pytest.raises(NotASpace):
            store_at(path, read_only=read_only)
    assert [row[0] for row in theirs.execute("SELECT name FROM sqlite_schema")] == ["theirs"]
    assert theirs.execute("PRAGMA application_id").get == 0


def test_another_database_with_a_stray_log_keeps_its_own_mode(tmp_path: Path) -> None:
    path = tmp_path / "theirs.db"
    other_database(path).close()
    Path(f"{path}-wal").write_bytes(b"left over")
    refused(path, NotASpace)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "memories").mkdir()
    with pytest.raises(NotASpace, match="is a folder"):
        store_at(tmp_path / "memories")


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no folder"):
        store_at(tmp_path / "missing" / "memory.db")
    assert list(tmp_path.iterdir()) == []


def test_an_empty_file_becomes_a_space(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    path.touch()
    desk = desk_at(path)
    desk.fact("one")
    assert desk.store.problems() == []
    desk.store.close()


def test_a_space_that_is_not_there_is_not_made_unless_asked(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    for options in ({"read_only": True}, {"create": False}):
        with pytest.raises(StoreReadOnly):
            store_at(path, **options)
    assert list(tmp_path.iterdir()) == []


def test_a_space_of_a_newer_schema_is_refused(tmp_path: Path) -> None:
    path = space_at(tmp_path / "memory.db")
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA user_version=999").fetchall()
    connection.close()
    refused_newer = pytest.raises(NewerSchema, match="999")
    for read_only in (False, True):
        with refused_newer:
            store_at(path, read_only=read_only)


def test_a_space_whose_making_was_cut_off_is_made(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    connect(str(path), writable=True).close()
    assert path.stat().st_size > 0
    desk = desk_at(path)
    desk.fact("one")
    assert desk.store.problems() == []
    desk.store.close()


# Damaged files


@pytest.mark.parametrize("keep", [1, 50, 99, 100, 4_096, PAGE, PAGE + 1, 3 * PAGE, -PAGE, -1])
def test_a_space_that_was_cut_short_is_refused_and_left_alone(tmp_path: Path, keep: int) -> None:
    path = space_at(tmp_path / "memory.db")
    data = path.read_bytes()
    path.write_bytes(data[:keep])
    for file in tmp_path.glob("memory.db-*"):
        file.unlink()
    refused(path, NotASpace if keep > 0 and keep < 100 else Damaged)


@pytest.mark.parametrize("place", range(100))
def test_a_flipped_header_byte_never_goes_unnoticed_or_raises_what_is_not_ours(tmp_path: Path, place: int) -> None:
    path = space_at(tmp_path / "memory.db")
    desk = desk_at(path)
    sound = readable(desk)
    desk.store.close()
    data = bytearray(path.read_bytes())
    for flip in (0x01, 0x80, 0xFF):
        damaged = tmp_path / f"{flip}.db"
        damaged.write_bytes(bytes(data[:place]) + bytes([data[place] ^ flip]) + bytes(data[place + 1 :]))
        try:
            desk = desk_at(damaged)
        except HoldfastError:
            continue
        try:
            found = [] if readable(desk) == sound else ["reads otherwise"]
            found += desk.store.problems()
        except HoldfastError as error:
            found = [str(error)]
        finally:
            desk.store.close()
        # Some of the header has no meaning for what is held: then everything reads as it was.
        assert found == [] or all(isinstance(problem, str) for problem in found)
        assert found != ["reads otherwise"], f"byte {place} ^ {flip:#x}: other content and no problem"


@pytest.mark.parametrize("seed", range(40))
def test_a_flipped_byte_anywhere_is_refused_reported_or_without_effect(tmp_path: Path, seed: int) -> None:
    path = space_at(tmp_path / "memory.db", facts=30)
    desk = desk_at(path)
    sound = readable(desk)
    desk.store.close()
    data = bytearray(path.read_bytes())
    place = random.Random(seed).randrange(100, len(data))
    data[place] ^= 1 << seed % 8
    path.write_bytes(bytes(data))
    try:
        with Memory.open(path, embedder=None) as memory:
            problems = memory.check()
            if not problems:
                desk = desk_at(path)
                same = readable(desk) == sound
                desk.store.close()
                assert same, f"byte {place} of page {place // PAGE + 1} changed what is read, unreported"
    except HoldfastError:
        return


def flip_in_file(path: Path, inside: bytes) -> None:
    """Flip one bit of the first occurrence of some bytes."""
    data = bytearray(path.read_bytes())
    place = data.index(inside)
    data[place + len(inside) // 2] ^= 0x20
    path.write_bytes(bytes(data))


def test_a_flipped_payload_byte_is_never_returned_and_check_names_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    with Memory.open(path, embedder=None) as memory:
        kept = memory.remember("Fern likes tea")
        record = memory.remember("Ada is allergic to penicillin")
    flip_in_file(path, b"allergic to penicillin")
    with Memory.open(path, embedder=None) as memory:
        with pytest.raises(Damaged):
            memory.get(record.id)
        with pytest.raises(Damaged):
            memory.recall("penicillin")
        with pytest.raises(Damaged):
            list(memory.export())
        assert memory.get(kept.id).text == "Fern likes tea"
        assert any("event 2" in problem for problem in memory.check())


def test_a_flipped_vector_byte_is_reported_and_its_vector_is_made_again(tmp_path: Path) -> None:
    path = space_at(tmp_path / "memory.db")
    desk = desk_at(path)
    with desk.store.reading() as reader:
        (values,) = [bytes(v) for n, v in zip(reader.vectors(0).ns, reader.vectors(0).values, strict=True) if n == 2]
        (scale,) = [float(s) for n, s in zip(reader.vectors(0).ns, reader.vectors(0).scales, strict=True) if n == 2]
    desk.store.close()
    flip_in_file(path, struct.pack("<f", scale) + values)
    with Memory.open(path, embedder=None) as memory:
        assert any("memory 2" in problem and "vector" in problem for problem in memory.check())
        memory.storage.rebuild()
        assert memory.check() == []
    desk = desk_at(path)
    with desk.store.reading() as reader:
        assert [held.n for held in reader.backlog(10)] == [2]
        assert sorted(reader.vectors(0).ns.tolist()) == [1, 3]
    desk.store.close()


# Folders that cannot be written


def as_nobody(act: Callable[[], None]) -> str:
    """Do something in a forked process without root's rights; gives the name of what it raised."""
    ours, theirs = os.pipe()
    process = os.fork()
    if process == 0:
        said = "nothing"
        try:
            if os.geteuid() == 0:
                os.setgid(65_534)
                os.setuid(65_534)
            act()
        except BaseException as error:  # noqa: BLE001 - the edge of the process
            said = f"{type(error).__name__}: {error}"
        finally:
            os.write(theirs, said.encode())
            os._exit(0)
    os.close(theirs)
    with os.fdopen(ours) as pipe:
        said = pipe.read()
    os.waitpid(process, 0)
    return said


@pytest.fixture
def open_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that every user may look into, which pytest's own are not."""
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="holdfast-test-"))
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork to give up its rights")


@forks
def test_a_new_space_in_a_read_only_folder_is_refused(open_folder: Path) -> None:
    open_folder.chmod(0o555)
    said = as_nobody(lambda: store_at(open_folder / "memory.db").close())
    assert said.startswith("StoreReadOnly"), said
    assert list(open_folder.iterdir()) == []


@forks
def test_a_space_in_a_read_only_folder_is_refused_for_writing_and_unchanged(open_folder: Path) -> None:
    path = space_at(open_folder / "memory.db")
    for file in open_folder.glob("memory.db-*"):
        file.unlink()
    path.chmod(0o444)
    before = path.read_bytes()
    open_folder.chmod(0o555)
    said = as_nobody(lambda: store_at(path).close())
    assert said.startswith("StoreReadOnly"), said
    assert path.read_bytes() == before
    assert [file.name for file in open_folder.iterdir()] == ["memory.db"]


@forks
def test_a_space_in_a_read_only_folder_says_why_it_cannot_even_be_read(open_folder: Path) -> None:
    path = space_at(open_folder / "memory.db")
    for file in open_folder.glob("memory.db-*"):
        file.unlink()
    path.chmod(0o444)
    open_folder.chmod(0o555)

    said = as_nobody(lambda: store_at(path, read_only=True).close())
    assert said.startswith("StoreReadOnly"), said
    assert "copy it to a folder that can be written" in said


@forks
def test_a_file_that_may_not_be_read_is_refused(open_folder: Path) -> None:
    path = space_at(open_folder / "memory.db")
    path.chmod(0o000)
    said = as_nobody(lambda: store_at(path, read_only=True).close())
    assert said.startswith("StoreReadOnly"), said


# Full disks


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of two megabytes."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "holdfast-test", str(folder)]
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        pytest.skip("only root on Linux can mount a small disk")
    done = subprocess.run(mount, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True, timeout=60)


def fill(folder: Path, leave: int = 0) -> Path:
    """Use up a file system, but for some bytes."""
    ballast = folder / "ballast"
    descriptor = os.open(ballast, os.O_WRONLY | os.O_CREAT)
    try:
        while True:
            os.write(descriptor, bytes(4_096))
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
    finally:
        os.close(descriptor)
    if leave:
        os.truncate(ballast, max(0, ballast.stat().st_size - leave))
    return ballast


@pytest.mark.parametrize("leave", [0, 8_192, 65_536])
def test_a_full_disk_loses_nothing_and_is_usable_again_when_there_is_space(small_disk: Path, leave: int) -> None:
    desk = desk_at(small_disk / "memory.db")
    written = [desk.fact("before")]
    ballast = fill(small_disk, leave)
    with pytest.raises(StoreFull):
        written.extend(desk.fact(f"fact {number} " + "with many words " * 500) for number in range(200))
    before = readable(desk)
    assert [held.id for held in desk.read(lambda r: r.live(0, 1_000))] == written
    with pytest.raises(StoreFull):
        desk.fact("too much " * 40_000)
    assert readable(desk) == before
    ballast.unlink()
    written.append(desk.fact("after"))
    assert [held.id for held in desk.read(lambda r: r.live(0, 1_000))] == written
    assert desk.store.problems() == []
    assert chain_problems(desk.read(lambda r: list(r.events(0, 1_000)))) == []
    desk.store.close()
    again = desk_at(small_disk / "memory.db")
    assert again.read(lambda r: r.count()) == len(written)
    again.store.close()


def test_opening_a_new_space_on_a_full_disk_is_refused_and_works_later(small_disk: Path) -> None:
    ballast = fill(small_disk)
    with pytest.raises(StoreFull):
        store_at(small_disk / "memory.db")
    ballast.unlink()
    desk = desk_at(small_disk / "memory.db")
    desk.fact("one")
    desk.store.close()


def test_a_space_that_may_not_grow_loses_nothing(tmp_path: Path) -> None:
    desk = desk_at(tmp_path / "memory.db")
    desk.fact("before")
    before = readable(desk)
    run = desk.store._connection.execute
    run(f"PRAGMA max_page_count={run('PRAGMA page_count').get}").fetchall()
    with pytest.raises(StoreFull):
        desk.fact("big " * 20_000)
    assert readable(desk) == before
    run("PRAGMA max_page_count=1000000").fetchall()
    desk.fact("after")
    assert desk.read(lambda r: r.count()) == 2
    desk.store.close()


def test_the_header_says_whose_file_it_is(tmp_path: Path) -> None:
    path = space_at(tmp_path / "memory.db")
    assert struct.unpack(">I", path.read_bytes()[68:72]) == (APPLICATION_ID,)
