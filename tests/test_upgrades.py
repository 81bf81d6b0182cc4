"""Old files open, whenever a process died on the way: the campaign of `bench.upgrades`, in short."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from holdfast.adapters.sqlite.migrate import migrations
from holdfast.errors import Gone, NewerSchema
from holdfast.memory import Memory
from holdfast.testing.embedders import HashEmbedder
from tests.adapters.sqlite.fixtures import OldSpace, old_spaces
from tests.campaigns import run_campaign

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="the campaign forks whom it kills")


def campaign(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_campaign("upgrades", "--folder", folder, *arguments)


@needs_fork
@pytest.mark.slow
def test_dying_at_a_statement_of_an_upgrade_leaves_a_file_that_opens_with_everything_in_it(tmp_path: Path) -> None:
    done = campaign(tmp_path, "--most", "40")
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.search(r"files (\d+)  kills (\d+)  wrong 0  seed \d+", done.stdout)
    assert found, done.stdout
    assert (int(found[1]), int(found[2]) >= 80) == (len(old_spaces()), True)


@needs_fork
@pytest.mark.slow
def test_the_campaign_notices_an_upgrade_that_is_no_transaction(tmp_path: Path) -> None:
    done = campaign(tmp_path, "--most", "40", "--seed", "1", "--plant", "no-transaction")
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(r"wrong [1-9]", done.stdout), done.stdout


@pytest.mark.parametrize("old", old_spaces(), ids=lambda old: old.name)
@pytest.mark.parametrize("read_only", [True, False])
def test_a_file_of_a_released_schema_is_read_whole(tmp_path: Path, old: OldSpace, read_only: bool) -> None:
    path = tmp_path / "ada.db"
    path.write_bytes(old.content)
    with Memory.open(path, embedder=HashEmbedder(16), key=old.key, read_only=read_only) as memory:
        assert memory.check() == []
        assert {record.id: record.text for record in memory.records()} == old.records
        found = memory.recall("keys in the blue drawer")
        assert found[0].text in old.records.values()
        assert "keys in the blue drawer" in found[0].text
        assert not found.degraded
        assert {one: memory.get(one).superseded_by for one in old.superseded} == old.superseded
        assert [list(head) for head in memory.proof().heads] == old.heads
        for one in old.forgotten:
            with pytest.raises(Gone):
                memory.get(one)


@pytest.mark.parametrize("old", old_spaces(), ids=lambda old: old.name)
def test_an_old_file_takes_writes_and_then_holds_what_a_new_one_does(tmp_path: Path, old: OldSpace) -> None:
    path = tmp_path / "ada.db"
    path.write_bytes(old.content)
    with Memory.open(path, embedder=None, key=old.key) as memory:
        memory.remember("Ada lost the red drawer.")
        before = memory.storage.digest()
        assert memory.storage.rebuild() == before
        assert memory.check() == []
        forgotten = memory.forget(next(iter(old.records)))
        assert memory.verify(forgotten).problems == ()


def test_every_schema_that_was_released_is_kept_plain_and_encrypted() -> None:
    kept = {(old.schema, old.key is not None) for old in old_spaces()}
    assert {(1, False), (1, True)} <= kept
    assert max(schema for schema, _ in kept) <= migrations()[-1][0]


@pytest.mark.parametrize("read_only", [True, False])
def test_a_file_of_a_later_schema_is_refused_by_an_earlier_library_unchanged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read_only: bool
) -> None:
    path = tmp_path / "ada.db"
    with Memory.open(path, embedder=None) as memory:
        memory.remember("Ada lives in London.")
    content = path.read_bytes()
    for module in ("migrate", "store"):
        monkeypatch.setattr(f"holdfast.adapters.sqlite.{module}.migrations", lambda: migrations()[:1])
    newest = len(migrations())
    with pytest.raises(NewerSchema, match=rf"schema {newest}; this one knows up to 1.*upgrade Holdfast"):
        Memory.open(path, embedder=None, read_only=read_only)
    assert path.read_bytes() == content


@pytest.mark.parametrize("old", old_spaces(), ids=lambda old: old.name)
def test_an_old_file_that_is_only_read_has_no_working_memory(tmp_path: Path, old: OldSpace) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(old.content)
    with Memory.open(path, embedder=None, read_only=True, key=old.key) as memory:
        chat = memory.session("chat")
        assert (chat.scratch.keys(), chat.scratch.get("x")) == ([], None)
    assert path.read_bytes() == old.content
