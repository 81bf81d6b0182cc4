"""Folders of notes are followed: what changed or went can be told from what an import says is there."""

from __future__ import annotations

from pathlib import Path

from holdfast.adapters.importers.markdown import PART_CHARS, Markdown
from holdfast.model.imports import Batch, document_of
from tests.adapters.importers.reading import read_whole


def state(folder: Path) -> tuple[dict[str, str | None], dict[str, frozenset[str]], Batch]:
    whole = read_whole(Markdown(root="vault"), folder)
    present = {document: keys for batch in whole.batches for document, keys in batch.present.items()}
    return {str(item.source): item.key for item in whole.items}, present, whole.batches[-1]


def test_a_changed_section_has_a_new_key_and_the_others_keep_theirs(tmp_path: Path):
    note = tmp_path / "a.md"
    note.write_text("# One\nfirst\n\n# Two\nsecond\n")
    before, present_before, _ = state(tmp_path)
    note.write_text("# Zero\nnew\n\n# One\nfirst\n\n# Two\nchanged\n")
    after, present, _ = state(tmp_path)
    assert after["vault/a.md#One"] == before["vault/a.md#One"]
    assert after["vault/a.md#Two"] != before["vault/a.md#Two"]
    assert present["vault/a.md"] == set(after.values())
    assert present_before["vault/a.md"] - present["vault/a.md"] == {before["vault/a.md#Two"]}
    assert {document_of(source) for source in after} == {"vault/a.md"}


def test_a_changed_property_is_a_change_of_every_section(tmp_path: Path):
    note = tmp_path / "a.md"
    note.write_text("---\ntags: [x]\n---\n# One\nfirst\n")
    before, _, _ = state(tmp_path)
    note.write_text("---\ntags: [y]\n---\n# One\nfirst\n")
    after, _, _ = state(tmp_path)
    assert before.keys() == after.keys()
    assert before != after


def test_a_removed_file_is_not_in_the_inventory_and_an_unreadable_one_is(tmp_path: Path):
    for name in ("a.md", "b.md", "c.md"):
        (tmp_path / name).write_text("text")
    (tmp_path / "a.md").unlink()
    (tmp_path / "b.md").write_bytes(b"\xff\xfe\xfa broken")
    (tmp_path / "c.md").write_text("")
    (tmp_path / "d.md").write_bytes("Café".encode("latin-1"))
    _, present, last = state(tmp_path)
    assert last.inventory is not None
    assert last.inventory.root == "vault/"
    assert last.inventory.documents == {"vault/b.md", "vault/c.md", "vault/d.md"}
    assert present["vault/c.md"] == frozenset()
    assert "vault/d.md" not in present


def test_hidden_folders_and_links_are_not_followed(tmp_path: Path):
    for folder in (".obsidian", ".git", "notes"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.md").write_text("text")
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    sources, _, _ = state(tmp_path)
    assert set(sources) == {"vault/notes/x.md"}


def test_two_folders_of_one_name_are_told_apart(tmp_path: Path):
    sources = set[str]()
    for parent in ("a", "b"):
        folder = tmp_path / parent / "notes"
        folder.mkdir(parents=True)
        (folder / "x.md").write_text("text")
        sources |= {str(item.source) for item in read_whole(Markdown(), folder).items}
    assert len(sources) == 2
    assert all(source.startswith("notes@") for source in sources)


def test_a_single_file_says_nothing_about_its_neighbours(tmp_path: Path):
    (tmp_path / "a.md").write_text("text")
    (tmp_path / "b.md").write_text("text")
    whole = read_whole(Markdown(root="vault"), tmp_path / "a.md")
    assert [item.source for item in whole.items] == ["vault/a.md"]
    assert whole.batches[-1].inventory is None


def test_a_long_section_is_divided_between_paragraphs_and_loses_nothing(tmp_path: Path):
    paragraphs = [f"paragraph {n} " + "word " * 150 for n in range(30)] + ["x" * (3 * PART_CHARS)]
    (tmp_path / "a.md").write_text("# Long\n\n" + "\n\n".join(paragraphs))
    whole = read_whole(Markdown(root="vault"), tmp_path)
    bodies = [text.split("\n\n", 1)[1] for text in whole.texts]
    assert all(len(body) <= PART_CHARS for body in bodies)
    assert "".join("".join(bodies).split()) == "".join("".join(paragraphs).split())
    assert len(set(whole.keys)) == len(whole.items) > 5
