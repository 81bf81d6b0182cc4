"""The bytes of an event: one content, one encoding, and nothing else is read."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.codec import (
    canonical,
    content_dict,
    decode_content,
    decode_payload,
    decode_record,
    encode_content,
    readable_content,
    record_of,
)
from holdfast.core.proof import commitment
from holdfast.errors import Damaged
from holdfast.model.events import Event, EventType, Header
from holdfast.model.ids import Id, id_text
from holdfast.model.records import Content, Kind
from tests.core.contents import contents

HEADER = Header(Id(b"s" * 16), Id(b"n" * 16), 1, 5 << 16, EventType.REMEMBERED, Id(b"r" * 16), 3)


def event(payload: bytes | None) -> Event:
    salt = None if payload is None else b"s" * 16
    committed = b"c" * 32 if salt is None or payload is None else commitment(salt, payload)
    return Event(HEADER, committed, b"h" * 32, salt, payload, seq=7)


def test_an_altered_payload_is_refused_and_can_be_told_from_an_erased_one():
    sound = event(encode_content(Content(kind=Kind.FACT, text="100 euros", valid_from=0)))
    altered = replace(sound, payload=sound.payload.replace(b"100", b"900"))
    with pytest.raises(Damaged, match="Event 7 does not hold what was written"):
        decode_content(altered)
    assert readable_content(altered) is None
    assert readable_content(sound).text == "100 euros"


@given(contents())
def test_a_content_is_read_back_from_its_bytes(content):
    payload = encode_content(content, because="asked")
    assert decode_content(event(payload)) == content
    assert decode_payload(event(payload))["because"] == "asked"


@given(contents())
def test_a_record_is_read_at_once_as_it_is_by_its_content(content):
    sound = event(encode_content(content))
    assert decode_record(sound) == record_of(sound, decode_content(sound))
    assert decode_record(event(None)) is None


@pytest.mark.parametrize("name", ["id", "version", "superseded_by", "superseded_at", "verdict", "reasons", "mood"])
def test_no_content_fills_the_fields_that_only_a_record_has(name):
    forged = event(canonical({"content": {"kind": 2, "text": "x", "valid_from": 0, name: "y"}}))
    for read in (decode_content, decode_record):
        with pytest.raises(Damaged, match="no readable content"):
            read(forged)


@given(contents())
def test_one_content_has_one_encoding_in_any_order_of_its_attributes(content):
    turned = Content(**{name: getattr(content, name) for name in reversed(Content.__dataclass_fields__)})
    assert encode_content(turned) == encode_content(content)
    shuffled = dict(reversed(list(json.loads(encode_content(content))["content"].items())))
    assert canonical({"content": shuffled}) == encode_content(content)


@given(contents(), contents())
def test_other_contents_have_other_bytes(one, other):
    assert (encode_content(one) == encode_content(other)) == (one == other)


def test_what_is_default_is_not_stored_and_comes_back():
    content = Content(kind=Kind.FACT, text="Ada runs.", valid_from=0)
    assert content_dict(content) == {"kind": Kind.FACT, "text": "Ada runs.", "valid_from": 0}
    assert encode_content(content) == b'{"content":{"kind":2,"text":"Ada runs.","valid_from":0}}'
    assert decode_content(event(encode_content(content))) == content


def test_numbers_that_json_has_no_word_for_are_never_written():
    for bad in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="JSON"):
            canonical({"a": bad})


def test_an_erased_event_has_no_content():
    assert decode_payload(event(None)) is None
    assert decode_content(event(None)) is None


@pytest.mark.parametrize("payload", [
    b"", b"{", b"[]", b"5", b"\xff\xfe", b'{"content":5}', b'{"content":{}}',
    b'{"content":{"kind":99,"text":"x","valid_from":0}}',
    b'{"content":{"kind":2,"text":"x","valid_from":0,"mood":1}}',
    b'{"content":{"kind":2,"text":"x","valid_from":0,"tags":5}}',
    b'{"content":{"kind":2,"text":"x","valid_from":0,"attributes":[1]}}',
])  # fmt: skip
def test_bytes_that_are_no_content_are_damage(payload):
    with pytest.raises(Damaged, match="Event 7"):
        decode_content(event(payload))


@given(contents(), st.binary(min_size=16, max_size=16), st.integers(0, 2**40))
def test_a_record_is_its_content_with_its_place(content, closer, closed_ms):
    record = record_of(event(b""), content, closer, closed_ms)
    assert all(getattr(record, name) == getattr(content, name) for name in Content.__dataclass_fields__)
    assert (record.id, record.version, record.recorded_at) == (id_text(HEADER.record), 3, 5)
    assert (record.superseded_by, record.superseded_at) == (id_text(closer), closed_ms)
    assert record_of(event(b""), content).superseded_by is None
