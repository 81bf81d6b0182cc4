"""The compatibility mode gives what the reference memory server gives; `bench.mcp_compat` asks both at once."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, MCPDeprecationWarning

from holdfast.memory import Memory
from holdfast.surfaces.mcp.graph import Graph
from holdfast.surfaces.mcp.graph_tools import URI, reference_memory
from holdfast.surfaces.mcp.server import Serving
from tests.surfaces.mcp.conftest import call, talk, words

RECORDED = json.loads(Path(__file__).with_name("golden").joinpath("reference.json").read_text(encoding="utf-8"))
ADA = {"name": "Ada", "entityType": "person", "observations": ["likes tea", "moved in May"]}
LINK = {"from": "Ada", "to": "Lisbon", "relationType": "lives_in"}


def test_recorded_calls_give_the_recorded_results(memory: Memory):
    async def act(client: Any) -> None:
        for number, one in enumerate(RECORDED):
            result = await client.call_tool(one["tool"], one["arguments"])
            told = result.model_dump(by_alias=True, mode="json", exclude_none=True)
            same = {name: told.get(name) for name in ("content", "structuredContent")}
            expected = {name: one["result"].get(name) for name in ("content", "structuredContent")}
            assert same == expected, f"call {number}: {one['tool']} {one['arguments']}"
            assert result.is_error == one["result"].get("isError", False)

    talk(memory, act, offer=reference_memory())


def test_the_recording_holds_every_tool_and_errors():
    good = {one["tool"] for one in RECORDED if not one["result"].get("isError")}
    assert set(reference_memory().tools) == good
    assert sum(bool(one["result"].get("isError")) for one in RECORDED) > 10


def test_a_recall_finds_observations_and_relations(memory: Memory):
    graph = Graph()
    graph.create_entities(memory, [ADA])
    graph.create_relations(memory, [LINK])
    assert memory.recall("What does Ada like?").hits[0].record.text == "Ada: likes tea"
    found = next(iter(memory.records(where="predicate = lives_in")))
    assert (found.subject, found.object, found.text) == ("Ada", "Lisbon", "Ada lives in Lisbon")


def test_what_is_deleted_is_forgotten_and_can_come_back(memory: Memory):
    graph = Graph()
    graph.create_entities(memory, [ADA])
    graph.create_relations(memory, [LINK])
    graph.delete_observations(memory, [{"entityName": "Ada", "observations": ["likes tea"]}])
    assert not memory.recall("tea", min_confidence=0.5).hits
    graph.add_observations(memory, [{"entityName": "Ada", "contents": ["likes tea"]}])
    assert graph.read(memory)["entities"][0]["observations"] == ["moved in May", "likes tea"]
    graph.delete_entities(memory, ["Ada"])
    assert graph.read(memory) == {"entities": [], "relations": []}
    assert len(memory.receipts()) == 2


def test_more_than_a_hundred_go_at_once(memory: Memory):
    graph = Graph()
    graph.create_entities(memory, [ADA | {"observations": [f"fact {n}" for n in range(120)]}])
    graph.delete_entities(memory, ["Ada"])
    assert graph.read(memory)["entities"] == []


def test_a_relation_is_shown_with_either_of_its_ends(memory: Memory):
    graph = Graph()
    graph.create_entities(memory, [ADA])
    graph.create_relations(memory, [LINK])
    assert graph.open(memory, ["Ada"])["relations"] == graph.search(memory, "TEA")["relations"] == [LINK]
    assert graph.open(memory, ["Lisbon"])["relations"] == []


def test_what_one_call_says_twice_is_kept_twice(memory: Memory):
    graph = Graph()
    graph.create_entities(memory, [ADA])
    added = graph.add_observations(memory, [{"entityName": "Ada", "contents": ["x", "x", "likes tea"]}] * 2)
    assert [one["addedObservations"] for one in added] == [["x", "x"], []]
    assert graph.read(memory)["entities"][0]["observations"] == [*ADA["observations"], "x", "x"]


def test_an_unknown_entity_changes_nothing(memory: Memory):
    graph = Graph()
    graph.create_entities(memory, [ADA])
    given = [{"entityName": "Ada", "contents": ["new"]}, {"entityName": "Ben", "contents": ["x"]}]
    result = call(memory, "add_observations", offer=reference_memory(), observations=given)
    assert (result.is_error, words(result)) == (True, "Entity with name Ben not found")
    assert graph.read(memory)["entities"] == [ADA]


def test_a_call_that_fails_half_way_leaves_nothing(memory: Memory):
    graph, offer = Graph(), reference_memory()
    graph.create_entities(memory, [ADA])
    spoiled = ["fine", "NUL \0"]
    ben = ADA | {"name": "Ben"}
    for tool, given in (
        ("create_entities", {"entities": [ben, ben | {"name": "Cy", "observations": spoiled}]}),
        ("create_relations", {"relations": [LINK, LINK | {"to": "NUL \0"}]}),
        ("add_observations", {"observations": [{"entityName": "Ada", "contents": spoiled}]}),
    ):
        result = call(memory, tool, offer=offer, **given)
        assert (result.is_error, "Nothing was written" in words(result)) == (True, True)
        assert graph.read(memory) == {"entities": [ADA], "relations": []}
    assert not call(memory, "create_entities", offer=offer, entities=[ben]).is_error


def test_a_relation_of_blanks_is_kept_to_the_letter(memory: Memory):
    blank = {"from": " ", "to": "", "relationType": "\u2028"}
    graph = Graph()
    assert graph.create_relations(memory, [blank]) == [blank]
    assert Graph().read(memory)["relations"] == [blank]
    graph.delete_relations(memory, [blank])
    assert graph.read(memory)["relations"] == []


def test_another_process_s_writes_are_seen(memory: Memory, tmp_path: Path):
    ours, theirs = Graph(), Graph()
    assert ours.read(memory)["entities"] == []
    with Memory.open(tmp_path / "space.db", embedder=None) as other:
        theirs.create_entities(other, [ADA])
    assert ours.read(memory)["entities"] == [ADA]


def test_other_memories_of_the_space_stay_out_of_the_graph(memory: Memory):
    memory.remember("Ada likes coffee.", subject="Ada", tags=["knowledge-graph"])
    assert Graph().read(memory) == {"entities": [], "relations": []}


@pytest.mark.parametrize("era", ["legacy", "2026-07-28"])
def test_the_graph_is_a_resource(memory: Memory, era: str):
    Graph().create_entities(memory, [ADA])

    async def act(client: Any) -> str:
        return (await client.read_resource(URI)).contents[0].text

    assert json.loads(talk(memory, act, offer=reference_memory(), era=era))["entities"] == [ADA]


def test_who_watches_the_graph_is_told_of_changes(memory: Memory):
    told = list[str]()

    async def note(message: Any) -> None:
        told.append(type(message).__name__)

    async def run() -> None:
        server = Serving(memory, reference_memory()).server()
        async with Client(server, mode="legacy", message_handler=note) as client:
            await client.call_tool("create_entities", {"entities": [ADA]})
            assert not told
            with pytest.warns(MCPDeprecationWarning):
                await client.subscribe_resource(URI)
            await client.call_tool("create_relations", {"relations": [LINK]})
            await client.call_tool("read_graph", {})

    asyncio.run(run())
    assert told == ["ResourceUpdatedNotification"]
