"""Contents as canonical JSON and back: the same content always gives the same bytes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from operator import attrgetter
from types import MappingProxyType
from typing import Any, TypeVar, cast

from holdfast.core.proof import verify_payload
from holdfast.errors import Damaged, InvalidField
from holdfast.model.events import Event
from holdfast.model.ids import id_text
from holdfast.model.records import Content, Kind, Origin, Record, Role, Trust

_encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
_ENUMS = {"kind": Kind, "role": Role, "origin": Origin, "trust": Trust}
_DEFAULTS = {
    field.name: field.default if field.default_factory is MISSING else field.default_factory()
    for field in fields(Content)
    if not (field.default is MISSING and field.default_factory is MISSING)
}
Made = TypeVar("Made", Content, Record)
_NAMES = tuple(field.name for field in fields(Content))
_KNOWN = frozenset(_NAMES)
_values = attrgetter(*_NAMES)
_IN_ORDER = tuple(_DEFAULTS.get(name, MISSING) for name in _NAMES)


def canonical(value: object) -> bytes:
    """UTF-8 JSON with sorted keys and no spaces."""
    return _encoder.encode(value).encode()


def body_fields(what: str, body: str | None) -> dict[str, Any]:
    """The fields of what belongs to a record beside its text; none where it is JSON and no object.

    Args:
        what: The record, for the message.

    Raises:
        InvalidField: it is no JSON.
    """
    try:
        found: object = json.loads(body or "")
    except (ValueError, RecursionError) as error:
        raise InvalidField(f"What belongs to the {what} is no JSON ({error}).") from None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def content_dict(content: Content) -> dict[str, Any]:
    """The fields that differ from their defaults, as JSON values."""
    values = zip(_NAMES, _values(content), _IN_ORDER, strict=True)
    out: dict[str, Any] = {name: value for name, value, default in values if value is not default and value != default}
    if "attributes" in out:
        out["attributes"] = dict(out["attributes"])
    return out


def encode_content(content: Content, **beside: object) -> bytes:
    """The payload of an event that carries a content, and what else belongs to the act."""
    return canonical({"content": content_dict(content), **beside})


def decode_payload(event: Event) -> Mapping[str, Any] | None:
    """The payload as a mapping; None once erased.

    Raises:
        Damaged: the bytes are not what was committed to, or not what Holdfast writes.
    """
    if event.payload is None:
        return None
    _verify(event)
    return _parsed(event, event.payload)


def _verify(event: Event) -> None:
    if not verify_payload(event):
        raise Damaged(
            f"Event {event.seq} does not hold what was written; nothing altered is returned. Run `holdfast check`."
        )


def _parsed(event: Event, content: bytes) -> Mapping[str, Any]:
    try:
        payload = json.loads(content)
    except ValueError as error:
        raise Damaged(
            f"Event {event.seq} holds a payload that cannot be read ({error}). Run `holdfast check`."
        ) from None
    if not isinstance(payload, dict):
        raise Damaged(f"Event {event.seq} holds a payload that is no JSON object. Run `holdfast check`.")
    return cast("Mapping[str, Any]", payload)


def decode_content(event: Event) -> Content | None:
    """The content an event carries, exactly as it was written; None once erased.

    Raises:
        Damaged: the payload is not what was committed to, or no content.
    """
    return _decoded(event, lambda fields: Content(**fields))


def decode_record(event: Event) -> Record | None:
    """The record that an event's content makes, as `record_of` gives it for `decode_content`; None once erased.

    Raises:
        Damaged: as `decode_content`.
    """
    header = event.header
    return _decoded(
        event,
        lambda fields: Record(**fields, id=id_text(header.record), version=header.version, recorded_at=header.at_ms),
    )


def _decoded(event: Event, make: Callable[[dict[str, Any]], Made]) -> Made | None:
    _verify(event)
    if event.payload is None:
        return None
    payload = _parsed(event, event.payload)
    try:
        return make(_fields(payload["content"]))
    except (KeyError, TypeError, ValueError) as error:
        raise Damaged(f"Event {event.seq} holds no readable content ({error!r}). Run `holdfast check`.") from None


def readable_content(event: Event) -> Content | None:
    """The content an event carries; None where it was erased or altered."""
    try:
        return decode_content(event)
    except Damaged:
        return None


def record_of(event: Event, content: Content, closed_by: bytes | None = None, closed_ms: int | None = None) -> Record:
    """The record that an event's content makes."""
    return Record(
        **dict(zip(_NAMES, _values(content), strict=True)),
        id=id_text(event.header.record),
        version=event.header.version,
        recorded_at=event.header.at_ms,
        superseded_by=None if closed_by is None else id_text(closed_by),
        superseded_at=closed_ms,
    )


def _fields(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a content from its JSON values."""
    values = dict(raw)
    if not values.keys() <= _KNOWN:  # a record has more fields, which no content may fill
        raise TypeError(f"unknown fields: {sorted(values.keys() - _KNOWN)}")
    for name, enum in _ENUMS.items():
        if name in values:
            values[name] = enum(values[name])
    for name in ("tags", "sources", "marks"):
        if name in values:
            values[name] = tuple(values[name])
    if "attributes" in values:
        values["attributes"] = MappingProxyType(dict(values["attributes"]))
    return values
