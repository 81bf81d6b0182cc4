"""JSON Schemas of what tools give: the forms of `holdfast.surfaces.wire`, by their names.

A name whose value is null, empty or false is left out, so that only what is always there is required.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from holdfast.surfaces.mcp.shapes import Schema

_TEXT: Final[Schema] = {"type": "string"}
_WHOLE: Final[Schema] = {"type": "integer"}
_NUMBER: Final[Schema] = {"type": "number"}
_FLAG: Final[Schema] = {"type": "boolean"}
_TEXTS: Final[Schema] = {"type": "array", "items": _TEXT}
_ANY: Final[Schema] = {"type": "object"}


def _said(schema: Schema, says: str) -> Schema:
    return schema | {"description": says}


def _form(properties: Mapping[str, Schema], required: Sequence[str]) -> Schema:
    return {"type": "object", "properties": dict(properties), "required": list(required)}


def _list(item: Schema) -> Schema:
    return {"type": "array", "items": item}


RECORD: Final = _form(
    {
        "id": _TEXT, "version": _WHOLE, "kind": _TEXT, "text": _TEXT, "author": _TEXT, "role": _TEXT,
        "session": _TEXT, "caption": _TEXT, "subject": _TEXT, "predicate": _TEXT, "object": _TEXT,
        "category": _TEXT, "tags": _TEXTS, "attributes": _ANY, "source": _TEXT, "sources": _TEXTS, "origin": _TEXT,
        "trust": _TEXT, "actor": _TEXT, "confidence": _NUMBER, "importance": _NUMBER, "valid_from": _TEXT,
        "valid_to": _TEXT, "recorded_at": _TEXT, "superseded_by": _TEXT, "superseded_at": _TEXT, "marks": _TEXTS,
        "quarantined": _FLAG, "expires_at": _TEXT, "replaces": _TEXT,
    },
    ("id",),
)  # fmt: skip
"""A memory; its times are ISO 8601 in UTC."""

ADMITTED: Final = _form(
    RECORD["properties"] | {"verdict": _said(_TEXT, "stored, redacted or quarantined"), "reasons": _TEXTS}, ("id",)
)
HIT: Final = _form(
    {"score": _NUMBER, "signals": _ANY, "reasons": _TEXTS, "sources": _TEXTS, "record": RECORD}, ("score", "record")
)
RECOLLECTION: Final = _form(
    {
        "query": _TEXT,
        "confidence": _said(_NUMBER, "0 to 1: whether there is any evidence at all"),
        "degraded": _said(_TEXT, "why less than all was looked at"),
        "pending": _WHOLE,
        "took_ms": _NUMBER,
        "tokens": _WHOLE,
        "text": _said(_TEXT, "the hits as quoted data, for the prompt"),
        "kept": _TEXT,
        "hits": _list(HIT),
    },
    ("query", "confidence", "hits"),
)
CORRECTED: Final = _form({"superseded": _TEXT, "record": RECORD}, ("superseded", "record"))
PREVIEW: Final = _form(
    {
        "selected": _list(RECORD), "derived": _list(RECORD), "mentions": _list(RECORD), "questions": _list(RECORD),
        "by_kind": _ANY, "needs_confirmation": _TEXT, "token": _TEXT,
    },
    ("selected", "token"),
)  # fmt: skip
RECEIPT: Final = _form(
    {
        "id": _TEXT, "at": _TEXT, "actor": _TEXT, "reason": _TEXT, "forgotten": _TEXTS, "derived": _TEXTS,
        "already": _TEXTS, "payloads": _WHOLE, "vectors": _WHOLE, "surfaces": _ANY, "space": _TEXT, "node": _TEXT,
        "node_seq": _WHOLE, "chain": _TEXT, "recorded_again": _TEXT, "pending": _TEXT, "residue": _ANY,
        "index_vectors": _WHOLE,
    },
    ("id", "forgotten"),
)  # fmt: skip
FORGOTTEN: Final = _form(
    {"dry_run": _said(_FLAG, "true: nothing was erased"), "preview": PREVIEW, "receipt": RECEIPT}, ("dry_run",)
)
INTENTION: Final = _form(
    {
        "id": _TEXT, "text": _TEXT, "state": _TEXT, "when": _TEXT, "said": _TEXT, "event": _TEXT,
        "condition": _ANY, "until": _TEXT, "about": _TEXT, "met_at": _TEXT, "snoozed_until": _TEXT,
        "fired_at": _TEXT, "taken_by": _TEXT, "version": _WHOLE, "actor": _TEXT, "made_at": _TEXT,
        "changed_at": _TEXT, "quarantined": _FLAG,
    },
    ("id", "text", "state"),
)  # fmt: skip
BLOCK: Final = _form(
    {
        "label": _TEXT, "text": _TEXT, "description": _TEXT, "version": _WHOLE, "limit": _WHOLE, "unit": _TEXT,
        "size": _WHOLE, "left": _WHOLE, "writers": _TEXTS, "actor": _TEXT, "at": _TEXT, "id": _TEXT,
        "quarantined": _FLAG,
    },
    ("label", "version"),
)  # fmt: skip
BLOCKS: Final = _form({"blocks": _list(BLOCK)}, ("blocks",))
RECENT: Final = _form({"records": _list(RECORD)}, ("records",))
CONTEXT: Final = _form(
    {
        "text": _said(_TEXT, "everything, for the prompt"),
        "tokens": _WHOLE,
        "budget_tokens": _WHOLE,
        "parts": _list(
            _form(
                {"section": _TEXT, "text": _TEXT, "tokens": _WHOLE, "memories": _TEXTS, "first": _WHOLE}, ("section",)
            )
        ),
        "left_out": _said(_ANY, "by section, how much does not stand there, and why"),
        "query": _TEXT,
        "confidence": _NUMBER,
        "degraded": _TEXT,
        "session": _TEXT,
    },
    ("text", "tokens", "parts"),
)
SUMMARY: Final = _form(
    {
        "space": _TEXT, "live": _WHOLE, "superseded": _WHOLE, "quarantined": _WHOLE, "expired": _WHOLE,
        "forgotten": _WHOLE, "receipts": _WHOLE, "by_kind": _ANY, "by_category": _ANY, "by_author": _ANY,
        "by_source": _ANY, "more_sources": _WHOLE, "sessions": _WHOLE, "oldest": _TEXT, "newest": _TEXT,
        "first_recorded": _TEXT, "last_recorded": _TEXT, "accesses": _list(_ANY), "events": _WHOLE,
        "pending": _WHOLE, "model": _TEXT, "breaker": _TEXT, "model_failure": _TEXT, "size_bytes": _WHOLE,
        "sizes": _ANY,
    },
    ("space", "live"),
)  # fmt: skip
