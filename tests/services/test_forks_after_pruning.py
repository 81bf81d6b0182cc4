"""Two copies of one file that both went on are told from a peer that lags behind, whatever was pruned of the space."""

from __future__ import annotations

import shutil

import pytest

from holdfast import Memory
from holdfast.errors import AlreadyThere, InvalidField
from holdfast.recovery import restore
from holdfast.testing.faults import SteppedClock
from tests.services.conftest import START_MS
from tests.services.scenes import tamper


@pytest.mark.parametrize("known", [False, True])
def test_a_copy_that_went_on_by_itself_is_refused_after_a_pruning_too(tmp_path, known):
    here, there = tmp_path / "here.db", tmp_path / "there.db"
    clock = SteppedClock(START_MS)
    with Memory.open(here, embedder=None, clock=clock) as memory:
        fact = memory.remember("Ada runs.", importance=0.1)
    shutil.copy(here, there)
    with (
        Memory.open(here, embedder=None, clock=clock) as memory,
        Memory.open(there, embedder=None, clock=clock) as other,
    ):
        for share in (3, 5, 7, 9):
            memory.revise(fact.id, importance=share / 10)
        if known:  # up to where the other was pruned, and only about what both hold
            for share in (9, 7, 5, 3):
                other.revise(fact.id, importance=share / 10)
        else:
            other.remember("written in the other copy alone")
        clock.advance(10_000)
        assert memory.storage.prune(keep_days=0, dry_run=False).pruned
        with pytest.raises(InvalidField, match="went on from one copy"):
            memory.storage.merge(list(other.storage.journal()))


def test_a_peer_that_lags_behind_a_pruning_is_taken_in(tmp_path):
    clock = SteppedClock(START_MS)
    with (
        Memory.open(tmp_path / "here.db", embedder=None, clock=clock) as memory,
        Memory.open(tmp_path / "there.db", embedder=None, clock=clock) as peer,
    ):
        fact = memory.remember("Ada runs.", importance=0.1)
        memory.revise(fact.id, importance=0.2)
        peer.storage.merge(list(memory.storage.journal()))
        peer.remember("noted by the peer")
        for share in (3, 5, 7, 9):
            memory.revise(fact.id, importance=share / 10)
        clock.advance(10_000)
        assert memory.storage.prune(keep_days=0, dry_run=False).pruned
        assert memory.storage.merge(list(peer.storage.journal())).added == 1
        assert memory.check() == []


@pytest.mark.parametrize("pruned", ["in place", "backed up", "both"])
@pytest.mark.parametrize("known", [False, True])
def test_a_restore_over_a_copy_that_went_on_by_itself_is_refused_after_a_pruning_too(tmp_path, pruned, known):
    here, there, backup = tmp_path / "here.db", tmp_path / "there.db", tmp_path / "backup.db"
    clock = SteppedClock(START_MS)
    with Memory.open(here, embedder=None, clock=clock) as memory:
        fact = memory.remember("Ada runs.", importance=0.1)
        other = memory.remember("Ada swims.", importance=0.1)
    shutil.copy(here, there)
    for path, name in ((here, "in place"), (there, "backed up")):
        with Memory.open(path, embedder=None, clock=clock) as memory:
            for share in range(3, 9):
                memory.revise((other if name == "in place" else fact).id, importance=share / 10)
            if not known:
                memory.remember(f"written {name} alone")
            for share in range(3, 9):
                memory.revise(fact.id, importance=share / 10)
            clock.advance(10_000)
            if pruned in (name, "both"):
                assert memory.storage.prune(keep_days=0, dry_run=False).pruned
            if name == "in place":
                memory.remember("One more.")  # so that the copies do not end at the same number
            else:
                memory.storage.backup(backup)
    for replace in (False, True):
        with pytest.raises(InvalidField, match="went on from one copy"):
            restore(backup, here, replace=replace, clock=clock)


@pytest.mark.parametrize("by", ["a chain value", "a memory"])
def test_such_a_fork_is_told_by_whatever_is_left_of_it(tmp_path, by):
    here, there, backup = tmp_path / "here.db", tmp_path / "there.db", tmp_path / "backup.db"
    clock = SteppedClock(START_MS)
    with Memory.open(here, embedder=None, clock=clock) as memory:
        fact = memory.remember("Ada runs.", importance=0.1)
        other = memory.remember("Ada swims.", importance=0.1)
    shutil.copy(here, there)
    with Memory.open(here, embedder=None, clock=clock) as memory:
        memory.revise(fact.id, importance=0.2)
        memory.revise(fact.id, importance=0.3)
        if by == "a memory":
            memory.remember("Ada climbs.")
        clock.advance(10_000)
        assert memory.storage.prune(keep_days=0, dry_run=False).pruned == 1
    # The other went further, so that nothing in place is beyond it.
    with Memory.open(there, embedder=None, clock=clock) as memory:
        for share in range(1, 10):
            memory.revise(other.id, importance=share / 20)
        clock.advance(10_000)
        if by == "a memory":  # nor is there a number of which both know the chain
            assert memory.storage.prune(keep_days=0, dry_run=False).pruned
        memory.storage.backup(backup)
    with pytest.raises(InvalidField, match="went on from one copy"):
        restore(backup, here, replace=True, clock=clock)


def test_a_restore_over_a_pruned_space_tells_what_it_counts_and_what_was_pruned(tmp_path):
    clock = SteppedClock(START_MS)
    path, backup = tmp_path / "here.db", tmp_path / "backup.db"
    with Memory.open(path, embedder=None, clock=clock) as memory:
        fact = memory.remember("Ada runs.", importance=0.1)
        memory.storage.backup(backup)
        for share in range(3, 9):
            memory.revise(fact.id, importance=share / 10)
        clock.advance(10_000)
        pruned = memory.storage.prune(keep_days=0, dry_run=False).pruned
        memory.remember("Ada swims.")
    assert pruned == 5
    report = restore(backup, path, dry_run=True, clock=clock)
    assert (report.lost.events, dict(report.lost.by_what), report.lost.pruned) == (
        2,
        {"revised": 1, "remembered": 1},
        pruned,
    )
    with pytest.raises(AlreadyThere, match="beside 5 events since that were pruned there already"):
        restore(backup, path, clock=clock)
    assert restore(backup, path, replace=True, clock=clock).lost.pruned == pruned


@pytest.mark.parametrize("by", ["the space in place", "a journal"])
def test_a_shorter_copy_that_went_on_by_itself_is_told_where_nothing_was_pruned(tmp_path, by):
    here, there, backup = tmp_path / "here.db", tmp_path / "there.db", tmp_path / "backup.db"
    clock = SteppedClock(START_MS)
    with Memory.open(here, embedder=None, clock=clock) as memory:
        code = memory.remember("The door code is 7306.")
    shutil.copy(here, there)
    # One goes further than the other, so that nothing of the other is beyond it, not even what it forgot.
    with Memory.open(there, embedder=None, clock=clock) as memory:
        for number in range(9):
            memory.remember(f"Note {number}.")
        memory.storage.backup(backup)
    with Memory.open(here, embedder=None, clock=clock) as memory:
        memory.forget(code.id)
        (tmp_path / "journal.jsonl").write_text("\n".join(memory.storage.journal()), "utf-8")
    new = tmp_path / "new.db"
    target, told = (new, {"journal": tmp_path / "journal.jsonl"}) if by == "a journal" else (here, {"replace": True})
    with pytest.raises(InvalidField, match="went on from one copy"):
        restore(backup, target, clock=clock, **told)
    assert not new.exists()


@pytest.mark.parametrize("pruned", [False, True])
def test_a_chain_value_that_was_altered_in_place_is_no_fork(tmp_path, pruned):
    path, backup = tmp_path / "here.db", tmp_path / "backup.db"
    clock = SteppedClock(START_MS)
    with Memory.open(path, embedder=None, clock=clock) as memory:
        fact = memory.remember("Ada runs.", importance=0.1)
        for share in range(3, 9):
            memory.revise(fact.id, importance=share / 10)
        clock.advance(10_000)
        memory.storage.backup(backup)
        if pruned:
            assert memory.storage.prune(keep_days=0, dry_run=False).pruned == 5
        memory.remember("Ada swims.")
    tamper(path, "UPDATE event SET chain = zeroblob(32) WHERE seq = 1")
    assert restore(backup, path, replace=True, clock=clock).lost.events == 1
