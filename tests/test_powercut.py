"""What was acknowledged survives a power cut: the campaign of `bench.powercut`, in short."""

from __future__ import annotations

import random
import re
import subprocess
from pathlib import Path

import apsw
import pytest

from bench.recorder import Act, Platter
from holdfast.memory import Memory
from tests.campaigns import run_campaign


def campaign(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_campaign("powercut", "--folder", folder, *arguments)


@pytest.mark.slow
def test_every_acknowledged_write_survives_a_power_cut(tmp_path: Path) -> None:
    done = campaign(tmp_path, "--states", "300")
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.search(r"states 300  acknowledged (\d+)  lost 0  half-applied 0  problems 0  seed \d+", done.stdout)
    assert found, done.stdout
    assert int(found[1]) > 300


@pytest.mark.slow
@pytest.mark.parametrize("plant", ["normal", "off", "off-folding", "early-ack"])
def test_the_campaign_notices_a_broken_promise(tmp_path: Path, plant: str) -> None:
    done = campaign(tmp_path, "--states", "120", "--seed", "1", "--plant", plant)
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(r"lost [1-9]", done.stdout), done.stdout


def platter(*acts: Act) -> Platter:
    played = Platter()
    played.play(list(acts), len(acts))
    return played


def test_a_disk_keeps_what_was_synced_and_may_drop_the_rest() -> None:
    played = platter(
        Act("made", 1, name="a"), Act("listed", 0), Act("write", 1, 0, b"one"), Act("synced", 1),
        Act("write", 1, 3, b"two"),
    )  # fmt: skip
    assert played.left("dropped", random.Random(0)) == {"a": b"one"}
    assert played.left("kept", random.Random(0)) == {"a": b"onetwo"}
    assert {played.left("beginning", random.Random(seed))["a"] for seed in range(20)} == {b"one", b"onetwo"}


def test_a_name_that_was_not_synced_may_be_missing_and_one_that_was_deleted_may_come_back() -> None:
    new = platter(Act("made", 1, name="a"), Act("write", 1, 0, b"one"), Act("synced", 1))
    assert new.left("dropped", random.Random(0)) == {}
    assert new.left("kept", random.Random(0)) == {"a": b"one"}
    old = platter(
        Act("made", 1, name="a"), Act("write", 1, 0, b"one"), Act("synced", 1), Act("listed", 0),
        Act("deleted", 1, name="a"),
    )  # fmt: skip
    assert old.left("dropped", random.Random(0)) == {"a": b"one"}
    assert old.left("kept", random.Random(0)) == {}


def test_what_a_failed_sync_was_to_write_is_not_brought_by_a_later_one() -> None:
    played = platter(
        Act("made", 1, name="a"), Act("listed", 0), Act("write", 1, 0, b"one"), Act("unsynced", 1),
        Act("write", 1, 3, b"two"), Act("synced", 1),
    )  # fmt: skip
    assert played.left("kept", random.Random(0)) == {"a": b"\0\0\0two"}


def test_a_torn_write_leaves_sectors_of_the_old_and_the_new() -> None:
    old, new = b"o" * 8192, b"n" * 8192
    played = platter(
        Act("made", 1, name="a"), Act("listed", 0), Act("write", 1, 0, old), Act("synced", 1), Act("write", 1, 0, new)
    )
    found = [played.left("torn", random.Random(seed))["a"] for seed in range(50)]
    assert all(set(content) <= set(b"on") for content in found)
    assert any(len(set(content[at : at + 512])) == 2 for content in found for at in range(0, 8192, 512))
    assert any(len(set(content)) == 2 for content in found)


@pytest.mark.parametrize("written", [100, 512, 8192])
def test_a_file_that_lost_power_while_it_was_made_is_made_anew(tmp_path: Path, written: int) -> None:
    path = tmp_path / "ada.db"
    # SQLite's journal of a database that had no pages yet, and the torn first page of that database.
    header = bytes.fromhex("d9d505f920a163d7") + bytes(12) + (512).to_bytes(4, "big") + (8192).to_bytes(4, "big")
    path.with_name("ada.db-journal").write_bytes(header.ljust(512, b"\0"))
    path.write_bytes(bytes(written // 2) + b"x" * (written - written // 2))
    with Memory.open(path, embedder=None) as memory:
        memory.remember("Ada lives in London.")
        assert memory.check() == []
    assert not path.with_name("ada.db-journal").exists()


def test_a_database_of_others_with_a_journal_is_refused_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "theirs.db"
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE theirs (a)").fetchall()
    connection.close()
    header = bytes.fromhex("d9d505f920a163d7") + bytes(8) + (2).to_bytes(4, "big") + (512).to_bytes(4, "big")
    path.with_name("theirs.db-journal").write_bytes(header.ljust(512, b"\0"))
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(Exception, match="not a Holdfast space"):
        Memory.open(path, embedder=None)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
