"""`holdfast doctor`: what is wrong is found, on a plain space, an encrypted one, a house, and where there is none."""

from __future__ import annotations

import os
import re
import shutil
import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from holdfast import Memory, errors
from holdfast.adapters import surroundings
from holdfast.core.diagnosis.checklist import POINTS
from holdfast.surfaces.cli import doctor_facts
from tests.surfaces.shell import Shell

SOURCES = Path(doctor_facts.__file__).parents[2]


class Left(NamedTuple):
    f_frsize: int
    f_bavail: int
    f_files: int
    f_favail: int


def findings(shell: Shell, *options: str, code: int = 0) -> dict[str, dict[str, Any]]:
    told = shell.json("doctor", *options, code=code)
    assert told["healthy"] is (code == 0 or "--strict" in options)
    assert sum(told["counts"].values()) == len(told["findings"]) == len(POINTS)
    return {one["name"]: one for one in told["findings"]}


def states(shell: Shell, *options: str, code: int = 0) -> dict[str, str]:
    """What is not ok."""
    found = findings(shell, *options, code=code)
    return {name: one["state"] for name, one in found.items() if one["state"] not in ("ok", "not applicable")}


def test_all_is_well_before_there_is_a_space(shell: Shell):
    assert states(shell) == {"model": "note", "policy": "note"}
    found = findings(shell)
    assert "the first write makes it" in found["space"]["seen"]
    assert found["backup"]["state"] == "not applicable"
    assert not shell.space.exists()


def test_a_space_in_use_shows_what_applies_and_how_many_there_are_of_each(shell: Shell):
    shell.ok("add", "x")
    assert states(shell) == {"model": "note", "policy": "note", "backlog": "note", "backup": "warning"}
    shown = shell.ok("doctor")
    assert "opens; 1 memory" in shown
    assert re.search(r"\d+ ok, \d+ not applicable, 3 notes, 1 warning, 0 problems", shown)
    assert "quota" not in shown, "what does not apply is counted and not shown"


def test_a_warning_ends_with_one_only_where_that_is_asked_for(shell: Shell):
    shell.ok("add", "x")
    findings(shell)
    findings(shell, "--strict", code=1)
    (shell.folder / "backups").mkdir()
    shell.ok("backup", str(shell.folder / "backups" / "one.backup"))
    findings(shell, "--strict")


def test_looking_changes_nothing(shell: Shell):
    shell.ok("add", "x")
    shell.ok("backup", str(shell.folder / "one.backup"))
    shell.ok("add", "y")  # which closes it cleanly

    def held() -> dict[str, tuple[bytes, int]]:
        return {one.name: (one.read_bytes(), one.stat().st_mtime_ns) for one in shell.folder.iterdir() if one.is_file()}

    before = held()
    shell.ok("doctor")
    assert held() == before


def test_looking_at_a_space_that_is_in_use_leaves_its_log(shell: Shell):
    shell.ok("add", "x")
    with Memory.open(shell.space, embedder=None) as memory:
        memory.remember("y")
        log = shell.space.with_name("space.db-wal").read_bytes()
        assert log
        shell.ok("doctor")
        assert shell.space.with_name("space.db-wal").read_bytes() == log
        assert memory.remember("z").text == "z"


SECRET = "hunter2"


@pytest.mark.parametrize(
    "embedder",
    [
        f"ollama:nomic@http://user:{SECRET}@127.0.0.1:9/",
        f"openai:m@https://h.invalid/v1?api_key={SECRET}",
        f"openai:m@https://h.invalid/v1#{SECRET}",
        f"openai:m@user:{SECRET}@h.invalid",
        f"https://user:{SECRET}@h.invalid/v1",
        f"ollama:m@http://user:{SECRET}/{SECRET}@h.invalid",
    ],
)
def test_what_a_service_is_asked_with_is_never_shown(shell: Shell, embedder: str):
    for options in ((), ("--json",)):
        done = shell("doctor", "--embedder", embedder, *options)
        assert SECRET not in done.stdout + done.stderr
        assert "***" in done.stdout


def test_a_service_that_cannot_be_reached_is_not_told_as_ok(shell: Shell):
    found = findings(shell, "--embedder", "ollama:nomic@http://127.0.0.1:9", code=1)
    assert (found["model"]["state"], found["model works"]["state"]) == ("problem", "problem")
    assert "127.0.0.1:9" in found["model"]["seen"]


def test_a_folder_that_may_not_be_looked_into_is_a_problem_and_the_rest_is_still_looked_at(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
):
    looked = Path.stat

    def stat(path: Path, **given: Any) -> os.stat_result:
        if path == shell.space:
            raise PermissionError(13, "Permission denied", str(path))
        return looked(path, **given)

    monkeypatch.setattr(Path, "stat", stat)
    found = findings(shell, code=1)["space"]
    assert found["state"] == "problem"
    assert "Permission denied" in found["seen"]


def test_what_a_killed_backup_left_is_named(shell: Shell):
    shell.ok("add", "x")
    left = shell.space.parent / f".{shell.space.name}.0123abcd.part"
    left.mkdir()
    shutil.copy(shell.space, left / "space.db")
    found = findings(shell)["left over"]
    assert found["state"] == "warning"
    assert str(left) in found["seen"]
    assert "Remove it" in found["do"]


def test_the_settings_say_where_they_come_from(shell: Shell):
    (shell.folder / "holdfast.toml").write_text('principal = "Bo"\n')
    (shell.folder / "holdfast.toml").chmod(0o600)
    found = findings(shell, "--embedder", "none")
    told = found["settings"]["seen"]
    for part in ("(HOLDFAST_DB)", "embedder = none (--embedder)", f"principal = Bo ({shell.folder / 'holdfast.toml'})"):
        assert part in told
    assert found["settings of the folder"]["state"] == "note"
    assert found["who may change settings"]["state"] == "ok"
    (shell.folder / "holdfast.toml").chmod(0o666)
    assert findings(shell)["who may change settings"]["state"] == "warning"


def test_a_broken_configuration_file_is_a_finding_and_the_rest_is_still_looked_at(shell: Shell):
    (shell.folder / "holdfast.toml").write_text("colour = 1\n")
    found = findings(shell, code=1)
    assert (found["settings"]["state"], "colour" in found["settings"]["seen"]) == ("problem", True)
    assert found["settings"]["do"].startswith("Mend or remove")
    assert found["space"]["state"] == "ok"
    assert shell.error("doctor", "--db", "")[0] == 2
    assert findings(shell, "--house", str(shell.folder / "none"), code=1)["settings"]["state"] == "problem"


def test_a_misspelt_variable_and_a_key_in_the_environment_are_told(shell: Shell, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOLDFAST_EMBEDER", "none")
    monkeypatch.setenv("HOLDFAST_KEY", "00" * 32)
    found = findings(shell)
    assert "HOLDFAST_EMBEDER" in found["variables"]["seen"]
    assert found["key in the environment"]["state"] == "note"
    assert "00000000" not in shell.ok("doctor")


def test_every_variable_that_is_read_is_known():
    named = {
        name
        for file in SOURCES.rglob("*.py")
        for name in re.findall(r"(?<![_A-Z])HOLDFAST_[A-Z0-9_]+[A-Z0-9]", file.read_text("utf-8"))
    }
    assert named == doctor_facts.VARIABLES


@pytest.mark.parametrize(
    ("embedder", "host", "openly"),
    [
        ("openai:small", "api.openai.com", False),
        ("openai:m@http://models.example.com/v1", "models.example.com", True),
        ("ollama:m", None, False),
        ("ollama:m@http://127.0.0.1:11434", None, False),
        ("none", None, False),
        ("/models/minilm", None, False),
    ],
)
def test_where_texts_are_sent_is_told_from_the_setting(embedder: str, host: str | None, openly: bool):
    assert doctor_facts._sent_to(embedder) == (host, openly)  # pyright: ignore[reportPrivateUsage]


def test_a_model_that_is_found_is_loaded_and_named(shell: Shell, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("HOLDFAST_EMBEDDER")
    found = findings(shell)
    if found["model"]["state"] == "ok":
        assert "dimensions" in found["model"]["seen"]
        assert "loaded and asked in" in found["model works"]["seen"]
    else:
        assert "pip install holdfast-minilm" in found["model"]["do"]


def test_a_model_that_is_switched_off_or_missing_is_told(shell: Shell):
    assert findings(shell)["model"]["state"] == "note"
    one = findings(shell, "--embedder", "nowhere", code=1)["model"]
    assert (one["state"], "holds no embedding model" in one["seen"]) == ("problem", True)


def test_a_model_that_does_not_load_is_a_problem(shell: Shell):
    (shell.folder / "model").mkdir()
    for name in ("model.onnx", "tokenizer.json"):
        (shell.folder / "model" / name).write_bytes(b"not a model")
    found = findings(shell, "--embedder", str(shell.folder / "model"), code=1)
    wrong = [one for one in (found["model"], found["model works"]) if one["state"] == "problem"]
    assert wrong
    assert all(one["do"] for one in wrong)


@pytest.mark.parametrize("content", [b"words", b"SQLite format 3\x00" + bytes(100)])
def test_a_file_that_is_no_space_is_a_problem(shell: Shell, content: bytes):
    shell.space.write_bytes(content)
    one = findings(shell, code=1)["space"]
    assert (one["state"], one["do"]) == ("problem", doctor_facts.remedy(errors.NotASpace()))


def test_a_space_cut_short_is_a_problem_and_the_rest_is_still_looked_at(shell: Shell):
    shell.ok("add", "x")
    shell.space.write_bytes(shell.space.read_bytes()[:20_000])
    found = findings(shell, code=1)
    assert (found["space"]["state"], "backup" in found["space"]["do"]) == ("problem", True)
    assert found["permissions"]["state"] == "ok"


def test_a_space_of_another_model_is_a_problem_of_the_model_alone(shell: Shell, monkeypatch: pytest.MonkeyPatch):
    from holdfast import Memory
    from holdfast.testing.embedders import HashEmbedder

    with Memory.open(shell.space, embedder=HashEmbedder()) as memory:
        memory.remember("x")
        memory.settle()
    assert findings(shell)["model of the space"]["state"] == "note"
    other = doctor_facts.ModelSeen(wanted="auto", fingerprint="another/1", dimensions=8)
    monkeypatch.setattr(doctor_facts, "model", lambda _: other)  # pyright: ignore[reportUnknownLambdaType]
    monkeypatch.delenv("HOLDFAST_EMBEDDER")  # the packaged model, where there is one, does not fit the space
    found = findings(shell, code=1)
    assert found["model of the space"]["state"] == "problem"
    assert found["space"]["state"] == "ok"


def test_an_encrypted_space_is_looked_into_with_its_key_and_told_without(shell: Shell):
    ring = str(shell.folder / "home" / "keys")
    Path(ring).parent.mkdir()
    shell.ok("add", "A secret canary.", "--keyring", ring)
    found = findings(shell, "--keyring", ring)
    assert (found["encryption"]["state"], found["data key"]["state"], found["keyring"]["state"]) == ("ok",) * 3
    assert "encrypted under the key" in found["encryption"]["seen"]
    assert findings(shell, code=1)["space"]["do"] == doctor_facts.remedy(errors.KeyNeeded())
    moved = shell.folder / "keys"
    shutil.copy(ring, moved)
    assert findings(shell, "--keyring", str(moved))["place of the keyring"]["state"] == "warning"
    moved.chmod(0o644)
    assert findings(shell, "--keyring", str(moved), code=1)["keyring"]["state"] == "problem"


def test_others_who_may_read_the_file_are_warned_of(shell: Shell):
    shell.ok("add", "x")
    shell.space.chmod(0o644)
    found = findings(shell)
    assert (found["permissions"]["state"], found["permissions"]["do"]) == ("warning", f"chmod 600 {shell.space}*")
    assert found["encryption"]["state"] == "note"


def test_a_second_name_and_a_link_are_told(shell: Shell):
    shell.ok("add", "x")
    link = shell.folder / "link.db"
    link.symlink_to(shell.space)
    told = findings(shell, "--db", str(link))["names of the file"]
    assert (told["state"], "a symbolic link leads" in str(told)) == ("ok", True)
    os.link(shell.space, shell.folder / "again.db")
    assert findings(shell)["names of the file"]["state"] == "warning"


def test_a_disk_that_is_nearly_full_is_told(shell: Shell, monkeypatch: pytest.MonkeyPatch):
    for left, state, code in ((100_000, "warning", 0), (5, "problem", 1)):
        monkeypatch.setattr(os, "statvfs", lambda _path, left=left: Left(1_000, left, 100, 50))  # pyright: ignore
        found = findings(shell, code=code)
        assert (found["disk"]["state"], found["names left"]["state"]) == (state, "warning")


def test_a_folder_that_cannot_be_written_is_a_problem(shell: Shell, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(surroundings.os, "access", lambda _path, _mode: False)  # pyright: ignore
    found = findings(shell, code=1)
    assert found["folder"]["state"] == "problem"
    assert found["syncs are kept"]["state"] == "not applicable"


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="nothing is read-only for root")
def test_a_space_in_a_read_only_folder_is_a_problem_and_the_rest_is_still_looked_at(shell: Shell):
    (shell.folder / "kept").mkdir()
    shell.ok("--db", "kept/space.db", "add", "x")
    (shell.folder / "kept").chmod(0o555)
    try:
        found = findings(shell, "--db", "kept/space.db", code=1)
    finally:
        (shell.folder / "kept").chmod(0o755)
    assert (found["folder"]["state"], found["names of the file"]["state"]) == ("problem", "ok")


@pytest.mark.parametrize(
    ("kind", "name"),
    [("nfs4", "file system"), ("fuse.sshfs", "file system"), ("overlay", "container"), ("tmpfs", "kept on a disk")],
)
def test_a_file_system_that_keeps_no_promise_is_warned_of(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, kind: str, name: str
):
    mount = surroundings.Mount("/data", kind, "there", frozenset(("rw",)))
    monkeypatch.setattr(surroundings, "mount_of", lambda _folder, _mounts: mount)  # pyright: ignore
    assert findings(shell)[name]["state"] == "warning"


def test_a_policy_that_keeps_secrets_and_what_is_due_are_warned_of(shell: Shell):
    (shell.folder / "holdfast.toml").write_text('[policy]\ncredential = "store"\ninjection = "mark"\n')
    found = findings(shell)
    assert [found[name]["state"] for name in ("secrets", "orders in documents", "lifetimes")] == [
        "warning", "warning", "note",
    ]  # fmt: skip


def test_a_history_longer_than_is_to_be_kept_is_told_until_it_is_pruned(shell: Shell, monkeypatch: pytest.MonkeyPatch):
    (shell.folder / "holdfast.toml").write_text("[retention]\nkeep_days = 30\n")
    made = shell.json("add", "x")["id"]
    shell.ok("forget", made, "--yes")
    assert findings(shell)["history kept"]["state"] == "ok"
    today = time.time_ns()
    for days, state in ((33, "ok"), (60, "warning")):
        monkeypatch.setattr(time, "time_ns", lambda days=days: today + days * 86_400 * 10**9)
        assert findings(shell)["history kept"]["state"] == state
    shell.ok("prune", "--apply")
    assert findings(shell)["history kept"]["state"] == "ok"


def test_backups_are_found_by_what_they_are_and_say_what_they_lack(shell: Shell):
    made = shell.json("add", "A backup holds this.")["id"]
    (shell.folder / "elsewhere").mkdir()
    kept = shell.folder / "elsewhere" / "any name"
    shell.ok("backup", str(kept))
    shell.ok("--db", "other.db", "add", "Of another space.")
    shell.ok("--db", "other.db", "backup", str(shell.folder / "other.backup"))
    assert findings(shell)["backup"]["state"] == "warning", "that of another space does not count"
    where = ("--backups", str(shell.folder / "elsewhere"))
    found = findings(shell, *where)
    assert (found["backup"]["state"], found["forgotten words in backups"]["state"]) == ("ok", "ok")
    assert str(kept) in found["backup"]["seen"]
    assert found["place of the backups"]["state"] == "note"
    shell.ok("forget", made, "--yes")
    os.utime(kept, (1_700_000_000, 1_700_000_000))
    kept.chmod(0o644)
    found = findings(shell, *where)
    assert found["forgotten words in backups"]["state"] == "note"
    assert found["age of the backup"]["state"] == "warning"
    assert found["who may read the backups"]["state"] == "warning"


def test_a_house_is_looked_at_as_a_whole_and_by_space(shell: Shell):
    house = str(shell.folder / "house")
    shell.ok("house", "create", "acme/ada", "--house", house)
    shell.ok("house", "limit", "acme/ada", "--memories", "1", "--house", house)
    where = ("--house", house, "--space", "acme/ada")
    shell.ok("add", "x", *where)
    whole = findings(shell, "--house", house)
    assert whole["house"]["state"] == "ok"
    assert "1 space" in whole["house"]["seen"]
    assert whole["space"]["state"] == "not applicable"
    one = findings(shell, *where, code=1)
    assert one["quota"]["state"] == "problem"
    assert (one["space"]["state"], one["permissions"]["state"]) == ("ok", "ok")
    stranger = findings(shell, *where, "--as", "stranger", code=1)
    assert stranger["space"]["do"] == doctor_facts.remedy(errors.NotAllowed())
    assert stranger["permissions"]["state"] == "not applicable", "whether there is such a file is not told"
    next(Path(house).glob("????????????????????????????????.db")).unlink()
    assert findings(shell, "--house", house, code=1)["house"]["state"] == "problem"


def test_a_house_that_is_not_there_is_a_problem(shell: Shell):
    found = findings(shell, "--house", str(shell.folder / "none"), code=1)
    assert found["space"]["do"] == "holdfast house create NAME"
    assert not (shell.folder / "none").exists()


def test_what_is_kept_apart_or_beyond_its_time_is_told(shell: Shell, monkeypatch: pytest.MonkeyPatch):
    (shell.folder / "holdfast.toml").write_text(
        'touches = false\n[policy]\nmedical = "quarantine"\n[policy.keep]\nplan = "1 day"\n'
    )
    shell.ok("add", "I have diabetes.")
    shell.ok("add", "Fly on Monday.", "--category", "plan")
    found = findings(shell)
    assert [found[name]["state"] for name in ("quarantine", "due", "long due", "counting of reads")] == [
        "note", "ok", "ok", "note",
    ]  # fmt: skip
    assert "1 category" in found["policy"]["seen"]
    today = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: today + 2 * 86_400 * 10**9)
    found = findings(shell)
    assert (found["due"]["state"], found["long due"]["state"]) == ("warning", "ok")
    monkeypatch.setattr(time, "time_ns", lambda: today + 9 * 86_400 * 10**9)
    assert findings(shell, code=1)["long due"]["state"] == "problem"
    shell.ok("audit", "--apply")
    found = findings(shell)
    assert (found["due"]["state"], found["long due"]["state"]) == ("ok", "not applicable")


def test_the_policy_of_a_space_of_a_house_is_the_one_that_is_looked_at(shell: Shell):
    house = ("--house", str(shell.folder / "house"))
    (shell.folder / "policy.toml").write_text('[policy]\ncredential = "store"\n')
    shell.ok("house", "create", "acme/ada", "--policy", str(shell.folder / "policy.toml"), *house)
    shell.ok("house", "create", "acme/bo", *house)
    assert findings(shell, *house, "--space", "ACME/ada")["secrets"]["state"] == "warning"
    assert findings(shell, *house, "--space", "acme/bo")["secrets"]["state"] == "not applicable"


def test_what_stands_in_front_of_the_disk_is_told(shell: Shell, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LD_PRELOAD", "/usr/lib/libeatmydata.so")
    monkeypatch.setattr(surroundings, "open_files", lambda: 64)
    monkeypatch.setattr(surroundings, "memory_bytes", lambda: 1)
    shell.ok("add", "x")
    found = findings(shell)
    assert [found[name]["state"] for name in ("libraries in front", "open files", "memory of the machine")] == [
        "warning", "note", "warning",
    ]  # fmt: skip


def test_a_clock_behind_what_was_written_is_told(shell: Shell, monkeypatch: pytest.MonkeyPatch):
    shell.ok("add", "x")
    today = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: today - 86_400 * 10**9)
    assert findings(shell)["times"]["state"] == "warning"
    monkeypatch.setattr(time, "time_ns", lambda: 10**18)
    assert findings(shell, code=1)["clock"]["state"] == "problem"
