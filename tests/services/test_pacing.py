"""Long work gives way to recalls, and to nothing else."""

from __future__ import annotations

import threading

import pytest

from holdfast.services import live_index, pacing
from holdfast.services.pacing import Pace


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A processor clock that a step advances by a millisecond, and the rests that were taken."""
    rests, worked = list[float](), [0.0]

    def thread_time() -> float:
        worked[0] += 0.001
        return worked[0]

    monkeypatch.setattr(pacing.time, "thread_time", thread_time)
    monkeypatch.setattr(pacing.time, "sleep", rests.append)
    return rests


def test_work_rests_only_while_somebody_recalls(machine):
    wanted = [False]
    pace = Pace(lambda: wanted[0])
    for _ in range(10):
        pace.step()
    assert machine == []
    wanted[0] = True
    for _ in range(10):
        pace.step()
    assert machine == [pytest.approx(0.001 * (1 / pacing.SHARE - 1))] * 10


def test_a_recall_is_noticed_while_it_runs_and_a_little_longer(memory, monkeypatch):
    memory.remember("Ada runs.")
    index = memory._space.index
    now = [100.0]
    monkeypatch.setattr(live_index.time, "monotonic", lambda: now[0])
    assert not index.is_wanted()
    with index.level():
        now[0] += 1_000
        assert index.is_wanted()
    assert index.is_wanted()
    now[0] += 2 * live_index.LATELY_S
    assert not index.is_wanted()


def test_memories_are_forgotten_while_another_thread_recalls(memory):
    chat = memory.session("s")
    turns = [chat.add("user", f"Turn {number} about tea.") for number in range(80)]
    stop, failures = threading.Event(), list[BaseException]()

    def recall() -> None:
        try:
            while not stop.is_set():
                memory.recall("tea")
        except BaseException as error:  # noqa: BLE001 - the edge of a thread: looked at below
            failures.append(error)

    asking = threading.Thread(target=recall)
    asking.start()
    receipt = memory.forget(*(turn.id for turn in turns[:70]))
    stop.set()
    asking.join()
    assert failures == []
    assert len(receipt.forgotten) == 70
    assert {hit.id for hit in memory.recall("tea", limit=100)} == {turn.id for turn in turns[70:]}
