"""Files: paths, edits that conflict, history that moves along, and that a forget reaches every version."""

from __future__ import annotations

import asyncio
import json
import threading

import pytest

from holdfast import AsyncMemory, Memory
from holdfast.core import files
from holdfast.errors import (
    AlreadyThere,
    EditConflict,
    Gone,
    InvalidField,
    InvalidText,
    NotFound,
    QuotaExceeded,
    Refused,
)
from holdfast.model.policy import Action, Keep, Policy, Retention, Sensitive
from holdfast.model.records import Kind
from tests.services.scenes import bytes_of, found, refused, state_of

TOKEN = "ghp_" + "a1B2" * 9
"""Looks like a GitHub token."""
APART = Policy(actions={Sensitive.CREDENTIAL: Action.QUARANTINE})


def paths(memory: Memory, folder: str = "") -> list[str]:
    return [one.path for one in memory.files.list(folder)]


def test_a_file_is_made_read_and_edited_and_every_version_stays(memory, clock):
    made = memory.files.create("notes/ada.md", "Ada\n")
    assert (made.path, made.text, made.version, made.size_bytes, made.actor) == ("notes/ada.md", "Ada\n", 1, 4, "owner")
    clock.advance(1_000)
    assert memory.files.write("notes/ada.md", "Ada, é").size_bytes == 7
    assert memory.files.write("notes/ada.md", "").text == ""
    assert memory.files.write("notes/ada.md", "\n").text == "\n"
    history = memory.files.history("notes/ada.md")
    assert [(one.version, one.text) for one in history] == [(1, "Ada\n"), (2, "Ada, é"), (3, ""), (4, "\n")]
    assert history[1].at_ms - history[0].at_ms == 1_000
    assert memory.files.get("notes/ada.md") == history[3]
    assert memory.check() == []
    before = state_of(memory)
    assert memory.files.write("notes/ada.md", "\n").version == 4
    assert state_of(memory) == before


def test_a_folder_is_there_as_long_as_a_file_is_in_it(memory):
    for path in ("b.txt", "a/z", "a/b/c", "a.txt"):
        memory.files.create(path, "x")
    assert paths(memory) == ["a/b/c", "a/z", "a.txt", "b.txt"]
    assert paths(memory, "a") == ["a/b/c", "a/z"]
    assert paths(memory, "nowhere") == []
    with refused(memory, NotFound):
        memory.files.get("a")
    assert memory.files.remove("a") == ["a/b/c", "a/z"]
    assert paths(memory) == ["a.txt", "b.txt"]
    memory.files.create("a", "a file now")


@pytest.mark.parametrize(
    "given",
    ["../x", "/x", "x/", "a//b", "a/../b", "a/./b", ".", "a/\x01", "a/" * 32 + "b", "x" * 256, "a/" + "é/" * 500],
)
def test_a_path_leads_nowhere_else(memory, given):
    with refused(memory, InvalidField, "Nothing was written"):
        memory.files.create(given, "x")


@pytest.mark.parametrize("given", ["", " ", "\0", "\ud800", None, 7])
def test_a_path_is_a_text(memory, given):
    with refused(memory, InvalidText):
        memory.files.create(given, "x")


def test_two_spellings_of_one_path_are_one_file(memory):
    memory.files.create("caf\u00e9", "x")
    assert memory.files.get("cafe\u0301").path == "caf\u00e9"
    assert memory.files.create("..hidden/...", "x").path == "..hidden/..."


def test_a_path_that_is_taken_is_refused(memory):
    memory.files.create("a/b", "x")
    for path, words in (("a/b", "version 1"), ("a", "folder"), ("a/b/c", "'a/b' is a file")):
        with refused(memory, AlreadyThere, words):
            memory.files.create(path, "y")
        memory.files.create("moving", "z")
        with refused(memory, AlreadyThere):
            memory.files.move("moving", path)
        memory.files.remove("moving")
    with refused(memory, AlreadyThere, "into itself"):
        memory.files.move("a", "a/b2")


@pytest.mark.parametrize("text", ["\0", "x\0", "\ud800", None, "x" * 1_000_001])
def test_a_text_that_cannot_stand_in_a_file_is_refused(memory, text):
    with refused(memory, InvalidText):
        memory.files.create("a", text)


def test_a_file_moves_with_its_versions_and_a_folder_with_all_in_it(opened, path):
    memory = opened(path)
    memory.files.create("a/one", "first")
    memory.files.write("a/one", "second")
    memory.files.create("a/b/two", "")
    memory.files.create("ab", "canary stays")
    old = memory.files.get("a/one").id
    assert [one.path for one in memory.files.move("a", "c/d")] == ["c/d/b/two", "c/d/one"]
    assert paths(memory) == ["ab", "c/d/b/two", "c/d/one"]
    assert [(one.version, one.text) for one in memory.files.history("c/d/one")] == [(1, "first"), (2, "second")]
    memory.revise(memory.files.get("c/d/one").id, tags=["kept"])
    assert memory.files.move("c/d/one", "c/d/two")[0].version == 3
    assert memory.get(memory.files.get("c/d/two").id).tags == ("kept",)
    memory.files.move("c/d/two", "c/d/one")
    assert memory.files.write("c/d/one", "third").version == 4
    with pytest.raises(Gone):
        memory.get(old)
    memory.files.create("a/one", "another")
    assert [one.text for one in memory.files.history("a/one")] == ["another"]
    assert memory.check() == []
    digest = memory.storage.digest()
    memory.storage.rebuild()
    assert memory.storage.digest() == digest


def test_what_somebody_edited_meanwhile_is_not_moved_over(opened, path, monkeypatch):
    memory, other = opened(path), opened(path)
    memory.files.create("a", "first")
    seen = memory._space.aside.versions

    def edited_meanwhile(kind, name):
        versions = seen(kind, name)
        other.files.write("a", "second")
        return versions

    monkeypatch.setattr(memory._space.aside, "versions", edited_meanwhile)
    with pytest.raises(EditConflict):
        memory.files.move("a", "b")
    assert paths(memory) == ["a"]
    assert memory.files.get("a").text == "second"


def test_an_edit_of_what_was_read_conflicts_with_one_made_since(memory):
    read = memory.files.create("a", "one")
    memory.files.write("a", "two", version=read)
    for version in (read, 1):
        before = state_of(memory)
        with pytest.raises(EditConflict) as conflict:
            memory.files.write("a", "three", version=version)
        assert (conflict.value.held, conflict.value.given) == ("two", "three")
        assert state_of(memory) == before
    memory.files.remove("a")
    memory.files.create("a", "anew")
    with pytest.raises(EditConflict):
        memory.files.write("a", "three", version=read)
    assert memory.files.write("a", "three", version=1).version == 2


def test_of_several_who_make_a_file_one_does(opened, path):
    memories = [opened(path), opened(path)]
    made, refusals = [], []

    def make(memory: Memory) -> None:
        try:
            made.append(memory.files.create("a", str(id(memory))))
        except AlreadyThere as error:
            refusals.append(error)

    threads = [threading.Thread(target=make, args=(memory,)) for memory in memories * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(made), len(refusals)) == (1, 5)
    assert memories[0].files.get("a") == made[0]


def test_what_is_removed_is_on_no_byte_of_the_file_and_may_be_written_again(opened, path):
    memory = opened(path)
    memory.files.create("canaryfolder/a", "canary one")
    memory.files.write("canaryfolder/a", "canary two")
    assert b"canary" in bytes_of(path)
    assert memory.files.remove("canaryfolder") == ["canaryfolder/a"]
    assert b"canary" not in bytes_of(path)
    assert [receipt.reason for receipt in memory.receipts()] == ["file removed"]
    assert memory.verify(memory.receipts()[0]).problems == ()
    with refused(memory, NotFound):
        memory.files.remove("canaryfolder")
    memory.remember("canary two")
    assert memory.files.create("canaryfolder/a", "canary two").version == 1


def test_after_a_move_nothing_is_left_under_the_old_path(opened, path):
    memory = opened(path)
    memory.files.create("canarypath", "x")
    memory.files.move("canarypath", "b")
    assert b"canarypath" not in bytes_of(path)


def test_what_is_forgotten_about_somebody_reaches_the_files_that_name_them(opened, path):
    memory = opened(path)
    memory.files.create("team", "Ada likes canary yellow")
    memory.files.write("team", "nobody")
    memory.files.create("people/ada.md", "canary green")
    memory.files.create("other", "Bo")
    preview = memory.preview_forget(about="Ada", mentions=True)
    memory.forget(about="Ada", mentions=True, confirm=preview.token)
    assert paths(memory) == ["other"]
    assert b"canary" not in bytes_of(path)


def test_files_stand_beside_what_is_remembered(memory):
    made = memory.files.create("a", "Ada lives in Lisbon")
    assert found(memory, "Lisbon") == []
    assert memory.blocks.list() == []
    assert memory.get(made.id).kind is Kind.FILE
    assert memory.why(made.id).state == "aside"
    assert memory.summary().live == 0


def test_a_file_is_seen_as_it_was(opened):
    memory = opened()
    memory.files.create("a", "one")
    memory.files.move("a", "b")
    memory.files.write("b", "two")
    with memory.at(seq=1) as then:
        assert paths(then) == []  # what was erased since is not shown
    with memory.at(seq=2) as then:
        assert [(one.path, one.text) for one in then.files.list()] == [("b", "one")]


def test_an_export_brings_files_and_their_later_versions(opened, tmp_path):
    memory, other = opened(), opened(tmp_path / "other.db")
    memory.files.create("a", "one")
    memory.files.create("empty", "")
    other.import_(list(memory.export()))
    assert [(one.path, one.text) for one in other.files.list()] == [("a", "one"), ("empty", "")]
    memory._space.ledger.clock.advance(1_000)
    memory.files.write("a", "two")
    other.import_(list(memory.export()))
    assert other.files.get("a").text == "two"
    line = json.loads(next(line for line in memory.export() if '"path' in line))
    line["content"]["body"] = json.dumps({"path": "../a", "blank": None})
    before = state_of(other)
    report = other.import_([json.dumps(line)], skip_errors=True)
    assert len(report.skipped) == 1
    assert state_of(other)[0] == before[0]


def test_a_policy_refuses_what_it_would_set_apart_and_an_edit_is_no_release(opened, path):
    memory = opened(path)
    with refused(opened(path, policy=APART), Refused):
        opened(path, policy=APART).files.create("a", f"Use {TOKEN}")
    memory.files.create("a", f"Use {TOKEN}")
    memory.files.create("b", "x")
    memory.admission.audit(APART, dry_run=False)
    assert paths(memory) == ["b"]
    assert memory.files.get("a").quarantined
    assert memory.files.write("a", "clean").quarantined
    assert memory.files.move("a", "c")[0].quarantined
    assert paths(memory) == ["b"]


def test_a_path_that_a_policy_would_change_is_refused(opened, path):
    memory = opened(path, policy=Policy())
    memory.files.create("a/b", f"Use {TOKEN}")
    for make in (
        lambda: memory.files.create(f"notes/{TOKEN}", "x"), lambda: memory.files.create(TOKEN, ""),
        lambda: memory.files.move("a/b", TOKEN), lambda: memory.files.move("a", f"{TOKEN}/c"),
    ):  # fmt: skip
        with refused(memory, Refused, "change the path"):
            make()
    assert paths(memory) == ["a/b"]
    assert TOKEN.encode() not in bytes_of(path)


def test_a_file_whose_time_is_up_is_gone(opened, path, clock):
    memory = opened(path, policy=Policy(otherwise=Retention(Keep.FOR_A_WHILE, 86_400_000)))
    memory.files.create("a/b", "x")
    clock.advance(2 * 86_400_000)
    assert paths(memory) == []
    with pytest.raises(NotFound):
        memory.files.get("a/b")
    assert memory.files.create("a/b", "y").version == 1


def test_a_space_holds_a_bounded_number_of_files(memory, monkeypatch):
    monkeypatch.setattr(files, "MOST_FILES", 2)
    memory.files.create("a", "x")
    memory.files.create("b", "x")
    with refused(memory, QuotaExceeded, "2 files"):
        memory.files.create("c", "x")
    memory.files.move("a", "c")


def test_nobody_reads_a_file_out_of_an_encrypted_space(opened, path):
    memory = opened(path, key=b"k" * 32)
    memory.files.create("canarypath", "canary text")
    memory.close()
    assert b"canary" not in bytes_of(path)
    assert opened(path, key=b"k" * 32).files.get("canarypath").text == "canary text"


def test_files_with_await_are_the_same_files(path):
    async def edit() -> list[str]:
        async with await AsyncMemory.open(path, embedder=None) as memory:
            made = await memory.files.create("a", "one")
            await memory.files.write("a", "two", version=made)
            await memory.files.move("a", "b/c")
            assert await memory.files.list("b") == [await memory.files.get("b/c")]
            texts = [one.text for one in await memory.files.history("b/c")]
            assert await memory.files.remove("b") == ["b/c"]
            return texts

    assert asyncio.run(edit()) == ["one", "two"]
