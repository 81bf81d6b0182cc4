"""A space can be kept as small as what it holds: nothing held is lost, and what is gone is said to be."""

from __future__ import annotations

import asyncio
import itertools
import json
from dataclasses import replace

import pytest

from holdfast import AsyncMemory, Memory
from holdfast.adapters.sqlite import gaps, snapshots, store
from holdfast.errors import (
    Gone,
    HistoryPruned,
    HoldfastError,
    InvalidField,
    InvalidInput,
    InvalidTime,
    KeyReused,
    NotAllowed,
    Rejected,
    StoreReadOnly,
)
from holdfast.house import Holdfast
from holdfast.model.times import format_when
from holdfast.recovery import restore
from tests.services.conftest import START_MS
from tests.services.scenes import bytes_of, found, refused, state_of

DAY_MS = 86_400_000
KEY = bytes(range(32))


@pytest.fixture
def long_lived(memory, clock) -> Memory:
    """A space with a year of corrections, forgets, revisions, keys, a kept recall and an expectation."""
    return lived(memory, clock)


def lived(memory: Memory, clock) -> Memory:
    town = memory.remember("Ada lives in Lisbon.", key="town", tags=["home"])
    memory.remember("Ada is allergic to penicillin.", key="allergy", category="health")
    secret = memory.remember("The door code is 7306.", key="code")
    for day in range(6):
        clock.advance(DAY_MS)
        memory.revise(town.id, importance=day / 10, tags=[f"day-{day}"])
    memory.recalls.keep("Where does Ada live?")
    memory.expect("Where does Ada live?", contains="Porto")
    clock.advance(DAY_MS)
    memory.correct(town.id, "Ada lives in Porto.")
    memory.forget(secret.id, reason="asked")
    clock.advance(300 * DAY_MS)
    memory.session("chat").add("user", "Porto is lovely.")
    return memory


def everything(memory: Memory) -> tuple[object, ...]:
    """What a space answers, times of use left out."""
    return (
        memory.storage.digest(),
        list(memory.records()),
        list(memory.export(superseded=True)),
        memory.receipts(),
        memory.recall("Where does Ada live?").hits,
        memory.session("chat").turns(),
        [outcome.expectation for outcome in memory.expectations.run()],
        memory.recalls.list(),
    )


def test_a_dry_run_counts_and_changes_nothing(long_lived):
    before = state_of(long_lived)
    report = long_lived.storage.prune(keep_days=30)
    assert (report.dry_run, state_of(long_lived)) == (True, before)
    # The versions between the first and the last, and the header of what was forgotten.
    assert report.pruned == 6
    done = long_lived.storage.prune(keep_days=30, dry_run=False)
    assert (done.pruned, done.kept, done.horizon) == (report.pruned, report.kept, report.horizon)
    assert long_lived.storage.prune(keep_days=30, dry_run=False).pruned == 0


def test_pruning_changes_nothing_that_is_held(long_lived):
    before = everything(long_lived)
    long_lived.storage.prune(keep_days=30, dry_run=False)
    assert everything(long_lived) == before
    assert long_lived.storage.rebuild() == before[0]
    long_lived.storage.compact()
    assert everything(long_lived) == before
    assert long_lived.check() == []


def test_receipts_keys_and_what_was_rejected_outlive_the_history(long_lived):
    proof = long_lived.proof()
    long_lived.storage.prune(keep_days=0, dry_run=False)
    for receipt in long_lived.receipts():
        assert long_lived.verify(receipt).holds
        assert long_lived.verify(receipt.id).holds
    with refused(long_lived, Gone):
        long_lived.remember("The door code is 7306.")
    with refused(long_lived, Gone):
        long_lived.remember("The door code is 7306.", key="code")
    with refused(long_lived, Rejected):
        long_lived.remember("Ada lives in Lisbon.")
    with refused(long_lived, KeyReused):
        long_lived.remember("Something else.", key="allergy")
    again = long_lived.remember("Ada is allergic to penicillin.", key="allergy", category="health")
    assert again.text == "Ada is allergic to penicillin."
    assert long_lived.verify(proof).holds  # of the head at which the history was cut
    assert long_lived.verify(long_lived.proof()).holds


def test_a_proof_from_below_the_horizon_is_said_to_be_uncheckable(long_lived, clock):
    fact = long_lived.remember("Ada runs.")
    long_lived.revise(fact.id, importance=0.1)
    proof = long_lived.proof()
    long_lived.revise(fact.id, importance=0.2)
    assert long_lived.verify(proof).holds
    clock.advance(DAY_MS)
    long_lived.storage.prune(keep_days=0, dry_run=False)
    (problem,) = long_lived.verify(proof).problems
    assert "was pruned" in problem
    assert "a proof made since then can be checked" in problem


def test_history_and_why_tell_the_first_and_the_last_version(long_lived):
    old = _old(long_lived)
    before = long_lived.history(old).entries
    long_lived.storage.prune(keep_days=30, dry_run=False)
    after = long_lived.history(old).entries
    assert [entry.what for entry in after] == ["remembered", "revised", "superseded"]
    assert (after[0], after[-2], after[-1]) == (before[0], before[-2], before[-1])
    assert long_lived.why(old).recorded_ms == START_MS


def _old(memory: Memory) -> str:
    """The memory that was superseded."""
    held = {record.id for record in memory.records()}
    lines = [line for line in memory.export(superseded=True) if "Lisbon" in line]
    (old,) = {json.loads(line)["id"] for line in lines} - held
    return old


def test_below_the_horizon_the_past_is_refused_and_above_it_exact(long_lived, clock):
    then, seq, answers = clock.now, long_lived.summary().events, everything(long_lived)[:3]
    clock.advance(DAY_MS)
    long_lived.remember("Ada runs.")
    seen = {last: list(past.records()) for last in range(seq, seq + 2) for past in [long_lived.at(seq=last)]}
    long_lived.storage.prune(before=format_when(then + 1), dry_run=False)
    with long_lived.at(seq=seq) as past:
        assert everything(past)[:3] == answers
    with long_lived.at(format_when(then)) as past:
        assert list(past.records()) == seen[seq]
    for last, records in seen.items():
        with long_lived.at(seq=last) as past:
            assert list(past.records()) == records
            assert past.check() == []
    for below in ({"seq": seq - 1}, {"seq": 0}, {"moment": format_when(then - 1)}):
        with refused(long_lived, HistoryPruned, "was pruned", "backup"):
            long_lived.at(**below)
    with refused(long_lived, HistoryPruned):
        long_lived.recalls.replay()
    with refused(long_lived, HistoryPruned, "backup"):
        long_lived.storage.journal()


def test_superseded_memories_go_on_request_and_their_words_stay_rejected(long_lived):
    old = _old(long_lived)
    report = long_lived.storage.prune(keep_days=30, superseded=True, dry_run=False)
    assert report.superseded == 1
    with pytest.raises(Gone):
        long_lived.get(old)
    with refused(long_lived, Rejected):
        long_lived.remember("Ada lives in Lisbon.")
    assert found(long_lived, "Where does Ada live?")[0] == "Ada lives in Porto."
    assert long_lived.check() == []


def test_a_superseded_memory_that_something_is_derived_from_stays(memory, clock):
    fact = memory.remember("Ada lives in Lisbon.")
    derived = memory.remember("Ada lives in Portugal.", sources=[fact.id])
    memory.correct(fact.id, "Ada lives in Porto.")
    clock.advance(DAY_MS)
    assert memory.storage.prune(keep_days=0, superseded=True, dry_run=False).superseded == 0
    assert memory.get(derived.id) == derived
    assert memory.get(fact.id).superseded_by


def test_what_is_not_acceptable_is_refused(memory):
    for choice in ({}, {"before": "2024-01-01", "keep_days": 1}, *({"keep_days": days} for days in (-1, True, 1e9))):
        with refused(memory, InvalidField, "Nothing was pruned"):
            memory.storage.prune(**choice)
    with refused(memory, InvalidTime):
        memory.storage.prune(before="no time at all")


def test_a_pruned_space_is_backed_up_restored_and_restored_to_a_point_in_time(opened, path, clock, tmp_path):
    memory = lived(opened(path), clock)
    memory.storage.prune(keep_days=30, dry_run=False)
    seq, digest = memory.summary().events, memory.storage.digest()
    clock.advance(DAY_MS)
    memory.remember("Ada runs.")
    report = memory.storage.backup(tmp_path / "copy.db")
    assert report.digest == memory.storage.digest()
    receipts = memory.receipts()
    memory.close()
    for name, cut, wanted in (("whole", None, report.digest), ("cut", seq, digest)):
        there = tmp_path / f"{name}.db"
        restore(tmp_path / "copy.db", there, seq=cut)
        restored = opened(there)
        assert restored.storage.digest() == wanted
        assert restored.check() == []
        assert restored.storage.rebuild() == wanted
        assert all(restored.verify(receipt).holds for receipt in receipts)
        with pytest.raises(HistoryPruned):
            restored.at(seq=1)
    with pytest.raises(HistoryPruned):
        restore(tmp_path / "copy.db", tmp_path / "early.db", seq=1)
    assert not (tmp_path / "early.db").exists()


def test_a_pruned_space_takes_in_what_another_copy_wrote_and_forgets_with_it(opened, tmp_path, clock):
    """The journal goes one way only: from the space that has all of it."""
    first = opened(tmp_path / "a.db")
    ids = [first.remember(f"Ada has {number} cats.").id for number in range(5)]
    other = opened(tmp_path / "b.db")
    other.storage.merge(list(first.storage.journal()))
    for one in ids:
        first.revise(one, importance=0.1)
        first.revise(one, importance=0.9)
    other.storage.merge(list(first.storage.journal()))
    clock.advance(DAY_MS)
    other.forget(ids[0])
    other.remember("Ada has a dog.")
    assert first.storage.prune(keep_days=0, dry_run=False).pruned == 5
    first.storage.merge(list(other.storage.journal()))
    assert first.storage.digest() == other.storage.digest()
    assert first.check() == []
    with pytest.raises(Gone):
        first.get(ids[0])
    assert first.storage.merge(list(other.storage.journal())).added == 0


def test_an_encrypted_space_is_pruned_compacted_and_looked_at_as_it_was(opened, path, clock):
    memory = lived(opened(path, key=KEY), clock)
    before = everything(memory)
    memory.storage.snapshot()
    memory.storage.prune(keep_days=30, dry_run=False)
    memory.storage.compact()
    assert everything(memory) == before
    seq = memory.summary().events
    memory.remember("Ada runs.")
    with memory.at(seq=seq) as past:
        assert list(past.records()) == before[1]
    memory.storage.rotate_key(bytes(range(1, 33)), data=True)
    assert everything(memory)[1][:-1] == before[1]
    assert memory.check() == []


def test_a_past_from_a_snapshot_is_the_past(opened, path, clock, model):
    memory = opened(path, embedder=model)
    lived(memory, clock)
    memory.settle()

    def look(**then):
        with memory.at(**then) as past:
            ids = [record.id for record in past.records()]
            summary = replace(past.summary(), sizes=None)  # which are the view's own
            return everything(past), summary, [past.history(one) for one in (*ids, old)], past.check()

    old = _old(memory)
    places = [{"seq": memory.summary().events}, {"moment": format_when(clock.now)}]
    clock.advance(DAY_MS)
    memory.remember("Ada runs.")
    places.append({"seq": memory.summary().events})
    moments = [look(**place) for place in places]
    report = memory.storage.snapshot()
    assert report.events < report.seq
    clock.advance(DAY_MS)
    memory.remember("Ada swims.")
    assert [look(**place) for place in places] == moments
    with memory.at(seq=report.seq) as past:  # begun from the snapshot
        assert past._space.store.earlier_events is not None


def test_a_past_that_began_from_a_snapshot_has_a_past(opened, path, clock):
    memory = opened(path)
    facts = []
    for number in range(5):
        facts.append(memory.remember(f"Fact {number}."))
        clock.advance(DAY_MS)
        if number in (1, 3):
            memory.storage.snapshot()
    with memory.at(seq=4) as past:
        assert past._space.store.whole is not None
        for earlier in ({"seq": 2}, {"moment": format_when(START_MS + DAY_MS)}):
            with past.at(**earlier) as before:
                assert list(before.records()) == facts[:2]
        with past.at(seq=4) as same, same.at(seq=1) as before:
            assert list(before.records()) == facts[:1]
        with refused(past, InvalidInput):
            past.at(seq=5)


def test_a_snapshot_holds_no_words_and_what_is_forgotten_later_stays_out_of_its_past(opened, path, clock):
    memory = opened(path)
    fact = memory.remember("The door code is 7306.")
    memory.revise(fact.id, importance=0.9)
    seq = memory.storage.snapshot().seq
    memory.forget(fact.id)
    with memory.at(seq=seq) as past:
        assert list(past.records()) == []
        assert "7306" not in repr([past.history(fact.id)])
    memory.close()
    assert b"7306" not in bytes_of(path)


def test_a_file_keeps_few_snapshots_spread_over_its_history(opened, path):
    memory = opened(path)
    for number in range(20):
        memory.remember(f"Fact {number}.")
        memory.storage.snapshot()
    with memory._space.store.reading() as reader:
        held = [row[0] for row in reader.rows("SELECT seq FROM snapshot ORDER BY seq")]
    assert len(held) == snapshots.MOST_SNAPSHOTS
    assert held[-1] == 20
    gaps_between = [after - before for before, after in itertools.pairwise(held)]
    assert max(gaps_between) <= 4 * min(gaps_between)


def test_a_space_that_is_only_read_is_not_pruned(opened, path, clock):
    lived(opened(path), clock).close()
    reading = opened(path, read_only=True)
    assert reading.storage.prune(keep_days=30).pruned == 6
    for call in (
        lambda: reading.storage.prune(keep_days=30, dry_run=False),
        reading.storage.snapshot,
        reading.storage.compact,
    ):
        with refused(reading, StoreReadOnly):
            call()


def test_a_file_shrinks_and_what_is_given_back_to_the_disk_holds_no_words(opened, path, clock, monkeypatch):
    memory = opened(path)
    ids = [memory.remember(f"Parcel {number} of {'lead ' * 60}").id for number in range(300)]
    for one in ids[10:]:
        memory.revise(one, importance=0.9)
    token = memory.preview_forget(*ids[10:]).token
    memory.forget(*ids[10:], confirm=token)
    clock.advance(DAY_MS)
    report = memory.storage.prune(keep_days=0, dry_run=False)
    assert report.bytes_free > 0
    given_back = list[bytes]()
    truncate = gaps.apsw.VFSFile.xTruncate

    def noting(self, newsize):
        given_back.append(self.xRead(self.xFileSize() - newsize, newsize))
        truncate(self, newsize)

    monkeypatch.setattr(gaps, "_cut", noting)
    done = memory.storage.compact()
    assert done.pending is None
    assert done.bytes_after < done.bytes_before
    assert sum(map(len, given_back)) >= done.bytes_before - done.bytes_after - memory.summary().sizes.log > 0
    assert not any(map(any, given_back))
    assert len(list(memory.records())) == 10
    assert memory.check() == []


def test_a_file_is_not_shorter_while_somebody_reads_it_and_says_so(opened, path, clock):
    memory = opened(path)
    for number in range(50):
        memory.remember(f"Fact {number} {'of lead ' * 100}")
    other = opened(path)
    records = other._space.store.reading()
    with records as reader:
        reader.head()
        report = memory.storage.compact()
        assert "reader" in report.pending
    assert memory.storage.compact().pending is None


def test_whoever_has_the_space_open_goes_on_over_a_pruning(opened, path, clock, tmp_path):
    one, two = opened(path), opened(path)
    facts = [one.remember(f"Ada has {number} cats.").id for number in range(4)]
    assert len(found(two, "cats")) == 4
    for fact in facts[:2]:
        one.revise(fact, importance=0.1)
        one.revise(fact, importance=0.2)
    one.forget(facts[3])
    one.correct(facts[2], "Ada has a dog.")
    clock.advance(DAY_MS)
    one.storage.prune(keep_days=0, dry_run=False)
    one.storage.compact()
    assert sorted(found(two, "cats")) == sorted(found(one, "cats"))
    two.remember("Ada has a bird.")
    assert one.get(facts[0]).importance == 0.2
    assert one.check() == two.check() == []


def test_a_crash_between_the_decision_and_the_dropping_loses_nothing(opened, path, clock, monkeypatch):
    memory = lived(opened(path), clock)
    before = everything(memory)

    def dies(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(store.SqliteStore, "drop_pruned", dies)
        with pytest.raises(KeyboardInterrupt):
            memory.storage.prune(keep_days=30, dry_run=False)
    assert everything(memory) == before
    assert memory.check() == []
    assert memory.storage.rebuild() == before[0]
    with pytest.raises(HistoryPruned):
        memory.at(seq=1)
    # What is left to drop is found the next time, though the horizon is where it was.
    assert memory.storage.prune(keep_days=30, dry_run=False).pruned == 6
    assert memory.storage.prune(keep_days=30, dry_run=False).pruned == 0
    assert (everything(memory), memory.check()) == (before, [])


def test_something_altered_below_the_horizon_is_noticed(opened, path, clock):
    memory = lived(opened(path), clock)
    memory.storage.prune(keep_days=30, dry_run=False)
    receipt = memory.receipts()[0]
    memory._space.store.write(
        lambda connection: connection.execute("UPDATE event SET version = version + 1 WHERE seq = 1").fetchall()
    )
    assert any("horizon" in problem for problem in memory.check())
    assert not memory.verify(receipt).holds


def test_the_async_twin_prunes(path, clock):
    asyncio.run(pruning_in_turns(path, clock))


async def pruning_in_turns(path, clock):
    async with await AsyncMemory.open(path, embedder=None, clock=clock) as memory:
        fact = await memory.remember("Ada runs.")
        await memory.revise(fact.id, importance=0.1)
        await memory.revise(fact.id, importance=0.2)
        clock.advance(DAY_MS)
        assert (await memory.storage.snapshot()).events == 2
        assert (await memory.storage.prune(keep_days=0, dry_run=False)).pruned == 1
        assert (await memory.storage.compact()).pending is None


def test_in_a_house_pruning_is_for_those_who_administer_the_space(tmp_path, clock):
    with Holdfast.open(tmp_path / "house", clock=clock) as house:
        house.create("team")
        house.grant("writer", "team", "write")
        house.space("team").remember("Ada runs.")
        with pytest.raises(NotAllowed):
            house.space("team", as_="writer").storage.prune(keep_days=0)
        assert house.space("team").storage.prune(keep_days=0).dry_run


MUTANTS = {
    "the version that holds is dropped": ("_KEPT", "place = 1 OR", "place = 0 OR"),
    "tombstones are dropped": ("_KEPT", "IN (1, 2)\nUNION", "IN (1, 2, 4)\nUNION"),
    "receipts are dropped": ("_KEPT", "IN (1, 2)\nUNION", "IN (1, 2, 6)\nUNION"),
    "what was rejected is dropped": ("_KEPT", "IN (1, 2)\nUNION", "IN (1, 2, 3)\nUNION"),
    "the anchors are of another event": ("_NEWEST", "max(seq)", "min(seq)"),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_pruning_that_loses_something_is_noticed(mutant, opened, path, clock, monkeypatch):
    memory = lived(opened(path), clock)
    before = everything(memory)
    name, part, wrong = MUTANTS[mutant]
    sound = getattr(snapshots, name)
    assert part in sound
    monkeypatch.setattr(snapshots, name, sound.replace(part, wrong))

    def still_right() -> bool:
        memory.storage.prune(keep_days=30, dry_run=False)
        return everything(memory) == before and memory.storage.rebuild() == before[0] and memory.check() == []

    try:
        is_right = still_right()
    except HoldfastError:
        is_right = False  # a refusal notices it too
    assert not is_right
