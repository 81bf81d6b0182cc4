"""Checkpoints: a version of a channel is stored once, and what belongs together is committed together."""

from __future__ import annotations

import json

import pytest

from holdfast import Memory
from holdfast.errors import Damaged, InvalidField, InvalidInput, OverLimit
from holdfast.model.checkpoints import Blob, Checkpoint, TaskWrite
from holdfast.model.items import ItemChange
from holdfast.model.records import Kind

ONE_MB = 1 << 20


@pytest.fixture
def memory(tmp_path):
    with Memory.open(tmp_path / "a.db", embedder=None) as opened:
        yield opened


def blob(text):
    return Blob("text", text.encode())


def checkpoint(named, parent=None, thread="t", namespace="", run=None, deltas=(), **versions):
    return Checkpoint(thread, namespace, named, blob(f"state {named}"), blob("{}"), parent, run, versions, deltas)


def kept(memory, kind):
    return [line for line in map(json.loads, memory.export()) if line["content"]["kind"] == kind]


def test_a_checkpoint_has_the_values_of_the_versions_it_names(memory):
    memory.checkpoints.put(checkpoint("c1", a="1", b="1"), {"a": blob("a1"), "b": blob("b1")})
    memory.checkpoints.put(checkpoint("c2", "c1", a="2", b="1", empty="1"), {"a": blob("a2")})
    found = memory.checkpoints.get("t")
    assert found.checkpoint == checkpoint("c2", "c1", a="2", b="1", empty="1")
    assert found.values == {"a": blob("a2"), "b": blob("b1")}
    assert memory.checkpoints.get("t", "", "c1").values == {"a": blob("a1"), "b": blob("b1")}
    assert memory.checkpoints.get("t", "sub") is None
    assert len(kept(memory, "channel")) == 3


def test_the_greatest_id_is_the_newest_in_whichever_order_they_came(memory):
    for named in ("c2", "c3", "c1"):
        memory.checkpoints.put(checkpoint(named), {})
    assert memory.checkpoints.get("t").checkpoint.id == "c3"
    assert [one.checkpoint.id for one in memory.checkpoints.list("t")] == ["c3", "c2", "c1"]
    assert [one.checkpoint.id for one in memory.checkpoints.list(before="c3")] == ["c2", "c1"]


def test_writes_keep_their_place_and_special_ones_are_replaced(memory):
    memory.checkpoints.put(checkpoint("c1"), {})
    first = [TaskWrite("t1", "~1", 0, "a", blob("x")), TaskWrite("t1", "~1", -1, "error", blob("no"))]
    later = [TaskWrite("t1", "~1", 0, "a", blob("y")), TaskWrite("t1", "~1", -1, "error", blob("still no"))]
    memory.checkpoints.put_writes("t", "", "c1", first)
    memory.checkpoints.put_writes("t", "", "c1", later)
    memory.checkpoints.put_writes("t", "", "c1", [TaskWrite("t0", "~2", 0, "b", blob("z"))])
    found = memory.checkpoints.get("t").writes
    assert [(one.task, one.index, one.value.data) for one in found] == [
        ("t1", -1, b"still no"), ("t1", 0, b"x"), ("t0", 0, b"z"),
    ]  # fmt: skip
    assert memory.checkpoints.writes("t", "", "c1") == found


def test_items_are_committed_with_a_checkpoint_or_neither_is(memory):
    memory.checkpoints.put(checkpoint("c1"), {}, also=[ItemChange(("n",), "k", {"v": 1})])
    assert memory.items.get(("n",), "k").value == {"v": 1}
    before = memory.proof()
    with pytest.raises(InvalidInput):
        memory.checkpoints.put(checkpoint("c2"), {}, also=[ItemChange(("n",), "k", {"v": float("inf")})])
    with pytest.raises(InvalidInput):
        memory.checkpoints.put_writes("t", "", "c1", [], also=[ItemChange(("n",), "", {"v": "\ud800"})])
    assert memory.proof() == before
    assert memory.checkpoints.find("t", "", "c2") is None
    memory.checkpoints.put_writes(
        "t", "", "c1", [TaskWrite("t1", "", 0, "a", blob("x"))], also=[ItemChange(("n",), "k", None)]
    )
    assert memory.items.get(("n",), "k") is None
    assert len(memory.checkpoints.writes("t", "", "c1")) == 1


def test_long_values_are_cut_and_joined_and_too_long_ones_refused(memory):
    data = bytes(range(256)) * (12 * ONE_MB // 256)
    memory.checkpoints.put(checkpoint("c1", a="1"), {"a": Blob("bytes", data)})
    assert memory.checkpoints.get("t").values["a"].data == data
    assert len(kept(memory, "channel")) > 1
    before = memory.proof()
    with pytest.raises(OverLimit, match="keep large things elsewhere"):
        memory.checkpoints.put(checkpoint("c2", "c1", a="2"), {"a": Blob("bytes", bytes(24 * ONE_MB))})
    assert memory.proof() == before


def test_a_thread_is_copied_with_its_whole_history(memory):
    memory.checkpoints.put(checkpoint("c1", a="1"), {"a": blob("a1")})
    memory.checkpoints.put_writes("t", "", "c1", [TaskWrite("t1", "", 0, "a", blob("x"))])
    memory.checkpoints.put(checkpoint("c2", "c1", a="1", namespace="sub"), {})
    assert memory.checkpoints.copy("t", "u") == 2
    assert memory.checkpoints.forget_thread("t") == 2
    assert memory.checkpoints.threads() == ["u"]
    assert memory.checkpoints.get("u").values == {"a": blob("a1")}
    assert len(memory.checkpoints.get("u").writes) == 1
    assert memory.checkpoints.get("u", "sub").checkpoint.parent == "c1"


def test_a_forgotten_thread_is_gone_and_may_begin_again(memory):
    memory.checkpoints.put(checkpoint("c1", a="1"), {"a": blob("a1")})
    memory.checkpoints.forget_thread("t")
    assert memory.checkpoints.get("t") is None
    assert memory.checkpoints.threads() == []
    memory.checkpoints.put(checkpoint("c1", a="1"), {"a": blob("again")})
    assert memory.checkpoints.get("t").values == {"a": blob("again")}
    assert memory.checkpoints.forget_thread("never") == 0


def test_pruning_leaves_the_newest_with_all_that_it_stands_on(memory):
    memory.checkpoints.put(checkpoint("c1", a="1", b="1"), {"a": blob("a1"), "b": blob("b1")})
    memory.checkpoints.put(checkpoint("c2", "c1", a="2", b="1"), {"a": blob("a2")})
    memory.checkpoints.put(checkpoint("c3", "c2", a="2", b="1"), {})
    memory.checkpoints.put_writes("t", "", "c3", [TaskWrite("t1", "", 0, "a", blob("x"))])
    assert memory.checkpoints.prune(["t"]) == 2
    (left,) = memory.checkpoints.list("t")
    assert (left.checkpoint.id, left.values) == ("c3", {"a": blob("a2"), "b": blob("b1")})
    assert len(left.writes) == 1
    assert memory.checkpoints.value("t", "", "a", "1") is None
    assert memory.checkpoints.prune(["t", "never"]) == 0


def test_pruning_leaves_the_way_to_the_value_that_a_history_begins_with(memory):
    for number in range(1, 6):
        values = {"log": blob("whole")} if number == 2 else {}
        deltas = ("log",) if number > 2 else ()
        parent = f"c{number - 1}" if number > 1 else None
        memory.checkpoints.put(checkpoint(f"c{number}", parent, deltas=deltas, log=str(number)), values)
        memory.checkpoints.put_writes("t", "", f"c{number}", [TaskWrite("t1", "", 0, "log", blob(str(number)))])
    assert memory.checkpoints.prune(["t"]) == 1
    assert [one.checkpoint.id for one in memory.checkpoints.list("t")] == ["c5", "c4", "c3", "c2"]
    assert memory.checkpoints.value("t", "", "log", "2") == blob("whole")


def test_the_runs_that_are_named_go_and_values_that_others_stand_on_stay(memory):
    memory.checkpoints.put(checkpoint("c1", run="r1", a="1", b="1"), {"a": blob("a1"), "b": blob("b1")})
    memory.checkpoints.put(checkpoint("c2", "c1", run="r2", a="1", b="2"), {"b": blob("b2")})
    memory.checkpoints.put(checkpoint("c1", thread="u", run="r1"), {})
    assert memory.checkpoints.forget_runs(["r1", "unknown"]) == 2
    assert [one.checkpoint.thread for one in memory.checkpoints.list()] == ["t"]
    assert memory.checkpoints.get("t").values == {"a": blob("a1"), "b": blob("b2")}
    assert memory.checkpoints.value("t", "", "b", "1") is None
    assert memory.checkpoints.forget_runs([]) == 0


def test_forgetting_a_session_reaches_the_checkpoints_of_the_thread(memory):
    memory.session("t").add("user", "My code is marmalade-77.")
    memory.checkpoints.put(checkpoint("c1", a="1"), {"a": blob("marmalade-77")})
    memory.checkpoints.put_writes("t", "", "c1", [TaskWrite("t1", "", 0, "a", blob("marmalade-77"))])
    memory.checkpoints.put(checkpoint("c1", thread="other"), {})
    preview = memory.preview_forget(session="t")
    assert preview.by_kind["checkpoint"] == preview.by_kind["channel"] == preview.by_kind["task_writes"] == 1
    receipt = memory.forget(session="t")
    assert memory.checkpoints.get("t") is None
    assert memory.checkpoints.threads() == ["other"]
    assert memory.verify(receipt).holds
    assert "bWFybWFsYWRl" not in "".join(memory.storage.journal())  # base64 of the word


def test_nothing_of_a_thread_is_recalled_listed_or_counted(memory):
    memory.checkpoints.put(checkpoint("c1", a="1"), {"a": blob("marmalade")})
    assert list(memory.recall("marmalade t")) == []
    assert list(memory.records()) == []
    assert memory.summary().by_kind == {}
    assert memory.session("t").turns() == []
    assert memory.sessions.list() == []


def test_checkpoints_survive_a_restart_an_export_a_rebuild_and_another_process(tmp_path):
    with Memory.open(tmp_path / "a.db", embedder=None) as one, Memory.open(tmp_path / "a.db", embedder=None) as two:
        one.checkpoints.put(checkpoint("c1", a="1"), {"a": blob("a1")})
        assert two.checkpoints.get("t").checkpoint.id == "c1"
        two.checkpoints.put(checkpoint("c2", "c1", a="1"), {})
        two.checkpoints.put_writes("t", "", "c2", [TaskWrite("t1", "", 0, "a", blob("x"))])
        found = one.checkpoints.get("t")
        assert (found.checkpoint.id, len(found.writes)) == ("c2", 1)
        assert one.storage.digest() == one.storage.rebuild()
        lines = list(one.export())
    with Memory.open(tmp_path / "b.db", embedder=None) as other:
        other.import_(lines)
        other.import_(lines)
        assert other.checkpoints.get("t") == found
        assert other.check() == []
        with other.at(seq=1) as past:
            assert len(list(past.checkpoints.list())) <= 1


def test_an_altered_value_is_named_and_never_given(memory):
    memory.checkpoints.put(checkpoint("c1", a="1"), {"a": blob("a1")})
    (broken,) = kept(memory, "channel")
    body = json.loads(broken["content"]["body"])
    broken["content"]["body"] = json.dumps({**body, "data": '["text","%%%"]'}, sort_keys=True, separators=(",", ":"))
    with Memory.open(":memory:", embedder=None) as other:
        other.import_([json.dumps(broken)])
        with pytest.raises(Damaged, match="channel"):
            other.checkpoints.value("t", "", "a", "1")


@pytest.mark.parametrize(
    "change",
    [
        {"thread": ""}, {"thread": 5}, {"thread": "x" * 501}, {"thread": "a\nb"}, {"namespace": None},
        {"namespace": "x" * 2_001}, {"id": ""}, {"id": "\0"}, {"id": "\ud800"}, {"parent": 3}, {"run": ""},
        {"versions": {"a": 1}}, {"versions": {"": "1"}}, {"state": "text"}, {"metadata": Blob("", b"")},
        {"state": Blob("text", "text")}, {"deltas": (3,)},
    ],
)  # fmt: skip
def test_what_cannot_be_a_checkpoint_is_refused_and_nothing_is_written(memory, change):
    fields = {"thread": "t", "namespace": "", "id": "c", "state": blob("s"), "metadata": blob("m"), **change}
    before = memory.proof()
    with pytest.raises(InvalidInput):
        memory.checkpoints.put(Checkpoint(**fields), {})
    assert memory.proof() == before


def test_values_without_a_version_and_strange_writes_are_refused(memory):
    before = memory.proof()
    for wrong in (
        lambda: memory.checkpoints.put(checkpoint("c1"), {"a": blob("x")}),
        lambda: memory.checkpoints.put("c1", {}),
        lambda: memory.checkpoints.put_writes("t", "", "c1", [TaskWrite("", "", 0, "a", blob("x"))]),
        lambda: memory.checkpoints.put_writes("t", "", "c1", [TaskWrite("t", "", True, "a", blob("x"))]),
        lambda: memory.checkpoints.put_writes("t", "", "", [TaskWrite("t", "", 0, "a", blob("x"))]),
        lambda: memory.checkpoints.copy("t", "t"),
    ):
        with pytest.raises(InvalidField):
            wrong()
    assert memory.proof() == before


def test_a_thousand_steps_grow_by_what_changes(memory):
    """Twice the steps take at most little more than twice the room, though a value of 20 kB stays in the state."""

    def bytes_after(thread, steps):
        before = sum(map(len, memory.storage.journal()))
        for step in range(steps):
            values = {"n": blob(str(step)), **({"big": blob("x" * 20_000)} if step == 0 else {})}
            memory.checkpoints.put(checkpoint(f"c{step:04}", thread=thread, n=str(step), big="1"), values)
        return sum(map(len, memory.storage.journal())) - before

    short, long = bytes_after("short", 40), bytes_after("long", 80)
    assert long < 2.1 * short
    assert long < 40_000 + 80 * 4_000
    assert memory.checkpoints.get("long").values["big"].data == b"x" * 20_000


def test_what_stands_aside_in_masses_is_not_read_to_find_a_block(memory, monkeypatch):
    memory.blocks.create("persona", "Kind.")
    for number in range(5):
        memory.checkpoints.put(checkpoint(f"c{number}"), {})
    assert all(not record.kind.is_state for record in memory.blocks._space.aside.all(*Kind))
