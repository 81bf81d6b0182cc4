"""The example agent, as a process: it answers, is killed, goes on, and knows what it was told; with three providers."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from bench.agent_run import campaign, sound
from holdfast import Memory
from holdfast.adapters.llm.anthropic import Anthropic
from holdfast.adapters.llm.openai_responses import OpenAIResponses
from tests.scripted_server import Reply, scripted_server

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "agent.py"


def example() -> Any:
    spec = importlib.util.spec_from_file_location("agent_example", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_short_run_that_is_killed_twice_knows_every_fact_at_the_end(tmp_path: Path):
    run = campaign(60, 2, 5, 6, tmp_path, embedder=False)
    assert run.problems == []
    assert (run.turns, run.kills, run.found) == (60, 2, 5)


def test_a_call_without_its_result_is_noticed():
    call = {"role": "assistant", "content": None, "tool_calls": [{"id": "a"}]}
    result = {"role": "tool", "tool_call_id": "a", "content": "x"}
    assert sound([call, result])
    assert not sound([call])
    assert not sound([result])
    assert not sound([call, {"role": "user", "content": "x"}, result])


def replies(shape: str) -> list[Reply]:
    """A call of a tool, then an answer."""
    arguments = {"text": "Ada's boat is called Fulmar.", "about": "Ada"}
    if shape == "anthropic":
        call = {"type": "tool_use", "id": "a", "name": "memory_save", "input": arguments}
        said = {"type": "text", "text": "Kept."}
        return [
            Reply(body={"content": content, "stop_reason": "end_turn", "model": "m"}) for content in ([call], [said])
        ]
    call = {"type": "function_call", "call_id": "a", "name": "memory_save", "arguments": json.dumps(arguments)}
    said = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Kept."}]}
    return [Reply(body={"output": [item], "status": "completed", "model": "m"}) for item in (call, said)]


@pytest.mark.parametrize("shape", ["anthropic", "openai-responses"])
def test_it_talks_to_other_providers_and_goes_on_after_a_crash_anywhere(shape: str):
    module = example()
    with scripted_server() as server, Memory.open(":memory:", embedder=None) as memory:
        kind = {"anthropic": lambda: Anthropic("m", base_url=server.url, retries=0),
                "openai-responses": lambda: OpenAIResponses(server.url, "m", retries=0)}[shape]  # fmt: skip
        chat = memory.session("s", user="Ada", agent="agent")
        server.then(*replies(shape))
        assert module.Agent(chat, kind(), 8_000, 500).answer("My boat is called Fulmar.", "k") == "Kept."
        assert [record.subject for record in memory.records() if record.kind.name == "FACT"] == ["Ada"]
        asked = len(server.received)
        again = memory.session("s", user="Ada", agent="agent")
        assert module.Agent(again, kind(), 8_000, 500).answer("My boat is called Fulmar.", "k") == "Kept."
        assert len(server.received) == asked, "what was answered is not asked again"
        # A crash behind the call of a tool: it is answered when the agent is back.
        chat.add("user", "And my cat?", key="k2")
        call = replies(shape)[0].body
        assert isinstance(call, dict)
        given = {"role": "assistant", "content": call["content"]} if shape == "anthropic" else call["output"][0]
        chat.add_message(given, shape=shape)
        server.then(replies(shape)[1])
        assert module.Agent(again, kind(), 8_000, 500).answer("And my cat?", "k2") == "Kept."
        body = server.received[-1].body
        assert "already" in json.dumps(body), "the tool was asked again, and kept nothing twice"
