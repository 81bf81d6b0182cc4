"""A keyring keeps keys durably, for its owner alone, and destroys them for good."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from holdfast.adapters.keyring import GivenKey, Keyring
from holdfast.errors import InvalidField, KeyNeeded, KeyringUnusable
from holdfast.model.encryption import key_id_of
from holdfast.model.ids import Id, id_text

SPACE, OTHER = Id(b"space number one"), Id(b"space number two")


@pytest.fixture
def ring(tmp_path: Path) -> Keyring:
    return Keyring.open(tmp_path / "ring.json")


def files(ring: Keyring) -> bytes:
    return b"".join(file.read_bytes() for file in ring.path.parent.iterdir())


def test_a_key_is_there_for_whoever_opens_the_file_next(ring):
    first, second = ring.create(SPACE), ring.create(SPACE)
    assert Keyring.open(ring.path).find(SPACE) == [second, first]
    assert [entry.key_id for entry in ring.entries()] == [key_id_of(first), key_id_of(second)]
    assert ring.create(OTHER, first) == first
    assert ring.find(OTHER) == [first]


def test_only_the_owner_may_read_it(ring):
    ring.create(SPACE)
    assert ring.path.stat().st_mode & 0o777 == 0o600
    for mode in (0o640, 0o604, 0o660):
        ring.path.chmod(mode)
        with pytest.raises(KeyringUnusable, match="chmod 600"):
            Keyring.open(ring.path)
        with pytest.raises(KeyringUnusable, match="chmod 600"):
            ring.create(SPACE)


def test_a_key_that_goes_leaves_no_byte(ring):
    kept, going = ring.create(SPACE), ring.create(SPACE)
    inode = os.open(ring.path, os.O_RDONLY)
    ring.keep_only(SPACE, key_id_of(kept))
    assert ring.find(SPACE) == [kept]
    assert going.hex().encode() not in files(ring)
    assert going.hex().encode() not in os.pread(inode, 100_000, 0), "the file that was replaced is overwritten"
    os.close(inode)


def test_a_destroyed_key_is_remembered_as_destroyed(ring):
    key = ring.create(SPACE)
    ring.create(OTHER)
    inode = os.open(ring.path, os.O_RDONLY)
    assert ring.destroy(id_text(SPACE)) == 1
    assert not any(key.hex().encode() in held for held in (files(ring), os.pread(inode, 100_000, 0)))
    os.close(inode)
    with pytest.raises(KeyNeeded, match="was destroyed on 20"):
        ring.find(SPACE)
    assert ring.holds(SPACE)
    assert [entry.destroyed for entry in ring.entries()] == [False, True]
    assert ring.find(OTHER)
    with pytest.raises(InvalidField):
        ring.destroy("not an id")


def test_a_key_overwritten_half_way_through_is_destroyed_and_hurts_no_other(ring, monkeypatch):
    key = ring.create(SPACE)
    kept = ring.create(OTHER)
    monkeypatch.setattr(Keyring, "_write", lambda self, held: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        ring.destroy(SPACE)
    monkeypatch.undo()
    assert key.hex().encode() not in files(ring)
    with pytest.raises(KeyNeeded, match="was overwritten"):
        ring.find(SPACE)
    assert ring.find(OTHER) == [kept]
    assert [entry.destroyed for entry in ring.entries()] == [True, False]
    ring.create(SPACE)


def test_what_a_killed_change_left_is_cleared_away(ring):
    key = ring.create(SPACE)
    left = ring.path.with_name("ring.json.new")
    left.write_text(key.hex())
    inode = os.open(left, os.O_RDONLY)
    ring.create(OTHER)
    assert not left.exists()
    assert os.pread(inode, 1_000, 0).strip(b"\x00") == b""
    os.close(inode)


FORMAT = b'{"format": "holdfast keyring 1", '
ROW = b'{"space": "x", "id": "y", "key": "00", "created": "z"}'


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"format": "other", "keys": [], "destroyed": []}',
        FORMAT + b'"keys": []}',
        FORMAT + b'"keys": [1], "destroyed": []}', FORMAT + b'"keys": [' + ROW + b'], "destroyed": []}',
    ],
)  # fmt: skip
def test_what_is_no_keyring_is_refused_and_left_alone(tmp_path, content):
    path = tmp_path / "ring.json"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(KeyringUnusable, match="damaged or no keyring"):
        Keyring.open(path)
    assert path.read_bytes() == content


def test_a_keyring_that_is_not_there_is_made_only_when_asked(tmp_path):
    with pytest.raises(KeyringUnusable, match="There is no keyring"):
        Keyring.open(tmp_path / "ring.json", create=False)
    with pytest.raises(KeyringUnusable, match="cannot be changed"):
        Keyring.open(tmp_path / "nowhere" / "ring.json")
    assert list(tmp_path.iterdir()) == []


def test_a_link_to_a_keyring_stays_a_link(tmp_path, ring):
    link = tmp_path / "link.json"
    link.symlink_to(ring.path)
    Keyring.open(link).create(SPACE)
    assert link.is_symlink()
    assert ring.find(SPACE)


def test_changes_of_several_processes_and_threads_are_all_kept(ring):
    program = (
        "import sys; from holdfast.adapters.keyring import Keyring; from holdfast.model.ids import Id\n"
        "ring = Keyring.open(sys.argv[1])\n"
        "for n in range(10): ring.create(Id(bytes([int(sys.argv[2]), n]) * 8))"
    )
    started = [subprocess.Popen([sys.executable, "-c", program, str(ring.path), str(number)]) for number in range(1, 4)]
    threads = [
        threading.Thread(target=lambda first=first: [ring.create(Id(bytes([first, n]) * 8)) for n in range(10)])
        for first in (7, 8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [process.wait(120) for process in started] == [0, 0, 0]
    assert len({entry.space for entry in ring.entries()}) == 50
    assert json.loads(ring.path.read_text())["format"] == "holdfast keyring 1"


def test_a_full_disk_changes_nothing(ring, monkeypatch):
    key = ring.create(SPACE)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("holdfast.adapters.keyring.os.fsync", full)
    with pytest.raises(KeyringUnusable, match="No space left"):
        ring.create(OTHER)
    monkeypatch.undo()
    assert ring.find(SPACE) == [key]
    with pytest.raises(KeyNeeded):
        ring.find(OTHER)


def test_a_given_key_is_for_any_space_and_never_shown():
    given = GivenKey(b"k" * 32)
    assert given.find(SPACE) == given.find(OTHER) == (b"k" * 32,)
    assert "kkkk" not in repr(given)
    for wrong in (b"", b"k" * 31, "k" * 32, bytes(32)):
        with pytest.raises(InvalidField):
            GivenKey(wrong)  # type: ignore[arg-type]
