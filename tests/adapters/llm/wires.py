"""What the four services send, in their own wire formats, and what they all mean."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from holdfast.adapters.llm.anthropic import Anthropic
from holdfast.adapters.llm.http import HttpLanguageModel
from holdfast.adapters.llm.ollama import Ollama
from holdfast.adapters.llm.openai_chat import OpenAIChat
from holdfast.adapters.llm.openai_responses import OpenAIResponses
from holdfast.adapters.service import Pace
from holdfast.model.completion import Tool

KEY = "sk-very-secret-0123456789"
NOW = 1_700_000_000.0
TEXT = "Lisbon, since May."
ARGUMENTS = {"query": "where does Ada live?", "limit": 3}
WEATHER = Tool("recall", "What is remembered.", {"type": "object", "properties": {"query": {"type": "string"}}})


class Waits(list[float]):
    """Records what would have been slept."""

    def pace(self) -> Pace:
        return Pace(sleep=self.append, chance=lambda: 0.0, wall=lambda: NOW)


def sse(*events: dict[str, Any] | str, named: bool = False) -> bytes:
    """Server-sent events as the services send them."""
    written = ""
    for event in events:
        if named and isinstance(event, dict):
            written += f"event: {event['type']}\n"
        written += f"data: {event if isinstance(event, str) else json.dumps(event)}\n\n"
    return written.encode()


def lines(*events: dict[str, Any]) -> bytes:
    return "".join(json.dumps(event) + "\n" for event in events).encode()


@dataclass(frozen=True)
class Service:
    """One service: how it is made, and what it sends.

    Attributes:
        said, streamed: The answer `TEXT`, whole and in pieces.
        calling, calling_streamed: The answer that calls the tool.
        refusing: The model will not answer.
        cut: Its tokens were spent.
        failing: A stream that tells of a failure.
    """

    name: str
    make: Callable[..., HttpLanguageModel]
    path: str
    said: dict[str, Any]
    streamed: bytes
    calling: dict[str, Any]
    calling_streamed: bytes
    refusing: dict[str, Any]
    cut: dict[str, Any]
    failing: bytes


def _chat(message: dict[str, Any], finish: str = "stop") -> dict[str, Any]:
    return {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "small-2026",
        "choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}],
        "usage": {"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17},
    }  # fmt: skip


def _chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "small-2026",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }  # fmt: skip


_USAGE_CHUNK = {
    "object": "chat.completion.chunk", "model": "small-2026", "choices": [],
    "usage": {"prompt_tokens": 12, "completion_tokens": 5},
}  # fmt: skip
_WRITTEN = json.dumps(ARGUMENTS)

CHAT = Service(
    name="openai",
    make=lambda url, waits, **options: OpenAIChat(
        f"{url}/v1", "small", **{"api_key": KEY, "pace": waits.pace(), **options}
    ),
    path="/v1/chat/completions",
    said=_chat({"content": TEXT, "refusal": None}),
    streamed=sse(
        _chunk({"role": "assistant", "content": "", "refusal": None}), _chunk({"content": "Lisbon, "}),
        _chunk({"content": "since May."}), _chunk({}, "stop"), _USAGE_CHUNK, "[DONE]",
    ),
    calling=_chat(
        {
            "content": None,
            "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "recall", "arguments": _WRITTEN}}],
        },
        "tool_calls",
    ),
    calling_streamed=sse(
        _chunk({"role": "assistant", "content": None, "tool_calls": [
            {"index": 0, "id": "call_1", "type": "function", "function": {"name": "recall", "arguments": ""}}]}),
        _chunk({"tool_calls": [{"index": 0, "function": {"arguments": _WRITTEN[:9]}}]}),
        _chunk({"tool_calls": [{"index": 0, "function": {"arguments": _WRITTEN[9:]}}]}),
        _chunk({}, "tool_calls"), _USAGE_CHUNK, "[DONE]",
    ),
    refusing=_chat({"content": None, "refusal": "I cannot help with that."}),
    cut=_chat({"content": TEXT}, "length"),
    failing=sse(_chunk({"content": "Lis"}), {"error": {"message": "The server had an error", "type": "server_error"}}),
)  # fmt: skip


def _response(output: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
    return {
        "id": "resp_1", "object": "response", "status": "completed", "error": None, "incomplete_details": None,
        "model": "small-2026", "output": output, "usage": {"input_tokens": 12, "output_tokens": 5, "total_tokens": 17},
        **fields,
    }  # fmt: skip


def _said(text: str, kind: str = "output_text") -> dict[str, Any]:
    field = "text" if kind == "output_text" else "refusal"
    return {
        "type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
        "content": [{"type": kind, field: text, **({"annotations": []} if kind == "output_text" else {})}],
    }  # fmt: skip


_THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": []}
_FUNCTION = {
    "type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "recall", "arguments": _WRITTEN,
    "status": "completed",
}  # fmt: skip

RESPONSES = Service(
    name="openai-responses",
    make=lambda url, waits, **options: OpenAIResponses(
        f"{url}/v1", "small", **{"api_key": KEY, "pace": waits.pace(), **options}
    ),
    path="/v1/responses",
    said=_response([_THOUGHT, _said(TEXT)]),
    streamed=sse(
        {"type": "response.created", "response": _response([], status="in_progress")},
        {"type": "response.output_text.delta", "item_id": "msg_1", "output_index": 1, "delta": "Lisbon, "},
        {"type": "response.output_text.delta", "item_id": "msg_1", "output_index": 1, "delta": "since May."},
        {"type": "response.output_text.done", "text": TEXT},
        {"type": "response.completed", "response": _response([_THOUGHT, _said(TEXT)])},
        named=True,
    ),
    calling=_response([_THOUGHT, _FUNCTION]),
    calling_streamed=sse(
        {"type": "response.function_call_arguments.delta", "delta": _WRITTEN[:9]},
        {"type": "response.function_call_arguments.done", "arguments": _WRITTEN},
        {"type": "response.completed", "response": _response([_THOUGHT, _FUNCTION])},
        named=True,
    ),
    refusing=_response([_said("I cannot help with that.", "refusal")]),
    cut=_response([_said(TEXT)], status="incomplete", incomplete_details={"reason": "max_output_tokens"}),
    failing=sse(
        {"type": "response.output_text.delta", "delta": "Lis"},
        {"type": "response.failed", "response": _response(
            [], status="failed", error={"code": "server_error", "message": "The server had an error"})},
        named=True,
    ),
)  # fmt: skip


def _message(content: list[dict[str, Any]], stop: str = "end_turn") -> dict[str, Any]:
    return {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "small-2026", "content": content,
        "stop_reason": stop, "stop_sequence": None, "usage": {"input_tokens": 12, "output_tokens": 5},
    }  # fmt: skip


def _blocks(*events: dict[str, Any], stop: str = "end_turn") -> bytes:
    return sse(
        {"type": "message_start", "message": {**_message([]), "usage": {"input_tokens": 12, "output_tokens": 1}}},
        {"type": "ping"}, *events,
        {"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None}, "usage": {"output_tokens": 5}},
        {"type": "message_stop"}, named=True,
    )  # fmt: skip


def _delta(index: int, **delta: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": delta}


_USE = {"type": "tool_use", "id": "call_1", "name": "recall", "input": ARGUMENTS}
_START = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}

ANTHROPIC = Service(
    name="anthropic",
    make=lambda url, waits, **options: Anthropic(
        "small", **{"base_url": f"{url}/v1", "api_key": KEY, "pace": waits.pace(), **options}
    ),
    path="/v1/messages",
    said=_message([{"type": "text", "text": TEXT}]),
    streamed=_blocks(
        _START, _delta(0, type="text_delta", text="Lisbon, "), _delta(0, type="text_delta", text="since May."),
        {"type": "content_block_stop", "index": 0},
    ),
    calling=_message([_USE], "tool_use"),
    calling_streamed=_blocks(
        {"type": "content_block_start", "index": 0, "content_block": {**_USE, "input": {}}},
        _delta(0, type="input_json_delta", partial_json=""),
        _delta(0, type="input_json_delta", partial_json=_WRITTEN[:9]),
        _delta(0, type="input_json_delta", partial_json=_WRITTEN[9:]), {"type": "content_block_stop", "index": 0},
        stop="tool_use",
    ),
    refusing=_message([{"type": "text", "text": "I cannot help with that."}], "refusal"),
    cut=_message([{"type": "text", "text": TEXT}], "max_tokens"),
    failing=sse(
        _START, _delta(0, type="text_delta", text="Lis"),
        {"type": "error", "error": {"type": "invalid_request_error", "message": "The server had an error"}}, named=True,
    ),
)  # fmt: skip


def _turn(message: dict[str, Any], *, done: bool = True, reason: str = "stop") -> dict[str, Any]:
    turn = {"model": "small-2026", "created_at": "2026-01-01T00:00:00Z", "message": {"role": "assistant", **message}}
    ended = {"done_reason": reason, "total_duration": 1, "prompt_eval_count": 12, "eval_count": 5}
    return {**turn, "done": done, **(ended if done else {})}


_ASKED = [{"function": {"name": "recall", "arguments": ARGUMENTS}}]

OLLAMA = Service(
    name="ollama",
    make=lambda url, waits, **options: Ollama("small", **{"base_url": url, "pace": waits.pace(), **options}),
    path="/api/chat",
    said=_turn({"content": TEXT}),
    streamed=lines(
        _turn({"content": "Lisbon, "}, done=False), _turn({"content": "since May."}, done=False), _turn({"content": ""})
    ),
    calling=_turn({"content": "", "tool_calls": _ASKED}),
    calling_streamed=lines(_turn({"content": "", "tool_calls": _ASKED}, done=False), _turn({"content": ""})),
    refusing=_turn({"content": "I cannot help with that."}),
    cut=_turn({"content": TEXT}, reason="length"),
    failing=lines(_turn({"content": "Lis"}, done=False), {"error": "The server had an error"}),
)

SERVICES = (CHAT, RESPONSES, ANTHROPIC, OLLAMA)
