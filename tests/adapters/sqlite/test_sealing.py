"""The border of rows: what one seals, only the same one opens, in the same place."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.adapters.keyring import GivenKey
from holdfast.adapters.sqlite.envelope import DataKey, open_envelope, seal_envelope
from holdfast.adapters.sqlite.sealing import LABELS, OpenRows, SealedRows
from holdfast.errors import Damaged, WrongKey
from holdfast.model.events import Event, EventType, Header
from holdfast.model.ids import Id

SPACE, OTHER = Id(b"space number one"), Id(b"space number two")
NODE, RIVAL = Id(b"node number one."), Id(b"node number two.")
KEYS = DataKey(b"d" * 32, b"s" * 32)
ROWS = SealedRows(SPACE, KEYS)
HEADER = Header(SPACE, NODE, 7, 1 << 20, EventType.REMEMBERED, Id(b"a memory's id..."), 1)
EVENT = Event(HEADER, b"c" * 32, b"h" * 32, b"s" * 16, b'{"text":"Quillon"}')

labels = st.text(st.characters(exclude_categories=["Cs"]))


def row(event: Event, rows: SealedRows = ROWS) -> tuple:
    """An event as it comes out of a table."""
    salt, payload = rows.stored(event, 1)
    header = event.header
    return (
        1, header.node, header.node_seq, header.hlc, int(header.type), header.record, header.version, None,
        event.commitment, event.chain, salt, payload,
    )  # fmt: skip


def opened(values: tuple, rows: SealedRows = ROWS) -> bytes | None:
    return rows.event_of(values).payload


def test_an_event_comes_back_as_it_was_and_its_salt_is_not_stored():
    values = row(EVENT)
    assert ROWS.event_of(values) == replace(EVENT, seq=1)
    assert values[10] is None
    assert EVENT.salt not in values[11]
    assert row(EVENT)[11] != values[11], "every sealing has a nonce of its own"


def test_an_erased_event_stays_erased():
    values = row(replace(EVENT, salt=None, payload=None))
    assert values[10:] == (None, None)
    assert ROWS.event_of(values).erased


def test_an_event_opens_in_its_own_place_alone():
    values = list(row(EVENT))
    for place, other in ((1, RIVAL), (2, 8), (2, -1)):
        moved = tuple(other if at == place else value for at, value in enumerate(values))
        assert opened(moved) == b""
    assert opened(tuple(values), SealedRows(OTHER, KEYS)) == b""
    assert opened(tuple(values), SealedRows(SPACE, replace(KEYS, key=b"e" * 32))) == b""
    assert opened(tuple(values), SealedRows(SPACE, replace(KEYS, secret=b"t" * 32))) == EVENT.payload


@given(labels)
def test_a_label_comes_back_whatever_is_in_it(text):
    stored = ROWS.label("tag", text)
    assert ROWS.said("tag", stored) == text
    assert stored.isascii()
    assert not set(stored) & {",", "\x1f", "="}


def test_a_label_has_other_bytes_in_another_column_space_or_key_and_its_length_is_hidden():
    borders = [ROWS, SealedRows(OTHER, replace(KEYS, key=b"e" * 32))]
    stored = {rows.label(field, "Quillon") for rows in borders for field in LABELS}
    assert len(stored) == 2 * len(LABELS)
    assert ROWS.label("tag", "Quillon") == ROWS.label("tag", "Quillon")
    assert len({len(ROWS.label("tag", "x" * length)) for length in range(16)}) == 1
    for field in LABELS:
        if field != "tag":
            with pytest.raises(Damaged, match="was altered"):
                ROWS.said(field, ROWS.label("tag", "Quillon"))


@given(st.binary(max_size=40), st.integers(0, 2**62), st.integers(0, 2**62))
def test_terms_and_vectors_open_for_their_own_memory_alone(content, n, other):
    terms, vector = ROWS.terms(n, content), ROWS.vector(n, 5, content)
    assert ROWS.opened_terms(n, terms) == content
    assert ROWS.vectors([(n, vector, 5)]) == [(n, content)]
    if other not in (n, 5):
        with pytest.raises(Damaged, match=f"terms of memory {other}"):
            ROWS.opened_terms(other, terms)
        assert ROWS.vectors([(other, vector, 5), (n, vector, other)]) == [(other, b""), (n, b"")]


def test_an_open_border_changes_nothing():
    plain = OpenRows(SPACE)
    assert plain.stored(EVENT, 1) == (EVENT.salt, EVENT.payload)
    assert plain.label("tag", "x") == plain.said("tag", "x") == "x"
    assert plain.wanted("tag", ["x"]) == ["x"]


def test_an_envelope_opens_with_its_key_for_its_space_alone():
    given, envelope = GivenKey(b"w" * 32), seal_envelope(KEYS, SPACE, b"w" * 32)
    assert open_envelope(envelope, SPACE, given, "a.db")[0] == KEYS
    assert KEYS.key not in envelope
    assert KEYS.secret not in envelope
    with pytest.raises(WrongKey):
        open_envelope(envelope, SPACE, GivenKey(b"v" * 32), "a.db")
    with pytest.raises(Damaged):
        open_envelope(envelope, OTHER, given, "a.db")
    for place in (0, 13, 30, len(envelope) - 1):
        altered = envelope[:place] + bytes([envelope[place] ^ 1]) + envelope[place + 1 :]
        with pytest.raises(Damaged):
            open_envelope(altered, SPACE, given, "a.db")
    with pytest.raises(Damaged):
        open_envelope(envelope[:-1], SPACE, given, "a.db")


def test_no_key_is_shown_by_repr():
    assert "ddd" not in repr(KEYS)
    assert "ddd" not in repr(ROWS)
