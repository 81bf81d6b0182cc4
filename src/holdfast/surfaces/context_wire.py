"""Contexts as JSON values; see `holdfast.surfaces.wire`."""

from __future__ import annotations

from holdfast.model.context import Context
from holdfast.surfaces.wire import JsonObject


def context_to_wire(context: Context) -> JsonObject:
    """What an agent is given before it answers; a citation ``[n]`` means the nth of all memories of the parts."""
    return {
        "text": context.text,
        "tokens": context.tokens,
        "budget_tokens": context.budget_tokens,
        "parts": [
            {
                "section": part.section,
                "text": part.text,
                "tokens": part.tokens,
                "memories": list(part.memories),
                "first": part.first,
            }
            for part in context.parts
        ],
        "left_out": {section: dict(counts) for section, counts in context.left_out.items()},
        "query": context.query,
        "confidence": context.confidence,
        "degraded": context.degraded,
        "session": context.session,
    }
