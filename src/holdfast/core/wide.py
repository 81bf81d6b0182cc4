"""Searching a large corpus: what a question costs grows with what it puts up, not with the entries there are.

Above `EXACT_ENTRIES` three things are done otherwise than where every row is looked at:

* Words. The rarest terms of a question are walked, row by row, until `WALKED_ROWS` are; what they find is put up. The
  others, which are in too many rows to find anything by, are looked up in the rows that were put up.
* Vectors. An index of vectors names the entries that are near (`Near`); they and their neighbours are measured
  exactly. Entries that no index has yet are all measured, and so is what a narrow filter leaves.
* Scores. Every row that is put up is scored by the same formulas and over all the terms, as in a small corpus.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from holdfast.core import signals
from holdfast.core.corpus import Corpus, Mask, Rows
from holdfast.core.query import Query
from holdfast.core.signals import K1, Lexical, inverse_frequency, saturated
from holdfast.core.traits import INSTRUCTS

WALKED_ROWS: Final = 131_072
"""Rows of the rarest terms that are walked, together; the rarest alone may have four times as many. With fewer, recall
is quicker and finds fewer of the best: `python -m bench.sizes` says how many."""
FETCHED: Final = 400
"""Entries that an index of vectors is asked for, where nothing is filtered."""
MOST_FETCHED: Final = 8_000
"""Likewise with a filter: the fewer it leaves, the more are asked for, so that about `FETCHED` of them are allowed."""
EXACT_SHARE: Final = 0.05
"""A filter that leaves less than this share of the entries, or `EXACT_ROWS`, has all of them measured."""
EXACT_ROWS: Final = 20_000
FEW: Final = 100
"""Allowed entries that an index must have named; were there fewer, all that are allowed are measured."""
_FEW_INSTRUCTIONS: Final = 4_096
_STRETCH: Final = 2_048
_NO_ROWS: Final = np.zeros(0, np.int32)

Floats = NDArray[np.float32]
Near = Callable[[Floats, int], NDArray[np.int64]]
"""Gives the numbers of about so many entries whose own vectors are nearest to one; unknown numbers do no harm."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a search is to find.

    Attributes:
        vector: of the question; None to search by words alone.
        reachable: the entries that may be returned.
        near: None where there is no index of vectors: all are measured.
        words_b, context_b: see `signals.lexical`.
        count: rows that each signal puts up.
        instructions: standing instructions that are put up beside them.
        least: rows to put up where hardly anything is found: the latest stand in.
    """

    query: Query
    vector: Floats | None
    reachable: Mask
    near: Near | None
    words_b: float
    context_b: float
    count: int
    instructions: int
    least: int


@dataclass(frozen=True, slots=True)
class Found:
    """What was put up, with what is known of it; the arrays tell of these rows alone, and until the next search."""

    rows: Rows
    """Rising."""
    words: Lexical
    products: Floats | None
    cosines: Floats | None


def search(corpus: Corpus, asked: Asked) -> Found:
    """Return what a question puts up in a refreshed corpus."""
    reached = int(np.count_nonzero(asked.reachable))
    if reached <= asked.count:
        rows, windows = _rows_of(asked.reachable), dict[int, int]()
    else:
        rows, windows = _put_up(corpus, asked, reached)
    corpus.scratch.clear()  # of this search and of the one before
    words = _words(corpus, asked, rows, windows)
    if asked.vector is None:
        return Found(rows, words, None, None)
    products = corpus.scratch.spread(corpus.size, rows, corpus.vectors.scan_rows(asked.vector, rows))
    cosines = corpus.scratch.spread(corpus.size, rows, _cosines(corpus, asked.vector, rows))
    return Found(rows, words, products, cosines)


def _put_up(corpus: Corpus, asked: Asked, reached: int) -> tuple[Rows, dict[int, int]]:
    walk = _walked(corpus, asked)
    by_entry, last = (walk.rows, walk.entry), (walk.around, walk.window)
    found = [_best(*by_entry, asked.reachable, asked.count), _best(*last, asked.reachable, asked.count)]
    if asked.vector is not None:
        measured = _to_measure(corpus, asked, asked.vector, reached)
        last = measured, _cosines(corpus, asked.vector, measured)
        found.append(_best(*last, asked.reachable, asked.count))
    if signals.wants_instructions(asked.query):
        found.append(_instructing(corpus, asked, *last))
    rows = _distinct(np.concatenate(found), corpus.size)
    if len(rows) < asked.least:
        rows = np.union1d(rows, _rows_of(asked.reachable)[-asked.least :])
    return rows, walk.windows


def _instructing(corpus: Corpus, asked: Asked, rows: Rows, values: Floats) -> Rows:
    """Return the best standing instructions: of all of them where they are few, else of those that were found."""
    flags = corpus.columns.flags
    flagged = _rows_of(asked.reachable & ((flags[: corpus.size] & INSTRUCTS) > 0))
    if asked.vector is None:
        scores = corpus.scratch.spread(corpus.size, rows, values)[flagged]
    elif len(flagged) <= _FEW_INSTRUCTIONS:
        scores = _cosines(corpus, asked.vector, flagged)
    else:
        told = (flags[rows] & INSTRUCTS) > 0
        flagged, scores = rows[told], values[told]
    return _best(flagged, scores, asked.reachable, asked.instructions)


# Vectors


def _to_measure(corpus: Corpus, asked: Asked, vector: Floats, reached: int) -> Rows:
    """Return the reachable rows whose vectors are worth measuring, rising."""
    entries = len(corpus)
    if asked.near is None or reached <= max(EXACT_ROWS, EXACT_SHARE * entries):
        return _rows_of(asked.reachable)
    wanted = min(MOST_FETCHED, round(FETCHED * entries / reached))
    near = corpus.rows(asked.near(vector, wanted))
    if np.count_nonzero(asked.reachable[near]) < FEW:
        return _rows_of(asked.reachable)
    hits = np.concatenate((near, corpus.loose()))
    # A vector counts in the context of the entry before it and of the two after it.
    before, after = corpus.columns.before, corpus.columns.after
    later = after[hits]
    rows = _distinct(np.concatenate((hits, before[hits], later, after[later])), corpus.size)
    return rows[asked.reachable[rows]]


def _cosines(corpus: Corpus, vector: Floats, rows: Rows) -> Floats:
    """Return the cosine of a vector with the pooled vector of each of some rows."""
    before, after, vectors, size = corpus.columns.before, corpus.columns.after, corpus.vectors, corpus.size
    if len(rows) > size // 4:
        return vectors.pooled(vectors.scan(vector, size), before, after)[rows]
    first = before[rows]
    needed = np.concatenate((rows, first, before[first], after[rows]))
    needed = _distinct(needed, size)
    lent = corpus.scratch.lent
    products = corpus.scratch.spread(size, needed, vectors.scan_rows(vector, needed))
    cosines = vectors.pooled_rows(products, rows, before, after)
    corpus.scratch.clear(lent)
    return cosines


# Words


@dataclass(frozen=True, slots=True)
class _Walk:
    """What the rarest terms are in, rising, with the scores by these alone, and how many windows hold each of them."""

    rows: Rows
    entry: Floats
    around: Rows
    window: Floats
    windows: dict[int, int]


def _walked(corpus: Corpus, asked: Asked) -> _Walk:
    size, statistics, columns = corpus.size, corpus.statistics(), corpus.columns
    own = [(term, *corpus.postings.find(term)) for term in _to_walk(corpus, asked.query.terms)]
    if corpus.has_removed:
        living = [columns.alive[found] for _, found, _ in own]
        own = [(term, found[kept], octets[kept]) for (term, found, octets), kept in zip(own, living, strict=True)]
    fives = [_five(corpus, found) for _, found, _ in own]
    nears = [_distinct(five, size) for five in fives]
    rows = _distinct(np.concatenate([_NO_ROWS, *(found for _, found, _ in own)]), size)
    around = _distinct(np.concatenate([_NO_ROWS, *nears]), size)
    entry, window = corpus.scratch.lend(size, rows), corpus.scratch.lend(size, around)
    counts = corpus.scratch.lend(size, around)
    for (_, found, octets), five, near in zip(own, fives, nears, strict=True):
        places, times = found.astype(np.intp), octets.astype(np.float32)
        idf = inverse_frequency(statistics.entries, len(places))
        entry[places] += idf * saturated(times, columns.total[places], statistics.mean_total, asked.words_b)
        np.add.at(counts, five, np.tile(times, 5))
        counts[0] = 0
        places = near.astype(np.intp)
        window[places] += inverse_frequency(statistics.entries, len(near)) * saturated(
            counts[places], columns.window[places], statistics.mean_window, asked.context_b
        )
        counts[places] = 0
    windows = {term: len(near) for (term, _, _), near in zip(own, nears, strict=True)}
    return _Walk(rows, entry[rows], around, window[around], windows)


def _to_walk(corpus: Corpus, terms: Sequence[int]) -> list[int]:
    """Return the terms to walk, in the order they were given."""
    most = signals.most_counted(corpus.statistics().entries)
    held = sorted((count, term) for term in terms if 0 < (count := corpus.postings.holding(term)) <= most)
    chosen, rows = set[int](), 0
    for place, (count, term) in enumerate(held):
        rows += count
        if rows > WALKED_ROWS and (place or count > 4 * WALKED_ROWS):
            break
        chosen.add(term)
    return [term for term in terms if term in chosen]


def _five(corpus: Corpus, rows: Rows | NDArray[np.intp]) -> NDArray[np.int32]:
    """Return rows, the two before each and the two after each, one after the other; 0 where there is none."""
    before, after = corpus.columns.before, corpus.columns.after
    one_before, one_after = before[rows], after[rows]
    own = rows.astype(np.int32, copy=False)
    return np.concatenate((own, one_before, before[one_before], one_after, after[one_after]))


def _distinct(rows: Rows, size: int) -> Rows:
    """Return rows once each, rising, without row 0."""
    if len(rows) > size // 512:  # to mark is quicker then than to sort
        marked = np.zeros(size, np.bool_)
        marked[rows] = True
        marked[0] = False
        return _rows_of(marked)
    ordered = np.sort(rows)
    return ordered[np.append(ordered[:1] > 0, ordered[1:] != ordered[:-1])]


def _words(corpus: Corpus, asked: Asked, rows: Rows, windows: dict[int, int]) -> Lexical:
    """Return the matches of all the terms with some rows, and with the row before each: see `signals.lexical`.

    Args:
        windows: How many entries have a term in or around them, as far as it is known.
    """
    statistics, columns, query = corpus.statistics(), corpus.columns, asked.query
    places = np.union1d(rows, columns.before[rows])
    count, five = len(places), _five(corpus, places)
    entry, window, covered, window_covered, things = (np.zeros(count, np.float32) for _ in range(5))
    most, mass, things_mass = signals.most_counted(statistics.entries), 0.0, 0.0
    for term in query.terms:
        held = _holding(corpus, term)
        idf = inverse_frequency(statistics.entries, held)
        mass += idf
        if term in query.spoken_of:
            things_mass += idf
        if not held or (held > most and term not in query.spoken_of):
            continue
        times = corpus.postings.counts_at(term, five).reshape(5, count).astype(np.float32)
        own = times[0] > 0
        if term in query.spoken_of:
            things[own] += idf
        if held > most:
            continue
        entry[own] += idf * saturated(times[0][own], columns.total[places[own]], statistics.mean_total, asked.words_b)
        covered[own] += idf
        around = times.sum(axis=0)
        near = around > 0
        window[near] += inverse_frequency(
            statistics.entries, windows.get(term) or _windows_with(corpus, term)
        ) * saturated(around[near], columns.window[places[near]], statistics.mean_window, asked.context_b)
        window_covered[near] += idf
    if mass > 0:
        covered /= mass
        window_covered /= mass
    if things_mass > 0:
        things /= np.float32(things_mass)

    def spread(values: Floats) -> Floats:
        return corpus.scratch.spread(corpus.size, places, values)

    return Lexical(
        entry=spread(entry),
        window=spread(window),
        covered=spread(covered),
        window_covered=spread(window_covered),
        things=spread(things) if query.spoken_of else None,
        best=mass * (K1 + 1),
    )


def _living(corpus: Corpus, term: int) -> Rows:
    rows, _ = corpus.postings.find(term)
    return rows[corpus.columns.alive[rows]] if corpus.has_removed else rows


def _holding(corpus: Corpus, term: int) -> int:
    return len(_living(corpus, term)) if corpus.has_removed else corpus.postings.holding(term)


def _windows_with(corpus: Corpus, term: int) -> int:
    """Return about how many entries have a term in them or around them: exactly, where not many hold it."""
    rows = _living(corpus, term)
    some = rows[len(rows) // 2 :][:_STRETCH] if len(rows) > _STRETCH else rows
    return round(len(_distinct(_five(corpus, some), corpus.size)) * len(rows) / max(1, len(some)))


# Rows


def _best(rows: Rows, values: Floats, reachable: Mask, count: int) -> Rows:
    """Return the reachable rows of the greatest values: so many, up to four times as many where equal."""
    reached = reachable[rows]
    rows, values = rows[reached], values[reached]
    if len(rows) <= count:
        return rows
    least = np.partition(values, len(values) - count)[len(values) - count]
    return rows[values >= least][-4 * count :]


def _rows_of(mask: Mask) -> Rows:
    return np.flatnonzero(mask).astype(np.int32)
