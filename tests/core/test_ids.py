"""Ids: sortable where they are random, repeatable where they follow from a key, and read back from their text."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import InvalidField
from holdfast.model.ids import id_text, keyed_id, parse_id, time_ordered_id

times = st.integers(0, 2**48 - 1)
entropies = st.binary(min_size=10, max_size=10)
KNOWN = "2099e234-c28a-879b-8a52-a7be99a9674a"
parts = st.lists(st.text(st.characters(codec="utf-8"), max_size=20), max_size=4)


@given(times, entropies)
def test_a_random_id_is_a_uuid_of_version_seven_with_its_time(ms, entropy):
    value = UUID(id_text(time_ordered_id(ms, entropy)))
    assert (value.version, value.variant) == (7, "specified in RFC 4122")
    assert value.int >> 80 == ms


@given(times, times, entropies)
def test_random_ids_sort_by_time(one, other, entropy):
    assert (time_ordered_id(one, entropy) < time_ordered_id(other, entropy)) == (one < other)


@given(times, entropies, entropies)
def test_other_entropy_gives_another_id(ms, one, other):
    def carried(entropy: bytes) -> int:
        return int.from_bytes(entropy, "big") & (1 << 74) - 1

    assert (time_ordered_id(ms, one) == time_ordered_id(ms, other)) == (carried(one) == carried(other))


@given(st.binary(min_size=32, max_size=32), parts)
def test_a_keyed_id_is_a_uuid_of_version_eight_and_repeatable(secret, names):
    value = keyed_id(secret, *names)
    assert value == keyed_id(secret, *names)
    assert (UUID(id_text(value)).version, UUID(id_text(value)).variant) == (8, "specified in RFC 4122")
    assert value != keyed_id(secret + b"x", *names)


@given(parts, parts)
def test_other_parts_give_another_id_wherever_they_are_cut(one, other):
    assert (keyed_id(b"s", *one) == keyed_id(b"s", *other)) == (one == other)


def test_the_ids_of_known_keys_do_not_change_between_releases():
    assert id_text(keyed_id(b"s" * 32, "owner", "remember", "intake-7")) == KNOWN


@given(st.binary(min_size=16, max_size=16))
def test_an_id_is_read_back_from_its_text(value):
    text = id_text(value)
    assert UUID(text).bytes == value
    assert parse_id(text) == parse_id(text.replace("-", "")) == parse_id(text.upper()) == value


@pytest.mark.parametrize(
    "bad", ["", "x", "0" * 31, "0" * 33, "g" * 32, "٣" * 32, " " * 32, None, 5, b"0" * 32, [], "\ud83d" * 32]
)
def test_what_is_not_an_id_is_refused(bad):
    with pytest.raises(InvalidField, match="not a memory id"):
        parse_id(bad)
