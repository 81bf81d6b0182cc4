"""Moments to come, as people name them: read towards the future, all of the words, or refused."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.moments import moment
from holdfast.errors import InvalidTime
from holdfast.model.times import DAY_MS, EARLIEST_MS, LATEST_MS, format_when, parse_when

NOW = parse_when("2026-11-18T10:30:00Z")
"""A Wednesday."""

READ = {
    "2026-12-01": "2026-12-01T00:00:00Z",
    "2020-01-01": "2020-01-01T00:00:00Z",
    "1:56 pm on 8 May, 2027": "2027-05-08T13:56:00Z",
    "now": "2026-11-18T10:30:00Z",
    "today": "2026-11-18T00:00:00Z",
    "tomorrow": "2026-11-19T00:00:00Z",
    "the day after tomorrow": "2026-11-20T00:00:00Z",
    "next Friday": "2026-11-20T00:00:00Z",
    "Friday": "2026-11-20T00:00:00Z",
    "by  friday": "2026-11-20T00:00:00Z",
    "on Wednesday": "2026-11-25T00:00:00Z",
    "next week": "2026-11-23T00:00:00Z",
    "next weekend": "2026-11-28T00:00:00Z",
    "next month": "2026-12-01T00:00:00Z",
    "end of next month": "2026-12-31T00:00:00Z",
    "the end of this month": "2026-11-30T00:00:00Z",
    "by the end of the month": "2026-11-30T00:00:00Z",
    "at the end of the week": "2026-11-22T00:00:00Z",
    "end of February": "2027-02-28T00:00:00Z",
    "the end of the year at 9am": "2026-12-31T09:00:00Z",
    "the weekend": "2026-11-21T00:00:00Z",
    "at the weekend": "2026-11-21T00:00:00Z",
    "this weekend": "2026-11-21T00:00:00Z",
    "Feb 29": "2028-02-29T00:00:00Z",
    "on the 29th of February": "2028-02-29T00:00:00Z",
    "on Christmas": "2026-12-25T00:00:00Z",
    "in the morning": "2026-11-19T06:00:00Z",
    "this morning": "2026-11-18T06:00:00Z",
    "at noon": "2026-11-18T12:00:00Z",
    "this afternoon": "2026-11-18T12:00:00Z",
    "today at 11am": "2026-11-18T11:00:00Z",
    "2020-01-01 at 9am": "2020-01-01T09:00:00Z",
    "May 7": "2027-05-07T00:00:00Z",
    "in May": "2027-05-01T00:00:00Z",
    "the first Monday of December": "2026-12-07T00:00:00Z",
    "last week of May": "2027-05-25T00:00:00Z",
    "on the 25th": "2026-11-25T00:00:00Z",
    "the 15th": "2026-12-15T00:00:00Z",
    "the 31st": "2026-12-31T00:00:00Z",
    "Christmas": "2026-12-25T00:00:00Z",
    "new year\u2019s eve": "2026-12-31T00:00:00Z",
    "two weeks before Christmas": "2026-12-11T00:00:00Z",
    "spring": "2027-03-01T00:00:00Z",
    "tomorrow at 9am": "2026-11-19T09:00:00Z",
    "tomorrow at 12am": "2026-11-19T00:00:00Z",
    "next Friday 15:45": "2026-11-20T15:45:00Z",
    "2026-12-01 at 9": "2026-12-01T09:00:00Z",
    "at 9am": "2026-11-19T09:00:00Z",
    "11:15 pm": "2026-11-18T23:15:00Z",
    "tonight": "2026-11-18T18:00:00Z",
    "noon": "2026-11-18T12:00:00Z",
    "tomorrow morning": "2026-11-19T06:00:00Z",
    "in two hours": "2026-11-18T12:30:00Z",
    "in an hour": "2026-11-18T11:30:00Z",
    "in 3 days": "2026-11-21T10:30:00Z",
    "a week from now": "2026-11-25T10:30:00Z",
    "in a month": "2026-12-18T10:30:00Z",
    "in 2 years": "2028-11-18T10:30:00Z",
}
DATES = ("2026-12-01", "2020-01-01", "1:56 pm on 8 May, 2027")
UNDER_WAY = ("tonight", "this morning", "this afternoon", "weekend", "spring", "in May", "last week of May")
"""What may have begun before today, or earlier today, and is meant from its beginning on."""
REFUSED = [
    "", " ", "whenever", "last Friday", "yesterday", "two weeks ago", "monday or tuesday", "not next friday",
    "next monday and next friday", "31 June", "31 April 2027", "at 25:00", "tomorrow at 13pm", "tomorrow at 0pm",
    "at", "after lunch", "in 999 years", "in 5", "next", "x" * 201, "two weeks after", "the day before", "today at 9am",
    "today at 10:29", "the 18th at 9am", "the end of", "the end of Friday", "the end of the day",
]  # fmt: skip


@pytest.mark.parametrize(("words", "means"), READ.items())
def test_words_mean_the_next_such_moment_and_are_told_back(words, means):
    ms, said = moment(words, NOW)
    assert format_when(ms) == means
    assert said == (None if words in DATES else " ".join(words.split()))


@pytest.mark.parametrize("words", REFUSED)
def test_words_that_name_no_moment_to_come_are_refused(words):
    with pytest.raises(InvalidTime):
        moment(words, NOW)


@pytest.mark.parametrize(
    ("words", "now", "means"),
    [
        ("at noon", "2026-11-18T14:00Z", "2026-11-19T12:00:00Z"),
        ("noon", "2026-11-18T12:00Z", "2026-11-18T12:00:00Z"),
        ("today at noon", "2026-11-18T14:00Z", None),
        ("in the afternoon", "2026-11-18T14:00Z", "2026-11-19T12:00:00Z"),
        ("this afternoon", "2026-11-18T14:00Z", "2026-11-18T12:00:00Z"),
        ("this afternoon", "2026-11-18T18:00Z", None),
        ("this morning", "2026-11-18T14:00Z", None),
        ("tonight", "2026-11-18T23:00Z", "2026-11-18T18:00:00Z"),
        ("at night", "2026-11-18T23:00Z", "2026-11-19T21:00:00Z"),
        ("the weekend", "2026-11-22T10:00Z", "2026-11-21T00:00:00Z"),
        ("next weekend", "2026-11-22T10:00Z", "2026-11-28T00:00:00Z"),
        ("on Christmas", "2026-12-25T10:00Z", "2026-12-25T00:00:00Z"),
        ("Christmas", "2026-12-25T10:00Z", "2026-12-25T00:00:00Z"),
        ("on Christmas", "2026-12-26T10:00Z", "2027-12-25T00:00:00Z"),
        ("next Christmas", "2026-12-25T10:00Z", "2027-12-25T00:00:00Z"),
        ("Feb 29", "2024-02-29T10:00Z", "2024-02-29T00:00:00Z"),
        ("Feb 29", "2024-03-01T10:00Z", "2028-02-29T00:00:00Z"),
        ("end of May", "2026-05-31T10:00Z", "2026-05-31T00:00:00Z"),
        ("end of May", "2026-06-01T10:00Z", "2027-05-31T00:00:00Z"),
    ],
)
def test_what_is_over_is_refused_and_what_is_under_way_is_meant(words, now, means):
    if means is None:
        with pytest.raises(InvalidTime, match="past"):
            moment(words, parse_when(now))
    else:
        assert format_when(moment(words, parse_when(now))[0]) == means


def test_a_month_without_that_day_means_its_last_one():
    assert format_when(moment("in a month", parse_when("2027-01-31T08:00:00Z"))[0]) == "2027-02-28T08:00:00Z"
    assert format_when(moment("in 13 months", parse_when("2027-01-31T08:00:00Z"))[0]) == "2028-02-29T08:00:00Z"


def test_what_is_no_text_is_read_as_everywhere():
    assert moment(date(2026, 12, 1), NOW) == (parse_when("2026-12-01"), None)
    for value in (5, None, True):
        with pytest.raises(InvalidTime):
            moment(value, NOW)


@given(st.sampled_from([*READ, *REFUSED]), st.integers(parse_when("1971-01-01"), parse_when("2900-01-01")))
def test_words_never_mean_a_day_that_is_over(words, now_ms):
    if words in DATES or words.startswith("20"):
        return
    try:
        ms, _ = moment(words, now_ms)
    except InvalidTime:
        return
    assert EARLIEST_MS <= ms <= LATEST_MS
    if not any(one in words for one in UNDER_WAY):
        assert ms >= now_ms - (now_ms % DAY_MS if ms % DAY_MS == 0 else 0)


@given(st.text(max_size=40), st.integers(parse_when("1971-01-01"), parse_when("2900-01-01")))
def test_any_text_is_read_or_refused(words, now_ms):
    try:
        ms, _ = moment(words, now_ms)
    except InvalidTime:
        return
    assert EARLIEST_MS <= ms <= LATEST_MS
