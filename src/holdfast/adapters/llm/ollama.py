"""Ollama's chat: ``POST {base_url}/api/chat``."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from holdfast.adapters.llm.http import (
    FAILURES,
    Asked,
    HttpLanguageModel,
    broken_off,
    called,
    count,
    decoded,
    failure,
    items,
    part,
    stopped,
    words,
)
from holdfast.adapters.llm.openai_chat import assistant_message, function_tools
from holdfast.adapters.service import BEARER, JsonService, Pace, member
from holdfast.errors import InvalidField
from holdfast.model.completion import Completion
from holdfast.model.messages import Message, Shape

_DATA: Final = re.compile(r"data:[\w/+.-]*;base64,(?P<data>.+)", re.DOTALL)


class Ollama(HttpLanguageModel):
    """A `LanguageModel` over Ollama's own chat. It takes and gives messages in the shape of chat completions."""

    def __init__(
        self,
        model: str,
        *,
        base_url: str = "http://localhost:11434",
        api_key: str | None = None,
        timeout_s: float = 300.0,
        retries: int = 3,
        patience_s: float = 60.0,
        pace: Pace | None = None,
    ) -> None:
        """As `holdfast.adapters.llm.openai_chat.OpenAIChat`; the first request may have to load the model."""
        service = JsonService(base_url, api_key, timeout_s, retries, pace or Pace(), FAILURES, BEARER)
        super().__init__(service, OllamaWire(), model, patience_s)


class OllamaWire:
    """See `holdfast.adapters.llm.http.Wire`."""

    shape: Shape = "openai"
    path = "/api/chat"

    def request(self, asked: Asked) -> dict[str, object]:
        names: dict[str, str] = {}
        system = [{"role": "system", "content": asked.system}] if asked.system else []
        options = {"num_predict": asked.max_tokens, "temperature": asked.temperature}
        return asked.sent(
            messages=[*system, *(_sendable(message, names) for message in asked.messages)],
            tools=function_tools(asked) or None,
            stream=asked.streamed,
            options={name: value for name, value in options.items() if value is not None},
        )

    def completion(self, answer: object) -> Completion:
        if (error := member(answer, "error")) is not None:
            raise failure(error)
        message = part(answer, "message")
        return _completion(words(message, "content"), items(message, "tool_calls"), answer)

    def pieces(self, lines: Iterator[str]) -> Iterator[str | Completion]:
        text, calls = "", list[Mapping[str, Any]]()
        for line in lines:
            if not line.strip():
                continue
            event = decoded(line)
            if (error := member(event, "error")) is not None:
                raise failure(error)
            message = part(event, "message")
            if piece := words(message, "content"):
                text += piece
                yield piece
            calls += items(message, "tool_calls")
            if member(event, "done") is True:
                yield _completion(text, calls, event)
                return
        raise broken_off()


def _completion(text: str, written: list[Mapping[str, Any]], answer: object) -> Completion:
    calls = tuple(
        called(
            # Older versions give no id, and what goes back must have one.
            words(call, "id") or f"call_{uuid.uuid4().hex[:24]}",
            words(member(call, "function"), "name"),
            json.dumps(member(member(call, "function"), "arguments") or {}, ensure_ascii=False),
        )
        for call in written
    )
    return Completion(
        text=text,
        calls=calls,
        stop=stopped("length" if words(answer, "done_reason") == "length" else "end", calls),
        messages=(assistant_message(text, calls),),
        model=words(answer, "model"),
        tokens_in=count(answer, "prompt_eval_count"),
        tokens_out=count(answer, "eval_count"),
    )


def _sendable(message: Message, names: dict[str, str]) -> dict[str, object]:
    """A message of chat completions as Ollama takes it.

    Args:
        names: By the id of a call so far, the tool's name: a result is told by that here.
    """
    sent: dict[str, object] = {"role": message.get("role"), **_content(message.get("content"))}
    calls = items(message, "tool_calls")
    if calls:
        made = list[dict[str, object]]()
        for call in calls:
            function = member(call, "function")
            names[words(call, "id")] = words(function, "name")
            arguments = called("", "", words(function, "arguments")).arguments
            made.append({"function": {"name": words(function, "name"), "arguments": dict(arguments or {})}})
        sent["tool_calls"] = made
    if message.get("role") == "tool" and (name := names.get(words(message, "tool_call_id"))):
        sent["tool_name"] = name
    return sent


def _content(content: object) -> dict[str, object]:
    """Text and images apart, as Ollama takes them.

    Raises:
        InvalidField: an image is elsewhere, or a part is neither.
    """
    if content is None or isinstance(content, str):
        return {"content": content or ""}
    if not isinstance(content, list) or not all(isinstance(one, dict) for one in cast("list[Any]", content)):
        raise InvalidField(f"The content is {content!r:.60}; expected text or a list of parts. Nothing was sent.")
    texts, images = list[str](), list[str]()
    for one in cast("list[Mapping[str, Any]]", content):
        match one.get("type"):
            case "text":
                texts.append(words(one, "text"))
            case "image_url":
                url = words(member(one, "image_url"), "url")
                found = _DATA.fullmatch(url)
                if found is None:
                    raise InvalidField(
                        f"Ollama takes an image by its bytes alone, not by {url[:80]!r}. Nothing was sent."
                    )
                images.append(found["data"])
            case kind:
                raise InvalidField(f"Ollama takes text and images alone, not {kind!r:.40}. Nothing was sent.")
    return {"content": "\n".join(texts), **({"images": images} if images else {})}
