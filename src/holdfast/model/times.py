"""Times: milliseconds since 1970-01-01T00:00Z inside, ISO 8601 outside.

Accepted texts, each with or without a time of day where the example has one:

- ISO 8601: ``2024-05-03``, ``2024-05-03T18:05``, ``2024-05-03 18:05:09.250``, with ``Z`` or ``+01:00``
- ``1:56 pm on 8 May, 2023``
- ``8 May 2023``, ``May 8, 2023``, ``March-15-2024``
- ``2023/04/10 (Mon) 14:47``

A text without an offset is read in the zone the caller names (UTC unless told otherwise). A
`datetime` object must carry its zone, because a naive one does not say which moment it is.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache

from holdfast.errors import Damaged, InvalidTime

When = str | datetime | date
"""What callers may give for a time."""

EARLIEST_MS = -62_135_596_800_000
"""0001-01-01T00:00Z."""
LATEST_MS = 32_503_680_000_000 - 1
"""The last millisecond of the year 2999: beyond it is a mistake, not a memory."""
DAY_MS = 86_400_000

ACCEPTED = (
    "ISO 8601 such as 2024-05-03T18:05:00+01:00 or 2024-05-03, '1:56 pm on 8 May, 2023', "
    "'May 8, 2023', 'March-15-2024' or '2023/04/10 (Mon) 14:47'"
)

_MONTHS = {
    name: number
    for number, names in enumerate(
        ("jan january", "feb february", "mar march", "apr april", "may", "jun june", "jul july",
         "aug august", "sep sept september", "oct october", "nov november", "dec december"),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
_CLOCK = r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}))?\s*(?P<half>am|pm)?"
_DAY_MONTH = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?[\s-]+(?P<month>[a-z]+)[\s,-]+(?P<year>\d{4})"
_MONTH_DAY = r"(?P<month>[a-z]+)[\s-]+(?P<day>\d{1,2})(?:st|nd|rd|th)?[\s,-]+(?P<year>\d{4})"
_SLASHED = r"(?P<year>\d{4})/(?P<month>\d{1,2})/(?P<day>\d{1,2})(?:\s*\([a-z]{3}\))?"
_SHAPES = tuple(
    re.compile(shape, re.IGNORECASE)
    for date_shape in (_DAY_MONTH, _MONTH_DAY, _SLASHED)
    for shape in (rf"{_CLOCK}\s+on\s+{date_shape}", rf"{date_shape}(?:,?\s+(?:at\s+)?{_CLOCK})?")
)


def parse_when(value: When, *, zone: tzinfo = UTC) -> int:
    """Milliseconds since the epoch for a time in any accepted form.

    A date without a time of day means its first moment.

    Raises:
        InvalidTime: unknown format, a naive `datetime`, no such date, or outside years 1 to 2999.
    """
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise InvalidTime(
                f"{value!r} has no time zone, so it does not say which moment it is; "
                "give it one, for example value.replace(tzinfo=datetime.UTC)."
            )
        return _in_range(value, value)
    if isinstance(value, date):
        return _in_range(datetime(value.year, value.month, value.day, tzinfo=zone), value)
    if not isinstance(value, str):  # pyright: ignore[reportUnnecessaryIsInstance] callers are not all typed
        raise InvalidTime(f"{value!r:.80} is not a time; expected a datetime with a zone, a date, or {ACCEPTED}.")
    text = value.strip()
    moment = _from_iso(text) or _from_shapes(text)
    if moment is None:
        raise InvalidTime(f"{value!r:.80} is not a time Holdfast reads; expected {ACCEPTED}.")
    return _in_range(moment if moment.tzinfo else moment.replace(tzinfo=zone), value)


def format_when(ms: int) -> str:
    """ISO 8601 in UTC, with milliseconds only where there are some: ``2024-05-03T18:05:00Z``."""
    moment = to_datetime(ms)
    return moment.strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0") + (f".{ms % 1000:03d}" if ms % 1000 else "") + "Z"


def format_day(ms: int) -> str:
    """The UTC date: ``2024-05-03``."""
    return _day(ms // 86_400_000)


@lru_cache(maxsize=4096)
def _day(days: int) -> str:
    return to_datetime(days * 86_400_000).date().isoformat()


def to_datetime(ms: int) -> datetime:
    """An aware UTC `datetime`.

    Raises:
        Damaged: the number was altered: none was ever taken that is not in the years 1 to 9999.
    """
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
    except OverflowError:
        raise Damaged(f"{ms} is no time that was written (milliseconds since 1970). Run `holdfast check`.") from None


def zone_from_text(text: str) -> tzinfo:
    """A fixed zone from ``UTC``, ``Z``, ``+01:00`` or ``-0530``.

    Raises:
        InvalidTime: not an offset.
    """
    if text.strip().upper() in ("UTC", "Z"):
        return UTC
    match = re.fullmatch(r"([+-])(\d{2}):?(\d{2})", text.strip())
    if not match or int(match[2]) > 23 or int(match[3]) > 59:
        raise InvalidTime(f"{text!r:.80} is not a time zone offset; expected UTC or one such as +01:00.")
    offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
    return timezone(offset if match[1] == "+" else -offset)


def _from_iso(text: str) -> datetime | None:
    if not re.match(r"\d{4}-?\d{2}-?\d{2}", text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _from_shapes(text: str) -> datetime | None:
    for shape in _SHAPES:
        match = shape.fullmatch(text)
        if not match:
            continue
        part = match.groupdict()
        named = part["month"].lower()
        month = int(named) if named.isdigit() else _MONTHS.get(named, 0)
        hour = int(part["hour"] or 0)
        if part["half"]:
            if not 1 <= hour <= 12:
                return None
            hour = hour % 12 + (12 if part["half"].lower() == "pm" else 0)
        try:
            return datetime(
                int(part["year"]), month, int(part["day"]), hour, int(part["minute"] or 0), int(part["second"] or 0)
            )
        except ValueError:
            return None
    return None


def _in_range(moment: datetime, given: When) -> int:
    ms = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    if not EARLIEST_MS <= ms <= LATEST_MS:
        raise InvalidTime(f"{given!r:.80} is outside the years 1 to 2999; check the year.")
    return ms
