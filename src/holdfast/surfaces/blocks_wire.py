"""Blocks as JSON values; see `holdfast.surfaces.wire`."""

from __future__ import annotations

from holdfast.model.blocks import Block
from holdfast.surfaces.wire import JsonObject, when_to_wire


def block_to_wire(block: Block) -> JsonObject:
    """One version of a block."""
    return {
        "label": block.label,
        "text": block.text,
        "description": block.description,
        "version": block.version,
        "limit": block.limit,
        "unit": block.unit,
        "size": block.size,
        "left": block.left,
        "writers": None if block.writers is None else list(block.writers),
        "actor": block.actor,
        "at": when_to_wire(block.at_ms),
        "id": block.id,
        "quarantined": block.quarantined,
    }
