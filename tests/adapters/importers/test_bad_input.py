"""Files as users have them: archives, halves, odd encodings, doubled ids. A clear word, nothing half taken."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import zipfile
from datetime import UTC, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from holdfast.adapters.importers import IMPORTERS, find_importer
from holdfast.errors import InvalidField, UnknownFormat
from holdfast.model import limits
from holdfast.model.reports import Turn
from tests.adapters.importers.reading import GOLDEN, check_storable, read_whole

CHATGPT = GOLDEN / "chatgpt" / "conversations.json"


def zipped(data: bytes, name: str = "conversations.json") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, data)
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("notes.zip", zipped(b"[]", "notes/ada.json"), "zip archive, not the export itself; unzip it"),
        ("chat.jsonl", zipped(b"[]", "chat.jsonl"), "zip archive, not the export itself; unzip it"),
        ("chat.jsonl.gz", gzip.compress(b"{}"), "gzip file, not the export itself; unpack it"),
        ("export.7z", b"7z\xbc\xaf\x27\x1c...", "7-Zip archive"),
        ("report.pdf", b"%PDF-1.7", "a PDF"),
        ("space.db", b"SQLite format 3\x00", "opened, not imported"),
        ("chat.html", b"<!DOCTYPE html><html>", "web page; import the JSON"),
        ("nothing.json", b"", "nothing.json is empty"),
        ("blank.json", b" \n\t\n", "blank.json is empty"),
        ("letter.txt", b"Dear Ada,\nhow are you?", "begins with 'Dear Ada,'"),
        ("settings.json", b'{"theme": "dark", "size": 3}', "the fields size, theme"),
        ("empty.json", b"[]", "without an object"),
        ("bytes.bin", bytes(range(1, 60)), "no JSON and no Markdown"),
    ],
)
def test_what_is_no_export_is_named_for_what_it_is(name: str, data: bytes, said: str, tmp_path: Path):
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(UnknownFormat) as caught:
        find_importer(path)
    assert said in str(caught.value)
    assert "Nothing was written" in str(caught.value)


def test_an_archive_is_named_even_where_the_format_is_given(tmp_path: Path):
    path = tmp_path / "conversations.json"
    path.write_bytes(zipped(CHATGPT.read_bytes(), "chat.html"))
    for importer in IMPORTERS:
        with pytest.raises(UnknownFormat, match="unzip it"):
            list(importer.read(path, zone=UTC))


def test_what_is_not_there_is_said(tmp_path: Path):
    with pytest.raises(InvalidField, match="no file"):
        find_importer(tmp_path / "none.json")
    for importer in IMPORTERS:
        with pytest.raises(InvalidField, match="no file"):
            list(importer.read(tmp_path / "none.json", zone=UTC))
    with pytest.raises(UnknownFormat, match="folder without"):
        find_importer(tmp_path)
    with pytest.raises(UnknownFormat, match="did you mean 'chatgpt'"):
        find_importer(CHATGPT, format="chatgtp")


def test_an_export_that_ends_early_gives_whole_conversations_only(tmp_path: Path):
    data, path = CHATGPT.read_bytes(), tmp_path / "conversations.json"
    sizes: dict[str | None, int] = {}
    for item in read_whole("chatgpt", CHATGPT).items:
        assert isinstance(item, Turn)
        sizes[item.session] = sizes.get(item.session, 0) + 1
    for end in range(1, len(data) - 2, 97):
        path.write_bytes(data[:end])
        whole = read_whole("chatgpt", path)
        found: dict[str | None, int] = {}
        for item in whole.items:
            assert isinstance(item, Turn)
            found[item.session] = found.get(item.session, 0) + 1
        assert all(sizes[session] == count for session, count in found.items())
        assert "the file ends" in whole.reasons


def test_half_a_line_at_the_end_of_a_log_is_said_and_taken_when_it_is_whole(tmp_path: Path):
    path = tmp_path / "chat.jsonl"
    lines = [json.dumps({"id": n, "role": "user", "content": f"word {n}", "timestamp": 1.7e9 + n}) for n in range(5)]
    path.write_text("\n".join(lines)[:-10])
    half = read_whole("jsonl", path)
    assert len(half.items) == 4
    assert "line 5: it is not JSON" in half.reasons
    assert "may have been cut off" in half.reasons
    path.write_text("\n".join(lines))
    assert read_whole("jsonl", path).keys[:4] == half.keys


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize(
    ("name", "form"), [("chats.jsonl", "jsonl"), ("mem0.json", "mem0"), ("memory.jsonl", "mcp-memory")]
)
def test_a_file_in_another_unicode_encoding_reads_the_same(name: str, form: str, encoding: str, tmp_path: Path):
    path = tmp_path / name
    path.write_bytes((GOLDEN / name).read_text("utf-8").encode(encoding))
    assert find_importer(path).name == form
    assert read_whole(form, path).items == read_whole(form, GOLDEN / name).items


def test_bytes_of_another_encoding_are_reported_and_not_guessed(tmp_path: Path):
    path = tmp_path / "chat.jsonl"
    rows = [
        '{"role": "user", "content": "plain"}',
        '{"role": "user", "content": "Café"}',
        '{"role": "user", "content": "more"}',
    ]
    path.write_bytes("\n".join(rows).encode("latin-1"))
    whole = read_whole("jsonl", path)
    assert whole.texts == ["plain", "more"]
    assert "line 2: it is not UTF-8 text" in whole.reasons
    export = tmp_path / "conversations.json"
    export.write_bytes(CHATGPT.read_bytes().replace("é".encode(), b"\xe9"))
    reduced = read_whole("chatgpt", export)
    assert "conversation 1: it is not UTF-8 text" in reduced.reasons
    assert not any("conv-1" in str(item.source) for item in reduced.items if "twice" not in item.text)


def test_times_in_four_forms_and_none_in_one_file(tmp_path: Path):
    given: list[Any] = [None, 1714759500, 1714759560000, "2024-05-03T19:07:00+01:00", "3 May 2024 18:08",
                        "1714759740.5", 1714759800000000, "2024-05-03 20:10", "soon", None, 12]  # fmt: skip
    path = tmp_path / "chat.jsonl"
    path.write_text(
        "\n".join(json.dumps({"role": "user", "content": f"n{n}", "time": at}) for n, at in enumerate(given))
    )
    start = 1714759500000
    whole = read_whole("jsonl", path, timezone(timedelta(hours=2)))
    minutes = [None if item.when_ms is None else (item.when_ms - start) / 60_000 for item in whole.items]
    assert minutes == [None, 0, 1, 2, 3 - 120, 4 + 0.5 / 60, 5, 5, 5, 5, 5]
    assert whole.reasons.count("cannot be read as a time") == 2


def test_doubled_ids_are_said_and_lose_nothing(tmp_path: Path):
    path = tmp_path / "chat.jsonl"
    rows = [{"id": 1, "author": "Ada", "text": text} for text in ("one", "one", "two")]
    path.write_text("\n".join(map(json.dumps, rows)))
    whole = read_whole("jsonl", path)
    assert whole.texts == ["one", "one", "two"]
    assert len(set(whole.keys)) == 2
    assert "the id 1 stands before it with other words" in whole.reasons


def test_characters_that_cannot_be_stored_are_replaced_and_long_texts_are_divided(tmp_path: Path):
    path = tmp_path / "chat.jsonl"
    long = ("a line of words\n" * 100_000) + "end"
    rows = [
        '{"role": "user", "content": "half \\ud83d, whole \\ud83d\\ude00, nul \\u0000"}',
        json.dumps({"role": "user", "content": long}),
    ]
    path.write_text("\n".join(rows))
    whole = read_whole("jsonl", path)
    assert whole.texts[0] == "half \ufffd, whole \U0001f600, nul \ufffd"
    assert "".join(whole.texts[1:]) == long
    assert all(len(text) <= limits.TEXT_CHARS for text in whole.texts)
    assert len(set(whole.keys)) == len(whole.items) == 3
    for item in whole.items:
        check_storable(item)


def test_a_line_that_is_too_long_is_passed_over(tmp_path: Path):
    path = tmp_path / "chat.jsonl"
    with path.open("wb") as file:
        file.write(b'{"role": "user", "content": "before"}\n{"role": "user", "content": "')
        for _ in range(33):
            file.write(b"x" * (1 << 20))
        file.write(b'"}\n{"role": "user", "content": "after"}\n')
    whole = read_whole("jsonl", path)
    assert whole.texts == ["before", "after"]
    assert "line 2: it is too long: more than 32 MB" in whole.reasons


def test_a_file_of_rubbish_is_reported_in_bounded_length(tmp_path: Path):
    path = tmp_path / "chat.jsonl"
    path.write_text('{"role": "user", "content": "x"}\n' + "rubbish\n" * 5_000)
    whole = read_whole("jsonl", path)
    assert len(whole.items) == 1
    assert len(whole.skipped) == 1_001
    assert whole.skipped[-1].why == "4,000 more places like those named"


def test_one_unreadable_file_in_a_folder_does_not_stop_the_others(tmp_path: Path):
    good = (GOLDEN / "codex_old").glob("*.jsonl")
    (tmp_path / "rollout-a.jsonl").write_bytes(next(iter(good)).read_bytes())
    (tmp_path / "rollout-b.jsonl").write_bytes(b"")
    (tmp_path / "rollout-c.jsonl").write_bytes(gzip.compress(b"x"))
    whole = read_whole("codex", tmp_path)
    assert len(whole.items) == 2
    assert "rollout-b.jsonl is empty" in whole.reasons
    assert "rollout-c.jsonl is a gzip file" in whole.reasons


def test_links_in_a_circle_are_reported_and_lines_are_still_taken_in_order(tmp_path: Path):
    path = tmp_path / "session.jsonl"
    rows = [
        {"type": "user", "uuid": name, "parentUuid": parent, "sessionId": "s", "timestamp": "2025-01-01T00:00:00Z",
         "message": {"role": "user", "content": name}}
        for name, parent in (("a", "c"), ("b", "a"), ("c", "b"))
    ]  # fmt: skip
    path.write_text("\n".join(map(json.dumps, rows)))
    whole = read_whole("claude-code", path)
    assert whole.texts == ["a", "b", "c"]
    assert "go round in a circle" in whole.reasons


@pytest.mark.parametrize(("name", "folder"), [("claude-code", "claude_code"), ("codex", "codex")])
def test_an_empty_file_among_others_does_not_hide_what_a_folder_is(tmp_path: Path, name: str, folder: str):
    copy = tmp_path / folder
    shutil.copytree(GOLDEN / folder, copy)
    (copy / "rollout-0.jsonl").touch()
    assert find_importer(copy).name == name
