"""The telling sentences of a conversation: within the room, in order, and with its details."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.budget import estimate_tokens
from holdfast.core.excerpts import GAP
from holdfast.core.summaries import details, summary_lines, told
from tests.core.contents import records

CHAT = [
    ("Ada", "Hey Ben! How are you? It was so good to see you."),
    ("Ben", "I'm good, thanks! Wow, that is really great to hear."),
    ("Ada", "We decided to move to Porto on 12 May. The rent is €950 a month."),
    ("Ben", "That sounds really nice. I love the sea so much."),
    ("Ada", "My sister Mira will help us with the boxes."),
]


def talk(*said):
    from holdfast.model.records import Kind, Record

    return [
        Record(kind=Kind.TURN, text=text, author=author, valid_from=place, id=str(place), version=1, recorded_at=place)
        for place, (author, text) in enumerate(said)
    ]


def summary(records, budget):
    return [told(records[entry], text) for entry, text in summary_lines(records, budget, estimate_tokens)]


def test_what_has_details_is_told_before_small_talk():
    lines = summary(talk(*CHAT), 45)
    assert any("Porto on 12 May" in line and "€950" in line for line in lines)
    assert any("Mira" in line for line in lines)
    assert not any("How are you" in line or "nice" in line for line in lines)


def test_what_was_told_already_is_not_told_again():
    lines = summary(talk(*CHAT, ("Ben", "So you decided to move to Porto on 12 May, for €950 a month.")), 60)
    assert sum("12 May" in line for line in lines) == 1


def test_a_gap_inside_an_entry_is_marked():
    text = "The key is 4411. It was so good to see you. The door is 17."
    (line,) = summary(talk(("Ada", text)), 22)
    assert line == f"Ada: The key is 4411. {GAP} The door is 17."


@given(st.lists(records(), max_size=8), st.integers(1, 200))
def test_a_summary_keeps_to_its_room_and_to_the_order(given_, budget):
    found = summary_lines(given_, budget, estimate_tokens)
    assert [entry for entry, _ in found] == sorted({entry for entry, _ in found})
    lines = [told(given_[entry], text) for entry, text in found]
    assert sum(estimate_tokens(line) for line in lines) <= budget
    assert found == summary_lines(given_, budget, estimate_tokens)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("We met Mira in Porto on Friday.", {"mira", "porto", "friday"}),
        ("It costs €950, not 1,200.50.", {"€950", "1,200.50"}),
        ("Yesterday I ran 5km at 10:30.", {"yesterday", "5km", "10:30"}),
        ("The cat sat.", set()),
        ("", set()),
    ],
)
def test_names_numbers_and_times_are_details(text, expected):
    assert details(text) == expected


def test_a_line_is_one_line_and_steers_nothing():
    (record,) = talk(("Ada", "a\n\nb\x1b[2J"))
    assert told(record, record.text) == "Ada: a b\\u001b[2J"
    assert told(replace(record, author=None), "x") == "x"
