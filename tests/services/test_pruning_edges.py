"""Where a pruned history ends: numbers go on above it, what tells of it is checked, and no look falls between."""

from __future__ import annotations

from contextlib import suppress

import pytest

from holdfast import Memory, space
from holdfast.core import pruning as core_pruning
from holdfast.errors import Damaged, Gone, HistoryPruned
from holdfast.model.times import format_when
from holdfast.recovery import restore
from holdfast.services import past as services_past
from tests.services.scenes import refused

DAY_MS = 86_400_000


def erased_at_the_horizon(memory: Memory, clock) -> int:
    """A pruned space whose event at the horizon was itself pruned; gives the horizon."""
    memory.remember("Ada keeps bees.")
    gone = memory.remember("The door code is 7306.")
    clock.advance(DAY_MS)
    now = format_when(clock.now)
    clock.advance(DAY_MS)
    memory.forget(gone.id)
    report = memory.storage.prune(before=now, dry_run=False)
    assert (report.horizon, report.pruned) == (2, 1)
    return report.horizon


def outranked_at_the_horizon(memory: Memory, other: Memory, clock) -> int:
    """The same, where that event is a version that another one outranks by clock, though it came later."""
    fact = memory.remember("Ada lives in Lisbon.", importance=0.1)
    memory.remember("Ada keeps bees.")
    other.storage.merge(list(memory.storage.journal()))
    clock.advance(DAY_MS)
    other.revise(fact.id, importance=0.5)
    clock.advance(DAY_MS)
    memory.revise(fact.id, importance=0.9)
    memory.storage.merge(list(other.storage.journal()))
    clock.advance(DAY_MS)
    report = memory.storage.prune(keep_days=0, dry_run=False)
    assert (report.horizon, report.pruned) == (4, 1)
    return report.horizon


@pytest.mark.parametrize("way", ["erased", "outranked"])
def test_what_is_written_after_a_cut_at_the_horizon_is_above_it_and_stays(way, opened, tmp_path, clock):
    memory = opened(tmp_path / "a.db")
    if way == "erased":
        horizon = erased_at_the_horizon(memory, clock)
    else:
        horizon = outranked_at_the_horizon(memory, opened(tmp_path / "b.db"), clock)
    cut = format_when(memory.storage.prune(keep_days=0).horizon_ms or 0)
    memory.storage.backup(tmp_path / "a.bak")
    restore(tmp_path / "a.bak", tmp_path / "c.db", seq=horizon, clock=clock)
    copy = opened(tmp_path / "c.db")
    assert copy.check() == []
    clock.advance(DAY_MS)
    first = copy.summary().events
    written = [copy.remember(f"Fact {number}.") for number in range(2)]
    assert copy.summary().events == first + 2 > horizon
    assert copy.check() == []
    with copy.at(seq=first + 1) as then:
        assert {record.text for record in then.records()} >= {"Fact 0."}
    for how in ({"before": cut}, {"keep_days": 0}):
        copy.storage.prune(**how, dry_run=False)
        assert [copy.get(one.id).text for one in written] == ["Fact 0.", "Fact 1."]
        assert copy.check() == []


@pytest.mark.parametrize("by", ["seq", "moment"])
def test_a_pruning_between_the_choice_of_a_past_and_its_copy_is_told(by, opened, path, clock, monkeypatch):
    memory, other = opened(path), opened(path)
    fact = memory.remember("Ada lives here.", importance=0.1)
    for number in range(2, 8):
        clock.advance(DAY_MS)
        memory.revise(fact.id, importance=number / 10)
    wanted = {"seq": 4} if by == "seq" else {"moment": format_when(clock.now - 3 * DAY_MS)}
    with memory.at(**wanted) as then:
        assert then.get(fact.id).version == 4
    clock.advance(DAY_MS)
    sound = space.cut_of

    def cut_of(*choice):
        found = sound(*choice)
        other.storage.prune(keep_days=0, dry_run=False)
        return found

    monkeypatch.setattr(space, "cut_of", cut_of)
    with pytest.raises(HistoryPruned):
        memory.at(**wanted)


def test_a_copy_of_what_was_pruned_is_refused_where_it_is_made(memory, clock):
    horizon = erased_at_the_horizon(memory, clock)
    store = memory._space.store
    into = space._empty_copy(store.identity)
    with pytest.raises(HistoryPruned):
        services_past.copy_until(store, into, horizon - 1)
    with pytest.raises(HistoryPruned):
        services_past.copy_until(store, into, 99, 0)
    into.close()


def altered(memory: Memory, sql: str) -> None:
    memory._space.store.write(lambda connection: connection.execute(sql).fetchall())


def with_a_snapshot(memory: Memory, clock) -> str:
    fact = memory.remember("Ada lives here.", importance=0.1)
    memory.revise(fact.id, importance=0.2)
    clock.advance(DAY_MS)
    memory.storage.snapshot()
    clock.advance(DAY_MS)
    memory.remember("Ada keeps bees.")
    memory.revise(fact.id, importance=0.3)
    memory.revise(fact.id, importance=0.4)
    return fact.id


ALTERED = (
    "seq = seq + 2",
    "hlc = hlc - 1000000000",
    "at_ms = at_ms + 1",
    "anchors = zeroblob(56)",
    "anchors = x'00'",
    "kept = CAST(kept || x'00' AS BLOB)",
    "kept = x'789c6360606000000004000001'",
    "digest = zeroblob(32)",
)


@pytest.mark.parametrize("change", ALTERED)
def test_an_altered_snapshot_is_told_ignored_and_dropped(change, memory, clock):
    fact = with_a_snapshot(memory, clock)
    assert memory.check() == []
    altered(memory, f"UPDATE snapshot SET {change}")
    assert any("snapshot" in problem for problem in memory.check())
    with memory.at(seq=4) as then:
        assert then.get(fact).importance == 0.3
    report = memory.storage.mend()
    assert any("snapshot" in done for done in report.done)
    assert report.left == ()
    assert memory.check() == []
    memory.storage.snapshot()
    assert memory.check() == []


HORIZON = (*ALTERED, "is_horizon = 0", "seq = seq - 1", "at_ms = 5")


@pytest.mark.parametrize("change", HORIZON)
def test_an_altered_horizon_is_told_and_no_past_shown_by_it(change, memory, clock):
    with_a_snapshot(memory, clock)
    clock.advance(DAY_MS)
    memory.storage.prune(keep_days=0, dry_run=False)
    memory.remember("Ada swims.")
    assert memory.check() == []
    altered(memory, f"UPDATE snapshot SET {change} WHERE is_horizon")
    assert memory.check() != []
    before = memory.storage.digest()
    assert memory.storage.mend().left != ()
    assert memory.storage.digest() == before
    for wanted in ({"seq": 2}, {"moment": format_when(clock.now - 3 * DAY_MS)}):
        with pytest.raises((HistoryPruned, Damaged)):
            memory.at(**wanted)


def test_a_horizon_that_no_event_tells_of_is_a_problem(memory, clock, monkeypatch):
    # Whoever can write the row can also seal it: the event in the chain is what it is compared with.
    with_a_snapshot(memory, clock)
    clock.advance(DAY_MS)
    memory.storage.prune(keep_days=0, dry_run=False)
    with memory._space.store.reading() as reader:
        horizon = reader.horizon()
        assert core_pruning.snapshot_digest(horizon, reader.events_at(horizon.kept)) == horizon.digest
    from dataclasses import replace

    from holdfast.adapters.sqlite.snapshots import keep_snapshot

    for other in (replace(horizon, hlc=horizon.hlc - (100_000 << 16)), replace(horizon, at_ms=5)):
        with memory._space.store.reading() as reader:
            other = replace(other, digest=core_pruning.snapshot_digest(other, reader.events_at(other.kept)))
        memory._space.store.write(lambda connection, other=other: keep_snapshot(connection, other))
        assert any("no event" in problem for problem in memory.check())


def test_a_snapshot_that_was_made_a_horizon_drops_nothing(memory, clock):
    fact = with_a_snapshot(memory, clock)
    altered(memory, "UPDATE snapshot SET is_horizon = 1")
    clock.advance(DAY_MS)
    with suppress(Damaged):
        memory.storage.prune(before=format_when(clock.now - 9 * DAY_MS), dry_run=False)
    assert len(memory.history(fact).entries) == 4
    assert memory.check() != []


def test_what_was_derived_since_from_a_superseded_memory_is_not_forgotten_with_it(memory, clock, monkeypatch):
    old = memory.remember("Ada lives in Lisbon.")
    unneeded = memory.remember("Ada swims.")
    memory.correct(old.id, "Ada lives in Porto.")
    memory.correct(unneeded.id, "Ada runs.")
    clock.advance(DAY_MS)
    pruning = memory._space.pruning
    sound, made = pruning._superseded, []

    def superseded(before_ms):
        found = sound(before_ms)
        made.append(memory.remember("Lisbon has sun.", sources=[old.id]))
        return found

    monkeypatch.setattr(pruning, "_superseded", superseded)
    report = memory.storage.prune(keep_days=0, superseded=True, dry_run=False)
    assert report.superseded == 1
    assert memory.get(made[0].id).text == "Lisbon has sun."
    assert memory.get(old.id).text == "Ada lives in Lisbon."
    with refused(memory, Gone):
        memory.get(unneeded.id)
    # Also where nothing is left to forget.
    assert memory.storage.prune(keep_days=0, superseded=True, dry_run=False).superseded == 0


def test_a_pruned_space_is_not_told_to_export_its_journal(memory, clock):
    erased_at_the_horizon(memory, clock)
    with pytest.raises(HistoryPruned):
        list(memory.storage.journal())
    altered(memory, "CREATE TRIGGER stuck BEFORE DELETE ON tag BEGIN SELECT raise(ABORT, 'stuck'); END")
    altered(memory, "INSERT INTO tag SELECT n, 'added' FROM memory WHERE state = 1")
    report = memory.storage.mend()
    assert report.left != ()
    assert "--lossless" not in (report.advice or "")
    assert "restore" in (report.advice or "")
