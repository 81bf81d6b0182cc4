"""`HoldfastSaver` beyond the conformance package: values, histories, refusals and forgetting."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.base.id import uuid6
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.serde.types import _DeltaSnapshot

from holdfast import Memory
from holdfast.errors import InvalidField, OverLimit
from holdfast.integrations.langgraph import HoldfastSaver
from holdfast.integrations.langgraph.waiting import Task
from holdfast.model.items import ItemChange
from holdfast.services import items

THREAD: dict[str, Any] = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}


@pytest.fixture
def memory(tmp_path):
    with Memory.open(tmp_path / "a.db", embedder=None) as opened:
        yield opened


@pytest.fixture
def saver(memory):
    return HoldfastSaver(memory)


def put(saver, config, step, values, new, versions=None, **metadata):
    checkpoint = empty_checkpoint()
    checkpoint["id"] = str(uuid6(clock_seq=step))
    checkpoint["channel_values"], checkpoint["channel_versions"] = values, versions or new
    return saver.put(config, checkpoint, {"source": "loop", "step": step, **metadata}, new)


@pytest.mark.parametrize("versions", [(1, 2), (1.5, 2.5), ("a", "b")])
def test_versions_of_any_sort_come_back_as_they_were(saver, versions):
    first, second = versions
    config = put(saver, THREAD, 0, {"x": [1], "y": None}, {"x": first, "y": first})
    put(saver, config, 1, {"x": [1, 2]}, {"x": second}, {"x": second, "y": first})
    found = saver.get_tuple(THREAD)
    assert found.checkpoint["channel_versions"] == {"x": second, "y": first}
    assert found.checkpoint["channel_values"] == {"x": [1, 2], "y": None}
    assert found.parent_config == config


def test_values_come_back_as_the_objects_they_were(saver):
    values = {"set": {1, 2}, "bytes": b"\x00\xff", "text": "grüß 日本"}
    put(saver, THREAD, 0, values, dict.fromkeys(values, "1"))
    found = saver.get_tuple(THREAD).checkpoint["channel_values"]
    assert found == values
    assert {name: type(one) for name, one in found.items()} == {name: type(one) for name, one in values.items()}


def test_pickle_is_refused_wherever_it_hides(memory):
    pickling = JsonPlusSerializer(pickle_fallback=True)
    with pytest.raises(InvalidField, match="pickle"):
        HoldfastSaver(memory, serde=pickling)
    with pytest.raises(InvalidField, match="pickle"):
        HoldfastSaver(memory, serde=EncryptedSerializer(object(), pickling))
    assert HoldfastSaver(memory).serde.pickle_fallback is False


def test_a_configuration_without_a_thread_is_refused(saver):
    for wrong in ({}, {"configurable": {}}, {"configurable": {"thread_id": None}}):
        with pytest.raises(InvalidField, match="thread"):
            saver.get_tuple(wrong)
    with pytest.raises(InvalidField, match="strategy"):
        saver.prune(["t"], strategy="oldest")


def test_what_is_too_large_is_refused_with_what_to_do(saver):
    with pytest.raises(OverLimit, match="elsewhere"):
        put(saver, THREAD, 0, {"x": bytes(24 << 20)}, {"x": "1"})
    assert saver.get_tuple(THREAD) is None


def test_two_branches_of_a_thread_never_make_the_same_version(saver):
    versions = {saver.get_next_version("1.5", None) for _ in range(200)}
    assert len(versions) == 200
    assert all(one > saver.get_next_version(None, None) for one in versions)
    assert saver.get_next_version(3, None).startswith("0" * 31 + "4.")


def both(tmp_path, drive):
    """What a scene gives on the reference saver and on this one."""
    with Memory.open(tmp_path / "b.db", embedder=None) as memory:
        return drive(InMemorySaver()), drive(HoldfastSaver(memory))


def history_of(saver):
    """A thread whose channel is whole at its second checkpoint and follows from its writes from there on."""
    config, ids = THREAD, []
    for step in range(6):
        whole = {"log": _DeltaSnapshot(["w"])} if step == 1 else {}
        counted = {"counters_since_delta_snapshot": {"log": (step, step)}} if step > 1 else {}
        config = put(saver, config, step, whole, {"log": f"{step}"}, **counted)
        ids.append(config)
        saver.put_writes(config, [("log", f"b{step}"), ("other", 1)], f"task-b{step}", "~2")
        saver.put_writes(config, [("log", f"a{step}")], f"task-c{step}", "~1")
    return ids


def test_a_history_is_that_of_the_reference_saver(tmp_path):
    def drive(saver):
        ids = history_of(saver)
        wanted = [THREAD, ids[0], ids[1], ids[2], ids[5]]
        return [saver.get_delta_channel_history(config=one, channels=["log", "other", "none"]) for one in wanted]

    reference, ours = both(tmp_path, drive)
    assert ours == reference
    assert ours[0]["log"]["seed"] == _DeltaSnapshot(["w"])
    assert [value for _, _, value in ours[0]["log"]["writes"]] == ["a1", "b1", "a2", "b2", "a3", "b3", "a4", "b4"]


def test_pruning_keeps_a_history_whole(saver):
    history_of(saver)
    before = saver.get_delta_channel_history(config=THREAD, channels=["log"])
    saver.prune(["t"])
    assert saver.get_delta_channel_history(config=THREAD, channels=["log"]) == before
    assert len(list(saver.list(THREAD))) == 5


def test_a_copied_thread_has_the_same_history(saver):
    history_of(saver)
    saver.copy_thread("t", "u")
    saver.delete_thread("t")
    copied = {"configurable": {"thread_id": "u", "checkpoint_ns": ""}}
    assert len(saver.get_delta_channel_history(config=copied, channels=["log"])["log"]["writes"]) == 8


def test_filters_reach_into_the_metadata(saver):
    put(saver, THREAD, 0, {}, {}, user={"name": "ada"}, **{"a.b": 1})
    assert len(list(saver.list(None, filter={"user.name": "ada"}))) == 1
    assert len(list(saver.list(None, filter={"a.b": 1, "step": 0}))) == 1
    assert list(saver.list(None, filter={"user.name": "bob"})) == []
    assert list(saver.list(THREAD, limit=0)) == []


def test_awaited_calls_do_what_the_others_do(saver):
    async def drive():
        checkpoint = empty_checkpoint()
        checkpoint["channel_values"], checkpoint["channel_versions"] = {"x": 1}, {"x": "1"}
        config = await saver.aput(THREAD, checkpoint, {"source": "input", "step": -1, "run_id": "r"}, {"x": "1"})
        await saver.aput_writes(config, [("x", 2)], "task")
        found = await saver.aget_tuple(THREAD)
        assert found.pending_writes == [("task", "x", 2)]
        assert [one.config async for one in saver.alist(THREAD)] == [config]
        await saver.acopy_thread("t", "u")
        await saver.aprune(["u"])
        assert await saver.aget_delta_channel_history(config=THREAD, channels=["x"]) == {"x": {"writes": []}}
        await saver.adelete_thread("u")
        await saver.adelete_for_runs(["r"])
        return await saver.aget_tuple(THREAD)

    assert asyncio.run(drive()) is None


def test_what_was_said_in_a_thread_and_its_checkpoints_are_forgotten_together(memory, saver):
    memory.session("t").add("user", "My word is marmalade.")
    put(saver, THREAD, 0, {"messages": ["My word is marmalade."]}, {"messages": "1"})
    receipt = memory.forget(session="t", confirm=memory.preview_forget(session="t").token)
    assert saver.get_tuple(THREAD) is None
    assert memory.verify(receipt).holds
    raw = b"".join(line.encode() for line in memory.storage.journal())
    assert b"marmalade" not in raw


def test_an_allowlist_gives_a_saver_that_shares_all_else(memory):
    saver = HoldfastSaver(memory, serde=JsonPlusSerializer(allowed_msgpack_modules=None))
    narrowed = saver.with_allowlist([("tests.nowhere", "Nothing")])
    assert narrowed is not saver
    assert narrowed.waiting is saver.waiting
    put(narrowed, THREAD, 0, {"x": 1}, {"x": "1"})
    assert saver.get_tuple(THREAD).checkpoint["channel_values"] == {"x": 1}


def test_a_history_that_leads_back_to_itself_ends(saver):
    first = put(saver, THREAD, 0, {}, {})
    second = put(saver, first, 1, {}, {})
    saver.put_writes(first, [("x", "of the first")], "task")
    again = empty_checkpoint()
    again["id"] = first["configurable"]["checkpoint_id"]
    saver.put(second, again, {}, {})
    found = saver.get_delta_channel_history(config=second, channels=["x"])
    assert [value for _, _, value in found["x"]["writes"]] == ["of the first"]


def test_what_waits_goes_with_its_thread(memory, saver):
    change = ItemChange(("users",), "k", {"t": "waits"})
    for thread in ("gone", "kept"):
        task = Task(thread, "task", "node:task", {"": "0"}, at_exit=True)
        saver.waiting.add(task, {(("users",), "k"): change}, datetime.now(UTC))
    saver.delete_thread("gone")
    assert (len(saver.waiting.seen("gone")), len(saver.waiting.seen("kept"))) == (0, 1)
    put(saver, {"configurable": {"thread_id": "gone"}}, 0, {}, {})
    assert list(memory.items.list()) == []


def test_a_task_may_put_more_than_one_call_takes(memory, saver, monkeypatch):
    monkeypatch.setattr(items, "CHANGES", 3)
    changes = {(("users",), str(at)): ItemChange(("users",), str(at), {"at": at}, ()) for at in range(5)}
    config = put(saver, THREAD, 0, {}, {})
    saver.waiting.add(Task("t", "task", "node:task", {}, at_exit=False), changes, datetime.now(UTC))
    saver.put_writes(config, [("x", 1)], "task")
    assert [one.key for one in memory.items.list()] == list("01234")
    with pytest.raises(InvalidField):
        memory.items.apply(list(changes.values()))
