"""Times named in other languages than English, by dateparser (``pip install "holdfast[dates]"``); without it, none."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from typing import Any

MOST_CHARS = 400
"""Characters of a question that are read."""
MOST_WORDS = 40
"""Words of it that a time may begin at."""
LONGEST = 5
"""Words of one time."""
MOST_SPANS = 4
MOST_S = 0.5
"""No further words are tried after so long; what was found by then is taken."""

_UNSPACED = frozenset(("zh", "ja", "th"))
_WORD = re.compile(r"[^\s?¿!¡,;:؟،、。？！()\"“”„«»]+")
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
_SHORT = frozenset(("hoy", "oggi", "hoje", "ieri", "hier", "ayer", "ontem", "heri", "dün", "igår", "igar", "i går"))
"""Words for days that are shorter than words must be, or words of another meaning elsewhere."""
_NUMERALS = {
    "es": "uno dos tres cuatro cinco seis siete ocho nueve diez",
    "fr": "un deux trois quatre cinq six sept huit neuf dix",
    "it": "uno due tre quattro cinque sei sette otto nove dieci",
    "pt": "um dois três quatro cinco seis sete oito nove dez",
    "ar": "واحد اثنين ثلاثة أربعة خمسة ستة سبعة ثمانية تسعة عشرة",
    "zh": "一 两 三 四 五 六 七 八 九 十",
    "ja": "一 二 三 四 五 六 七 八 九 十",
}
"""One to ten, which dateparser reads as digits alone in these languages."""
_FEMININE = {"una": "1", "une": "1", "uma": "1", "duas": "2"}
_COUNTED = re.compile(r"([一两二三四五六七八九十])(?=(?:个)?(?:天|日|周|週|星期|月|年|か月|ヶ月|カ月))")
_DAY_MS = 86_400_000


class DateparserTimes:
    """A `holdfast.ports.times.TimeFinder` that loads dateparser for the first question that may need it.

    That takes about half a second, once in a process, and some more for the first question of each language; a
    question after that takes some milliseconds.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_there: bool | None = None

    def spans(self, text: str, tongue: str, now_ms: int) -> Sequence[tuple[int, int]]:
        with self._lock:
            if self._is_there is None:
                self._is_there = find_spec("dateparser") is not None
            if not self._is_there:
                return ()
            try:
                return _found(text[:MOST_CHARS], tongue, datetime.fromtimestamp(now_ms / 1000, UTC))
            except Exception:  # noqa: BLE001 - foreign code reads what anybody wrote; without a time the recall goes on
                return ()


def _found(text: str, tongue: str, now: datetime) -> list[tuple[int, int]]:
    from dateparser.date import DateDataParser  # pyright: ignore[reportMissingTypeStubs]

    settings: dict[str, Any] = {
        "RELATIVE_BASE": now.replace(tzinfo=None), "PREFER_DATES_FROM": "past", "PREFER_DAY_OF_MONTH": "first",
        "PARSERS": ["relative-time", "absolute-time", "custom-formats"],
    }  # fmt: skip
    parser: Any = DateDataParser(languages=[tongue], settings=settings)
    read = _counted(text, tongue)
    candidates = _unspaced(read, tongue, settings) if tongue in _UNSPACED else _windows(read)
    spans, taken, began = list[tuple[int, int]](), list[tuple[int, int]](), time.monotonic()
    for first, after, words in candidates:
        if any(first < end and start < after for start, end in taken):
            continue
        span = _span(parser.get_date_data(words), words, now)
        if span is not None and not _is_mere_number(parser, words):
            taken.append((first, after))
            spans.append(span)
        if len(spans) == MOST_SPANS or time.monotonic() - began > MOST_S:
            break
    return [span for _, span in sorted(zip(taken, spans, strict=True))]


def _windows(text: str) -> Iterator[tuple[int, int, str]]:
    """Words in a row that may be a time: where they begin and end, and they themselves; the longest first."""
    words = list(_WORD.finditer(text))[:MOST_WORDS]
    for length in range(min(LONGEST, len(words)), 0, -1):
        for at in range(len(words) - length + 1):
            said = " ".join(word[0] for word in words[at : at + length]).rstrip(".")
            if _may_be(said):
                yield words[at].start(), words[at + length - 1].end(), said


def _unspaced(text: str, tongue: str, settings: dict[str, Any]) -> Iterator[tuple[int, int, str]]:
    from dateparser.search import search_dates  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]

    found: Any = search_dates(text, languages=[tongue], settings=settings)
    for words, _ in found or ():
        at = text.find(words)
        if at >= 0 and not words.strip().isdecimal():
            yield at, at + len(words), words


def _may_be(words: str) -> bool:
    """Whether words may be a time: three letters are too often another word, a number alone a number."""
    if any(letter.isdecimal() for letter in words):
        return not words.replace(" ", "").isdecimal() or _YEAR.fullmatch(words) is not None
    # Arabic and Hebrew write no short vowels: their words are shorter.
    return len(words) > (2 if words[0] >= "\u0590" else 3) or words.lower() in _SHORT


def _is_mere_number(parser: Any, words: str) -> bool:
    """Whether a number alone was taken for a day of the month: "at 12", "room 7"."""
    numbers = re.findall(r"\d+", words)
    rest = re.sub(r"\d+", "", words).strip()
    if len(numbers) != 1 or len(numbers[0]) > 2 or not rest or parser.get_date_data(rest).date_obj is not None:
        return False
    one, other = (parser.get_date_data(f"{rest} {n}").date_obj for n in (7, 8))
    # Of something counted ("3 days ago") a greater number is earlier; of a day of the month it is later.
    given = parser.get_date_data(words).date_obj
    return one is not None and other is not None and other > one and given.day == int(numbers[0])


def _counted(text: str, tongue: str) -> str:
    """The text with numbers that are words written as digits, where dateparser reads digits alone."""
    numerals = {word: str(n) for n, word in enumerate(_NUMERALS.get(tongue, "").split(), 1)}
    if tongue in _UNSPACED:
        return _COUNTED.sub(lambda match: numerals.get(match[1], match[1]), text)
    numerals |= _FEMININE if numerals else {}
    return re.sub(r"\w+", lambda match: numerals.get(match[0].lower(), match[0]), text)


def _span(read: Any, words: str, now: datetime) -> tuple[int, int] | None:
    """As wide as what was said is vague: a day, a week from Monday, a month, a year; a time of day is none."""
    found: datetime | None = read.date_obj
    if found is None or read.period == "time":
        return None
    year = _YEAR.search(words)
    if found.year < 1900 and read.period == "year" and year is not None:
        found = datetime(int(year[0]), 1, 1)
    if not 1900 <= found.year <= now.year + 100:
        return None
    day = datetime(found.year, found.month, found.day, tzinfo=UTC)
    if read.period == "week":
        first = day - timedelta(day.weekday())
        return _ms(first), _ms(first + timedelta(7))
    if read.period == "month":
        return _ms(day.replace(day=1)), _ms(_next_month(day))
    if read.period == "year":
        return _ms(day.replace(month=1, day=1)), _ms(day.replace(year=day.year + 1, month=1, day=1))
    return _ms(day), _ms(day + timedelta(1))


def _next_month(day: datetime) -> datetime:
    return (day.replace(day=1) + timedelta(32)).replace(day=1)


def _ms(day: datetime) -> int:
    return int(day.timestamp()) * 1000
