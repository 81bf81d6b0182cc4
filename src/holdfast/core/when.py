"""Time expressions of a query.

`spans` reads the times an English query names, relative to a given moment, as half-open intervals of
milliseconds since 1970 UTC. It is a closed list of forms; what it does not know it leaves alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Final

Span = tuple[int, int]
"""From (inclusive) and before (exclusive), milliseconds since 1970 UTC."""

DAY_MS: Final = 86_400_000
MAX_SPANS: Final = 4
_MAX_CHARS: Final = 4_000  # a question is short; a pasted document names no time to search by

_Days = tuple[date, date]  # first day and the day after the last

_MONTHS: Final[tuple[str, ...]] = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
_MONTH_NUMBERS: Final = (
    {name: i for i, name in enumerate(_MONTHS, 1)}
    | {name[:3]: i for i, name in enumerate(_MONTHS, 1) if name != "may"}
    | {"sept": 9}
)
_WEEKDAYS: Final[tuple[str, ...]] = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SEASONS: Final = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}
_COUNTS: Final = {
    "a": 1, "an": 1, "one": 1, "two": 2, "couple": 2, "few": 3, "three": 3, "four": 4, "five": 5, "six": 6,
    "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12,
}  # fmt: skip

_MONTH: Final = r"(?P<month>" + "|".join(_MONTHS) + r"|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)\b\.?"
_DAY: Final = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_YEAR: Final = r"(?P<year>(?:19|20)\d\d)"
_PART: Final = r"(?:(?P<part>early|mid|late)[ -]|(?P<edge>beginning|start|middle|end) of )?"
_COUNT: Final = r"(?:a )?(?P<count>\d{1,3}|" + "|".join(_COUNTS) + r")(?: of)?"
_UNIT: Final = r"(?P<unit>day|week|month|year)s?"
_LEAD: Final = r"(?:in|of|during|last|this|next|since|until|till|by|before|after|around|through|and|to|from|between)"


def spans(text: str, now_ms: int) -> tuple[Span, ...]:
    """Return the times a query names, in the order named, at most `MAX_SPANS`.

    Args:
        text: the query.
        now_ms: when it is asked; "yesterday" and a month without a year are counted from it.
    """
    now = (datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=now_ms)).date()
    rest = " ".join(text[:_MAX_CHARS].lower().split())
    found: list[tuple[int, _Days]] = []
    for pattern, read in _FORMS:
        for match in pattern.finditer(rest):
            days = _read_or_none(read, match, now)
            if days is not None:
                lead = match.groupdict().get("lead")
                start, end = match.start() + (len(lead) + 1 if lead else 0), match.end()
                found.append((start, days))
                # Blanked, so that "May 7" is not read again as "May"; the length stays.
                rest = rest[:start] + "\0" * (end - start) + rest[end:]
    found.sort()
    if len(found) == 2 and re.search(r"\b(?:between \0+ and|from \0+ (?:to|until|till|through)) \0", rest):
        first, second = found[0][1], found[1][1]
        found = [(0, (min(first[0], second[0]), max(first[1], second[1])))]
    elif len(found) == 1 and re.search(r"\bsince (?:the )?\0", rest) and found[0][1][0] <= now:
        found = [(0, (found[0][1][0], now + timedelta(1)))]
    return tuple((_ms(first), _ms(after)) for _, (first, after) in found[:MAX_SPANS])


def _read_or_none(read: Callable[[re.Match[str], date], _Days | None], match: re.Match[str], now: date) -> _Days | None:
    try:
        return read(match, now)
    except (ValueError, OverflowError):  # 31 June, or a year no calendar has
        return None


def _ms(day: date) -> int:
    return (day - date(1970, 1, 1)).days * DAY_MS


def _month(year: int, month: int, length: int = 1) -> _Days:
    return date(year, month, 1), date(year + (month + length - 1) // 12, (month + length - 1) % 12 + 1, 1)


def _narrowed(days: _Days, match: re.Match[str]) -> _Days:
    word = match["part"] or match["edge"]
    third = (days[1] - days[0]) // 3
    if word in ("early", "beginning", "start"):
        return days[0], days[0] + third
    if word in ("late", "end"):
        return days[1] - third, days[1]
    return (days[0] + third, days[1] - third) if word else days


def _year_of(match: re.Match[str], now: date, month: int, day: int = 1) -> int:
    """Return the year named, or that of the last occurrence up to now (the next one after "next")."""
    if match["year"]:
        return int(match["year"])
    passed = (month, day) <= (now.month, now.day)
    if re.search(r"\bnext $", match.string[: match.start()]) or match["lead"] == "next":
        return now.year + (1 if passed else 0)
    return now.year - (0 if passed else 1)


def _read_iso(match: re.Match[str], now: date) -> _Days:
    del now
    year, month = int(match["year"]), int(match["month"])
    if match["day"]:
        day = date(year, month, int(match["day"]))
        return day, day + timedelta(1)
    return _month(year, month)


def _read_day(match: re.Match[str], now: date) -> _Days:
    month, number = _MONTH_NUMBERS[match["month"]], int(match["day"])
    day = date(_year_of(match, now, month, number), month, number)
    return day, day + timedelta(1)


def _read_month(match: re.Match[str], now: date) -> _Days | None:
    name = match["month"]
    if not match["year"] and not match["lead"] and not match["part"] and not match["edge"] and name in (
        "may", "march", "mar", "jan", "dec", "sep", "nov", "oct", "jun", "jul", "apr", "aug", "feb",
    ):  # fmt: skip
        return None  # "may I", "march on", "Jan said"
    month = _MONTH_NUMBERS[name]
    return _narrowed(_month(_year_of(match, now, month), month), match)


def _read_season(match: re.Match[str], now: date) -> _Days:
    first = _SEASONS[match["season"]]
    if match["year"]:
        return _month(int(match["year"]), first, 3)
    last = _month(now.year - (0 if first <= now.month else 1), first, 3)
    if match["which"] == "last" and last[1] > now:  # still going on: the one before is meant
        last = _month(last[0].year - 1, first, 3)
    return _month(last[0].year + 1, first, 3) if match["which"] == "next" else last


def _read_year(match: re.Match[str], now: date) -> _Days:
    del now
    return _narrowed((date(int(match["year"]), 1, 1), date(int(match["year"]) + 1, 1, 1)), match)


def _read_near_day(match: re.Match[str], now: date) -> _Days:
    shift = {"yesterday": -1, "last night": -1, "tomorrow": 1}.get(match["near"], 0)
    if match["double"]:
        shift *= 2
    day = now + timedelta(shift)
    return day, day + timedelta(1)


def _read_unit(match: re.Match[str], now: date) -> _Days:
    """Read "last week", "this month", "next year"."""
    step = {"next": 1, "this": 0}.get(match["which"], -1)
    unit = match["unit"]
    monday = now - timedelta(now.weekday())
    if unit == "weekend":
        saturday = monday + timedelta(5 + 7 * step)
        return saturday, saturday + timedelta(2)
    if unit == "week":
        return monday + timedelta(7 * step), monday + timedelta(7 * step + 7)
    if unit == "month":
        months = now.year * 12 + now.month - 1 + step
        return _month(months // 12, months % 12 + 1)
    return date(now.year + step, 1, 1), date(now.year + step + 1, 1, 1)


def _count(match: re.Match[str]) -> int:
    return int(match["count"]) if match["count"].isdigit() else _COUNTS[match["count"]]


def _back(now: date, unit: str, count: int) -> date:
    return now - timedelta(count * {"day": 1, "week": 7, "month": 30, "year": 365}[unit])


def _read_ago(match: re.Match[str], now: date) -> _Days:
    """Read "three weeks ago", as wide as its unit is vague."""
    middle = _back(now, match["unit"], _count(match))
    slack = timedelta({"day": 0, "week": 3, "month": 15, "year": 182}[match["unit"]])
    return middle - slack, min(middle + slack, now) + timedelta(1)


def _read_past(match: re.Match[str], now: date) -> _Days:
    """Read "in the past three weeks"."""
    return _back(now, match["unit"], _count(match)), now + timedelta(1)


def _read_weekday(match: re.Match[str], now: date) -> _Days:
    ahead = (_WEEKDAYS.index(match["weekday"]) - now.weekday()) % 7
    if match["which"] == "next":
        shift = ahead or 7
    elif match["which"] == "this":
        shift = ahead
    else:
        shift = ahead - 7
    day = now + timedelta(shift)
    return day, day + timedelta(1)


def _forms() -> Iterator[tuple[str, Callable[[re.Match[str], date], _Days | None]]]:
    lead = rf"(?:\b(?P<lead>{_LEAD}) )?"
    weekdays = "|".join(_WEEKDAYS)
    yield rf"\b{_YEAR}[-/](?P<month>\d\d?)(?:[-/](?P<day>\d\d?))?(?:t[\d:.]+z?)?\b", _read_iso
    yield rf"{lead}\b{_DAY} (?:of )?{_MONTH}(?:,? {_YEAR}\b)?", _read_day
    yield rf"{lead}\b{_MONTH} (?:the )?{_DAY}\b(?:,? {_YEAR}\b)?", _read_day
    yield rf"(?:\b(?P<which>last|this|next) )?\b(?P<season>spring|summer|autumn|winter) (?:of )?{_YEAR}\b", _read_season
    yield rf"\b(?P<season>fall)(?P<which>) (?:of )?{_YEAR}\b", _read_season
    yield rf"\b(?P<which>last|this|next|in the|during the) (?P<season>{'|'.join(_SEASONS)})\b(?P<year>)", _read_season
    yield rf"{lead}{_PART}\b{_MONTH}(?:,? (?:of )?{_YEAR}\b)?", _read_month
    yield rf"(?<![\d.,$€£-])\b{_PART}{_YEAR}\b(?![.,]?\d|%)", _read_year
    yield r"\b(?:the )?(?P<double>day (?:before|after) )?(?P<near>yesterday|today|tonight|tomorrow)\b", _read_near_day
    yield r"\b(?P<double>)(?P<near>last night|this (?:morning|afternoon|evening))\b", _read_near_day
    yield rf"\b{_COUNT} {_UNIT} (?:ago|back|earlier)\b", _read_ago
    yield rf"\b(?:in|over|during|within|for) the (?:last|past) {_COUNT} {_UNIT}\b", _read_past
    yield rf"\b(?:last|past) (?P<count>\d{{1,3}}|two|three|few|couple of) {_UNIT}\b", _read_past
    yield r"\b(?P<which>last|past|previous|this|next) (?P<unit>weekend|week|month|year)\b", _read_unit
    yield rf"\b(?P<which>last|this|next|on|past) (?P<weekday>{weekdays})\b", _read_weekday


_FORMS: Final = tuple((re.compile(pattern), read) for pattern, read in _forms())
