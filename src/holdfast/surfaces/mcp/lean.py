"""The wire form without what says nothing: the same names in the same order, for readers who pay by the token."""

from __future__ import annotations

from typing import cast

from holdfast.surfaces.wire import Json, JsonObject

BRIEF = (
    "id", "kind", "text", "author", "session", "caption", "subject", "predicate", "object", "category", "tags",
    "source", "valid_from", "valid_to", "marks", "superseded_by", "quarantined",
)  # fmt: skip
"""Of a record, where not everything is asked for."""


def lean(value: Json) -> Json:
    """A value without null, empty texts, lists and objects inside it, and without false."""
    if isinstance(value, dict):
        kept = {name: lean(one) for name, one in value.items()}
        return {name: one for name, one in kept.items() if one not in (None, "", [], {}) and one is not False}
    return [lean(one) for one in value] if isinstance(value, list) else value


def brief(record: Json, *, details: bool = False) -> JsonObject:
    """A record on the wire, by its `BRIEF` names alone unless all is asked for."""
    whole = cast("JsonObject", lean(record))
    return whole if details else {name: whole[name] for name in BRIEF if name in whole}
