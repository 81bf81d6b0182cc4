"""Joining the signals into one ranking.

A candidate's score is the weighted sum of its signals. Signals without a natural scale (cosine, BM25) are
standardised over the candidates; with fewer than `MIN_FOR_Z` of them mean and deviation say little, and
fixed ones, typical of larger spaces, take their place. Only the caller's mask excludes an entry.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from holdfast.core import signals
from holdfast.core.confidence import Features, features_of
from holdfast.core.corpus import Corpus, Mask, Rows
from holdfast.core.query import Query

MIN_FOR_Z: Final = 30
"""Candidates from which scores are standardised over them."""

CANDIDATES: Final = 100
"""Rows that each of the three searching signals puts up."""

# Mean and deviation over the candidates of a query, rounded from LoCoMo, BEAM and LongMemEval.
_TYPICAL_COSINE: Final = (0.20, 0.10)
_TYPICAL_MATCH: Final = (0.06, 0.06)  # as a share of `Lexical.best`

# What the words make expect of a cosine that is not known yet: with these, recall with 10 to 70% of the vectors
# missing stays above that of words alone; with 0, the entries that have a vector push the others out.
_EXPECTED_OF_WORDS: Final = 0.3
_EXPECTED_OF_CONTEXT: Final = 0.5

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each signal counts: one unit is a standard deviation of the pooled cosine over the candidates.

    The defaults stand in the middle of a plateau found by `bench.fit` on LoCoMo, BEAM and LongMemEval together.
    """

    dense: float = 1.0
    words: float = 0.2
    context: float = 0.35
    author: float = 2.5
    role: float = 2.0
    date: float = 2.5
    time: float = 0.75
    words_b: float = 1.0
    """Length normalisation of the entry's BM25, 0 (none) to 1 (full)."""
    context_b: float = 1.0
    """Likewise of the entry with its neighbours."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """The best entries, best first; equal ones by their number."""

    ns: NDArray[np.int64]
    """Local numbers, shape (k,)."""
    scores: Floats
    """Weighted sums, falling, shape (k,); comparable within one ranking only."""
    contributions: dict[str, Floats]
    """What each signal gave to each score, shape (k,) each; they sum to the score. ``dense`` is the vector in its
    context, ``words`` and ``context`` the words of the entry and of its neighbourhood, ``who`` author or role,
    ``date`` nearness to a time the query names, ``time`` that a time is told where one is asked for, ``expected``
    stands in for ``dense`` while an entry has no vector. Below 0 is worse than the average candidate."""
    features: Features
    """What `confidence` judges by."""
    candidates: int
    """Entries that were scored."""
    without_vector: int
    """Allowed entries that have no vector and competed by their words alone."""


def rank(
    corpus: Corpus,
    query: Query,
    query_vector: Floats | None,
    *,
    limit: int,
    allowed: Mask | None = None,
    weights: Weights | None = None,
) -> Ranking:
    """Return the entries that best answer a query.

    Args:
        corpus: what to search.
        query: from `parse_query` with the corpus's key and authors.
        query_vector: unit vector of ``query.dense_text``, or None to rank by words alone.
        limit: most entries to return, 0 or more; past the candidates, some 100 to 300, there is nothing to return.
        allowed: from `Corpus.mask` or `Corpus.where`, no entry outside it is returned; None allows all.
        weights: None takes the defaults.

    Raises:
        ValueError: the vector or the mask has the wrong shape, the vector is not finite, or the limit is negative.
    """
    corpus.refresh()
    size, columns, vectors = corpus.size, corpus.columns, corpus.vectors
    _check(corpus, query_vector, limit, allowed)
    chosen = weights or Weights()
    reachable = columns.alive[:size] if allowed is None else columns.alive[:size] & allowed
    words = signals.lexical(corpus, query.terms, chosen.words_b, chosen.context_b)
    products = cosines = None
    if query_vector is not None:
        products = vectors.scan(np.ascontiguousarray(query_vector, np.float32), size)
        cosines = vectors.pooled(products, columns.before, columns.after)
    rows = _candidates(reachable, cosines, words)
    z_words = _scaled_matches(words.entry[rows], words.best)
    z_context = _scaled_matches(words.window[rows], words.best)
    values = {
        "words": chosen.words * z_words,
        "context": chosen.context * z_context,
        "who": signals.who(corpus, rows, query, chosen.author, chosen.role),
        "date": chosen.date * signals.date(corpus, rows, query.times),
        "time": chosen.time * signals.tells_time(corpus, rows, query),
    }
    if cosines is not None:
        known = vectors.scales[rows] > 0
        expected = _EXPECTED_OF_WORDS * z_words + _EXPECTED_OF_CONTEXT * z_context
        values["dense"] = chosen.dense * _scaled_cosines(cosines[rows], known)
        values["expected"] = chosen.dense * np.where(known, np.float32(0), expected)
    scores = np.zeros(len(rows), np.float32)
    for value in values.values():
        scores += value
    order = np.lexsort((columns.n[rows], -scores))
    best = order[:limit]
    return Ranking(
        ns=columns.n[rows[best]],
        scores=scores[best],
        contributions={name: value[best] for name, value in values.items()},
        features=features_of(rows, order, scores, words, products),
        candidates=len(rows),
        without_vector=int(np.count_nonzero(reachable & (vectors.scales[:size] <= 0))),
    )


def _check(corpus: Corpus, query_vector: Floats | None, limit: int, allowed: Mask | None) -> None:
    if limit < 0:
        raise ValueError("limit must not be negative.")
    if allowed is not None and allowed.shape != (corpus.size,):
        raise ValueError("The mask was made before the corpus last changed.")
    if query_vector is not None:
        dimensions = corpus.vectors.dimensions
        if query_vector.shape != (dimensions,) or not np.isfinite(query_vector).all():
            raise ValueError(f"The query's vector needs {dimensions} finite numbers.")


def _candidates(reachable: Mask, cosines: Floats | None, words: signals.Lexical) -> Rows:
    """Return the rows to score: the best of each searching signal, or all where they are few."""
    if np.count_nonzero(reachable) <= CANDIDATES:
        return np.flatnonzero(reachable).astype(np.int32)
    found = [_top(words.entry, reachable & (words.entry > 0)), _top(words.window, reachable & (words.window > 0))]
    if cosines is not None:
        found.append(_top(cosines, reachable))
    rows = np.unique(np.concatenate(found))
    if len(rows) < MIN_FOR_Z:  # hardly a word matches and there is no vector: the latest stand in
        rows = np.union1d(rows, np.flatnonzero(reachable)[-MIN_FOR_Z:])
    return rows.astype(np.int32)


def _top(values: Floats, reachable: Mask) -> Rows:
    rows = np.flatnonzero(reachable)
    if len(rows) <= CANDIDATES:
        return rows.astype(np.int32)
    reached = values[rows]
    # The boundary value decides, not the order a partition happens to leave: equal rows stay or go together.
    least = np.partition(reached, len(reached) - CANDIDATES)[len(reached) - CANDIDATES]
    return rows[reached >= least][: 4 * CANDIDATES].astype(np.int32)


def _scaled_matches(matches: Floats, best: float) -> Floats:
    """Standardise BM25 scores."""
    if len(matches) >= MIN_FOR_Z:
        return (matches - matches.mean()) / (matches.std() + np.float32(1e-6))
    mean, deviation = _TYPICAL_MATCH
    return (matches / np.float32(max(best, 1e-6)) - np.float32(mean)) / np.float32(deviation)


def _scaled_cosines(cosines: Floats, known: Mask) -> Floats:
    """Standardise cosines; a row whose cosine is not known gets 0."""
    mean, deviation = _TYPICAL_COSINE
    if np.count_nonzero(known) >= MIN_FOR_Z:
        mean, deviation = float(cosines[known].mean()), float(cosines[known].std()) + 1e-6
    return np.where(known, (cosines - np.float32(mean)) / np.float32(deviation), np.float32(0))
