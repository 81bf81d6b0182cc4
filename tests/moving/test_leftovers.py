"""What a killed backup, restore or export leaves is named, and cleared by the next: it is a copy no forget reaches."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from holdfast import Holdfast, Memory
from holdfast.adapters.sqlite.backup import SqliteFiles, left_parts
from holdfast.recovery import restore

ROOT = Path(__file__).resolve().parents[2]
DIES = """
import os, sys
from pathlib import Path
from holdfast import Memory
from holdfast.adapters.sqlite.backup import SqliteFiles
from holdfast.recovery import restore
from holdfast.services import pages_out

what, folder = sys.argv[1], Path(sys.argv[2])
SqliteFiles.put = lambda *given, **named: os._exit(9)
pages_out.sync = lambda path: os._exit(9)
if what == "restore":
    restore(folder / "ada.bak", folder / "new.db")
with Memory.open(folder / "ada.db", embedder=None) as memory:
    if what == "backup":
        memory.storage.backup(folder / "killed.bak")
    memory.storage.export_markdown(folder / "pages")
"""


def killed(what: str, folder: Path) -> list[Path]:
    done = subprocess.run([sys.executable, "-c", DIES, what, str(folder)], cwd=ROOT, check=False, timeout=60)
    assert done.returncode == 9
    return left_parts(folder)


@pytest.fixture
def there(opened, path, tmp_path) -> Memory:
    memory = opened(path)
    memory.remember("The door code is 7306.", subject="Ada")
    memory.storage.backup(tmp_path / "ada.bak")
    return memory


def holding(folder: Path) -> list[Path]:
    return [file for file in folder.glob(".*/**/*") if file.is_file() and b"7306" in file.read_bytes()]


@pytest.mark.parametrize("what", ["backup", "restore", "pages"])
@pytest.mark.parametrize("then", ["backup", "restore"])
def test_the_next_backup_or_restore_clears_what_any_killed_one_left(there, tmp_path, what, then):
    assert len(killed(what, tmp_path)) == 1
    assert holding(tmp_path), "a readable copy, which this is about"
    if then == "backup":
        there.storage.backup(tmp_path / "of another name.bak")
    else:
        restore(tmp_path / "ada.bak", tmp_path / "of another name.db")
    assert left_parts(tmp_path) == []
    assert not holding(tmp_path)


def test_the_next_export_of_pages_clears_what_a_killed_one_left(there, tmp_path):
    assert len(killed("pages", tmp_path)) == 1
    there.storage.export_markdown(tmp_path / "elsewhere")
    assert not list(tmp_path.glob(".*.part"))


def test_what_somebody_works_on_and_what_is_not_ours_is_left_alone(there, tmp_path):
    for name, inside in (
        (".mine.part", "space.db"),
        (".mine.0123abcd.part", "notes.txt"),
        (".mine.pages.part", "notes.txt"),
        (".empty.0123abcd.part", None),
    ):
        (tmp_path / name).mkdir()
        if inside:
            (tmp_path / name / inside).write_text("Mine.")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/space.db").write_text("Mine.")
    (tmp_path / ".link.0123abcd.part").symlink_to(tmp_path / "elsewhere")
    before = sorted(tmp_path.rglob("*part*/*")) + sorted(tmp_path.glob("*"))
    with SqliteFiles().part(tmp_path / "busy.bak") as part:
        part.write_text("At work.")
        assert left_parts(tmp_path) == []
        there.storage.backup(tmp_path / "other.bak")
        there.storage.export_markdown(tmp_path / "pages")
        assert part.read_text() == "At work."
    assert all(one.exists() for one in before)


def test_a_house_names_what_was_left_in_its_folder(there, tmp_path):
    killed("backup", tmp_path)
    with Holdfast.open(tmp_path / "house", embedder=None) as house:
        assert house.check() == []
        (left,) = left_parts(tmp_path)
        left.rename(tmp_path / "house" / left.name)
        (problem,) = house.check()
        assert str(tmp_path / "house" / left.name) in problem
        assert "remove it" in problem
