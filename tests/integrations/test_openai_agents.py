"""A session of the OpenAI Agents SDK: what its own sessions promise, side by side with one of them, and forgetting."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from agents import Agent, RunConfig, Runner, SQLiteSession, function_tool
from agents.memory import Session, SessionSettings
from agents.models.openai_responses import OpenAIResponsesModel
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from openai import AsyncOpenAI

from holdfast import AsyncMemory, Memory
from holdfast.errors import InvalidInput, Refused
from holdfast.integrations.openai_agents import HoldfastSession
from holdfast.model.policy import Action, Policy, Sensitive
from tests.conftest import NIGHTLY
from tests.scripted_server import Reply, ScriptedServer, scripted_server
from tests.services.scenes import bytes_of

ITEMS: list[dict[str, Any]] = [
    {"role": "user", "content": "hi"},
    {"role": "user", "content": "hi"},
    {"content": "turned about", "role": "assistant"},
    {"role": "assistant", "content": ""},
    {"role": "user", "content": " \n"},
    {"role": "user", "content": []},
    {"role": "developer", "content": "be kind"},
    {"role": "user", "content": "na\u00efve \u4f60\u597d \U0001f600 '; DROP TABLE x; --"},
    {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "q"}]},
    {"type": "message", "role": "user", "content": [{"type": "input_image", "image_url": "data:,", "detail": "low"}]},
    {
        "id": "msg_1", "type": "message", "role": "assistant", "status": "completed",
        "content": [{"type": "output_text", "text": "hey", "annotations": [], "logprobs": []}],
    },
    {"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "abc"},
    {"id": "fc_1", "type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}", "status": "completed"},
    {"type": "function_call_output", "call_id": "nobody", "output": "of no call"},
    {"type": "custom_tool_call", "call_id": "c2", "name": "g", "input": "x"},
    {"type": "item_reference", "id": "msg_1"},
    {"type": "compaction", "id": "cmp_1", "encrypted_content": "zz"},
    {"type": "computer_call_output", "call_id": "c9", "output": {"type": "computer_screenshot", "image_url": "data:,"}},
    {"type": "web_search_call", "id": "ws_1", "status": "completed"},
    {"type": "of_tomorrow", "x": [1, None, 2.5, {"y": "z"}]},
    {"role": "critic", "content": "x"},
    {"role": "user", "content": "named as ours", "holdfast_item": {"role": "user", "content": "another"}},
    {},
]  # fmt: skip
CALLED: list[dict[str, Any]] = [
    {"type": "function_call", "call_id": "c7", "name": "f", "arguments": '{"a":1}'},
    {"type": "function_call_output", "call_id": "c7", "output": "seven"},
]
BATCHES = st.one_of(st.lists(st.sampled_from(ITEMS), max_size=5), st.just(CALLED))
LIMITS = st.one_of(st.none(), st.integers(-1, 12))


class SideBySide(RuleBasedStateMachine):
    """Two sessions of each, so that what is done to one shows in no other."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.memory = self.loop.run_until_complete(AsyncMemory.open(":memory:", embedder=None))
        self.pairs = [(HoldfastSession(name, self.memory), SQLiteSession(name)) for name in ("one", "two")]

    def teardown(self) -> None:
        for _, theirs in self.pairs:
            theirs.close()
        self.loop.run_until_complete(self.memory.close())
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()

    def both(self, place: int, verb: str, *arguments: Any) -> None:
        ours, theirs = (self.loop.run_until_complete(getattr(one, verb)(*arguments)) for one in self.pairs[place])
        assert ours == theirs

    @rule(place=st.integers(0, 1), items=BATCHES)
    def add(self, place: int, items: list[dict[str, Any]]) -> None:
        self.both(place, "add_items", items)

    @rule(place=st.integers(0, 1))
    def pop(self, place: int) -> None:
        self.both(place, "pop_item")

    @rule(place=st.integers(0, 1))
    def clear(self, place: int) -> None:
        self.both(place, "clear_session")

    @rule(place=st.integers(0, 1), limit=LIMITS)
    def get(self, place: int, limit: int | None) -> None:
        self.both(place, "get_items", limit)

    @invariant()
    def both_hold_the_same(self) -> None:
        for place in (0, 1):
            self.both(place, "get_items")


SideBySide.TestCase.settings = settings(
    max_examples=300 if NIGHTLY else 15, stateful_step_count=30 if NIGHTLY else 15, deadline=None
)
test_it_does_as_the_session_of_the_sdk_does = SideBySide.TestCase


def run(work: Any) -> Any:
    return asyncio.run(work)


def test_every_item_comes_back_as_it_was_given_in_its_place(tmp_path):
    async def kept() -> list[Any]:
        async with await HoldfastSession.open("s", tmp_path / "space.db", embedder=None) as session:
            assert isinstance(session, Session)
            await session.add_items([*ITEMS, *CALLED])
            for item in ITEMS:
                await session.add_items([item])
            await session.add_items(
                [{"type": "function_call_output", "call_id": "c7", "output": "in a batch of its own"}]
            )
        async with await HoldfastSession.open("s", tmp_path / "space.db", embedder=None) as session:
            return await session.get_items()

    items = run(kept())
    assert items[:-1] == [*ITEMS, *CALLED, *ITEMS]
    assert list(items[2]) == ["content", "role"]


def test_what_was_said_is_found_and_what_was_told_otherwise_comes_as_items(tmp_path):
    async def use() -> None:
        async with await AsyncMemory.open(tmp_path / "space.db", embedder=None) as memory:
            session = HoldfastSession("s", memory, user="Ada", agent="Bot")
            await session.add_items([{"role": "user", "content": "I moved to Lisbon."}])
            found = await memory.recall("Lisbon")
            assert [hit.text for hit in found] == ["I moved to Lisbon."]
            assert (await memory.get(found[0].id)).author == "Ada"
            await memory.session("s").add("assistant", "Noted.")
            call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
            await memory.session("s").add_message({"role": "assistant", "content": None, "tool_calls": [call]})
            items = await session.get_items()
            assert items[1] == {"role": "assistant", "content": "Noted."}
            assert items[2] == {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
            assert await session.get_items(1) == items[2:]

    run(use())


def test_what_is_taken_back_or_cleared_is_on_no_byte_of_the_file(tmp_path):
    path = tmp_path / "space.db"

    async def use() -> None:
        async with await HoldfastSession.open("s", path, embedder=None) as session:
            await session.add_items([{"role": "user", "content": f"canary{number} secret"} for number in range(150)])
            await session.add_items([{"type": "item_reference", "id": "canaryreference"}])
            assert (await session.pop_item())["id"] == "canaryreference"
            assert b"canaryreference" not in bytes_of(path)
            await session.clear_session()
            assert await session.get_items() == []
            assert await session.pop_item() is None
            assert [receipt.reason for receipt in await session.memory.receipts()] == ["taken back", "session cleared"]
            assert await session.memory.check() == []
            await session.add_items([{"role": "user", "content": "canary1 secret"}])
            assert len(await session.get_items()) == 1

    run(use())
    content = bytes_of(path)
    assert b"canary2" not in content
    assert b"canary1 secret" in content


def test_several_who_take_back_at_once_each_get_another_item(tmp_path):
    async def use() -> list[Any]:
        path = tmp_path / "space.db"
        async with (
            await HoldfastSession.open("s", path, embedder=None) as one,
            await HoldfastSession.open("s", path, embedder=None) as other,
        ):
            await one.add_items([{"role": "user", "content": str(number)} for number in range(12)])
            taken = await asyncio.gather(*(session.pop_item() for session in (one, other) for _ in range(7)))
            assert await one.get_items() == []
            return taken

    taken = run(use())
    assert sorted(int(item["content"]) for item in taken if item) == list(range(12))
    assert taken.count(None) == 2


def test_items_are_added_all_or_none_and_a_refusal_reaches_the_caller():
    async def use() -> None:
        strict = Policy(actions={Sensitive.CREDENTIAL: Action.REFUSE})
        async with await HoldfastSession.open("s", ":memory:", embedder=None, policy=strict) as session:
            good = {"role": "user", "content": "good"}
            with pytest.raises(Refused):
                await session.add_items([good, {"role": "user", "content": "Use ghp_" + "a1B2" * 9}])
            with pytest.raises(InvalidInput):
                await session.add_items([good, "no object"])
            with pytest.raises(InvalidInput, match="1,000,000"):
                await session.add_items([good, {"role": "user", "content": "x" * 1_000_001}])
            assert await session.get_items() == []

    run(use())


def test_a_caller_who_is_cancelled_leaves_no_half_done_work():
    async def use() -> None:
        async with await HoldfastSession.open("s", ":memory:", embedder=None) as session:
            task = asyncio.ensure_future(session.add_items([{"role": "user", "content": "kept"}]))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await session.get_items() == [{"role": "user", "content": "kept"}]

    run(use())


def test_the_settings_of_a_session_bound_what_is_given_back():
    async def use() -> None:
        async with await HoldfastSession.open(
            "s", ":memory:", embedder=None, session_settings=SessionSettings(limit=2)
        ) as session:
            await session.add_items([{"role": "user", "content": str(number)} for number in range(5)])
            assert [item["content"] for item in await session.get_items()] == ["3", "4"]
            assert len(await session.get_items(limit=4)) == 4

    run(use())


def response(*output: dict[str, Any]) -> Reply:
    body = {
        "id": "resp_1", "object": "response", "created_at": 1, "model": "m", "status": "completed", "error": None,
        "incomplete_details": None, "instructions": None, "metadata": {}, "output": list(output), "tools": [],
        "parallel_tool_calls": True, "temperature": 1.0, "top_p": 1.0, "tool_choice": "auto",
        "usage": {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2,
                  "input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}},
    }  # fmt: skip
    return Reply(body=body, headers={"Content-Type": "application/json"})


def said(text: str) -> dict[str, Any]:
    content = [{"type": "output_text", "text": text, "annotations": []}]
    return {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": content}


@function_tool
def weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


CALL = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "weather", "status": "completed",
        "arguments": json.dumps({"city": "Lisbon"})}  # fmt: skip


QUIET = RunConfig(tracing_disabled=True)


async def asked(server: ScriptedServer, text: str, session: HoldfastSession) -> str:
    async with AsyncOpenAI(api_key="none", base_url=server.url, max_retries=0) as client:
        agent = Agent(name="a", tools=[weather], model=OpenAIResponsesModel(model="m", openai_client=client))
        done = await Runner.run(agent, text, session=session, run_config=QUIET)
    return str(done.final_output)


@pytest.mark.parametrize("way", ["in this loop", "in a loop of another thread"])
def test_a_second_run_knows_what_the_first_was_told_and_called(tmp_path: Path, way: str):
    async def ask(server: ScriptedServer, text: str, session: HoldfastSession) -> str:
        if way == "in this loop":
            return await asked(server, text, session)
        return await asyncio.to_thread(lambda: run(asked(server, text, session)))

    async def use(server: ScriptedServer) -> None:
        path = tmp_path / "space.db"
        async with await HoldfastSession.open("s", path, embedder=None) as session:
            assert await ask(server, "How is the weather in Lisbon?", session) == "Sunny."
            held = await session.get_items()
        async with await HoldfastSession.open("s", path, embedder=None) as session:
            assert await ask(server, "Where did I ask about?", session) == "Lisbon."
            assert (await session.get_items())[: len(held)] == held

    with scripted_server() as server:
        server.then(response(CALL), response(said("Sunny.")), response(said("Lisbon.")))
        run(use(server))
    sent = server.received[2].body["input"]
    kinds = [item.get("type") or item["role"] for item in sent]
    assert kinds == ["user", "function_call", "function_call_output", "message", "user"]
    assert sent[2]["output"] == "sunny in Lisbon"
    with Memory.open(tmp_path / "space.db", embedder=None) as memory:
        assert "weather" in memory.recall("sunny in Lisbon")[0].text
