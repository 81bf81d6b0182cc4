"""The chain that makes a journal tamper-evident, and stays checkable after payloads are erased."""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from holdfast.model.events import Draft, Event, EventType, Head, Header, commitment
from holdfast.model.ids import Id

_HEADER = struct.Struct(">4s16s16sQQB16sI16s")
_MARK = b"HFE1"
_NO_ID = bytes(16)
SALT_BYTES = 16


def genesis(space: bytes, node: bytes) -> bytes:
    """The chain value before a node's first event; empty, which none goes on from, where an altered row names none."""
    try:
        return hashlib.sha256(b"holdfast chain 1" + space + node).digest()
    except TypeError:
        return b""


def header_bytes(header: Header) -> bytes:
    """The bytes of a header that the chain covers."""
    return _HEADER.pack(
        _MARK,
        header.space,
        header.node,
        header.node_seq,
        header.hlc,
        header.type,
        header.record,
        header.version,
        header.other or _NO_ID,
    )


def link(previous: bytes, header: Header, committed: bytes) -> bytes:
    """The chain value after an event; empty, which none is, after what is no event."""
    try:
        return hashlib.sha256(previous + header_bytes(header) + committed).digest()
    except (TypeError, struct.error):
        return b""  # what an altered row holds may not even be a number: no chain goes on from it


def row_link(space: Id, previous: bytes | None, header: Sequence[Any], committed: bytes) -> bytes:
    """The same where the header is what a row holds, node to other id: no `Header` is made of each, where all are read.

    Args:
        previous: The chain value of the node's event before; None before its first one.
    """
    try:
        start = previous or genesis(space, header[0])
        return hashlib.sha256(start + row_bytes(space, header) + committed).digest()
    except (TypeError, struct.error):
        return b""


def row_bytes(space: Id, header: Sequence[Any]) -> bytes:
    """The bytes of a header that the chain covers, of what a row holds, node to other id.

    Raises:
        struct.error: an altered one.
    """
    node, node_seq, hlc, type_, record, version, other = header
    return _HEADER.pack(_MARK, space, node, node_seq, hlc, type_, record, version, other or _NO_ID)


def seal(drafts: Sequence[Draft], head: Head, now_ms: int, salts: bytes) -> Iterator[Event]:
    """Give decided events their place, one at a time: the node's next numbers, clock values and chain.

    Args:
        now_ms: The wall clock. A clock that went backwards, or another node's later one, never
            makes a stamp smaller than the ones before it.
        salts: At least 16 random bytes per draft.
    """
    if len(salts) < SALT_BYTES * len(drafts):
        raise ValueError(f"{len(salts)} bytes of salt for {len(drafts)} events; {SALT_BYTES} each are needed")
    chain, hlc = head.chain, head.hlc
    for place, draft in enumerate(drafts):
        hlc = max(hlc + 1, now_ms << 16)
        header = Header(
            head.space, head.node, head.node_seq + place + 1, hlc, draft.type, draft.record, draft.version, draft.other
        )
        salt = salts[place * SALT_BYTES : (place + 1) * SALT_BYTES]
        committed = commitment(salt, draft.payload)
        chain = link(chain, header, committed)
        yield Event(header, committed, chain, salt, draft.payload)


def verify_payload(event: Event) -> bool:
    """Whether the payload is the one that was committed to; an erased one has nothing to check."""
    if event.payload is None or event.salt is None:
        return event.payload is None and event.salt is None
    try:
        return hmac.compare_digest(commitment(event.salt, event.payload), event.commitment)
    except TypeError:
        return False  # an altered row may hold something else than bytes


def chain_problems(
    events: Iterable[Event],
    anchors: Mapping[Id, tuple[int, bytes]] | None = None,
    heads: Mapping[Id, tuple[int, bytes]] | None = None,
) -> list[str]:
    """What is wrong with the chains of a journal, in words; empty when all is well.

    Args:
        events: Of any number of nodes, each node's in order.
        anchors: Per node the number and chain value below which events were pruned.
        heads: Per node the number and chain value of its last event, as they are noted elsewhere.
    """
    at, problems = dict(anchors or {}), list[str]()
    for event in events:
        header = event.header
        number, chain = at.get(header.node, (0, genesis(header.space, header.node)))
        if header.node_seq != number + 1:
            problems.append(f"event {event.seq}: node sequence jumps from {number} to {header.node_seq}")
        elif link(chain, header, event.commitment) != event.chain:
            problems.append(f"event {event.seq}: header or chain was altered")
        if not verify_payload(event):
            problems.append(f"event {event.seq}: payload does not match its commitment")
        if event.payload is None and header.type not in (EventType.REMEMBERED, EventType.REVISED):
            problems.append(f"event {event.seq}: its payload is gone, though it is not one that a forget erases")
        at[header.node] = (header.node_seq, event.chain)
    for node, head in (heads or {}).items():
        if at.get(node) != head:
            problems.append(f"the journal of node {node.hex()} does not end where the space says it does")
    return problems
