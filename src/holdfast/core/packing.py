"""The best set of memories for a budget of tokens.

Memories are taken by what they are worth for what they cost. The worth falls with the place in the ranking; the cost
is that of the line in the prompt, and a line under the day of another costs no date. Nothing is told twice, a
question stands with its short answer, and of two facts that speak against each other both are told. A text
that would fill much of the budget is cut to the sentences that matter to the question.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from holdfast.core.excerpts import excerpt
from holdfast.core.render import CLOSE, NOTE, OPEN, Shown, fenced, heading, line
from holdfast.model.records import Kind, Record
from holdfast.model.tokens import Count

DEPTH: Final = 300
"""Hits that a budget is filled from, at most."""

_TOKENS_A_LINE: Final = 10
_DAMPING: Final = 3
_CUT_SHARE: Final = 0.4
_LEAST_EXCERPT: Final = 40
# Hits that are weighed for a budget, as multiples of it: what ranks behind so much is not worth counting.
_REACH: Final = 12
# What a question lends to its short answer's company, as a share of the answer's worth.
_OF_ANSWER: Final = 0.25
_SHORT: Final = 25
_ALSO: Final = 2
_CONTAINED: Final = range(20, 200)  # characters
_NOT_WORD: Final = re.compile(r"[\W_]+")


def recall_limit(limit: int | None, budget_tokens: int | None) -> int:
    """The most hits a recall gives: what is asked for, else 10, else as many as a budget could hold."""
    if limit is not None:
        return limit
    return 10 if budget_tokens is None else max(1, min(DEPTH, budget_tokens // _TOKENS_A_LINE))


def pack(
    offers: Sequence[Shown],
    budget_tokens: int,
    count: Count,
    worth: Callable[[str], float] = lambda sentence: 0.0,
) -> list[tuple[int, Shown]]:
    """The places of the hits to take, best first, and each as it is told; `fenced` they stay within the budget.

    Args:
        offers: Whole, best first; with their numbers, a question is found for its answer.
        budget_tokens: Of the text with its fence; whatever ``count`` counts.
        worth: What a sentence has of the question, to cut long texts by; 0 or more.
    """
    left = budget_tokens - count("\n".join((OPEN, NOTE, "", CLOSE)))
    if left <= 0:
        return []
    longest = max(_LEAST_EXCERPT, int(_CUT_SHARE * budget_tokens))
    told, costs, total = list[tuple[int, Shown]](), list[int](), 0
    for place, shown in _told_once(offers):
        if total > _REACH * budget_tokens:
            break
        told.append((place, shown))
        costs.append(_cost(shown, count))
        total += costs[-1]
    values = _values([shown for _, shown in told], costs)
    order = sorted(range(len(told)), key=lambda at: (-values[at] / max(min(costs[at], longest), 1) ** 0.5, at))
    taken = list[tuple[int, Shown]]()
    members = dict[str, int]()
    for at in order:
        place, shown = told[at]
        when = heading(shown)
        dating = _dating(when, members.get(when, 0), count)
        cost = costs[at] + dating
        if costs[at] > longest and left >= _LEAST_EXCERPT:
            shown = _cut(shown, min(longest, left - dating), count, worth) or shown
            cost = _cost(shown, count) + dating
        if cost <= left:
            left -= cost
            members[when] = members.get(when, 0) + 1
            taken.append((place, shown))
    return _within(taken, budget_tokens, count)


def _cut(shown: Shown, most_tokens: int, count: Count, worth: Callable[[str], float]) -> Shown | None:
    said = excerpt(shown.record.text, worth, most_tokens - _cost(replace(shown, excerpt=""), count), count)
    return None if said is None else replace(shown, excerpt=said)


def _cost(shown: Shown, count: Count) -> int:
    """Tokens of a line that says no day; no number of a hit is longer than this one."""
    return count("\n" + line(999, shown, day=False))


def _dating(when: str, members: int, count: Count) -> int:
    """What one more line adds for its day: the first says it itself, with the second it becomes a heading."""
    if members == 0:
        return count(when + " ")
    return count("\n") if members == 1 else 0


def _within(taken: list[tuple[int, Shown]], budget_tokens: int, count: Count) -> list[tuple[int, Shown]]:
    """As much of what was taken, the best for its cost first, as really stays within the budget; best first."""
    # Days that come back after another one say themselves again, and no tokenizer has to add up.
    while taken:
        best_first = sorted(taken, key=lambda one: one[0])
        if count(fenced([shown for _, shown in best_first])) <= budget_tokens:
            return best_first
        taken = taken[:-1]
    return []


def _values(offers: Sequence[Shown], costs: Sequence[int]) -> list[float]:
    own = [1 / (place + _DAMPING) for place in range(len(offers))]
    values = list(own)
    at = {(offer.record.session, offer.n): place for place, offer in enumerate(offers) if offer.n}
    rivals = dict[tuple[str | None, str, str], int]()
    for place, offer in enumerate(offers):
        record = offer.record
        asked = at.get((record.session, offer.n - 1)) if record.session is not None else None
        if asked is not None and costs[place] <= _SHORT and offers[asked].record.text.rstrip().endswith(("?", "？")):
            values[asked] = max(values[asked], min(own[place], own[asked] + _OF_ANSWER * own[place]))
        if record.kind is Kind.FACT and record.subject and record.predicate:
            first = rivals.setdefault((offer.space, record.subject, record.predicate), place)
            values[place] = max(values[place], own[first])
    return values


def _told_once(offers: Sequence[Shown]) -> list[tuple[int, Shown]]:
    """What is offered without what another line says already, the same words said again on other days noted."""
    found = list[tuple[int, Shown]]()
    words = list[str]()
    by_words = dict[tuple[str | None, str | None, str], int]()
    for place, offer in enumerate(offers):
        record = offer.record
        said = f" {_NOT_WORD.sub(' ', record.text.casefold()).strip()} "
        key = offer.space, record.author, said
        at = by_words.get(key) if said.strip() and record.caption is None else None
        if at is not None:
            found[at] = found[at][0], _again(found[at][1], record)
        elif not _is_within(record, said, found, words):
            by_words[key] = len(found)
            found.append((place, offer))
            words.append(said)
    return found


def _again(shown: Shown, record: Record) -> Shown:
    day = record.valid_from - record.valid_from % 86_400_000
    days = {shown.record.valid_from - shown.record.valid_from % 86_400_000, *shown.also}
    if day in days or len(shown.also) >= _ALSO:
        return shown
    return replace(shown, also=tuple(sorted((*shown.also, day))))


def _is_within(record: Record, said: str, found: Sequence[tuple[int, Shown]], words: Sequence[str]) -> bool:
    """Whether a better hit of the same author and day holds every word of this one in a row."""
    if len(said) not in _CONTAINED or record.caption is not None:
        return False
    for (_, shown), other in zip(found, words, strict=True):
        if len(other) > len(said) and said in other:
            better = shown.record
            if better.author == record.author and better.valid_from // 86_400_000 == record.valid_from // 86_400_000:
                return True
    return False
