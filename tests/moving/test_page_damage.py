"""Pages that were damaged, renamed or replaced: no memory is lost by it unless somebody confirms that."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast import Holdfast, Memory
from holdfast.core import pages
from holdfast.errors import AlreadyThere, ConfirmationNeeded, Gone, InvalidField
from holdfast.services import pages_out
from tests.moving.test_pages import counts, edited, texts

ROOT = Path(__file__).resolve().parents[2]
MARK = r"  <!-- memory .*-->"
TEA = r"- Ada likes tea\.\n.*-->\n?"
MANIFEST = "holdfast-export.json"


def rewritten(file: Path, pattern: str, new: str, count: int = 0) -> None:
    text = file.read_text("utf-8")
    assert re.search(pattern, text)
    file.write_text(re.sub(pattern, new, text, count=count), "utf-8")


def test_an_export_about_somebody_does_not_go_over_one_of_everything(exported):
    memory, folder = exported
    before = {file: file.read_bytes() for file in folder.rglob("*.*")}
    with pytest.raises(AlreadyThere, match="about somebody"):
        memory.storage.export_markdown(folder, about="Ada", replace=True)
    assert {file: file.read_bytes() for file in folder.rglob("*.*")} == before
    assert counts(memory, folder) == (0, 0, 0, 5)


def test_a_manifest_without_its_pages_forgets_nothing_unconfirmed(exported):
    memory, folder = exported
    for file in folder.rglob("*.md"):
        file.unlink()
    (folder / "about.md").write_text("---\nholdfast: subject/1\n---\n")
    with pytest.raises(ConfirmationNeeded, match="Whole pages"):
        memory.import_(folder)
    assert len(texts(memory)) == 5


def test_a_page_about_somebody_is_replaced_by_a_newer_one_alone(exported, tmp_path):
    memory, _ = exported
    memory.storage.export_markdown(tmp_path / "ada", about="Ada")
    memory.remember("Ada has a cat.", subject="Ada")
    with pytest.raises(AlreadyThere, match="not empty"):
        memory.storage.export_markdown(tmp_path / "ada", about="Ada")
    memory.storage.export_markdown(tmp_path / "ada", about="Ada", replace=True)
    assert "Ada has a cat." in (tmp_path / "ada/about.md").read_text()
    with pytest.raises(AlreadyThere, match="no export"):
        memory.storage.export_markdown(tmp_path / "ada", replace=True)
    (tmp_path / "ada/about.md").write_text("Mine.")
    with pytest.raises(AlreadyThere):
        memory.storage.export_markdown(tmp_path / "ada", about="Ada", replace=True)
    assert (tmp_path / "ada/about.md").read_text() == "Mine."


def test_everything_that_a_space_holds_goes_only_confirmed(opened, path, tmp_path):
    memory = opened(path)
    old = memory.remember("Ada lives in Lisbon.", subject="Ada")
    memory.correct(old.id, "Ada lives in Porto.")
    memory.remember("Ada likes tea.", subject="Ada")
    memory.storage.export_markdown(tmp_path / "out")
    page = tmp_path / "out/facts/Ada.md"
    page.write_text(page.read_text()[: page.read_text().index("- Ada")])
    with pytest.raises(ConfirmationNeeded, match="everything"):
        memory.import_(tmp_path / "out")
    assert memory.summary().live == 2
    assert counts(memory, tmp_path / "out", confirm_removal=True)[2] == 2


def test_what_falls_as_derived_is_counted_for_a_confirmation(opened, path, tmp_path):
    memory = opened(path)
    source = memory.remember("Ada said it.", subject="Ada")
    memory.remember("Stays.", subject="Ada")
    for number in range(101):
        memory.remember(f"So {number}.", subject="Fern", sources=[source.id])
    memory.storage.export_markdown(tmp_path / "out")
    rewritten(tmp_path / "out/facts/Ada.md", r"- Ada said it\.\n.*-->\n?", "")
    with pytest.raises(ConfirmationNeeded, match="102"):
        memory.import_(tmp_path / "out")
    assert memory.summary().live == 103


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text.replace(" -->", "", 99),
        lambda text: text[: text.rindex(" -->")],
        lambda text: text[: text.rindex("true since")] + "\n  " + text[text.rindex("true since") :],
        lambda text: text.replace("- Ada likes tea.", "<!-- my note\n- Ada likes tea."),
        lambda text: re.sub(r"(- Ada likes tea\.\n.*-->)", r"<!--\n\1\n-->", text),
        lambda text: text + "\n<!-- my note\n\nand more\n",
        lambda text: re.sub(r"<!-- memory (\w{8})[\w-]*", r"<!-- memory \1", text),
    ],
)
def test_a_page_with_a_broken_comment_is_not_read_and_nothing_counts_as_deleted(exported, damage):
    memory, folder = exported
    page = folder / "facts/Ada.md"
    page.write_text(damage(page.read_text()))
    rewritten(folder / "facts by category/health.md", r"- Take pills(.|\n)*-->\n", "")
    report = memory.import_(folder)
    assert (report.added, report.corrected, report.removed) == (0, 0, 0)
    assert [skipped.place for skipped in report.skipped] == ["facts/Ada.md"]
    assert "nothing counts as deleted" in report.skipped[0].why
    assert len(texts(memory)) == 5
    with pytest.raises(AlreadyThere, match="1 edits"):
        memory.storage.export_markdown(folder, replace=True)  # what is on the damaged page may be an edit


@pytest.mark.parametrize(
    ("pattern", "new"),
    [
        (r"\n  <!-- (memory|turn) .*-->", ""),
        (r"  <!-- ((?:memory|turn) .*-->)", r"  \\<!-- \1"),
        (r"  <!-- ((?:memory|turn) .*)-->", r"  &lt;!-- \1--&gt;"),
        (r"\n  <!-- ((?:memory|turn) .*-->)", r" <!-- \1"),
        (r"  <!-- ((?:memory|turn) )", r"<!--\1"),
    ],
)
def test_marks_that_an_editor_stripped_escaped_or_joined_are_seen_through(exported, pattern, new):
    memory, folder = exported
    for page in folder.rglob("*.md"):
        rewritten(page, pattern, new)
    before = memory.storage.digest()
    assert counts(memory, folder) == (0, 0, 0, 5)
    assert memory.storage.digest() == before


def test_what_is_missing_among_stripped_marks_is_confirmed(exported):
    memory, folder = exported
    page = folder / "facts/Ada.md"
    rewritten(page, TEA, "")
    rewritten(page, r"\n  <!-- memory .*-->", "")
    with pytest.raises(ConfirmationNeeded, match="lost the comments"):
        memory.import_(folder)
    assert counts(memory, folder, confirm_removal=True) == (0, 0, 1, 4)


def test_an_id_that_was_damaged_is_known_by_its_words_or_deletes_nothing(exported):
    memory, folder = exported
    page = folder / "facts/Ada.md"
    rewritten(page, r"(- Ada likes tea\.\n  <!-- memory )\w{4}", r"\g<1>ffff")
    assert counts(memory, folder) == (0, 0, 0, 5)
    edited(page, "likes tea", "likes milk")
    report = memory.import_(folder)
    assert (report.removed, report.added, len(report.skipped)) == (0, 0, 1)
    assert "nothing counts as deleted" in report.skipped[0].why


@pytest.mark.parametrize("ending", [".MD", ".markdown", ".Markdown"])
def test_a_page_is_known_by_any_of_the_endings(exported, ending):
    memory, folder = exported
    page = folder / "facts/Ada.md"
    page.rename(page.with_suffix(ending))
    assert counts(memory, folder) == (0, 0, 0, 5)


@pytest.mark.parametrize("place", [".trash/Ada.md", "facts/Ada.txt", ".Ada.md", None])
def test_a_page_that_is_not_there_is_confirmed(exported, place):
    memory, folder = exported
    page = folder / "facts/Ada.md"
    if place is None:
        page.unlink()
    else:
        (folder / place).parent.mkdir(exist_ok=True)
        page.rename(folder / place)
    with pytest.raises(ConfirmationNeeded, match=r"facts/Ada\.md"):
        memory.import_(folder)
    assert len(texts(memory)) == 5


@pytest.mark.parametrize("left", ["", "\0" * 300, "---\nholdf"])
def test_a_page_that_was_emptied_is_confirmed(exported, left):
    memory, folder = exported
    (folder / "facts/Ada.md").write_text(left)
    with pytest.raises(ConfirmationNeeded, match=r"facts/Ada\.md"):
        memory.import_(folder)
    assert not {"Ada lives in Lisbon.", "Ada likes tea."} - set(texts(memory))


def test_a_page_that_was_emptied_by_hand_needs_no_confirmation(exported):
    memory, folder = exported
    rewritten(folder / "facts by category/health.md", r"- Take pills(.|\n)*-->\n", "")
    assert counts(memory, folder) == (0, 0, 1, 4)


def test_a_page_that_somebody_added_is_missed_too(exported):
    memory, folder = exported
    page = folder / "facts/Fern.md"
    page.write_text("---\nsubject: Fern\n---\n\nFern likes jazz.\n")
    assert counts(memory, folder) == (1, 0, 0, 5)
    page.rename(folder / ".Fern.md")
    with pytest.raises(ConfirmationNeeded, match=r"facts/Fern\.md"):
        memory.import_(folder)
    (folder / ".Fern.md").rename(folder / "facts/Fern too.md")
    assert counts(memory, folder) == (1, 0, 1, 5), "moved"
    memory.remember("Fern likes jazz."), "moved words are not kept out"


def test_a_page_that_was_renamed_needs_no_confirmation_for_what_was_deleted_on_it(exported):
    memory, folder = exported
    rewritten(folder / "facts/Ada.md", TEA, "")
    (folder / "facts/Ada.md").rename(folder / "facts/Ada Lovelace.md")
    assert counts(memory, folder) == (0, 0, 1, 4)


def test_what_was_deleted_on_a_page_stays_forgotten_when_its_notes_are_imported_again(opened, path, tmp_path):
    memory = opened(path)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/a.md").write_text("# One\n\nAda likes tea.\n\n# Two\n\nAda likes jazz.\n")
    assert memory.import_(tmp_path / "notes").added == 2
    memory.storage.export_markdown(tmp_path / "out")
    (page,) = (tmp_path / "out").rglob("*.md")
    whole = page.read_text()
    rewritten(page, r"- .*One(?:.*\n)*?.*-->\n?", "")
    assert counts(memory, tmp_path / "out")[2] == 1
    again = memory.import_(tmp_path / "notes")
    assert (again.added, again.forgotten) == (0, 1)
    assert not [text for text in texts(memory) if "tea" in text]
    page.write_text(whole)
    assert counts(memory, tmp_path / "out")[:2] == (1, 0), "undone where it was done"
    assert [text for text in texts(memory) if "tea" in text]


def test_a_line_that_was_written_deleted_and_written_again_is_there(exported):
    memory, folder = exported
    page = folder / "facts/Ada.md"
    whole = page.read_text()
    for _ in range(3):
        page.write_text(whole + "\nAda has a cat.\n")
        with pytest.raises(AlreadyThere, match="1 edits"):
            memory.storage.export_markdown(folder, replace=True)
        assert counts(memory, folder) == (1, 0, 0, 5)
        page.write_text(whole)
        assert counts(memory, folder) == (0, 0, 1, 5)
        with pytest.raises(Gone):
            memory.remember("Ada has a cat.")


def test_what_fell_with_a_deletion_does_not_come_back_by_itself(exported, tmp_path):
    memory, _ = exported
    tea = next(one for one in memory.records() if one.text == "Ada likes tea.")
    memory.remember("Ada wants a kettle.", subject="Ada", sources=[tea.id])
    memory.storage.export_markdown(tmp_path / "new")
    rewritten(tmp_path / "new/facts/Ada.md", TEA, "")
    assert counts(memory, tmp_path / "new")[2] == 2
    report = memory.import_(tmp_path / "new")
    assert (report.added, report.forgotten) == (0, 1)


def test_an_older_folder_undoes_nothing(exported, tmp_path):
    memory, old = exported
    memory.storage.export_markdown(tmp_path / "new")
    edited(tmp_path / "new/facts/Ada.md", "Lisbon", "Porto")
    rewritten(tmp_path / "new/facts/Ada.md", TEA, "")
    assert counts(memory, tmp_path / "new") == (0, 1, 1, 3)
    report = memory.import_(old)
    assert (report.added, report.corrected, report.removed, report.forgotten) == (0, 0, 0, 1)
    assert "Ada lives in Porto." in texts(memory)
    assert "Ada likes tea." not in texts(memory)
    edited(old / "facts/Ada.md", "Lisbon", "Braga")
    assert "corrected in the space since" in memory.import_(old).skipped[0].why
    assert "Ada lives in Porto." in texts(memory)


def test_a_manifest_names_no_file_of_somebody_else(exported, tmp_path):
    memory, folder = exported
    (tmp_path / "outside").mkdir()
    others = [tmp_path / "outside.md", tmp_path / "outside/x.md", folder / "notes/mine.md", folder / "top.md"]
    (folder / "notes").mkdir()
    (folder / "linked").symlink_to(tmp_path / "outside")
    for other in others:
        other.write_text("---\nholdfast: page/1\n---\nNot yours.\n" if other.parent != folder / "notes" else "Mine.\n")
    manifest = folder / MANIFEST
    held = json.loads(manifest.read_text())
    digest = pages_out._digest_of(others[0])
    named = ("../outside.md", "linked/x.md", "top.md", str(others[0]), "notes/../../outside.md")
    held["files"] |= dict.fromkeys(named, digest) | {"notes/mine.md": digest}
    manifest.write_text(json.dumps(held))
    memory.storage.export_markdown(folder, replace=True)
    assert all(other.is_file() for other in others)


def test_no_page_is_written_through_a_link(exported, tmp_path):
    memory, folder = exported
    (folder / "facts").rename(tmp_path / "elsewhere")
    (folder / "facts").symlink_to(tmp_path / "elsewhere")
    held = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps(held | {"memories": {}, "pages": {}}))
    for page in [*folder.rglob("*.md")]:
        page.unlink()
    memory.remember("Bo has a cat.", subject="Bo")
    before = {file: file.read_bytes() for file in (tmp_path / "elsewhere").iterdir()}
    with pytest.raises(AlreadyThere, match="leads out"):
        memory.storage.export_markdown(folder, replace=True)
    assert {file: file.read_bytes() for file in (tmp_path / "elsewhere").iterdir()} == before


def test_no_page_is_written_over_a_link(exported, tmp_path):
    memory, folder = exported
    (folder / "facts/Ada.md").rename(tmp_path / "elsewhere.md")
    (folder / "facts/Ada.md").symlink_to(tmp_path / "elsewhere.md")
    with pytest.raises(AlreadyThere, match="of no export"):
        memory.storage.export_markdown(folder, replace=True)
    assert (folder / "facts/Ada.md").is_symlink()


def test_no_pages_go_into_the_folder_of_a_house(tmp_path):
    with Holdfast.open(tmp_path / "house", embedder=None) as house:
        house.create("ada")
        with house.space("ada") as memory:
            memory.remember("Ada likes tea.")
            for target in (tmp_path / "house/pages", tmp_path / "house", tmp_path / "house/a/b"):
                with pytest.raises(InvalidField, match="folder of a house"):
                    memory.storage.export_markdown(target)
            memory.storage.export_markdown(tmp_path / "pages")
    assert not (tmp_path / "house/pages").exists()


KILLED = """
import os, sys
from pathlib import Path
from holdfast import Memory

when, folder = int(sys.argv[1]), Path(sys.argv[2])
calls, real = 0, Path.replace

def counted(path, target):
    global calls
    calls += 1
    if calls == when:
        os._exit(9)
    return real(path, target)

Path.replace = counted
with Memory.open(folder / "ada.db", embedder=None) as memory:
    memory.storage.export_markdown(folder / "out", replace=True)
"""


def test_a_kill_while_pages_are_replaced_forgets_nothing(exported, tmp_path):
    memory, folder = exported
    memory.forget(where={"category": "health"})
    memory.remember("Ada has a cat.", subject="Ada")
    memory.remember("Bo has a dog.", subject="Bo")
    held = texts(memory)
    memory.close()
    codes = []
    for when in range(1, 9):
        done = subprocess.run(
            [sys.executable, "-c", KILLED, str(when), str(tmp_path)], cwd=ROOT, check=False, timeout=60
        )
        codes.append(done.returncode)
        with Memory.open(tmp_path / "ada.db", embedder=None) as again:
            if when > 1 and done.returncode:
                with pytest.raises(InvalidField, match="was stopped while it put its pages"):
                    again.import_(folder)
            elif done.returncode == 0:
                assert counts(again, folder) == (0, 0, 0, 6)
            assert texts(again) == held
        if done.returncode == 0:
            break
    assert codes[0] == 9
    assert codes[-1] == 0
    assert not list(folder.glob(".*")), "the last one took away what the killed ones left"


def test_a_page_that_was_edited_after_a_kill_is_not_replaced(exported, tmp_path):
    memory, folder = exported
    memory.remember("Ada has a cat.", subject="Ada")
    memory.close()
    done = subprocess.run([sys.executable, "-c", KILLED, "3", str(tmp_path)], cwd=ROOT, check=False, timeout=60)
    assert done.returncode == 9
    edited(folder / "facts/Ada.md", "Lisbon", "Porto")
    with Memory.open(tmp_path / "ada.db", embedder=None) as again, pytest.raises(AlreadyThere, match=r"facts/Ada\.md"):
        again.storage.export_markdown(folder, replace=True)
    assert "Porto" in (folder / "facts/Ada.md").read_text()


def test_an_empty_folder_is_filled_and_stays_what_it_was(exported, tmp_path):
    memory, _ = exported
    (tmp_path / "mine").mkdir(mode=0o755)
    (tmp_path / "mine").chmod(0o755)
    (tmp_path / "link").symlink_to(tmp_path / "mine")
    before = (tmp_path / "mine").stat()
    memory.storage.export_markdown(tmp_path / "link")
    after = (tmp_path / "mine").stat()
    assert (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)
    assert (tmp_path / "link").is_symlink()
    assert counts(memory, tmp_path / "mine") == (0, 0, 0, 5)
    assert not list((tmp_path / "mine").glob(".*"))


def test_a_manifest_that_is_nested_without_end_is_refused(exported):
    memory, folder = exported
    (folder / MANIFEST).write_text("[" * 200_000)
    with pytest.raises(InvalidField, match="nested too deeply"):
        memory.import_(folder)


def test_a_mark_is_never_read_as_words():
    for line in (
        "  \\<!-- memory {} · by me --> and more",
        "  &lt;!-- turn {} x",
        "  a <!-- memory {} --> <!-- memory {} -->",
    ):
        text = "- Words.\n" + line.replace("{}", "0192f3c4-5a6b-7c8d-9e0f-112233445566")
        with pytest.raises(ValueError, match="runs into the mark"):
            pages.entries(text)
