"""Indexes of vectors keep the contract; the file of one is whole or not at all, and never says what is not so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from holdfast.adapters.vectors import usearch
from holdfast.adapters.vectors.exact import ExactIndexes
from holdfast.adapters.vectors.usearch import UsearchIndexes
from holdfast.testing.vector_index_contract import (
    DIMENSIONS,
    OTHER,
    STAMP,
    VectorIndexContract,
    clustered,
    made,
    numbers,
)

if not usearch.is_installed():
    pytest.skip("usearch is not installed", allow_module_level=True)


class TestExact(VectorIndexContract):
    @pytest.fixture
    def indexes(self) -> ExactIndexes:
        return ExactIndexes()


class TestUsearchInMemory(VectorIndexContract):
    @pytest.fixture
    def indexes(self) -> UsearchIndexes:
        return UsearchIndexes(None)


class TestUsearchInAFile(VectorIndexContract):
    @pytest.fixture
    def indexes(self, tmp_path: Path) -> UsearchIndexes:
        return UsearchIndexes(tmp_path / "space.db")


@pytest.fixture
def space(tmp_path: Path) -> Path:
    return tmp_path / "space.db"


@pytest.fixture
def file(space: Path) -> Path:
    """The file of an index of 100 vectors, with numbers 1, 4, 7 and so on."""
    made(UsearchIndexes(space), numbers(1, 100), clustered(100)).close()
    return space.with_name("space.db-vectors")


def test_what_is_kept_is_there_in_another_process(space: Path, file: Path) -> None:
    assert (file.stat().st_mode & 0o777, UsearchIndexes(space).is_kept) == (0o600, True)
    index = UsearchIndexes(space).read(STAMP, DIMENSIONS)
    assert index is not None
    np.testing.assert_array_equal(index.held(0, 100)[1], clustered(100))
    assert index.near(clustered(100)[8], 1).tolist() == [25]
    index.close()


def test_an_index_of_another_model_or_space_is_thrown_away(space: Path, file: Path) -> None:
    assert UsearchIndexes(space).read(OTHER, DIMENSIONS) is None
    assert not file.exists()


def test_erasing_reaches_a_file_that_nobody_has_read(space: Path, file: Path) -> None:
    vector = clustered(100)[8].tobytes()
    assert vector in file.read_bytes()
    indexes = UsearchIndexes(space)
    assert indexes.counted(np.array([25, 26])) == 1
    assert indexes.erase(np.array([25, 26])) == 1
    assert vector not in file.read_bytes()
    assert indexes.counted(np.array([25, 26])) == 0
    index = indexes.read(STAMP, DIMENSIONS)
    assert index is not None
    assert 25 not in index.near(clustered(100)[8], 100)
    index.close()


def test_erasing_reaches_the_file_of_an_index_in_use(space: Path, file: Path) -> None:
    index = UsearchIndexes(space).read(STAMP, DIMENSIONS)
    assert index is not None
    index.erase(np.array([25]))
    assert clustered(100)[8].tobytes() not in file.read_bytes()
    index.close()


def test_erasing_and_reading_need_no_usearch_to_erase(space: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usearch, "_empty_graph", lambda _: pytest.fail("usearch was imported"))
    assert UsearchIndexes(space).erase(np.array([25])) == 1
    assert clustered(100)[8].tobytes() not in file.read_bytes()


def test_a_new_index_takes_the_place_of_one_that_is_in_use(space: Path, file: Path) -> None:
    indexes = UsearchIndexes(space)
    before = indexes.read(STAMP, DIMENSIONS)
    assert before is not None
    after = made(indexes, numbers(1, 30), clustered(30, seed=3))
    assert (len(before), len(after)) == (100, 30)
    assert before.near(clustered(100)[8], 1).tolist() == [25]
    assert sorted(path.name for path in space.parent.iterdir()) == ["space.db-vectors"]
    before.close()
    after.close()


def test_any_damage_to_the_graph_or_the_foot_is_noticed(space: Path, file: Path) -> None:
    whole = file.read_bytes()
    chance = np.random.default_rng(11)
    body = 8 + 100 * DIMENSIONS
    foot = len(whole) - usearch._FOOT_BYTES
    graph_end = foot - 800 - 63
    places = [*chance.integers(body, graph_end, 60).tolist(), *range(foot, len(whole), 3), *range(8)]
    for place in places:
        hurt = bytearray(whole)
        hurt[place] ^= 1 << int(chance.integers(8))
        file.write_bytes(hurt)
        assert UsearchIndexes(space).read(STAMP, DIMENSIONS) is None, place
        assert not file.exists()


@pytest.mark.parametrize("kept", [0, 1, 7, 50, 3_000])
def test_a_file_that_was_cut_off_is_thrown_away(space: Path, file: Path, kept: int) -> None:
    file.write_bytes(file.read_bytes()[:kept])
    assert UsearchIndexes(space).read(STAMP, DIMENSIONS) is None
    assert not file.exists()


def test_erasing_throws_away_what_it_cannot_understand(space: Path, file: Path) -> None:
    part = file.with_name("space.db-vectors.77-aa.new")
    old = file.with_name("space.db-vectors.new")
    old.write_bytes(clustered(1).tobytes())
    part.write_bytes(clustered(1).tobytes())
    file.write_bytes(file.read_bytes()[:-1])
    assert UsearchIndexes(space).erase(np.array([25])) == 0
    assert not file.exists()
    assert not part.exists()
    assert not old.exists()


@pytest.mark.parametrize("moment", ["written", "finished"])
def test_an_index_whose_unfinished_file_was_taken_away_is_not_kept(
    space: Path, file: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    building = UsearchIndexes(space).begin(STAMP, DIMENSIONS, 5, None)
    building.add(numbers(1, 5), clustered(5, seed=2))
    save = usearch._save

    def erased_meanwhile(*given: object) -> None:
        save(*given)
        UsearchIndexes(space).erase(np.array([1]))

    if moment == "written":
        monkeypatch.setattr(usearch, "_save", erased_meanwhile)
    else:
        building.finish()
        UsearchIndexes(space).erase(np.array([1]))
    with pytest.raises(FileNotFoundError):
        building.finish() if moment == "written" else building.keep()
    building.discard()
    index = UsearchIndexes(space).read(STAMP, DIMENSIONS)
    assert index is not None
    assert (len(index), index.empty) == (100, 1)
    index.close()
    assert [path.name for path in space.parent.iterdir()] == [file.name]


@pytest.mark.parametrize("has_names", [True, False], ids=["by number", "without names of open files"])
def test_an_unfinished_file_that_is_taken_away_is_never_made_again(
    space: Path, monkeypatch: pytest.MonkeyPatch, has_names: bool
) -> None:
    building = UsearchIndexes(space).begin(STAMP, DIMENSIONS, 5, None)
    building.add(numbers(1, 5), clustered(5, seed=2))
    save = usearch._save

    def erased_before(*given: object) -> None:
        UsearchIndexes(space).erase(np.array([1]))
        if not has_names:
            monkeypatch.setattr(Path, "exists", lambda _: False)
        save(*given)

    monkeypatch.setattr(usearch, "_save", erased_before)
    with pytest.raises(FileNotFoundError):
        building.finish()
    assert list(space.parent.iterdir()) == []


def test_of_two_that_are_built_at_once_the_later_one_is_kept_and_the_other_says_so(space: Path) -> None:
    first = UsearchIndexes(space).begin(STAMP, DIMENSIONS, 100, None)
    first.add(numbers(1, 100), clustered(100))
    first.finish().close()
    second = UsearchIndexes(space).begin(STAMP, DIMENSIONS, 100, None)
    second.add(numbers(2, 100), clustered(100, seed=3))
    second.finish().close()
    with pytest.raises(FileNotFoundError):
        first.keep()
    second.keep()
    first.discard()
    index = UsearchIndexes(space).read(STAMP, DIMENSIONS)
    assert index is not None
    assert index.near(clustered(100, seed=3)[8], 1).tolist() == [26]
    assert [path.name for path in space.parent.iterdir()] == ["space.db-vectors"]
    index.close()


def test_a_file_that_is_put_in_place_while_it_is_taken_away_is_erased_from_and_not_overwritten(
    space: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    building = UsearchIndexes(space).begin(STAMP, DIMENSIONS, 5, None)
    building.add(numbers(1, 5), clustered(5, seed=2))
    index = building.finish()
    unlink = Path.unlink

    def kept_first(path: Path, missing_ok: bool = False) -> None:
        monkeypatch.setattr(Path, "unlink", unlink)
        building.keep()
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", kept_first)
    assert UsearchIndexes(space).erase(np.array([1])) == 1
    held, codes = index.held(0, 5)
    assert held.tolist() == [0, *numbers(4, 4)]
    np.testing.assert_array_equal(codes[1:], clustered(5, seed=2)[1:])
    assert space.with_name("space.db-vectors").stat().st_mode & 0o777 == 0o600
    index.close()


def test_what_is_erased_while_an_index_is_grown_from_is_empty_in_it_or_known_by_its_number(
    space: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = UsearchIndexes(space).read(STAMP, DIMENSIONS)
    assert index is not None
    grown = usearch.UsearchIndex.grown

    def erased_after(self: usearch.UsearchIndex) -> object:
        graph = grown(self)
        self.erase(np.array([25]))
        return graph

    monkeypatch.setattr(usearch.UsearchIndex, "grown", erased_after)
    building = UsearchIndexes(space).begin(STAMP, DIMENSIONS, 0, index)
    after = building.finish()
    after.erase(np.array([25]))
    building.keep()
    assert clustered(100)[8].tobytes() not in file.read_bytes()
    index.close()
    after.close()


def test_beside_an_encrypted_space_a_file_that_was_left_is_counted_in_erased_and_thrown_away(
    space: Path, file: Path
) -> None:
    sealed, twin = UsearchIndexes(space, sealed=True), file.with_name("twin")
    os.link(file, twin)
    assert (sealed.is_kept, sealed.kept_in, sealed.counted(np.array([25]))) == (True, "memory", 1)
    assert sealed.erase(np.array([25])) == 1
    assert not file.exists()
    assert not any(twin.read_bytes())
    made(sealed, numbers(1, 30), clustered(30)).close()
    assert not file.exists()
    file.write_bytes(b"left")
    assert sealed.read(STAMP, DIMENSIONS) is None
    assert not file.exists()


def test_reading_only_writes_nothing(space: Path, file: Path) -> None:
    whole = file.read_bytes()
    indexes = UsearchIndexes(space, read_only=True)
    index = indexes.read(STAMP, DIMENSIONS)
    assert index is not None
    assert index.erase(np.array([25])) == 1
    assert (index.empty, 25 in index.near(clustered(100)[8], 100)) == (1, False)
    other = made(indexes, numbers(1, 30), clustered(30))
    assert other.near(clustered(30)[4], 1).tolist() == [13]
    assert indexes.read(OTHER, DIMENSIONS) is None
    index.close()
    assert file.read_bytes() == whole


def test_dropping_overwrites_first(space: Path, file: Path) -> None:
    twin = file.with_name("twin")
    os.link(file, twin)
    UsearchIndexes(space).drop()
    assert not file.exists()
    assert not any(twin.read_bytes())


def test_usearch_is_imported_by_nothing_else() -> None:
    code = "import sys, holdfast.memory, holdfast.adapters.vectors.usearch; sys.exit('usearch' in sys.modules)"
    assert os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-c", code]) == 0


@pytest.mark.parametrize("first", ["holdfast.adapters.vectors.usearch", "onnxruntime"])
def test_the_model_can_be_loaded_before_and_after_the_index(first: str) -> None:
    code = (
        f"import {first}; from pathlib import Path; from holdfast.adapters.vectors import usearch; "
        "usearch._empty_graph(4); import onnxruntime; print('well')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "well"), done.stderr[-500:]
