"""Intentions as JSON values; see `holdfast.surfaces.wire`."""

from __future__ import annotations

from holdfast.model.intentions import Intention
from holdfast.surfaces.wire import JsonObject, when_to_wire


def intention_to_wire(one: Intention) -> JsonObject:
    """An intention, as it stands."""
    return {
        "id": one.id,
        "text": one.text,
        "state": one.state.value,
        "when": when_to_wire(one.when_ms),
        "said": one.said,
        "event": one.event,
        "condition": None if one.condition is None else dict(one.condition),
        "until": when_to_wire(one.until_ms),
        "about": one.about,
        "met_at": when_to_wire(one.met_ms),
        "snoozed_until": when_to_wire(one.snoozed_until_ms),
        "fired_at": when_to_wire(one.fired_ms),
        "taken_by": one.taken_by,
        "version": one.version,
        "actor": one.actor,
        "made_at": when_to_wire(one.made_ms),
        "changed_at": when_to_wire(one.changed_ms),
        "quarantined": one.quarantined,
    }
