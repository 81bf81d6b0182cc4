"""One space has one name, whatever it is opened by, and a space that was only read has nothing left beside it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from holdfast import Memory
from holdfast.errors import StoreError
from holdfast.recovery import restore

OWN = {"space.db", "space.db-lock", "space.db-turn"}


def names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


def test_a_space_behind_a_symbolic_link_is_the_one_it_leads_to(tmp_path):
    (tmp_path / "real").mkdir()
    path, link = tmp_path / "real" / "space.db", tmp_path / "link.db"
    link.symlink_to(path)
    with Memory.open(link, embedder=None) as by_link, Memory.open(path, embedder=None) as by_name:
        by_link.remember("Ada runs.")
        by_name.remember("Bo swims.")
        assert [record.text for record in by_link.records()] == ["Ada runs.", "Bo swims."]
        # The line in which writers stand is the same: a second one beside the link would let both write at once.
        assert names(tmp_path) == {"real", "link.db"}
        assert OWN | {"space.db-wal", "space.db-shm"} == names(tmp_path / "real")
    assert (link.is_symlink(), names(tmp_path / "real")) == (True, OWN)
    with Memory.open(link, embedder=None, read_only=True) as memory:
        assert memory.check() == []
        assert memory.storage.backup(tmp_path / "a.bak").seq == 2


def test_a_restore_over_a_link_replaces_what_it_leads_to(tmp_path):
    (tmp_path / "real").mkdir()
    path, link = tmp_path / "real" / "space.db", tmp_path / "link.db"
    link.symlink_to(path)
    with Memory.open(path, embedder=None) as memory:
        memory.remember("Ada runs.")
        memory.storage.backup(tmp_path / "a.bak")
        memory.forget(memory.remember("The door code is 7306.").id)
    restore(tmp_path / "a.bak", link, replace=True)
    assert link.is_symlink()
    assert names(tmp_path) == {"real", "link.db", "a.bak"}
    with Memory.open(path, embedder=None) as memory:
        assert (memory.summary().live, memory.summary().receipts) == (1, 1)


@pytest.mark.parametrize("leads", ["in a circle", "to no folder"])
def test_a_link_that_leads_nowhere_is_told_as_such(tmp_path, leads):
    link = tmp_path / "link.db"
    link.symlink_to(link if leads == "in a circle" else tmp_path / "gone" / "space.db")
    with pytest.raises(StoreError, match="is a symbolic link that leads to no folder that is there, or in a circle"):
        Memory.open(link, embedder=None)
    assert names(tmp_path) == {"link.db"}


def test_reading_and_backing_up_a_closed_space_leave_nothing_beside_it(tmp_path):
    path, backups = tmp_path / "space.db", tmp_path / "backups"
    backups.mkdir()
    with Memory.open(path, embedder=None) as memory:
        memory.remember("Ada runs.")
    content = path.read_bytes()
    with Memory.open(path, embedder=None, read_only=True) as memory:
        assert memory.recall("Ada").hits
        memory.storage.backup(backups / "a.bak")
    assert names(tmp_path) == OWN | {"backups"}
    assert path.read_bytes() == content
    backup = (backups / "a.bak").read_bytes()
    with Memory.open(backups / "a.bak", embedder=None, read_only=True) as memory:
        assert memory.check() == []
    assert (names(backups), (backups / "a.bak").read_bytes()) == ({"a.bak"}, backup)


def test_the_log_of_a_space_that_others_have_open_stays(tmp_path):
    path = tmp_path / "space.db"
    with Memory.open(path, embedder=None) as memory:
        memory.remember("Ada runs.")
        log = (tmp_path / "space.db-wal").stat().st_size
        with Memory.open(path, embedder=None, read_only=True) as reader:
            reader.storage.backup(tmp_path / "a.bak")
        assert (tmp_path / "space.db-wal").stat().st_size == log > 0
        memory.remember("Bo swims.")
    with Memory.open(path, embedder=None, read_only=True) as early:
        with Memory.open(path, embedder=None) as memory:
            memory.remember("Cy climbs.")
        assert early.summary().live == 3
    with Memory.open(path, embedder=None) as memory:
        assert (memory.summary().live, memory.check()) == (3, [])


def test_a_log_that_somebody_left_while_a_space_was_read_is_not_folded_by_the_reader(tmp_path):
    path = tmp_path / "space.db"
    with Memory.open(path, embedder=None) as memory:
        memory.remember("Ada runs.")
    content = path.read_bytes()
    dies = (
        "import os, sys; from holdfast import Memory; "
        "Memory.open(sys.argv[1], embedder=None).remember('Bo swims.'); os._exit(1)"
    )
    with Memory.open(path, embedder=None, read_only=True) as reader:
        assert subprocess.run([sys.executable, "-c", dies, str(path)], check=False).returncode == 1
        assert reader.summary().live == 2
    assert (tmp_path / "space.db-wal").stat().st_size
    assert path.read_bytes() == content
    with Memory.open(path, embedder=None) as memory:
        assert (memory.summary().live, memory.check()) == (2, [])


def test_an_unfinished_index_counts_to_the_size_of_a_space(tmp_path):
    path = tmp_path / "space.db"
    with Memory.open(path, embedder=None) as memory:
        memory.remember("Ada runs.")
        before = memory.summary().size_bytes
        (tmp_path / "space.db-vectors.new").write_bytes(bytes(5_000))
        assert memory.summary().size_bytes == before + 5_000


def test_a_connection_that_an_interrupt_left_in_a_transaction_is_not_lent_again(tmp_path):
    with Memory.open(tmp_path / "space.db", embedder=None) as memory:
        memory.remember("Ada runs.")
        pool = memory._space.store._readers
        connection = pool.borrow()
        connection.execute("BEGIN").fetchall()
        pool.give_back(connection)
        assert [record.text for record in memory.records()] == ["Ada runs."]
