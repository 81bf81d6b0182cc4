"""What an import brings of something aside that is here: its later state, or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from holdfast.core.bodies import name_of
from holdfast.core.codec import canonical
from holdfast.core.intentions import read_intention
from holdfast.model.intentions import IntentionState
from holdfast.model.records import Content, Kind

_SETTLED = (IntentionState.DONE, IntentionState.CANCELLED)
_MOVES = ("state", "met_ms", "snoozed_until_ms", "fired_ms", "taken_by")
"""What of an intention changes; what it waits for stays as it was noted."""


def renewed(held: Content, given: Content) -> Content | None:
    """What holds after a content is brought for one that is held; None where that is as late.

    A block, a procedure or a session of the same name is what was said of it last. An intention has come as far as it
    came anywhere.

    Raises:
        ValueError: the two are of different things.
    """
    if held.kind is not given.kind:
        raise ValueError("they are of two kinds")
    quarantined = held.quarantined or given.quarantined
    if given.kind is Kind.INTENTION:
        mine, theirs = dict(read_intention(held.body)), read_intention(given.body)
        if held.text != given.text:
            raise ValueError("they are two intentions")
        if mine["state"] in _SETTLED or _progress(theirs) <= _progress(mine):
            return None
        body = canonical(mine | {name: theirs[name] for name in _MOVES}).decode()
        return replace(held, body=body, actor=given.actor, quarantined=quarantined)
    if name_of(held.kind, held.body) != name_of(given.kind, given.body):
        raise ValueError("they have two names")
    if given.valid_from <= held.valid_from:
        return None
    return replace(given, quarantined=quarantined)


def _progress(body: Mapping[str, Any]) -> tuple[int, ...]:
    """How far an intention came: settled, else by its last firing, and what came after that."""
    times = (body["fired_ms"], body["met_ms"], body["snoozed_until_ms"])
    fired, met, put_off = (-1 if one is None else one for one in times)
    return int(body["state"] in _SETTLED), fired, int(body["state"] == IntentionState.EXPIRED), put_off, met
