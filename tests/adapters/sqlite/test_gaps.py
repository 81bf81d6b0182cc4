"""What was erased is not left in the free middle of a page, however often its cells were moved before."""

from __future__ import annotations

import random

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.adapters.sqlite import gaps
from holdfast.adapters.sqlite.connection import PAGE_BYTES, blocks, connect
from holdfast.adapters.sqlite.folding import FOLD_PAGES, Folder
from holdfast.adapters.sqlite.gaps import clean_vfs, without_gap
from holdfast.memory import Memory
from holdfast.model.reports import Turn

ROWS = 12_000


def words_left(path) -> int:
    """Fill an index in random order, erase half of its words, and count those that are still in the file."""
    chance = random.Random(2)
    folder = Folder(str(path), None)
    writing = connect(str(path), writable=True)
    folder.watch(writing)
    writing.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, word TEXT); CREATE INDEX t_word ON t (word)").fetchall()
    words = [f"{chance.randrange(10**9):09d}-session-of-somebody" for _ in range(ROWS)]
    for start in range(0, ROWS, 200):
        writing.execute("BEGIN").fetchall()
        writing.executemany("INSERT INTO t (word) VALUES (?)", [(word,) for word in words[start : start + 200]])
        writing.execute("COMMIT").fetchall()
        folder.fold_if_long()
    gone, kept = words[::2], words[1::2]
    writing.execute("BEGIN").fetchall()
    writing.executemany("DELETE FROM t WHERE word = ?", [(word,) for word in gone])
    writing.execute("COMMIT").fetchall()
    assert folder.empty(1_000)
    assert writing.execute("PRAGMA integrity_check").get == "ok"
    assert {word for (word,) in writing.execute("SELECT word FROM t")} == set(kept)
    data = b"".join(blocks(path, 1 << 20))
    writing.close()
    folder.close_last()
    return sum(word.encode() in data for word in gone)


def test_nothing_that_was_erased_is_left_between_cells(tmp_path):
    assert words_left(tmp_path / "a.db") == 0


def test_without_the_cleaning_some_of_it_would_be(tmp_path, monkeypatch):
    """The mutant: SQLite's own `secure_delete` alone."""
    monkeypatch.setattr(gaps, "without_gap", lambda page, offset: page)
    assert words_left(tmp_path / "a.db") > 0


def gap_of(page: bytes, offset: int) -> bytes:
    """The free middle of a b-tree page, by the description of the format; nothing for other pages."""
    at = 100 if offset == 0 else 0
    if page[at] not in (2, 5, 10, 13):
        return b""
    start = at + (12 if page[at] in (2, 5) else 8) + 2 * int.from_bytes(page[at + 3 : at + 5], "big")
    return page[start : int.from_bytes(page[at + 5 : at + 7], "big") or 65_536]


def test_no_page_of_a_space_has_leftovers_between_its_cells(tmp_path):
    path, chance = tmp_path / "a.db", random.Random(1)
    with Memory.open(path, embedder=None) as memory:
        for number in range(40):
            session = memory.session(f"{chance.randrange(10**6)}-a-session")
            session.add_many(
                Turn(speaker="user", text=f"turn {number} {place}", tags=(f"{chance.randrange(10**6)}-tag",))
                for place in range(40)
            )
        session = next(memory.records()).session
        memory.forget(session=session)
    pages = list(blocks(path, PAGE_BYTES))
    assert len(pages) > 40
    assert not [n for n, page in enumerate(pages) if any(gap_of(page, n * PAGE_BYTES))]
    with Memory.open(path, embedder=None) as memory:
        assert memory.check() == []


def test_a_long_log_is_folded_after_a_commit_and_goes_with_the_last_user(tmp_path):
    path = tmp_path / "a.db"
    with Memory.open(path, embedder=None) as memory:
        small = path.stat().st_size
        for _ in range(30):
            memory.session("s").add_many(Turn(speaker="user", text="x" * 3_000) for _ in range(100))
        assert path.stat().st_size > small + FOLD_PAGES // 2 * PAGE_BYTES
        assert memory._space.store.log_bytes() < 4 * FOLD_PAGES * PAGE_BYTES
    assert [file.name for file in tmp_path.iterdir() if file.name.endswith(("-wal", "-shm"))] == []


def test_folding_that_fails_takes_nothing_from_a_commit(tmp_path, monkeypatch):
    path = tmp_path / "a.db"

    def full(page: bytes, offset: int) -> bytes:
        raise apsw.FullError("the disk is full")

    with Memory.open(path, embedder=None) as memory:
        with monkeypatch.context() as patched:
            patched.setattr(gaps, "without_gap", full)
            for _ in range(15):
                memory.session("s").add_many(Turn(speaker="user", text="x" * 6_000) for _ in range(100))
        memory.remember("and it goes on")
    with Memory.open(path, embedder=None) as memory:
        assert memory.summary().live == 1_501
        assert memory.check() == []


@given(st.binary(min_size=512, max_size=4_096), st.sampled_from([0, 4_096]))
def test_whatever_a_page_holds_only_zeros_are_put_into_it(page, offset):
    cleaned = without_gap(page, offset)
    assert len(cleaned) == len(page)
    assert all(new in (old, 0) for new, old in zip(cleaned, page, strict=True))
    assert without_gap(cleaned, offset) == cleaned


@pytest.mark.parametrize("first", [0, 1, 3, 255])
def test_a_page_that_is_no_b_tree_page_stays_as_it_is(first):
    page = bytes([first]) + b"\x00\x00\x00\x00\x02\x00\x00" + b"\x07" * 1_016
    assert without_gap(page, 8_192) == page


def test_the_way_of_writing_is_made_known_once():
    assert clean_vfs() == clean_vfs()
    assert apsw.vfs_names().count(gaps.VFS) == 1
