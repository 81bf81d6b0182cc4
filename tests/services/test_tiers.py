"""Tiers: the four that are there, a further one by one declaration, their bounds, and where they are declared."""

from __future__ import annotations

import pytest

from holdfast import Eviction, Kind, Retrieval, TierSpec
from holdfast.config import load_settings
from holdfast.core.tiers import check_tier, tiers_from, tiers_of
from holdfast.errors import InvalidField, InvalidInput
from holdfast.model.tiers import DEFAULT_TIERS

DAY_MS = 86_400_000
TOOLS = TierSpec(
    name="tool-output", kinds=frozenset({Kind.TOOL_CALL}), lifetime_s=86_400, items=3, keep_last=1,
    retrieval=Retrieval.RECENCY, eviction=Eviction.EXPIRE,
)  # fmt: skip


def test_the_four_tiers_are_there_without_a_word(memory):
    memory.remember("Ada lives in Lisbon.")
    memory.session("chat-1").add("user", "Hello.")
    held = {one.spec.name: one.memories for one in memory.tiers.list()}
    assert held == {"working": 0, "episodic": 1, "semantic": 1, "procedural": 0}
    working = tiers_of(None).working
    assert (working.items, working.lifetime_s, working.key_ttl_s, working.keep_last) == (20, 1_800, 3_600, 5)
    assert (working.compress_at, working.eviction, working.retrieval) == (0.8, Eviction.SUMMARIZE, Retrieval.ORDER)


def test_a_further_tier_is_one_declaration(opened, clock):
    memory = opened(tiers=[TOOLS])
    chat = memory.session("chat-1")
    old = [chat.record("tool_call", f"Old run {number}.") for number in range(2)]
    said = chat.add("user", "Old words.")
    clock.advance(DAY_MS + 1)
    new = [chat.record("tool_call", f"New run {number}.") for number in range(4)]
    assert [one.text for one in memory.tiers.read("tool-output", limit=2)] == ["New run 3.", "New run 2."]
    planned = memory.tiers.sweep()
    assert planned.left["tool-output"] == (old[0].id, old[1].id, new[0].id)
    assert planned.receipts == ()
    assert len(list(memory.records(where={"kind": "tool_call"}))) == 6
    done = memory.tiers.sweep("tool-output", dry_run=False)
    assert done.left == planned.left
    left = [one.text for one in memory.records(where={"kind": "tool_call"})]
    assert left == ["New run 1.", "New run 2.", "New run 3."]
    assert memory.get(said.id).text == "Old words."
    assert memory.verify(done.receipts[0]).holds
    assert chat.record("tool_call", "Old run 0.").text == "Old run 0."
    assert memory.remember("Old run 1.").text == "Old run 1.", "what left is not kept out"
    assert memory.tiers.sweep("tool-output", dry_run=False).left == {"tool-output": (new[1].id,)}


def test_what_a_fact_rests_on_stays(opened, clock):
    memory = opened(tiers=[TOOLS])
    runs = [memory.session("chat-1").record("tool_call", f"Run {number}.") for number in range(3)]
    memory.remember("The run was slow.", sources=[runs[0].id])
    clock.advance(DAY_MS + 1)
    done = memory.tiers.sweep(dry_run=False)
    assert (done.left["tool-output"], done.kept["tool-output"]) == ((runs[1].id,), 1)


def test_what_the_system_said_and_the_newest_never_leave(opened, clock):
    spec = TierSpec(
        name="episodic", kinds=frozenset({Kind.TURN}), lifetime_s=1, tokens=1, keep_last=2, eviction=Eviction.DROP
    )
    memory = opened(tiers=[spec])
    chat = memory.session("chat-1")
    chat.add("system", "Be brief.")
    for number in range(4):
        chat.add("user", f"Turn {number}.")
    clock.advance(DAY_MS)
    memory.tiers.sweep(dry_run=False)
    assert [turn.text for turn in chat.turns()] == ["Be brief.", "Turn 2.", "Turn 3."]


def test_a_filter_narrows_a_tier(opened):
    spec = TierSpec(name="launch", kinds=frozenset({Kind.FACT}), where="tag = launch", retrieval=Retrieval.SIMILARITY)
    memory = opened(tiers=[spec])
    memory.remember("The launch is in May.", tags=["launch"])
    memory.remember("The launch party is in June.")
    assert [one.text for one in memory.tiers.read("launch", "when is the launch?")] == ["The launch is in May."]
    with pytest.raises(InvalidField, match="give a query"):
        memory.tiers.read("launch")


def test_the_working_tier_says_how_long_a_session_and_a_value_live(opened, clock):
    memory = opened(tiers=[TierSpec(name="working", lifetime_s=60, key_ttl_s=30)])
    chat = memory.session("chat-1", user="Ada")
    chat.add("user", "Hello.")
    chat.scratch.put("k", 1)
    clock.advance(30_000)
    assert chat.scratch.get("k") is None
    clock.advance(30_001)
    assert len(memory.sessions.close_idle()) == 1


def test_only_a_tier_that_forgets_is_swept(memory):
    for name, says in (("semantic", "forgets nothing"), ("working", "no kind"), ("dream", "no tier")):
        with pytest.raises(InvalidField, match=says):
            memory.tiers.sweep(name)
    assert memory.tiers.sweep().left == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Tool Output"}, {"name": ""}, {"items": 0}, {"tokens": -1}, {"items": True}, {"lifetime_s": 0},
        {"lifetime_s": -5}, {"key_ttl_s": 0}, {"keep_last": -1}, {"compress_at": 0}, {"compress_at": 1.5},
        {"backend": "mongodb://x"}, {"backend": "redis://x"}, {"kinds": frozenset({"turn"})}, {"where": "nonsense ="},
    ],
)  # fmt: skip
def test_what_no_tier_can_say_is_refused(changes):
    with pytest.raises(InvalidInput):
        check_tier(TierSpec(**({"name": "mine"} | changes)))


def test_tiers_stand_in_the_configuration(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "holdfast.toml").write_text(
        "[tiers.working]\nitems = 12\nlifetime_s = 600\n\n"
        '[tiers.tool-output]\nkinds = ["tool_call"]\nlifetime_s = 86400\neviction = "expire"\n'
    )
    settings = load_settings({"db": "a.db"}, environment={}, folder=tmp_path)
    tiers = tiers_of(settings.tiers)
    assert (tiers.working.items, tiers.working.lifetime_s, tiers.working.key_ttl_s) == (12, 600, 3_600)
    assert tiers["tool-output"].eviction is Eviction.EXPIRE
    assert [spec.name for spec in tiers] == [*(spec.name for spec in DEFAULT_TIERS), "tool-output"]


@pytest.mark.parametrize(
    "table",
    [
        "x", {"working": 5}, {"working": {"size": 5}}, {"working": {"name": "x"}}, {"t": {"kinds": ["dream"]}},
        {"t": {"kinds": "turn"}}, {"t": {"eviction": "burn"}}, {"t": {"backend": 5}}, {"t": {"items": "many"}},
    ],
)  # fmt: skip
def test_a_configuration_that_no_tier_can_have_is_refused(table):
    with pytest.raises(InvalidInput):
        tiers_from(table)


def test_a_file_that_came_with_a_folder_does_not_choose_where_memories_are_sent(tmp_path):
    (tmp_path / "holdfast.toml").write_text('[tiers.working]\nbackend = "redis://evil.example:6379/0"\n')
    with pytest.raises(InvalidField, match="where your memories are sent"):
        load_settings({"db": "a.db"}, environment={}, folder=tmp_path)
