"""What a pruned journal must still show: the events that stayed, and where each chain goes on."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from holdfast.core.codec import canonical, decode_payload
from holdfast.core.decide import NO_RECORD
from holdfast.core.proof import header_bytes, row_bytes, row_link, verify_payload
from holdfast.core.receipts import ERASABLE
from holdfast.errors import Damaged
from holdfast.model.events import Draft, Event, EventType
from holdfast.model.ids import Id
from holdfast.model.snapshots import Snapshot


def snapshot_digest(snapshot: Snapshot, events: Iterable[Event]) -> bytes:
    """SHA-256 over what a snapshot says, and what is never erased of the events that it rests on, in their order."""
    digest = _begun(snapshot)
    for event in events:
        digest.update(_unerasable(event))
    return digest.digest()


def pruned(snapshot: Snapshot) -> Draft:
    """The event that records a pruning: it binds the horizon, and what stayed below it, into the chain."""
    return Draft(EventType.PRUNED, NO_RECORD, 0, canonical(_recorded(snapshot)))


def _recorded(snapshot: Snapshot) -> dict[str, Any]:
    return _said(snapshot) | {"kept": snapshot.digest.hex()}


def _said(snapshot: Snapshot) -> dict[str, Any]:
    anchors = {node.hex(): [number, chain.hex()] for node, (number, chain) in snapshot.anchors.items()}
    return {"horizon": snapshot.seq, "hlc": snapshot.hlc, "at_ms": snapshot.at_ms, "anchors": anchors}


def _begun(snapshot: Snapshot):  # the type of hashes has no public name
    """The digest of a snapshot, before its events."""
    numbers = struct.pack(f">{len(snapshot.kept)}Q", *snapshot.kept)
    return hashlib.sha256(hashlib.sha256(canonical(_said(snapshot))).digest() + hashlib.sha256(numbers).digest())


class KeptEvents:
    """Looks, while somebody walks a journal, at the events below its horizon, which no chain joins any more.

    Args:
        horizon: Of the journal; None where nothing was pruned.
    """

    def __init__(self, horizon: Snapshot | None) -> None:
        self._horizon = horizon
        self._kept = frozenset(horizon.kept) if horizon else frozenset[int]()
        self._digest = _begun(horizon) if horizon else hashlib.sha256()
        self._is_told = horizon is None or horizon.is_copied
        self._problems = list[str]()

    @property
    def anchors(self) -> Mapping[Id, tuple[int, bytes]]:
        """Per node where its chain goes on."""
        return self._horizon.anchors if self._horizon else {}

    def passing(self, events: Iterable[Event]) -> Iterator[Event]:
        """The events above the horizon; those below it are looked at here."""
        horizon = self._horizon
        for event in events:
            if horizon is None or event.seq > horizon.seq:
                if horizon is not None and event.header.type is EventType.PRUNED:
                    self._compare(event, horizon)
                yield event
            elif event.seq in self._kept:
                self._digest.update(_unerasable(event))
                self._look(event)

    def _look(self, event: Event) -> None:
        if not verify_payload(event):
            self._problems.append(f"event {event.seq}: payload does not match its commitment")
        if event.payload is None and event.header.type not in ERASABLE:
            self._problems.append(f"event {event.seq}: its payload is gone, though it is not one that a forget erases")

    def _compare(self, event: Event, horizon: Snapshot) -> None:
        try:
            payload = decode_payload(event) or {}
        except Damaged:
            return  # the chain says so
        # Others are of earlier prunings, or of another node's.
        self._is_told = self._is_told or payload == _recorded(horizon)

    def problems(self) -> list[str]:
        """What is wrong below the horizon, in words, once all events have passed."""
        horizon = self._horizon
        found = list(self._problems)
        if horizon is not None and self._digest.digest() != horizon.digest:
            found.append(f"an event up to {horizon.seq}, the horizon, was altered or is missing")
        if horizon is not None and not self._is_told:
            found.append(f"no event records that the history was pruned up to {horizon.seq}: the horizon was altered")
        return found


class RowProof:
    """Holds rows of a journal against its chains and the snapshot that it begins from, while they are copied.

    Args:
        begun: None where the journal is copied from its first event on.
    """

    def __init__(self, space: Id, begun: Snapshot | None) -> None:
        self._space = space
        self._wanted = begun.digest if begun else b""
        self._kept = frozenset(begun.kept) if begun else frozenset[int]()
        self._digest = _begun(begun) if begun else None

    def link(self, previous: bytes | None, header: Sequence[Any], committed: bytes) -> bytes:
        """See `Proof.link`."""
        return row_link(self._space, previous, header, committed)

    def keep(self, seq: int, header: Sequence[Any], committed: bytes, chain: bytes) -> None:
        """See `Proof.keep`."""
        if self._digest is None or seq not in self._kept:
            return  # one that a pruning which died left there
        try:
            self._digest.update(row_bytes(self._space, header) + committed + chain)
        except (TypeError, struct.error):
            self._wanted = b""

    def is_whole(self) -> bool:
        """See `Proof.is_whole`."""
        return self._digest is None or self._digest.digest() == self._wanted


def _unerasable(event: Event) -> bytes:
    """The bytes of an event that stay whatever is forgotten."""
    return header_bytes(event.header) + event.commitment + event.chain
