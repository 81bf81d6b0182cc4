"""A whole journal as lines of JSON and back: everything that is not erased, with its chains, and nothing half.

The first line says whose journal it is, the last one how many events stand between them and where the chains end,
so that half a file is noticed. Events keep their node, number, clock and chain, so that proofs and receipts verify
wherever they are taken in. The first line carries the space's secret: ids that follow from keys, and the digests that
keep forgotten words out, cannot be made again without it. Such a file is as sensitive as the space.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, cast

from holdfast.core.codec import canonical, decode_content, decode_payload
from holdfast.core.proof import genesis, link, verify_payload
from holdfast.core.receipts import ERASABLE, read
from holdfast.errors import Damaged, HoldfastError, UnknownFormat
from holdfast.model.events import Event, EventType, Header
from holdfast.model.ids import Id, id_text, parse_id
from holdfast.model.times import format_when

FORMAT = "holdfast-journal/1"
_FIRST: frozenset[str] = frozenset(("format", "space", "secret", "exported_at"))
_LAST: frozenset[str] = frozenset(("end", "events", "heads", "sha256"))
_EVENT = frozenset(("seq", "node", "node_seq", "hlc", "type", "record", "version", "commitment", "chain"))
_MAYBE = frozenset(("other", "salt", "payload", "payload_hex"))
_TYPES = {kind.name.lower(): kind for kind in EventType}
_MOST = 2**63 - 1
_NOTHING: Mapping[Id, int] = MappingProxyType({})

Heads = dict[Id, tuple[int, bytes]]


@dataclass(frozen=True, slots=True)
class JournalHead:
    """What the first line says: whose journal it is."""

    space: Id
    secret: bytes


def journal_lines(
    head: JournalHead, events: Iterable[Event], now_ms: int, least: Mapping[Id, int] = _NOTHING
) -> Iterator[str]:
    """The lines of a journal.

    Args:
        least: Per node, how many events there are at least.

    Raises:
        Damaged: an event is not what was written, or is missing; nothing altered is passed on, and no end is given.
    """
    whole, given, heads = hashlib.sha256(), 0, Heads()
    line = canonical(
        {
            "format": FORMAT,
            "space": id_text(head.space),
            "secret": head.secret.hex(),
            "exported_at": format_when(now_ms),
        }
    )
    for event in events:
        whole.update(line + b"\n")
        yield line.decode()
        header = event.header
        number, chain = heads.get(header.node) or (0, genesis(head.space, header.node))
        is_next = header.node_seq == number + 1 and link(chain, header, event.commitment) == event.chain
        if not is_next or not verify_payload(event):
            raise Damaged(
                f"Event {event.seq} does not hold what was written; the export ends there. Run `holdfast check`."
            )
        line, given = canonical(_event_dict(event)), given + 1
        heads[header.node] = (header.node_seq, event.chain)
    whole.update(line + b"\n")
    yield line.decode()
    if short := [node for node, number in least.items() if (heads.get(node) or (0,))[0] < number]:
        raise Damaged(
            f"The journal of node {id_text(short[0])} ends before its last event; the export ends there, without the "
            "line that would make it whole. Run `holdfast check`."
        )
    ends = [[id_text(node), number, chain.hex()] for node, (number, chain) in sorted(heads.items())]
    yield canonical({"end": FORMAT, "events": given, "heads": ends, "sha256": whole.hexdigest()}).decode()


def is_journal(line: str) -> bool:
    """Whether a line, or the beginning of one, is the first of a journal."""
    return '"format":"holdfast-journal/' in "".join(line[:4_000].split())


class JournalReader:
    """Reads the lines of a journal one by one, and refuses the first that is not what was written.

    Attributes:
        head: What the first line says; None before it was read.
        is_whole: The last line was read.
        heads: Where each node's chain stands after the lines so far.
        events: How many there were so far.
    """

    def __init__(self) -> None:
        self.head: JournalHead | None = None
        self.is_whole = False
        self.heads: Heads = {}
        self._whole = hashlib.sha256()
        self.events = 0
        self._erased = dict[Id, int]()
        self._forgotten = set[Id]()

    def read(self, value: Mapping[str, Any]) -> Event | None:
        """The event of a line; None for the first and the last line.

        Raises:
            Damaged: it was altered, is out of order, twice there, or something before it is missing.
            UnknownFormat: it is not such a file, or a later version of it.
        """
        try:
            return self._read(value)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            if isinstance(error, HoldfastError):
                raise
            raise Damaged(f"it cannot be read ({type(error).__name__}: {error}).") from None

    def end(self) -> None:
        """Nothing follows.

        Raises:
            Damaged: the last line is missing, so the file was cut off.
        """
        if self.head is None:
            raise UnknownFormat("There is nothing in it: expected a journal. Nothing was written.")
        if not self.is_whole:
            raise Damaged(
                f"It is cut off after {self.events:,} events: its last line is missing. "
                "Nothing was written; export it again."
            )

    def _read(self, value: Mapping[str, Any]) -> Event | None:
        if self.head is None:
            self.head = _head_of(value)
            self._whole.update(canonical(value) + b"\n")
            return None
        if self.is_whole:
            raise Damaged("it stands after the last line.")
        if "end" in value:
            self._end(value)
            return None
        event = _event_of(value, self.head.space)
        if event.seq != self.events + 1:
            raise Damaged(f"it is event {event.seq}; expected event {self.events + 1}.")
        header = event.header
        number, chain = self.heads.get(header.node, (0, genesis(header.space, header.node)))
        if header.node_seq != number + 1 or link(chain, header, event.commitment) != event.chain:
            raise Damaged(f"event {event.seq} does not fit the chain of node {id_text(header.node)}; it was altered.")
        if not verify_payload(event):
            raise Damaged(f"event {event.seq} does not hold what its commitment says; it was altered.")
        self.heads[header.node] = (header.node_seq, event.chain)
        self.events += 1
        self._note(event)
        self._whole.update(canonical(value) + b"\n")
        return event

    def _note(self, event: Event) -> None:
        header = event.header
        if header.type is EventType.FORGOTTEN:
            self._forgotten.add(header.record)
        if header.type in ERASABLE:
            if decode_content(event) is None:
                self._erased.setdefault(header.record, event.seq)
        elif header.type is EventType.RECEIPT:
            read(event)
        elif decode_payload(event) is None:
            raise Damaged(f"event {event.seq} has no payload, which only memories may lose.")

    def _end(self, value: Mapping[str, Any]) -> None:
        if _LAST.symmetric_difference(value) or value["end"] != FORMAT:
            raise Damaged(f"its fields are {', '.join(sorted(value))[:200]}; expected those of the last line.")
        if value["events"] != self.events:
            raise Damaged(f"{self.events:,} events stand above it; {_whole(value['events']):,} were written.")
        rows = cast("list[list[Any]]", value["heads"])
        if self.heads != {parse_id(node): (_whole(number), bytes.fromhex(chain)) for node, number, chain in rows}:
            raise Damaged("the chains do not end where it says.")
        if value["sha256"] != self._whole.hexdigest():
            raise Damaged("the lines above it are not those that were written.")
        for record, seq in self._erased.items():
            if record not in self._forgotten:
                raise Damaged(f"event {seq} has lost its payload, though nothing was forgotten that it is about.")
        self.is_whole = True


def _head_of(value: Mapping[str, Any]) -> JournalHead:
    named = value.get("format")
    if named != FORMAT:
        raise UnknownFormat(
            f"it is in the format {named!r:.60}; expected {FORMAT!r}. A later Holdfast may have written it."
        )
    if _FIRST.symmetric_difference(value):
        raise Damaged(f"its fields are {', '.join(sorted(value))[:200]}; expected {', '.join(sorted(_FIRST))}.")
    secret = bytes.fromhex(value["secret"])
    if len(secret) != 32:
        raise Damaged(f"its secret has {len(secret)} bytes; expected 32.")
    return JournalHead(parse_id(value["space"]), secret)


def _event_dict(event: Event) -> dict[str, Any]:
    header = event.header
    line: dict[str, Any] = {
        "seq": event.seq, "node": id_text(header.node), "node_seq": header.node_seq, "hlc": header.hlc,
        "type": header.type.name.lower(), "record": id_text(header.record), "version": header.version,
        "commitment": event.commitment.hex(), "chain": event.chain.hex(),
    }  # fmt: skip
    if header.other is not None:
        line["other"] = id_text(header.other)
    if event.salt is not None and event.payload is not None:
        line["salt"] = event.salt.hex()
        # As text where that gives the same bytes again, which a person can read.
        value = _as_json(event.payload)
        if value is not None and canonical(value) == event.payload:
            line["payload"] = value
        else:
            line["payload_hex"] = event.payload.hex()
    return line


def _as_json(payload: bytes) -> Any:
    try:
        return json.loads(payload)
    except (ValueError, RecursionError):
        return None


def _event_of(value: Mapping[str, Any], space: Id) -> Event:
    fields = set(value)
    if not fields.issuperset(_EVENT) or fields - _EVENT - _MAYBE:
        raise Damaged(f"its fields are {', '.join(sorted(fields))[:200]}; expected those of an event.")
    payload = None
    if "payload" in value:
        payload = canonical(value["payload"])
    elif "payload_hex" in value:
        payload = bytes.fromhex(value["payload_hex"])
    header = Header(
        space=space,
        node=parse_id(value["node"]),
        node_seq=_whole(value["node_seq"]),
        hlc=_whole(value["hlc"]),
        type=_TYPES[value["type"]],
        record=parse_id(value["record"]),
        version=_whole(value["version"]),
        other=parse_id(value["other"]) if "other" in value else None,
    )
    return Event(
        header,
        bytes.fromhex(value["commitment"]),
        bytes.fromhex(value["chain"]),
        bytes.fromhex(value["salt"]) if "salt" in value else None,
        payload,
        _whole(value["seq"]),
    )


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST:
        raise Damaged(f"{value!r:.60} is not a whole number of at most 64 bits.")
    return value
