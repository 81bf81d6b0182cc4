"""`holdfast doctor`: each trouble it knows is found and comes with what to do."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from holdfast import errors
from holdfast.surfaces.cli import doctor
from holdfast.surfaces.cli.doctor import filesystem_of
from tests.surfaces.shell import Shell


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def findings(shell: Shell, *options: str, code: int = 0) -> dict[str, dict[str, Any]]:
    told = shell.json("doctor", *options, code=code)
    assert told["healthy"] is (code == 0)
    return {one["name"]: one for one in told["findings"]}


def test_all_is_well_before_there_is_a_space(shell: Shell):
    found = findings(shell)
    assert {one["state"] for name, one in found.items() if name != "model"} == {"ok"}
    assert "the first write makes it" in found["space"]["detail"]
    assert not shell.space.exists()


def test_the_whole_list_is_shown_for_a_space(shell: Shell):
    shell.ok("add", "x")
    shell.space.chmod(0o600)
    found = findings(shell)
    assert list(found) == [
        "python", "sqlite", "settings", "model", "folder", "disk", "file system", "space", "permissions", "backlog",
    ]  # fmt: skip
    assert found["permissions"]["state"] == "ok"
    assert "opens; 1 memory" in found["space"]["detail"]
    for name in found:
        assert name in shell.ok("doctor")


def test_what_a_killed_backup_left_is_named(shell: Shell):
    shell.ok("add", "x")
    left = shell.space.parent / f".{shell.space.name}.0123abcd.part"
    left.mkdir()
    shutil.copy(shell.space, left / "space.db")
    found = findings(shell)["left over"]
    assert found["state"] == "warning"
    assert str(left) in found["detail"]
    assert "Remove it" in found["do"]


def test_the_settings_say_where_they_come_from(shell: Shell):
    (shell.folder / "holdfast.toml").write_text('principal = "Bo"\n')
    told = findings(shell, "--embedder", "none")["settings"]["detail"]
    for part in ("(HOLDFAST_DB)", "embedder = none (--embedder)", f"principal = Bo ({shell.folder / 'holdfast.toml'})"):
        assert part in told


def test_a_broken_configuration_file_is_a_finding_and_the_rest_is_still_looked_at(shell: Shell):
    (shell.folder / "holdfast.toml").write_text("colour = 1\n")
    found = findings(shell, code=1)
    assert (found["settings"]["state"], "colour" in found["settings"]["detail"]) == ("failed", True)
    assert found["settings"]["do"].startswith("Mend or remove")
    assert found["space"]["state"] == "ok"
    assert shell.error("doctor", "--db", "")[0] == 2


def test_a_model_that_is_found_is_loaded_and_named(shell: Shell, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("HOLDFAST_EMBEDDER")
    one = findings(shell)["model"]
    if one["state"] == "ok":
        assert "dimensions, loaded and asked in" in one["detail"]
    else:
        assert "pip install holdfast-minilm" in one["do"]


def test_a_model_that_is_switched_off_or_missing_is_told(shell: Shell):
    assert findings(shell)["model"]["state"] == "warning"
    one = findings(shell, "--embedder", "nowhere", code=1)["model"]
    assert (one["state"], "holds no embedding model" in one["detail"]) == ("failed", True)


def test_a_model_that_does_not_load_is_a_failure(shell: Shell):
    (shell.folder / "model").mkdir()
    for name in ("model.onnx", "tokenizer.json"):
        (shell.folder / "model" / name).write_bytes(b"not a model")
    one = findings(shell, "--embedder", str(shell.folder / "model"), code=1)["model"]
    assert (one["state"], bool(one["do"])) == ("failed", True)


@pytest.mark.parametrize(
    ("content", "error"),
    [(b"words", errors.NotASpace), (b"SQLite format 3\x00" + bytes(100), errors.NotASpace)],
)
def test_a_file_that_is_no_space_fails(shell: Shell, content: bytes, error: type[Exception]):
    shell.space.write_bytes(content)
    one = findings(shell, code=1)["space"]
    assert one["state"] == "failed"
    assert one["do"] == doctor._remedy(error())  # pyright: ignore[reportPrivateUsage]


def test_a_space_cut_short_fails_and_says_what_to_do(shell: Shell):
    shell.ok("add", "x")
    shell.space.write_bytes(shell.space.read_bytes()[:20_000])
    one = findings(shell, code=1)["space"]
    assert (one["state"], "backup" in one["do"]) == ("failed", True)


def test_others_who_may_read_the_file_are_warned_of(shell: Shell):
    shell.ok("add", "x")
    shell.space.chmod(0o644)
    one = findings(shell)["permissions"]
    assert (one["state"], one["do"]) == ("warning", f"chmod 600 {shell.space}*")


def test_memories_without_a_vector_are_counted(shell: Shell):
    shell.ok("add", "x")
    one = findings(shell)["backlog"]
    assert (one["state"], one["detail"]) == ("warning", "1 memory without a vector")


def test_a_disk_that_is_nearly_full_is_warned_of(shell: Shell, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(10**9, 10**9 - 5_000, 5_000))  # pyright: ignore
    one = findings(shell)["disk"]
    assert (one["state"], one["detail"]) == ("warning", "5.0 kB left")


def test_a_folder_that_cannot_be_written_fails(shell: Shell, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)  # pyright: ignore
    assert findings(shell, code=1)["folder"]["state"] == "failed"


@pytest.mark.parametrize(("kind", "state"), [("nfs4", "warning"), ("fuse.sshfs", "warning"), ("ext4", "ok")])
def test_a_network_file_system_is_warned_of(shell: Shell, monkeypatch: pytest.MonkeyPatch, kind: str, state: str):
    monkeypatch.setattr(doctor, "filesystem_of", lambda _folder: kind)  # pyright: ignore
    assert findings(shell)["file system"]["state"] == state


def test_a_synchronised_folder_is_warned_of(shell: Shell):
    assert findings(shell, "--db", "Dropbox/space.db")["file system"]["state"] == "ok"
    (shell.folder / "Dropbox").mkdir()
    assert findings(shell, "--db", "Dropbox/space.db")["file system"]["state"] == "warning"


def test_the_nearest_mount_decides(tmp_path: Path):
    mounts = tmp_path / "mounts"
    mounts.write_text(f"server:/x {tmp_path / 'far'} nfs4 rw 0 0\nbroken line\n/dev/a / ext4 rw 0 0\n")
    assert filesystem_of(tmp_path / "far" / "deep", mounts) == "nfs4"
    assert filesystem_of(tmp_path / "farther", mounts) == "ext4"
    assert filesystem_of(tmp_path, tmp_path / "none") is None
