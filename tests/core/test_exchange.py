"""Lines of JSON: what was written is read back, and what anybody else wrote is checked."""

from __future__ import annotations

import json
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.exchange import FORMAT, read_conversation, read_record, record_line
from holdfast.errors import HoldfastError, InvalidField, InvalidInput, InvalidTime, UnknownFormat
from holdfast.model.ids import id_text
from holdfast.model.records import Content
from holdfast.model.times import zone_from_text
from tests.core.contents import labels, records, texts
from tests.core.test_border import anything

FIELDS = [field.name for field in fields(Content)]
whens = st.one_of(st.none(), st.sampled_from(("2024-05-03", "1:56 pm on 8 May, 2023", "March-15-2024")))


@given(records())
def test_a_record_is_read_back_from_its_line(record):
    line = record_line(record)
    identity, content, successor = read_record(json.loads(line))
    assert "\n" not in line
    assert all(getattr(content, field.name) == getattr(record, field.name) for field in fields(Content))
    assert id_text(identity) == record.id
    assert (None if successor is None else id_text(successor)) == record.superseded_by


@given(records())
def test_a_line_says_its_format_and_has_names_for_numbers_and_times(record):
    line = json.loads(record_line(record))
    assert line["format"] == FORMAT
    assert line["content"]["kind"] == record.kind.name.lower()
    assert line["content"]["valid_from"].endswith("Z")
    assert line["version"] == record.version


@given(
    records(), st.sampled_from(("format", "id", "content", "superseded_by", "else", *FIELDS)), anything,
)  # fmt: skip
def test_a_line_with_anything_in_it_is_read_or_refused_in_words(record, name, value):
    line = json.loads(record_line(record))
    target = line if name in ("format", "id", "content", "superseded_by") else line["content"]
    target[name] = value
    try:
        read_record(line)
    except InvalidInput as error:
        str(error).encode()


@given(st.dictionaries(st.sampled_from(("conversation", "entries", "questions", "else")), anything))
def test_a_conversation_of_anything_is_read_or_refused_in_words(line):
    try:
        read_conversation(line)
    except HoldfastError as error:
        str(error).encode()


@given(
    st.fixed_dictionaries({"author": labels, "text": texts}),
    st.sampled_from(
        ("id", "session", "when", "author", "role", "text", "caption", "source", "tags", "attributes", "x")
    ),
    anything,
)
def test_an_entry_with_anything_in_it_is_read_or_refused_by_its_number(entry, name, value):
    entries, refusal = [{"author": "Ada", "text": "Hello"}, entry | {name: value}], "Entry 2: "
    try:
        assert len(read_conversation({"entries": entries})[0]) == 2
    except InvalidInput as error:
        refusal = str(error)
    assert refusal.startswith("Entry 2: ")


@given(st.lists(whens, min_size=1, max_size=6))
def test_an_entry_without_a_time_takes_the_last_before_it_or_the_first_after(times):
    entries = [{"author": "Ada", "text": "Hello"} | ({"when": when} if when else {}) for when in times]
    turns, _ = read_conversation({"conversation": "c", "entries": entries})
    known = [turn.when_ms for turn, when in zip(turns, times, strict=True) if when]
    expected, last = [], known[0] if known else None
    queue = iter(known)
    for when in times:
        last = next(queue) if when else last
        expected.append(last)
    assert [turn.when_ms for turn in turns] == expected


def test_sessions_and_keys_are_named_after_the_conversation():
    entries = [
        {"author": "Ada", "text": "a"}, {"author": "Ada", "text": "b", "id": "x", "session": "two"},
        {"author": "Ada", "text": "c", "id": None, "session": None},
        {"author": "Ada", "text": "d", "id": 7, "session": 3},
    ]  # fmt: skip
    turns, _ = read_conversation({"conversation": "c", "entries": entries})
    assert [(turn.session, turn.key) for turn in turns] == [
        ("c/1", "c/1"),
        ("c/two", "c/x"),
        ("c/1", "c/3"),
        ("c/3", "c/7"),
    ]


def test_a_role_with_an_author_is_that_role_by_that_name():
    rows = [
        {"role": "user", "text": "a"},
        {"role": "assistant", "author": "Fern", "text": "b"},
        {"author": "Bo", "text": "c"},
    ]
    turns, _ = read_conversation({"entries": rows})
    assert [(turn.speaker, turn.author) for turn in turns] == [("user", None), ("assistant", "Fern"), ("Bo", None)]


def test_times_are_read_in_the_zone_unless_they_have_their_own():
    rows = [{"author": "Ada", "text": "a", "when": when} for when in ("2024-01-01T10:00", "2024-01-01T10:00Z")]
    turns, _ = read_conversation({"entries": rows}, zone_from_text("+01:00"))
    assert turns[1].when_ms - turns[0].when_ms == 3_600_000


@pytest.mark.parametrize(("change", "error", "word"), [
        ({"id": "0" * 32}, InvalidField, "all zeros"),
    ({"format": "holdfast-record/2"}, UnknownFormat, "holdfast-record/2"),
    ({"format": None}, UnknownFormat, "expected"),
    ({"mood": 1}, InvalidField, "unknown fields: 'mood'"),
    ({"\x1b[31m": 1}, InvalidField, r"'\x1b[31m'"),
    ({"id": "nonsense"}, InvalidField, "not a memory id"),
    ({"superseded_by": 5}, InvalidField, "not a memory id"),
    ({"content": []}, InvalidField, "no content"),
    ({"content": {"kind": "fact", "text": "x"}}, InvalidField, "lacks valid_from"),
    ({"content": {"kind": "fact", "text": "x", "valid_from": "soon"}}, InvalidTime, "not a time"),
])  # fmt: skip
def test_a_record_that_cannot_be_taken_says_why(change, error, word):
    line = {"format": FORMAT, "id": "1" * 32, "content": {"kind": "fact", "text": "x", "valid_from": "2024-01-01"}}
    read_record(line)
    with pytest.raises(error) as caught:
        read_record(line | change)
    assert word in str(caught.value)
    assert str(caught.value).isprintable()
