"""The journal's events, and the changes that they mean for a projection."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from enum import IntEnum

from holdfast.model.ids import Id
from holdfast.model.records import Content


class EventType(IntEnum):
    """What happened; the numbers are stored and hashed."""

    REMEMBERED = 1
    REVISED = 2
    SUPERSEDED = 3
    FORGOTTEN = 4
    MODEL_SET = 5
    RECEIPT = 6
    READMITTED = 7
    PRUNED = 8


@dataclass(frozen=True, slots=True, order=True)
class Stamp:
    """Place of an event among the events of all nodes: the greater one wins."""

    hlc: int
    node: bytes
    node_seq: int


@dataclass(frozen=True, slots=True)
class Header:
    """The part of an event that is never erased: random ids, numbers and times only.

    Attributes:
        space, node: Ids of the space and of the node that wrote the event.
        node_seq: 1, 2, 3, … per node, without gaps.
        hlc: Hybrid logical clock (Kulkarni et al. 2014): milliseconds << 16 | counter.
        record: The memory it is about.
        version: That memory's version after the event; 0 where it has none.
        other: A second id: what superseded it, or the receipt of a forget.
    """

    space: Id
    node: Id
    node_seq: int
    hlc: int
    type: EventType
    record: Id
    version: int
    other: Id | None = None

    @property
    def stamp(self) -> Stamp:
        return Stamp(self.hlc, self.node, self.node_seq)

    @property
    def at_ms(self) -> int:
        return self.hlc >> 16


@dataclass(frozen=True, slots=True)
class Event:
    """A header, what it commits to, and the payload unless that was erased.

    Attributes:
        commitment: HMAC-SHA256 of the payload under the salt.
        chain: SHA-256 of the node's previous chain value, the header and the commitment.
        salt, payload: Both None once erased.
        seq: Local order of arrival, 1, 2, 3, …; 0 before it is stored. Never hashed.
    """

    header: Header
    commitment: bytes
    chain: bytes
    salt: bytes | None
    payload: bytes | None
    seq: int = 0

    @property
    def erased(self) -> bool:
        return self.payload is None


@dataclass(frozen=True, slots=True)
class Draft:
    """An event that was decided and has no place in the journal yet.

    Attributes:
        content: What the payload says of a memory, so that it need not be read back from it.
    """

    type: EventType
    record: Id
    version: int
    payload: bytes
    other: Id | None = None
    content: Content | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """Where a node's chain stands.

    Attributes:
        seq: The local order of the newest event of any node, 0 in an empty journal.
        hlc: The greatest clock value seen from any node.
    """

    space: Id
    node: Id
    node_seq: int
    chain: bytes
    hlc: int
    seq: int


class BarReason(IntEnum):
    """Why a text or an observation is not taken in again; the numbers are stored."""

    LIFTED = 0
    FORGOTTEN = 1
    REJECTED = 2


@dataclass(frozen=True, slots=True)
class Put:
    """Hold this version of a memory, unless a greater stamp or a forget is there already."""

    record: Id
    version: int
    content: Content
    terms: bytes


@dataclass(frozen=True, slots=True)
class Close:
    """Mark a memory as superseded, unless a greater stamp has done so already."""

    record: Id
    by: Id


@dataclass(frozen=True, slots=True)
class Entomb:
    """Erase everything of a memory, for good and whatever arrives later."""

    record: Id
    receipt: Id


@dataclass(frozen=True, slots=True)
class Bar:
    """Keep a keyed digest from being taken in again; the greatest stamp wins."""

    digest: bytes
    reason: BarReason


@dataclass(frozen=True, slots=True)
class SetModel:
    """The embedding model the space's vectors belong to; the greatest stamp wins."""

    fingerprint: str
    dimensions: int


Change = Put | Close | Entomb | Bar | SetModel


def commitment(salt: bytes, payload: bytes) -> bytes:
    """HMAC-SHA256: hides the payload once the salt is erased, and binds it until then."""
    return hmac.digest(salt, payload, hashlib.sha256)


@dataclass(frozen=True, slots=True)
class Sealed:
    """An event ready to store, with the changes it means."""

    event: Event
    changes: tuple[Change, ...]
