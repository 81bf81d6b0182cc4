"""Forgets that a space does not know of, because it was taken back to before them: gathered, and carried out again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from holdfast.core import receipts
from holdfast.core.codec import canonical, decode_payload
from holdfast.core.decide import NO_RECORD
from holdfast.core.erasing import barring, is_spared
from holdfast.core.view import View
from holdfast.model.erasure import ForgetReceipt
from holdfast.model.events import Draft, Event, EventType
from holdfast.model.ids import Id, parse_id


@dataclass(frozen=True, slots=True)
class Tombstone:
    """One memory that must not come back.

    Attributes:
        bars: Keyed digests, in hexadecimal digits, of the words that stay out; None where they are not known.
        sources: What it was derived from, where it was only pruned, as superseded; see
            `holdfast.core.erasing.is_spared`. None where it was forgotten.
    """

    record: Id
    version: int
    receipt: Id
    bars: tuple[str, ...] | None
    sources: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Forgets:
    """What was forgotten: tombstones by memory, and receipts by their id."""

    tombstones: Mapping[Id, Tombstone]
    receipts: Mapping[Id, ForgetReceipt]


def gather(events: Iterable[Event], kept: Iterable[ForgetReceipt] = (), *, unbarred: Collection[str] = ()) -> Forgets:
    """The forgets among events of any nodes, and those that kept receipts tell of.

    Args:
        kept: Receipts without their events; the words they keep out are not in them.
        unbarred: The reasons of receipts that keep no words out.
    """
    tombstones, found, standing = dict[Id, Tombstone](), dict[Id, ForgetReceipt](), dict[str, bool]()
    # In the order of the clock, so that what was lifted after a forget counts as lifted.
    for event in sorted(events, key=lambda event: event.header.stamp):
        header, payload = event.header, decode_payload(event) or {}
        match header.type:
            case EventType.FORGOTTEN if header.other:
                bars = tuple(payload.get("bars", ()))
                before = tombstones.get(header.record)
                joined = dict.fromkeys((*((before and before.bars) or ()), *bars))
                sources = tuple(payload.get("sources", ())) if payload.get("spares") is True else None
                if before is not None and sources is not None:
                    sources = None if before.sources is None else tuple(dict.fromkeys((*before.sources, *sources)))
                tombstones[header.record] = Tombstone(
                    header.record, header.version, header.other, tuple(joined), sources
                )
                standing.update(dict.fromkeys(bars, True))
            case EventType.READMITTED if payload:
                standing[payload["readmits"]] = False
            case EventType.RECEIPT if header.other:
                found[header.other] = receipts.read(event)
            case _:
                pass
    made = {
        record: replace(one, bars=tuple(bar for bar in one.bars or () if standing.get(bar)))
        for record, one in tombstones.items()
    }
    for receipt in kept:
        found.setdefault(parse_id(receipt.id), receipt)
        bars = () if receipt.reason in unbarred else None
        for text in (*receipt.forgotten, *receipt.derived):
            made.setdefault(parse_id(text), Tombstone(parse_id(text), 0, parse_id(receipt.id), bars))
    return Forgets(made, found)


def carry_out(
    view: View, forgets: Forgets, recorded: Collection[Id], secret: bytes
) -> tuple[tuple[Draft, ...], Sequence[Id]]:
    """Events that forget here what was forgotten elsewhere, also what never arrived here; gives which memories.

    Receipts keep their id and what they say; each is recorded again with its first place beside it.

    Args:
        recorded: Receipts that are in this journal already.
    """
    held = view.find_all(tuple(forgets.tombstones))
    drafts, going = list[Draft](), list[Id]()
    for record, tombstone in forgets.tombstones.items():
        here = held.get(record)
        if (
            here is not None
            and here.receipt is not None
            and (tombstone.sources is not None or not is_spared(view, record))
        ):
            continue
        spares = {} if tombstone.sources is None else {"spares": True, "sources": list(tombstone.sources)}
        payload = canonical({"bars": list(tombstone.bars or ())} | spares)
        if tombstone.bars is None and here is not None and here.seq:
            payload = barring(view.event(here.seq), secret)
        version = here.version if here else tombstone.version
        drafts.append(Draft(EventType.FORGOTTEN, record, version, payload, tombstone.receipt))
        going.append(record)
    drafts.extend(
        Draft(EventType.RECEIPT, NO_RECORD, 0, receipts.body_again(receipt), id_)
        for id_, receipt in forgets.receipts.items()
        if id_ not in recorded
    )
    return tuple(drafts), going
