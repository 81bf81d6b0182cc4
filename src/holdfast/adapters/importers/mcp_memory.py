"""The file of the reference memory server for MCP: a graph as JSON lines.

An entity is a name, a type and observations; a relation joins two names. The older form, and what
the server's ``read_graph`` answers, is one object with both as lists.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import tzinfo
from pathlib import Path
from typing import Any

from holdfast.adapters.importers.fields import digest, first_of, key_of, label, listing, mapping, mended, text_in, word
from holdfast.adapters.importers.gathering import Gathering, json_values
from holdfast.adapters.importers.shapes import Shape, shapes
from holdfast.adapters.importers.talk import pieces, time_of
from holdfast.errors import HoldfastError, InvalidField
from holdfast.model.imports import Batch, Note
from holdfast.model.records import Origin


class McpMemory:
    """Reads the graph of an MCP memory server."""

    name = "mcp-memory"
    description = "the MCP reference memory server: memory.jsonl"

    def recognises(self, path: Path, head: bytes) -> bool:
        return any(_is_record(shape) for shape in shapes(head))

    def read(self, path: Path, *, zone: tzinfo) -> Iterator[Batch]:
        gathering = Gathering((path,))
        with gathering.reading(path) as chunks:
            for place, _, value in json_values(path, chunks, gathering, "record"):
                for record in _records(mapping(value)):
                    try:
                        _take(record, place, gathering, zone)
                    except HoldfastError as error:
                        gathering.skip(place, f"{error}; it was not taken")
                    if gathering.full:
                        yield gathering.batch()
        gathering.end_file(path)
        yield gathering.end()


def _records(value: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The records in an object: itself, or those it lists."""
    if "type" not in value and ("entities" in value or "relations" in value):
        for kind, listed in (("entity", "entities"), ("relation", "relations")):
            for record in listing(value.get(listed)):
                yield {**mapping(record), "type": kind}
    else:
        yield value


def _take(record: Mapping[str, Any], place: str, gathering: Gathering, zone: tzinfo) -> None:
    kind = word(record.get("type"))
    if kind == "entity":
        gathering.take("mcp-memory", _entity(record, place, gathering, zone))
    elif kind == "relation":
        gathering.take("mcp-memory", _relation(record))
    else:
        raise InvalidField(f"it is of type {kind!r:.40}; expected entity or relation")


def _entity(record: Mapping[str, Any], place: str, gathering: Gathering, zone: tzinfo) -> list[Note]:
    name, kind = label(record.get("name")), label(first_of(record, "entityType", "entity_type"))
    if name is None:
        raise InvalidField("the entity has no name")
    notes = list[Note]()
    for number, given in enumerate(listing(record.get("observations")), 1):
        inner = mapping(given)
        said = text_in(given) or text_in(inner.get("content"))
        when, problem = time_of(first_of(inner, "timestamp", "ts", "created_at"), zone)
        if not said:
            gathering.skip(f"{place}, observation {number}", "it says nothing")
            continue
        if problem:
            gathering.skip(f"{place}, observation {number}", f"{problem}; it has no time")
        text = said if name.casefold() in said.casefold() else f"{name}: {said}"
        notes += [
            _note(name, part, when_ms=when, kind=kind, key=digest(name, kind or "", said, str(when), str(n)))
            for n, part in pieces(mended(text))
        ]
    if not notes:
        text = f"{name} is of type {kind}" if kind else name
        notes.append(_note(name, text, when_ms=None, kind=kind, key=digest(name, kind or "")))
    return notes


def _note(name: str, text: str, *, when_ms: int | None, kind: str | None, key: str) -> Note:
    return Note(
        text=text,
        key=key_of("mcp-memory", key),
        source=f"mcp-memory#{name}"[:500].strip(),
        subject=name,
        when_ms=when_ms,
        attributes={"entity_type": kind} if kind else None,
        origin=Origin.AGENT,
    )


def _relation(record: Mapping[str, Any]) -> list[Note]:
    subject, other = label(record.get("from")), label(record.get("to"))
    predicate = label(first_of(record, "relationType", "relation_type"))
    if subject is None or other is None or predicate is None:
        raise InvalidField("the relation lacks 'from', 'to' or 'relationType'")
    return [
        Note(
            text=f"{subject} {predicate.replace('_', ' ')} {other}",
            key=key_of("mcp-memory", "relation", digest(subject, predicate, other)),
            source=f"mcp-memory#{subject}"[:500].strip(),
            subject=subject,
            predicate=predicate,
            object=other,
            origin=Origin.AGENT,
        )
    ]


def _is_record(shape: Shape) -> bool:
    if shape.get("entities") == "[" and shape.get("relations") in ("[", None):
        return True
    kind = shape.get("type")
    return (kind == "entity" and "observations" in shape) or (kind == "relation" and {"from", "to"} <= shape.keys())
