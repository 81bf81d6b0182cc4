"""The forms in which English names a time, and how each is read.

`FORMS` is a closed table, most particular first: a pattern, and a function that gives its days relative to a given day.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Final

from holdfast.core.holidays import HOLIDAYS, nth
from holdfast.core.words import word_set

Days = tuple[date, date]  # first day and the day after the last

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
MONTH_NUMBERS: Final = (
    {name: i for i, name in enumerate(_MONTHS, 1)}
    | {name[:3]: i for i, name in enumerate(_MONTHS, 1) if name != "may"}
    | {"sept": 9}
)
WEEKDAYS: Final[tuple[str, ...]] = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SEASONS: Final = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}
_COUNTS: Final = {
    "a": 1, "an": 1, "one": 1, "two": 2, "couple": 2, "few": 3, "three": 3, "four": 4, "five": 5, "six": 6,
    "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12,
}  # fmt: skip

_MONTH: Final = r"(?P<month>" + "|".join(_MONTHS) + r"|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)\b\.?"
_DAY: Final = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_YEAR: Final = r"(?P<year>(?:19|20)\d\d)"
_PART: Final = r"(?:(?P<part>early|mid|late)[ -]|(?P<edge>beginning|start|middle|end) of )?"
COUNT: Final = r"(?:a )?(?P<count>\d{1,3}|" + "|".join(_COUNTS) + r")(?: of)?"
UNIT: Final = r"(?P<unit>day|week|fortnight|month|year|decade)s?"
_UNIT_DAYS: Final = {"day": 1, "week": 7, "fortnight": 14, "month": 30, "year": 365, "decade": 3_652}
SLACK_DAYS: Final = {"day": 0, "week": 3, "fortnight": 5, "month": 15, "year": 182, "decade": 1_826}
_ORDINALS: Final = {
    "first": 1, "1st": 1, "second": 2, "2nd": 2, "third": 3, "3rd": 3, "fourth": 4, "4th": 4, "last": -1, "final": -1,
}  # fmt: skip
_ORDINAL: Final = "(?P<ordinal>" + "|".join(_ORDINALS) + ")"
_DAY_WORDS: Final = (
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh",
    "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth", "nineteenth",
    "twentieth", "twenty-first", "twenty-second", "twenty-third", "twenty-fourth", "twenty-fifth", "twenty-sixth",
    "twenty-seventh", "twenty-eighth", "twenty-ninth", "thirtieth", "thirty-first",
)  # fmt: skip
# Longest first: "new year's eve" is not "new year".
_HOLIDAY: Final = (
    "(?P<holiday>" + "|".join(sorted(HOLIDAYS, key=len, reverse=True)) + r")\b(?:'s)?(?: (?:day|weekend|holidays?))?"
)
_WORDS: Final = re.compile(r"[a-z]+|\d")
_DIGITS: Final = frozenset("0123456789")
_MONTH_WORDS: Final = frozenset(MONTH_NUMBERS)
_HOLIDAY_WORDS: Final = frozenset(re.split(r"\W", name)[0] for name in HOLIDAYS)
_SEASON_WORDS: Final = frozenset(_SEASONS)
_QUARTER_WORDS: Final = word_set("quarter q")
_NEAR_WORDS: Final = word_set("yesterday today tonight tomorrow night morning afternoon evening")
_WEEKDAY_WORDS: Final = frozenset((*WEEKDAYS, *(f"{day}s" for day in WEEKDAYS)))
_UNIT_WORDS: Final = word_set("week weekend month year")
_HALF, _AGO, _BEFORE = word_set("half"), word_set("ago back earlier"), word_set("before")
_SIDES, _PASSED = word_set("earlier later"), word_set("last past")
_LEAD: Final = r"(?:in|of|during|last|this|next|since|until|till|by|before|after|around|through|and|to|from|between)"


def _month(year: int, month: int, length: int = 1) -> Days:
    return date(year, month, 1), date(year + (month + length - 1) // 12, (month + length - 1) % 12 + 1, 1)


def _narrowed(days: Days, match: re.Match[str]) -> Days:
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


def _read_iso(match: re.Match[str], now: date) -> Days:
    del now
    year, month = int(match["year"]), int(match["month"])
    if match["day"]:
        day = date(year, month, int(match["day"]))
        return day, day + timedelta(1)
    return _month(year, month)


def _read_day(match: re.Match[str], now: date) -> Days:
    month, number = MONTH_NUMBERS[match["month"]], int(match["day"])
    day = date(_year_of(match, now, month, number), month, number)
    return day, day + timedelta(1)


def _read_days(match: re.Match[str], now: date) -> Days | None:
    """Read "May 5-9" and "between May 5 and 9"."""
    (first, after), last = _read_day(match, now), int(match["last"])
    return (first, after + timedelta(last - first.day)) if last > first.day else None


def _read_day_word(match: re.Match[str], now: date) -> Days:
    """Read "the first of May"."""
    month, number = MONTH_NUMBERS[match["month"]], _DAY_WORDS.index(match["word"]) + 1
    day = date(_year_of(match, now, month, number), month, number)
    return day, day + timedelta(1)


def _read_slashes(match: re.Match[str], now: date) -> Days:
    """Read "5/31/2024" with the month first, as American English does, unless only the day can stand there."""
    del now
    month, number = int(match["month"]), int(match["day"])
    day = date(int(match["year"]), *((month, number) if month <= 12 else (number, month)))
    return day, day + timedelta(1)


def _read_month(match: re.Match[str], now: date) -> Days | None:
    name = match["month"]
    if not match["year"] and not match["lead"] and not match["part"] and not match["edge"] and name in (
        "may", "march", "mar", "jan", "dec", "sep", "nov", "oct", "jun", "jul", "apr", "aug", "feb",
    ):  # fmt: skip
        return None  # "may I", "march on", "Jan said"
    month = MONTH_NUMBERS[name]
    return _narrowed(_month(_year_of(match, now, month), month), match)


def _read_season(match: re.Match[str], now: date) -> Days:
    first = _SEASONS[match["season"]]
    if match["year"]:
        return _narrowed(_month(int(match["year"]), first, 3), match)
    last = _month(now.year - (0 if first <= now.month else 1), first, 3)
    if match["which"] == "last" and last[1] > now:  # still going on: the one before is meant
        last = _month(last[0].year - 1, first, 3)
    return _month(last[0].year + 1, first, 3) if match["which"] == "next" else last


def _read_year(match: re.Match[str], now: date) -> Days:
    del now
    return _narrowed((date(int(match["year"]), 1, 1), date(int(match["year"]) + 1, 1, 1)), match)


def _read_near_day(match: re.Match[str], now: date) -> Days:
    shift = {"yesterday": -1, "last night": -1, "tomorrow": 1}.get(match["near"], 0)
    if match["double"]:
        shift *= 2
    day = now + timedelta(shift)
    return day, day + timedelta(1)


def _read_unit(match: re.Match[str], now: date) -> Days:
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


def count_of(match: re.Match[str]) -> int:
    if not match["count"]:  # "the day before"
        return 1
    return int(match["count"]) if match["count"].isdigit() else _COUNTS[match["count"]]


def back(now: date, unit: str, count: int) -> date:
    return now - timedelta(count * _UNIT_DAYS[unit])


def _read_ago(match: re.Match[str], now: date) -> Days:
    """Read "three weeks ago", as wide as its unit is vague."""
    unit = match["unit"]
    middle = back(now, unit, count_of(match))
    slack = timedelta(SLACK_DAYS[unit])
    return middle - slack, min(middle + slack, now) + timedelta(1)


def _read_past(match: re.Match[str], now: date) -> Days:
    """Read "in the past three weeks"."""
    return back(now, match["unit"], count_of(match)), now + timedelta(1)


def _read_weekday(match: re.Match[str], now: date) -> Days:
    ahead = (WEEKDAYS.index(match["weekday"]) - now.weekday()) % 7
    if match["which"] == "next":
        shift = ahead or 7
    elif match["which"] == "this":
        shift = ahead
    else:
        shift = ahead - 7
    day = now + timedelta(shift)
    return day, day + timedelta(1)


def _read_weekdays_ago(match: re.Match[str], now: date) -> Days:
    """Read "three Fridays ago": the last one before today is one Friday ago."""
    last = now - timedelta((now.weekday() - WEEKDAYS.index(match["weekday"])) % 7 or 7)
    day = last - timedelta(7 * (count_of(match) - 1))
    return day, day + timedelta(1)


def _read_half_ago(match: re.Match[str], now: date) -> Days:
    """Read "half a year ago" and "a year and a half ago"."""
    whole = 1 if match["more"] else 0
    middle = now - timedelta(int((whole + 0.5) * _UNIT_DAYS[match["unit"]]))
    slack = timedelta(SLACK_DAYS[match["unit"]] // 2)
    return middle - slack, min(middle + slack, now) + timedelta(1)


def _read_before_last(match: re.Match[str], now: date) -> Days:
    """Read "the week before last"."""
    unit = match["unit"]
    monday = now - timedelta(now.weekday() + 14)
    if unit == "weekend":
        return monday + timedelta(5), monday + timedelta(7)
    if unit == "week":
        return monday, monday + timedelta(7)
    if unit == "month":
        months = now.year * 12 + now.month - 3
        return _month(months // 12, months % 12 + 1)
    return date(now.year - 2, 1, 1), date(now.year - 1, 1, 1)


def _read_part_of_unit(match: re.Match[str], now: date) -> Days:
    """Read "early last year", "at the end of this month", "earlier this week", "later this year"."""
    days = _read_unit(match, now)
    if match["side"] == "earlier":
        return days[0], max(now, days[0] + timedelta(1))
    if match["side"] == "later":
        return min(now + timedelta(1), days[1] - timedelta(1)), days[1]
    return _narrowed(days, match)


def _read_quarter(match: re.Match[str], now: date) -> Days | None:
    current = (now.year * 12 + now.month - 1) // 3
    if match["which"]:
        quarter = current + {"last": -1, "previous": -1, "past": -1, "this": 0, "next": 1}[match["which"]]
        return _month(quarter // 4, quarter % 4 * 3 + 1, 3)
    number = int(match["number"]) if match["number"] else _ORDINALS[match["ordinal"]]
    number = 4 if number < 0 else number
    if match["year"]:
        return _month(int(match["year"]), number * 3 - 2, 3)
    year = now.year if match["ordinal"] and match["whole"] == "this year" else now.year - (number * 3 - 2 > now.month)
    return _month(now.year - 1 if match["whole"] == "last year" else year, number * 3 - 2, 3)


def _read_half(match: re.Match[str], now: date) -> Days | None:
    number = _ORDINALS[match["ordinal"]]
    if number > 2:
        return None
    year = int(match["year"]) if match["year"] else now.year - (match["whole"] == "last year")
    return _month(year, 1 if number == 1 else 7, 6)


def _read_week_of_month(match: re.Match[str], now: date) -> Days:
    """Read "the first week of June", "the last weekend of May", "the second Tuesday of March 2022"."""
    month, number = MONTH_NUMBERS[match["month"]], _ORDINALS[match["ordinal"]]
    first, after = _month(_year_of(match, now, month), month)
    if match["weekday"]:
        day = nth(first.year, month, WEEKDAYS.index(match["weekday"]), number)
        return day, day + timedelta(1)
    if match["weekend"]:
        saturday = nth(first.year, month, 5, number)
        return saturday, saturday + timedelta(2)
    start = after - timedelta(7) if number < 0 else first + timedelta(7 * (number - 1))
    return start, min(start + timedelta(7), after)


def _read_decade(match: re.Match[str], now: date) -> Days:
    """Read "the 1990s" and "the nineties written '90s"."""
    digits = match["decade"]
    year = int(digits) if len(digits) == 4 else int(digits) + (1900 if int(digits) + 2000 > now.year else 2000)
    return _narrowed((date(year, 1, 1), date(year + 10, 1, 1)), match)


def _read_holiday(match: re.Match[str], now: date) -> Days:
    """Read "Christmas", "last Easter", "Thanksgiving 2021": the latest one up to now, unless another is named."""
    of_year = HOLIDAYS[match["holiday"]]
    if match["year"]:
        day = of_year(int(match["year"]))
    else:
        day = of_year(now.year)
        if match["which"] == "next" and day <= now:
            day = of_year(now.year + 1)
        elif match["which"] not in ("next", "this") and day > now:
            day = of_year(now.year - 1)
    return day, day + timedelta(1)


def _read_fourth(match: re.Match[str], now: date) -> Days:
    day = date(int(match["year"]) if match["year"] else now.year - ((now.month, now.day) < (7, 4)), 7, 4)
    return day, day + timedelta(1)


def _read_day_of_month(match: re.Match[str], now: date) -> Days:
    """Read "on the 15th": the latest one up to now."""
    number = int(match["day"])
    months = now.year * 12 + now.month - 1 - (number > now.day)
    day = date(months // 12, months % 12 + 1, number)
    return day, day + timedelta(1)


def _forms() -> Iterator[tuple[frozenset[str], str, Callable[[re.Match[str], date], Days | None]]]:
    # fmt: off
    lead = rf"(?:\b(?P<lead>{_LEAD}) )?"
    weekdays = "|".join(WEEKDAYS)
    yield _DIGITS, rf"\b{_YEAR}[-/](?P<month>\d\d?)(?:[-/](?P<day>\d\d?))?(?:t[\d:.]+z?)?\b", _read_iso
    of_month = rf"(?P<lead>of|in) {_MONTH}(?:,? {_YEAR}\b)?"
    yield _MONTH_WORDS, \
        rf"\b{_ORDINAL} (?:week|(?P<weekend>weekend)|(?P<weekday>{weekdays})) {of_month}", _read_week_of_month
    yield _MONTH_WORDS, rf"\bfourth of july\b(?:,? {_YEAR}\b)?", _read_fourth
    yield _HOLIDAY_WORDS, \
        rf"(?:\b(?P<which>last|this|next|this past|past) )?\b{_HOLIDAY}(?:,? (?:of |in )?{_YEAR}\b)?", _read_holiday
    last = r"(?P<last>\d{1,2})(?:st|nd|rd|th)?\b(?![/.:\d])"
    through = rf"(?: ?[-\u2013] ?| (?:to|through|until|till) (?:the )?){last}"
    yield _DIGITS, rf"\b(?P<month>\d\d?)/(?P<day>\d\d?)/{_YEAR}\b", _read_slashes
    yield _MONTH_WORDS, \
        rf"\b(?P<lead>between) {_MONTH} (?:the )?{_DAY} and (?:the )?{last}(?:,? {_YEAR}\b)?", _read_days
    yield _MONTH_WORDS, rf"{lead}\b{_MONTH} (?:the )?{_DAY}{through}(?:,? {_YEAR}\b)?", _read_days
    yield _MONTH_WORDS, rf"{lead}\b{_DAY}{through} (?:of )?{_MONTH}(?:,? {_YEAR}\b)?", _read_days
    words = "|".join(reversed(_DAY_WORDS))
    yield _MONTH_WORDS, rf"{lead}\b(?:the )?(?P<word>{words}) of {_MONTH}(?:,? {_YEAR}\b)?", _read_day_word
    yield _MONTH_WORDS, rf"{lead}\b{_DAY} (?:of )?{_MONTH}(?:,? {_YEAR}\b)?", _read_day
    yield _MONTH_WORDS, rf"{lead}\b{_MONTH} (?:the )?{_DAY}\b(?:,? {_YEAR}\b)?", _read_day
    yield _SEASON_WORDS, \
        rf"(?P<which>)\b{_PART}\b(?P<season>spring|summer|autumn|winter) (?:of )?{_YEAR}\b", _read_season
    yield _SEASON_WORDS, rf"(?P<which>)\b{_PART}\b(?P<season>fall) (?:of )?{_YEAR}\b", _read_season
    yield _SEASON_WORDS, \
        rf"\b(?P<which>last|this|next|in the|during the) (?P<season>{'|'.join(_SEASONS)})\b(?P<year>)", _read_season
    yield _MONTH_WORDS, rf"{lead}{_PART}\b{_MONTH}(?:,? (?:of )?{_YEAR}\b)?", _read_month
    whole = rf"(?: (?:of )?(?:{_YEAR}\b|(?P<whole>last year|this year|the year)))?"
    yield (
        _QUARTER_WORDS,
        rf"\b(?:q(?P<number>[1-4])|(?!last quarter\b(?! of)){_ORDINAL} quarter)(?P<which>)(?:,|\b){whole}",
        _read_quarter,
    )
    yield _QUARTER_WORDS, r"\b(?P<which>last|previous|past|this|next) quarter\b", _read_quarter
    yield _HALF, rf"\b{_ORDINAL} half of (?:{_YEAR}\b|(?P<whole>last year|this year|the year))", _read_half
    yield _DIGITS, rf"\b(?:the|in) {_PART}'?(?P<decade>(?:19|20)\d0|[1-9]0)'?s\b", _read_decade
    yield _DIGITS, rf"(?<![\d.,$€£-])\b{_PART}{_YEAR}\b(?![.,]?\d|%)", _read_year
    yield _NEAR_WORDS, \
        r"\b(?:the )?(?P<double>day (?:before|after) )?(?P<near>yesterday|today|tonight|tomorrow)\b", _read_near_day
    yield _NEAR_WORDS, r"\b(?P<double>)(?P<near>last night|this (?:morning|afternoon|evening))\b", _read_near_day
    yield _HALF, r"\bhalf an? (?P<unit>week|month|year|decade)(?P<more>) (?:ago|back)\b", _read_half_ago
    yield _HALF, r"\b(?:a|one) (?P<unit>week|month|year|decade) (?P<more>and a half) (?:ago|back)\b", _read_half_ago
    yield _WEEKDAY_WORDS, rf"\b{COUNT} (?P<weekday>{weekdays})s? (?:ago|back)\b", _read_weekdays_ago
    yield _AGO, rf"\b{COUNT} {UNIT} (?:ago|back|earlier)\b", _read_ago
    yield _BEFORE, r"\b(?P<unit>weekend|week|month|year) before last\b", _read_before_last
    yield (
        _SIDES,
        r"\b(?P<side>earlier|later) (?P<which>this) (?P<unit>week|month|year)\b(?P<part>)(?P<edge>)",
        _read_part_of_unit,
    )
    yield _UNIT_WORDS, \
        rf"\b(?P<side>){_PART}(?P<which>last|past|this|next) (?P<unit>week|month|year)\b", _read_part_of_unit
    yield _PASSED, rf"\b(?:in|over|during|within|for) the (?:last|past) {COUNT} {UNIT}\b", _read_past
    yield _PASSED, rf"\b(?:last|past) (?P<count>\d{{1,3}}|two|three|few|couple of) {UNIT}\b", _read_past
    yield _UNIT_WORDS, \
        r"\b(?P<which>last|this past|past|previous|this|next) (?P<unit>weekend|week|month|year)\b", _read_unit
    yield _WEEKDAY_WORDS, rf"\b(?P<which>last|this past|this|next|on|past) (?P<weekday>{weekdays})\b", _read_weekday
    yield _DIGITS, rf"\bon the {_DAY}\b(?! (?:of|floor|street|avenue|page))", _read_day_of_month
    # fmt: on


FORMS: Final = tuple((needed, re.compile(pattern), read) for needed, pattern, read in _forms())
"""For each form words, or digits, of which every text has one that it is found in; see `words_of_time`."""


def words_of_time(text: str) -> frozenset[str]:
    """The words and digits of a lower-case text, to be held against what a form needs."""
    return frozenset(_WORDS.findall(text))
