"""OpenAI's Responses: ``POST {base_url}/responses``, without anything stored at the service."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

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
    stopped,
    words,
)
from holdfast.adapters.service import BEARER, JsonService, Pace, member
from holdfast.model.completion import Completion, Stop
from holdfast.model.messages import Shape

_LAST = ("response.completed", "response.incomplete", "response.failed")


class OpenAIResponses(HttpLanguageModel):
    """A `LanguageModel` over OpenAI's Responses."""

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        api_key: str | None = None,
        timeout_s: float = 120.0,
        retries: int = 3,
        patience_s: float = 60.0,
        pace: Pace | None = None,
    ) -> None:
        """As `holdfast.adapters.llm.openai_chat.OpenAIChat`."""
        service = JsonService(base_url, api_key, timeout_s, retries, pace or Pace(), FAILURES, BEARER)
        super().__init__(service, OpenAIResponsesWire(), model, patience_s)


class OpenAIResponsesWire:
    """See `holdfast.adapters.llm.http.Wire`."""

    shape: Shape = "openai-responses"
    path = "/responses"

    def request(self, asked: Asked) -> dict[str, object]:
        tools = [
            {
                "type": "function", "name": tool.name, "description": tool.description,
                "parameters": dict(tool.parameters), "strict": False,
            }
            for tool in asked.tools
        ]  # fmt: skip
        return asked.sent(
            input=asked.messages, instructions=asked.system, tools=tools or None, max_output_tokens=asked.max_tokens,
            temperature=asked.temperature, stream=asked.streamed or None, store=False,
        )  # fmt: skip

    def completion(self, answer: object) -> Completion:
        if words(answer, "status") == "failed" or isinstance(member(answer, "error"), dict):
            raise failure(member(answer, "error"))
        output = items(answer, "output", needed=True)
        said = [one for item in output if item.get("type") == "message" for one in items(item, "content")]
        text = "".join(words(one, "text") for one in said if one.get("type") == "output_text")
        refusal = "".join(words(one, "refusal") for one in said if one.get("type") == "refusal")
        calls = tuple(
            called(words(item, "call_id"), words(item, "name"), words(item, "arguments"))
            for item in output
            if item.get("type") == "function_call"
        )
        stop: Stop = "end"
        if words(answer, "status") == "incomplete":
            cut = words(member(answer, "incomplete_details"), "reason") == "max_output_tokens"
            stop = "length" if cut else "refused"
        usage = member(answer, "usage")
        return Completion(
            text=text or refusal,
            calls=calls,
            stop="refused" if refusal else stopped(stop, calls),
            messages=tuple(dict(item) for item in output if _may_be_sent_again(item)),
            model=words(answer, "model"),
            tokens_in=count(usage, "input_tokens"),
            tokens_out=count(usage, "output_tokens"),
        )

    def pieces(self, lines: Iterator[str]) -> Iterator[str | Completion]:
        for event in server_events(lines):
            kind = words(event, "type")
            if kind in ("response.output_text.delta", "response.refusal.delta"):
                yield words(event, "delta")
            elif kind in _LAST:
                yield self.completion(part(event, "response"))
                return
            elif kind == "error":
                raise failure({name: event.get(name) for name in ("code", "message")})
        raise broken_off()


def _may_be_sent_again(item: Mapping[str, Any]) -> bool:
    """Thoughts that the service would have to look up are unknown to it, since nothing is stored there."""
    return item.get("type") != "reasoning" or bool(item.get("encrypted_content"))
