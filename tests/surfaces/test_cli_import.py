"""Importing files that are not right from the command line: no space for nothing, and every place named."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

import pytest

from holdfast import Memory
from holdfast.surfaces.cli import failure
from tests.adapters.importers.making import FORMS, SAID, form_of, made, objects, text_of
from tests.surfaces.shell import Shell


def bad_chat(folder: Path, lines: int = 3) -> Path:
    path = folder / "chat.jsonl"
    path.write_text("".join(json.dumps({"role": "user", "content": 5, "n": n}) + "\n" for n in range(lines)))
    return path


@pytest.mark.parametrize("skip", [(), ("--skip-errors",)], ids=["stop", "skip"])
def test_an_import_of_nothing_makes_no_space(shell: Shell, skip: tuple[str, ...]):
    bad_chat(shell.folder)
    done = shell("import", "chat.jsonl", *skip)
    assert done.exit_code == failure.PROBLEMS
    assert "there is nothing to take, so" in done.stderr
    assert "3 places skipped:" in done.stdout
    assert not shell.space.exists()
    report = shell.json("import", "chat.jsonl", *skip, code=1)
    assert (report["added"], report["pending"], len(report["skipped"])) == (0, 0, 3)
    assert not shell.space.exists()


def test_an_import_of_much_that_is_all_bad_makes_no_space(shell: Shell):
    bad_chat(shell.folder, 20_000)
    assert shell("import", "chat.jsonl").exit_code == failure.PROBLEMS
    assert not shell.space.exists()


def test_a_first_line_that_is_refused_makes_no_space(shell: Shell):
    good = json.dumps({"conversation": "c", "entries": [{"author": "Ada", "text": "Hello."}]})
    (shell.folder / "talk.jsonl").write_text('{"conversation": "b", "entries": [5]}\n' + good)
    assert shell.error("import", "talk.jsonl")[0] == failure.USAGE
    assert not shell.space.exists()
    (shell.folder / "talk.jsonl").write_text(good + '\n{"conversation": "b", "entries": [5]}\n')
    assert shell.error("import", "talk.jsonl")[0] == failure.USAGE
    assert shell.json("stats")["live"] == 1


@pytest.mark.parametrize("kind", FORMS)
def test_a_dry_run_makes_no_space_whatever_the_format(shell: Shell, kind: str):
    path = made(kind, shell.folder, objects(kind, SAID))
    report = shell.json("import", path.name, "--dry-run")
    assert (report["format"], report["added"], report["dry_run"]) == (form_of(kind), 3, True)
    assert not shell.space.exists()


def test_skip_errors_takes_a_conversation_without_its_bad_entry(shell: Shell):
    values = objects("claude", SAID)
    values[0]["chat_messages"][1]["sender"] = "nobody"
    made("claude", shell.folder, values)
    strict = shell("import", "conversations.json")
    assert "None of the conversation was taken; with skip_errors (--skip-errors) the rest of it is." in strict.stdout
    assert not shell.space.exists()
    report = shell.json("import", "conversations.json", "--skip-errors", code=1)
    assert (report["added"], report["skipped"][0]["place"]) == (2, "conversations.json, conversation 1 (c), message m1")


def test_the_zip_of_an_export_is_imported_as_it_is(shell: Shell):
    with zipfile.ZipFile(shell.folder / "export.zip", "w") as archive:
        archive.writestr("conversations.json", text_of("chatgpt", objects("chatgpt", SAID)))
    assert "3 memories added" in shell.ok("import", "export.zip", "--no-embed")


@pytest.mark.parametrize("name", ["pipe", "x" * 3_000])
def test_what_is_no_file_is_refused_at_once(shell: Shell, name: str):
    if name == "pipe":
        os.mkfifo(shell.folder / name)
    code, told = shell.error("import", name)
    assert (code, "Nothing was written." in told) == (failure.USAGE, True)
    assert not shell.space.exists()


def test_progress_is_drawn_in_a_terminal_only(shell: Shell):
    path = made("jsonl", shell.folder, objects("jsonl", [f"n{n}" for n in range(800)]))
    assert "Importing" in shell.terminal("import", path.name)[1]
    path.write_text(path.read_text().replace("n1", "m1"))
    assert shell.process("import", path.name).stderr == b""


def test_what_a_merge_forgot_and_could_not_overwrite_is_told(shell: Shell, monkeypatch: pytest.MonkeyPatch):
    with Memory.open(":memory:", embedder=None) as memory:
        memory.remember("Ada sails.")
        memory.forget(memory.remember("The door code is 7306.").id)
        (shell.folder / "journal.jsonl").write_text("\n".join(memory.storage.journal()))
    monkeypatch.setattr("holdfast.adapters.sqlite.store.SqliteStore.truncate_log", lambda self: False)
    assert "still pending: another reader" in shell("import", "journal.jsonl").stdout
    for file in shell.folder.glob(f"{shell.space.name}*"):
        file.unlink()
    assert "another reader" in shell.json("import", "journal.jsonl")["forget_pending"]
