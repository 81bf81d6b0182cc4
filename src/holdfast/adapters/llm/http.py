"""A language model behind a service: everything but the wire formats, which have a module each.

Needs httpx (``pip install "holdfast[http]"``), imported at the first call.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, cast

from holdfast.adapters.service import Failures, JsonService, member
from holdfast.errors import InvalidField, ModelError, ModelRefused, ModelUnavailable, NoLanguageModel
from holdfast.model.completion import Completion, Stop, Tool, ToolCall
from holdfast.model.messages import Message, Shape

MAX_TOKENS = 1_000_000
_TOOL_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PASSING = frozenset(
    ("overloaded_error", "rate_limit_error", "api_error", "timeout_error", "server_error", "rate_limit_exceeded",
     "service_unavailable", "vector_store_timeout", "server_overloaded", "408", "425", "429")
)  # fmt: skip
FAILURES = Failures(
    service="The language model's service",
    unavailable=ModelUnavailable,
    refused=ModelRefused,
    absent=lambda: NoLanguageModel('A language model over HTTP needs httpx: pip install "holdfast[http]".'),
)


class Wire(Protocol):
    """How one kind of service is asked and answers."""

    @property
    def shape(self) -> Shape:
        """The shape of messages it takes."""
        ...

    @property
    def path(self) -> str:
        """Appended to the base address."""
        ...

    def request(self, asked: Asked) -> dict[str, object]:
        """The JSON object to post."""
        ...

    def completion(self, answer: object) -> Completion:
        """What a whole answer says.

        Raises:
            ModelRefused: it has another shape, or tells of a failure.
        """
        ...

    def pieces(self, lines: Iterator[str]) -> Iterator[str | Completion]:
        """What a streamed answer says, from its lines: pieces of its text, and last the whole.

        Raises:
            ModelRefused: it has another shape, or tells of a failure that will not pass.
            ModelUnavailable: it ends before it is whole, or tells of a failure that may pass.
        """
        ...


class Asked:
    """The arguments of a call, checked.

    Raises:
        InvalidField: one of them is out of range.
    """

    def __init__(
        self,
        model: str,
        messages: Sequence[Message],
        system: str | None,
        tools: Sequence[Tool],
        max_tokens: int,
        temperature: float | None,
        *,
        streamed: bool,
    ) -> None:
        _check_messages(messages)
        if type(max_tokens) is not int or not 1 <= max_tokens <= MAX_TOKENS:
            raise InvalidField(f"max_tokens is {max_tokens!r:.40}; expected 1 to {MAX_TOKENS:,}. Nothing was sent.")
        if temperature is not None and (type(temperature) not in (int, float) or not 0 <= temperature <= 2):
            raise InvalidField(f"The temperature is {temperature!r:.40}; expected 0 to 2. Nothing was sent.")
        for tool in tools:
            if not _TOOL_NAME.fullmatch(tool.name):
                raise InvalidField(
                    f"{tool.name!r:.80} is not a tool's name: 1 to 64 of A-Z a-z 0-9 _ -. Nothing was sent."
                )
        self.model = model
        self.messages = [dict(message) for message in messages]
        self.system = system
        self.tools = tools
        self.max_tokens = max_tokens
        self.temperature = temperature
        self.streamed = streamed

    def sent(self, **fields: object) -> dict[str, object]:
        """A request of these fields, without those that are None."""
        return {name: value for name, value in {"model": self.model, **fields}.items() if value is not None}


class HttpLanguageModel:
    """A `LanguageModel` that asks a service; safe to call from several threads."""

    def __init__(self, service: JsonService, wire: Wire, model: str, patience_s: float) -> None:
        if not (1 <= len(model) <= 200 and all("!" <= character <= "~" for character in model)):
            raise InvalidField("A model's name must be 1 to 200 printable ASCII characters without spaces.")
        if not 0 <= patience_s <= 3600:
            raise InvalidField(f"patience_s must be 0 to 3600, not {patience_s}.")
        self._service = service
        self._wire = wire
        self._model = model
        self._patience_s = patience_s

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._model!r})"

    @property
    def name(self) -> str:
        """See `LanguageModel.name`."""
        return self._model

    @property
    def shape(self) -> Shape:
        """See `LanguageModel.shape`."""
        return self._wire.shape

    def complete(
        self,
        messages: Sequence[Message],
        *,
        system: str | None = None,
        tools: Sequence[Tool] = (),
        max_tokens: int = 1024,
        temperature: float | None = None,
    ) -> Completion:
        """See `LanguageModel.complete`. Also raises `NoLanguageModel` when httpx is not installed."""
        asked = Asked(self._model, messages, system, tools, max_tokens, temperature, streamed=False)
        answer = self._service.post(self._wire.path, self._wire.request(asked), patience_s=self._patience_s)
        with self._without_key():
            return self._wire.completion(answer)

    def stream(
        self,
        messages: Sequence[Message],
        *,
        system: str | None = None,
        tools: Sequence[Tool] = (),
        max_tokens: int = 1024,
        temperature: float | None = None,
    ) -> Iterator[str | Completion]:
        """See `LanguageModel.stream`; arguments are checked at the call, the service is asked at the first piece."""
        asked = Asked(self._model, messages, system, tools, max_tokens, temperature, streamed=True)
        return self._streamed(self._wire.request(asked))

    def _streamed(self, request: dict[str, object]) -> Iterator[str | Completion]:
        with self._service.stream(self._wire.path, request, patience_s=self._patience_s) as lines, self._without_key():
            yield from self._wire.pieces(lines)

    @contextmanager
    def _without_key(self) -> Generator[None]:
        """What a service says of its failures may hold the key, and anything else."""
        try:
            yield
        except ModelError as error:
            raise type(error)(self._service.cleaned(str(error))) from None


# What the wire formats share


def server_events(lines: Iterator[str]) -> Iterator[Mapping[str, Any]]:
    """The data of server-sent events (HTML standard, 9.2), each a JSON object; ``[DONE]`` ends them."""
    data = list[str]()
    for line in lines:
        if line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
        elif not line and data:
            whole, data = "\n".join(data), list[str]()
            if whole == "[DONE]":
                return
            yield decoded(whole)
    if data and (whole := "\n".join(data)) != "[DONE]":
        yield decoded(whole)


def decoded(line: str) -> Mapping[str, Any]:
    """A JSON object.

    Raises:
        ModelRefused: it is none.
    """
    try:
        found: object = json.loads(line)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ModelRefused(f"The language model's service sent a line that is no JSON object: {line[:80]!r}.")
    return cast("Mapping[str, Any]", found)


def part(answer: object, key: str) -> Mapping[str, Any]:
    """A member that must be an object.

    Raises:
        ModelRefused.
    """
    found = member(answer, key)
    if not isinstance(found, dict):
        raise unreadable(f"holds no object `{key}`")
    return cast("Mapping[str, Any]", found)


def items(answer: object, key: str, *, needed: bool = False) -> list[Mapping[str, Any]]:
    """A member that must be a list of objects; an absent one is empty, unless it is needed.

    Raises:
        ModelRefused.
    """
    found = member(answer, key)
    if found is None and not needed:
        return []
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in cast("list[Any]", found)):
        raise unreadable(f"holds no list of objects `{key}`")
    return cast("list[Mapping[str, Any]]", found)


def words(answer: object, key: str) -> str:
    """A member that is text; an absent one is empty.

    Raises:
        ModelRefused.
    """
    found = member(answer, key)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise unreadable(f"holds no text `{key}`")
    return found


def count(answer: object, key: str) -> int | None:
    """A member that is a whole number; None for anything else, since nothing hangs on it."""
    found = member(answer, key)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def failure(error: object) -> ModelRefused | ModelUnavailable:
    """What a service tells of its own failure, as an error that says whether it may pass."""
    if isinstance(error, str):
        return ModelUnavailable(f"The language model failed: {error[:200]}.")
    found = [str(one) for one in (member(error, "type"), member(error, "code")) if isinstance(one, str | int)]
    stated = member(error, "message")
    why = stated[:200] if isinstance(stated, str) and stated else " ".join(found)[:200] or "it does not say why"
    passes = any(one in _PASSING or (one.isdigit() and one.startswith("5")) for one in found)
    return (ModelUnavailable if passes else ModelRefused)(f"The language model failed: {why}.")


def unreadable(what: str) -> ModelRefused:
    return ModelRefused(f"The language model's answer {what}; check the address and the kind of service.")


def broken_off() -> ModelUnavailable:
    return ModelUnavailable("The language model's answer ended before it was whole.")


def called(id: str, name: str, written: str) -> ToolCall:  # noqa: A002
    """A call from what a model wrote."""
    try:
        arguments: object = json.loads(written or "{}")
    except (ValueError, RecursionError):
        arguments = None
    found = cast("Mapping[str, Any]", arguments) if isinstance(arguments, dict) else None
    return ToolCall(id, name, found, written)


def stopped(stop: Stop, calls: Sequence[ToolCall]) -> Stop:
    """Some services say that they are done where they call tools."""
    return "tools" if calls and stop == "end" else stop


def _check_messages(messages: Sequence[Message]) -> None:
    if isinstance(messages, str) or not messages:
        raise InvalidField(
            f"The messages are {messages!r:.40}; a model answers a list of at least one. Nothing was sent."
        )
    for place, message in enumerate(messages, 1):
        if not isinstance(message, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidField(f"Message {place} is {message!r:.60}; expected a mapping. Nothing was sent.")
        try:
            json.dumps(dict(message), allow_nan=False, ensure_ascii=False).encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidField(f"Message {place} cannot be sent as JSON ({error}). Nothing was sent.") from None
