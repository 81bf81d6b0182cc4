"""Memories as lines of JSON and back, and conversations as turns."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, tzinfo
from typing import Any, cast

from holdfast.core import border
from holdfast.core.bodies import check_body
from holdfast.core.codec import canonical, content_dict
from holdfast.errors import HoldfastError, InvalidField, InvalidTime, UnknownFormat
from holdfast.model.ids import Id, id_text, parse_id
from holdfast.model.records import TRUST_OF_ORIGIN, Content, Kind, Origin, Record, Role, Trust
from holdfast.model.reports import Turn
from holdfast.model.times import format_when, parse_when

FORMAT = "holdfast-record/1"
_ENUMS = {"kind": Kind, "role": Role, "origin": Origin, "trust": Trust}
_TIMES = ("valid_from", "valid_to", "expires_at")
_CONTENT_FIELDS = frozenset(content_dict(Content(kind=Kind.FACT, text=" ", valid_from=0))) | {
    "valid_to", "role", "author", "session", "caption", "subject", "predicate", "object", "category", "tags",
    "attributes", "source", "sources", "origin", "trust", "actor", "confidence", "importance", "arguments",
    "marks", "quarantined", "expires_at", "replaces", "body",
}  # fmt: skip
_RECORD_FIELDS = frozenset(("format", "id", "version", "recorded_at", "superseded_by", "superseded_at", "content"))
_ENTRY_FIELDS = frozenset(
    ("id", "session", "when", "author", "role", "text", "caption", "source", "tags", "attributes")
)

_FIELD = re.compile(r'[\s,]*"(?P<name>[^"\\]{0,200})"\s*:\s*')
"""A field of a JSON object up to its value."""


def record_line(record: Record) -> str:
    """One memory as one line of JSON, with names for numbers and ISO 8601 for times."""
    return canonical({"format": FORMAT, **record_dict(record)}).decode()


def record_dict(record: Record) -> dict[str, Any]:
    """One memory as JSON values, with names for numbers and ISO 8601 for times."""
    content = content_dict(record)
    for name, enum in _ENUMS.items():
        if name in content:
            content[name] = enum(content[name]).name.lower()
    for name in _TIMES:
        if name in content:
            content[name] = format_when(content[name])
    line: dict[str, Any] = {
        "id": record.id,
        "version": record.version,
        "recorded_at": format_when(record.recorded_at),
        "content": content,
    }
    if record.superseded_by is not None:
        line["superseded_by"] = record.superseded_by
    return line


def read_record(line: Mapping[str, Any]) -> tuple[Id, Content, Id | None]:
    """The id, the content and the successor of an exported memory.

    Raises:
        InvalidInput: something in it is not what `record_line` writes.
    """
    _only(line, _RECORD_FIELDS, "record")
    if line.get("format", FORMAT) != FORMAT:
        raise UnknownFormat(f"The record is in the format {line['format']!r:.60}; expected {FORMAT!r}.")
    raw = line.get("content")
    if not isinstance(raw, dict):
        raise InvalidField("The record has no content.")
    values = dict(cast("dict[str, Any]", raw))
    _only(values, _CONTENT_FIELDS, "content")
    for name, enum in _ENUMS.items():
        if name in values:
            known = {member.name.lower(): member for member in enum}
            if not isinstance(values[name], str) or values[name] not in known:
                raise InvalidField(f"{values[name]!r:.60} is not a {name}; expected one of: {', '.join(known)}.")
            values[name] = known[values[name]]
    for name in _TIMES:
        if name in values:
            values[name] = parse_when(values[name])
    missing = {"kind", "text", "valid_from"} - values.keys()
    if missing:
        raise InvalidField(f"The content lacks {', '.join(sorted(missing))}.")
    record = parse_id(str(line.get("id")))
    if not any(record):
        raise InvalidField("The id is all zeros, which is no memory's.")
    successor = line.get("superseded_by")
    return record, checked_content(values), None if successor is None else parse_id(successor)


def checked_content(values: Mapping[str, Any]) -> Content:
    """A content from foreign values, each checked as if a caller had given it.

    Raises:
        InvalidInput.
    """
    given = dict(values)
    border.check_text(given["text"])
    for name in ("author", "session", "subject", "predicate", "object", "source", "actor", "arguments"):
        if name in given:
            given[name] = border.check_label(given[name], name)
    if "caption" in given:
        given["caption"] = border.check_text(given["caption"], "caption")
    check_body(given["kind"], given.get("body"))
    if "category" in given:
        given["category"] = border.check_category(given["category"])
    for name in ("confidence", "importance"):
        if name in given:
            given[name] = border.check_unit(given[name], name)
    if "tags" in given:
        given["tags"] = border.check_tags(given["tags"])
    if "attributes" in given:
        given["attributes"] = border.check_attributes(given["attributes"])
    if "marks" in given:
        given["marks"] = border.check_tags(given["marks"])
    if not isinstance(given.get("quarantined", False), bool):
        raise InvalidField(f"'quarantined' is {given['quarantined']!r:.60}; expected true or false.")
    if "replaces" in given:
        given["replaces"] = id_text(parse_id(given["replaces"]))
    if "sources" in given:
        given["sources"] = border.check_sources(given["sources"])
    end = given.get("valid_to")
    if end is not None and end <= given["valid_from"]:
        raise InvalidTime(f"It ends at {format_when(end)}, not after it begins at {format_when(given['valid_from'])}.")
    # A file cannot claim more trust than its memory's origin has.
    most = TRUST_OF_ORIGIN[given.get("origin", Origin.USER)]
    given["trust"] = min(given.get("trust", most), most)
    return Content(**given)


def read_conversation(
    line: Mapping[str, Any], zone: tzinfo = UTC, skip: Callable[[int, HoldfastError], None] | None = None
) -> tuple[list[Turn], list[Mapping[str, object]]]:
    """The turns of a conversation, and the questions beside it.

    An entry without a time takes that of the entry before it, the first ones that of the first that
    has one. Sessions and keys are named after the conversation, so importing again adds nothing.

    Args:
        skip: Told each entry that cannot be read, by its number from 1, and the others are given. None raises.

    Raises:
        InvalidInput: naming the entry.
    """
    entries, name = line.get("entries"), line.get("conversation", "conversation")
    if not isinstance(entries, list) or isinstance(name, bool) or not isinstance(name, str | int):
        raise UnknownFormat("Expected an object with 'conversation' (a name) and 'entries' (a list).")
    rows = cast("list[object]", entries)
    times, turns, at = list[int | None](), list[Turn](), None
    for number, row in enumerate(rows, 1):
        try:
            # Before the rest is looked at: an entry that is mended later must not change the times of others.
            said = _when(row, zone)
            at = at if said is None else said
            turns.append(_turn(str(name), number, _entry(row)))
            times.append(at)
        except HoldfastError as error:
            if skip is None:
                raise type(error)(f"Entry {number}: {error}") from None
            skip(number, error)
    first = next((time for time in times if time is not None), None)
    dated = [replace(turn, when_ms=first if at is None else at) for turn, at in zip(turns, times, strict=True)]
    if not isinstance(line.get("questions") or [], list):
        raise InvalidField(f"'questions' is {line['questions']!r:.60}; expected a list.")
    questions = cast("list[Any]", line.get("questions") or [])
    return dated, [question for question in questions if isinstance(question, Mapping)]


def looks_like_ours(line: str) -> bool:
    """Whether a line, or the beginning of one, is a conversation or a record, by its outermost fields.

    A message of a chat has a text as its content, a record an object.
    """
    decoder, place = json.JSONDecoder(), line.find("{") + 1
    while field := _FIELD.match(line, place):
        name, begins = field["name"], line[field.end() : field.end() + 1]
        if (name == "entries" and begins == "[") or (name == "content" and begins == "{"):
            return True
        if name == "format":
            return line.startswith(f'"{FORMAT}"', field.end())
        try:
            _, place = decoder.raw_decode(line, field.end())
        except (ValueError, RecursionError):
            return False
    return False


def _when(row: object, zone: tzinfo) -> int | None:
    """The time an entry gives, whatever else is wrong with it."""
    said = cast("dict[str, Any]", row).get("when") if isinstance(row, dict) else None
    return parse_when(said, zone=zone) if said else None


def _entry(row: object) -> Mapping[str, Any]:
    if not isinstance(row, dict):
        raise InvalidField(f"it is {row!r:.60}; expected an object with 'author' and 'text'.")
    entry = cast("dict[str, Any]", row)
    _only(entry, _ENTRY_FIELDS, "entry")
    if "text" not in entry or not (entry.get("author") or entry.get("role")):
        raise InvalidField("it lacks 'text', or both 'author' and 'role'.")
    return entry


def _turn(conversation: str, number: int, entry: Mapping[str, Any]) -> Turn:
    role = entry.get("role")
    if role is not None and (not isinstance(role, str) or role not in border.SPEAKERS):
        raise InvalidField(f"{role!r:.60} is not a role; expected one of: {', '.join(border.SPEAKERS)}.")
    author = entry.get("author")
    return Turn(
        speaker=role or cast("str", author),
        author=author if role else None,
        text=entry["text"],
        session=f"{conversation}/{_name(entry, 'session', 1)}",
        caption=entry.get("caption") or None,
        source=entry.get("source"),
        key=f"{conversation}/{_name(entry, 'id', number)}",
        tags=entry.get("tags") or (),
        attributes=entry.get("attributes"),
    )


def _name(entry: Mapping[str, Any], field: str, default: int) -> str | int:
    value = entry.get(field)
    if value is None or value == "":
        return default
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise InvalidField(f"its {field} is {value!r:.60}; expected a string or a whole number.")
    return value


def _only(given: Mapping[str, Any], known: frozenset[str], what: str) -> None:
    unknown = sorted(set(given) - known)
    if unknown:
        # Shown as literals: a name from a foreign file may hold anything.
        named = ", ".join(map(repr, unknown))
        raise InvalidField(f"The {what} has unknown fields: {named:.200}; known are {', '.join(sorted(known))}.")
