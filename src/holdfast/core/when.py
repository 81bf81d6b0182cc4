"""Time expressions of a query.

`spans` reads the times an English query names, relative to a given moment, as half-open intervals of
milliseconds since 1970 UTC. It is a closed list of forms; what it does not know it leaves alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Final

from holdfast.core.date_forms import (
    COUNT,
    FORMS,
    MONTH_NUMBERS,
    SLACK_DAYS,
    UNIT,
    WEEKDAYS,
    Days,
    back,
    count_of,
    words_of_time,
)

__all__ = ["DAY_MS", "MAX_SPANS", "MONTH_NUMBERS", "WEEKDAYS", "Span", "spans"]

Span = tuple[int, int]
"""From (inclusive) and before (exclusive), milliseconds since 1970 UTC; as wide as what is said is vague."""

DAY_MS: Final = 86_400_000
MAX_SPANS: Final = 4
_MAX_CHARS: Final = 4_000  # a question is short; a pasted document names no time to search by

_RELATIONS: Final = re.compile(
    rf"\b(?:(?:{COUNT} |the |\b){UNIT} (?P<relation>before|after)|(?:the )?(?P<of>week|weekend) of) (?:the |my )?(?=\0)"
)


def spans(text: str, now_ms: int) -> tuple[Span, ...]:
    """Return the times a query names, in the order named, at most `MAX_SPANS`.

    Args:
        text: the query.
        now_ms: when it is asked; "yesterday" and a month without a year are counted from it.
    """
    now = (datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=now_ms)).date()
    rest = " ".join(text[:_MAX_CHARS].lower().replace("\u2019", "'").split())
    found: list[tuple[int, Days]] = []
    words = words_of_time(rest)
    for needed, pattern, read in FORMS:
        if needed.isdisjoint(words):
            continue
        for match in pattern.finditer(rest):
            days = _read_or_none(read, match, now)
            if days is not None:
                lead = match.groupdict().get("lead")
                start, end = match.start() + (len(lead) + 1 if lead else 0), match.end()
                found.append((start, days))
                # Blanked, so that "May 7" is not read again as "May"; the length stays.
                rest = rest[:start] + "\0" * (end - start) + rest[end:]
    found.sort()
    found = _moved(rest, found)
    if len(found) == 2 and re.search(r"\b(?:between \0+ and|from \0+ (?:to|until|till|through)) \0", rest):
        first, second = found[0][1], found[1][1]
        found = [(0, (min(first[0], second[0]), max(first[1], second[1])))]
    elif len(found) == 1 and re.search(r"\bsince (?:the )?\0", rest) and found[0][1][0] <= now:
        found = [(0, (found[0][1][0], now + timedelta(1)))]
    return tuple((_ms(first), _ms(after)) for _, (first, after) in found[:MAX_SPANS])


def _moved(rest: str, found: list[tuple[int, Days]]) -> list[tuple[int, Days]]:
    """Apply what is said about a time that was read: "two weeks before", "the week of", "the day after"."""
    places = {place: number for number, (place, _) in enumerate(found)}
    for match in _RELATIONS.finditer(rest):
        number = places.get(match.end())
        if number is None:
            continue
        first, after = found[number][1]
        try:
            if match["of"]:
                days = _around(first, match["of"])
            elif match["relation"] == "before":
                days = _beside(first, match["unit"], -count_of(match))
            else:
                days = _beside(after - timedelta(1), match["unit"], count_of(match))
        except (ValueError, OverflowError):
            continue
        found[number] = (found[number][0], days)
    return found


def _around(day: date, unit: str) -> Days:
    """Return the week or the weekend that a day is in."""
    monday = day - timedelta(day.weekday())
    return (monday, monday + timedelta(7)) if unit == "week" else (monday + timedelta(5), monday + timedelta(7))


def _beside(day: date, unit: str, count: int) -> Days:
    """Return the time so many units after a day (before it, where fewer than 0), as wide as the unit is vague."""
    middle = back(day, unit, -count)
    slack = timedelta(SLACK_DAYS[unit])
    return middle - slack, middle + slack + timedelta(1)


def _read_or_none(read: Callable[[re.Match[str], date], Days | None], match: re.Match[str], now: date) -> Days | None:
    try:
        return read(match, now)
    except (ValueError, OverflowError):  # 31 June, or a year no calendar has
        return None


def _ms(day: date) -> int:
    return (day - date(1970, 1, 1)).days * DAY_MS
