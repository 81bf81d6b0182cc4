"""Messages in the shape that is asked for: as they were where they came in it, converted where they came in another.

Ids of calls are kept, a call and its results stay together, and what a shape cannot say is told.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from holdfast.core.message_text import text_of
from holdfast.core.messages import Call, Other, Part, Picture, Result, Said, Text, check_shape, read_message
from holdfast.model.messages import Message, Messages, Shape

_SYSTEM: Final = ("system", "developer")


@dataclass(frozen=True, slots=True)
class Kept:
    """A message as it was kept.

    Attributes:
        id: Of its memory.
        message: As it was given, and in which shape; None where it says no more than its role and one text.
    """

    id: str
    said: Said
    message: Message | None = None
    shape: Shape | None = None


@dataclass(slots=True)
class _Out:
    """What is written so far."""

    messages: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    sources: list[tuple[str, ...]] = field(default_factory=list[tuple[str, ...]])
    system: list[str] = field(default_factory=list[str])
    left_out: list[str] = field(default_factory=list[str])
    merges: bool = False
    """The last message was converted, and what follows it may be joined to it."""

    def put(self, id_: str, message: dict[str, Any], *, merges: bool = False) -> None:
        self.messages.append(message)
        self.sources.append((id_,))
        self.merges = merges

    def also(self, id_: str) -> dict[str, Any]:
        """The last message, which is of that memory too."""
        if id_ not in self.sources[-1]:
            self.sources[-1] += (id_,)
        return self.messages[-1]

    def tell(self, id_: str, what: str) -> None:
        self.left_out.append(f"memory {id_}: {what}")


def shaped(kept: Iterable[Kept], shape: Shape) -> Messages:
    """Messages in one shape, in order.

    A result without its call, which was forgotten or is not among these, is left out: no provider takes it.
    """
    out, known = _Out(), set[str]()
    for one in kept:
        one = _without_orphans(one, known, out)
        known.update(call.id for call in one.said.calls)
        if one.message is not None and one.shape == shape:
            out.put(one.id, dict(one.message))
            continue
        before = len(out.left_out), len(out.messages), len(out.system), out.sources[-1:]
        _WRITERS[shape](out, one)
        if before == (len(out.left_out), len(out.messages), len(out.system), out.sources[-1:]):
            out.tell(one.id, f"nothing of it can be said in the shape {shape}")
    system = "\n\n".join(out.system) or None
    return Messages(shape, tuple(out.messages), system, tuple(out.left_out), tuple(out.sources))


def _without_orphans(one: Kept, known: set[str], out: _Out) -> Kept:
    lost = [result.id for result in one.said.results if result.id not in known]
    if not lost:
        return one
    out.tell(one.id, f"a tool's result without its call ({', '.join(lost):.120})")
    left = tuple(part for part in one.said.parts if not (isinstance(part, Result) and part.id in lost))
    return Kept(one.id, Said(one.said.role, left, one.said.name, one.said.is_listed))


def _chat(out: _Out, one: Kept) -> None:
    """OpenAI's chat completions."""
    said = one.said
    for result in said.results:
        if any(not isinstance(part, Text) for part in result.parts):
            out.tell(one.id, "a tool's result that is more than text: the rest of it")
        if result.is_error:
            out.tell(one.id, "that a tool's result is an error")
        out.put(one.id, {"role": "tool", "tool_call_id": result.id, "content": text_of(_texts(result.parts))})
    parts = _sayable(out, one, lambda picture: not picture.file)
    if said.calls:
        calls = [_chat_call(call) for call in said.calls]
        text = text_of(parts) or None
        if out.merges and out.messages[-1]["role"] == "assistant" and text is None:
            last = out.also(one.id)
            last["tool_calls"] = [*last.get("tool_calls", ()), *calls]
        else:
            out.put(one.id, {"role": "assistant", "content": text, "tool_calls": calls}, merges=True)
    elif parts:
        content = _content(parts, said, "text", lambda url: {"type": "image_url", "image_url": {"url": url}})
        role = "system" if said.role in _SYSTEM else said.role
        out.put(one.id, {"role": role, "content": content} | ({"name": said.name} if said.name else {}), merges=True)


def _chat_call(call: Call) -> dict[str, Any]:
    if call.is_free:
        return {"id": call.id, "type": "custom", "custom": {"name": call.name, "input": call.arguments}}
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _items(out: _Out, one: Kept) -> None:
    """Items of OpenAI's Responses."""
    said = one.said
    for result in said.results:
        if result.is_error:
            out.tell(one.id, "that a tool's result is an error")
        if any(isinstance(part, Picture | Other) for part in result.parts):
            out.tell(one.id, "a tool's result that is more than text: the rest of it")
        output = text_of(_texts(result.parts))
        out.put(one.id, {"type": "function_call_output", "call_id": result.id, "output": output})
    parts = _sayable(out, one, lambda _: True)
    if parts:
        word = "output_text" if said.role == "assistant" else "input_text"
        content = _content(parts, said, word, lambda url: {"type": "input_image", "image_url": url})
        out.put(one.id, {"role": said.role, "content": content})
    for call in said.calls:
        free = {"type": "custom_tool_call", "call_id": call.id, "name": call.name, "input": call.arguments}
        plain = {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": call.arguments}
        out.put(one.id, free if call.is_free else plain)


def _blocks(out: _Out, one: Kept) -> None:
    """Anthropic's messages; what the system says stands apart from them."""
    said = one.said
    if said.role in _SYSTEM:
        out.system.append(text_of(_sayable(out, one, lambda _: False)))
        return
    results = [_result_block(out, one, result) for result in said.results]
    if results:
        # All results of one message's calls belong into one message of the user.
        if out.merges and out.messages[-1]["role"] == "user" and isinstance(out.messages[-1]["content"], list):
            out.also(one.id)["content"].extend(results)
        else:
            out.put(one.id, {"role": "user", "content": results}, merges=True)
    parts = _sayable(out, one, lambda _: True)
    calls = [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": _input(out, one, call)} for call in said.calls
    ]
    if not parts and not calls:
        return
    role = "assistant" if said.role == "assistant" else "user"
    if calls and not parts and out.merges and out.messages[-1]["role"] == "assistant":
        last = out.also(one.id)
        before = last["content"]
        last["content"] = [*([{"type": "text", "text": before}] if isinstance(before, str) else before), *calls]
    elif calls:
        out.put(one.id, {"role": role, "content": [*map(_block, parts), *calls]}, merges=True)
    else:
        content = _content(parts, said, "text", _image_block)
        if role == "user" and results and isinstance(content, str):
            content = [{"type": "text", "text": content}]
        if role == "user" and results:
            out.also(one.id)["content"].extend(content)
        else:
            # A user's words do not take in the results of an earlier call.
            out.put(one.id, {"role": role, "content": content}, merges=role == "assistant")


def _result_block(out: _Out, one: Kept, result: Result) -> dict[str, Any]:
    if any(isinstance(part, Other) for part in result.parts):
        out.tell(one.id, "a tool's result that is more than text and images: the rest of it")
    parts = [part for part in result.parts if not isinstance(part, Other)]
    pictured = any(isinstance(part, Picture) for part in parts)
    content = [_block(part) for part in parts] if pictured else text_of(parts)
    block: dict[str, Any] = {"type": "tool_result", "tool_use_id": result.id, "content": content}
    return block | ({"is_error": True} if result.is_error else {})


def _input(out: _Out, one: Kept, call: Call) -> dict[str, Any]:
    try:
        found: object = json.loads(call.arguments or "{}")
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, dict) and not call.is_free:
        return found  # pyright: ignore[reportUnknownVariableType]
    out.tell(one.id, f"that what {call.name} was given is no object: it stands under 'input'")
    return {"input": call.arguments}


def _block(part: Part) -> dict[str, Any]:
    return {"type": "text", "text": part.text} if isinstance(part, Text) else _picture_block(part)


def _picture_block(part: Part) -> dict[str, Any]:
    if isinstance(part, Picture) and part.data:
        source = {"type": "base64", "media_type": part.media_type or "image/png", "data": part.data}
        return {"type": "image", "source": source}
    if isinstance(part, Picture) and part.file:
        return {"type": "image", "source": {"type": "file", "file_id": part.file}}
    return _image_block(part.url or "" if isinstance(part, Picture) else "")


def _image_block(url: str) -> dict[str, Any]:
    if url.startswith("data:"):
        media_type, _, data = url[5:].partition(";base64,")
        return {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": data}}
    return {"type": "image", "source": {"type": "url", "url": url}}


def _sayable(out: _Out, one: Kept, takes: Callable[[Picture], bool]) -> list[Text | Picture]:
    """The parts that every shape has, less the images that this one does not take."""
    found = list[Text | Picture]()
    for part in one.said.parts:
        if isinstance(part, Other):
            out.tell(one.id, f"{part.what}, which only its own shape can say")
        elif isinstance(part, Picture) and not takes(part):
            out.tell(one.id, f"the image {part.url or part.file or part.media_type}")
        elif isinstance(part, Text | Picture) and (not isinstance(part, Text) or part.text):
            found.append(part)
    return found


def _content(
    parts: Sequence[Text | Picture], said: Said, word: str, picture: Callable[[str], dict[str, Any]]
) -> str | list[dict[str, Any]]:
    if not said.is_listed and len(parts) == 1 and isinstance(parts[0], Text):
        return parts[0].text
    return [
        {"type": word, "text": part.text} if isinstance(part, Text) else _of_picture(part, picture) for part in parts
    ]


def _of_picture(part: Picture, picture: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    if picture is _image_block:
        return _picture_block(part)
    if part.file:
        return {"type": "input_image", "file_id": part.file}
    return picture(part.url or f"data:{part.media_type};base64,{part.data}")


def _texts(parts: Sequence[Part]) -> list[Part]:
    return [part for part in parts if isinstance(part, Text)]


_WRITERS: Final[dict[Shape, Callable[[_Out, Kept], None]]] = {
    "openai": _chat,
    "openai-responses": _items,
    "anthropic": _blocks,
}


def reshaped(messages: Messages, shape: str) -> Messages:
    """The same messages in another shape; themselves where they are in it.

    Raises:
        InvalidField: an unknown shape.
    """
    wanted = check_shape(shape)
    if messages.shape == wanted:
        return messages
    system = [Kept("", Said("system", (Text(messages.system),)))] if messages.system else []
    sources = [*messages.sources, *([()] * (len(messages) - len(messages.sources)))]
    kept = [
        Kept(next(iter(of), ""), read_message(one, messages.shape), one, messages.shape)
        for one, of in zip(messages, sources, strict=True)
    ]
    found = shaped([*system, *kept], wanted)
    return replace(found, left_out=(*messages.left_out, *found.left_out))
