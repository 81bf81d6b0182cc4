"""An export that still is the zip it came in: read as the file inside, never unpacked; refused where it is none."""

from __future__ import annotations

import json
import zipfile
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from holdfast.adapters.importers import archives, find_importer
from holdfast.errors import InvalidField, UnknownFormat
from tests.adapters.importers.making import SAID, made, objects, text_of
from tests.adapters.importers.reading import by_source, importer_named, read_whole, said


@pytest.mark.parametrize("kind", ["chatgpt", "claude"])
@pytest.mark.parametrize("inside", ["conversations.json", "ada-2024-05-03/conversations.json", "./conversations.json"])
def test_the_zip_an_export_comes_in_is_read_as_the_file_inside(kind: str, inside: str, tmp_path: Path):
    plain = made(kind, tmp_path, objects(kind, SAID))
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(plain, inside)
        archive.writestr("chat.html", "<html>")
        archive.writestr("__MACOSX/._conversations.json", b"\0\1")
        archive.writestr("user.json", "{}")
    before = {found.name for found in tmp_path.parent.iterdir()}
    assert find_importer(path).name == kind
    whole = read_whole(kind, path)
    assert whole.items == read_whole(kind, plain).items
    assert whole.batches[-1].done_bytes == whole.batches[-1].total_bytes == plain.stat().st_size
    assert {found.name for found in tmp_path.iterdir()} == {"conversations.json", "export.zip"}
    assert {found.name for found in tmp_path.parent.iterdir()} == before


def test_a_name_in_a_zip_that_leads_out_of_it_is_not_read(tmp_path: Path):
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../conversations.json", text_of("chatgpt", objects("chatgpt", SAID)))
    with pytest.raises(UnknownFormat, match="unzip it"):
        find_importer(path)


def test_several_files_of_conversations_in_a_zip_are_all_read(tmp_path: Path):
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number, text in enumerate(SAID):
            archive.writestr(f"conversations-{number:03}.json", json.dumps(objects("chatgpt", (text,), name=text)))
    assert said(read_whole("chatgpt", path)) == list(SAID)


def bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("conversations.json", "w") as file:
        for _ in range(80):
            file.write(b" " * (1 << 20))


def encrypted(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("conversations.json", json.dumps(objects("chatgpt", SAID)))
    data = bytearray(path.read_bytes())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)


def cut_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("conversations.json", json.dumps(objects("chatgpt", SAID)))
    path.write_bytes(path.read_bytes()[:-30])


def long_list(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("conversations.json", "[]")
        archive.writestr("x" * 60_000, "")


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (bomb, "as no export does"),
        (encrypted, "cannot be read (File 'conversations.json' is encrypted"),
        (cut_zip, "its end is missing; it may not have been downloaded whole"),
        (long_list, "more files than an export has"),
    ],
)
def test_an_archive_that_is_dangerous_or_broken_is_refused(
    spoil: Any, word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(archives, "MOST_LISTED_BYTES", 50_000)
    path = tmp_path / "export.zip"
    spoil(path)
    for begin in (lambda: find_importer(path), lambda: list(importer_named("chatgpt").read(path, zone=UTC))):
        with pytest.raises((InvalidField, UnknownFormat)) as caught:
            begin()
        assert word in str(caught.value)
        assert str(caught.value).endswith("Nothing was written.")


def test_an_archive_that_breaks_off_inside_gives_whole_conversations_and_says_so(tmp_path: Path):
    path = tmp_path / "export.zip"
    values = [value for n in range(400) for value in objects("chatgpt", [f"{n} " + "word " * 500] * 3, name=f"c{n}")]
    text = text_of("chatgpt", values)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("conversations.json", text)
    data = bytearray(path.read_bytes())
    data[1_000_000:1_000_010] = b"##########"
    path.write_bytes(data)
    whole = read_whole("chatgpt", path)
    assert "cannot be read to its end (Bad CRC-32" in whole.reasons
    assert all(len(items) == 3 for items in by_source(whole.items).values())
