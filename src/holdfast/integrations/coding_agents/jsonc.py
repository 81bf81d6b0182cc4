"""JSON as people keep it, with comments and spare commas: read with the place of every value, changed in place.

What is not changed stays byte for byte: comments, order, indentation, line ends. What is put in can be taken out
again so that nothing is left of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from holdfast.errors import InvalidField

_SPACE = re.compile(r"(?:\s+|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_STRING = re.compile(r'"[^"\\\x00-\x1f]*(?:\\.[^"\\\x00-\x1f]*)*"')
_SCALAR = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null")
_DEPTH = 200
_CHANGED = ("hooks", "mcp", "mcpServers", "servers")
"""Members of the whole in which something is changed; of all else no places are needed."""
_LEVELS = 3
"""So many levels of those."""


@dataclass(slots=True)
class Value:
    """A value and where it stands.

    Attributes:
        start, end: Its place in the text.
        data: What it means.
        parts: Where the members of an object, with their keys, and the items of a list begin and end.
        members: Values of an object by key; of two under one key the last.
        items: Values of a list.
    """

    start: int
    end: int = 0
    data: Any = None
    parts: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    members: dict[str, tuple[int, Value]] = field(default_factory=dict[str, "tuple[int, Value]"])
    items: list[Value] = field(default_factory=list["Value"])


def parsed(text: str) -> Value:
    """The value of a text.

    Raises:
        InvalidField: it is none; says in which line.
    """
    start = _skip(text, 1 if text.startswith("\ufeff") else 0)
    value = _value(text, start, 0, _LEVELS + 1)
    if _skip(text, value.end) != len(text):
        raise _wrong(text, value.end, "something stands behind its end")
    return value


def with_member(text: str, path: tuple[str, ...], key: str, data: Any) -> str:
    """The text with a member in the object at a path, which is made where it is missing.

    Raises:
        InvalidField: there is something else than an object.
    """
    at = parsed(text)
    for place, name in enumerate(path):
        _must_be(at, dict, path[:place])
        if name not in at.members:
            for missing in reversed((*path[place + 1 :], key)):
                data = {missing: data}
            return _inserted(text, at, data, name)
        at = at.members[name][1]
    _must_be(at, dict, path)
    if key not in at.members:
        return _inserted(text, at, data, key)
    known = at.members[key][1]
    rendered = _rendered(text, data, _indent_of(text, at.parts[at.members[key][0]][0]), "\n" in text)
    return text[: known.start] + rendered + text[known.end :]


def with_item(text: str, path: tuple[str, ...], data: Any) -> str:
    """The text with one more item at the end of the list at a path, which is made where it is missing."""
    at = parsed(text)
    for name in path[:-1]:
        at = at.members[name][1] if name in at.members else Value(0)
    if path[-1] not in at.members:
        return with_member(text, path[:-1], path[-1], [data])
    found = at.members[path[-1]][1]
    _must_be(found, list, path)
    return _inserted(text, found, data, None)


def without_part(text: str, at: Value, place: int) -> str:
    """The text without a member of an object or an item of a list, and without the comma it needs no more."""
    start, end = at.parts[place]
    if 0 < place == len(at.parts) - 1:
        return _without_last(text, at.parts[place - 1][1], start, end)
    if len(at.parts) > 1:
        then = at.parts[place + 1][0]
        gap = text[end:then]
        return text[:start] + (_without_comma(gap).lstrip() if _has_comment(gap) else "") + text[then:]
    around = text[at.start + 1 : start] + text[end : at.end - 1]
    return text[: at.start + 1] + (_without_comma(around) if _has_comment(around) else "") + text[at.end - 1 :]


def _without_last(text: str, before: int, start: int, end: int) -> str:
    """The text without the last of several parts; a comment between it and the one before stays with that one."""
    gap = text[before:start]
    if not _has_comment(gap):
        return text[:before] + text[end:]
    kept = _without_comma(gap).rstrip()
    rest = text[end:]
    ends_line = not rest.lstrip(" \t").startswith(("\n", "\r"))
    return text[:before] + kept + ("\n" if ends_line and "//" in kept[kept.rfind("\n") + 1 :] else "") + rest


def without_key(text: str, path: tuple[str, ...], key: str) -> str:
    """The text without a member, and without the objects and lists above it that are empty then."""
    at, way = parsed(text), list[tuple[Value, str]]()
    for name in (*path, key):
        if not isinstance(at.data, dict) or name not in at.members:
            return text
        way.append((at, name))
        at = at.members[name][1]
    holder, name = way.pop()
    while way and len(holder.parts) == 1:
        above, called = way.pop()
        (start, end), (begins, ends) = holder.parts[0], above.parts[above.members[called][0]]
        if _has_comment(text[begins:start] + text[end:ends]):
            break  # somebody has something to say there
        holder, name = above, called
    return without_part(text, holder, holder.members[name][0])


def _value(text: str, start: int, depth: int, levels: int) -> Value:
    """The value that begins there; with the places of what is in it for so many levels."""
    if depth > _DEPTH:
        raise _wrong(text, start, "it is nested too deeply")
    opening = text[start : start + 1]
    if opening in ("{", "["):
        if levels <= 0:
            try:
                data, end = _PLAIN.raw_decode(text, start)
            except (ValueError, RecursionError):
                pass  # with comments or spare commas, or wrong
            else:
                return Value(start, end, data)
        return _container(text, start, depth, "}" if opening == "{" else "]", levels)
    found = (_STRING if opening == '"' else _SCALAR).match(text, start)
    if found is None:
        raise _wrong(text, start, "expected a value")
    try:
        return Value(start, found.end(), json.loads(found[0]))
    except ValueError:
        raise _wrong(text, start, "this is no JSON text") from None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


_PLAIN = json.JSONDecoder(parse_constant=_no_constant)


def _container(text: str, start: int, depth: int, closing: str, levels: int) -> Value:
    made, at = Value(start, data={} if closing == "}" else []), _skip(text, start + 1)
    while text[at : at + 1] != closing:
        begins, key = at, None
        if closing == "}":
            found = _STRING.match(text, at)
            if found is None:
                raise _wrong(text, at, "expected a key in quotes")
            try:
                key, at = str(json.loads(found[0])), _skip(text, found.end())
            except ValueError:
                raise _wrong(text, at, "this is no JSON text") from None
            if text[at : at + 1] != ":":
                raise _wrong(text, at, "expected a colon")
            at = _skip(text, at + 1)
        value = _value(text, at, depth + 1, levels - 1 if depth or key in _CHANGED else 0)
        if key is None:
            made.items.append(value)
            made.data.append(value.data)
        else:
            made.members[key] = (len(made.parts), value)
            made.data[key] = value.data
        made.parts.append((begins, value.end))
        at = _skip(text, value.end)
        if text[at : at + 1] == ",":
            at = _skip(text, at + 1)
        elif text[at : at + 1] != closing:
            raise _wrong(text, at, f"expected a comma or {closing}")
    made.end = at + 1
    return made


def _inserted(text: str, at: Value, data: Any, key: str | None) -> str:
    """The text with something behind the last part of an object or a list."""
    inside = text[at.start : at.end]
    new_line = "\r\n" if "\r\n" in text else "\n"
    if at.parts:
        before, rest = at.parts[-1][1], ""
        if "\n" not in inside:
            return f"{text[:before]}, {_keyed(key, _rendered(text, data, '', False))}{text[before:]}"
        indent = _indent_of(text, at.parts[-1][0])
        line_end = text.find("\n", before)
        rest = text[before : at.end if line_end < 0 else line_end].rstrip("\r")
        # A comment behind the last part stays with it.
        rest = rest if _has_comment(rest) and _SPACE.fullmatch(rest.lstrip().removeprefix(",")) else ""
        comma = "" if rest.lstrip().startswith(",") else ","
        made = _keyed(key, _rendered(text, data, indent, True))
        return f"{text[:before]}{comma}{rest}{new_line}{indent}{made}{text[before + len(rest) :]}"
    outer = _indent_of(text, at.start)
    indent = outer + _unit(text)
    made = _keyed(key, _rendered(text, data, indent, True))
    kept = text[at.start + 1 : at.end - 1].rstrip()
    return f"{text[: at.start + 1]}{kept}{new_line}{indent}{made}{new_line}{outer}{text[at.end - 1 :]}"


def _keyed(key: str | None, rendered: str) -> str:
    return rendered if key is None else f"{json.dumps(key, ensure_ascii=False)}: {rendered}"


def _rendered(text: str, data: Any, indent: str, in_lines: bool) -> str:
    if not in_lines:
        return json.dumps(data, ensure_ascii=False)
    made = json.dumps(data, ensure_ascii=False, indent=_unit(text))
    return made.replace("\n", ("\r\n" if "\r\n" in text else "\n") + indent)


def _unit(text: str) -> str:
    """What one level is indented by."""
    found = re.search(r"^([ \t]+)\S", text, re.MULTILINE)
    return found[1] if found else "  "


def _indent_of(text: str, place: int) -> str:
    line = text[text.rfind("\n", 0, place) + 1 : place]
    return line[: len(line) - len(line.lstrip())]


def _skip(text: str, start: int) -> int:
    found = _SPACE.match(text, start)
    return found.end() if found else start


def _has_comment(gap: str) -> bool:
    return "//" in gap or "/*" in gap


def _without_comma(gap: str) -> str:
    """A gap between parts, with its comments, without its comma."""
    place = 0
    while place < len(gap):
        place = _skip(gap, place)
        if gap[place : place + 1] == ",":
            return gap[:place] + gap[place + 1 :]
        place += 1
    return gap


def _must_be(at: Value, kind: type, path: tuple[str, ...]) -> None:
    if not isinstance(at.data, kind):
        named = ".".join(path) or "the whole of it"
        raise InvalidField(f"{named} is no {'object' if kind is dict else 'list'}")


def _wrong(text: str, place: int, why: str) -> InvalidField:
    return InvalidField(f"line {text.count(chr(10), 0, place) + 1}: {why}")


def at_path(data: Any, path: tuple[str, ...]) -> Any:
    """What stands at a path; None where there is nothing."""
    for name in path:
        data = data.get(name) if isinstance(data, Mapping) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return data  # pyright: ignore[reportUnknownVariableType]
