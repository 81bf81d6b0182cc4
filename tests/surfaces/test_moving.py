"""Backup, restore and the exports at the command line."""

from __future__ import annotations

import json

import pytest

from holdfast.surfaces.cli import failure
from tests.surfaces.shell import Shell


@pytest.fixture
def filled(shell: Shell) -> Shell:
    shell.ok("add", "Ada lives in Lisbon.", "--subject", "Ada", "--embedder", "none")
    shell.ok("add", "Fern likes tea.", "--subject", "Fern", "--embedder", "none")
    return shell


def test_a_backup_is_restored_without_what_was_forgotten_since(filled: Shell):
    told = json.loads(filled.ok("backup", "ada.bak", "--json"))
    assert (told["seq"], told["path"]) == (2, "ada.bak")
    assert len(told["heads"]) == 1
    receipt = filled.ok("forget", "--about", "Ada", "--yes", "--json")
    (filled.folder / "kept.json").write_text(receipt)
    assert filled("backup", "ada.bak").exit_code == failure.CONFLICT
    assert "as of event 4" in filled.ok("backup", "later.bak")
    refused = filled("restore", "ada.bak")
    assert refused.exit_code == failure.CONFLICT
    assert "--force" in refused.stderr
    assert "Nothing was changed" in filled.ok("restore", "ada.bak", "--dry-run")
    assert "1 memory forgotten after the backup stayed forgotten" in filled.ok("restore", "ada.bak", "--force")
    assert "Lisbon" not in filled.ok("export")
    assert "holds" in filled.ok("verify", "kept.json")
    there = json.loads(filled.ok("restore", "ada.bak", "new.db", "--forgets", "kept.json", "--json"))
    assert (there["memories"], there["forgotten_again"], len(there["receipts_again"])) == (1, 1, 1)
    assert there["lost"] == {"events": 0, "by_what": {}, "memories": [], "pruned": 0}


def test_a_restore_says_what_would_be_lost(filled: Shell):
    filled.ok("backup", "ada.bak")
    filled.ok("add", "Said later.", "--embedder", "none")
    assert "1 event would be lost" in filled.ok("restore", "ada.bak", "--dry-run")
    assert "1 remembered" in filled("restore", "ada.bak").stderr
    assert "1 event was lost" in filled.ok("restore", "ada.bak", "--force")
    assert "Said later" not in filled.ok("export")


def test_a_restore_to_an_event(filled: Shell):
    filled.ok("backup", "ada.bak")
    assert "the first 1 of 2 events" in filled.ok("restore", "ada.bak", "one.db", "--seq", "1")
    assert filled("restore", "ada.bak", "two.db", "--seq", "9").exit_code == failure.USAGE
    assert filled("restore", "ada.bak", "two.db", "--at", "never").exit_code == failure.USAGE
    assert not (filled.folder / "two.db").exists()


@pytest.mark.parametrize("text", ["", "{}", "[1]", "not json", "[" * 200_000, '{"space": "x", "heads": []}'])
def test_kept_forgets_that_are_none_are_named(filled: Shell, text: str):
    filled.ok("backup", "ada.bak")
    (filled.folder / "kept.json").write_text(text)
    done = filled("restore", "ada.bak", "new.db", "--forgets", "kept.json")
    assert done.exit_code == failure.USAGE
    assert "kept.json" in done.stderr
    assert not (filled.folder / "new.db").exists()


def test_there_must_be_something_to_restore(filled: Shell):
    for name in ("nothing.bak", "."):
        assert filled("restore", name, "new.db").exit_code == failure.UNUSABLE
    assert not (filled.folder / "new.db").exists()


def test_a_journal_goes_out_and_in_by_file_and_by_pipe(filled: Shell):
    assert "2 events written" in filled("export", "--lossless", "-o", "all.jsonl").stderr
    whole = (filled.folder / "all.jsonl").read_text()
    assert whole.splitlines()[1:-1] == filled.ok("export", "--format", "journal").splitlines()[1:-1]
    assert "2 memories added" in filled.ok("import", "all.jsonl", "--db", "one.db", "--no-embed")
    assert "2 memories added" in filled.ok("import", "-", "--db", "two.db", "--no-embed", given=whole)
    digests = {json.loads(filled.ok("rebuild", "--db", name, "--json"))["digest"] for name in ("one.db", "two.db")}
    assert digests == {json.loads(filled.ok("rebuild", "--json"))["digest"]}
    assert filled("import", "-", "--db", "half.db", given=whole[:900]).exit_code != failure.OK
    assert not (filled.folder / "half.db").exists()
    assert "0 memories" in filled.ok("import", "all.jsonl", "--no-embed")
    filled.ok("add", "Mine.", "--db", "mine.db", "--embedder", "none")
    assert filled("import", "all.jsonl", "--db", "mine.db").exit_code == failure.CONFLICT


def test_pages_go_out_and_edits_come_in(filled: Shell):
    filled("export", "--format", "markdown", "pages")
    page = filled.folder / "pages/facts/Ada.md"
    page.write_text(page.read_text().replace("Lisbon", "Porto"))
    assert "1 would be corrected" in filled.ok("import", "pages", "--dry-run")
    assert "1 corrected" in filled.ok("import", "pages", "--no-embed")
    assert filled("export", "--format", "markdown", "pages").exit_code == failure.CONFLICT
    told = json.loads(filled.ok("export", "--format", "markdown", "pages", "--force", "--json"))
    assert (told["memories"], "facts/Ada.md" in told["files"]) == (2, True)


def test_what_is_held_of_somebody(filled: Shell):
    first, line = (json.loads(line) for line in filled.ok("export", "--about", "ada").splitlines())
    assert (first["memories"], line["because"]) == (1, "noted about")
    assert "1 memory written" in filled("export", "--about", "Ada", "-o", "ada.jsonl").stderr
    filled("export", "--about", "Ada", "--format", "markdown", "ada")
    assert "Lisbon" in (filled.folder / "ada/about.md").read_text()


@pytest.mark.parametrize(
    "arguments",
    [
        ("--format", "markdown"),
        ("folder",),
        ("--lossless", "--about", "Ada"),
        ("--lossless", "--superseded"),
        ("--mentions",),
        ("--format", "markdown", "folder", "-o", "file"),
    ],
)
def test_options_that_do_not_go_together_are_refused(filled: Shell, arguments: tuple[str, ...]):
    assert filled("export", *arguments).exit_code == failure.USAGE
    assert not (filled.folder / "folder").exists()
