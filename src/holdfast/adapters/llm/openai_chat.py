"""Any service that speaks OpenAI's chat completions: ``POST {base_url}/chat/completions``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal

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
    unreadable,
    words,
)
from holdfast.adapters.service import BEARER, JsonService, Pace, member
from holdfast.model.completion import Completion, Stop, ToolCall
from holdfast.model.messages import Shape

_STOPS: Final[Mapping[str, Stop]] = {
    "stop": "end", "length": "length", "tool_calls": "tools", "function_call": "tools", "content_filter": "refused",
}  # fmt: skip
TokenField = Literal["max_tokens", "max_completion_tokens"]


class OpenAIChat(HttpLanguageModel):
    """A `LanguageModel` over chat completions, of OpenAI or of any service that speaks them."""

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        api_key: str | None = None,
        token_field: TokenField = "max_completion_tokens",
        timeout_s: float = 120.0,
        retries: int = 3,
        patience_s: float = 60.0,
        pace: Pace | None = None,
    ) -> None:
        """Describe the service; nothing is sent yet.

        Args:
            base_url: With the version, such as ``https://api.openai.com/v1``.
            api_key: Sent as a bearer token; never shown.
            token_field: Where the bound of the answer goes: older compatible services know ``max_tokens`` alone.
            timeout_s: For one attempt, above 0 and at most 3600; streamed: between two pieces.
            retries: Attempts after the first, 0 to 20.
            patience_s: Longest wait between attempts in one request, all together, 0 to 3600.
            pace: Replaces the clock, sleep and chance in tests.

        Raises:
            InvalidField: one of these is out of range.
        """
        service = JsonService(base_url, api_key, timeout_s, retries, pace or Pace(), FAILURES, BEARER)
        super().__init__(service, OpenAIChatWire(token_field), model, patience_s)


class OpenAIChatWire:
    """See `holdfast.adapters.llm.http.Wire`."""

    shape: Shape = "openai"
    path = "/chat/completions"

    def __init__(self, token_field: TokenField) -> None:
        self._token_field = token_field

    def request(self, asked: Asked) -> dict[str, object]:
        system = [{"role": "system", "content": asked.system}] if asked.system else []
        return asked.sent(
            messages=[*system, *asked.messages],
            tools=function_tools(asked) or None,
            temperature=asked.temperature,
            stream=asked.streamed or None,
            stream_options={"include_usage": True} if asked.streamed else None,
            **{self._token_field: asked.max_tokens},
        )

    def completion(self, answer: object) -> Completion:
        if (error := member(answer, "error")) is not None:
            raise failure(error)
        choices = items(answer, "choices")
        if not choices:
            raise unreadable("holds no choice")
        message = part(choices[0], "message")
        return _completion(
            words(message, "content"), words(message, "refusal"), items(message, "tool_calls"),
            words(choices[0], "finish_reason"), words(answer, "model"), member(answer, "usage"),
        )  # fmt: skip

    def pieces(self, lines: Iterator[str]) -> Iterator[str | Completion]:
        text, refusal, finish, model = "", "", "", ""
        usage: object = None
        calls: dict[int, dict[str, Any]] = {}
        for event in server_events(lines):
            if (error := member(event, "error")) is not None:
                raise failure(error)
            model, usage = words(event, "model") or model, member(event, "usage") or usage
            for choice in items(event, "choices")[:1]:
                delta = member(choice, "delta")
                if piece := words(delta, "content"):
                    text += piece
                    yield piece
                refusal += words(delta, "refusal")
                for call in items(delta, "tool_calls"):
                    _add_to(calls, call)
                finish = words(choice, "finish_reason") or finish
        if not finish:
            raise broken_off()
        whole = [calls[index] for index in sorted(calls)]
        last = _completion(text, refusal, whole, finish, model, usage)
        if not text and last.text:
            yield last.text
        yield last


def function_tools(asked: Asked) -> list[dict[str, object]]:
    """The tools as functions, in the way of chat completions and of Ollama."""
    return [
        {
            "type": "function",
            "function": {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)},
        }
        for tool in asked.tools
    ]


def _add_to(calls: dict[int, dict[str, Any]], piece: Mapping[str, Any]) -> None:
    """Put a piece of a call to what came of it before."""
    place = count(piece, "index")
    call = calls.setdefault(
        len(calls) if place is None else place,
        {"id": "", "type": "function", "function": {"name": "", "arguments": ""}},
    )
    call["id"] = words(piece, "id") or call["id"]
    function = member(piece, "function")
    call["function"]["name"] += words(function, "name")
    call["function"]["arguments"] += words(function, "arguments")


def assistant_message(content: str | None, calls: Sequence[ToolCall]) -> dict[str, Any]:
    """What a model said and calls, as a message of chat completions."""
    message: dict[str, Any] = {"role": "assistant", "content": content}
    if calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.written}}
            for call in calls
        ]
    return message


def _completion(
    text: str,
    refusal: str,
    written: list[Mapping[str, Any]] | list[dict[str, Any]],
    finish: str,
    model: str,
    usage: object,
) -> Completion:
    calls = tuple(
        called(words(call, "id"), words(member(call, "function"), "name"), words(member(call, "function"), "arguments"))
        for call in written
    )
    message = assistant_message(text or None if calls else text, calls)
    if refusal:
        message["refusal"] = refusal
    return Completion(
        text=text or refusal,
        calls=calls,
        stop="refused" if refusal else stopped(_STOPS.get(finish, "end"), calls),
        messages=(message,),
        model=model,
        tokens_in=count(usage, "prompt_tokens"),
        tokens_out=count(usage, "completion_tokens"),
    )
