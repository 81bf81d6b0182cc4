"""Group commit: callers share a transaction and a sync, and nothing else."""

from __future__ import annotations

import fcntl
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from holdfast.adapters.sqlite import group as group_module
from holdfast.adapters.sqlite.group import MOST_PER_COMMIT, GroupCommit
from holdfast.core import decide
from holdfast.core.proof import chain_problems
from holdfast.errors import StoreFull
from holdfast.model.records import Content, Kind
from holdfast.ports.store import Commit
from holdfast.testing.store_desk import Desk, PlannedFailure, readable
from tests.adapters.sqlite.desks import desk_at


@pytest.fixture(autouse=True)
def _told_or_never(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits is told: the look that a waiting caller takes by itself comes too late for any test."""
    monkeypatch.setattr(group_module, "LOOK_S", 45.0)


class Counted(deque[Any]):
    """A queue that tells how many have come."""

    def __init__(self) -> None:
        super().__init__()
        self.arrived = threading.Semaphore(0)

    def append(self, item: Any) -> None:
        super().append(item)
        self.arrived.release()


def together(group: GroupCommit, leading: Callable[[], Any], following: list[Callable[[], Any]]) -> list[Future[Any]]:
    """Let callers wait until all of them do, and then begin; gives what became of somebody apart, and of each."""
    group._queue = queue = Counted()
    with ThreadPoolExecutor(len(following) + 1) as pool:
        with group.idle():
            done = [pool.submit(work) for work in following]
            for _ in following:
                assert queue.arrived.acquire(timeout=30)
        return [pool.submit(leading), *done]


class Tape:
    """A transaction made of notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.open = False
        self.commit_fails: BaseException | None = None
        self.commit_interrupted: BaseException | None = None
        self.group = GroupCommit(
            begin=self.begin,
            commit=self.commit,
            rollback=self.rollback,
            savepoint=lambda: self.notes.append("savepoint"),
            release=lambda: self.notes.append("release"),
            undo=lambda: self.notes.append("undo"),
        )

    def begin(self) -> None:
        assert not self.open
        self.open = True
        self.notes.append("begin")

    def commit(self) -> None:
        if self.commit_fails:
            raise self.commit_fails
        self.open = False
        self.notes.append("commit")
        if self.commit_interrupted:
            error, self.commit_interrupted = self.commit_interrupted, None
            raise error

    def rollback(self) -> bool:
        was_open, self.open = self.open, False
        self.notes.append("rollback")
        return was_open


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = desk_at(tmp_path / "memory.db")
    yield desk
    desk.store.close()


def outcome(future: Future[Any]) -> Any:
    return future.exception() or future.result()


def test_callers_who_wait_share_one_transaction() -> None:
    tape = Tape()
    done = together(tape.group, lambda: "first", [lambda n=n: tape.group.run(lambda: n) for n in range(50)])
    assert [outcome(future) for future in done] == ["first", *range(50)]
    assert tape.notes.count("begin") == tape.notes.count("commit") == 1


def test_who_comes_while_the_leader_works_is_taken_in() -> None:
    tape = Tape()
    tape.group._queue = queue = Counted()
    inside = threading.Event()

    def hold() -> str:
        inside.set()
        for _ in range(1 + 20):  # his own, too
            assert queue.arrived.acquire(timeout=30)
        return "held"

    with ThreadPoolExecutor(21) as pool:
        first = pool.submit(tape.group.run, hold)
        assert inside.wait(60)
        others = [pool.submit(tape.group.run, lambda n=n: n) for n in range(20)]
        assert [outcome(future) for future in (first, *others)] == ["held", *range(20)]
    assert tape.notes.count("begin") == tape.notes.count("commit") == 1


class SlowTape(Tape):
    """Its commits take until they are let go."""

    def __init__(self) -> None:
        super().__init__()
        self.committing, self.go_on = threading.Semaphore(0), threading.Semaphore(0)
        self.group._queue = self.queue = Counted()

    def commit(self) -> None:
        super().commit()
        self.committing.release()
        assert self.go_on.acquire(timeout=30)


def test_who_is_done_does_not_wait_for_the_next_transaction() -> None:
    tape = SlowTape()
    with ThreadPoolExecutor(4) as pool:
        with tape.group.idle():
            done = [pool.submit(tape.group.run, lambda n=n: n) for n in range(3)]
            for _ in done:
                assert tape.queue.arrived.acquire(timeout=30)
        assert tape.committing.acquire(timeout=30)
        later = pool.submit(tape.group.run, lambda: "later")
        assert tape.queue.arrived.acquire(timeout=30)
        tape.go_on.release()
        assert tape.committing.acquire(timeout=30), "nobody leads those who came during the commit"
        assert [future.result(60) for future in done] == [0, 1, 2]
        assert not later.done()
        tape.go_on.release()
        assert later.result(60) == "later"


def test_who_keeps_the_writers_waiting_comes_before_those_who_wait_and_they_go_on_after() -> None:
    tape, order = SlowTape(), list[str]()

    def still() -> None:
        with tape.group.idle():
            order.append("still")

    with ThreadPoolExecutor(5) as pool:
        first = pool.submit(tape.group.run, lambda: None)
        assert tape.committing.acquire(timeout=30)
        wanting = pool.submit(still)
        while not tape.group.idle().wanted:
            assert not wanting.done()
        later = [pool.submit(tape.group.run, lambda n=n: order.append(f"writer {n}")) for n in range(3)]
        for _ in range(4):
            assert tape.queue.arrived.acquire(timeout=30)
        tape.go_on.release(4)
        assert [outcome(future) for future in (first, wanting, *later)] == [None] * 5
    assert order[0] == "still"
    assert sorted(order[1:]) == [f"writer {n}" for n in range(3)]


def test_nobody_begins_to_lead_while_somebody_is_about_to_keep_the_writers_waiting() -> None:
    tape, order = Tape(), list[str]()
    lead, at_the_door, writer_waits = tape.group._lead, threading.Event(), threading.Event()

    class Door:
        """Who comes in to keep the writers waiting is slow about it, until a writer has decided to wait."""

        def acquire(self, blocking: bool = True) -> bool:
            if blocking:
                at_the_door.set()
                assert writer_waits.wait(30), "the writer did not wait"
            return lead.acquire(blocking)

        release, locked = lead.release, lead.locked

    class Told:
        def __init__(self, told: threading.Lock) -> None:
            self.release = told.release
            self._told = told

        def acquire(self, timeout: float) -> bool:
            writer_waits.set()
            return self._told.acquire(timeout=timeout)

    class Noticed(deque[Any]):
        def append(self, item: Any) -> None:
            item.told = Told(item.told)
            super().append(item)

    def still() -> None:
        with tape.group.idle():
            order.append("still")

    tape.group._lead = tape.group._idle._lead = Door()
    tape.group._queue = Noticed()
    with ThreadPoolExecutor(1) as pool:
        wanting = pool.submit(still)
        assert at_the_door.wait(30)
        tape.group.run(lambda: order.append("writer"))
        writer_waits.set()
        wanting.result(30)
    assert order == ["still", "writer"]


def test_a_transaction_takes_a_bounded_number_of_callers() -> None:
    tape = Tape()
    count = MOST_PER_COMMIT + 10
    done = together(tape.group, lambda: None, [lambda n=n: tape.group.run(lambda: n) for n in range(count)])
    assert [outcome(future) for future in done[1:]] == list(range(count))
    assert tape.notes.count("commit") == 2


def test_waiting_writers_share_one_durable_commit(desk: Desk) -> None:
    commits: list[int] = []
    desk.store._connection.set_commit_hook(lambda: bool(commits.append(1)))
    group = desk.store._group
    done = together(group, lambda: None, [lambda n=n: desk.fact(f"fact {n}") for n in range(40)])
    assert [future.exception() for future in done] == [None] * 41
    assert desk.read(lambda r: r.count()) == 40
    assert len(commits) == 1
    assert chain_problems(desk.read(lambda r: list(r.events(0, 100)))) == []


def test_one_caller_who_fails_costs_the_others_nothing(desk: Desk) -> None:
    def fail() -> None:
        def partly(view: Any, secret: bytes) -> Any:
            # It has decided something already when it fails.
            decide.take(
                view, decide.Take(Content(kind=Kind.FACT, text="x", valid_from=0), desk.ledger.new_id()), secret
            )
            raise PlannedFailure

        desk.ledger.write(partly)

    def write_and_fail() -> None:
        def work() -> None:
            desk.store._plain("INSERT INTO meta VALUES ('left over', x'00')")
            raise PlannedFailure

        desk.store._group.run(work)

    followers = [lambda: desk.fact("one"), fail, lambda: desk.fact("two"), write_and_fail, lambda: desk.fact("three")]
    _, one, failed, two, failed_late, three = together(desk.store._group, lambda: None, followers)
    assert isinstance(failed.exception(), PlannedFailure)
    assert isinstance(failed_late.exception(), PlannedFailure)
    held = desk.read(lambda r: {held.id for held in r.live(0, 10)})
    assert held == {one.result(), two.result(), three.result()}
    assert desk.store._connection.execute("SELECT count(*) FROM meta WHERE key = 'left over'").get == 0


def test_a_commit_that_fails_is_told_to_every_caller_and_undone() -> None:
    tape = Tape()
    failure = StoreFull()

    group = tape.group
    # The failing commit is set up inside the shared transaction, so that the leader's own is through.
    works = [lambda: group.run(lambda: setattr(tape, "commit_fails", failure)), *[lambda: group.run(lambda: 2)] * 9]
    done = together(group, lambda: None, works)
    assert [outcome(future) for future in done[1:]] == [failure] * 10
    assert tape.notes[-1] == "rollback"
    tape.commit_fails = None
    assert group.run(lambda: "again") == "again"


def test_a_full_disk_in_one_caller_is_told_to_all_in_our_words(desk: Desk) -> None:
    desk.fact("before")
    before = readable(desk)
    run = desk.store._connection.execute
    run(f"PRAGMA max_page_count={run('PRAGMA page_count').get}").fetchall()
    works: list[Callable[[], Any]] = [lambda n=n: desk.fact(f"small {n}") for n in range(4)]
    works.insert(2, lambda: desk.fact("big " * 20_000))
    done = together(desk.store._group, lambda: None, works)
    outcomes = [outcome(future) for future in done[1:]]
    assert all(isinstance(found, StoreFull) for found in outcomes), outcomes
    assert readable(desk) == before
    run("PRAGMA max_page_count=1000000").fetchall()
    desk.fact("after")


def lock_is_free(path: str) -> bool:
    """Whether somebody else could take the turn to write now."""
    descriptor = os.open(f"{path}-turn", os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_an_interrupt_in_a_decision_lets_go_of_everything(desk: Desk, error: type[BaseException]) -> None:
    desk.fact("before")
    before = readable(desk)

    def interrupted(_: Any) -> Commit[None]:
        raise error

    with pytest.raises(error):
        desk.store.commit(interrupted)
    assert not desk.store._connection.in_transaction
    assert not desk.store._group.idle().locked()
    assert lock_is_free(desk.store.path)
    assert readable(desk) == before
    desk.fact("after")


def test_callers_beside_an_interrupted_one_are_served() -> None:
    tape = Tape()
    once = iter([KeyboardInterrupt()])

    def interrupted() -> Any:
        def work() -> str:
            for error in once:  # only the first time: the interrupt has come and gone
                raise error
            return "late"

        return tape.group.run(work)

    works = [lambda: tape.group.run(lambda: "a"), interrupted, lambda: tape.group.run(lambda: "b")]
    _, first, _, third = done = together(tape.group, lambda: None, works)
    # The thread that led the transaction is interrupted, whoever's work it was doing.
    struck = [future for future in done if isinstance(future.exception(), KeyboardInterrupt)]
    assert len(struck) == 1
    assert {outcome(future) for future in (first, third) if future not in struck} <= {"a", "b"}
    assert not tape.open
    assert not tape.group.idle().locked()
    assert tape.group.run(lambda: "again") == "again"


def test_an_interrupt_just_after_the_commit_writes_nothing_twice() -> None:
    tape = Tape()
    ran: list[str] = []
    works = [lambda name=name: tape.group.run(lambda: ran.append(name) or name) for name in "abc"]
    works.append(lambda: tape.group.run(lambda: setattr(tape, "commit_interrupted", KeyboardInterrupt())))
    done = together(tape.group, lambda: None, works)
    struck = [future for future in done if isinstance(future.exception(), KeyboardInterrupt)]
    assert len(struck) == 1
    assert sorted(ran) == ["a", "b", "c"]
    assert {outcome(future) for future in done[1:4] if future not in struck} <= {"a", "b", "c"}


class Interrupting(Counted):
    """A queue in which an interrupt arrives as one of its items has just been looked at or has left it."""

    def __init__(self, at: int, *, left: bool) -> None:
        super().__init__()
        self.at, self.left, self.taken = at, left, 0

    def popleft(self) -> Any:
        self.taken += 1
        if self.taken == self.at and not self.left:
            raise KeyboardInterrupt
        item = super().popleft()
        if self.taken == self.at:
            raise KeyboardInterrupt
        return item


@pytest.mark.parametrize("left", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", [1, 2, 3])
def test_an_interrupt_while_callers_are_taken_in_loses_and_repeats_nobody(at: int, left: bool) -> None:
    tape, done = Tape(), list[int]()
    tape.group._queue = queue = Interrupting(at, left=left)
    with ThreadPoolExecutor(3) as pool:
        with tape.group.idle():
            others = [pool.submit(tape.group.run, lambda n=n: done.append(n)) for n in range(3)]
            for _ in others:
                assert queue.arrived.acquire(timeout=30)
        outcomes = [future.exception(timeout=30) for future in others]
    assert [type(error) for error in outcomes].count(KeyboardInterrupt) == 1
    served = sorted(done)
    assert len(served) == len(set(served)) == 2
    assert not tape.open
    assert not queue


def test_many_threads_write_at_once_and_nothing_is_lost(desk: Desk) -> None:
    with ThreadPoolExecutor(16) as pool:
        records = list(pool.map(lambda number: desk.fact(f"fact {number}"), range(400)))
    assert desk.read(lambda r: {held.id for held in r.live(0, 1_000)}) == set(records)
    events = desk.read(lambda r: list(r.events(0, 1_000)))
    assert [event.header.node_seq for event in events] == list(range(1, 401))
    assert chain_problems(events) == []
    assert desk.store.problems() == []
