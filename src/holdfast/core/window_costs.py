"""What a message costs of a window, and the same message in less.

A provider adds a few tokens to each message, and counts an image by its size; both are taken at their most here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, cast

from holdfast.core.gist import gist
from holdfast.core.message_shapes import Kept
from holdfast.core.message_text import readable, text_of
from holdfast.core.messages import Call, Other, Part, Picture, Result, Said, Text
from holdfast.model.messages import Message
from holdfast.model.tokens import Count

MESSAGE_TOKENS: Final = 4
"""What stands around a message, or around a call in it: OpenAI's chat format adds three or four."""
PICTURE_TOKENS: Final = 1_600
"""The most that Anthropic counts for an image (its area in pixels over 750); OpenAI's high detail stays below it."""
GISTS: Final = (1_200, 240)
"""Characters of a text that is shown by its gist; the second where the first would not fit either."""
_PICTURES: Final = frozenset(("image", "image_url", "input_image"))
_UNCOUNTED: Final = frozenset(("role", "type"))


@dataclass(frozen=True, slots=True)
class Entry:
    """One message of a session, as a window sees it.

    Attributes:
        n: Local number of its memory.
        at_ms: When it was said.
        tokens: The most it costs, in whatever shape.
        expires_at: From when on it is as good as forgotten; None for never.
        is_short: It is shown by its gist.
        calls, results: Ids of the calls of tools in it, and of those whose results are.
        characters: What it takes in memory, about.
    """

    n: int
    kept: Kept
    at_ms: int
    tokens: int
    expires_at: int | None = None
    is_short: bool = False
    is_system: bool = False
    calls: tuple[str, ...] = ()
    results: tuple[str, ...] = ()
    characters: int = 0

    @property
    def id(self) -> str:
        return self.kept.id


def entry_of(
    n: int, kept: Kept, at_ms: int, expires_at: int | None, count: Count, characters: int = 0
) -> Entry:  # fmt: skip
    """A message as a window sees it."""
    said = kept.said
    return Entry(
        n, kept, at_ms, cost(kept, count), expires_at, is_system=is_system(said),
        calls=tuple(call.id for call in said.calls), results=tuple(result.id for result in said.results),
        characters=characters,
    )  # fmt: skip


def is_system(said: Said) -> bool:
    """It is the system's word, which stays."""
    return said.role in ("system", "developer")


def cost(kept: Kept, count: Count) -> int:
    """The most tokens that a message costs, in whatever shape it is given."""
    said = MESSAGE_TOKENS + sum([_part_tokens(part, count) for part in kept.said.parts])
    if kept.said.calls or is_system(kept.said):
        # Beside calls, and where the system's words stand apart, some shapes join them to one text.
        spoken = [part for part in kept.said.parts if isinstance(part, Text | Picture)]
        apart = sum([_part_tokens(part, count) for part in spoken])
        is_joined = len(spoken) > 1 or any(isinstance(one, Picture) for one in spoken)
        said += max(0, count(text_of(spoken)) - apart) if is_joined else 0
    said += count(kept.said.name) if kept.said.name else 0
    return said if kept.message is None else max(said, message_tokens(kept.message, count))


def message_tokens(message: Message, count: Count) -> int:
    """The tokens of one message in a provider's shape."""
    return MESSAGE_TOKENS + sum(_values(message, count))


def _values(value: Mapping[str, Any], count: Count) -> Iterator[int]:
    if value.get("type") in _PICTURES:
        yield PICTURE_TOKENS
        return
    if value.get("type") in ("function", "custom", "tool_use", "tool_result", "function_call", "custom_tool_call"):
        yield MESSAGE_TOKENS
    for key, one in value.items():
        if key in _UNCOUNTED:
            continue
        if key in ("input", "arguments") and not isinstance(one, str):
            yield count(json.dumps(one, ensure_ascii=False))
        else:
            yield from _value(one, count)


def _value(value: object, count: Count) -> Iterator[int]:
    if isinstance(value, str):
        yield count(value)
    elif isinstance(value, Mapping):
        yield from _values(cast("Mapping[str, Any]", value), count)
    elif isinstance(value, Sequence):
        for one in cast("Sequence[object]", value):
            yield from _value(one, count)
    elif value is not None:
        yield 1


def _part_tokens(part: Part, count: Count) -> int:
    match part:
        case Text(text):
            return count(text)
        case Picture():
            return PICTURE_TOKENS
        case Call(id_, name, arguments):
            return 2 * MESSAGE_TOKENS + count(id_) + count(name) + _argument_tokens(arguments, count)
        case Result(id_, parts):
            # Joined into one text, in several, or with its images: whatever is most.
            texts = max(count(text_of(parts)), sum(_part_tokens(one, count) for one in parts))
            return 2 * MESSAGE_TOKENS + count(id_) + texts
        case Other():
            return 0  # only its own shape says it, and there the message itself is counted


def _argument_tokens(arguments: str, count: Count) -> int:
    try:
        found: object = json.loads(arguments or "{}")
    except (ValueError, RecursionError):
        found = arguments
    # Where a shape wants an object, it is one, or is put into one.
    given = cast("dict[str, Any]", found) if isinstance(found, dict) else {"input": arguments}
    return max(count(arguments), count(json.dumps(given, ensure_ascii=False)))


def shortened(entry: Entry, characters: int, count: Count) -> Entry:
    """A message by its gist, with the id under which all of it is kept."""
    kept = entry.kept
    mark = f"[in full: memory {kept.id}]"

    def short(text: str) -> str:
        if len(text) <= characters:
            return text
        told = gist(text)
        return f"{told if len(told) <= characters else told[: characters - 1] + '…'}\n{mark}"

    def part_of(part: Part) -> Part:
        match part:
            case Text(text):
                return Text(short(text))
            case Picture():
                return Text(f"{text_of((part,))} {mark}")
            case Call():
                if len(part.arguments) <= characters:
                    return part
                told = json.dumps({"gist": short(part.arguments)}, ensure_ascii=False)
                return replace(part, arguments=short(part.arguments) if part.is_free else told)
            case Result():
                text = text_of(part.parts)
                has_more = len(text) > characters or any(not isinstance(one, Text) for one in part.parts)
                return replace(part, parts=(Text(short(text)),)) if has_more else part
            case Other(what):
                return Text(f"[{what}] {mark}")

    parts = tuple(part_of(part) for part in kept.said.parts)
    if parts == kept.said.parts:
        return entry
    made = Kept(kept.id, replace(kept.said, parts=parts))
    return replace(entry, kept=made, tokens=cost(made, count), is_short=True)


def system_apart(system: Sequence[Entry], count: Count) -> int:
    """Tokens that the system's words need beyond their own where a shape joins them to one text."""
    texts = [text_of([part for part in one.kept.said.parts if isinstance(part, Text)]) for one in system]
    joined = count("\n\n".join(texts)) if len(texts) > 1 else 0
    return max(0, joined - sum([one.tokens for one in system]))


def answers(entries: Sequence[Entry]) -> Iterator[tuple[int, int, str]]:
    """Each result whose call is among these: the places of the call and of the result, and their id.

    An id that is used again, as where a provider knows a call by the name of its tool, is that of the newest call.
    """
    open_calls = dict[str, int]()
    for place, entry in enumerate(entries):
        for id_ in entry.results:
            if id_ in open_calls:
                yield open_calls[id_], place, id_
        open_calls.update((id_, place) for id_ in entry.calls)


def lone_told(entries: Sequence[Entry], count: Count) -> list[Entry]:
    """The same, each in its place, with what providers refuse in words: a result without its call, told by the user,
    and a call without a result after which something else was said.
    """
    if not any(one.calls or one.results for one in entries):
        return list(entries)
    pairs = list(answers(entries))
    called, answered = {(place, id_) for _, place, id_ in pairs}, {(place, id_) for place, _, id_ in pairs}
    # Calls at the end, in one message or in several, may still be answered.
    spoken = max(
        (place for place, one in enumerate(entries) if not (one.is_system or one.results or one.calls)), default=-1
    )
    found = list[Entry]()
    for place, entry in enumerate(entries):
        lone = {id_ for id_ in entry.results if (place, id_) not in called}
        if place < spoken:
            lone |= {id_ for id_ in entry.calls if (place, id_) not in answered}
        found.append(_in_words(entry, lone, count) if lone else entry)
    return found


def _in_words(entry: Entry, lone: set[str], count: Count) -> Entry:
    """A message with these calls and results as text."""
    said = entry.kept.said
    parts = tuple(_worded(part) if isinstance(part, Call | Result) and part.id in lone else part for part in said.parts)
    role = "user" if said.role in ("tool", "function") else said.role
    made = Kept(entry.id, replace(said, parts=parts, role=role))
    return replace(entry_of(entry.n, made, entry.at_ms, entry.expires_at, count), is_short=entry.is_short)


def _worded(part: Call | Result) -> Text:
    if isinstance(part, Call):
        return Text(f"calls {part.name}({part.arguments})")
    return Text(readable(Said("user", (part,)), {}, full=True))
