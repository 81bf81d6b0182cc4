"""Several processes at one space, readers beside writers, and what is left on the disk."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from holdfast.adapters.sqlite import store as store_module
from holdfast.adapters.sqlite.connection import connect
from holdfast.adapters.sqlite.store import SqliteStore
from holdfast.core.proof import chain_problems
from holdfast.memory import Memory
from holdfast.model.reports import Turn
from holdfast.testing.store_desk import Desk
from tests.adapters.sqlite.desks import desk_at, store_at

WRITER = """
import json, sys
from holdfast import Memory
path, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
with Memory.open(path, embedder=None) as memory:
    print("ready", flush=True)
    sys.stdin.readline()
    session, ids = memory.session(name), []
    for number in range(count):
        ids.append(session.add("user", f"{name} says {number}").id)
    print(json.dumps(ids), flush=True)
"""


def test_processes_that_write_at_once_all_get_in(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    count = 60
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), name, str(count)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("ann", "ben", "cid")
    ]
    said: dict[str, list[str]] = {}
    # A writer that hangs is ended, so that nothing here waits for it without end.
    last = threading.Timer(120, lambda: [writer.kill() for writer in writers])
    last.start()
    try:
        for writer in writers:
            assert writer.stdout
            assert writer.stdout.readline() == "ready\n"
        for writer in writers:
            assert writer.stdin
            writer.stdin.write("go\n")
            writer.stdin.flush()
        for name, writer in zip(("ann", "ben", "cid"), writers, strict=True):
            out, _ = writer.communicate(timeout=120)
            assert writer.returncode == 0
            said[name] = json.loads(out)
    finally:
        last.cancel()
        for writer in writers:
            writer.kill()
            writer.wait(60)
    with Memory.open(path, embedder=None) as memory:
        assert memory.check() == []
        for name, ids in said.items():
            assert [record.id for record in memory.session(name).turns()] == ids
            assert len(ids) == count
    desk = desk_at(path)
    events = desk.read(lambda r: list(r.events(0, 10_000)))
    desk.store.close()
    assert [event.seq for event in events] == list(range(1, 3 * count + 1))
    assert chain_problems(events) == []


def test_two_opens_of_one_space_in_one_process_write_in_turn(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    with Memory.open(path, embedder=None) as first, Memory.open(path, embedder=None) as second:
        for number in range(10):
            first.remember(f"first {number}")
            second.remember(f"second {number}")
        assert first.summary().live == second.summary().live == 20
        assert first.storage.digest() == second.storage.digest()
        assert first.check() == second.check() == []


# Readers and the log


def log_bytes(store: SqliteStore) -> int:
    return Path(f"{store.path}-wal").stat().st_size


def test_no_reader_keeps_a_writer_waiting(tmp_path: Path) -> None:
    desk = desk_at(tmp_path / "memory.db")
    desk.fact("one")
    desk.store._connection.set_busy_timeout(0)
    with desk.store.reading() as reader:
        assert reader.count() == 1
        desk.fact("two")
        desk.forget(desk.fact("three"))
        assert reader.count() == 1
    assert desk.read(lambda r: r.count()) == 2
    desk.store.close()


def test_the_log_is_emptied_unless_a_reader_still_needs_it(tmp_path: Path) -> None:
    desk = desk_at(tmp_path / "memory.db")
    desk.fact("one")
    desk.store._connection.set_busy_timeout(0)
    with desk.store.reading() as reader:
        assert reader.count() == 1
        desk.fact("two")
        assert desk.store.truncate_log() is False
        assert log_bytes(desk.store) > 0
    assert desk.store.truncate_log() is True
    assert log_bytes(desk.store) == 0
    assert desk.read(lambda r: r.count()) == 2
    desk.store.close()


def test_a_clean_close_leaves_no_log(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    desk = desk_at(path)
    desk.fact("one")
    desk.store.close()
    assert not Path(f"{path}-wal").exists()


# Erasing


def everything_on_disk(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


def forget_half(folder: Path, seed: int) -> tuple[list[str], list[str], object]:
    """Write canaries of all sizes into every field, forget half; gives the kept, the forgotten, and what is pending."""
    chance = random.Random(seed)

    def canary() -> str:
        return f"canary{chance.getrandbits(96):024x}"

    canaries: dict[str, str] = {}
    with Memory.open(folder / "memory.db", embedder=None) as memory:
        for number in range(120):
            mark = canary()
            filler = "words and more " * chance.choice((0, 1, 5, 30, 200, 1_000))
            if number % 3 == 0:
                record = memory.remember(
                    f"{mark} {filler}", subject=f"s{mark}", source=f"o{mark}", key=f"k{mark}", tags=[f"t{mark}"],
                    attributes={f"a{mark}": f"v{mark}"}, object=f"b{mark}", predicate=f"p{mark}",
                )  # fmt: skip
                canaries[record.id] = mark
            elif number % 3 == 1:
                record = memory.session(f"c{mark}").add(
                    "user", f"{filler} {mark}", author=f"n{mark}", caption=f"q{mark}"
                )
                canaries[record.id] = mark
            else:
                marks = [canary() for _ in range(chance.randint(2, 12))]
                turns = [Turn(speaker="user", text=f"{one} {filler[:200]}", author=f"n{one}") for one in marks]
                records = memory.session(f"batch {number}").add_many(turns)
                canaries |= {record.id: one for record, one in zip(records, marks, strict=True)}
        for record_id in chance.sample(list(canaries), 12):
            memory.revise(record_id, importance=0.9)
        ids = list(canaries)
        chance.shuffle(ids)
        forgotten, kept = ids[: len(ids) // 2], ids[len(ids) // 2 :]
        for place in range(0, len(forgotten), 7):
            receipt = memory.forget(*forgotten[place : place + 7])
        pending = receipt.pending
        disk = everything_on_disk(folder)
    found = [canaries[record_id] for record_id in forgotten if canaries[record_id].encode() in disk]
    missing = [canaries[record_id] for record_id in kept if canaries[record_id].encode() not in disk]
    return found, missing, pending


@pytest.mark.parametrize("seed", range(6))
def test_no_byte_of_what_was_forgotten_is_on_the_disk(tmp_path: Path, seed: int) -> None:
    assert forget_half(tmp_path, seed) == ([], [], None)


def without_secure_delete(path: str, *, writable: bool, **rest: object) -> apsw.Connection:
    connection = connect(path, writable=writable, **rest)
    connection.execute("PRAGMA secure_delete=OFF").fetchall()
    return connection


@pytest.mark.parametrize("mutant", ["no secure_delete", "log kept"])
def test_the_search_for_forgotten_bytes_can_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mutant: str) -> None:
    if mutant == "no secure_delete":
        monkeypatch.setattr(store_module, "connect", without_secure_delete)
    else:
        monkeypatch.setattr(SqliteStore, "truncate_log", lambda self: True)
    found, missing, _ = forget_half(tmp_path, 0)
    assert found
    assert not missing


def test_the_settings_that_the_promises_rest_on_are_on(tmp_path: Path) -> None:
    desk = desk_at(tmp_path / "memory.db")
    pragma = {
        name: desk.store._connection.execute(f"PRAGMA {name}").get
        for name in ("secure_delete", "synchronous", "journal_mode", "page_size")
    }
    assert pragma == {"secure_delete": 1, "synchronous": 2, "journal_mode": "wal", "page_size": 8192}
    desk.store.close()


# Forks


def in_a_fork(act: Callable[[], object]) -> str:
    """What came of something done in a forked process."""
    ours, theirs = os.pipe()
    process = os.fork()
    if process == 0:
        try:
            said = str(act())
        except BaseException as error:  # noqa: BLE001 - the edge of the process
            said = f"{type(error).__name__}: {error}"
        os.write(theirs, said.encode())
        os._exit(0)
    os.close(theirs)
    with os.fdopen(ours) as pipe:
        said = pipe.read()
    os.waitpid(process, 0)
    return said


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
class TestForks:
    def test_a_store_from_before_a_fork_is_refused_and_kept_whole(self, tmp_path: Path) -> None:
        desk = desk_at(tmp_path / "memory.db")
        desk.fact("one")
        for use in (lambda: desk.fact("two"), lambda: desk.read(lambda r: r.count()), desk.store.truncate_log):
            assert in_a_fork(use).startswith("StoreError") or "cannot cross a fork" in in_a_fork(use)
        assert in_a_fork(desk.store.close) == "None"
        desk.fact("two")
        assert (desk.read(lambda r: r.count()), desk.store.problems()) == (2, [])
        desk.store.close()

    def test_a_space_that_was_open_at_the_fork_is_not_opened_in_the_child(self, tmp_path: Path) -> None:
        # SQLite would take the parent's locks for its own, and lose what it acknowledges: see adapters/sqlite/forks.py.
        path = tmp_path / "memory.db"
        desk = desk_at(path)
        os.link(path, tmp_path / "same file.db")
        for name in ("memory.db", "same file.db"):
            for read_only in (False, True):
                said = in_a_fork(lambda name=name, ro=read_only: store_at(tmp_path / name, read_only=ro))
                assert "cannot cross a fork" in said
        desk.store.close()

    def test_a_space_closed_before_the_fork_opens_in_the_child(self, tmp_path: Path) -> None:
        path = tmp_path / "memory.db"
        desk = desk_at(path)
        desk.store.close()

        def write() -> int:
            child = Desk(store_at(path))
            child.fact("from the child")
            return child.read(lambda r: r.count())

        assert in_a_fork(write) == "1"
        desk = desk_at(path)
        assert desk.read(lambda r: r.count()) == 1
        desk.store.close()

    def test_another_space_opens_in_the_child(self, tmp_path: Path) -> None:
        desk = desk_at(tmp_path / "memory.db")

        def write() -> int:
            child = Desk(store_at(tmp_path / "other.db"))
            child.fact("from the child")
            return child.read(lambda r: r.count())

        assert in_a_fork(write) == "1"
        desk.store.close()
