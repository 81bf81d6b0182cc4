"""A moment to come, as people name it: "next Friday", "in two hours", "tomorrow at 9am".

`moment` takes every form of `holdfast.model.times.parse_when`, and the English forms of `holdfast.core.when` read
towards the future. What is read is told back, since words may be meant in another way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Final

from holdfast.core.date_forms import COUNT, FORMS, UNIT, count_of
from holdfast.core.when import spans
from holdfast.errors import InvalidTime
from holdfast.model.times import DAY_MS, EARLIEST_MS, LATEST_MS, When, format_when, parse_when, to_datetime

MOST_CHARS: Final = 200
_MS: Final = {"minute": 60_000, "hour": 3_600_000, "day": DAY_MS, "week": 7 * DAY_MS, "fortnight": 14 * DAY_MS}
_MONTHS: Final = {"month": 1, "year": 12}
_PARTS: Final = {
    "morning": (6, 12), "noon": (12, 12), "afternoon": (12, 18), "evening": (18, 24), "tonight": (18, 24),
    "night": (21, 24),
}  # fmt: skip
"""The hours, UTC, from and to which a part of the day goes."""
_LEAP_YEARS: Final = 9
"""Years among which there is a 29 February, whatever the first is."""


def moment(value: When, now_ms: int, what: str = "time") -> tuple[int, str | None]:
    """Milliseconds since the epoch, and the words they were read from where those do not name a date.

    A day without a time of day means its first moment, in UTC; the end of a week, a month or more, the first moment of
    its last day. Words that name a time both past and to come ("on Friday", "in May", "at noon") mean the one to come.
    What is under way ("today", "this afternoon", "the weekend") is meant from its beginning on.

    Args:
        now_ms: When it is said.
        what: What the time is for, for the message.

    Raises:
        InvalidTime: it cannot be read, names several times or one that is past, or is out of range.
    """
    if not isinstance(value, str):
        return parse_when(value), None
    if len(value) > MOST_CHARS:
        raise InvalidTime(f"The {what} has {len(value):,} characters; at most {MOST_CHARS} are taken.")
    try:
        return parse_when(value), None
    except InvalidTime as error:
        words = " ".join(value.lower().replace("\u2019", "'").split())
        found = _ahead(words, now_ms) if words != "now" else now_ms
        if found is None:
            raise InvalidTime(
                f"{error} English such as 'next Friday', 'tomorrow at 9am' or 'in two weeks' is read too. Nothing was "
                "written."
            ) from None
    if not EARLIEST_MS <= found <= LATEST_MS:
        raise InvalidTime(f"{value!r:.80} is outside the years 1 to 2999. Nothing was written.")
    return found, " ".join(value.split())


def _ahead(words: str, now_ms: int) -> int | None:
    if match := _distance().fullmatch(words):
        return _later(now_ms, match["unit"], count_of(match))
    day_words, clock = _clock(words)
    if not day_words:
        if clock is None:
            return None
        # "at 9am": today, or tomorrow where that is over.
        today = now_ms - now_ms % DAY_MS + clock[0]
        return today if today >= now_ms else today + DAY_MS
    dated = _date(day_words)
    first = _day(day_words, now_ms) if dated is None else dated
    if first is None or clock is None:
        return first
    begins, ends = first + clock[0], first + clock[1]
    if dated is None and begins < now_ms and ends <= now_ms:
        raise _past(words, begins)
    return begins


def _date(words: str) -> int | None:
    """The first moment of a date, which may be past: whoever names one means that."""
    try:
        return parse_when(words)
    except InvalidTime:
        return None


def _day(words: str, now_ms: int) -> int | None:
    """The first moment of what is named, today or later."""
    if match := _of_month().fullmatch(words):
        return _next_of_month(now_ms, int(match["day"]))
    if _without_anchor().search(words):
        return None
    is_end = _end_of().fullmatch(words)
    named = words if is_end is None else f"this {is_end['unit']}" if is_end["unit"] else is_end["of"]
    past, year = None, to_datetime(now_ms).year
    # On the last day of May its end is today; "next May" is that of next year.
    for form in (f"{named} {year}", *_forms(named, year)) if is_end else _forms(named, year):
        first, after = _span(form, now_ms)
        if is_end and after - first <= DAY_MS:
            continue
        first = after - DAY_MS if is_end else first
        if after > now_ms:
            return first
        past = past or first or None
    if past:
        raise _past(words, past)
    return None


def _past(words: str, at_ms: int) -> InvalidTime:
    return InvalidTime(f"{words!r} is read as {format_when(at_ms)}, which is past. Nothing was written; name a date.")


def _forms(words: str, year: int) -> Iterator[str]:
    """What is said, and the same about the next time that it comes."""
    bare, named = words.removeprefix("the "), _lead().sub("", words)
    yield from (words, bare)
    if not words.startswith("next "):
        yield named
        if named == "weekend":
            yield "this weekend"
    yield from ("next " + named, f"{bare} {year}", f"{bare} {year + 1}")
    if "29" in named:
        yield from (f"{named} {later}" for later in range(year, year + _LEAP_YEARS))
    if match := _relation().fullmatch(words):
        yield f"{match['relation']} next {match['to']}"


def _span(words: str, now_ms: int) -> tuple[int, int]:
    """The time that all of the words name; ``(0, 0)`` where they name none, or say more than a time."""
    today = to_datetime(now_ms).date()
    for _, pattern, read in FORMS:
        match = pattern.fullmatch(words)
        try:
            days = read(match, today) if match else None
        except (ValueError, OverflowError):  # 31 June
            return 0, 0
        if days:
            first, after = ((day - date(1970, 1, 1)).days * DAY_MS for day in days)
            return first, after
    relation = _relation().fullmatch(words)
    found = spans(words, now_ms) if relation else ()
    if len(found) != 1 or relation is None:
        return 0, 0
    first, after = found[0]
    if relation["relation"].endswith((" before", " after")):
        # A question means about that time; an intention the day itself, in the middle.
        first += (after - first) // DAY_MS // 2 * DAY_MS
        after = first + DAY_MS
    return first, after


def _next_of_month(now_ms: int, day: int) -> int | None:
    """The next day of that number, today included."""
    now = to_datetime(now_ms)
    months = (now.year * 12 + now.month - 1 + number for number in range(12))
    for month in months:
        try:
            found = date(month // 12, month % 12 + 1, day)
        except ValueError:
            continue
        if found >= now.date():
            return (found - date(1970, 1, 1)).days * DAY_MS
    return None


def _clock(words: str) -> tuple[str, tuple[int, int] | None]:
    """The words before a time of day, and when it begins and ends; None where there is none.

    They are in milliseconds since the day began.
    """
    if match := _time_of_day().search(words):
        hour, minute = int(match["hour"] or match["sharp"]), int(match["minute"] or 0)
        half = match["half"] or match["halves"]
        if half:
            if not 1 <= hour <= 12:
                raise InvalidTime(f"{match[0].strip()!r} is no time of day. Nothing was written.")
            hour = hour % 12 + (12 if half == "pm" else 0)
        if hour > 23 or minute > 59:
            raise InvalidTime(f"{match[0].strip()!r} is no time of day. Nothing was written.")
        at = (hour * 60 + minute) * 60_000
        return words[: match.start()].strip(" ,"), (at, at)
    if match := _part().search(words):
        rest = words[: match.start()].strip(" ,")
        begins, ends = _PARTS[match["part"]]
        # "Tonight" and "this morning" are today's; "in the morning" is the next.
        is_today = rest == "this" or (match["part"] == "tonight" and not rest)
        return ("today" if is_today else rest), (begins * 3_600_000, ends * 3_600_000)
    return words, None


def _later(now_ms: int, unit: str, count: int) -> int:
    if unit in _MS:
        return now_ms + count * _MS[unit]
    now = to_datetime(now_ms)
    months = now.year * 12 + now.month - 1 + count * _MONTHS[unit]
    year, month = months // 12, months % 12 + 1
    if year > 2999:
        return LATEST_MS + 1
    # A month has the day, or its last one is meant.
    after = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    day = min(now.day, (after - timedelta(days=1)).day)
    moved = now.replace(year=year, month=month, day=day)
    return (moved - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


@cache
def _distance() -> re.Pattern[str]:
    return re.compile(rf"(?:in )?{COUNT} (?P<unit>minute|hour|day|week|fortnight|month|year)s?(?: from now)?")


@cache
def _time_of_day() -> re.Pattern[str]:
    return re.compile(
        r"(?:^|[ ,])(?:at )?(?:(?P<hour>\d{1,2})(?::(?P<minute>\d\d)(?: ?(?P<half>am|pm))?| ?(?P<halves>am|pm)))$"
        r"|(?:^| )at (?P<sharp>\d{1,2})$"
    )


@cache
def _part() -> re.Pattern[str]:
    return re.compile(rf"(?:^| )(?:in the |at )?(?P<part>{'|'.join(_PARTS)})$")


@cache
def _lead() -> re.Pattern[str]:
    return re.compile(r"^(?:on |by |this |the |in |at |next )+")


@cache
def _end_of() -> re.Pattern[str]:
    units = "(?:the |this )?(?P<unit>week|month|quarter|year)"
    return re.compile(rf"(?:by |at |on )?(?:the )?(?:end|last day) of (?:{units}|(?P<of>.+))")


@cache
def _without_anchor() -> re.Pattern[str]:
    """What says where a time lies and not of what: with a year behind it, it would be read as of that year."""
    return re.compile(r"\b(?:before|after|of|since|until|till|in|on|at|by|from|to|and|or)$")


@cache
def _of_month() -> re.Pattern[str]:
    return re.compile(r"(?:on )?the (?P<day>\d{1,2})(?:st|nd|rd|th)?")


@cache
def _relation() -> re.Pattern[str]:
    return re.compile(
        rf"(?P<relation>(?:{COUNT} |the )?{UNIT} (?:before|after)|(?:the )?(?:week|weekend) of) (?:the |my )?(?P<to>.+)"
    )
