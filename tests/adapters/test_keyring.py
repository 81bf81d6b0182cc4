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
    going = ring.create(SPACE)
    kept = ring.create(SPACE, replaces=key_id_of(going))
    inode = os.open(ring.path, os.O_RDONLY)
    ring.settle(SPACE, key_id_of(kept))
    assert ring.find(SPACE) == [kept]
    assert going.hex().encode() not in files(ring)
    assert going.hex().encode() not in os.pread(inode, 100_000, 0), "the file that was replaced is overwritten"
    os.close(inode)


def test_settling_takes_the_replaced_key_and_no_other(ring):
    first, twin = ring.create(SPACE), ring.create(SPACE)
    elsewhere = ring.create(OTHER, first)
    ring.settle(SPACE, key_id_of(twin))
    ring.settle(SPACE, "0" * 16)
    assert ring.find(SPACE) == [twin, first], "a file that uses one key says nothing of the other"
    new = ring.create(SPACE, replaces=key_id_of(first))
    assert ring.is_pending(SPACE)
    assert not ring.is_pending(OTHER)
    assert ring.find(SPACE) == [twin, first, new], "what is sealed anew goes under a key that is in use"
    ring.settle(SPACE, key_id_of(first))
    assert set(ring.find(SPACE)) == {twin, first, new}
    ring.settle(SPACE, key_id_of(new))
    assert ring.find(SPACE) == [new, twin]
    assert ring.find(OTHER) == [elsewhere]
    assert not ring.is_pending(SPACE)


def test_only_a_pending_key_is_withdrawn(ring):
    used = ring.create(SPACE)
    new = ring.create(SPACE, replaces=key_id_of(used))
    for key in (used, new, new):
        ring.withdraw(SPACE, key_id_of(key))
    assert ring.find(SPACE) == [used]
    assert new.hex().encode() not in files(ring)


def test_a_key_in_use_cannot_be_that_of_a_change(ring):
    used, twin = ring.create(SPACE), ring.create(SPACE)
    for given in (used, twin):
        with pytest.raises(InvalidField, match="Nothing was changed"):
            ring.create(SPACE, given, replaces=key_id_of(used))
    begun = ring.create(SPACE, b"n" * 32, replaces=key_id_of(used))
    assert ring.create(SPACE, begun, replaces=key_id_of(used)) == begun, "the same change, begun again"
    with pytest.raises(InvalidField):
        ring.create(SPACE, begun, replaces=key_id_of(twin))


def test_a_pending_key_is_no_sign_that_a_space_is_encrypted(ring):
    ring.create(SPACE, replaces="")
    assert not ring.holds(SPACE)
    ring.destroy(SPACE)
    assert not ring.holds(SPACE)
    assert ring.entries() == []


def test_one_key_of_a_space_is_dropped_alone(ring):
    first, second = ring.create(SPACE), ring.create(SPACE)
    ring.drop(SPACE, key_id_of(first))
    ring.drop(SPACE, key_id_of(first))
    assert ring.find(SPACE) == [second]
    assert first.hex().encode() not in files(ring)
    ring.drop(SPACE, key_id_of(second))
    assert [entry.destroyed for entry in ring.entries()] == [True]


@pytest.mark.parametrize("path", ["x\0y", None, 7, "~nobody-of-that-name/ring"])
def test_what_is_no_path_is_refused(path):
    with pytest.raises(InvalidField, match="no path to a keyring"):
        Keyring.open(path)


@pytest.mark.parametrize("space", [None, 7, b"short", b"", "not an id"])
def test_what_is_no_space_is_refused(ring, space):
    kept = ring.create(SPACE)
    with pytest.raises(InvalidField):
        ring.destroy(space)
    assert ring.find(SPACE) == [kept]


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
REPLACING = json.dumps({"space": id_text(SPACE), "id": "y", "key": "00" * 32, "created": "z", "replaces": 7}).encode()


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"format": "other", "keys": [], "destroyed": []}',
        FORMAT + b'"keys": []}',
        FORMAT + b'"keys": ' + b"[" * 100_000, FORMAT + b'"keys": [' + REPLACING + b'], "destroyed": []}',
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


def test_a_given_key_stays_when_a_change_to_it_or_from_it_fails():
    given = GivenKey(b"k" * 32)
    given.create(SPACE, b"k" * 32, replaces="")
    given.withdraw(SPACE, key_id_of(b"k" * 32))
    assert given.find(SPACE) == (b"k" * 32,)
    given.create(SPACE, b"n" * 32, replaces="")
    assert given.is_pending(SPACE)
    given.withdraw(SPACE, key_id_of(b"n" * 32))
    assert given.find(SPACE) == (b"k" * 32,)


def test_a_given_key_is_for_any_space_and_never_shown():
    given = GivenKey(b"k" * 32)
    assert given.find(SPACE) == given.find(OTHER) == (b"k" * 32,)
    assert "kkkk" not in repr(given)
    for wrong in (b"", b"k" * 31, "k" * 32, bytes(32)):
        with pytest.raises(InvalidField):
            GivenKey(wrong)  # type: ignore[arg-type]
