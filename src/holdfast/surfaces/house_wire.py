"""The wire form of what a house gives back; its rules are those of `holdfast.surfaces.wire`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from holdfast.surfaces.wire import Json, JsonObject, hit_to_wire, when_to_wire

if TYPE_CHECKING:
    from holdfast.model.access import AuditEntry, Grant, Quota, SpaceEntry, Usage
    from holdfast.model.house import DropPreview, DropReceipt, HouseRecollection


def space_to_wire(entry: SpaceEntry) -> JsonObject:
    """A space of a house, as one principal sees it."""
    policy: Json = None if entry.policy is None else json.loads(entry.policy)
    return {
        "name": entry.name,
        "id": entry.id,
        "right": entry.right.name.lower(),
        "quota": quota_to_wire(entry.quota),
        "policy": policy,
        "created": when_to_wire(entry.created_ms),
    }


def quota_to_wire(quota: Quota) -> JsonObject:
    """The bounds of a space; null where there is none."""
    return {"memories": quota.memories, "bytes": quota.bytes, "writes_a_minute": quota.writes_a_minute}


def usage_to_wire(entry: SpaceEntry, usage: Usage) -> JsonObject:
    """What a space holds beside its bounds."""
    holds: JsonObject = {"memories": usage.memories, "bytes": usage.bytes, "writes_a_minute": usage.writes}
    return {"name": entry.name, "quota": quota_to_wire(entry.quota), "usage": holds}


def grant_to_wire(grant: Grant) -> JsonObject:
    """A principal's right on a space."""
    return {
        "principal": grant.principal,
        "space": grant.space,
        "right": grant.right.name.lower(),
        "by": grant.by,
        "at": when_to_wire(grant.at_ms),
    }


def audit_entry_to_wire(entry: AuditEntry) -> JsonObject:
    """One change of the registry."""
    return {
        "seq": entry.seq,
        "at": when_to_wire(entry.at_ms),
        "by": entry.by,
        "what": entry.what,
        "space": entry.space,
        "principal": entry.principal,
        "detail": entry.detail,
        "chain": entry.chain,
    }


def drop_preview_to_wire(preview: DropPreview) -> JsonObject:
    """What dropping a space would erase."""
    return {
        "space": preview.space,
        "id": preview.id,
        "memories": preview.memories,
        "bytes": preview.bytes,
        "grants": preview.grants,
        "token": preview.token,
    }


def drop_receipt_to_wire(receipt: DropReceipt) -> JsonObject:
    """What is left of a space that was dropped."""
    return {
        "id": receipt.id,
        "space": receipt.space,
        "at": when_to_wire(receipt.at_ms),
        "actor": receipt.actor,
        "reason": receipt.reason,
        "files": receipt.files,
        "bytes": receipt.bytes,
        "chain": receipt.chain,
        "pending": receipt.pending,
    }


def drop_receipt_from_wire(value: Any) -> DropReceipt:
    """A receipt from what `drop_receipt_to_wire` gave.

    Raises:
        ValueError: it is none.
    """
    from holdfast.model.house import DropReceipt
    from holdfast.model.times import parse_when

    try:
        same = ("id", "space", "actor", "reason", "files", "bytes", "chain", "pending")
        fields: dict[str, Any] = {name: value[name] for name in same}
        return DropReceipt(**fields, at_ms=parse_when(value["at"]))
    except (KeyError, TypeError) as error:
        raise ValueError(f"it lacks or misplaces {error}") from None


def house_recollection_to_wire(found: HouseRecollection) -> JsonObject:
    """What one recall gave in several spaces, best first.

    ``chance`` of a hit compares across the spaces; ``score`` and ``signals`` are those in its own space.
    """
    return {
        "query": found.query,
        "confidence": found.confidence,
        "by_space": dict(found.by_space),
        "degraded": found.degraded,
        "pending": found.pending,
        "took_ms": round(found.took_ms, 3),
        "tokens": found.tokens,
        "text": found.text,
        "hits": [{"space": one.space, "chance": one.score, **hit_to_wire(one.hit)} for one in found],
    }
