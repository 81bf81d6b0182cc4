"""Receipts of forgets: recorded in the chain, read back, and compared with what is held."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from holdfast.core.codec import canonical, decode_payload, readable_content
from holdfast.core.view import View
from holdfast.errors import Damaged
from holdfast.model.erasure import SURFACES, ForgetReceipt, Proof
from holdfast.model.events import Event, EventType
from holdfast.model.holdings import Holding
from holdfast.model.ids import Id, id_text

ERASABLE = frozenset((EventType.REMEMBERED, EventType.REVISED))
"""Events whose payload goes when their memory is forgotten; the others hold no one's words."""
FELL = "derived from what was forgotten"
"""The reason of what fell with something that another node forgot: nobody asked for it."""
_IDS = ("forgotten", "derived", "already")
_PLACE = ("node", "node_seq", "at_ms", "chain")
_RECORDED = ("actor", "reason", "forgotten", "derived", "already", "payloads", "vectors", "surfaces")
_LATER = {"first", "surfaces"}
"""What a receipt may lack."""


class _Reader(Protocol):
    def find(self, record: Id) -> Holding | None: ...
    def events_of(self, record: Id) -> Sequence[Event]: ...
    def erasable(self, records: Sequence[Id]) -> Mapping[str, int]: ...


def body(**recorded: object) -> bytes:
    """The payload of a receipt's event: exactly the fields that are recorded."""
    if set(recorded) != set(_RECORDED):
        raise ValueError(f"a receipt records {_RECORDED}, not {tuple(recorded)}")
    return canonical(recorded)


def body_again(receipt: ForgetReceipt) -> bytes:
    """The payload of an event that records a receipt again, with its first place, which a restore cut off."""
    first = {name: getattr(receipt, name) for name in _PLACE}
    return canonical({name: getattr(receipt, name) for name in _RECORDED} | {"first": first})


def read(event: Event) -> ForgetReceipt:
    """The receipt that an event records.

    Raises:
        Damaged: it is not one.
    """
    payload = decode_payload(event)
    header = event.header
    is_receipt = header.type is EventType.RECEIPT and header.other is not None and type(header.node) is bytes
    if payload is None or not is_receipt or set(payload) - _LATER != set(_RECORDED) - _LATER:
        raise Damaged(f"Event {event.seq} holds no readable receipt. Run `holdfast check`.")
    recorded: dict[str, Any] = {name: tuple(value) if name in _IDS else value for name, value in payload.items()}
    here: dict[str, Any] = {
        "node": id_text(header.node),
        "node_seq": header.node_seq,
        "at_ms": header.at_ms,
        "chain": event.chain.hex(),
    }
    counted = recorded.pop("surfaces", {})
    recorded["surfaces"] = {name: counted[name] for name in SURFACES if name in counted}
    first = recorded.pop("first", None)
    return ForgetReceipt(
        id=id_text(header.other or b""),
        space=id_text(header.space),
        recorded_again=first and here["node"],
        **recorded,
        **(first or here),
    )


def as_given(
    receipt: ForgetReceipt, pending: str | None, residue: tuple[int, int], index_vectors: int = 0
) -> ForgetReceipt:
    """A recorded receipt with what was found out after it was recorded."""
    return replace(receipt, pending=pending, residue=residue, index_vectors=index_vectors)


def differences(receipt: ForgetReceipt, recorded: Event | None) -> Iterator[str]:
    """In what a receipt differs from the one that is recorded under its id, in words."""
    if recorded is None:
        if receipt.chain or receipt.forgotten or receipt.derived:
            yield f"the journal records no receipt {receipt.id}"
        return
    found = read(recorded)
    given = replace(
        receipt, pending=found.pending, residue=found.residue, recorded_again=found.recorded_again,
        index_vectors=found.index_vectors,
    )  # fmt: skip
    for name in ForgetReceipt.__dataclass_fields__:
        if getattr(given, name) != getattr(found, name):
            yield f"the receipt's {name} is not what the journal records"


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
    for surface, count in reader.erasable(ids).items():
        if count:
            yield f"{count:,} {surface} of forgotten memories are still held"


class Heads:
    """Looks, while somebody walks the journal, whether it passes through the heads of a proof.

    Args:
        space: Id of the space whose journal it is.
    """

    def __init__(self, proof: Proof, space: str) -> None:
        self._wanted = {(node, number): chain for node, number, chain in proof.heads if number}
        self._problems = [] if proof.space == space else [f"the proof is of space {proof.space}, not of {space}"]
        self._is_here = not self._problems

    def passing(self, events: Iterable[Event]) -> Iterator[Event]:
        """The same events."""
        for event in events:
            header = event.header
            chain = self._wanted.pop((id_text(header.node), header.node_seq), None) if self._wanted else None
            if self._is_here and chain is not None and chain != event.chain.hex():
                self._problems.append(
                    f"event {header.node_seq} of node {id_text(header.node)} is not the one that was proven"
                )
            yield event

    def problems(self, anchors: Mapping[Id, tuple[int, bytes]]) -> list[str]:
        """Which heads the journal does not pass through, in words, once all events have passed.

        Args:
            anchors: Per node the number up to which events were pruned, and the chain value there.
        """
        begins = {id_text(node): (number, chain.hex()) for node, (number, chain) in anchors.items()}
        problems = list(self._problems)
        for (node, number), chain in self._wanted.items() if self._is_here else ():
            pruned, at_anchor = begins.get(node, (0, ""))
            if number < pruned:
                problems.append(
                    f"event {number} of node {node} was pruned (its history begins after event {pruned}), so nobody "
                    "can say any more whether the journal passed through it; a proof made since then can be checked"
                )
            elif number > pruned or chain != at_anchor:
                problems.append(f"event {number} of node {node} is missing")
        return problems


def sessions(view: View, ids: Sequence[Id]) -> list[str]:
    """In which sessions memories are that are about to be erased."""
    ns = [held.n for held in view.find_all(ids).values()]
    contents = (readable_content(event) for _, event in view.current(ns).values())
    return sorted({content.session for content in contents if content is not None and content.session})


def texts(view: View, ids: Sequence[Id]) -> list[str]:
    """What memories say that are about to be erased, to look for it afterwards."""
    found = list[str]()
    for record in ids:
        held = view.find(record)
        content = readable_content(view.event(held.seq)) if held and held.seq else None
        if content:
            found.append(content.text)
    return found
