"""Quotas: exact over threads and processes, told before anything is written, and never in the way of forgetting."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from holdfast import Turn
from holdfast.errors import InvalidField, NotAllowed, QuotaExceeded
from holdfast.house import Holdfast
from holdfast.model.access import Quota
from holdfast.services.quotas import LimitedStore
from tests.house.scenes import refused


def limited(house: Holdfast, **bounds: int):
    house.create("acme")
    house.limit("acme", Quota(**bounds))
    return house.space("acme")


def attempt(call) -> bool:
    try:
        call()
    except QuotaExceeded:
        return False
    return True


def test_memories_are_counted_exactly_whatever_takes_them_in(house):
    memory = limited(house, memories=4)
    first = memory.remember("One.", key="one")
    memory.session("s").add("user", "Two.")
    with refused(QuotaExceeded, "2 of at most 4 memories", "Nothing of this write was kept"):
        memory.session("s").add_many([Turn(speaker="user", text=f"Batch {n}.") for n in range(3)])
    assert memory.summary().live == 2, "a batch is taken whole or not at all"
    memory.session("s").add_many([Turn(speaker="user", text=f"Batch {n}.") for n in range(2)])
    for call in (lambda: memory.remember("Five."), lambda: memory.import_(["{}"], skip_errors=True)):
        with pytest.raises((QuotaExceeded, ValueError)):
            call()
    assert memory.remember("One.", key="one").id == first.id, "a retry takes nothing in"
    corrected = memory.correct(first.id, "One, rather.")
    memory.revise(corrected.id, importance=0.9)
    assert memory.summary().live == 4
    with refused(QuotaExceeded):
        memory.remember("Five.")
    memory.forget(corrected.id)
    memory.remember("Five.")
    with refused(QuotaExceeded):
        memory.remember("Six.")
    house.limit("acme", Quota(memories=5))
    memory.remember("Six.")
    house.limit("acme", Quota())
    for number in range(5):
        memory.remember(f"Free {number}.")


def test_an_import_stops_at_the_quota_and_keeps_what_came_before(house):
    memory = limited(house, memories=3)
    lines = [f'{{"conversation": "c{n}", "entries": [{{"author": "A", "text": "Said {n}."}}]}}' for n in range(6)]
    with refused(QuotaExceeded, "3 of at most 3"):
        memory.import_(lines, skip_errors=True)
    assert memory.summary().live == 3


def test_memories_are_exact_under_threads(house):
    memory = limited(house, memories=50)

    def write(thread: int) -> int:
        return sum(attempt(lambda n=n: memory.remember(f"Thread {thread} says {n}.")) for n in range(20))

    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(write, range(8)))
    assert sum(taken) == 50
    assert memory.summary().live == 50


WRITER = """
import sys
from holdfast.errors import QuotaExceeded
from holdfast.house import Holdfast
taken = 0
with Holdfast.open(sys.argv[1], embedder=None) as house:
    memory = house.space("acme")
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(30):
        try:
            memory.remember(f"{sys.argv[2]} says {number}.")
            taken += 1
        except QuotaExceeded:
            pass
print(taken, flush=True)
"""


def test_memories_are_exact_over_processes(house, folder):
    memory = limited(house, memories=40)
    writers = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", WRITER, str(folder), name], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True,
        )
        for name in ("ann", "bo")
    ]  # fmt: skip
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    taken = [int(writer.communicate(timeout=120)[0]) for writer in writers]
    assert sum(taken) == 40
    assert memory.summary().live == 40


def test_bytes_are_bounded_before_the_write(house, folder):
    memory = limited(house, bytes=600_000)
    text = "x" * 9 + " "
    taken = 0
    while attempt(lambda: memory.remember(f"{memory.summary().live} " + text * 2_000)):
        taken += 1
        assert taken < 40
    assert taken >= 10
    with refused(QuotaExceeded, "of at most 600,000 bytes"):
        memory.remember("One more. " + text * 2_000)
    assert memory.summary().live == taken
    (file,) = (path for path in folder.glob("*.db") if path.name != "house.db")
    assert file.stat().st_size + file.with_name(file.name + "-wal").stat().st_size > 400_000
    assert file.stat().st_size < 700_000
    memory.forget(*[record.id for record in memory.records()][:5])
    memory.remember("There is room again. " + text * 2_000)


def test_writes_a_minute_come_back_with_the_clock(house, clock):
    memory = limited(house, writes_a_minute=3)
    made = memory.remember("One.")
    clock.advance(20_000)
    memory.revise(made.id, importance=0.9)
    memory.session("s").add("user", "Three.")
    with pytest.raises(QuotaExceeded, match=r"3 of at most 3 writes a minute.*Try again in 40 s") as caught:
        memory.remember("Four.")
    assert caught.value.retryable
    memory.forget(made.id)
    with refused(QuotaExceeded):
        memory.remember("Four: forgetting does not make room in time.")
    clock.advance(39_999)
    assert not attempt(lambda: memory.remember("Four."))
    clock.advance(1)
    memory.remember("Four.")
    assert not attempt(lambda: memory.remember("Five."))
    with pytest.raises(QuotaExceeded) as caught:
        memory.session("s").add_many([Turn(speaker="user", text=f"{n}") for n in range(4)])
    assert not caught.value.retryable, "more than a minute allows never goes in at once"


def test_writes_a_minute_are_exact_under_threads(house):
    memory = limited(house, writes_a_minute=25)
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda n: attempt(lambda: memory.remember(f"Number {n}.")), range(80)))
    assert sum(taken) == 25


def test_a_quota_of_nothing_takes_nothing_and_reads_all_the_same(house):
    memory = limited(house, memories=0)
    with refused(QuotaExceeded, "0 of at most 0"):
        memory.remember("One.")
    assert list(memory.recall("one")) == []


@pytest.mark.parametrize("bad", [Quota(memories=-1), Quota(bytes=1.5), Quota(writes_a_minute=True), 5, None])
def test_a_quota_that_is_none_is_refused(house, bad):
    house.create("acme")
    with refused(InvalidField, "uota"):
        house.limit("acme", bad)
    assert house.spaces()[0].quota == Quota()


def test_the_count_is_kept_between_writes_and_taken_again_when_others_wrote(opened, monkeypatch):
    one, two = opened(), opened()
    memory = limited(one, memories=1_000)
    other = two.space("acme")
    counted: list[int] = []
    live = LimitedStore._live

    def noted(self, view):
        count = view.count
        with monkeypatch.context() as patch:
            patch.setattr(type(view), "count", lambda *a, **k: counted.append(1) or count(**k), raising=True)
            found = live(self, view)
        assert found == count(quarantined=True), "what is foreseen is what is there"
        return found

    monkeypatch.setattr(LimitedStore, "_live", noted)
    made = [memory.remember(f"One {n}.") for n in range(10)]
    assert len(counted) == 1
    other.remember("By another.")
    memory.remember("After it.")
    assert len(counted) == 3
    memory.correct(made[0].id, "Corrected.")
    memory.forget(made[1].id)
    memory.remember("After a forget.")
    memory.remember("And once more.")


def test_the_test_of_threads_notices_a_count_outside_the_write(house, monkeypatch):
    """Checked before the turn to write instead of within it, several would get in where one may."""
    import threading

    memory = limited(house, memories=5)
    both = threading.Barrier(4)

    def early(self, decide):
        with self._store.reading() as reader:
            if reader.count() >= self._quota().memories:
                raise QuotaExceeded
        both.wait(10)
        return self._store.commit(decide)

    monkeypatch.setattr(LimitedStore, "commit", early)
    with ThreadPoolExecutor(4) as pool:
        for step in range(2):
            list(pool.map(lambda n: attempt(lambda: memory.remember(f"{step} {n}.")), range(4)))  # noqa: B023
    assert memory.summary().live > 5


def test_usage_is_what_the_quota_counts_and_shown_to_who_may_read(house, clock):
    house.create("acme")
    house.grant("ann", "acme", "read")
    memory = house.space("acme")
    made = memory.remember("One.")
    memory.remember("Two.")
    memory.revise(made.id, importance=0.9)
    usage = house.usage("acme", as_="ann")
    assert (usage.memories, usage.writes) == (2, 3)
    for quota in (Quota(memories=usage.memories), Quota(bytes=usage.bytes), Quota(writes_a_minute=usage.writes)):
        house.limit("acme", quota)
        with pytest.raises(QuotaExceeded):
            memory.remember("Three.")
    house.limit("acme", Quota(memories=usage.memories + 1, writes_a_minute=usage.writes + 1))
    memory.remember("Three.")
    clock.advance(60_000)
    assert house.usage("ACME").writes == 0
    for who, name in (("stranger", "acme"), ("stranger", "absent"), ("owner", "absent")):
        with refused(NotAllowed, repr(name)):
            house.usage(name, as_=who)


def test_a_look_at_a_drop_counts_what_would_go(house):
    house.create("acme")
    house.grant("ann", "acme", "share")
    memory = house.space("acme")
    memory.remember("One.")
    seen = house.preview_drop("acme")
    assert (seen.space, seen.memories, seen.grants, seen.bytes) == ("acme", 1, 1, house.usage("acme").bytes)
    assert house.preview_drop("ACME").token == seen.token
    for who, name in (("ann", "acme"), ("ann", "absent"), ("owner", "absent")):
        with refused(NotAllowed, repr(name)):
            house.preview_drop(name, as_=who)
        with refused(NotAllowed, repr(name)):
            house.drop(name, confirm=seen.token, as_=who)
    memory.remember("Two.")
    with refused(InvalidField, "as it is now"):
        house.drop("acme", confirm=seen.token)
    receipt = house.drop("acme", confirm=house.preview_drop("acme").token)
    assert house.verify(receipt).holds
