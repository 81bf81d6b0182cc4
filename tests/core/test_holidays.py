"""Holidays fall on the days the almanacs give."""

from __future__ import annotations

from datetime import date

import pytest

from holdfast.core.holidays import HOLIDAYS, easter, nth


@pytest.mark.parametrize(
    "day",
    ["1961-04-02", "1983-04-03", "2000-04-23", "2008-03-23", "2011-04-24", "2019-04-21", "2024-03-31", "2038-04-25"],
)
def test_easter_falls_where_the_almanac_says(day: str) -> None:
    assert easter(int(day[:4])) == date.fromisoformat(day)


@pytest.mark.parametrize(
    ("year", "month", "weekday", "number", "day"),
    [(2024, 2, 3, 5, 29), (2023, 5, 0, -1, 29), (2023, 12, 6, -1, 31), (2022, 3, 1, 2, 8), (2021, 11, 3, 4, 25)],
)
def test_the_nth_weekday_of_a_month(year: int, month: int, weekday: int, number: int, day: int) -> None:
    assert nth(year, month, weekday, number) == date(year, month, day)


def test_every_holiday_has_a_day_in_every_year() -> None:
    for year in range(1_900, 2_200):
        assert all(of_year(year).year == year for of_year in HOLIDAYS.values())
