"""The signals of recall, one pure function each.

Each gives one number for each row of a corpus (or for each candidate), states its range, and is better
when greater. A signal lifts an entry; none excludes one.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import Final

import numpy as np
from numpy.typing import NDArray

from holdfast.core.corpus import Corpus
from holdfast.core.kinds import QuestionKind
from holdfast.core.query import Query
from holdfast.core.traits import ASKS, FIRST_PERSON, HAS_TIME, INSTRUCTS, PREFERS
from holdfast.core.when import DAY_MS, Span
from holdfast.model.records import Role

K1: Final = 0.9
"""BM25: how fast repetition stops to count (Robertson and Zaragoza 2009; .9 as in Anserini)."""

COMMON_SHARE: Final = 0.1
"""Query terms in more than this share of entries are left out of large spaces: they cost most and say least."""

_ALWAYS_COUNTED: Final = 2_000  # in small spaces every term is cheap

MANY_BY_ASSISTANT: Final = -0.4
"""What the assistant said, where all there is is wanted, in units of what another said."""
SUMMARY_BY_ASSISTANT: Final = 0.25
"""Likewise where a summary is wanted."""
MOST_OF_REPLY: Final = 4.0

ASSISTANT: Final = int(Role.ASSISTANT)

Floats = NDArray[np.float32]
Places = NDArray[np.intp]
Rows = NDArray[np.int32] | Places


@dataclass(frozen=True, slots=True)
class Lexical:
    """Word matches of a query with every row; arrays of shape (size,)."""

    entry: Floats
    """BM25 of the entry, 0 to `best`."""
    window: Floats
    """BM25 of the entry taken together with its two neighbours on each side, 0 to about `best`."""
    covered: Floats
    """Share of the query's inverse document frequency that the entry holds, 0 to 1."""
    window_covered: Floats
    """Likewise of the entry with its neighbours, 0 to 1."""
    things: Floats | None
    """Share of the inverse document frequency of what the query speaks of by name that the entry holds, 0 to 1; None
    where it speaks of nothing by name."""
    best: float
    """What an entry would reach that said every word of the query over and over."""


def lexical(
    corpus: Corpus,
    terms: tuple[int, ...],
    entry_b: float,
    window_b: float,
    spoken_of: frozenset[int] = frozenset(),
) -> Lexical:
    """Score the words of a query against every row.

    Args:
        corpus: refreshed.
        terms: distinct keyed terms of the query.
        spoken_of: those of them that name somebody or something.
        entry_b: how far an entry's length is normalised, 0 (not) to 1 (fully).
        window_b: likewise for an entry with its neighbours.
    """
    size, statistics, columns = corpus.size, corpus.statistics(), corpus.columns
    entry, window, covered, window_covered, counts = (np.zeros(size, np.float32) for _ in range(5))
    entries = statistics.entries
    most = most_counted(entries)
    mass = things_mass = 0.0
    things = np.zeros(size, np.float32) if spoken_of else None
    for term in terms:
        found, octets = corpus.postings.find(term)
        rows = found.astype(np.intp)  # what NumPy indexes by: it would convert other numbers at every use
        if corpus.has_removed:
            living = columns.alive[rows]
            rows, octets = rows[living], octets[living]
        idf = inverse_frequency(entries, len(rows))
        mass += idf
        if things is not None and term in spoken_of:
            things[rows] += idf
            things_mass += idf
        if not 0 < len(rows) <= most:
            continue
        times = octets.astype(np.float32)
        entry[rows] += idf * saturated(times, columns.total.take(rows), statistics.mean_total, entry_b)
        covered[rows] += idf
        near = _spread(corpus, rows, times, counts)
        window[near] += inverse_frequency(entries, len(near)) * saturated(
            counts.take(near), columns.window.take(near), statistics.mean_window, window_b
        )
        window_covered[near] += idf
        counts[near] = 0
    if mass > 0:
        covered /= mass
        window_covered /= mass
    if things is not None and things_mass > 0:
        things /= np.float32(things_mass)
    return Lexical(entry, window, covered, window_covered, things, mass * (K1 + 1))


def most_counted(entries: int) -> float:
    """Return how many entries may hold a term that is counted."""
    return max(_ALWAYS_COUNTED, COMMON_SHARE * entries)


def inverse_frequency(entries: int, holding: int) -> float:
    """Return what a term says that so many of the entries hold, more than 0."""
    return log(1 + (entries - holding + 0.5) / (holding + 0.5))


def saturated(times: Floats, lengths: NDArray[np.int32], mean: float, b: float) -> Floats:
    """Return BM25 without its inverse frequency, 0 to `K1` + 1."""
    norm = lengths.astype(np.float32) * np.float32(K1 * b / max(mean, 1.0)) + np.float32(K1 * (1 - b))
    return (times * np.float32(K1 + 1) / (times + norm)).astype(np.float32, copy=False)


def _spread(corpus: Corpus, rows: Places, times: Floats, counts: Floats) -> Places:
    """Add occurrences to the rows up to two places away; return the rows that have any now."""
    before, after = corpus.columns.before, corpus.columns.after
    one_before, one_after = before.take(rows), after.take(rows)
    targets = np.concatenate((rows, one_before, before.take(one_before), one_after, after.take(one_after)))
    np.add.at(counts, targets, np.concatenate((times,) * 5))
    counts[0] = 0
    return np.flatnonzero(counts > 0)  # a mask is ten times faster to search than floats


def author(corpus: Corpus, rows: Rows, query: Query) -> Floats:
    """Return 1 for what the one known author said whom the query names, otherwise 0.

    What nobody in particular said (a fact, a document) counts with it; a query that names none or several gives 0.
    """
    if len(query.named) != 1:
        return np.zeros(len(rows), np.float32)
    authors = corpus.columns.author[rows]
    return ((authors == corpus.author_number(query.named[0])) | (authors == 0)).astype(np.float32)


def role(corpus: Corpus, rows: Rows, query: Query) -> Floats:
    """Return how far the speaker's role speaks for rows, `MANY_BY_ASSISTANT` to 1; 0 where `author` decides.

    What the assistant said is lifted where the query asks for that. Otherwise the others are, for people state facts
    and assistants elaborate: the more so where all there is is wanted, the less so for a summary, which tells both.
    """
    if len(query.named) == 1:
        return np.zeros(len(rows), np.float32)
    by_assistant = corpus.columns.role[rows] == ASSISTANT
    if query.asks_assistant:
        return by_assistant.astype(np.float32)
    least = 0.0
    if query.kinds & QuestionKind.SUMMARY:
        least = SUMMARY_BY_ASSISTANT
    elif query.kinds & QuestionKind.MANY:
        least = MANY_BY_ASSISTANT
    return np.where(by_assistant, np.float32(least), np.float32(1))


def personal(corpus: Corpus, rows: Rows) -> Floats:
    """Return 1 for rows that speak of their speaker and for what nobody in particular said, otherwise 0.

    "I moved to Lisbon" tells something; "Wow, that looks great!" hardly does.
    """
    columns = corpus.columns
    return (((columns.flags[rows] & FIRST_PERSON) > 0) | (columns.author[rows] == 0)).astype(np.float32)


def wants_instructions(query: Query) -> bool:
    """Whether standing instructions bear on the answer: advice is asked for, or something told, of no known person.

    Who asks for a summary, an order of events or, without asking for advice, for all there is wants what happened.
    """
    if query.kinds & (QuestionKind.SUMMARY | QuestionKind.ORDER):
        return False
    return bool(query.kinds & QuestionKind.ADVICE) or not (query.named or query.kinds & QuestionKind.MANY)


def instructs(corpus: Corpus, rows: Rows, query: Query) -> Floats:
    """Return 1 for instructions that somebody other than the assistant gave, where they bear on the answer; else 0."""
    if not wants_instructions(query):
        return np.zeros(len(rows), np.float32)
    return _told(corpus, rows, INSTRUCTS)


def prefers(corpus: Corpus, rows: Rows, query: Query) -> Floats:
    """Return 1 for tastes and aims that somebody other than the assistant told, where advice is asked for; else 0."""
    if not query.kinds & QuestionKind.ADVICE:
        return np.zeros(len(rows), np.float32)
    return _told(corpus, rows, PREFERS)


def _told(corpus: Corpus, rows: Rows, trait: int) -> Floats:
    columns = corpus.columns
    return (((columns.flags[rows] & trait) > 0) & (columns.role[rows] != ASSISTANT)).astype(np.float32)


def reply(corpus: Corpus, rows: Rows, matches: Floats, mean: np.float32, deviation: np.float32) -> Floats:
    """Return how well the question matches that a row answers, 0 to `MOST_OF_REPLY`; 0 for one that answers none.

    Args:
        corpus: refreshed.
        rows: what to score.
        matches: match of every row with the query by its words.
        mean: of the matches of the candidates.
        deviation: likewise.
    """
    before = corpus.columns.before[rows]
    asked = (corpus.columns.flags[before] & ASKS) > 0
    above = np.clip((matches[before] - mean) / deviation, 0, MOST_OF_REPLY)
    return np.where(asked, above, np.float32(0)).astype(np.float32)


def tells_time(corpus: Corpus, rows: Rows, query: Query) -> Floats:
    """Return 1 for rows that say a time where the query asks for one, otherwise 0."""
    if not query.asks_time:
        return np.zeros(len(rows), np.float32)
    return ((corpus.columns.flags[rows] & HAS_TIME) > 0).astype(np.float32)


def date(corpus: Corpus, rows: Rows, times: tuple[Span, ...], reach_days: float = 30.0) -> Floats:
    """Return how near rows were said to a time, 0 (``reach_days`` or more away) to 1 (in it).

    What is said after an event tells of it more often than what is said before: the gap before counts twice.
    """
    near = np.zeros(len(rows), np.float32)
    if not times:
        return near
    said = corpus.columns.said_ms[rows]
    for start, end in times:
        gap = np.maximum(said - (end - 1), 0) + 2 * np.maximum(start - said, 0)
        np.maximum(near, 1 - gap / (reach_days * DAY_MS), out=near, casting="same_kind")
    return near
