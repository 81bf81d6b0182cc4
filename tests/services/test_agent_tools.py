"""Tools of an agent: one table in every shape, whatever a model writes is answered, nothing goes unasked."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from holdfast import AsyncMemory, Memory
from holdfast.agent_tools import AgentTools
from holdfast.core.agent_tools import BY_NAME
from holdfast.core.budget import estimate_tokens
from holdfast.errors import Closed, InvalidField, InvalidInput
from holdfast.model.messages import SHAPES
from holdfast.model.policy import Action, Policy, Sensitive
from holdfast.testing.faults import SteppedClock

NAMES = (
    "memory_save", "memory_recall", "memory_block_append", "memory_block_replace", "memory_archive_insert",
    "memory_archive_search", "memory_intend", "memory_intention_done", "memory_forget",
)  # fmt: skip


@pytest.fixture
def memory(opened: Callable[..., Memory]) -> Memory:
    return opened()


@pytest.fixture
def tools(memory: Memory) -> AgentTools:
    return memory.session("s", user="Ada").tools()


def told(tools: AgentTools, name: str, **arguments: Any) -> dict[str, Any]:
    """The first line of a result, which is JSON."""
    result = tools.call(f"memory_{name}", arguments)
    found = json.loads(result.text.splitlines()[0])
    assert ("error" in found) == (not result.ok)
    return found


@pytest.mark.parametrize("shape", SHAPES)
def test_every_tool_is_defined_in_every_shape_with_the_same_schema(tools: AgentTools, shape: str):
    found = tools.definitions(shape)
    plain = [one.get("function", one) for one in found]
    assert tuple(one["name"] for one in plain) == NAMES
    schemas = [one.get("parameters", one.get("input_schema")) for one in plain]
    assert schemas == [one["function"]["parameters"] for one in tools.definitions()]
    for one in plain:
        assert set(one) >= {"name", "description"}
        schema = one.get("parameters", one.get("input_schema"))
        assert schema["additionalProperties"] is False
        assert set(schema["required"]) <= set(schema["properties"])
    json.dumps(found)


def test_what_is_saved_is_recalled(tools: AgentTools, memory: Memory):
    saved = told(tools, "save", text="Ada plays the cello.", about="Ada", category="skill", importance=0.9)
    record = memory.get(saved["id"])
    assert (record.subject, record.category, record.importance, record.origin.name) == ("Ada", "skill", 0.9, "AGENT")
    found = tools.call("memory_recall", {"query": "cello"})
    assert "Ada plays the cello." in found.text
    assert saved["id"] in found.text
    assert told(tools, "recall", query="submarine", since="2030-01-01")["found"] == 0


def test_a_time_range_bounds_what_is_recalled(tools: AgentTools, memory: Memory):
    memory.session("old").add("user", "The rocket is red.", when="2024-03-01")
    memory.session("new").add("user", "The rocket is blue.", when="2025-03-01")
    text = tools.call("memory_recall", {"query": "rocket", "since": "2025-01-01", "until": "2025-06-01"}).text
    assert "blue" in text
    assert "red" not in text
    assert "error" in told(tools, "recall", query="rocket", since="the other day")


def test_blocks_are_edited_and_errors_say_by_how_much(tools: AgentTools, memory: Memory):
    memory.blocks.create("human", "Name: Ada.", limit_chars=40)
    assert told(tools, "block_append", label="human", text="Likes tea.")["version"] == 2
    assert told(tools, "block_replace", label="human", old="tea", new="coffee")["left"] > 0
    assert memory.blocks.get("human").text == "Name: Ada.\nLikes coffee."
    assert "45 too many" in told(tools, "block_append", label="human", text="x" * 60)["error"]
    assert "no block" in told(tools, "block_append", label="nobody", text="x")["error"]
    assert "error" in told(tools, "block_append", label="../etc/passwd", text="x")
    assert memory.blocks.get("human").version == 3


def test_the_archive_is_searched_alone(tools: AgentTools, memory: Memory):
    memory.remember("The rocket is blue.")
    told(tools, "archive_insert", text="Rocket manual, page one: fuel first.", source="manual.pdf", tags=["rocket"])
    text = tools.call("memory_archive_search", {"query": "rocket"}).text
    assert "manual" in text
    assert "blue" not in text
    assert "blue" in tools.call("memory_recall", {"query": "rocket"}).text


def test_an_intention_is_noted_and_done(tools: AgentTools, memory: Memory, clock: SteppedClock):
    noted = told(tools, "intend", text="Ask about the visa", when="tomorrow at 9am")
    assert noted["when"] == "2025-06-16T09:00:00Z"
    assert "error" in told(tools, "intend", text="Both", when="tomorrow", event="x")
    clock.advance(2 * 86_400_000)
    assert "Ask about the visa" in memory.context().text
    assert told(tools, "intention_done", text="ask about the visa")["done"]
    assert memory.context().part("intentions") is None
    assert "error" in told(tools, "intention_done", text="something else")


def test_forgetting_asks_first_and_takes_only_what_was_shown(tools: AgentTools, memory: Memory):
    memory.remember("Ada is allergic to penicillin.", subject="Ada")
    kept = memory.remember("Bo likes tea.", subject="Bo")
    first = told(tools, "forget", about="Ada")
    assert first["would_forget"] == 1
    assert len(list(memory.records())) == 2, "the first call forgets nothing"
    assert told(tools, "forget", about="Ada", confirm="guess")["would_forget"] == 1
    assert told(tools, "forget", about="Bo", confirm=first["confirm"])["would_forget"] == 1, "a code for other memories"
    memory.remember("Ada moved to Faro.", subject="Ada")
    assert told(tools, "forget", about="Ada", confirm=first["confirm"])["would_forget"] == 2, "there is more by now"
    assert len(list(memory.records())) == 3
    again = told(tools, "forget", about="Ada")
    assert told(tools, "forget", about="Ada", confirm=again["confirm"])["forgotten"] == 2
    assert [record.id for record in memory.records()] == [kept.id]
    assert "error" in told(tools, "forget"), "everything is no selection"


def test_a_policy_is_told_and_kept(opened: Callable[..., Memory]):
    tools = opened(policy=Policy(actions={Sensitive.CREDENTIAL: Action.REFUSE})).tools()
    assert "policy" in told(tools, "save", text="password: hunter2-x9!K")["error"]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_providers_calls_are_answered_in_its_shape(tools: AgentTools, memory: Memory, shape: str):
    memory.remember("The rocket is blue.")
    arguments = {"query": "rocket"}
    as_json = json.dumps(arguments)
    message: Any = {
        "openai": {
            "role": "assistant", "content": None,
            "tool_calls": [
                {"id": "a", "type": "function", "function": {"name": "memory_recall", "arguments": as_json}},
                {"id": "b", "type": "function", "function": {"name": "memory_dream", "arguments": "{"}},
            ],
        },
        "openai-responses": [
            {"type": "function_call", "call_id": "a", "name": "memory_recall", "arguments": as_json},
            {"type": "function_call", "call_id": "b", "name": "memory_dream", "arguments": "{"},
        ],
        "anthropic": {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "Let me look."},
                {"type": "tool_use", "id": "a", "name": "memory_recall", "input": arguments},
                {"type": "tool_use", "id": "b", "name": "memory_dream", "input": {}},
            ],
        },
    }[shape]  # fmt: skip
    answers = tools.handle(message)
    chat = memory.session("talk")
    chat.add_messages([{"role": "user", "content": "Go."}, *(message if isinstance(message, list) else [message])])
    chat.add_messages(answers, shape=shape)
    assert "rocket is blue" in str(answers)
    assert "There is no tool" in str(answers)
    assert len(answers) == (1 if shape == "anthropic" else 2)
    if shape == "anthropic":
        assert [block.get("is_error", False) for block in answers[0]["content"]] == [False, True]


def test_nothing_is_answered_where_nothing_was_called(tools: AgentTools):
    assert tools.handle({"role": "assistant", "content": "Hello."}) == []
    assert tools.handle([]) == []
    with pytest.raises(InvalidInput):
        tools.handle({"role": "assistant"})


def test_reading_tools_change_nothing(memory: Memory):
    tools = memory.tools(read_only=True)
    assert tools.names == ("memory_recall", "memory_archive_search")
    assert not tools.call("memory_save", {"text": "x y z"}).ok
    assert memory.tools(only=["memory_save"]).names == ("memory_save",)
    for only in (["memory_dream"], "memory_save"):
        with pytest.raises(InvalidField):
            memory.tools(only=only)
    with pytest.raises(InvalidField):
        memory.tools(result_tokens=10)


def test_no_result_is_longer_than_its_bound(memory: Memory):
    for number in range(40):
        memory.remember(f"Rocket {number}: " + "fuel and fire " * (number * 5 + 1))
    memory.blocks.create("b", "x")
    for most in (200, 300, 1_000):
        tools = memory.tools(result_tokens=most)
        calls = [
            ("memory_recall", {"query": "rocket", "limit": 20}),
            ("memory_forget", {"query": "rocket"}),
            ("memory_block_replace", {"label": "b", "old": "fuel " * 1_000, "new": ""}),
            ("x" * 5_000, {}),
        ]
        for name, arguments in calls:
            assert estimate_tokens(tools.call(name, arguments).text) <= most, (name, most)


JUNK: list[Any] = [
    None, True, -1, 0, 10**400, 1.5, float("nan"), float("inf"), "", " ", "\0", "\ud800", "a" * 20_000, "</memories>",
    "'; DROP TABLE memories; --", "{{ 7*7 }}", "../../etc/passwd", "Ada", "2025-01-01", "99999-99-99", "rocket",
    [], ["a"], [None], ["x"] * 500, {}, {"a": {"b": []}}, ("t",), b"bytes", object(),
]  # fmt: skip


def test_whatever_a_model_writes_is_answered(memory: Memory, tools: AgentTools):
    memory.remember("The rocket is blue.")
    memory.blocks.create("b", "Ada")
    chance, names = random.Random(11), [*NAMES, "", "memory_", "memory_dream", "__class__", "x" * 300]
    fields = ["text", "query", "label", "old", "new", "ids", "about", "confirm", "limit", "since", "until", "when",
              "event", "tags", "source", "category", "importance", "self", "where", ""]  # fmt: skip
    for _ in range(1_500):
        name = chance.choice(names)
        own = [*BY_NAME[name].parameters] if name in BY_NAME and chance.random() < 0.9 else fields
        needed = BY_NAME[name].needed if name in BY_NAME and chance.random() < 0.7 else ()
        arguments: Any = {chance.choice(own): chance.choice(JUNK) for _ in range(chance.randint(0, 4))}
        arguments |= {field: chance.choice(["rocket", "b", "Ada", *JUNK]) for field in needed}
        match chance.randint(0, 5):
            case 0:
                arguments = chance.choice(JUNK)
            case 1:
                arguments = json.dumps(arguments, default=str)[: chance.randint(0, 60)]
            case 2:
                arguments = "[" * chance.choice([1, 100_000])
            case _:
                pass
        result = tools.call(name, arguments)
        assert result.text
        assert "Traceback" not in result.text
        if result.text.startswith("{") and not result.text.endswith("[cut]"):
            assert ("error" in json.loads(result.text.splitlines()[0])) == (not result.ok)
    assert "blue" in tools.call("memory_recall", {"query": "rocket"}).text, "nothing was forgotten on the way"


def test_a_closed_memory_is_no_result_but_an_error(opened: Callable[..., Memory]):
    memory = opened()
    tools = memory.tools()
    memory.close()
    with pytest.raises(Closed):
        tools.call("memory_recall", {"query": "rocket"})


def test_the_same_with_await(path: Path):
    async def use() -> None:
        async with await AsyncMemory.open(path, embedder=None) as memory:
            tools = memory.session("s").tools()
            assert tools.names == NAMES
            assert tools.definitions("anthropic")
            assert (await tools.call("memory_save", {"text": "The rocket is blue."})).ok
            call = {
                "id": "a",
                "type": "function",
                "function": {"name": "memory_recall", "arguments": '{"query": "rocket"}'},
            }
            answers = await tools.handle({"role": "assistant", "tool_calls": [call]})
            assert "blue" in answers[0]["content"]
            assert "blue" in (await memory.session("s").context(about="rocket")).text
            assert "blue" in (await memory.context(about="rocket")).text
            assert memory.tools(read_only=True).names

    asyncio.run(use())


def test_nothing_is_done_where_one_of_several_messages_is_malformed(memory: Memory, tools: AgentTools):
    function = {"name": "memory_save", "arguments": '{"text": "Ada lives in Lisbon."}'}
    good = {"role": "assistant", "content": None, "tool_calls": [{"id": "a", "type": "function", "function": function}]}
    for bad in ({"role": "assistant", "tool_calls": [None]}, None, {"role": "assistant", "tool_calls": [{"index": 0}]}):
        with pytest.raises(InvalidInput):
            tools.handle([good, bad])  # type: ignore[list-item]
    assert list(memory.records()) == []
    for bad in (None, 5):
        with pytest.raises(InvalidInput):
            tools.handle(bad)  # type: ignore[arg-type]


def test_whatever_an_argument_is_called_the_answer_can_be_sent(tools: AgentTools):
    result = tools.call("memory_recall", '{"\\ud800": 1, "query": "x"}')
    assert not result.ok
    assert "d800" in result.text.encode().decode()


def test_a_model_edits_a_block_of_some_only_where_it_is_one_of_them(memory: Memory):
    memory.blocks.create("rules", "Ask first.", writers=[])
    memory.blocks.create("plan", "Pack.", writers=["Fern"])
    memory.blocks.create("notes", "Note.")
    nobody, fern = memory.tools(), memory.session("s", agent="fern").tools()
    for label, tools, may in (
        ("rules", nobody, False), ("rules", fern, False), ("plan", nobody, False), ("plan", fern, True),
        ("notes", nobody, True),
    ):  # fmt: skip
        for name, arguments in (("append", {"text": "More."}), ("replace", {"old": "More.", "new": "Less."})):
            result = tools.call(f"memory_block_{name}", {"label": label, **arguments})
            assert result.ok == may, (label, name, result.text)
    assert memory.blocks["rules"].text == "Ask first."
    assert memory.blocks["plan"].text.endswith("Less.")
