"""Who was given which memory: counted exactly, beside everything else, and never in the way."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from holdfast import Access, Memory, Reads
from holdfast.adapters.sqlite.connection import blocks, connect
from holdfast.adapters.sqlite.store import SqliteStore
from holdfast.errors import StoreBusy, StoreFull
from holdfast.house import Holdfast
from holdfast.model.insight import MOST_PRINCIPALS, OTHERS
from holdfast.ports.store import Uses
from holdfast.services import touches as touches_module
from holdfast.services.touches import TouchBook
from tests.services.conftest import START_MS
from tests.services.scenes import state_of

WAIT_S = 30
"""How long a test waits for another thread, at most."""


def counts(memory: Memory, record_id: str) -> dict[str, int]:
    """Times each principal was given a memory; asking is one more, which it does not yet tell."""
    return {reads.principal: reads.count for reads in memory.history(record_id).reads}


def rows(path: Path, table: str) -> list[tuple]:
    """What is in the file, whoever counts."""
    connection = connect(str(path), writable=False)
    try:
        return connection.execute(f"SELECT * FROM {table}").fetchall()
    finally:
        connection.close()


def bytes_of(path: Path) -> bytes:
    """The file and its log, read so that no lock of an open space is dropped."""
    files = (path, path.with_name(path.name + "-wal"))
    return b"".join(block for file in files if file.exists() for block in blocks(file, 1 << 20))


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written in the background within a test."""
    monkeypatch.setattr(touches_module, "WINDOW_S", 3_600.0)


# What counts


def test_hits_and_look_ups_count_per_memory_and_principal(memory, clock):
    tea, cello = memory.remember("Ada drinks tea."), memory.remember("Ben plays the cello.")
    memory.recall("tea", limit=1)
    clock.advance(1_000)
    memory.recall("tea or the cello")
    memory.get(tea.id)
    clock.advance(1_000)
    assert memory.why(tea.id).reads == (Reads("owner", 3, START_MS, START_MS + 1_000),)
    assert memory.history(cello.id).reads == (Reads("owner", 1, START_MS + 1_000, START_MS + 1_000),)
    # History and why give the words out too.
    assert memory.why(tea.id).reads[0].count == 4
    assert memory.history(cello.id).reads[0].count == 2


def test_only_what_fits_the_budget_was_given(memory):
    # One sentence each, of words of its own, so that nothing is left out of it to make it fit.
    kinds = ("tea", "cake", "plums")
    ids = [memory.remember(f"Ada likes {what} " + " ".join(f"{what}{n}" for n in range(60))).id for what in kinds]
    found = memory.recall("what does Ada like?", budget_tokens=300)
    assert 0 < len(found) < 3
    assert sorted(map(bool, (counts(memory, one) for one in ids))) == sorted(
        one in {h.id for h in found} for one in ids
    )


def test_lists_exports_and_previews_count_in_bulk_and_writes_by_memory(memory):
    chat = memory.session("chat-1")
    chat.add("user", "I live in Lisbon.")
    one = memory.remember("Ada lives in Lisbon.")
    list(memory.records())
    list(memory.export())
    chat.turns()
    memory.preview_forget(one.id)
    new = memory.correct(one.id, "Ada lives in Porto.")
    memory.revise(new.id, importance=0.9)
    memory.forget(new.id)
    (access,) = memory.summary().accesses
    assert (access.principal, access.reads, access.listed, access.writes) == ("owner", 0, 2 + 2 + 1 + 1, 5)


def test_a_retry_writes_nothing_and_a_forget_by_question_reads_nothing(memory):
    for _ in range(2):
        memory.remember("Ada drinks tea.", key="k")
    receipt = memory.forget(query="tea", limit=1, confirm=memory.preview_forget(query="tea", limit=1).token)
    assert len(receipt.forgotten) == 1
    (access,) = memory.summary().accesses
    assert (access.reads, access.listed, access.writes) == (0, 1, 2)


def test_a_read_is_no_event_and_no_version(memory):
    record = memory.remember("Ada drinks tea.")
    before = state_of(memory)
    memory.recall("tea")
    memory._space.touches.book.flush()
    assert (state_of(memory), memory.get(record.id).version) == (before, 1)


def test_principals_of_a_house_are_told_apart(tmp_path, clock):
    with Holdfast.open(tmp_path / "house", embedder=None, clock=clock) as house:
        house.create("acme")
        for name, right in (("ann", "write"), ("bo", "read")):
            house.grant(name, "acme", right)
        record = house.space("acme", as_="ann").remember("The launch is on Monday.")
        for name in ("bo", "bo", "ann"):
            house.space("acme", as_=name).recall("launch")
        house.recall("launch", as_="bo")
        owner = house.space("acme")
        assert counts(owner, record.id) == {"bo": 3, "ann": 1}
        told = {access.principal: (access.reads, access.writes) for access in owner.summary().accesses}
        assert told == {"bo": (3, 0), "ann": (1, 1), "owner": (1, 0)}
    with Holdfast.open(tmp_path / "house", embedder=None, clock=clock) as house:
        assert counts(house.space("acme"), record.id) == {"bo": 3, "ann": 1, "owner": 1}


# Where nothing counts


def test_switched_off_nothing_is_counted(opened, path):
    memory = opened(path, touches=False)
    record = memory.remember("Ada drinks tea.")
    memory.recall("tea")
    assert (counts(memory, record.id), memory.summary().accesses) == ({}, ())
    memory.close()
    assert [rows(path, table) for table in ("touch", "access", "visitor")] == [[], [], []]


def test_a_read_only_opening_writes_nothing_and_neither_does_the_past(opened, path):
    memory = opened(path)
    record = memory.remember("Ada drinks tea.")
    memory.close()
    before = bytes_of(path)
    reader = opened(path, read_only=True)
    reader.recall("tea")
    reader.get(record.id)
    assert counts(reader, record.id) == {}
    past = reader.at(seq=1)
    past.recall("tea")
    past.close()
    reader.close()
    assert bytes_of(path) == before


# When they are written


def test_they_are_written_in_the_background(opened, path, monkeypatch):
    monkeypatch.setattr(touches_module, "WINDOW_S", 0.001)
    memory = opened(path)
    record = memory.remember("Ada drinks tea.")
    memory.close()
    written = threading.Event()
    add_uses = SqliteStore.add_uses

    def told(store: SqliteStore, uses: Uses) -> None:
        add_uses(store, uses)
        written.set()

    monkeypatch.setattr(SqliteStore, "add_uses", told)
    memory = opened(path)
    memory.get(record.id)
    assert written.wait(WAIT_S)
    assert [row[3] for row in rows(path, "touch")] == [1]


@pytest.mark.usefixtures("slow")
def test_they_go_along_with_the_next_write(opened, path):
    memory = opened(path)
    record = memory.remember("Ada drinks tea.")
    memory.recall("tea")
    assert rows(path, "touch") == []
    memory.remember("Ada likes cake.")
    assert [row[3] for row in rows(path, "touch")] == [1]
    assert counts(memory, record.id) == {"owner": 1}


@pytest.mark.usefixtures("slow")
def test_a_write_that_fails_loses_none(memory):
    record = memory.remember("Ada drinks tea.")
    memory.get(record.id)
    with pytest.raises(ValueError, match="says the same"):
        memory.correct(record.id, "Ada drinks tea!")
    assert counts(memory, record.id) == {"owner": 1}


@pytest.mark.usefixtures("slow")
def test_they_are_written_at_close_and_survive_a_rebuild(opened, path):
    memory = opened(path)
    record = memory.remember("Ada drinks tea.")
    for _ in range(3):
        memory.recall("tea")
    memory.close()
    again = opened(path)
    digest = again.storage.digest()
    assert counts(again, record.id) == {"owner": 3}
    assert again.storage.rebuild() == digest
    assert counts(again, record.id) == {"owner": 4}
    assert again.check() == []


def test_closing_finds_the_thread_wherever_it_is(opened, monkeypatch):
    monkeypatch.setattr(touches_module, "WINDOW_S", 0.0)
    monkeypatch.setattr(touches_module, "CLOSE_S", 3_600.0)
    for number in range(100):
        memory = opened()
        record = memory.remember("Ada drinks tea.")
        for _ in range(number % 7 + 1):
            memory.get(record.id)
        closing = threading.Thread(target=memory.close, daemon=True)
        closing.start()
        closing.join(WAIT_S)
        assert not closing.is_alive(), "closing waits for a thread that nobody wakes"


def test_no_recall_waits_for_them(opened, path, monkeypatch):
    monkeypatch.setattr(touches_module, "WINDOW_S", 0.001)
    memory = opened(path)
    memory.remember("Ada drinks tea.")
    begun, free = threading.Event(), threading.Event()

    def stuck(store: SqliteStore, uses: Uses) -> None:
        begun.set()
        assert free.wait(WAIT_S)
        raise StoreBusy

    monkeypatch.setattr(SqliteStore, "add_uses", stuck)
    memory.recall("tea")
    assert begun.wait(WAIT_S)
    for _ in range(3):
        assert memory.recall("tea").hits
    free.set()


@pytest.mark.usefixtures("slow")
def test_what_cannot_be_written_waits_and_is_not_counted_twice(opened, path, monkeypatch):
    memory = opened(path)
    record = memory.remember("Ada drinks tea.")
    book: TouchBook = memory._space.touches.book

    def full(store: SqliteStore, uses: Uses) -> None:
        raise StoreFull

    with monkeypatch.context() as patched:
        patched.setattr(SqliteStore, "add_uses", full)
        for _ in range(3):
            memory.get(record.id)
            with pytest.raises(StoreFull):
                book.flush()
    book.flush()
    assert [row[3] for row in rows(path, "touch")] == [3]
    assert counts(memory, record.id) == {"owner": 3}


@pytest.mark.usefixtures("slow")
def test_what_waits_is_bounded(opened, monkeypatch):
    monkeypatch.setattr(touches_module, "MOST_PENDING", 10)
    memory = opened()
    book: TouchBook = memory._space.touches.book
    for n in range(1, 50):
        book.note("ann", (n,))
    for number in range(MOST_PRINCIPALS + 50):
        book.note(f"p{number}", listed=1)
    waiting = book.pending()
    assert len(waiting.touches) == 10
    assert len(waiting.accesses) == MOST_PRINCIPALS + 1
    assert {access.principal: access.listed for access in waiting.accesses}[OTHERS] == 51


# Forgetting


@pytest.mark.usefixtures("slow")
def test_a_forgotten_memory_leaves_no_touch_and_no_bytes_of_one(opened, path, clock):
    memory = opened(path)
    kept, gone = memory.remember("Ada drinks tea."), memory.remember("The code is 7306.")
    clock.advance(10_000)
    memory.get(kept.id)
    clock.advance(12_345)
    when = clock.now.to_bytes(6, "big")
    memory.get(gone.id)
    clock.advance(10_000)
    memory.get(kept.id)
    memory._space.touches.book.flush()
    assert when in bytes_of(path), "the scan would not see it"
    memory.forget(gone.id)
    assert memory.history(gone.id).reads == memory.why(gone.id).reads == ()
    assert when not in bytes_of(path)
    assert len(rows(path, "touch")) == 1


@pytest.mark.usefixtures("slow")
def test_what_waits_for_a_forgotten_memory_is_never_written(opened, path):
    one, other = opened(path), opened(path, as_="other")
    record = one.remember("The code is 7306.")
    other.get(record.id)
    one.forget(record.id)
    assert other.history(record.id).reads == ()
    other.close()
    assert rows(path, "touch") == []
    assert {access.principal for access in one.summary().accesses} == {"owner", "other"}


# At once


def test_threads_add_up_exactly(opened, path):
    memory = opened(path)
    record = memory.remember("Ada drinks tea.")

    def read() -> None:
        for number in range(40):
            memory.get(record.id)
            if number % 10 == 0:
                memory._space.touches.book.flush()

    threads = [threading.Thread(target=read) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    memory.close()
    assert [row[3] for row in rows(path, "touch")] == [240]


READER = """
import sys
from holdfast import Memory
from holdfast.services import touches
touches.WINDOW_S = float(sys.argv[4])
with Memory.open(sys.argv[1], embedder=None, as_=sys.argv[2]) as memory:
    ids = [record.id for record in memory.records()]
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(int(sys.argv[3])):
        for one in ids:
            memory.get(one)
        print(number + 1, flush=True)
"""


def reader(path: Path, name: str, count: int, window_s: float) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", READER, str(path), name, str(count), str(window_s)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    return process


def test_processes_add_up_exactly(opened, path):
    memory = opened(path)
    ids = [memory.remember(f"Fact {number}.").id for number in range(5)]
    memory.close()
    readers = [reader(path, name, 60, 0.01) for name in ("ann", "ann", "bo")]
    for process in readers:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in readers:
        process.communicate(timeout=120)
        assert process.returncode == 0
    again = opened(path)
    assert [counts(again, one) for one in ids] == [{"ann": 120, "bo": 60}] * 5
    told = {access.principal: access.reads for access in again.summary().accesses}
    assert (told["ann"], told["bo"]) == (600, 300)


@pytest.mark.parametrize("seed", range(4))
def test_a_crash_loses_the_last_of_them_and_harms_nothing(opened, path, seed):
    memory = opened(path)
    ids = [memory.remember(f"Fact {number}.").id for number in range(5)]
    memory.close()
    process = reader(path, "ann", 1_000_000, 0.001)
    assert process.stdin
    assert process.stdout
    process.stdin.write("go\n")
    process.stdin.flush()
    stop = random.Random(seed).randrange(20, 200)
    while int(process.stdout.readline()) < stop:
        pass
    process.send_signal(signal.SIGKILL)
    whole = process.stdout.read().split("\n")[:-1]  # the last line may be cut short
    process.wait(WAIT_S)
    process.stdin.close()
    process.stdout.close()
    done = int(whole[-1]) if whole else stop
    again = opened(path)
    assert again.check() == []
    found = [counts(again, one).get("ann", 0) for one in ids]
    assert all(0 <= count <= done + 1 for count in found), f"seed {seed}: {found} of {done}"


def test_two_accounts_of_one_principal_are_one():
    one, other = Access("ann", 1, 2, 3, 10, 20), Access("ann", 4, 5, 6, 5, 15)
    assert touches_module.both(one, other) == touches_module.both(other, one) == Access("ann", 5, 7, 9, 5, 20)
    first, second = Reads("ann", 1, 10, 20), Reads("ann", 2, 5, 15)
    assert touches_module.added(first, second) == Reads("ann", 3, 5, 20)


def test_a_program_that_ends_without_closing_has_written_them(opened, path):
    memory = opened(path)
    record = memory.remember("Ada drinks tea.")
    memory.close()
    program = (
        "import sys; from holdfast import Memory; "
        "memory = Memory.open(sys.argv[1], embedder=None, as_='ann'); memory.recall('tea')"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program, str(path)], check=True, timeout=120)
    assert counts(opened(path), record.id) == {"ann": 1}


def test_what_is_given_of_a_subject_or_as_a_journal_counts_as_listed(memory, clock, tmp_path):
    memory.remember("Ada sails.", subject="Ada")
    memory.remember("Ben runs.")
    memory.forget(memory.remember("Ada rows.", subject="Ada").id)

    def listed() -> int:
        (access,) = memory.summary().accesses
        return access.listed

    before = listed()
    assert len(list(memory.export(about="Ada"))) == 2
    assert listed() == before + 1
    memory.storage.export_markdown(tmp_path / "ada", about="Ada")
    assert listed() == before + 2
    list(memory.storage.journal())
    assert listed() == before + 4, "what was forgotten is in it without its words"
