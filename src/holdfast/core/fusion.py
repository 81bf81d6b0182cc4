"""Joining the signals into one ranking.

A candidate's score is the weighted sum of its signals. Signals without a natural scale (cosine, BM25) are
standardised over the candidates; with fewer than `MIN_FOR_Z` of them mean and deviation say little, and
fixed ones, typical of larger spaces, take their place. Only the caller's mask excludes an entry.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from holdfast.core import signals
from holdfast.core.columns import distinct
from holdfast.core.confidence import Features, features_of
from holdfast.core.corpus import EXACT_ENTRIES, Corpus, Mask, Rows
from holdfast.core.kinds import QuestionKind
from holdfast.core.late import LateQuery
from holdfast.core.order import SPREAD_KINDS, better_of_session, closer, newest_first, topic
from holdfast.core.query import Query
from holdfast.core.scale import MIN_FOR_Z, scale_of_matches, scaled, scaled_cosines
from holdfast.core.traits import INSTRUCTS
from holdfast.core.weights import SIGNALS, THOROUGH, Weights, applied

if TYPE_CHECKING:  # loaded where a space is large
    from holdfast.core.wide import Near

CANDIDATES: Final = 100
"""Rows that each of the three searching signals puts up."""

INSTRUCTIONS: Final = 20
"""Standing instructions that are put up beside them."""

_FOLDED: Final = 16
"""Values of which the greatest stands for all where a floor is looked for."""

# What the words make expect of a cosine that is not known yet: with these, recall with 10 to 70% of the vectors
# missing stays above that of words alone; with 0, the entries that have a vector push the others out.
_EXPECTED_OF_WORDS: Final = 0.3
_EXPECTED_OF_CONTEXT: Final = 0.5

Floats = NDArray[np.float32]

__all__ = ["CANDIDATES", "INSTRUCTIONS", "SIGNALS", "THOROUGH", "Ranking", "Weights", "best_of", "rank"]


@dataclass(frozen=True, slots=True)
class Ranking:
    """The best entries, best first; equal ones by their number, the newest first where what holds now is asked."""

    ns: NDArray[np.int64]
    """Local numbers, shape (k,)."""
    scores: Floats
    """Weighted sums, falling, shape (k,); comparable within one ranking only."""
    contributions: dict[str, Floats]
    """What each part of `SIGNALS` gave to each score, shape (k,) each; they sum to the score. ``words`` holds what the
    entry's own words gave, ``context`` those of its neighbourhood, ``who`` author and role; ``expected`` stands in for
    ``dense`` while an entry has no vector; ``late`` and ``topic`` are there after a closer look alone, ``spread`` where
    a question wants what is told in many places, ``recent`` where it wants what holds now. Below 0 is worse than the
    average candidate."""
    weights: Weights
    """What the signals were weighed by in this space: see `weights.applied`."""
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
    look: LateQuery | None = None,
    near: Near | None = None,
) -> Ranking:
    """Return the entries that best answer a query.

    Args:
        corpus: what to search.
        query: from `parse_query` with the corpus's key and authors.
        query_vector: unit vector of ``query.dense_text``, or None to rank by words alone.
        limit: most entries to return, 0 or more; past the candidates, some 100 to 300, there is nothing to return.
        allowed: from `Corpus.mask` or `Corpus.where`, no entry outside it is returned; None allows all.
        weights: None takes the defaults, and `THOROUGH` with ``look``.
        look: what a closer look goes by, at entries whose tokens the corpus has.
        near: an index of the corpus's vectors; asked in a corpus of more than `EXACT_ENTRIES` alone.

    Raises:
        ValueError: the vector or the mask has the wrong shape, the vector is not finite, or the limit is negative.
    """
    corpus.refresh()
    size, columns = corpus.size, corpus.columns
    _check(corpus, query_vector, limit, allowed)
    chosen = applied(weights or (Weights() if look is None else THOROUGH), corpus.statistics().long_share)
    reachable = columns.alive[:size] if allowed is None else columns.alive[:size] & allowed
    vector = None if query_vector is None else np.ascontiguousarray(query_vector, np.float32)
    rows, words, products, cosines = _searched(corpus, query, vector, reachable, near, chosen)
    values = weighed(corpus, query, rows, words, cosines, chosen)
    scores = np.zeros(len(rows), np.float32)
    if look is not None:
        values["late"] = chosen.late * closer(corpus, rows, query, look)
        if look.topic is not None and chosen.topic:
            values["topic"] = chosen.topic * topic(corpus, rows, look.topic)
    for value in values.values():
        scores += value
    order = _ordered(corpus, query, rows, scores)
    if query.kinds & QuestionKind.LATEST:
        values["recent"] = np.float32(chosen.recent) * newest_first(corpus, rows, scores, order, words.covered[rows])
        scores += values["recent"]
        order = _ordered(corpus, query, rows, scores)
    if query.kinds & SPREAD_KINDS and len(rows):
        values["spread"] = np.float32(chosen.spread) * better_of_session(columns.session[rows], scores, order)
        scores += values["spread"]
        order = _ordered(corpus, query, rows, scores)
    best = order[:limit]
    return Ranking(
        ns=columns.n[rows[best]],
        scores=scores[best],
        contributions={name: value[best] for name, value in values.items()},
        weights=chosen,
        features=features_of(rows, order, scores, words, products),
        candidates=len(rows),
        without_vector=int(np.count_nonzero(reachable[corpus.lacking()])),
    )


def _searched(
    corpus: Corpus, query: Query, vector: Floats | None, reachable: Mask, near: Near | None, chosen: Weights
) -> tuple[Rows, signals.Lexical, Floats | None, Floats | None]:
    """Return the rows put up, their words, products and cosines; of a large corpus, nothing is told of other rows."""
    if len(corpus) > EXACT_ENTRIES:
        from holdfast.core import wide

        b = chosen.words_b, chosen.context_b
        asked = wide.Asked(query, vector, reachable, near, *b, CANDIDATES, INSTRUCTIONS, MIN_FOR_Z)
        found = wide.search(corpus, asked)
        return found.rows, found.words, found.products, found.cosines
    words = signals.lexical(corpus, query.terms, chosen.words_b, chosen.context_b, query.spoken_of)
    products = cosines = None
    if vector is not None:
        products = corpus.vectors.scan(vector, corpus.size)
        cosines = corpus.vectors.pooled(products, corpus.columns.before, corpus.columns.after)
    return candidates(corpus, query, reachable, cosines, words), words, products, cosines


def _ordered(corpus: Corpus, query: Query, rows: Rows, scores: Floats) -> NDArray[np.intp]:
    """Return the candidates from best to worst: see `Ranking`."""
    ns = corpus.columns.n[rows]
    if query.kinds & QuestionKind.LATEST:
        return np.lexsort((-ns, -corpus.columns.said_ms[rows], -scores))
    return np.lexsort((ns, -scores))


def weighed(
    corpus: Corpus,
    query: Query,
    rows: Rows,
    words: signals.Lexical,
    cosines: Floats | None,
    chosen: Weights,
) -> dict[str, Floats]:
    """Return what every part gives to every candidate."""
    places = rows.astype(np.intp)  # what NumPy indexes by: it would convert other numbers at every use
    of_entry, of_window = words.entry[places], words.window[places]
    scale = scale_of_matches(of_entry, words.best)
    z_words = scaled(of_entry, *scale)
    z_context = scaled(of_window, *scale_of_matches(of_window, words.best))
    values = {
        "words": chosen.words * z_words,
        "context": chosen.context * z_context,
        "who": chosen.author * signals.author(corpus, places, query)
        + chosen.role * signals.role(corpus, places, query),
        "date": chosen.date * signals.date(corpus, places, query.times),
        "time": chosen.time * signals.tells_time(corpus, places, query),
        "personal": chosen.personal * signals.personal(corpus, places),
        "instructs": chosen.instructs * signals.instructs(corpus, places, query),
        "prefers": chosen.prefers * signals.prefers(corpus, places, query),
        "reply": chosen.reply * signals.reply(corpus, places, words.entry, *scale),
    }
    if words.things is not None:
        values["things"] = chosen.things * words.things[places]
    if cosines is not None:
        known = corpus.vectors.scales[places] > 0
        expected = _EXPECTED_OF_WORDS * z_words + _EXPECTED_OF_CONTEXT * z_context
        values["dense"] = chosen.dense * scaled_cosines(cosines[places], known)
        values["expected"] = chosen.dense * np.where(known, np.float32(0), expected)
    return values


def _check(corpus: Corpus, query_vector: Floats | None, limit: int, allowed: Mask | None) -> None:
    if limit < 0:
        raise ValueError("limit must not be negative.")
    if allowed is not None and allowed.shape != (corpus.size,):
        raise ValueError("The mask was made before the corpus last changed.")
    if query_vector is not None:
        dimensions = corpus.vectors.dimensions
        if query_vector.shape != (dimensions,) or not np.isfinite(query_vector).all():
            raise ValueError(f"The query's vector needs {dimensions} finite numbers.")


def candidates(corpus: Corpus, query: Query, reachable: Mask, cosines: Floats | None, words: signals.Lexical) -> Rows:
    """Return the rows to score: the best of each searching signal, or all where they are few."""
    if np.count_nonzero(reachable) <= CANDIDATES:
        return np.flatnonzero(reachable).astype(np.int32)
    found = [best_of(words.entry, reachable & (words.entry > 0)), best_of(words.window, reachable & (words.window > 0))]
    if cosines is not None:
        found.append(best_of(cosines, reachable))
    if signals.wants_instructions(query):
        # They bear on an answer without sharing its words: "Always show the units".
        flagged = reachable & ((corpus.columns.flags[: corpus.size] & INSTRUCTS) > 0)
        found.append(best_of(words.window if cosines is None else cosines, flagged, INSTRUCTIONS))
    rows = distinct(np.concatenate(found))
    if len(rows) < MIN_FOR_Z:  # hardly a word matches and there is no vector: the latest stand in
        rows = distinct(np.concatenate((rows, np.flatnonzero(reachable)[-MIN_FOR_Z:])))
    return rows.astype(np.int32)


def best_of(values: Floats, reachable: Mask, count: int = CANDIDATES) -> Rows:
    """Return the reachable rows of the greatest values, rising: so many, up to four times as many where equal."""
    rows = np.flatnonzero(reachable & (values >= _floor(values, 2 * count)))
    if len(rows) < count:  # too many of the great values are out of reach
        rows = np.flatnonzero(reachable)
    if len(rows) <= count:
        return rows.astype(np.int32)
    reached = values[rows]
    # The boundary value decides, not the order a partition happens to leave: equal rows stay or go together.
    least = np.partition(reached, len(reached) - count)[len(reached) - count]
    return rows[reached >= least][-4 * count :].astype(np.int32)


def _floor(values: Floats, count: int) -> np.float32:
    """Return a value that at least so many of the values reach and most do not, found without looking at each alone."""
    folds = len(values) // _FOLDED
    if folds <= count:
        return np.float32(-np.inf)
    greatest = values[: _FOLDED * folds].reshape(_FOLDED, folds).max(axis=0)
    return np.partition(greatest, folds - count)[folds - count]
