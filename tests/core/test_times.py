"""Times: one moment, many ways to write it, and none that is guessed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from holdfast.errors import InvalidTime
from holdfast.model.times import (
    EARLIEST_MS,
    LATEST_MS,
    format_day,
    format_when,
    parse_when,
    to_datetime,
    zone_from_text,
)

MONTHS = [date(2000, number, 1).strftime("%B") for number in range(1, 13)]
moments = st.integers(EARLIEST_MS, LATEST_MS)
days = st.dates(date(1000, 1, 1), date(2999, 12, 31))
offsets = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(moments)
@example(EARLIEST_MS)
@example(LATEST_MS)
@example(-1)
def test_what_is_formatted_is_read_back(ms):
    text = format_when(ms)
    assert parse_when(text) == ms
    assert text.startswith(format_day(ms) + "T")
    assert text.endswith("Z")
    assert parse_when(format_day(ms)) <= ms < parse_when(format_day(ms)) + 86_400_000
    assert parse_when(to_datetime(ms)) == ms


@given(moments, moments)
def test_formatted_times_sort_as_moments_do(one, other):
    assert (one < other) == (format_when(one) < format_when(other)) or abs(one - other) < 1000


@given(st.datetimes(datetime(2, 1, 1), datetime(2999, 12, 30)), offsets)
def test_a_time_with_an_offset_is_its_moment_however_it_is_given(moment, zone):
    aware = moment.replace(microsecond=0, tzinfo=zone)
    expected = parse_when(aware)
    assert parse_when(aware.isoformat()) == expected
    assert parse_when(aware.isoformat(" ")) == expected
    assert parse_when(aware.replace(tzinfo=None).isoformat(), zone=zone) == expected
    assert parse_when(aware.astimezone(UTC)) == expected


@given(days, st.integers(0, 23), st.integers(0, 59))
def test_every_accepted_format_means_the_same_moment(day, hour, minute):
    half, twelve = ("am" if hour < 12 else "pm"), (hour - 1) % 12 + 1
    month = MONTHS[day.month - 1]
    expected = parse_when(datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC))
    weekday = day.strftime("%a")
    for text in (
        f"{day.isoformat()}T{hour:02}:{minute:02}", f"{day.isoformat()} {hour:02}:{minute:02}Z",
        f"{twelve}:{minute:02} {half} on {day.day} {month}, {day.year}",
        f"{twelve}:{minute:02}{half.upper()} on {day.day}th {month[:3]} {day.year}",
        f"{hour}:{minute:02} on {month} {day.day}, {day.year}",
        f"{day.year}/{day.month:02}/{day.day:02} ({weekday}) {hour:02}:{minute:02}",
        f"{day.day} {month} {day.year} at {hour}:{minute:02}",
        f" {month} {day.day}, {day.year}, {twelve}:{minute:02} {half} ",
    ):  # fmt: skip
        assert parse_when(text) == expected, text
    midnight = parse_when(day)
    for text in (
        day.isoformat(), day.isoformat().replace("-", ""), f"{month}-{day.day}-{day.year}",
        f"{day.day} {month[:3].lower()} {day.year}",
        f"{month.upper()} {day.day}, {day.year}", f"{day.year}/{day.month}/{day.day}",
    ):  # fmt: skip
        assert parse_when(text) == midnight, text


@pytest.mark.parametrize(("text", "expected"), [
    ("1:56 pm on 8 May, 2023", "2023-05-08T13:56:00Z"),
    ("12:00 am on 1 January, 2024", "2024-01-01T00:00:00Z"),
    ("12:30 pm on 1 January, 2024", "2024-01-01T12:30:00Z"),
    ("March-15-2024", "2024-03-15T00:00:00Z"),
    ("2023/04/10 (Mon) 14:47", "2023-04-10T14:47:00Z"),
    ("2024-05-03T18:05:09.250+01:00", "2024-05-03T17:05:09.250Z"),
    ("2024-02-29", "2024-02-29T00:00:00Z"),
])  # fmt: skip
def test_the_formats_of_known_data_are_read(text, expected):
    assert format_when(parse_when(text)) == expected


@pytest.mark.parametrize("bad", [
    "", " ", "yesterday", "05/03/2024", "3.5.2024", "2023-02-29", "Smarch-15-2024", "0:30 pm on 8 May, 2023",
    "13:00 am on 8 May, 2023", "24:00 on 8 May, 2023", "12:60 on 8 May, 2023", "2023/13/01", "8 May", "1683554160000",
    "2024-05-03T18:05:00+99:00", "٢٠٢٤-٠٥-٠٣", "x" * 10_000, "1:56 pm on 8 May, 2023\0", "0000-01-01", "-2024-01-01",
])  # fmt: skip
def test_what_is_not_a_time_is_never_guessed(bad):
    with pytest.raises(InvalidTime, match="ISO 8601"):
        parse_when(bad)


@pytest.mark.parametrize("bad", [None, 5, 1.5, True, b"2024-01-01", ["2024-01-01"]])
def test_only_texts_dates_and_datetimes_are_times(bad):
    with pytest.raises(InvalidTime, match="expected a datetime with a zone"):
        parse_when(bad)


@given(st.datetimes())
def test_a_datetime_without_a_zone_is_refused(moment):
    with pytest.raises(InvalidTime, match="no time zone"):
        parse_when(moment)


@pytest.mark.parametrize("far", [
    "3000-01-01", date(3000, 1, 1), datetime(9999, 12, 31, tzinfo=UTC), "2999-12-31T23:59:59-01:00",
    datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))), "0001-01-01T00:00:00+01:00",
])  # fmt: skip
def test_times_beyond_the_years_1_to_2999_are_refused(far):
    with pytest.raises(InvalidTime, match="outside the years 1 to 2999"):
        parse_when(far)


@given(offsets)
def test_a_zone_is_read_back_from_its_text(zone):
    minutes = int(zone.utcoffset(None).total_seconds()) // 60
    sign, minutes = ("-" if minutes < 0 else "+"), abs(minutes)
    for text in (f"{sign}{minutes // 60:02}:{minutes % 60:02}", f" {sign}{minutes // 60:02}{minutes % 60:02} "):
        assert zone_from_text(text).utcoffset(None) == zone.utcoffset(None)


def test_a_zone_that_is_no_offset_is_refused():
    assert zone_from_text("utc").utcoffset(None) == zone_from_text("Z").utcoffset(None) == timedelta(0)
    for bad in ("", "Europe/Lisbon", "+1", "+24:00", "+01:60", "01:00"):
        with pytest.raises(InvalidTime, match="time zone offset"):
            zone_from_text(bad)
