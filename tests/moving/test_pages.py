"""Pages of Markdown: what a person edits is followed, what nobody edited changes nothing."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast import Memory
from holdfast.core import pages
from holdfast.errors import AlreadyThere, ConfirmationNeeded, Gone, InvalidField, StoreError
from holdfast.model.records import Kind, Record

ID = "0192f3c4-5a6b-7c8d-9e0f-112233445566"


def record(text: str, *, kind: Kind = Kind.FACT, **fields) -> Record:
    return Record(id=ID, version=1, recorded_at=0, kind=kind, text=text, valid_from=0, **fields)


def texts(memory: Memory) -> list[str]:
    return sorted(found.text for found in memory.records())


def counts(memory: Memory, folder: Path, **options) -> tuple[int, int, int, int]:
    """Added, corrected, removed and unchanged by an import of a folder."""
    report = memory.import_(folder, **options)
    assert report.format == "markdown-export"
    assert report.skipped == ()
    return report.added, report.corrected, report.removed, report.unchanged


def edited(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new), "utf-8")


words = st.text(
    st.sampled_from(list("ab Ä#*-+>`~_[](){}<!:|.,'\"\\\t\n\r\u2028\u200b\u00a0é漢🙂")) | st.characters(codec="utf-8"),
    min_size=1,
    max_size=120,
).filter(lambda text: bool(text.strip()) and bool(pages.normal(text)) and "\0" not in text)
tricky = ("- x", "  - y", "# z", "---", f"<!-- memory {ID} · by me -->", "\\<!-- x -->", "  <!--", "", "-->")
lines = (
    st.lists(words | st.sampled_from(tricky), min_size=1, max_size=6)
    .map("\n".join)
    .filter(lambda text: bool(pages.normal(text)))
)


@given(st.lists(lines, min_size=1, max_size=4), st.sampled_from((Kind.FACT, Kind.TURN)))
def test_a_page_says_what_was_written_on_it(some, kind):
    records = tuple(record(text, kind=kind, author="Ada", session="s" if kind is Kind.TURN else None) for text in some)
    page = pages.Page("facts/x.md", "x", records, session="s" if kind is Kind.TURN else None)
    read = pages.entries(pages.written(page))
    assert [entry.text for entry in read] == [pages.normal(text) for text in some]
    assert {entry.id for entry in read} == {ID}
    again = pages.entries(pages.written(page).replace("\n", "\r\n"))
    assert [entry.text for entry in again] == [entry.text for entry in read], "an editor may write other line ends"


@given(st.lists(st.text(max_size=90), min_size=1, max_size=8, unique=True))
def test_names_of_files_are_safe_and_never_alike(names):
    import unicodedata

    made = pages.file_names(names)
    assert len({unicodedata.normalize("NFKC", name).casefold() for name in made.values()}) == len(names)
    for name in made.values():
        assert name
        assert name not in (".", "..")
        assert not re.search(r'[<>:"/\\|?*\x00-\x1f]', name)
        assert not name.startswith((".", " "))
        assert not name.endswith((".", " "))
        assert len(name.encode()) <= 160


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "a/b", "CON", "nul.txt", ".", "..", " ", "x" * 500, "a\u202eb", "~", "#"]
)
def test_no_name_leads_out_of_the_folder(opened, tmp_path, name):
    memory = opened()
    memory.remember("Something.", subject=name.strip() or "blank", category=None)
    report = memory.storage.export_markdown(tmp_path / "deep" / "out")
    inside = {file.relative_to(tmp_path).parts[:2] for file in tmp_path.rglob("*") if file.is_file()}
    assert inside == {("deep", "out")}
    assert len(report.files) == 2
    assert counts(memory, tmp_path / "deep" / "out") == (0, 0, 0, 1)


def test_unchanged_pages_change_nothing(exported):
    memory, folder = exported
    before = memory.storage.digest(), memory.summary().events
    assert counts(memory, folder) == (0, 0, 0, 5)
    assert (memory.storage.digest(), memory.summary().events) == before


def test_words_that_were_changed_are_a_correction(exported):
    memory, folder = exported
    edited(folder / "facts/Ada.md", "Lisbon", "Porto")
    assert counts(memory, folder, dry_run=True) == (0, 1, 0, 4)
    assert "Ada lives in Lisbon." in texts(memory)
    assert counts(memory, folder) == (0, 1, 0, 4)
    assert "Ada lives in Porto." in texts(memory)
    assert "Ada lives in Lisbon." not in texts(memory)
    assert counts(memory, folder) == (0, 0, 0, 5), "once is enough"
    (held,) = memory.records(where={"source": "form: 'A'"})
    assert (held.subject, held.tags) == ("Ada", ("home",))


def test_an_edit_of_an_edit_and_back_are_followed(exported):
    memory, folder = exported
    for old, new in (("Lisbon", "Porto"), ("Porto", "Braga"), ("Braga", "Lisbon")):
        edited(folder / "facts/Ada.md", old, new)
        assert counts(memory, folder) == (0, 1, 0, 4)
    assert "Ada lives in Lisbon." in texts(memory)
    assert memory.check() == []


def test_an_entry_that_was_deleted_is_forgotten_and_comes_back_when_it_does(exported):
    memory, folder = exported
    file = folder / "facts/Ada.md"
    whole = file.read_text()
    edited(file, re.search(r"- Ada likes tea\.\n.*-->\n?", whole)[0], "")
    assert counts(memory, folder) == (0, 0, 1, 4)
    assert "Ada likes tea." not in texts(memory)
    assert memory.receipts()[-1].reason.startswith("deleted on a page (")
    with pytest.raises(Gone):
        memory.remember("Ada likes tea.")
    file.write_text(whole)
    assert counts(memory, folder) == (1, 0, 0, 4)
    assert "Ada likes tea." in texts(memory)
    assert counts(memory, folder) == (0, 0, 0, 5)


def test_deleting_an_edited_entry_forgets_what_it_was_before_too(exported):
    memory, folder = exported
    edited(folder / "facts/Ada.md", "Lisbon", "Porto")
    memory.import_(folder)
    (folder / "facts/Ada.md").unlink()
    with pytest.raises(ConfirmationNeeded, match=r"Whole pages are not there: facts/Ada\.md"):
        memory.import_(folder)
    assert counts(memory, folder, confirm_removal=True) == (0, 0, 3, 3)
    assert not [line for line in memory.export(superseded=True) if "Lisbon" in line or "Porto" in line]


@pytest.mark.parametrize("line", ["Ada has a cat.", "- Ada has a cat.", "* Ada has a cat.", "\n\nAda has a cat.\n\n"])
def test_a_new_line_is_a_new_fact(exported, line):
    memory, folder = exported
    file = folder / "facts/Ada.md"
    file.write_text(file.read_text() + "\n" + line + "\n")
    assert counts(memory, folder) == (1, 0, 0, 5)
    (found,) = [one for one in memory.records() if one.text == "Ada has a cat."]
    assert (found.subject, found.origin.name) == ("Ada", "USER")
    assert counts(memory, folder) == (0, 0, 0, 6)
    edited(file, "a cat", "a dog")
    assert counts(memory, folder) == (1, 0, 1, 5)
    assert "Ada has a cat." not in texts(memory)
    assert "Ada has a dog." in texts(memory)


def test_a_new_line_takes_the_category_of_its_page(exported):
    memory, folder = exported
    file = folder / "facts by category/health.md"
    file.write_text(file.read_text().replace("- Take pills", "- Sleep more\n\n- Take pills"))
    assert counts(memory, folder) == (1, 0, 0, 5)
    assert [one.category for one in memory.records() if one.text == "Sleep more"] == ["health"]


def test_what_was_said_can_be_deleted_and_not_changed(exported):
    memory, folder = exported
    (file,) = (folder / "sessions").iterdir()
    edited(file, "I am here.", "I was there.")
    report = memory.import_(folder)
    assert (report.corrected, len(report.skipped)) == (0, 1)
    assert "stays as it was said" in report.skipped[0].why
    whole = file.read_text()
    edited(file, re.search(r"- \*\*assistant.*?-->\n", whole, re.DOTALL)[0], "")
    edited(file, "I was there.", "I am here.")
    assert counts(memory, folder) == (0, 0, 1, 4)
    assert [turn.text for turn in memory.session("chat/1").turns()] == ["Hello.\nI am here."]


def test_a_page_may_be_renamed_and_moved(exported):
    memory, folder = exported
    (folder / "people").mkdir()
    (folder / "facts/Ada.md").rename(folder / "people/Ada Lovelace.md")
    assert counts(memory, folder) == (0, 0, 0, 5)


def test_a_page_that_cannot_be_read_counts_as_nothing_deleted(exported):
    memory, folder = exported
    (folder / "facts/Ada.md").write_bytes(b"\xff\xfe\x00 no text")
    report = memory.import_(folder)
    assert (report.removed, report.corrected, len(report.skipped)) == (0, 0, 1)
    assert "nothing counts as deleted" in report.skipped[0].why
    assert len(texts(memory)) == 5


def test_what_the_space_did_meanwhile_is_not_undone(exported):
    memory, folder = exported
    tea = next(one for one in memory.records() if one.text == "Ada likes tea.")
    home = next(one for one in memory.records() if one.text == "Ada lives in Lisbon.")
    memory.correct(tea.id, "Ada likes coffee.")
    memory.forget(home.id)
    report = memory.import_(folder)
    assert (report.corrected, report.removed, report.forgotten, report.added) == (0, 0, 1, 0)
    edited(folder / "facts/Ada.md", "likes tea", "likes milk")
    report = memory.import_(folder)
    assert "corrected in the space since" in report.skipped[0].why
    assert "Ada likes coffee." in texts(memory)
    assert "Ada lives in Lisbon." not in texts(memory)


def test_more_than_a_hundred_deletions_are_confirmed(opened, path, tmp_path):
    memory = opened(path)
    for number in range(120):
        memory.remember(f"Number {number}.", subject="Ada")
    memory.remember("Stays.", subject="Fern")
    memory.storage.export_markdown(tmp_path / "out")
    (tmp_path / "out/facts/Ada.md").unlink()
    edited(tmp_path / "out/facts/Fern.md", "Stays.", "Stays on.")
    with pytest.raises(ConfirmationNeeded, match="120"):
        memory.import_(tmp_path / "out")
    assert memory.summary().live == 121
    assert "Stays on." in texts(memory), "the other edits were followed"
    assert counts(memory, tmp_path / "out", confirm_removal=True) == (0, 0, 120, 1)


def test_an_emptied_entry_and_a_doubled_one_are_asked_about(exported):
    memory, folder = exported
    file = folder / "facts/Ada.md"
    edited(file, "- Ada likes tea.\n", "")
    report = memory.import_(folder)
    assert "delete both" in report.skipped[0].why
    file.write_text(file.read_text() + "\n- Twice.\n" + re.search(r"  <!-- memory .*-->", file.read_text())[0] + "\n")
    assert any("stands twice" in skipped.why for skipped in memory.import_(folder).skipped)
    assert len(texts(memory)) == 5


def test_pages_are_followed_in_their_own_space_only(exported, opened):
    _, folder = exported
    other = opened()
    with pytest.raises(InvalidField, match="another"):
        other.import_(folder)
    assert other.summary().events == 0
    (folder / "holdfast-export.json").write_text("{}")
    with pytest.raises(InvalidField, match="export again"):
        other.import_(folder)
    (folder / "holdfast-export.json").unlink()
    assert {"page of a Holdfast export" in skipped.why for skipped in other.import_(folder).skipped} == {True}


def test_a_folder_is_not_overwritten_unseen(exported, tmp_path):
    memory, folder = exported
    with pytest.raises(AlreadyThere, match="not empty"):
        memory.storage.export_markdown(folder)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.md").write_text("Mine.")
    with pytest.raises(AlreadyThere, match="no export"):
        memory.storage.export_markdown(tmp_path / "mine", replace=True)
    (folder / "mine.txt").write_text("Kept.")
    edited(folder / "facts/Ada.md", "Lisbon", "Porto")
    with pytest.raises(AlreadyThere, match="1 edits"):
        memory.storage.export_markdown(folder, replace=True)
    memory.import_(folder)
    memory.forget(where={"category": "health"})
    memory.storage.export_markdown(folder, replace=True)
    assert "Porto" in (folder / "facts/Ada.md").read_text()
    assert not (folder / "facts by category/health.md").exists()
    assert (folder / "mine.txt").read_text() == "Kept."
    assert counts(memory, folder) == (0, 0, 0, 4)
    manifest = folder / "holdfast-export.json"
    held = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(held | {"files": {"../ada.db": "x", "/etc/hosts": "y"}}))
    (folder / "facts/Ada.md").unlink()
    memory.import_(folder, confirm_removal=True)
    with pytest.raises(AlreadyThere, match="of no export"):
        memory.storage.export_markdown(folder, replace=True)
    assert memory.check() == [], "no file that a manifest names elsewhere is touched"


def test_where_nothing_can_be_written_nothing_is(exported, tmp_path):
    memory, _ = exported
    (tmp_path / "file").write_text("x")
    with pytest.raises(InvalidField, match="not a folder"):
        memory.storage.export_markdown(tmp_path / "file")
    with pytest.raises(StoreError):
        memory.storage.export_markdown(tmp_path / "file" / "out")
    assert sorted(file.name for file in tmp_path.iterdir() if "ada.db" not in file.name) == ["file", "out"]


def test_forgotten_words_do_not_come_back_as_a_new_line(exported):
    memory, folder = exported
    file = folder / "facts/Ada.md"
    memory.forget(memory.remember("Ada hides.").id)
    file.write_text(file.read_text() + "\n- Ada hides.\n")
    assert memory.import_(folder).forgotten == 1
    with pytest.raises(Gone):
        memory.remember("Ada hides.")
