"""A large space has an index of vectors beside it: quick, never trusted, and reached by forgetting."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from holdfast import Memory, Turn
from holdfast.adapters.vectors import usearch
from holdfast.core import fusion, wide
from holdfast.errors import StoreError
from holdfast.recovery import restore
from holdfast.services import live_index, near_index
from holdfast.testing.embedders import HashEmbedder
from holdfast.testing.faults import SteppedClock
from tests.services.conftest import START_MS

if not usearch.is_installed():
    pytest.skip("usearch is not installed", allow_module_level=True)

COUNT = 260
LARGE = 100
"""Entries above which a space is large here."""
KEY = bytes(range(32))
MODEL = HashEmbedder(32)
Open = Callable[..., Memory]


@pytest.fixture(autouse=True)
def _small_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    small_is_large(monkeypatch)


def small_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (fusion, live_index, near_index):
        monkeypatch.setattr(module, "EXACT_ENTRIES", LARGE, raising=False)
    monkeypatch.setattr("holdfast.core.corpus.EXACT_ENTRIES", LARGE)
    monkeypatch.setattr(near_index, "LOOSE_LEAST", 40)
    monkeypatch.setattr(near_index, "ADDED", 64)
    monkeypatch.setattr(wide, "EXACT_ROWS", 20)


def said(number: int) -> str:
    return f"On day {number} Ada counted {number * 7} herons and {number % 13} boats near pier {number % 29}."


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a large space, with its index of vectors beside it."""
    path = tmp_path_factory.mktemp("large") / "space.db"
    with pytest.MonkeyPatch.context() as patch:
        small_is_large(patch)
        with Memory.open(path, embedder=MODEL, clock=SteppedClock(START_MS)) as memory:
            indexed(filled(memory))
    return path


@pytest.fixture
def large(opened: Open, path: Path, made_once: Path) -> Memory:
    """A large space with its index of vectors."""
    shutil.copyfile(made_once, path)
    shutil.copyfile(file_of(made_once), file_of(path))
    memory = opened(path, embedder=MODEL)
    memory.recall("herons")
    assert memory._space.index.vectors.entries == COUNT
    return memory


def filled(memory: Memory) -> Memory:
    for first in range(0, COUNT, 20):
        memory.session(f"s{first}").add_many(
            Turn(speaker="Ada", text=said(number)) for number in range(first, first + 20)
        )
    memory.settle()
    return memory


def indexed(memory: Memory) -> Memory:
    memory.recall("herons")
    wait(memory)
    return memory


def wait(memory: Memory) -> None:
    for _ in range(2_000):
        near = memory._space.index.vectors
        if near is not None and not near.is_building:
            assert near.failure is None
            return
        time.sleep(0.005)
    pytest.fail("no index was built")


def ended(memory: Memory) -> None:
    """Wait until nothing is built, whatever came of it."""
    for _ in range(2_000):
        if not memory._space.index.vectors.is_building:
            return
        time.sleep(0.005)
    pytest.fail("the building does not end")


def beside(path: Path) -> bytes:
    """What is in every file of indexes of vectors."""
    return b"".join(found.read_bytes() for found in path.parent.glob(path.name + "-vectors*"))


def file_of(path: Path) -> Path:
    return path.with_name(path.name + "-vectors")


def vector_of(memory: Memory, number: int) -> bytes:
    """The bytes of a memory's vector, as an index has them."""
    with memory._space.store.reading() as reader:
        stored = reader.vectors_of([number])
    return stored.values[0].tobytes()


def hits(memory: Memory, query: str, **more: object) -> list[str]:
    return [hit.text for hit in memory.recall(query, limit=10, **more)]


def every_row(memory: Memory, query: str, **more: object) -> list[str]:
    """What the space answers without an index."""
    index = memory._space.index
    near, index._near = index._near, None
    find, index._find_indexes = index._find_indexes, None
    try:
        return hits(memory, query, **more)
    finally:
        index._near, index._find_indexes = near, find


def number_of(memory: Memory, identity: str) -> int:
    from holdfast.model.ids import parse_id

    with memory._space.store.reading() as reader:
        held = reader.find(parse_id(identity))
    assert held is not None
    return held.n


def one(memory: Memory, number: int) -> str:
    """The id of a memory that was told."""
    return next(hit.id for hit in memory.recall(said(number), limit=3) if hit.text == said(number))


def test_a_large_space_answers_with_its_index_as_without(large: Memory, path: Path) -> None:
    assert file_of(path).exists()
    assert large._space.index.vectors.entries == COUNT
    for number in range(0, COUNT, 13):
        assert hits(large, said(number)) == every_row(large, said(number))
        where = {"session": [f"s{number // 20 * 20}", "s0", "s40"]}
        assert hits(large, "herons", where=where) == every_row(large, "herons", where=where)


def test_a_small_space_has_none(opened: Open, path: Path) -> None:
    memory = opened(path, embedder=MODEL)
    memory.session("s").add_many(Turn(speaker="Ada", text=said(number)) for number in range(20))
    memory.settle()
    memory.recall("herons")
    assert memory._space.index.vectors is None
    assert not file_of(path).exists()


def test_what_comes_later_is_found_at_once_and_worked_in_when_it_is_much(large: Memory) -> None:
    near = large._space.index.vectors
    large.session("later").add("Ada", "A kingfisher took the silver spoon.")
    large.settle()
    assert hits(large, "A kingfisher took the silver spoon.")[0] == "A kingfisher took the silver spoon."
    assert near.entries == COUNT
    large.session("much later").add_many(Turn(speaker="Bo", text=said(number)) for number in range(1_000, 1_060))
    large.settle()
    large.recall("herons")
    wait(large)
    assert near.entries == COUNT + 61
    assert len(large._space.index._corpus.loose()) == 0


def test_forgetting_leaves_no_vector_in_the_file(large: Memory, path: Path) -> None:
    identity = one(large, 55)
    vector = vector_of(large, number_of(large, identity))
    assert vector in file_of(path).read_bytes()
    receipt = large.forget(identity)
    assert vector not in file_of(path).read_bytes()
    assert (receipt.index_vectors, receipt.pending) == (1, None)
    assert large.verify(receipt).holds
    assert said(55) not in hits(large, said(55))


def test_forgetting_reaches_a_file_that_this_process_never_read(opened: Open, large: Memory, path: Path) -> None:
    identity = one(large, 55)
    vector = vector_of(large, number_of(large, identity))
    large.close()
    memory = opened(path)
    receipt = memory.forget(identity)
    assert receipt.index_vectors == 1
    assert vector not in file_of(path).read_bytes()


def test_a_vector_that_an_earlier_forget_did_not_come_to_is_told_and_then_erased(
    opened: Open, large: Memory, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity = one(large, 55)
    vector = vector_of(large, number_of(large, identity))
    large.close()
    memory = opened(path)
    with monkeypatch.context() as died:
        died.setattr(live_index.LiveIndex, "scrub", lambda *_: 0)
        receipt = memory.forget(identity)
    assert vector in file_of(path).read_bytes()
    assert any("index of vectors" in problem for problem in memory.verify(receipt).problems)
    memory.forget(identity)
    assert vector not in file_of(path).read_bytes()
    assert memory.verify(receipt).holds


def test_an_index_that_is_read_loses_what_is_gone_from_the_space(
    opened: Open, large: Memory, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity = one(large, 55)
    vector = vector_of(large, number_of(large, identity))
    large.close()
    memory = opened(path)
    with monkeypatch.context() as died:
        died.setattr(live_index.LiveIndex, "scrub", lambda *_: 0)
        memory.forget(identity)
    memory.close()
    again = opened(path, embedder=MODEL)
    again.recall("herons")
    assert again._space.index.vectors.entries == COUNT - 1
    assert vector not in file_of(path).read_bytes()


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])
def test_what_is_forgotten_while_an_index_is_built_is_not_in_it(
    opened: Open, path: Path, monkeypatch: pytest.MonkeyPatch, key: bytes | None
) -> None:
    memory = filled(opened(path, embedder=MODEL, key=key))
    taken = list[bytes]()
    finish = usearch._Building.finish

    def forgotten_after(self: usearch._Building) -> object:
        made = finish(self)  # what is forgotten from here on was added, and is in the finished file
        if not taken:
            identity = one(memory, 55)
            taken.append(vector_of(memory, number_of(memory, identity)))
            assert key or taken[0] in beside(path)
            assert memory.forget(identity).pending is None
            assert taken[0] not in beside(path)
        return made

    monkeypatch.setattr(usearch._Building, "finish", forgotten_after)
    memory.recall("herons")
    ended(memory)
    assert taken
    assert key or "FileNotFoundError" in memory._space.index.vectors.failure
    indexed(memory)
    assert taken[0] not in beside(path)
    held, codes = memory._space.index.vectors._index.held(0, COUNT)
    assert not any(code.tobytes() == taken[0] for code in codes)
    assert np.count_nonzero(held) == COUNT - 1


def test_what_another_process_forgets_while_an_index_is_built_is_not_in_it(
    opened: Open, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory, other = filled(opened(path, embedder=MODEL)), opened(path)
    identity = one(memory, 55)
    ended(memory)
    memory._space.index.drop()
    file_of(path).unlink()
    vector = vector_of(memory, number_of(memory, identity))
    finish = usearch._Building.finish

    def forgotten_before(self: usearch._Building) -> object:
        other.forget(identity)  # before there is a file, so that nobody finds one to erase from
        return finish(self)

    with monkeypatch.context() as patch:
        patch.setattr(usearch._Building, "finish", forgotten_before)
        indexed(memory)
    assert memory._space.index.vectors.entries == COUNT - 1
    assert vector not in beside(path)


def test_what_another_process_forgets_goes_from_the_index_in_use(opened: Open, large: Memory, path: Path) -> None:
    identity = one(large, 55)
    vector = vector_of(large, number_of(large, identity))
    # An older file that only this process still has open.
    kept = path.with_name("kept")
    shutil.copyfile(file_of(path), kept)
    file_of(path).unlink()
    other = opened(path)
    other.forget(identity)
    large.recall("herons")
    held, codes = large._space.index.vectors._index.held(0, COUNT)
    assert not any(code.tobytes() == vector for code in codes)
    assert np.count_nonzero(held) == COUNT - 1


def test_a_file_that_cannot_be_written_is_told(large: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    identity = one(large, 55)

    def fail(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("holdfast.adapters.vectors.usearch.UsearchIndex.erase", fail)
    receipt = large.forget(identity)
    assert receipt.index_vectors == 0
    assert "index of vectors beside the space could not be written (No space left on device)" in (receipt.pending or "")
    assert said(55) not in hits(large, said(55))


def test_a_forget_that_comes_with_a_journal_reaches_the_file(opened: Open, large: Memory, path: Path) -> None:
    identity = one(large, 55)
    vector = vector_of(large, number_of(large, identity))
    other = opened(path.with_name("other.db"))
    other.storage.merge(list(large.storage.journal()))
    other.forget(identity)
    large.close()
    memory = opened(path)
    memory.storage.merge(list(other.storage.journal()))
    assert vector not in file_of(path).read_bytes()


def test_a_superseded_memory_is_not_found_by_its_old_vector(large: Memory) -> None:
    identity = one(large, 55)
    large.correct(identity, "An owl sat on the chimney.")
    large.settle()
    assert said(55) not in hits(large, said(55))
    assert hits(large, "An owl sat on the chimney.")[0] == "An owl sat on the chimney."


@pytest.mark.parametrize("hurt", ["cut off", "another space's", "stale", "gone", "garbage"])
def test_a_file_that_is_wrong_costs_time_and_never_an_answer(
    opened: Open, large: Memory, path: Path, tmp_path: Path, hurt: str
) -> None:
    expected = {number: hits(large, said(number)) for number in range(0, COUNT, 37)}
    large.close()
    file = file_of(path)
    if hurt == "cut off":
        file.write_bytes(file.read_bytes()[:-5])
    elif hurt == "garbage":
        file.write_bytes(b"\x00" * 10_000)
    elif hurt == "gone":
        file.unlink()
    elif hurt == "another space's":
        indexed(filled(opened(tmp_path / "other.db", embedder=MODEL))).close()
        shutil.copyfile(file_of(tmp_path / "other.db"), file)
    else:  # vectors that belong to other memories than the numbers say
        whole = bytearray(file.read_bytes())
        width = MODEL.dimensions
        whole[8 : 8 + 100 * width] = whole[8 + width : 8 + 100 * width] + whole[8 : 8 + width]
        file.write_bytes(whole)
    memory = opened(path, embedder=MODEL)
    for number, before in expected.items():
        assert hits(memory, said(number)) == before
    wait(memory)
    for number, before in expected.items():
        assert hits(memory, said(number)) == before


def test_an_encrypted_space_writes_no_index_and_has_one_in_memory(opened: Open, path: Path) -> None:
    memory = indexed(filled(opened(path, embedder=MODEL, key=KEY)))
    assert memory._space.index.vectors.entries == COUNT
    assert not file_of(path).exists()
    identity = one(memory, 55)
    assert memory.forget(identity).index_vectors == 1
    assert said(55) not in hits(memory, said(55))


def test_encrypting_a_space_removes_its_index(large: Memory, path: Path) -> None:
    twin = path.with_name("twin")
    twin.hardlink_to(file_of(path))
    large.storage.encrypt(KEY)
    assert not file_of(path).exists()
    assert not any(twin.read_bytes())
    indexed(large)
    assert large._space.index.vectors.entries == COUNT
    assert not file_of(path).exists()


def test_encrypting_a_space_waits_for_no_recall_that_waits_for_it(
    large: Memory, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, recalling = large._space.store, threading.Event()
    alone, reading = store.alone, store.reading
    found = list[str]()
    thread = threading.Thread(target=lambda: found.extend(hits(large, said(55))), daemon=True)

    def told() -> object:
        if threading.current_thread() is thread:
            recalling.set()
        return reading()

    @contextmanager
    def with_a_recall() -> Iterator[object]:
        with alone() as connection:
            thread.start()
            assert recalling.wait(30)
            yield connection

    monkeypatch.setattr(store, "reading", told)
    monkeypatch.setattr(store, "alone", with_a_recall)
    encrypting = threading.Thread(target=lambda: large.storage.encrypt(KEY), daemon=True)
    encrypting.start()
    encrypting.join(30)
    assert not encrypting.is_alive(), "the recall has the index and waits for the space, the change the other way round"
    thread.join(30)
    assert found[0] == said(55)
    assert beside(path) == b""


def test_an_index_that_is_built_while_the_space_is_encrypted_is_not_kept(
    opened: Open, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = filled(opened(path, embedder=MODEL))
    finish = usearch._Building.finish
    finishing, encrypted = threading.Event(), threading.Event()

    def slowly(self: usearch._Building) -> object:
        finishing.set()
        assert encrypted.wait(30)
        return finish(self)

    monkeypatch.setattr(near_index, "CLOSE_S", 0.0)  # it goes on after nobody waits for it any more
    with monkeypatch.context() as patch:
        patch.setattr(usearch._Building, "finish", slowly)
        memory.recall("herons")
        near = memory._space.index.vectors
        work = near._work
        assert finishing.wait(30)
        memory.storage.encrypt(KEY)
        near._of = work.corpus, work.stamp  # as a recall that was under way leaves it
        encrypted.set()
        work.thread.join(30)
    assert beside(path) == b""
    indexed(memory)
    assert (memory._space.index.vectors.entries, beside(path)) == (COUNT, b"")


def test_forgetting_in_an_encrypted_space_reaches_a_file_that_was_left_beside_it(
    opened: Open, large: Memory, path: Path
) -> None:
    left = file_of(path).read_bytes()
    large.storage.encrypt(KEY)
    receipt = large.forget(one(large, 55))
    assert large.verify(receipt).holds
    file_of(path).write_bytes(left)
    assert any("index of vectors" in problem for problem in large.verify(receipt).problems)
    assert large.forget(one(large, 56)).index_vectors >= 1
    assert beside(path) == b""
    assert large.verify(receipt).holds


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])
@pytest.mark.parametrize("there", [True, False], ids=["replaced", "only a leftover"])
def test_a_restored_space_has_no_vector_of_the_one_before_beside_it(
    opened: Open, large: Memory, path: Path, key: bytes | None, there: bool
) -> None:
    backup = path.with_name("space.backup")
    if key:
        twin = path.with_name("twin.db")
        large.storage.backup(backup)
        restore(backup, twin)
        backup.unlink()
        with opened(twin) as other:
            other.storage.encrypt(key)
            other.storage.backup(backup)
    else:
        large.storage.backup(backup)
    large.close()
    if not there:
        for name in ("", "-wal", "-shm"):
            path.with_name(path.name + name).unlink(missing_ok=True)
    path.with_name(path.name + "-vectors.7-aa.new").write_bytes(b"half of one")
    held = path.with_name("held")
    held.hardlink_to(file_of(path))
    restore(backup, path, replace=there, key=key)
    assert beside(path) == b""
    assert not any(held.read_bytes())
    memory = opened(path, embedder=MODEL, key=key)
    assert hits(memory, said(55))[0] == said(55)


def test_what_cannot_be_taken_away_beside_a_space_leaves_it_as_it_is(opened: Open, large: Memory, path: Path) -> None:
    backup = path.with_name("space.backup")
    large.storage.backup(backup)
    large.forget(one(large, 55))
    large.close()
    file_of(path).unlink()
    file_of(path).mkdir()
    with pytest.raises(StoreError, match="that file and try again"):
        restore(backup, path, replace=True)
    file_of(path).rmdir()
    memory = opened(path, embedder=MODEL)
    assert said(56) in hits(memory, said(56))
    assert said(55) not in hits(memory, said(55))


@pytest.mark.parametrize("failure", [PermissionError(13, "Permission denied"), ImportError("no symbol")], ids=repr)
def test_an_index_that_cannot_be_read_is_told_and_answers_go_on(
    opened: Open, large: Memory, path: Path, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    expected = {number: hits(large, said(number)) for number in range(0, COUNT, 37)}
    receipt = large.forget(one(large, 200))
    large.close()
    whole = file_of(path).read_bytes()

    def fail(*_: object, **__: object) -> None:
        raise failure

    monkeypatch.setattr(usearch, "_opened" if isinstance(failure, OSError) else "_empty_graph", fail)
    memory = opened(path, embedder=MODEL)
    for number, before in expected.items():
        found = hits(memory, said(number))
        assert [hit for hit in before if hit != said(200)] == [hit for hit in found if hit in before]
    near = memory._space.index.vectors
    assert "cannot be read" in near.failure
    assert not near.is_building
    problems = memory.verify(receipt).problems
    assert problems == () if isinstance(failure, ImportError) else "cannot be read" in problems[0]
    assert file_of(path).read_bytes() == whole


def test_a_space_that_is_only_read_reads_the_index_once_and_leaves_out_what_is_gone(
    opened: Open, large: Memory, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as died:
        died.setattr(live_index.LiveIndex, "scrub", lambda *_: 0)
        large.forget(one(large, 55))
    large.close()
    whole, read, times = file_of(path).read_bytes(), usearch.UsearchIndexes.read, list[int]()

    def counted(self: usearch.UsearchIndexes, *given: object) -> object:
        times.append(1)
        return read(self, *given)

    monkeypatch.setattr(usearch.UsearchIndexes, "read", counted)
    memory = opened(path, embedder=MODEL, read_only=True)
    for number in range(0, COUNT, 37):
        assert hits(memory, said(number)) == every_row(memory, said(number))
    near = memory._space.index.vectors
    assert (len(times), near.entries, near.failure) == (1, COUNT - 1, None)
    assert file_of(path).read_bytes() == whole


def test_a_vector_that_is_not_the_one_of_the_space_is_overwritten(opened: Open, large: Memory, path: Path) -> None:
    large.close()
    whole, width, old = bytearray(file_of(path).read_bytes()), MODEL.dimensions, bytes(range(1, 33))
    whole[8 + 50 * width : 8 + 51 * width] = old
    file_of(path).write_bytes(whole)
    memory = opened(path, embedder=MODEL)
    memory.recall("herons")
    assert memory._space.index.vectors.entries == COUNT - 1
    assert old not in file_of(path).read_bytes()


def test_no_name_of_an_author_outlives_a_forget_in_what_recalls_know(opened: Open, path: Path) -> None:
    memory = opened(path, embedder=None)
    (only,) = memory.session("s").add_many([Turn(speaker="Zyxwvuta", text="A single remark on tulips.")])
    memory.recall("tulips")
    memory.forget(only.id)
    of, _ = memory._space.recalling._spoken
    kept = of if of is None or not callable(of) else of()
    assert "Zyxwvuta" not in (kept.authors if kept else ())


def test_without_usearch_every_vector_is_measured(opened: Open, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfast.adapters.vectors.usearch.is_installed", lambda: False)
    memory = filled(opened(path, embedder=MODEL))
    for number in range(0, COUNT, 37):
        assert hits(memory, said(number))[0] == said(number)
    assert not memory._space.index.vectors.is_building
    assert not file_of(path).exists()


def test_a_building_that_fails_is_told_and_answers_go_on(
    opened: Open, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("holdfast.adapters.vectors.usearch._Building.finish", fail)
    memory = filled(opened(path, embedder=MODEL))
    memory.recall("herons")
    for _ in range(2_000):
        if not memory._space.index.vectors.is_building:
            break
        time.sleep(0.005)
    assert "No space left on device" in memory._space.index.vectors.failure
    assert hits(memory, said(55))[0] == said(55)


def test_closing_ends_a_building(opened: Open, path: Path) -> None:
    memory = filled(opened(path, embedder=MODEL))
    memory.recall("herons")
    memory.close()
    assert memory._space.index.vectors is None or not memory._space.index.vectors.is_building


def test_an_index_asked_for_the_vectors_it_has_names_their_memories(large: Memory) -> None:
    near = large._space.index.near()
    with large._space.store.reading() as reader:
        stored = reader.vectors(0)
    for place in range(0, COUNT, 29):
        vector = (stored.values[place] * stored.scales[place]).astype(np.float32)
        assert near(vector, 5)[0] == stored.ns[place]
