"""Turns from foreign messages: what was said in them, when, and what is only named."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from typing import Any

from holdfast.adapters.importers.fields import (
    is_mapping,
    key_of,
    label,
    listing,
    mapping,
    mended,
    moment,
    one_or_more,
    text_in,
    word,
)
from holdfast.adapters.importers.gathering import Gathering
from holdfast.errors import InvalidField, InvalidTime
from holdfast.model import limits
from holdfast.model.records import Scalar
from holdfast.model.reports import Turn

TOOL_CHARS = 4_000
"""Leading characters of a tool's call or result that are kept: the rest is files and logs."""
CALL = "tool-call"
"""Tag of a turn in which an agent calls a tool."""
_PLAIN = frozenset(("text", "input_text", "output_text", "refusal", "voice_note"))
_PRIVATE = frozenset(
    ("thinking", "redacted_thinking", "reasoning", "redacted_reasoning", "omitted_reasoning", "summarized_reasoning")
)
_CALLS = frozenset(("tool_use", "server_tool_use", "mcp_tool_use", "tool_call", "function_call"))
_BOOKKEEPING = frozenset(("token_budget", "flag", "context_compacted", "compaction", "cache_edits"))


@dataclass(slots=True)
class Said:
    """The readable parts of one message.

    Attributes:
        texts: What was said, in order.
        calls: Tools that were called: name and arguments.
        results: What tools answered: the call's id and the text.
        named: Names of things shared along, such as files.
        left_out: What is in it and not taken, in words.
    """

    texts: list[str] = field(default_factory=list[str])
    calls: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])
    results: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    named: list[str] = field(default_factory=list[str])
    left_out: list[str] = field(default_factory=list[str])

    @property
    def text(self) -> str:
        return "\n\n".join(self.texts)


def said_in(content: object) -> Said:
    """What a message's content says: a text, a block, or a list of both.

    Raises:
        InvalidField: it is something else.
    """
    said = Said()
    if content is None:
        return said
    for block in one_or_more(content):
        if isinstance(block, str):
            if text_in(block):
                said.texts.append(block)
        elif is_mapping(block):
            _take_block(block, said)
        elif block is not None:
            raise InvalidField(f"its content is or holds {type(block).__name__}; expected text or blocks")
    return said


def _take_block(block: Mapping[str, Any], said: Said) -> None:
    kind = word(block.get("type"))
    if kind in _PLAIN or (not kind and text_in(block.get("text"))):
        text = text_in(block.get("text")) or text_in(block.get("refusal"))
        if text:
            said.texts.append(text)
    elif kind in _PRIVATE:
        said.left_out.append("thinking of the model")
    elif kind in _CALLS:
        name = label(block.get("name")) or "tool"
        said.calls.append((str(block.get("id") or ""), name, compact(block.get("input", block.get("arguments")))))
    elif kind.endswith(("tool_result", "tool_return", "function_call_output")):
        answer = block.get("content", block.get("output"))
        said.results.append((str(block.get("tool_use_id") or block.get("call_id") or ""), flat(answer)))
    elif kind in _BOOKKEEPING:
        said.left_out.append("bookkeeping blocks")
    else:
        named = label(block.get("file_name") or block.get("filename") or block.get("title"))
        shown = label(kind, 40) or "unknown"
        if named:
            said.named.append(named)
        elif "image" in shown or "audio" in shown or "file" in shown or "document" in shown:
            said.named.append(shown)
        said.left_out.append(f"blocks of type {shown}: their content is no text")


def flat(value: object) -> str:
    """A tool's answer as text."""
    if isinstance(value, str):
        return value if value.strip() else ""
    blocks = one_or_more(value)
    if is_mapping(value) or listing(value):
        texts = [text_in(mapping(block).get("text")) or text_in(block) for block in blocks]
        if any(texts):
            return "\n".join(text for text in texts if text)
        if any(str(mapping(block).get("type", "")).endswith(("image", "document")) for block in blocks):
            return ""
    return "" if value is None else compact(value)


def compact(value: object) -> str:
    """Arguments as short JSON; a text stays as it is."""
    if isinstance(value, str):
        return value
    try:
        return "" if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except RecursionError:
        raise InvalidField("it is nested too deeply to be read") from None


def turns(
    *,
    session: str,
    source: str,
    key: str,
    speaker: str,
    text: str,
    when_ms: int | None,
    author: str | None = None,
    named: Sequence[str] = (),
    tags: tuple[str, ...] = (),
    attributes: Mapping[str, Scalar] | None = None,
) -> list[Turn]:
    """One message as turns: one, or several where it is longer than a memory may be; none where it says nothing.

    A message that only shares things says that it does.
    """
    caption = label(", ".join(named)) if named else None
    if not text.strip():
        if caption is None:
            return []
        text = f"[shared {caption}]"
    made = Turn(
        speaker=speaker,
        text=mended(text),
        when_ms=when_ms,
        author=author,
        session=session,
        caption=caption,
        source=source,
        key=key,
        tags=tags,
        attributes=attributes,
    )
    if len(made.text) <= limits.TEXT_CHARS:
        return [made]
    return [replace(made, text=part, key=f"{key}/part{n}" if n > 1 else key) for n, part in pieces(made.text)]


def tool_turns(
    said: Said,
    *,
    session: str,
    source: str,
    key: tuple[str, ...],
    when_ms: int | None,
    gathering: Gathering,
    names: Mapping[str, str] | None = None,
    tags: tuple[str, ...] = (),
    author: str | None = None,
) -> list[Turn]:
    """The tool calls and results of a message as turns of their own.

    Args:
        names: Names of tools by the id of the call, for results.
        author: Who calls.
    """
    made, known = list[Turn](), dict(names or {})
    for number, (call, name, arguments) in enumerate(said.calls, 1):
        known[call] = name
        text, cut = tool_text(arguments)
        made += turns(
            session=session, source=source, key=key_of(*key, f"call{number}"), speaker="assistant", author=author,
            text=f"{name}: {text}" if text else name, when_ms=when_ms, tags=(CALL, *tags), attributes=cut or None,
        )  # fmt: skip
        if cut:
            gathering.leave_out("the ends of long tool calls and results")
    for number, (call, answer) in enumerate(said.results, 1):
        text, cut = tool_text(answer)
        made += turns(
            session=session, source=source, key=key_of(*key, f"result{number}"), speaker="tool",
            author=known.get(call), text=text, when_ms=when_ms, tags=tags, attributes=cut or None,
        )  # fmt: skip
        if cut:
            gathering.leave_out("the ends of long tool calls and results")
    return made


def tool_text(text: str) -> tuple[str, dict[str, Scalar]]:
    """The leading part of what a tool was told or answered, and how long all of it was where it was cut."""
    if len(text) <= TOOL_CHARS:
        return text, {}
    return text[:TOOL_CHARS], {"whole_chars": len(text)}


def pieces(text: str, most: int = limits.TEXT_CHARS) -> Iterator[tuple[int, str]]:
    """A long text in numbered parts, cut at the end of a line where there is one near."""
    number, start = 0, 0
    while start < len(text):
        end = start + most
        if end < len(text):
            near = text.rfind("\n", end - most // 10, end)
            end = near + 1 if near > start else end
        if text[start:end].strip():
            number += 1
            yield number, text[start:end]
        start = end


def time_of(value: object, zone: tzinfo) -> tuple[int | None, str]:
    """A time, or None and why there is none although something was given."""
    try:
        return moment(value, zone), ""
    except InvalidTime:
        return None, f"{value!r:.60} cannot be read as a time"


def dated(made: Sequence[Turn], before_ms: int | None) -> list[Turn]:
    """Turns without a time get that of the turn before, the first ones that of the first that has one.

    Args:
        before_ms: The time of what came before them.
    """
    at = before_ms
    if at is None:
        at = next((turn.when_ms for turn in made if turn.when_ms is not None), None)
    result = list[Turn]()
    for turn in made:
        if turn.when_ms is None:
            result.append(turn if at is None else replace(turn, when_ms=at))
        else:
            at = turn.when_ms
            result.append(turn)
    return result
