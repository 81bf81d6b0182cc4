"""What words refer to when they are said: times as days, "it" as the thing before."""

from __future__ import annotations

import pytest

from holdfast.core.mentions import referent, referred, times_in
from holdfast.model.times import format_day, parse_when

SAID_MS = parse_when("2026-11-18T10:00:00Z")
"""A Wednesday."""


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("See you tomorrow.", [("2026-11-19", "2026-11-20")]),
        ("We met yesterday.", [("2026-11-17", "2026-11-18")]),
        ("The launch is on 3 July 2027.", [("2027-07-03", "2027-07-04")]),
        ("Let's talk on Friday.", [("2026-11-20", "2026-11-21")]),
        ("I was there on Friday.", [("2026-11-13", "2026-11-14")]),
        ("Remind me by Monday.", [("2026-11-23", "2026-11-24")]),
        ("It ships in two weeks.", [("2026-11-29", "2026-12-06")]),
        ("Call me 3 days from now.", [("2026-11-21", "2026-11-22")]),
        ("Yesterday was bad. Tomorrow will be better.", [("2026-11-17", "2026-11-18"), ("2026-11-19", "2026-11-20")]),
        ("Nothing of the kind.", []),
        ("I have 3 apples in 2 bags.", []),
    ],
)
def test_times_are_counted_from_when_it_was_said(text, days):
    assert [(format_day(start), format_day(end)) for start, end in times_in(text, SAID_MS)] == days


ODD = ["in 999 years from now it ends", "31 June", "in " + "9" * 5_000 + " days", "a" * 100_000]


@pytest.mark.parametrize("text", ODD)
def test_no_text_breaks_the_reading_of_times(text):
    assert all(start < end for start, end in times_in(text, SAID_MS))


CERTAIN = [
    ("How do I install it?", "You could use NumPy for that.", "NumPy"),
    ("Does it run on Windows?", "I recommend `ripgrep` here.", "ripgrep"),
    ("Please delete it.", "I wrote the result to report.pdf in that folder.", "report.pdf"),
    ("What does it return?", "Then call load_settings once.", "load_settings"),
    ("Is it open on Sundays?", "My favourite is the Blue Bottle.", "Blue Bottle"),
    ("I finished reading it.", "Have you tried Middlemarch yet?", "Middlemarch"),
    ("When was it founded?", "She studied at Trinity College.", "Trinity College"),
    ("How big is it?", "We moved to Lisbon.", "Lisbon"),
]
UNCERTAIN = [
    ("How do I install it?", "You could use NumPy or SciPy."),
    ("It is raining again.", "We moved to Lisbon."),
    ("It's hard to say.", "We moved to Lisbon."),
    ("Got it, thanks!", "You could use NumPy for that."),
    ("I bought a Tesla and it broke.", "We moved to Lisbon."),
    ("Is it far?", "just down the road"),
    ("It was late.", "Dinner with Ada was nice."),
    ("What about that?", "You could use NumPy for that."),
    ("Does it hurt?", "I talked to Ada."),
    ("It looks like a problem.", "We use Redis."),
]


@pytest.mark.parametrize(("text", "before", "thing"), CERTAIN)
def test_it_is_the_one_thing_that_was_named_before(text, before, thing):
    assert referent(text, before, ("Ada",)) == thing


@pytest.mark.parametrize(("text", "before"), UNCERTAIN)
def test_it_is_left_alone_where_that_is_not_certain(text, before):
    assert referent(text, before, ("Ada",)) is None


def test_what_was_said_before_is_asked_for_only_where_there_is_an_it():
    def never() -> str:
        raise AssertionError

    assert referred("See you tomorrow in Lisbon.", SAID_MS, never) == {"times": [[1795046400000, 1795132800000]]}
    assert referred("How big is it?", SAID_MS, lambda: "We moved to Lisbon.") == {"it": "Lisbon"}
    assert referred("How big is it?", SAID_MS, lambda: None) == {}
