"""A forget in a file whose pages were altered erases what it should, or nothing."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from holdfast.adapters.sqlite import gaps, neighbours
from holdfast.adapters.sqlite.connection import PAGE_BYTES
from holdfast.errors import Damaged
from holdfast.memory import Memory
from holdfast.model.reports import Turn

COUNT = 60


@pytest.fixture
def space(tmp_path: Path) -> tuple[Path, list[str]]:
    path = tmp_path / "altered.db"
    with Memory.open(path, embedder=None) as memory:
        turns = [Turn(speaker="Ada", text=f"What Ada said {number}: {'so ' * 60}") for number in range(COUNT)]
        return path, [record.id for record in memory.session("talk").add_many(turns)]


@pytest.fixture(params=["every page is looked at", "what is around is looked at"])
def look(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways: of a small space, and of one so large that one memory's surroundings are a small part."""
    if request.param == "what is around is looked at":
        monkeypatch.setattr(neighbours, "SHARE", 0)


def rows(path: Path, sql: str) -> list[tuple[object, ...]]:
    connection = apsw.Connection(str(path))
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def payloads(path: Path) -> dict[object, object]:
    return dict[object, object](rows(path, "SELECT seq, payload FROM event WHERE type = 1"))


def leaves(path: Path) -> list[int]:
    """Numbers of the pages with events, in their order."""
    sql = "SELECT pageno FROM dbstat WHERE name = 'event' AND pagetype = 'leaf' ORDER BY path"
    return [int(str(page)) for (page,) in rows(path, sql)]


def move_content(path: Path, page: int) -> None:
    """Make a page say that its cells begin 256 bytes further on than they do."""
    content = bytearray(path.read_bytes())
    content[(page - 1) * PAGE_BYTES + 5] += 1
    path.write_bytes(content)


def is_there(path: Path, ids: list[str]) -> list[bool]:
    with Memory.open(path, embedder=None) as memory:
        held = {record.id for record in memory.records()}
    return [one in held for one in ids]


@pytest.mark.usefixtures("look")
def test_a_forget_that_would_overwrite_another_memorys_text_is_undone_and_told(space: tuple[Path, list[str]]):
    path, ids = space
    # The tombstone is written at the end of the journal, over what that page calls free.
    move_content(path, leaves(path)[-1])
    before = payloads(path)
    with Memory.open(path, embedder=None) as memory:
        with pytest.raises(Damaged, match="Nothing was forgotten; run `holdfast check`"):
            memory.forget(ids[2])
        assert memory.get(ids[2]).text.startswith("What Ada said 2")
    assert payloads(path) == before
    assert is_there(path, ids) == [True] * COUNT


@pytest.mark.usefixtures("look")
def test_folding_the_log_leaves_the_cells_of_a_page_that_says_they_are_no_part_of_it(space: tuple[Path, list[str]]):
    path, ids = space
    move_content(path, leaves(path)[0])
    before = payloads(path)
    with Memory.open(path, embedder=None) as memory:
        memory.forget(ids[2])
    after = payloads(path)
    assert {seq: text for seq, text in after.items() if text != before[seq]} == {3: None}
    assert is_there(path, ids) == [one != ids[2] for one in ids]


def test_a_page_is_cleaned_between_its_pointers_and_its_cells_alone():
    page = bytearray(b"x" * 512)
    page[:12] = bytes([13, 0, 0, 0, 2, 400 >> 8, 400 & 255, 0]) + (450).to_bytes(2, "big") + (400).to_bytes(2, "big")
    assert gaps.without_gap(bytes(page), 4096)[12:400] == bytes(388)
    page[5:7] = (430).to_bytes(2, "big")
    assert gaps.without_gap(bytes(page), 4096) == bytes(page)


@pytest.mark.usefixtures("look")
@pytest.mark.parametrize("asked", [1, 2])
def test_an_index_that_leads_to_anothers_text_neither_erases_it_nor_spares_ones_own(
    space: tuple[Path, list[str]], asked: int
):
    path, ids = space
    # In the index of numbers, what leads from memory 3 to event 3 leads to event 2: an entry of two small integers.
    content = path.read_bytes()
    assert content.count(bytes([5, 3, 1, 1, 3, 3])) == 1
    path.write_bytes(content.replace(bytes([5, 3, 1, 1, 3, 3]), bytes([5, 3, 1, 1, 3, 2])))
    assert rows(path, "SELECT seq FROM event WHERE n = 3") == [(2,)]
    with Memory.open(path, embedder=None) as memory:
        memory.forget(ids[asked])
    assert [seq for seq, text in payloads(path).items() if text is None] == [asked + 1]


@pytest.mark.usefixtures("look")
def test_a_long_text_that_leads_to_pages_of_another_is_not_erased(tmp_path: Path):
    path = tmp_path / "long.db"
    with Memory.open(path, embedder=None) as memory:
        ids = [memory.remember(f"{name} {'word ' * 4_000}").id for name in ("Ada", "Bo")]
    sql = "SELECT pageno FROM dbstat WHERE name = 'event' AND path LIKE '%+000000' ORDER BY path"
    (mine,), (others,) = rows(path, sql)
    content = path.read_bytes()
    wanted, given = (int(str(page)).to_bytes(4, "big") for page in (mine, others))
    start = (leaves(path)[0] - 1) * PAGE_BYTES
    at = content.index(wanted, start, start + PAGE_BYTES)
    path.write_bytes(content[:at] + given + content[at + 4 :])
    with Memory.open(path, embedder=None) as memory:
        with pytest.raises(Damaged, match="Nothing was forgotten"):
            memory.forget(ids[0])
        assert memory.get(ids[1]).text.startswith("Bo word")


def test_many_forgotten_at_once_are_erased_after_a_look_at_every_page(
    space: tuple[Path, list[str]], monkeypatch: pytest.MonkeyPatch
):
    path, ids = space
    monkeypatch.setattr(neighbours, "MANY", 0)
    monkeypatch.setattr(neighbours.Neighbours, "_around", None)  # nothing is read a second time
    with Memory.open(path, embedder=None) as memory:
        memory.forget(*ids[10:40])
        assert memory.check() == []
    assert is_there(path, ids) == [not 10 <= place < 40 for place in range(COUNT)]
