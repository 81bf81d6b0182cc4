"""`holdfast house`, and every other command in a space of a house."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.house import Holdfast
from holdfast.house_wiring import REGISTRY
from holdfast.memory import Memory
from holdfast.surfaces.cli import place
from holdfast.surfaces.cli.house import house_command
from holdfast.surfaces.cli.main import cli
from tests.house.scenes import bytes_under
from tests.surfaces.shell import Shell, command, compare, conversation

AS_ANOTHER_USER = """
import os, sys
from click.testing import CliRunner
from holdfast.surfaces.cli.main import cli, run
for words in (["house", "create", "a"], ["house", "list"], ["house", "create", "a"]):
    CliRunner().invoke(cli, [*words, "--house", "warm"])  # loads what another user may not be able to read
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65_534)
    os.setuid(65_534)
run()
"""
"""Nobody can be kept from writing who is root."""


@pytest.fixture
def house(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A house with two spaces, and a planner who writes in one of them."""
    monkeypatch.setenv("HOLDFAST_HOUSE", str(shell.folder / "house"))
    for name in ("acme/team", "acme/ada"):
        shell.ok("house", "create", name)
    shell.ok("house", "grant", "planner", "acme/team", "write")
    shell.ok("add", "The launch is on the ninth of May.", "--space", "acme/team", "--when", "2024-05-01")
    shell.ok("add", "Ada is on leave until the launch.", "--space", "acme/ada", "--when", "2024-05-02")
    return shell


def test_the_registry_is_named_as_the_house_names_it():
    assert place.REGISTRY == REGISTRY


# Spaces


def test_a_house_is_made_with_its_first_space(shell: Shell):
    shell.ok("house", "create", "acme/ada", "--house", "memories")
    assert (shell.folder / "memories" / "house.db").is_file()
    (entry,) = shell.json("house", "list", "--house", "memories")
    assert (entry["name"], entry["right"], entry["policy"]) == ("acme/ada", "admin", None)
    assert not shell.space.exists()


def test_each_principal_is_shown_its_spaces(house: Shell):
    compare("house_list.txt", house.ok("house", "list"))
    assert [(one["name"], one["right"]) for one in house.json("house", "list", "--as", "planner")] == [
        ("acme/team", "write")
    ]
    assert house.json("house", "list", "--as", "stranger", code=1) == []
    assert house.error("house", "list", "--as", "stranger")[0] == 1


def test_a_space_is_renamed_and_keeps_what_it_has(house: Shell):
    assert house.ok("house", "rename", "acme/team", "acme/crew").strip() == "acme/crew"
    assert house.json("stats", "--space", "acme/crew", "--as", "planner")["live"] == 1
    code, told = house.error("house", "rename", "acme/crew", "ACME/Ada")
    assert (code, "'acme/ada'" in told) == (4, True)


@pytest.mark.parametrize(
    "name", ["../x", "/etc", "a//b", "..", "con", "a\\b", "-x", "x\x00", "a ", "\u0430da", "x" * 201, ""]
)
def test_a_bad_name_is_refused_and_nothing_is_made(shell: Shell, name: str):
    code, told = shell.error("house", "create", "--house", "memories", "--", name)
    assert code == 2, told
    assert not (shell.folder / "memories").exists()


@pytest.mark.parametrize(("one", "other"), [("Café", "Cafe\u0301"), ("acme/ada", "ACME/Ada"), ("a.b", "a\ua4f8b")])
def test_names_that_look_alike_are_one_space(shell: Shell, one: str, other: str):
    shell.ok("house", "create", one, "--house", "memories")
    code, told = shell.error("house", "create", other, "--house", "memories")
    assert (code, "already" in told) == (4, True)
    made = shell.ok("add", "Kept.", "--house", "memories", "--space", other).strip()
    assert shell.json("history", made, "--house", "memories", "--space", one)


# Dropping


def test_dropping_asks_for_a_yes_where_nobody_can_be_asked(house: Shell):
    assert house.error("house", "drop", "acme/ada")[0] == 2
    assert house.error("house", "drop", "absent")[0] == 2
    assert len(house.json("house", "list")) == 2


def test_a_dropped_space_leaves_a_receipt_that_verifies(house: Shell):
    receipt = house.json("house", "drop", "acme/ada", "--yes", "--reason", "asked to")
    assert (receipt["actor"], receipt["reason"], receipt["pending"]) == ("owner", "asked to", None)
    assert b"on leave" not in bytes_under(house.folder / "house")
    kept = house.folder / "receipt.json"
    kept.write_text(json.dumps(receipt))
    assert house.json("house", "verify", str(kept))["holds"]
    assert house.json("house", "verify", receipt["id"])["holds"]
    assert house.json("house", "verify", str(kept), "--as", "stranger")["holds"], "who has the receipt may check it"
    assert house.json("house", "receipts") == [receipt]
    kept.write_text(json.dumps(receipt | {"files": 99}))
    assert not house.json("house", "verify", str(kept), code=1)["holds"]
    for bad in ("{}", "[]", "not json", '{"heads": []}'):
        kept.write_text(bad)
        assert house.error("house", "verify", str(kept))[0] == 2
    assert house.error("house", "verify", "no-such-receipt")[0] == 3
    assert house.error("house", "verify", receipt["id"], "--as", "planner")[0] == 3


def test_the_token_of_a_look_drops_the_space_as_it_was_shown(house: Shell):
    seen = house.json("house", "drop", "acme/ada", "--dry-run")
    assert (seen["memories"], seen["grants"], len(seen["token"])) == (1, 0, 16)
    shown = house.ok("house", "drop", "acme/team", "--dry-run")
    compare("house_drop.txt", re.sub(r"(--confirm) [0-9a-f]{16}\b", r"\1 <token>", shown))
    house.ok("add", "One more.", "--space", "acme/ada")
    code, told = house.error("house", "drop", "acme/ada", "--confirm", seen["token"])
    assert (code, "as it is now" in told) == (2, True)
    assert house.error("house", "drop", "acme/ada", "--confirm", "acme/ada")[0] == 2, "a token, not the name"
    now = house.json("house", "drop", "acme/ada", "--dry-run")["token"]
    assert house.json("house", "drop", "acme/ada", "--confirm", now)["files"] >= 1
    assert [one["name"] for one in house.json("house", "list")] == ["acme/team"]


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminal")
@pytest.mark.parametrize(("typed", "code", "left"), [(b"acme/ada\n", 0, 1), (b"yes\n", 1, 2), (b"\n", 1, 2)])
def test_in_a_terminal_the_name_is_typed(house: Shell, typed: bytes, code: int, left: int):
    ended, shown = house.terminal("house", "drop", "acme/ada", typed=typed)
    assert ended == code, shown
    assert "1 memory" in shown
    assert len(house.json("house", "list")) == left


# Bounds and policies


def test_bounds_are_shown_beside_what_is_held(house: Shell):
    house.ok("house", "limit", "acme/team", "--memories", "2", "--writes-a-minute", "600")
    told = house.json("house", "limit", "acme/team", "--bytes", "50000000")
    assert told["quota"] == {"memories": 2, "bytes": 50_000_000, "writes_a_minute": 600}, "the others stay"
    assert (told["usage"]["memories"], told["usage"]["writes_a_minute"]) == (1, 1)
    assert 0 < told["usage"]["bytes"] < 50_000_000
    compare("house_limit.txt", house.ok("house", "limit", "acme/team"))
    assert house.error("house", "limit", "acme/team", "--as", "planner", "--bytes", "none")[0] == 3
    assert house.json("house", "limit", "acme/team", "--as", "planner") == told, "who reads may look"
    house.ok("add", "Second.", "--space", "acme/team")
    code, words = house.error("add", "Third.", "--space", "acme/team")
    assert (code, "2 of at most 2 memories" in words) == (4, True)
    assert house.json("house", "limit", "acme/team", "--memories", "none")["quota"]["memories"] is None
    house.ok("add", "Third.", "--space", "acme/team")
    for bad in ("-1", "1e9", "many", "1.5", "\u0663"):
        assert house("house", "limit", "acme/team", f"--memories={bad}").exit_code == 2


def test_the_policy_of_a_space_and_the_one_of_the_file_hold_together(house: Shell):
    file = house.folder / "policy.toml"
    file.write_text('[policy]\ncredential = "refuse"\n[policy.keep]\nhealth = "never"\n')
    compare("house_restrict.txt", house.ok("house", "restrict", "acme/team", "--policy", str(file)))
    assert house.error("add", "My password is hunter2-Xy91.", "--space", "acme/team")[0] == 4
    house.ok("add", "My password is hunter2-Xy91.", "--space", "acme/ada")
    (house.folder / "holdfast.toml").write_text('[policy]\ncontact = "refuse"\ncredential = "store"\n')
    for space in ("acme/team", "acme/ada"):
        assert house.error("add", "Write to ada@example.org today.", "--space", space)[0] == 4
    assert house.error("add", "Her password is hunter3-Xy91.", "--space", "acme/team")[0] == 4
    assert house.json("house", "restrict", "acme/team")["policy"]["credential"] == "refuse"
    assert house.error("house", "restrict", "acme/team", "--policy", "none", "--as", "planner")[0] == 3
    assert house.json("house", "restrict", "acme/team", "--policy", "none")["policy"] is None
    made = house.json("house", "create", "acme/third", "--policy", str(file))
    assert made["policy"]["keep"] == {"health": "never", "otherwise": "always"}
    file.write_text("[other]\n")
    assert house.error("house", "restrict", "acme/ada", "--policy", str(file))[0] == 2
    assert house.error("house", "restrict", "acme/ada", "--policy", "missing.toml")[0] == 2


# Grants


def test_grants_are_given_listed_and_taken(house: Shell):
    assert house.ok("house", "grant", "Bo", "acme/team", "read").strip() == "bo may read in acme/team"
    assert [(one["principal"], one["right"], one["by"]) for one in house.json("house", "grants", "acme/team")] == [
        ("bo", "read", "owner"), ("planner", "write", "owner")
    ]  # fmt: skip
    compare("house_grants.txt", house.ok("house", "grants", "acme/team"))
    assert house.json("house", "revoke", "planner", "acme/team", "write")["right"] == "read"
    assert house.ok("house", "revoke", "planner", "acme/team").strip() == "planner may do nothing in acme/team"
    assert house.error("recall", "launch", "--space", "acme/team", "--as", "planner")[0] == 3
    assert house.error("house", "grant", "bo", "acme/team", "everything")[0] == 2
    assert "granted" in house.ok("house", "audit")
    assert [one["what"] for one in house.json("house", "audit", "--limit", "1")] == ["revoked"]


# Other commands in a space


def test_every_command_that_uses_a_space_works_in_a_house(house: Shell):
    where = ("--space", "acme/team", "--as", "planner")
    talk = conversation(house.folder)
    assert house.json("import", str(talk), *where)["added"] == 3
    made = house.json("add", "Kept for a while.", *where)
    assert made["actor"] == "planner"
    new = house.json("correct", made["id"][-8:], "Kept for good.", *where)["record"]["id"]
    assert house.json("history", made["id"], *where)
    house.ok("chat-log", "s", "Hello.", "--add", "user", *where)
    assert [turn["text"] for turn in house.json("chat-log", "s", *where)["turns"]] == ["Hello."]
    exported = house.ok("export", *where).splitlines()
    assert len(exported) == house.json("stats", *where)["live"] == 6
    receipt = house.json("forget", new, "--yes", *where)
    assert receipt["forgotten"] == [new]
    assert house.json("verify", receipt["id"], *where)["holds"]
    assert house.json("receipts", *where)[0]["id"] == receipt["id"]
    assert house.json("proof", *where)["heads"]
    assert house.json("check", *where)["problems"] == []
    assert house.json("doctor", *where)["healthy"] in (True, False)
    for words in (("rebuild",), ("audit",)):
        assert house(*words, *where).exit_code == 3, "these need the right admin"
        house.ok(*words, "--space", "acme/team")
    assert not house.space.exists(), "the file that HOLDFAST_DB names was not touched"


def test_an_export_does_not_go_into_the_folder_of_the_house(house: Shell):
    target = next((house.folder / "house").glob("????????????????????????????????.db"))
    before = target.stat().st_size
    for name in (target.name, "house.db", "export.jsonl"):
        done = house("export", "--space", "acme/team", "--force", "-o", str(house.folder / "house" / name))
        assert done.exit_code == 2
    assert target.stat().st_size == before


def test_several_spaces_are_asked_at_once_and_each_hit_names_its_own(house: Shell):
    found = house.json("recall", "launch", "--space", "acme/team", "--space", "acme/ada")
    assert {hit["space"] for hit in found["hits"]} == set(found["by_space"]) == {"acme/team", "acme/ada"}
    assert all(0 <= hit["chance"] <= 1 and hit["record"]["text"] for hit in found["hits"])
    everywhere = house.json("recall", "launch", "--all-spaces", "--as", "planner")
    assert set(everywhere["by_space"]) == {"acme/team"}
    compare("house_recall.txt", house.ok("recall", "launch", "--all-spaces", "--limit", "2"))
    assert "score" in house.ok("recall", "launch", "--all-spaces", "--why")
    assert house.ok("recall", "launch", "--all-spaces", "--text").count(" in acme/") == 2
    assert house("recall", "launch", "--all-spaces", "--as", "stranger").exit_code == 1
    assert house("recall", "launch", "--all-spaces", "--where", "author=Nobody").exit_code == 1
    code, told = house.error("recall", "launch", "--space", "acme/ada", "--space", "acme/team", "--as", "planner")
    assert (code, "'acme/ada'" in told) == (3, True)


def test_a_file_and_a_space_are_not_named_together(house: Shell, monkeypatch: pytest.MonkeyPatch):
    for words in (
        ("stats", "--db", "x.db", "--space", "acme/team"), ("--db", "x.db", "stats", "--space", "acme/team"),
        ("stats", "--house", "house"), ("stats", "--space", "a", "--space", "b"), ("--db", "x.db", "house", "list"),
        ("recall", "x", "--all-spaces", "--space", "acme/team"),
    ):  # fmt: skip
        assert house.error(*words)[0] == 2, words
    monkeypatch.delenv("HOLDFAST_HOUSE")
    for words in (("stats", "--space", "acme/team"), ("house", "list")):
        code, told = house.error(*words)
        assert (code, "HOLDFAST_HOUSE" in told) == (2, True)


def test_the_house_may_be_named_in_a_file(house: Shell, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("HOLDFAST_HOUSE")
    (house.folder / "holdfast.toml").write_text('house = "house"\n')
    assert len(house.json("house", "list")) == 2
    assert len(house.json("--json", "house", "list")) == 2
    assert house.error("stats")[0] == 5, "without --space a file is used"


def test_the_help_lists_the_commands_as_the_house_calls_them(house: Shell):
    assert set(house_command.commands) == {
        "create", "list", "rename", "drop", "limit", "restrict", "grant", "revoke", "grants", "check", "audit",
        "receipts", "verify",
    }  # fmt: skip
    for name in set(house_command.commands) - {"list"}:
        assert callable(getattr(Holdfast, name))
        assert "--json" in house.ok("house", name, "--help")
    assert house("house").exit_code == 2


# What goes wrong


def test_what_is_no_house_is_told(shell: Shell):
    (shell.folder / "file").write_text("x")
    (shell.folder / "empty").mkdir()
    (shell.folder / "foreign").mkdir()
    with Memory.open(shell.folder / "foreign" / "house.db", embedder=None) as memory:
        memory.remember("A space, not a registry.")
    for folder, told in (
        ("absent", "There is no house in"), ("file", "is a file; a house is a folder"),
        ("empty", "There is no house in"), ("foreign", "not the registry of a Holdfast house"),
    ):  # fmt: skip
        for words in (("house", "list"), ("stats", "--space", "a"), ("add", "x", "--space", "a")):
            code, line = shell.error(*words, "--house", folder)
            assert (code, told in line) == (5, True), line
            assert "create=True" not in line
    for folder in ("file", "foreign"):
        assert shell.error("house", "create", "a", "--house", folder)[0] == 5
    assert sorted(path.name for path in shell.folder.iterdir()) == ["empty", "file", "foreign"]
    assert shell.error("house", "create", "a", "--house", "new", "--as", "bo")[0] == 5, "only the owner makes a house"
    assert not (shell.folder / "new").exists()


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
@pytest.mark.parametrize("known", [True, False])
def test_a_folder_that_cannot_be_written_is_told(shell: Shell, open_folder: Path, known: bool):
    folder = open_folder / "house"
    if known:
        shell.ok("house", "create", "a", "--house", str(folder))
    else:
        folder.mkdir()
    for path in (*folder.iterdir(), folder):
        path.chmod(0o555 if path.is_dir() else 0o444)
    words = ("house", "list") if known else ("house", "create", "b")
    done = subprocess.run(
        [sys.executable, "-c", AS_ANOTHER_USER, *words, "--house", str(folder)], capture_output=True, text=True,
        check=False, timeout=120, cwd=open_folder, env=os.environ | {"HOME": str(open_folder)},
    )  # fmt: skip
    folder.chmod(0o755)
    assert done.returncode == 5, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert f"The house in {folder} cannot be used" in done.stderr
    assert "allow writing to the folder" in done.stderr


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may look into, which pytest's own are not."""
    made = Path(tempfile.mkdtemp())
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


def test_check_says_what_to_do(house: Shell):
    compare("house_check.txt", house.ok("house", "check", "--inside"))
    (target,) = [path for path in (house.folder / "house").glob("*.db") if holds(path, b"on leave")]
    stray = house.folder / "house" / ("ab" * 16 + ".db")
    stray.write_bytes(b"")
    for path in target.parent.glob(f"{target.stem}.*"):
        path.unlink()
    missing, unknown = house.json("house", "check", code=1)["problems"]
    assert "'acme/ada'" in missing
    assert "restore it from a backup" in missing
    assert "move it out" in unknown
    assert house.error("house", "check", "--as", "planner")[0] == 3
    inside = house.json("house", "check", "--inside", code=1)["problems"]
    assert any(problem.startswith("in acme/ada: ") for problem in inside)
    house.ok("house", "drop", "acme/ada", "--yes")
    stray.unlink()
    assert house.json("house", "check")["problems"] == []


def holds(path: Path, words: bytes) -> bool:
    return any(words in one.read_bytes() for one in path.parent.glob(f"{path.stem}.*"))


def test_of_processes_that_make_the_same_space_at_once_one_wins(shell: Shell):
    folder = str(shell.folder / "house")
    names = ["acme/ada", "ACME/Ada", "acme/ada", "Acme/Ada"]
    running = [
        subprocess.Popen(
            command("house", "create", name, "--house", folder, "--json"), stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, cwd=shell.folder, env=os.environ,
        )
        for name in names
    ]  # fmt: skip
    ended = [(process.communicate(timeout=120), process.returncode) for process in running]
    assert sorted(code for _, code in ended) == [0, 4, 4, 4], ended
    assert all(b"already_there" in told[1] for told, code in ended if code)
    (entry,) = shell.json("house", "list", "--house", folder)
    shell.ok("add", "Kept.", "--house", folder, "--space", entry["name"])
    assert shell.json("house", "check", "--inside", "--house", folder)["problems"] == []


# Completion


def offered(*words: str, incomplete: str) -> list[str]:
    from click.shell_completion import ShellComplete

    completer = ShellComplete(cli, {}, "holdfast", "_HOLDFAST_COMPLETE")
    return [item.value for item in completer.get_completions(list(words), incomplete)]


def test_a_shell_offers_spaces_and_principals(house: Shell, monkeypatch: pytest.MonkeyPatch):
    assert offered("recall", "x", "--space", incomplete="acme/") == ["acme/ada", "acme/team"]
    assert offered("recall", "--as", "planner", "--space", incomplete="") == ["acme/team"]
    assert offered("house", "drop", incomplete="acme/t") == ["acme/team"]
    assert offered("house", "revoke", incomplete="pl") == ["planner"]
    assert offered("house", "revoke", "planner", incomplete="") == ["acme/ada", "acme/team"]
    assert offered("house", "grants", "--as", "planner", incomplete="") == ["acme/team"]
    assert offered("house", "revoke", "--as", "planner", incomplete="") == [], "who may not see grants is told no names"
    monkeypatch.delenv("HOLDFAST_HOUSE")
    assert offered("house", "drop", "--house", "house", incomplete="") == ["acme/ada", "acme/team"]
    assert offered("house", "drop", incomplete="") == []
    assert offered("house", "drop", "--house", "absent", incomplete="") == []
    assert not (house.folder / "absent").exists()
