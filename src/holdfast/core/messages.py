"""What a provider's message says: its role, its parts, and the text a person would read of it.

Three shapes are read: OpenAI's chat completions, items of its Responses, and Anthropic's messages with content blocks.
`holdfast.core.message_shapes` writes them, `holdfast.core.message_text` gives the text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, cast

from holdfast.errors import InvalidField, InvalidText
from holdfast.model.messages import SHAPES, Message, Shape

ROLES: Final = ("system", "developer", "user", "assistant", "tool", "function")
_DEPTH: Final = 60
"""Levels of a message; deeper ones are not what a provider makes, and cannot be read back everywhere."""
_RESPONSES_PARTS: Final = frozenset(("input_text", "output_text", "input_image", "input_file"))
_CHAT_PARTS: Final = frozenset(("image_url", "input_audio", "file", "refusal"))
_BLOCKS: Final = frozenset(
    ("image", "document", "tool_use", "tool_result", "thinking", "redacted_thinking", "server_tool_use",
     "search_result", "container_upload")
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Picture:
    """An image by reference: an address, a file's id, or its bytes in base64."""

    url: str | None = None
    file: str | None = None
    data: str | None = None
    media_type: str | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A tool that is called.

    Attributes:
        arguments: JSON text, or any text where ``is_free``.
    """

    id: str
    name: str
    arguments: str
    is_free: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """What a tool gave."""

    id: str
    parts: tuple[Text | Picture | Other, ...]
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class Other:
    """A part that only its own shape can say: thinking, sound, documents, tools of the provider."""

    what: str


Part = Text | Picture | Call | Result | Other


@dataclass(frozen=True, slots=True)
class Said:
    """What a message says, in no provider's shape.

    Attributes:
        name: Who spoke, where the message names them.
        is_listed: Its content is a list of parts, even where it is one text.
    """

    role: str
    parts: tuple[Part, ...]
    name: str | None = None
    is_listed: bool = field(default=False, compare=False)

    @property
    def calls(self) -> tuple[Call, ...]:
        return tuple(part for part in self.parts if isinstance(part, Call))

    @property
    def results(self) -> tuple[Result, ...]:
        return tuple(part for part in self.parts if isinstance(part, Result))


def check_shape(shape: object) -> Shape:
    """The shape itself.

    Raises:
        InvalidField: there is none of that name.
    """
    if shape not in SHAPES:
        raise InvalidField(f"{shape!r:.60} is not a shape of messages; expected one of: {', '.join(SHAPES)}.")
    return shape


def shape_of(message: Message) -> Shape:
    """The shape that a message is in; ``openai`` where it is the same in several.

    Raises:
        InvalidField: it is no message.
    """
    if not isinstance(message, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        return "openai"  # which is refused when it is read
    if "role" not in message or message.get("type") == "message":
        if isinstance(message.get("type"), str):
            return "openai-responses"
        raise _refused(message, f"has neither a role ({', '.join(ROLES)}) nor a type")
    if message["role"] in ("tool", "function") or not {"tool_calls", "function_call", "refusal"}.isdisjoint(message):
        return "openai"
    kinds = {block.get("type") for block in _blocks(message)}
    if kinds & _RESPONSES_PARTS:
        return "openai-responses"
    if kinds & _BLOCKS or any(isinstance(kind, str) and kind.endswith("_tool_result") for kind in kinds):
        return "anthropic"
    if not kinds & _CHAT_PARTS and any(set(block) - {"type", "text"} for block in _blocks(message)):
        return "anthropic"  # such as cache_control beside a text
    return "openai"


def message_json(message: Message) -> str:
    """A message as JSON, in its own order of keys: read back, it is the same to the byte.

    Raises:
        InvalidField: it holds what JSON cannot say.
    """
    try:
        _bounded(message, _DEPTH)
        written = json.dumps(message, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise _refused(message, f"holds what JSON cannot say ({error}); give plain mappings and lists") from None
    # Half a surrogate pair, as a tool may print it, is kept by its escape.
    return written if _is_whole(written) else json.dumps(message, allow_nan=False, separators=(",", ":"))


def read_message(message: object, shape: Shape) -> Said:
    """What a message says.

    Raises:
        InvalidField: it is no message of that shape; the role is unknown.
        InvalidText: it has no content.
    """
    if not isinstance(message, Mapping):
        raise InvalidField(
            f"A message is {type(message).__name__} {message!r:.60}; expected a mapping with 'role' and 'content', "
            "such as message.model_dump() gives of a client's own object. Nothing was written."
        )
    given = cast("Message", message)
    if shape == "openai-responses" and ("role" not in given):
        said = _item(given)
    else:
        role = given.get("role")
        if role not in ROLES:
            raise _refused(given, f"has the role {role!r:.60}; expected one of: {', '.join(ROLES)}")
        said = _chat(given) if shape == "openai" else _spoken(given)
    if not any(not isinstance(part, Text) or part.text.strip() for part in said.parts):
        raise InvalidText(f"A message of role {said.role!r} has no content, and calls no tool. Nothing was written.")
    return said


def _chat(message: Message) -> Said:
    """A message of OpenAI's chat completions."""
    role = cast("str", message["role"])
    content, listed = message.get("content"), isinstance(message.get("content"), list)
    name = message.get("name")
    if role in ("tool", "function"):
        key = "tool_call_id" if role == "tool" else "name"
        return Said(role, (Result(_text(message, key), tuple(_simple(_parts(message, content)))),), None, listed)
    parts = list(_parts(message, content))
    if isinstance(message.get("refusal"), str):
        parts.append(Text(message["refusal"]))
    if message.get("audio") is not None:
        parts.append(Other("audio"))
    parts += [_tool_call(message, call) for call in _maps(message, "tool_calls")]
    legacy = message.get("function_call")
    if isinstance(legacy, Mapping):
        called = cast("Message", legacy)
        parts.append(Call(_text(called, "name"), _text(called, "name"), str(called.get("arguments", ""))))
    return Said(role, tuple(parts), name if isinstance(name, str) and name.strip() else None, listed)


def _tool_call(message: Message, call: Message) -> Call:
    kind = call.get("type", "function")
    function = call.get(kind if kind in ("function", "custom") else "function")
    if not isinstance(function, Mapping):
        raise _refused(message, f"calls a tool as {call!r:.80}; expected an 'id' and a 'function' with its 'name'")
    called = cast("Message", function)
    if kind == "custom":
        return Call(_text(call, "id"), _text(called, "name"), str(called.get("input", "")), is_free=True)
    arguments = called.get("arguments", "")
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    return Call(_text(call, "id"), _text(called, "name"), text)


def _spoken(message: Message) -> Said:
    """A message with a role, of Anthropic or of the Responses."""
    content = message.get("content")
    return Said(
        cast("str", message["role"]), tuple(_parts(message, content)), None, is_listed=isinstance(content, list)
    )


def _item(item: Message) -> Said:
    """An item of the Responses without a role."""
    match item.get("type"):
        case "function_call":
            return Said(
                "assistant", (Call(_text(item, "call_id"), _text(item, "name"), str(item.get("arguments", ""))),)
            )
        case "custom_tool_call":
            call = Call(_text(item, "call_id"), _text(item, "name"), str(item.get("input", "")), is_free=True)
            return Said("assistant", (call,))
        case "function_call_output" | "custom_tool_call_output":
            if "output" not in item:
                raise _refused(item, "is the result of a tool without 'output'")
            parts = tuple(_simple(_parts(item, item["output"])))
            return Said(
                "tool", (Result(_text(item, "call_id"), parts),), None, is_listed=isinstance(item["output"], list)
            )
        case "reasoning":
            told = [Text(str(one.get("text", ""))) for one in _maps(item, "summary")]
            return Said("assistant", (Other("reasoning"), *told))
        case str(kind) if kind.endswith(("_call", "_call_output", "_list_tools", "_approval_request")):
            return Said("assistant", (Other(kind),))
        case kind:
            raise _refused(item, f"has the type {kind!r:.60} and no role, which is no item of the Responses")


def _parts(message: Message, content: object) -> Iterator[Part]:
    if content is None:
        return
    if isinstance(content, str):
        yield Text(content)
    elif isinstance(content, list | tuple):
        for block in _blocks({**message, "content": content}, strict=True):
            yield _part(message, block)
    else:
        raise _refused(message, f"has the content {content!r:.60}; expected a text or a list of parts")


def _part(message: Message, block: Message) -> Part:
    match block.get("type"):
        case "text" | "input_text" | "output_text":
            return Text(_string(message, block, "text"))
        case "refusal":
            return Text(_string(message, block, "refusal"))
        case "image_url":
            given = block.get("image_url")
            url = cast("Message", given).get("url") if isinstance(given, Mapping) else given
            return _picture(message, url)
        case "input_image":
            if isinstance(block.get("file_id"), str):
                return Picture(file=block["file_id"])
            return _picture(message, block.get("image_url"))
        case "image":
            return _source(message, block)
        case "tool_use":
            return Call(
                _text(block, "id"), _text(block, "name"), json.dumps(block.get("input", {}), ensure_ascii=False)
            )
        case "tool_result":
            parts = tuple(_simple(_parts(block, block.get("content"))))
            return Result(_text(block, "tool_use_id"), parts, block.get("is_error") is True)
        case str(kind):
            return Other(kind)
        case kind:
            raise _refused(message, f"has a part of the type {kind!r:.60}; expected a text such as 'text' or 'image'")


def _picture(message: Message, url: object) -> Picture:
    if not isinstance(url, str) or not url:
        raise _refused(message, "has an image without an address")
    if url.startswith("data:") and ";base64," in url:
        media_type, _, data = url[5:].partition(";base64,")
        return Picture(data=data, media_type=media_type)
    return Picture(url=url)


def _source(message: Message, block: Message) -> Picture:
    given = block.get("source")
    source = cast("Message", given if isinstance(given, Mapping) else {})
    match source.get("type"):
        case "base64":
            return Picture(data=_text(source, "data"), media_type=_text(source, "media_type"))
        case "url":
            return Picture(url=_text(source, "url"))
        case "file":
            return Picture(file=_text(source, "file_id"))
        case kind:
            raise _refused(message, f"has an image from {kind!r:.60}; expected a source of type base64, url or file")


def _simple(parts: Iterator[Part]) -> Iterator[Text | Picture | Other]:
    for part in parts:
        yield part if isinstance(part, Text | Picture | Other) else Other("tool")


def _blocks(message: Message, *, strict: bool = False) -> Iterator[Message]:
    content = message.get("content")
    for block in cast("Sequence[object]", content) if isinstance(content, list | tuple) else ():
        if isinstance(block, Mapping):
            yield cast("Message", block)
        elif strict:
            raise _refused(message, f"has a part that is {block!r:.60}; expected a mapping with a 'type'")


def _maps(message: Message, key: str) -> Iterator[Message]:
    given = message.get(key)
    if given is None:
        return
    if not isinstance(given, list | tuple) or not all(isinstance(one, Mapping) for one in cast("list[object]", given)):
        raise _refused(message, f"has {key!r} as {given!r:.60}; expected a list of mappings")
    yield from cast("list[Message]", given)


def _text(message: Message, key: str) -> str:
    found = message.get(key)
    if not isinstance(found, str) or not found.strip():
        raise _refused(message, f"has {key!r} as {found!r:.60}; expected a text that is not empty")
    return found


def _string(message: Message, block: Message, key: str) -> str:
    found = block.get(key)
    if not isinstance(found, str):
        raise _refused(message, f"has a part with {key!r} as {found!r:.60}; expected a text")
    return found


def _bounded(value: object, left: int) -> None:
    if left == 0:
        raise ValueError(f"more than {_DEPTH} levels")
    if isinstance(value, Mapping):
        for key, one in cast("Mapping[object, object]", value).items():
            if not isinstance(key, str):
                raise TypeError(f"the key {key!r:.40}")
            _bounded(one, left - 1)
    elif isinstance(value, list | tuple):
        for one in cast("Sequence[object]", value):
            _bounded(one, left - 1)


def _is_whole(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refused(message: Message, why: str) -> InvalidField:
    keys = ", ".join(map(repr, list(message)[:8]))
    return InvalidField(f"The message with {keys:.120} {why}. Nothing was written.")
