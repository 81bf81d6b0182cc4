"""What is refused leaves no trace, what is skipped is taken once it is mended, and nothing comes twice."""

from __future__ import annotations

import json
import os
import random
import zipfile
from pathlib import Path
from typing import Any

import pytest

from holdfast import Memory
from holdfast.errors import HoldfastError, ImportStopped, InvalidField, InvalidInput
from tests.adapters.importers.making import FORMS, LOGS, MAKERS, SAID, form_of, made, objects, text_of
from tests.services.scenes import state_of

SEED = 7
every = pytest.mark.parametrize("kind", FORMS)
CHATS = ("chatgpt", "claude", "letta", "tuning")


def held(memory: Memory) -> list[str]:
    return sorted(record.text for record in memory.records())


def fresh(path: Path, kind: str) -> list[str]:
    """What an import into an empty space gives."""
    with Memory.open(":memory:", embedder=None) as memory:
        memory.import_(path, format=form_of(kind))
        return held(memory)


@every
@pytest.mark.parametrize("what", ["empty", "blank", "zip of something", "web page", "folder", "pipe", "a word"])
def test_a_file_refused_as_a_whole_changes_nothing(memory: Memory, kind: str, what: str, tmp_path: Path):
    memory.remember("Something is here already.")
    before, path = state_of(memory), tmp_path / MAKERS[kind][0]
    if what == "folder":
        path.mkdir()
    elif what == "pipe":
        os.mkfifo(path)
    elif what == "zip of something":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("notes.txt", "hello")
    else:
        path.write_text({"empty": "", "blank": " \n\n", "web page": "<!DOCTYPE html>", "a word": "hello"}[what])
    for format_ in ("auto", form_of(kind)):
        if what == "a word" and format_ != "auto":
            continue
        with pytest.raises(InvalidInput) as caught:
            memory.import_(path, format=format_)
        assert "Nothing was written." in str(caught.value)
    assert state_of(memory) == before


@every
def test_half_a_file_and_then_the_whole_is_the_whole_and_nothing_twice(memory: Memory, kind: str, tmp_path: Path):
    values = (
        objects(kind, SAID) if kind == "letta" else [v for n in range(4) for v in objects(kind, SAID, name=f"d{n}")]
    )
    path = made(kind, tmp_path, values)
    data, whole = path.read_bytes(), fresh(path, kind)
    chance = random.Random(SEED)
    for end in sorted(chance.randrange(40, len(data) - 3) for _ in range(6)):
        path.write_bytes(data[:end])
        try:
            memory.import_(path, format=form_of(kind))
        except HoldfastError:
            continue
        found = held(memory)
        assert len(found) <= len(whole)
        if kind in CHATS:
            assert len(found) % len(SAID) == 0, "a conversation is whole or absent"
    path.write_bytes(data)
    memory.import_(path)
    assert held(memory) == whole
    assert memory.import_(path).added == 0
    assert memory.check() == []


def with_a_bad_entry(kind: str) -> list[Any]:
    values = objects(kind, SAID)
    if kind == "chatgpt":
        values[0]["mapping"]["m1"]["message"] = 5
    elif kind == "claude":
        values[0]["chat_messages"][1]["sender"] = "nobody"
    elif kind == "letta":
        values[0]["agents"][0]["messages"][1]["content"] = 5
    elif kind == "tuning":
        del values[0]["messages"][1]["role"]
    elif kind == "mem0":
        values[1]["memory"] = {}
    elif kind == "mcp-memory":
        del values[1]["name"]
    elif kind == "codex":
        values[2]["payload"]["content"] = 5
    elif kind == "claude-code":
        values[1]["message"] = None
    else:
        del values[1]["role"]
    return values


@every
def test_skip_errors_takes_all_but_the_bad_entry_and_the_mended_file_adds_just_that(
    memory: Memory, kind: str, tmp_path: Path
):
    whole = fresh(made(kind, tmp_path, objects(kind, SAID)), kind)
    path = made(kind, tmp_path, with_a_bad_entry(kind))
    before = state_of(memory)
    for dry_run in (True, False):
        report = memory.import_(path, format=form_of(kind), dry_run=dry_run)
        assert report.added == (0 if kind in CHATS else 2)
        (skipped,) = [one for one in report.skipped if not one.intended]
        assert ("None of the conversation was taken" in skipped.why) == (kind in CHATS)
    assert (state_of(memory) == before) == (kind in CHATS)
    for dry_run in (True, False):
        report = memory.import_(path, format=form_of(kind), skip_errors=True, dry_run=dry_run)
        assert report.added == (2 if kind in CHATS else 0)
        (skipped,) = [one for one in report.skipped if not one.intended]
        assert skipped.why.endswith("it was not taken") or kind not in CHATS
    assert memory.import_(made(kind, tmp_path, objects(kind, SAID))).added == 1
    assert held(memory) == whole
    assert memory.check() == []


def conversation(*rows: Any) -> str:
    return json.dumps({"conversation": "talk", "entries": list(rows)})


def test_a_bad_entry_of_our_own_format_costs_only_itself(memory: Memory, tmp_path: Path):
    good = [{"author": "Ada", "text": f"n{n}", "when": "2024-05-03" if n == 1 else None} for n in range(4)]
    path = tmp_path / "talk.jsonl"
    for bad in ({"author": "Ada", "when": "2024-05-03"}, "no entry", {"author": "A\nB", "text": "n1"}):
        path.write_text(conversation(good[0], bad, *good[2:]))
        with pytest.raises((ImportStopped, InvalidInput)):
            memory.import_(path)
        assert held(memory) in ([], ["n0", "n2", "n3"])
        report = memory.import_(path, skip_errors=True)
        assert [skipped.line for skipped in report.skipped] == [1]
        assert report.skipped[0].why.startswith("Entry 2: ")
        assert held(memory) == ["n0", "n2", "n3"]
        memory.forget(*(record.id for record in memory.records()))
        memory = Memory.open(":memory:", embedder=None)
    path.write_text(conversation(good[0], {"author": "Ada", "when": "2024-05-03"}, *good[2:]))
    memory.import_(path, skip_errors=True)
    path.write_text(conversation(*good))
    report = memory.import_(path)
    assert (report.added, report.unchanged, report.skipped) == (1, 3, ())


def test_an_entry_that_differs_from_what_is_held_costs_only_itself(memory: Memory, tmp_path: Path):
    path = tmp_path / "talk.jsonl"
    path.write_text(conversation({"author": "Ada", "text": "one"}))
    memory.import_(path)
    twice = [{"author": "Ada", "text": "two", "id": "x"}, {"author": "Ada", "text": "three", "id": "x"}]
    path.write_text(conversation({"author": "Ada", "text": "changed"}, {"author": "Ada", "text": "new"}, *twice))
    with pytest.raises(ImportStopped):
        memory.import_(path)
    report = memory.import_(path, skip_errors=True)
    assert (report.added, len(report.skipped)) == (2, 2)
    assert held(memory) == ["new", "one", "two"]


def test_a_line_of_our_own_that_is_too_long_is_named_and_passed_over(
    memory: Memory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("holdfast.services.json_lines.MOST_LINE_BYTES", 1_000_000)
    path = tmp_path / "talk.jsonl"
    lines = [conversation({"author": "Ada", "text": text}).replace("talk", f"t{n}") for n, text in enumerate("abc")]
    lines[1] = lines[1].replace('"b"', '"' + "b" * 5_000_000 + '"')
    path.write_text("\n".join(lines))
    told = list[tuple[int, int]]()
    report = memory.import_(path, skip_errors=True, progress=lambda done, total: told.append((done, total)))
    assert held(memory) == ["a", "c"]
    assert [(skipped.line, skipped.why) for skipped in report.skipped] == [(2, "it has more than 0 MB.")]
    assert told[-1] == (path.stat().st_size,) * 2


def test_a_pipe_is_not_looked_into_unless_its_format_is_named(memory: Memory, tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidField, match="it is a pipe; name the format"):
        memory.import_(tmp_path / "pipe")


def test_the_zip_of_an_export_and_then_its_file_adds_nothing_twice(memory: Memory, tmp_path: Path):
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("conversations.json", text_of("chatgpt", objects("chatgpt", SAID)))
    report = memory.import_(path)
    assert (report.format, report.added) == ("chatgpt", 3)
    plain = memory.import_(made("chatgpt", tmp_path, objects("chatgpt", SAID)))
    assert (plain.added, plain.unchanged) == (0, 3)


def test_logs_are_the_formats_a_line_of_which_stands_alone():
    assert not set(LOGS) & set(CHATS)
