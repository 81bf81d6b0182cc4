"""What a folder stands on: the nearest mount decides, a synced write is timed, nothing is left behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from holdfast.adapters.surroundings import file_seen, mount_of, others_may_write, place_of, sync_times

MOUNTS = """\
22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
30 27 0:40 / {far} rw,nosuid shared:7 - nfs4 server:/x rw,vers=4.2
31 27 0:41 / {far}/inner\\040one ro,relatime - fuse.sshfs me@host:/y rw,user_id=0
broken line
32 27 0:42 / {twice} rw - ext4 /dev/b rw
33 27 0:43 / {twice} rw - tmpfs tmpfs rw,size=1k
"""


@pytest.fixture
def mounts(tmp_path: Path) -> Path:
    listed = tmp_path / "mountinfo"
    listed.write_text(MOUNTS.format(far=tmp_path / "far", twice=tmp_path / "twice"))
    return listed


def kind(folder: Path, mounts: Path) -> str | None:
    found = mount_of(folder, mounts)
    return None if found is None else found.kind


def test_the_nearest_mount_decides(tmp_path: Path, mounts: Path):
    assert kind(tmp_path / "far" / "deep", mounts) == "nfs4"
    assert kind(tmp_path / "far" / "inner one", mounts) == "fuse.sshfs"
    assert kind(tmp_path / "farther", mounts) == "ext4"
    assert kind(tmp_path / "twice", mounts) == "tmpfs", "of two mounts on one point the later hides the other"
    assert kind(tmp_path, tmp_path / "none") is None


def test_options_are_those_of_the_mount_and_of_the_file_system(tmp_path: Path, mounts: Path):
    found = mount_of(tmp_path / "far" / "inner one", mounts)
    assert found is not None
    assert found.source == "me@host:/y"
    assert {"ro", "rw", "user_id=0"} <= found.options


def test_the_mounts_of_this_machine_are_read():
    if not Path("/proc/self/mountinfo").exists():
        pytest.skip("this system lists no mounts")
    assert kind(Path("/proc"), Path("/proc/self/mountinfo")) == "proc"


def test_syncs_are_timed_and_leave_nothing(tmp_path: Path):
    times = sync_times(tmp_path)
    assert times
    assert all(one >= 0 for one in times)
    assert list(tmp_path.iterdir()) == []
    assert sync_times(tmp_path / "none") == ()


def test_a_place_is_the_nearest_folder_that_is_there(tmp_path: Path):
    seen = place_of(tmp_path / "a" / "b")
    assert (seen.folder, seen.exists, seen.writable) == (str(tmp_path), False, True)
    assert seen.free_bytes
    (tmp_path / "Dropbox").mkdir()
    assert place_of(tmp_path / "Dropbox").synced_by == "dropbox"


def test_a_file_is_seen_with_its_names_its_log_and_who_may_use_it(tmp_path: Path):
    file = tmp_path / "space.db"
    assert file_seen(file) is None
    file.write_bytes(b"12345")
    file.chmod(0o640)
    (tmp_path / "space.db-wal").write_bytes(b"123")
    os.link(file, tmp_path / "again")
    (tmp_path / "link").symlink_to(file)
    seen = file_seen(file)
    assert seen is not None
    assert (seen.size_bytes, seen.mode, seen.links, seen.is_link, seen.log_bytes, seen.mine) == (
        5, 0o640, 2, False, 3, True,
    )  # fmt: skip
    linked = file_seen(tmp_path / "link")
    assert linked is not None
    assert linked.is_link
    assert not others_may_write(file)
    file.chmod(0o660)
    assert others_may_write(file)


def test_a_folder_that_may_not_be_looked_into_is_as_one_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = Path.exists

    def exists(path: Path, **given: bool) -> bool:
        if path == tmp_path / "shut" / "in":
            raise PermissionError(13, "Permission denied", str(path))
        return looked(path, **given)

    monkeypatch.setattr(Path, "exists", exists)
    place = place_of(tmp_path / "shut" / "in")
    assert (place.folder, place.exists) == (str(tmp_path), False)
