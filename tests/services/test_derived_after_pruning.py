"""What a peer derived from a memory that was pruned here stays, and goes with whatever that memory came from."""

from __future__ import annotations

import pytest

from holdfast import Memory
from holdfast.errors import ConfirmationNeeded, Gone
from holdfast.recovery import restore
from tests.services.scenes import bytes_of, tamper

CODE = "The door code is 7306."


@pytest.fixture
def scene(opened, tmp_path, clock):
    """A space with something derived from a pruned memory, itself derived from another one; gives the three ids."""
    memory, peer = opened(tmp_path / "here.db"), opened(tmp_path / "peer.db")
    first = memory.remember(CODE)
    second = memory.remember("Ada has a door with a code.", sources=[first.id])
    peer.storage.merge(list(memory.storage.journal()))
    memory.correct(second.id, "Ada has a door.")
    third = peer.remember("Ada opens her door with 7306.", sources=[second.id])
    clock.advance(10_000)
    assert memory.storage.prune(keep_days=0, superseded=True, dry_run=False).superseded == 1
    memory.storage.merge(list(peer.storage.journal()))
    assert memory.get(third.id)
    return memory, peer, first.id, second.id, third.id


def test_a_forget_reaches_at_once_through_what_was_pruned(scene, tmp_path):
    memory, _, first, _, third = scene
    shown = memory.preview_forget(first)
    assert third in {one.id for one in shown.derived}
    receipt = memory.forget(first)
    assert third in receipt.derived
    with pytest.raises(Gone):
        memory.get(third)
    assert memory.recall("door 7306").hits == ()
    assert memory.verify(receipt).holds
    assert b"7306" not in bytes_of(tmp_path / "here.db")


def test_a_pruned_memory_that_is_forgotten_among_many_is_in_their_token(scene):
    memory, _, _, second, third = scene
    many = [memory.remember(f"Note {number}.").id for number in range(101)]
    shown = memory.preview_forget(second, *many)
    assert third in {one.id for one in shown.derived}
    with pytest.raises(ConfirmationNeeded):
        memory.forget(second, *many)
    receipt = memory.forget(second, *many, confirm=shown.token)
    assert set(receipt.forgotten) == {second, *many}
    assert receipt.derived == (third,)


def test_a_forget_that_comes_from_a_peer_reaches_through_what_falls_and_was_pruned(opened, tmp_path, clock):
    # The peer forgets the beginning and has never heard of what was made of it here, so nothing falls with it there.
    memory, peer, third = (opened(tmp_path / f"{name}.db") for name in ("here", "peer", "third"))
    begun = memory.remember(CODE)
    peer.storage.merge(list(memory.storage.journal()))
    held = memory.remember("Ada told her door code.", sources=[begun.id])
    pruned = memory.remember("Ada has a door with a code.", sources=[held.id])
    third.storage.merge(list(memory.storage.journal()))
    memory.correct(pruned.id, "Ada has a door.")
    last = third.remember("Ada opens her door with 7306.", sources=[pruned.id])
    clock.advance(10_000)
    assert memory.storage.prune(keep_days=0, superseded=True, dry_run=False).superseded == 1
    memory.storage.merge(list(third.storage.journal()))
    assert memory.get(last.id)
    peer.forget(begun.id)
    memory.storage.merge(list(peer.storage.journal()))
    for gone in (begun, held, last):
        with pytest.raises(Gone):
            memory.get(gone.id)


def test_a_tombstone_that_was_altered_spares_nothing_and_stands_in_no_forgets_way(scene, tmp_path, opened):
    memory, _, first, second, _ = scene
    memory.close()
    tamper(
        tmp_path / "here.db",
        "UPDATE event SET payload = CAST(replace(CAST(payload AS TEXT), 'spares', 'sparez') AS BLOB) WHERE type = 4",
    )
    memory = opened(tmp_path / "here.db")
    assert memory.forget(second).already == (second,)
    assert memory.forget(first).forgotten == (first,)


@pytest.mark.parametrize("reached", ["before", "after"])
def test_a_restore_lets_what_was_derived_from_a_pruned_memory_stay_until_its_beginning_is_forgotten(
    scene, tmp_path, clock, reached
):
    memory, peer, first, second, third = scene
    backup = tmp_path / "backup.db"
    if reached == "after":
        memory.storage.backup(backup)
    else:  # the peer holds all three still
        peer.storage.backup(backup)
        memory.forget(first)
    memory.close()
    target = tmp_path / "here.db"
    restore(backup, target, replace=True, clock=clock)
    with Memory.open(target, embedder=None, clock=clock) as memory:
        with pytest.raises(Gone):
            memory.get(second)
        if reached == "before":
            with pytest.raises(Gone):
                memory.get(third)
            return
        assert memory.get(third)
        assert third in memory.forget(first).derived
