"""Two copies of one file that both went on are told from a peer that lags behind, whatever was pruned of the space."""

from __future__ import annotations

import shutil

import pytest

from holdfast import Memory
from holdfast.errors import InvalidField
from holdfast.testing.faults import SteppedClock
from tests.services.conftest import START_MS


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
