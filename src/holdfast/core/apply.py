"""What an event means for a projection."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from holdfast.core.codec import decode_content, decode_payload
from holdfast.core.lexical import encode_terms
from holdfast.core.receipts import ERASABLE
from holdfast.core.secrets import subkey
from holdfast.model.events import Bar, BarReason, Change, Close, Entomb, Event, EventType, Put, SetModel
from holdfast.model.records import Content, entry_text


def apply(event: Event, secret: bytes, content: Content | None = None) -> tuple[Change, ...]:
    """The changes an event makes; pure, total and without a look at the state.

    An erased event of a memory means nothing: what it said is no longer known. A forget means the
    same whether its own payload is there or not, except that the bars are in the payload.

    Args:
        content: What the payload says, where the caller has it at hand; read from the payload otherwise.

    Raises:
        Damaged: the payload is not what Holdfast writes.
    """
    header = event.header
    if header.type in ERASABLE:
        content = content or decode_content(event)
        if content is None or event.payload is None:
            return ()
        return (Put(header.record, header.version, content, terms_of(content, secret)),)
    payload = decode_payload(event)
    match header.type:
        case EventType.SUPERSEDED:
            rejected = payload.get("rejected") if payload else None
            close = (Close(header.record, header.other),) if header.other else ()
            return (*close, Bar(bytes.fromhex(rejected), BarReason.REJECTED)) if rejected else close
        case EventType.FORGOTTEN:
            bars = payload.get("bars", ()) if payload else ()
            entomb = (Entomb(header.record, header.other),) if header.other else ()
            return (*entomb, *(Bar(bytes.fromhex(digest), BarReason.FORGOTTEN) for digest in bars))
        case EventType.READMITTED:
            return (Bar(bytes.fromhex(payload["readmits"]), BarReason.LIFTED),) if payload else ()
        case EventType.MODEL_SET:
            return (SetModel(payload["fingerprint"], payload["dimensions"]),) if payload else ()
        case _:
            return ()


def terms_of(content: Content, secret: bytes) -> bytes:
    """The stored term counts of a content's entry."""
    return encode_terms(entry_text(content.author, content.text, content.caption), subkey(secret, "terms"))


def replay(events: Iterable[Event], secret: bytes) -> Iterator[tuple[Event, tuple[Change, ...]]]:
    """Events with their changes, one at a time."""
    for event in events:
        yield event, apply(event, secret)
