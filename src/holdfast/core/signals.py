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
from holdfast.core.lexical import HAS_TIME
from holdfast.core.query import Query
from holdfast.core.when import DAY_MS, Span
from holdfast.model.records import Role

K1: Final = 0.9
"""BM25: how fast repetition stops to count (Robertson and Zaragoza 2009; .9 as in Anserini)."""

COMMON_SHARE: Final = 0.1
"""Query terms in more than this share of entries are left out of large spaces: they cost most and say least."""

_ALWAYS_COUNTED: Final = 2_000  # in small spaces every term is cheap

ASSISTANT: Final = int(Role.ASSISTANT)

Floats = NDArray[np.float32]
Rows = NDArray[np.int32]


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
    best: float
    """What an entry would reach that said every word of the query over and over."""


def lexical(corpus: Corpus, terms: tuple[int, ...], entry_b: float, window_b: float) -> Lexical:
    """Score the words of a query against every row.

    Args:
        corpus: refreshed.
        terms: distinct keyed terms of the query.
        entry_b: how far an entry's length is normalised, 0 (not) to 1 (fully).
        window_b: likewise for an entry with its neighbours.
    """
    size, statistics, columns = corpus.size, corpus.statistics(), corpus.columns
    entry, window, covered, window_covered, counts = (np.zeros(size, np.float32) for _ in range(5))
    entries = statistics.entries
    most = max(_ALWAYS_COUNTED, COMMON_SHARE * entries)
    mass = 0.0
    for term in terms:
        rows, octets = corpus.postings.find(term)
        if corpus.has_removed:
            living = columns.alive[rows]
            rows, octets = rows[living], octets[living]
        idf = _idf(entries, len(rows))
        mass += idf
        if not 0 < len(rows) <= most:
            continue
        times = octets.astype(np.float32)
        entry[rows] += idf * _saturated(times, columns.total[rows], statistics.mean_total, entry_b)
        covered[rows] += idf
        near = _spread(corpus, rows, times, counts)
        window[near] += _idf(entries, len(near)) * _saturated(
            counts[near], columns.window[near], statistics.mean_window, window_b
        )
        window_covered[near] += idf
        counts[near] = 0
    if mass > 0:
        covered /= mass
        window_covered /= mass
    return Lexical(entry, window, covered, window_covered, mass * (K1 + 1))


def _idf(entries: int, holding: int) -> float:
    return log(1 + (entries - holding + 0.5) / (holding + 0.5))


def _saturated(times: Floats, lengths: NDArray[np.int32], mean: float, b: float) -> Floats:
    norm = lengths.astype(np.float32) * np.float32(K1 * b / max(mean, 1.0)) + np.float32(K1 * (1 - b))
    return (times * np.float32(K1 + 1) / (times + norm)).astype(np.float32)


def _spread(corpus: Corpus, rows: Rows, times: Floats, counts: Floats) -> Rows:
    """Add occurrences to the rows up to two places away; return the rows that have any now."""
    before, after = corpus.columns.before, corpus.columns.after
    one_before, one_after = before[rows], after[rows]
    # Links are one to one, so no target but row 0 comes twice in an addition.
    for targets in (rows, one_before, before[one_before], one_after, after[one_after]):
        counts[targets] += times
    counts[0] = 0
    return np.flatnonzero(counts > 0).astype(np.int32)  # a mask is ten times faster to search than floats


def who(corpus: Corpus, rows: Rows, query: Query, author_weight: float, role_weight: float) -> Floats:
    """Return a lift for who said it: the author's weight, the role's weight or 0.

    Where a query names one known author, what that author said is lifted, and what nobody in particular said
    (a fact, a document). Otherwise the role decides: what the assistant said is lifted where the query asks
    for that, everything else is lifted where it does not, for people state facts and assistants elaborate.
    """
    if len(query.named) == 1:
        authors = corpus.columns.author[rows]
        lifted = (authors == corpus.author_number(query.named[0])) | (authors == 0)
        return lifted * np.float32(author_weight)
    by_assistant = corpus.columns.role[rows] == ASSISTANT
    return (by_assistant == query.asks_assistant) * np.float32(role_weight)


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
    said = corpus.columns.said_ms[rows]
    for start, end in times:
        gap = np.maximum(said - (end - 1), 0) + 2 * np.maximum(start - said, 0)
        np.maximum(near, 1 - gap / (reach_days * DAY_MS), out=near, casting="same_kind")
    return near
