"""Days that have a name and fall otherwise each year, as English texts name them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Final


def easter(year: int) -> date:
    """Easter Sunday of the western churches (the anonymous Gregorian rule, Meeus 1991)."""
    a, b, c = year % 19, year // 100, year % 100
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    m = (32 + 2 * e + 2 * i - h - k) % 7
    n = (a + 11 * h + 22 * m) // 451
    month, day = divmod(h + m - 7 * n + 114, 31)
    return date(year, month, day + 1)


def nth(year: int, month: int, weekday: int, number: int) -> date:
    """The first, second, … weekday (0 is Monday) of a month; -1 for the last."""
    if number < 0:
        last = date(year + month // 12, month % 12 + 1, 1) - timedelta(1)
        return last - timedelta((last.weekday() - weekday) % 7)
    first = date(year, month, 1)
    return first + timedelta((weekday - first.weekday()) % 7 + 7 * (number - 1))


HOLIDAYS: Final[dict[str, Callable[[int], date]]] = {
    "christmas eve": lambda year: date(year, 12, 24),
    "christmas": lambda year: date(year, 12, 25),
    "xmas": lambda year: date(year, 12, 25),
    "boxing day": lambda year: date(year, 12, 26),
    "new year's eve": lambda year: date(year, 12, 31),
    "new year": lambda year: date(year, 1, 1),
    "new year's": lambda year: date(year, 1, 1),
    "valentine's": lambda year: date(year, 2, 14),
    "st patrick's": lambda year: date(year, 3, 17),
    "good friday": lambda year: easter(year) - timedelta(2),
    "easter": easter,
    "easter monday": lambda year: easter(year) + timedelta(1),
    "mother's day": lambda year: nth(year, 5, 6, 2),
    "memorial day": lambda year: nth(year, 5, 0, -1),
    "father's day": lambda year: nth(year, 6, 6, 3),
    "independence day": lambda year: date(year, 7, 4),
    "labor day": lambda year: nth(year, 9, 0, 1),
    "halloween": lambda year: date(year, 10, 31),
    "thanksgiving": lambda year: nth(year, 11, 3, 4),
}
"""By name, the day in a year; those that differ between countries as in the United States."""
