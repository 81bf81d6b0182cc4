"""The lines of a conversation that tell most of it in a given room, without a model.

Sentences are taken greedily, each for what it adds per token: names, numbers and dates that were not told yet,
decisions, and words that few other sentences have. What adds nothing new is never taken (the coverage of Filatova
and Hatzivassiloglou 2004, with the lazy greedy of Minoux 1978). Nearness to the centroid of the vectors, the usual
measure, keeps fewer details than chance: `python -m bench.summaries` shows it beside this.
"""

from __future__ import annotations

import heapq
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from typing import Final

from holdfast.core.date_forms import MONTH_NUMBERS, WEEKDAYS
from holdfast.core.excerpts import GAP, sentences
from holdfast.core.render import visible
from holdfast.core.words import NOT_NAMES, word_set
from holdfast.model.records import Record
from holdfast.model.tokens import Count

_NUMBER: Final = re.compile(r"(?<![\w.,])[$€£#]?\d[\d.,:/-]*(?:st|nd|rd|th|am|pm|km|kg|k|%)?", re.IGNORECASE)
_NAME: Final = re.compile(r"(?<![.!?…:] )(?<!^)(?<![\"'“(\w])[A-Z][\w'’-]*\w")
_WORD: Final = re.compile(r"[^\W\d_]{3,}")
_TIMES: Final = frozenset(
    (*WEEKDAYS, *(month for month in MONTH_NUMBERS if month not in ("may", "mar", "sep", "dec", "jan")),
     "yesterday", "today", "tomorrow", "tonight", "weekend", "week", "month", "year", "ago", "spring", "summer",
     "autumn", "fall", "winter", "birthday", "anniversary")
)  # fmt: skip
_DECISION: Final = re.compile(
    r"\b(?:decid\w+|agreed?|chose|chosen|will|going to|plan(?:s|ned|ning)?|promis\w+|booked|signed up|let's|must|never|"
    r"always|prefers?|instead|moved|started|quit|bought|sold|got (?:a|the|my|married|engaged)|won|finished)\b",
    re.IGNORECASE,
)
_COMMON: Final = word_set(
    "the and you for that this with have has had was were are but not all can just what when who how your our out get "
    "got its his her she him they them their there here about from would could should really very also been being too "
    "like know think well yeah yes thanks thank great good glad hey sounds wow awesome cool sure nice love amazing "
    "hear one some any more much many lot into than then over back let see make made want feel feeling way such did "
    "does"
)
# What is new in a sentence, by its sort; chosen together on development conversations, see `bench/summaries.py`.
NUMBER_WORTH: Final = 2.5
TIME_WORTH: Final = 2.5
NAME_WORTH: Final = 2.0
WORD_WORTH: Final = 0.12
DECISION_WORTH: Final = 0.5
LENGTH_POWER: Final = 0.7
"""Worth is divided by the tokens to this power: below 1, longer sentences stand a chance."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of an entry.

    Attributes:
        entry: Place of its entry.
        units: What it tells, with what each is worth: names, numbers, times and words.
        own: What it is worth besides.
    """

    entry: int
    text: str
    units: dict[str, float]
    own: float
    tokens: int


def summary_lines(records: Sequence[Record], budget_tokens: int, count: Count) -> list[tuple[int, str]]:
    """Return what to tell of each entry, by its place, in order; gaps inside an entry are marked.

    Args:
        records: The conversation, in order.
        budget_tokens: The most that the texts come to, each counted with its author as `told` writes it.
    """
    found = _sentences(records, count)
    chosen = _chosen(found, budget_tokens, records, count)
    lines = list[tuple[int, str]]()
    for entry in sorted({found[place].entry for place in chosen}):
        places = [place for place in chosen if found[place].entry == entry]
        told, before = list[str](), places[0] - 1
        for place in places:
            told += [GAP] if place != before + 1 else []
            told.append(found[place].text)
            before = place
        lines.append((entry, " ".join(told)))
    return lines


def told(record: Record, text: str) -> str:
    """A line of a summary: who said it, and what."""
    line = " ".join(visible(text).split())
    return f"{record.author}: {line}" if record.author else line


def details(text: str) -> frozenset[str]:
    """The names, numbers and words of time in a text, in lower case."""
    names = {name.lower() for name in _NAME.findall(text)}
    times = {word for word in (word.lower() for word in _WORD.findall(text)) if word in _TIMES}
    return frozenset((names - NOT_NAMES) | times | {number.strip(".,:-/") for number in _NUMBER.findall(text)})


def _sentences(records: Sequence[Record], count: Count) -> list[Sentence]:
    cut = [(entry, text) for entry, record in enumerate(records) for text in sentences(record.text)]
    known = [{word for word in map(str.lower, _WORD.findall(text)) if word not in _COMMON} for _, text in cut]
    spread = Counter(word for words in known for word in words)
    speakers = {word.lower() for record in records if record.author for word in _WORD.findall(record.author)}
    found = list[Sentence]()
    for (entry, text), words in zip(cut, known, strict=True):
        units = {word: WORD_WORTH * log(1 + len(cut) / spread[word]) for word in words}
        for detail in details(text):
            worth = NUMBER_WORTH if detail[:1].isdigit() or detail[:1] in "$€£#" else NAME_WORTH
            units[detail] = TIME_WORTH if detail in _TIMES else worth
        for name in speakers & units.keys():
            units[name] = 0.1
        own = DECISION_WORTH * bool(_DECISION.search(text))
        # A question mostly asks for what its answer tells.
        own -= DECISION_WORTH * text.rstrip().endswith("?")
        found.append(Sentence(entry, text, units, own, count(f" {GAP} {visible(text)}")))
    return found


def _chosen(found: Sequence[Sentence], budget_tokens: int, records: Sequence[Record], count: Count) -> list[int]:
    """Places of the sentences to tell, in order."""
    names = [count(f"{record.author}: \n") if record.author else 1 for record in records]
    covered, opened, chosen, left = set[str](), set[int](), list[int](), budget_tokens
    waiting = [(-_worth(sentence, covered), place) for place, sentence in enumerate(found)]
    heapq.heapify(waiting)
    while waiting:
        _, place = heapq.heappop(waiting)
        sentence = found[place]
        cost = sentence.tokens + (0 if sentence.entry in opened else names[sentence.entry])
        worth = _worth(sentence, covered)
        if cost > left or worth <= 0:
            continue
        # What was told since makes it worth less: whether it is still the best, its new place in the row decides.
        if waiting and -worth > waiting[0][0]:
            heapq.heappush(waiting, (-worth, place))
            continue
        chosen.append(place)
        left -= cost
        opened.add(sentence.entry)
        covered.update(sentence.units)
    return sorted(chosen)


def _worth(sentence: Sentence, covered: set[str]) -> float:
    new = sum(worth for unit, worth in sentence.units.items() if unit not in covered)
    return (new + sentence.own) / max(sentence.tokens, 1) ** LENGTH_POWER if new > 0 else 0.0
