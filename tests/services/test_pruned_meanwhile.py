"""Whoever reads while another process prunes is told so, or answered from one moment: never of damage that is none."""

from __future__ import annotations

import subprocess
import sys

import pytest

from holdfast import Memory
from holdfast.adapters.sqlite.store import SqliteStore
from holdfast.errors import HistoryPruned
from holdfast.services import journals
from tests.services.scenes import refused

_PRUNE = """
import sys
from holdfast import Memory
with Memory.open(sys.argv[1], embedder=None) as memory:
    print(memory.storage.prune(keep_days=0, superseded=True, dry_run=False).pruned)
"""


def pruned_by_another_process(path) -> int:
    """How many events another process drops."""
    done = subprocess.run([sys.executable, "-c", _PRUNE, str(path)], capture_output=True, text=True, check=True)
    return int(done.stdout)


def lived(memory: Memory) -> str:
    """Versions to prune, and a superseded memory to forget; gives the id of what was revised."""
    fact = memory.remember("Ada lives in Lisbon.", key="town", importance=0.1)
    for share in range(2, 9):
        memory.revise(fact.id, importance=share / 10)
    memory.correct(memory.remember("Ada has a cat.").id, "Ada has two cats.")
    return fact.id


def test_a_journal_that_is_pruned_while_it_is_read_is_said_to_be(opened, path, monkeypatch):
    monkeypatch.setattr(journals, "PAGE", 3)
    memory = opened(path)
    lived(memory)
    lines = memory.storage.journal()
    read = [next(lines) for _ in range(3)]
    assert pruned_by_another_process(path) > 0
    with refused(memory, HistoryPruned, "pruned up to event"):
        read.extend(lines)
    assert not any('"end"' in line for line in read), "half a journal must not end like a whole one"
    assert memory.check() == []


@pytest.mark.parametrize("meanwhile", ["prunes", "forgets"])
def test_a_check_that_others_write_beside_finds_nothing(meanwhile, opened, path, monkeypatch):
    memory, other = opened(path), opened(path)
    fact = lived(memory)
    done = list[str]()
    honest = SqliteStore.problems

    def problems(self: SqliteStore) -> list[str]:
        # The check is in the middle: between its look at the chains and its replay.
        if self.path == str(path) and not done:
            done.append(meanwhile)
            if meanwhile == "forgets":
                other.forget(fact)
            else:
                assert pruned_by_another_process(path) > 0
        return honest(self)

    monkeypatch.setattr(SqliteStore, "problems", problems)
    assert memory.check() == []
    assert done


def test_the_history_of_a_past_that_was_pruned_since_is_refused(opened, path, clock):
    memory = opened(path)
    fact = lived(memory)
    memory.storage.snapshot()
    seq = memory.summary().events
    clock.advance(1_000)
    memory.revise(fact, importance=0.95)
    with memory.at(seq=seq) as past:
        assert len(past.history(fact).entries) == 8
        assert pruned_by_another_process(path) > 0
        with refused(memory, HistoryPruned, "was pruned", "opened before the pruning"):
            past.history(fact)
        assert past.get(fact).importance == 0.8, "what it holds itself is shown"
    with memory.at(seq=memory.summary().events) as past:
        assert len(past.history(fact).entries) == 2, "a view from after the pruning tells what there is"
