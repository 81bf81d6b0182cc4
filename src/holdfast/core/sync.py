"""Taking in another node's events: checked against its chain, stripped of what was forgotten here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from holdfast.core.apply import apply
from holdfast.core.proof import genesis, link, verify_payload
from holdfast.core.receipts import ERASABLE
from holdfast.errors import Damaged, InvalidInput
from holdfast.model.events import Event, EventType, Sealed
from holdfast.model.ids import Id, id_text
from holdfast.model.times import format_when

MOST_AHEAD_MS = 86_400_000
"""How far ahead of the clock here another node's may be."""


def admit(
    events: Iterable[Event],
    space: Id,
    heads: Mapping[Id, tuple[int, bytes]],
    is_forgotten: Callable[[Id], bool],
    secret: bytes,
    now_ms: int,
) -> tuple[Sealed, ...]:
    """Check events of other nodes and say what they change; events that are here already are left out.

    Args:
        heads: Per node the number and chain value of the newest event that is here.
        is_forgotten: Whether a memory was forgotten here; its events come in without their payload.
        now_ms: The clock here. A clock far ahead of it would stamp everything written here from then on.

    Raises:
        InvalidInput: the events are of another space, one before them is missing, or a clock is far ahead.
        Damaged: a chain or a payload does not fit. Nothing is taken in.
    """
    at, sealed, erased = dict(heads), list[Sealed](), set[Id]()
    for event in events:
        header = event.header
        if header.space != space:
            raise InvalidInput(f"These events are of space {id_text(header.space)}, not of {id_text(space)}.")
        if header.at_ms > now_ms + MOST_AHEAD_MS:
            raise InvalidInput(
                f"Event {header.node_seq} of node {id_text(header.node)} is dated {format_when(header.at_ms)}, more "
                f"than a day after now ({format_when(now_ms)}); set the clock right. Nothing was taken in."
            )
        number, chain = at.get(header.node, (0, genesis(header.space, header.node)))
        if header.node_seq <= number:
            continue
        if header.node_seq != number + 1:
            raise InvalidInput(
                f"Node {id_text(header.node)} sent event {header.node_seq}, but the last one here is {number}; "
                "send the ones between first. Nothing was taken in."
            )
        if link(chain, header, event.commitment) != event.chain or not verify_payload(event):
            raise Damaged(
                f"Event {header.node_seq} of node {id_text(header.node)} does not fit its chain; it was altered "
                "on the way or at its source. Nothing was taken in."
            )
        at[header.node] = (header.node_seq, event.chain)
        if header.type is EventType.FORGOTTEN:
            erased.add(header.record)
        if header.type in ERASABLE and (header.record in erased or is_forgotten(header.record)):
            event = replace(event, salt=None, payload=None)
        sealed.append(Sealed(event, apply(event, secret)))
    return tuple(sealed)
