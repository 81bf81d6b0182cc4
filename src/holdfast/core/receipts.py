"""Receipts of forgets: recorded in the chain, read back, and compared with what is held."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Protocol

from holdfast.core.codec import canonical, decode_payload, readable_content
from holdfast.core.view import View
from holdfast.errors import Damaged
from holdfast.model.erasure import ForgetReceipt, Proof
from holdfast.model.events import Event, EventType
from holdfast.model.holdings import Holding
from holdfast.model.ids import Id, id_text

ERASABLE = frozenset((EventType.REMEMBERED, EventType.REVISED))
"""Events whose payload goes when their memory is forgotten; the others hold no one's words."""
_IDS = ("forgotten", "derived", "already")
_RECORDED = ("actor", "reason", "forgotten", "derived", "already", "payloads", "vectors")


class _Reader(Protocol):
    def find(self, record: Id) -> Holding | None: ...
    def events_of(self, record: Id) -> Sequence[Event]: ...
    def erasable(self, records: Sequence[Id]) -> tuple[int, int]: ...


def body(**recorded: object) -> bytes:
    """The payload of a receipt's event: exactly the fields that are recorded."""
    if set(recorded) != set(_RECORDED):
        raise ValueError(f"a receipt records {_RECORDED}, not {tuple(recorded)}")
    return canonical(recorded)


def read(event: Event) -> ForgetReceipt:
    """The receipt that an event records.

    Raises:
        Damaged: it is not one.
    """
    payload = decode_payload(event)
    header = event.header
    is_receipt = header.type is EventType.RECEIPT and header.other is not None
    if payload is None or not is_receipt or set(payload) != set(_RECORDED):
        raise Damaged(f"Event {event.seq} holds no readable receipt. Run `holdfast check`.")
    recorded: dict[str, Any] = {name: tuple(value) if name in _IDS else value for name, value in payload.items()}
    return ForgetReceipt(
        id=id_text(header.other or b""),
        space=id_text(header.space),
        node=id_text(header.node),
        node_seq=header.node_seq,
        at_ms=header.at_ms,
        chain=event.chain.hex(),
        **recorded,
    )


def as_given(receipt: ForgetReceipt, pending: str | None, residue: tuple[int, int]) -> ForgetReceipt:
    """A recorded receipt with what was found out after it was recorded."""
    return replace(receipt, pending=pending, residue=residue)


def differences(receipt: ForgetReceipt, recorded: Iterable[Event]) -> Iterator[str]:
    """In what a receipt differs from the one that is recorded under its id, in words."""
    for event in recorded:
        found = read(event)
        if found.id == receipt.id:
            given = replace(receipt, pending=found.pending, residue=found.residue)
            for name in ForgetReceipt.__dataclass_fields__:
                if getattr(given, name) != getattr(found, name):
                    yield f"the receipt's {name} is not what the journal records"
            return
    if receipt.chain or receipt.forgotten or receipt.derived:
        yield f"the journal records no receipt {receipt.id}"


def left_of(reader: _Reader, ids: Sequence[Id]) -> Iterator[str]:
    """What is still held of memories that should be forgotten, in words."""
    for record in ids:
        held = reader.find(record)
        if held is None or held.receipt is None:
            yield f"memory {id_text(record)} is not marked as forgotten"
            continue
        for event in reader.events_of(record):
            if event.payload is not None and event.header.type in ERASABLE:
                yield f"event {event.seq} still holds the text of memory {id_text(record)}"
    payloads, vectors = reader.erasable(ids)
    if payloads:
        yield f"{payloads} payloads of forgotten memories are still in the journal"
    if vectors:
        yield f"{vectors} vectors of forgotten memories are still held"


def missing_heads(proof: Proof, events: Iterable[Event], space: str) -> Iterator[str]:
    """Which kept heads the journal no longer passes through, in words."""
    if proof.space != space:
        yield f"the proof is of space {proof.space}, not of {space}"
        return
    wanted = {(node, number): chain for node, number, chain in proof.heads if number}
    for event in events:
        chain = wanted.pop((id_text(event.header.node), event.header.node_seq), None)
        if chain is not None and chain != event.chain.hex():
            yield f"event {event.header.node_seq} of node {id_text(event.header.node)} is not the one that was proven"
    for node, number in wanted:
        yield f"event {number} of node {node} is missing"


def texts(view: View, ids: Sequence[Id]) -> list[str]:
    """What memories say that are about to be erased, to look for it afterwards."""
    found = list[str]()
    for record in ids:
        held = view.find(record)
        content = readable_content(view.event(held.seq)) if held and held.seq else None
        if content:
            found.append(content.text)
    return found
