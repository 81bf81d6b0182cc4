"""Memories out of Mem0: what ``get_all`` or an export job gives, saved as JSON.

A list of memories, or an object that holds it as ``results`` or ``memories``, and beside it the
relations of its graph, where there is one. A memory keeps its id when its text changes, so an
export taken later replaces what the earlier one said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import tzinfo
from pathlib import Path
from typing import Any

from holdfast.adapters.importers.fields import (
    attributes_of,
    digest,
    first_of,
    identity,
    key_of,
    label,
    listing,
    mapping,
    mended,
    tags_of,
    text_in,
)
from holdfast.adapters.importers.gathering import Gathering, read_documents
from holdfast.adapters.importers.shapes import Shape, shapes
from holdfast.adapters.importers.talk import compact, pieces, time_of
from holdfast.errors import HoldfastError, InvalidField
from holdfast.model.imports import Batch, Note
from holdfast.model.records import CATEGORIES, Origin

_LISTS = ("results", "memories", "data")
_TEXTS = ("memory", "text", "data")
_BESIDE = ("id", "hash", "user_id", "agent_id", "run_id", "created_at", "metadata", "categories")
_IDS = ("user_id", "agent_id", "app_id", "run_id", "actor_id", "expiration_date")


class Mem0:
    """Reads memories that Mem0 gave out."""

    name = "mem0"
    description = "Mem0: memories from get_all or an export, saved as JSON"

    def recognises(self, path: Path, head: bytes) -> bool:
        found = shapes(head)
        if any(_is_memory(shape) for shape in found):
            return True
        return any(
            any(shape.get(name) == "[" for name in _LISTS) and b'"memory"' in head and b'"role"' not in head
            for shape in found[:1]
        )

    def read(self, path: Path, *, zone: tzinfo) -> Iterator[Batch]:
        seen = dict[str, str]()

        def take(value: Mapping[str, Any], place: str, gathering: Gathering) -> None:
            listed = next((name for name in _LISTS if isinstance(value.get(name), list)), None)
            if listed is None:
                _take(value, place, gathering, zone, seen)
                return
            for number, one in enumerate(listing(value[listed]), 1):
                at = f"{path.name}, memory {number:,}"
                try:
                    _take(mapping(one), at, gathering, zone, seen)
                except HoldfastError as error:
                    gathering.skip(at, str(error))
            for number, one in enumerate(listing(value.get("relations")), 1):
                _take_relation(mapping(one), f"{path.name}, relation {number:,}", gathering)

        return read_documents((path,), "memory", take)


def _take(value: Mapping[str, Any], place: str, gathering: Gathering, zone: tzinfo, seen: dict[str, str]) -> None:
    text = next((found for name in _TEXTS if (found := text_in(value.get(name)))), "")
    if not text:
        raise InvalidField("it has no text in 'memory'")
    metadata = mapping(value.get("metadata"))
    when, problem = time_of(first_of(value, "updated_at", "created_at"), zone)
    if problem:
        gathering.skip(place, f"{problem}; it has no time")
    categories = tags_of(value.get("categories"))
    told = {name: value.get(name) for name in _IDS[1:]}
    attributes = attributes_of({**told, **metadata})
    name = identity(value.get("id")) or digest(text, str(value.get("user_id")))
    state = digest(text, str(when), *categories, compact(told), compact(dict(metadata)), str(value.get("user_id")))
    if seen.get(name, state) != state:
        gathering.skip(place, f"the id {name} stands before it with other content; the first was taken")
        return
    seen[name] = state
    document = f"mem0/{name.replace('#', '%23')}"
    category = next((one for one in categories if one in CATEGORIES), None)
    notes = [
        Note(
            text=part,
            key=key_of("mem0", name, state, str(number)),
            source=document,
            subject=label(value.get("user_id")),
            category=category,
            tags=categories,
            when_ms=when,
            attributes=attributes or None,
            origin=Origin.INFERRED,
        )
        for number, part in pieces(mended(text))
    ]
    gathering.take(document, notes)
    gathering.follow(document, (note.key for note in notes))


def _take_relation(value: Mapping[str, Any], place: str, gathering: Gathering) -> None:
    subject = label(value.get("source"))
    predicate = label(first_of(value, "relationship", "relation"))
    other = label(first_of(value, "target", "destination"))
    if subject is None or predicate is None or other is None:
        gathering.skip(place, "it lacks its source, its relationship or its target")
        return
    note = Note(
        text=f"{subject} {predicate.replace('_', ' ')} {other}",
        key=key_of("mem0", "relation", digest(subject, predicate, other)),
        source="mem0/relations",
        subject=subject,
        predicate=predicate,
        object=other,
        origin=Origin.INFERRED,
    )
    gathering.take(note.source, (note,))


def _is_memory(shape: Shape) -> bool:
    return bool(shape.get("memory")) and shape["memory"] not in "[{" and any(name in shape for name in _BESIDE)
