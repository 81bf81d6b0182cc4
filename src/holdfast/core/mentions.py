"""What the words of a text refer to at the time they are said: "tomorrow" as a day, "it" as the thing named before.

Read when a text is written, since nothing later knows so well when that was and what was said before. A closed list of
English forms; what it does not know it leaves alone, and the text itself stays as it was said.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any, Final

from holdfast.core.holidays import HOLIDAYS
from holdfast.core.when import DAY_MS, MONTH_NUMBERS, WEEKDAYS, Span, spans
from holdfast.core.words import word_set

MOST_TIMES: Final = 16
_MOST_CHARS: Final = 8_000
"""Characters of a text that are read."""
_HOLIDAY_WORDS: Final = {name.replace("'", " ").split()[0] for name in HOLIDAYS} - {"new", "good"}


def referred(text: str, said_ms: int, before: Callable[[], str | None], people: Iterable[str] = ()) -> dict[str, Any]:
    """What a text refers to, as fields of its body; see `holdfast.core.episodes`.

    Args:
        before: Gives what was said just before; called only where it may matter.
        people: Names that are no things.
    """
    found: dict[str, Any] = {}
    if times := times_in(text, said_ms):
        found["times"] = [list(span) for span in times]
    place = place_of_it(text)
    if place is not None and (said := before()) and (thing := _referent(text, place, said, tuple(people))):
        found["it"] = thing
    return found


_HINTS: Final = frozenset((*WEEKDAYS, *MONTH_NUMBERS, *_HOLIDAY_WORDS)) | word_set(
    "may today tonight tomorrow yesterday ago night morning afternoon evening spring summer autumn fall winter "
    "weekend weekends day days week weeks fortnight month months year years quarter decade"
)
"""Whatever a time is named with has one of these words in it, or a digit."""
_SPACED: Final = str.maketrans(dict.fromkeys(".,;:!?\"'()[]/\u2019", " "))


def _may_name_a_time(text: str) -> bool:
    """Looking for the words costs a hundredth of reading the time."""
    return not _HINTS.isdisjoint(text.lower().translate(_SPACED).split()) or any(map(text.__contains__, "0123456789"))


@cache
def _ahead() -> re.Pattern[str]:
    """ "in two weeks", "three days from now": what a person plans, and no question names."""
    counts = "|".join((*_COUNTS, r"\d{1,3}"))
    unit = r"(?P<unit>day|week|fortnight|month|year)s?"
    return re.compile(
        rf"\b(?:in (?P<count>{counts}) {unit}(?!\w)(?! of)|"
        rf"(?P<other>{counts}) (?P<unit2>day|week|month|year)s? from now)\b",
        re.IGNORECASE,
    )


_COUNTS: Final = {
    "a": 1, "an": 1, "one": 1, "two": 2, "a couple of": 2, "three": 3, "a few": 3, "four": 4, "five": 5, "six": 6,
    "seven": 7, "eight": 8, "nine": 9, "ten": 10,
}  # fmt: skip
_UNIT_DAYS: Final = {"day": 1, "week": 7, "fortnight": 14, "month": 30, "year": 365}
_UNIT_SLACK_DAYS: Final = {"day": 0, "week": 3, "fortnight": 5, "month": 15, "year": 182}


@cache
def _planned() -> re.Pattern[str]:
    """Words by which a sentence speaks of what is to come."""
    return re.compile(
        r"\b(?:will|shall|going to|gonna|let's|lets|see you|meet(?:ing)?|due|deadline|plan(?:ned|ning)?|remind|"
        r"schedule[ds]?|"
        r"book(?:ed)?|arriv(?:e|es|ing)|leav(?:e|es|ing)|starts?|opens?|flies|fly(?:ing)?|can you|could you|please|"
        r"want to|need to|have to|has to|must|should|until|by)\b|\b\w+'ll\b",
        re.IGNORECASE,
    )


@cache
def _weekday() -> re.Pattern[str]:
    return re.compile(rf"\b(?:on|by|until|before|for|due) (?P<weekday>{'|'.join(WEEKDAYS)})\b", re.IGNORECASE)


@cache
def _happened() -> re.Pattern[str]:
    return re.compile(r"\b(?:was|were|did|had|went|came|said|told|met|saw|got|\w{3,}ed)\b", re.IGNORECASE)


def times_in(text: str, said_ms: int) -> tuple[Span, ...]:
    """The times that a text names, counted from when it was said, in the order named, at most `MOST_TIMES`.

    English; "on Friday" is the one to come in a sentence that plans, and the last one otherwise.
    """
    if not _may_name_a_time(text[:_MOST_CHARS]):
        return ()
    found = list[Span]()
    sentences = re.split(r"(?<=[.!?;])\s+|\n+", text[:_MOST_CHARS])
    for sentence in sentences:
        if len(sentences) > 1 and not _may_name_a_time(sentence):
            continue
        found += _times(sentence, said_ms)
        if len(found) >= MOST_TIMES:
            break
    return tuple(dict.fromkeys(found))[:MOST_TIMES]


def _times(sentence: str, said_ms: int) -> list[Span]:
    found = list[Span]()
    rest = sentence
    today = said_ms // DAY_MS
    for match in _ahead().finditer(sentence):
        number = (match["count"] or match["other"]).lower()
        unit = (match["unit"] or match["unit2"]).lower()
        middle = today + (_COUNTS.get(number) or int(number)) * _UNIT_DAYS[unit]
        slack = _UNIT_SLACK_DAYS[unit]
        found.append(((middle - slack) * DAY_MS, (middle + slack + 1) * DAY_MS))
        rest = rest.replace(match[0], " ")
    for match in _weekday().finditer(sentence):
        if match[0].lower().startswith("on ") and (_happened().search(sentence) or not _planned().search(sentence)):
            continue  # the parser of questions reads it as the last one
        # 1970-01-01 was a Thursday, the fourth day of the week counted from 0.
        ahead = (WEEKDAYS.index(match["weekday"].lower()) - (today + 3)) % 7 or 7
        found.append(((today + ahead) * DAY_MS, (today + ahead + 1) * DAY_MS))
        rest = rest.replace(match[0], " ")
    return [*found, *spans(rest, said_ms)] if rest is sentence or _may_name_a_time(rest) else found


# What "it" stands for


@cache
def _pronoun() -> re.Pattern[str]:
    return re.compile(r"(?<![\w'])it(?:s|'s|'ll|'d)?(?![\w'])", re.IGNORECASE)


@cache
def _empty_it() -> re.Pattern[str]:
    """Where "it" stands for nothing that was named."""
    return re.compile(
        r"\bit(?:'s| is| was| will be| would be|'ll be|'d be)?(?: \w+ly| so| very| really| too)? "
        r"(?:rain|snow|time|late|early|hot|cold|warm|dark|sunny|cloudy|windy|monday|tuesday|wednesday|thursday|friday|"
        r"saturday|sunday|\d|(?:\w+ )?(?:to|that|for me|if|when) |seem|appear|turn|look|depend|take|happen)\w*|"
        r"\b(?:got|get|make|made|that's|call|let|take|doing|done|did|do|see|of|cut|leave) it\b"
        r"(?! (?:from|in|on|with|to|up|for)\b)",
        re.IGNORECASE,
    )


@cache
def _things() -> re.Pattern[str]:
    """Names of things: quoted in backticks, words of code, and words with capital letters inside a sentence."""
    capital = r"(?:[A-Z][\w+#]*|[A-Z]\.)"
    return re.compile(
        r"`(?P<quoted>[^`\n]{2,60})`|"
        r"(?P<code>\b[\w-]+\.(?:py|js|ts|rs|go|md|txt|json|yaml|yml|toml|csv|pdf|sql|html|css|sh|db)\b|\b\w+_\w+\b|"
        r"\b[a-z]+[A-Z]\w+\b|\b[A-Z][a-z]+[A-Z]\w*\b)|"
        rf"(?P<named>\b{capital}(?:[ -](?:{capital}|\d[\w.]*))*)"
    )


_NOT_THINGS: Final = word_set(
    "i i'm i've i'll i'd ok okay yes no hi hello hey thanks thank please sure monday tuesday wednesday thursday "
    "friday saturday sunday january february march april may june july august september october november december "
    "mr mrs ms dr ps asap fyi lol api url id pdf json html css sql http https usd eur gbp am pm utc"
)


@cache
def _followed() -> re.Pattern[str]:
    return re.compile(r"\s+(?:is|was|has|had|can|does|doesn't|works?|runs?|keeps?|gives?|broke|fails?|failed)\b")


def place_of_it(text: str) -> int | None:
    """Where in a text the first "it" is, if that may stand for a thing."""
    place = _pronoun().search(text[:_MOST_CHARS])
    if place is None or _empty_it().search(text[max(0, place.start() - 8) : place.end() + 40]):
        return None
    return place.start()


def referent(text: str, before: str, people: Sequence[str] = ()) -> str | None:
    """What "it" stands for in a text: the one thing that was named just before, where exactly one was; None otherwise.

    None too where the text names a thing itself ahead of the "it", where "it" stands for nothing, and where the thing
    is a person. English.

    Args:
        before: What was said just before.
        people: Names that are no things.
    """
    place = place_of_it(text)
    return None if place is None else _referent(text, place, before, people)


def _referent(text: str, place: int, before: str, people: Sequence[str]) -> str | None:
    persons = frozenset(part.casefold() for name in people for part in (name, *name.split()))
    if _named(text[:place], persons):
        return None
    things = _named(before, persons)
    return things[0] if len(things) == 1 else None


def _named(text: str, persons: frozenset[str]) -> list[str]:
    found = dict[str, str]()
    for match in _things().finditer(text[:_MOST_CHARS]):
        name = match["quoted"] or match["code"] or match["named"]
        if match["named"]:
            first = not text[: match.start()].strip() or bool(re.search(r"[.!?:\n]\s*[\"'(]?$", text[: match.start()]))
            words = name.split()
            # A capital letter at the start of a sentence says nothing, unless what follows shows a name.
            if (
                first
                and len(words) == 1
                and not (_followed().match(text, match.end()) and words[0].lower() not in _STARTS)
            ):
                continue
            if first and words[0].lower() in _STARTS:
                name = " ".join(words[1:])
        if not name or name.casefold() in _NOT_THINGS or name.casefold() in persons:
            continue
        found.setdefault(name.casefold(), name)
    return list(found.values())


_STARTS: Final = word_set(
    "the a an this that these those it he she they we you i my your our their his her its there here what which who "
    "when where why how can could would should will do does did is are was were have has had if and but or so then "
    "also maybe let please note everything something nothing anything everyone someone nobody in on at for with "
    "about open install use try run show tell read write look check see buy bought got just"
)
