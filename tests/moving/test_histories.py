"""Random histories of several nodes, moved whole: the same space, by every question that can be asked of it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import example, given, settings

from holdfast import Memory
from holdfast.model.ids import id_text
from holdfast.model.times import format_when
from holdfast.recovery import restore
from holdfast.testing.faults import SteppedClock
from tests.laws.worlds import SPACE, World, make_world, run_step, sqlite_in_memory, steps

NOW_MS = 1_700_000_100_000


def run(given_steps) -> World:
    world = make_world(sqlite_in_memory, 2)
    for step in given_steps:
        run_step(world, step)
    return world


def journal_of(world: World) -> list[str]:
    """Everything both nodes wrote, as the lines of the first."""
    from holdfast.core.journal_lines import JournalHead, journal_lines

    first, second = world.nodes
    first.ledger.merge(second.events())
    # As every merge of a space ends: the steps may derive from what is forgotten, which no call of a user can.
    first.ledger.forget_orphans("owner")
    return list(journal_lines(JournalHead(SPACE, first.ledger.secret), first.events(), NOW_MS))


def told(memory: Memory) -> list[object]:
    length = memory.summary().events
    past = [
        [(one.id, one.version, one.text) for one in memory.at(seq=seq).records()] for seq in range(0, length + 1, 3)
    ]
    moment = format_when(1_700_000_000_500)
    return [
        memory.storage.digest(),
        list(memory.records(quarantined=True)),
        sorted(memory.export(superseded=True)),
        memory.receipts(),
        past,
        [one.text for one in memory.at(moment).records()],
    ]


@settings(max_examples=40, deadline=None)
@example([("fact", 0, 0, 0), ("forget", 0, 0, 0), ("derive", 0, 1, 0)])
@given(steps)
def test_a_moved_history_answers_everything_as_before(given_steps):
    world = run(given_steps)
    lines = journal_of(world)
    with (
        Memory.open(":memory:", embedder=None, clock=SteppedClock(NOW_MS)) as one,
        Memory.open(":memory:", embedder=None, clock=SteppedClock(NOW_MS, seed=9)) as two,
    ):
        one.import_(lines)
        two.import_(one.storage.journal())
        assert one.storage.digest() == world.nodes[0].digest().hex()
        assert told(two) == told(one)
        assert one.check() == two.check() == []
        for receipt in one.receipts():
            assert two.verify(receipt).holds
        assert two.verify(one.proof()).holds
        two.remember("It goes on.")
        assert two.check() == []


@settings(max_examples=25, deadline=None)
@given(steps)
def test_an_old_backup_never_brings_back_what_was_forgotten(given_steps):
    half = len(given_steps) // 2
    world = run(given_steps[:half])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clock = SteppedClock(NOW_MS)
        with Memory.open(folder / "ada.db", embedder=None, clock=clock) as memory:
            memory.import_(journal_of(world))
            memory.storage.backup(folder / "ada.bak")
            for step in given_steps[half:]:
                run_step(world, step)
            memory.import_(journal_of(world))
            receipts = memory.receipts()
        restore(folder / "ada.bak", folder / "ada.db", replace=True, clock=clock)
        with Memory.open(folder / "ada.db", embedder=None, clock=clock) as memory:
            assert memory.check() == []
            held = {record.id for record in memory.records(quarantined=True)}
            gone = {one for receipt in receipts for one in (*receipt.forgotten, *receipt.derived)}
            assert not held & gone
            for receipt in receipts:
                assert memory.verify(receipt).holds
    assert not {id_text(one) for one in world.forgotten} & held
