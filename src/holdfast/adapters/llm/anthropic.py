"""Anthropic's messages: ``POST {base_url}/messages``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, cast

from holdfast.adapters.llm.http import (
    FAILURES,
    Asked,
    HttpLanguageModel,
    broken_off,
    called,
    count,
    failure,
    items,
    part,
    server_events,
    words,
)
from holdfast.adapters.service import JsonService, Pace, member
from holdfast.model.completion import Completion, Stop
from holdfast.model.messages import Shape

VERSION: Final = "2023-06-01"
HEADERS: Final = {"x-api-key": "{key}", "anthropic-version": VERSION}
_STOPS: Final[Mapping[str, Stop]] = {
    "end_turn": "end", "stop_sequence": "end", "pause_turn": "end", "max_tokens": "length", "tool_use": "tools",
    "refusal": "refused", "model_context_window_exceeded": "length",
}  # fmt: skip


class Anthropic(HttpLanguageModel):
    """A `LanguageModel` over Anthropic's messages."""

    def __init__(
        self,
        model: str,
        *,
        api_key: str | None = None,
        base_url: str = "https://api.anthropic.com/v1",
        timeout_s: float = 120.0,
        retries: int = 3,
        patience_s: float = 60.0,
        pace: Pace | None = None,
    ) -> None:
        """As `holdfast.adapters.llm.openai_chat.OpenAIChat`; the key is sent as ``x-api-key``."""
        service = JsonService(base_url, api_key, timeout_s, retries, pace or Pace(), FAILURES, HEADERS)
        super().__init__(service, AnthropicWire(), model, patience_s)


class AnthropicWire:
    """See `holdfast.adapters.llm.http.Wire`."""

    shape: Shape = "anthropic"
    path = "/messages"

    def request(self, asked: Asked) -> dict[str, object]:
        tools = [
            {"name": tool.name, "description": tool.description, "input_schema": dict(tool.parameters)}
            for tool in asked.tools
        ]
        return asked.sent(
            messages=asked.messages, system=asked.system, tools=tools or None, max_tokens=asked.max_tokens,
            temperature=asked.temperature, stream=asked.streamed or None,
        )  # fmt: skip

    def completion(self, answer: object) -> Completion:
        return _completion(
            [(block, None) for block in items(answer, "content", needed=True)],
            words(answer, "stop_reason"),
            words(answer, "model"),
            member(answer, "usage"),
        )

    def pieces(self, lines: Iterator[str]) -> Iterator[str | Completion]:
        blocks: dict[int, dict[str, Any]] = {}
        model, stop, usage, is_whole = "", "", dict[str, Any](), False
        for event in server_events(lines):
            match words(event, "type"):
                case "message_start":
                    message = part(event, "message")
                    model = words(message, "model")
                    usage.update(_counts(message))
                case "content_block_start":
                    blocks[count(event, "index") or 0] = {**part(event, "content_block"), "_json": ""}
                case "content_block_delta":
                    delta = part(event, "delta")
                    yield from _added(blocks.setdefault(count(event, "index") or 0, {"_json": ""}), delta)
                case "message_delta":
                    stop = words(member(event, "delta"), "stop_reason") or stop
                    # The counts are of all so far, not of what came since.
                    usage.update(_counts(event))
                case "message_stop":
                    is_whole = True
                    break
                case "error":
                    raise failure(member(event, "error"))
                case _:  # ping, and what may come to be
                    pass
        if not is_whole:
            raise broken_off()
        yield _completion([_ended(blocks[index]) for index in sorted(blocks)], stop, model, usage)


def _added(block: dict[str, Any], delta: Mapping[str, Any]) -> Iterator[str]:
    """Put a piece to its block, giving what of it is text."""
    match words(delta, "type"):
        case "text_delta":
            piece = words(delta, "text")
            block["text"] = block.get("text", "") + piece
            if piece:
                yield piece
        case "input_json_delta":
            block["_json"] += words(delta, "partial_json")
        case "thinking_delta":
            block["thinking"] = block.get("thinking", "") + words(delta, "thinking")
        case "signature_delta":
            block["signature"] = block.get("signature", "") + words(delta, "signature")
        case _:  # citations, and what may come to be
            pass


def _counts(event: object) -> Mapping[str, Any]:
    usage = member(event, "usage")
    return cast("Mapping[str, Any]", usage) if isinstance(usage, dict) else {}


def _ended(block: dict[str, Any]) -> tuple[dict[str, Any], str | None]:
    """A block that is whole, and the arguments of a call as they were written, where they came in pieces."""
    written: str = block.pop("_json", "")
    if not written:
        return block, None
    arguments = called("", "", written).arguments
    return {**block, "input": dict(arguments or {})}, written


def _completion(
    blocks: Sequence[tuple[Mapping[str, Any], str | None]], stop: str, model: str, usage: object
) -> Completion:
    calls = tuple(
        called(
            words(block, "id"), words(block, "name"),
            json.dumps(block.get("input", {}), ensure_ascii=False) if written is None else written,
        )
        for block, written in blocks
        if block.get("type") == "tool_use"
    )  # fmt: skip
    return Completion(
        text="".join(words(block, "text") for block, _ in blocks if block.get("type") == "text"),
        calls=calls,
        stop=_STOPS.get(stop, "end"),
        messages=({"role": "assistant", "content": [dict(block) for block, _ in blocks]},) if blocks else (),
        model=model,
        tokens_in=count(usage, "input_tokens"),
        tokens_out=count(usage, "output_tokens"),
    )
