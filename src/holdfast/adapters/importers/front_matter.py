"""The properties at the top of a Markdown file: the plain part of YAML that note programs write."""

from __future__ import annotations

import re
from typing import NamedTuple

Value = str | bool | int | float | list[str]

_FIELD = re.compile(r"(?P<name>[^\s:#\-][^:]*?)\s*:(?:\s+(?P<value>.*))?$")
_ITEM = re.compile(r"\s*-\s+(?P<value>.*)$")
_WHOLE = re.compile(r"-?\d{1,15}")
_DECIMAL = re.compile(r"-?\d{1,15}\.\d{1,15}")


class FrontMatter(NamedTuple):
    """Properties and what follows them.

    Attributes:
        values: Each property in its own type, lists as lists of texts.
        body: Where the text begins: an index of lines.
        unread: Names of properties in a form that is not read, such as nested ones.
    """

    values: dict[str, Value]
    body: int
    unread: list[str]


def front_matter(lines: list[str]) -> FrontMatter:
    """Read the properties between two lines of three dashes at the top; none where there are no such lines."""
    nothing = FrontMatter({}, 0, [])
    if not lines or lines[0].rstrip() != "---":
        return nothing
    end = next((n for n, line in enumerate(lines[1:], 1) if line.rstrip() in ("---", "...")), None)
    if end is None:
        return nothing
    values, unread = dict[str, Value](), list[str]()
    at = 1
    while at < end:
        match = _FIELD.match(lines[at])
        at += 1
        if match is None:
            continue
        name, given = match["name"].strip("\"' "), (match["value"] or "").strip()
        below = at
        while at < end and (not lines[at].strip() or lines[at][:1] in " \t-"):
            at += 1
        inner = [line for line in lines[below:at] if line.strip()]
        if given in ("|", ">", "|-", ">-", "|+", ">+"):
            values[name] = ("\n" if given[0] == "|" else " ").join(line.strip() for line in inner)
        elif given and not given.startswith("#"):
            values[name] = _value(given)
        elif inner and all(_ITEM.match(line) for line in inner):
            values[name] = [_text(match["value"]) for line in inner if (match := _ITEM.match(line))]
        elif inner:
            unread.append(name)
    return FrontMatter(values, end + 1, unread)


def _value(given: str) -> Value:
    if given.startswith("[") and given.endswith("]"):
        return [text for part in _parts(given[1:-1]) if (text := _text(part))]
    if given[0] not in "\"'":
        plain = given.partition(" #")[0].rstrip()
        if plain.lower() in ("true", "false"):
            return plain.lower() == "true"
        if _WHOLE.fullmatch(plain) and (plain == "0" or not plain.lstrip("-").startswith("0")):
            return int(plain)
        if _DECIMAL.fullmatch(plain):
            return float(plain)
    return _text(given)


def _parts(inner: str) -> list[str]:
    """The parts of a list in brackets; commas inside quotes and inner brackets do not divide."""
    parts, quote, depth = [""], "", 0
    for char in inner:
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char in "[]":
            depth += 1 if char == "[" else -1
        elif char == "," and depth <= 0:
            parts.append("")
            continue
        parts[-1] += char
    return parts


def _text(given: str) -> str:
    given = given.strip()
    if len(given) >= 2 and given[0] == given[-1] and given[0] in "\"'":
        return given[1:-1].replace("''", "'") if given[0] == "'" else given[1:-1].replace('\\"', '"')
    return given.partition(" #")[0].rstrip()
