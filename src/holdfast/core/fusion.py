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
from holdfast.core.kinds import QuestionKind
from holdfast.core.late import LATE_CANDIDATES, LATE_WEIGHT, LateQuery, late
from holdfast.core.query import Query
from holdfast.core.traits import INSTRUCTS

MIN_FOR_Z: Final = 30
"""Candidates from which scores are standardised over them."""

CANDIDATES: Final = 100
"""Rows that each of the three searching signals puts up."""

SPREAD_KINDS: Final = QuestionKind.MANY | QuestionKind.ORDER
"""Kinds of questions whose answer is told in many places."""

INSTRUCTIONS: Final = 20
"""Standing instructions that are put up beside them."""

# Mean and deviation over the candidates of a query, rounded from LoCoMo, BEAM and LongMemEval.
_TYPICAL_COSINE: Final = (0.20, 0.10)
_TYPICAL_MATCH: Final = (0.06, 0.06)  # as a share of `Lexical.best`
# Of late interaction: a few candidates that differ less say nothing by it.
_LEAST_SPREAD: Final = 0.02

_FOLDED: Final = 16
"""Values of which the greatest stands for all where a floor is looked for."""

# What the words make expect of a cosine that is not known yet: with these, recall with 10 to 70% of the vectors
# missing stays above that of words alone; with 0, the entries that have a vector push the others out.
_EXPECTED_OF_WORDS: Final = 0.3
_EXPECTED_OF_CONTEXT: Final = 0.5

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Signal:
    """A row of `SIGNALS`: what one signal gives before its weight."""

    name: str
    """Its field of `Weights`."""
    part: str
    """The contribution of a `Ranking` that it is counted in."""
    low: str
    high: str
    gives: str


SIGNALS: Final = (
    Signal(
        "dense", "dense", "about -3", "about 5", "cosine of the question with the entry in its context, standardised"
    ),
    Signal("words", "words", "about -1", "about 8", "BM25 of the entry, standardised"),
    Signal("context", "context", "about -1", "about 8", "BM25 of the entry's surroundings, standardised"),
    Signal("author", "who", "0", "1", "said by the one author the question names, or by nobody in particular"),
    Signal("role", "who", "-0.4", "1", "said by whom the question is about: a person, or the assistant"),
    Signal("date", "date", "0", "1", "nearness to a time the question names"),
    Signal("time", "time", "0", "1", "tells a time where one is asked for"),
    Signal("personal", "personal", "0", "1", "speaks of its speaker, or is said by nobody in particular"),
    Signal("instructs", "instructs", "0", "1", "a standing instruction, where it bears on the answer"),
    Signal("prefers", "prefers", "0", "1", "a taste or an aim, where advice is asked for"),
    Signal("reply", "reply", "0", "4", "answers a question that matches this one"),
    Signal("things", "things", "0", "1", "share of what the question speaks of by name"),
    Signal("spread", "spread", "minus hits of the session", "0", "minus the better hits of its session, to tell more"),
    Signal("recent", "recent", "0", "1", "newness, where what holds now is asked"),
)
"""Every signal of `rank`, in one table; a test holds it against `Weights`."""


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each signal counts: one unit is a standard deviation of the pooled cosine over the candidates.

    The defaults stand in the middle of a plateau found by `bench.fit` on LoCoMo, BEAM and LongMemEval together.
    """

    dense: float = 1.25
    words: float = 0.18
    context: float = 0.8
    """Of the neighbourhood in a space of short entries, of the entry itself in one of long ones: see `rank`."""
    author: float = 4.0
    role: float = 2.6
    date: float = 4.2
    time: float = 1.5
    personal: float = 1.1
    instructs: float = 3.0
    prefers: float = 0.3
    reply: float = 0.2
    things: float = 0.2
    spread: float = 0.2
    recent: float = 0.5
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
    """What each part of `SIGNALS` gave to each score, shape (k,) each; they sum to the score. ``words`` holds what the
    entry's own words gave, ``context`` those of its neighbourhood, ``who`` author and role; ``expected`` stands in for
    ``dense`` while an entry has no vector; ``late`` is there after a closer look alone, ``spread`` where
    a question wants what is told in many places. Below 0 is worse than the
    average candidate."""
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
    closer: LateQuery | None = None,
) -> Ranking:
    """Return the entries that best answer a query.

    Args:
        corpus: what to search.
        query: from `parse_query` with the corpus's key and authors.
        query_vector: unit vector of ``query.dense_text``, or None to rank by words alone.
        limit: most entries to return, 0 or more; past the candidates, some 100 to 300, there is nothing to return.
        allowed: from `Corpus.mask` or `Corpus.where`, no entry outside it is returned; None allows all.
        weights: None takes the defaults.
        closer: tokens of the question, to look closer at the best `LATE_CANDIDATES` with the corpus's token vectors.

    Raises:
        ValueError: the vector or the mask has the wrong shape, the vector is not finite, or the limit is negative.
    """
    corpus.refresh()
    size, columns, vectors = corpus.size, corpus.columns, corpus.vectors
    _check(corpus, query_vector, limit, allowed)
    chosen = weights or Weights()
    reachable = columns.alive[:size] if allowed is None else columns.alive[:size] & allowed
    words = signals.lexical(corpus, query.terms, chosen.words_b, chosen.context_b, query.spoken_of)
    products = cosines = None
    if query_vector is not None:
        products = vectors.scan(np.ascontiguousarray(query_vector, np.float32), size)
        cosines = vectors.pooled(products, columns.before, columns.after)
    rows = candidates(corpus, query, reachable, cosines, words)
    values = weighed(corpus, query, rows, words, cosines, chosen)
    scores = np.zeros(len(rows), np.float32)
    for value in values.values():
        scores += value
    order = np.lexsort((columns.n[rows], -scores))
    if closer is not None and len(rows):
        values["late"] = _late(corpus, rows, order, closer)
        scores = scores + values["late"]
        order = np.lexsort((columns.n[rows], -scores))
    if query.kinds & SPREAD_KINDS and len(rows):
        values["spread"] = chosen.spread * _better_of_session(columns.session[rows], scores, order)
        scores = scores + values["spread"]
        order = np.lexsort((columns.n[rows], -scores))
    best = order[:limit]
    return Ranking(
        ns=columns.n[rows[best]],
        scores=scores[best],
        contributions={name: value[best] for name, value in values.items()},
        features=features_of(rows, order, scores, words, products),
        candidates=len(rows),
        without_vector=int(np.count_nonzero(reachable[corpus.lacking()])),
    )


def _better_of_session(sessions: NDArray[np.int32], scores: Floats, order: NDArray[np.intp]) -> Floats:
    """Return for each candidate minus how many of its session score better, 0 without a session."""
    together = order[np.argsort(sessions[order], kind="stable")]
    grouped, ranked = sessions[together], scores[together]
    places = np.arange(len(together))
    opens = np.append(True, grouped[1:] != grouped[:-1])
    worse = opens | np.append(True, ranked[1:] != ranked[:-1])
    first = np.maximum.accumulate(np.where(opens, places, 0))
    better = np.maximum.accumulate(np.where(worse, places, 0)) - first
    lost = np.zeros(len(together), np.float32)
    lost[together] = np.where(grouped > 0, -better, 0)
    return lost


def _late(corpus: Corpus, rows: Rows, order: NDArray[np.intp], closer: LateQuery) -> Floats:
    """Return what late interaction gives the best of the candidates; the others get what the least of these gets."""
    looked = order[:LATE_CANDIDATES]
    values = late(corpus.columns, corpus.tokens, rows[looked], closer)
    # The longer entries are, the less their leading tokens say of them.
    weight = np.float32(LATE_WEIGHT * (1 - corpus.statistics().long_share))
    scaled = weight * (values - values.mean()) / np.float32(max(float(values.std()), _LEAST_SPREAD))
    given = np.full(len(rows), scaled.min(), np.float32)
    given[looked] = scaled
    return given


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
    scale = _scale_of_matches(of_entry, words.best)
    z_words = _scaled(of_entry, *scale)
    z_context = _scaled(of_window, *_scale_of_matches(of_window, words.best))
    # The longer entries are, the less a neighbour adds to what an entry says itself: its weight passes to the entry.
    alone = np.float32(corpus.statistics().long_share)
    values = {
        "words": (chosen.words + alone * chosen.context) * z_words,
        "context": (1 - alone) * chosen.context * z_context,
        "who": chosen.author * signals.author(corpus, places, query)
        + chosen.role * signals.role(corpus, places, query),
        "date": chosen.date * signals.date(corpus, places, query.times),
        "time": chosen.time * signals.tells_time(corpus, places, query),
        "personal": chosen.personal * signals.personal(corpus, places),
        "instructs": chosen.instructs * signals.instructs(corpus, places, query),
        "prefers": chosen.prefers * signals.prefers(corpus, places, query),
        "reply": chosen.reply * signals.reply(corpus, places, words.entry, *scale),
        "recent": chosen.recent * signals.recent(corpus, places, query),
    }
    if words.things is not None:
        values["things"] = chosen.things * words.things[places]
    if cosines is not None:
        known = corpus.vectors.scales[places] > 0
        expected = _EXPECTED_OF_WORDS * z_words + _EXPECTED_OF_CONTEXT * z_context
        values["dense"] = chosen.dense * _scaled_cosines(cosines[places], known)
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
    rows = np.unique(np.concatenate(found))
    if len(rows) < MIN_FOR_Z:  # hardly a word matches and there is no vector: the latest stand in
        rows = np.union1d(rows, np.flatnonzero(reachable)[-MIN_FOR_Z:])
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
    return rows[reached >= least][: 4 * count].astype(np.int32)


def _floor(values: Floats, count: int) -> np.float32:
    """Return a value that at least so many of the values reach and most do not, found without looking at each alone."""
    folds = len(values) // _FOLDED
    if folds <= count:
        return np.float32(-np.inf)
    greatest = values[: _FOLDED * folds].reshape(_FOLDED, folds).max(axis=0)
    return np.partition(greatest, folds - count)[folds - count]


def _scale_of_matches(matches: Floats, best: float) -> tuple[np.float32, np.float32]:
    """Return the mean and the deviation that BM25 scores are standardised by."""
    if len(matches) >= MIN_FOR_Z:
        mean, deviation = _moments(matches)
        return np.float32(mean), np.float32(deviation + 1e-6)
    mean, deviation = _TYPICAL_MATCH
    return np.float32(mean * best), np.float32(deviation * max(best, 1e-6))


def _moments(values: Floats) -> tuple[np.float32, np.float32]:
    """Return the mean and the deviation, with less ado than NumPy's own functions for a few hundred values."""
    count = len(values)
    mean = np.float32(np.add.reduce(values) / count)
    apart = values - mean
    return mean, np.sqrt(np.float32(np.add.reduce(apart * apart) / count))


def _scaled(values: Floats, mean: np.float32, deviation: np.float32) -> Floats:
    return (values - mean) / deviation


def _scaled_cosines(cosines: Floats, known: Mask) -> Floats:
    """Standardise cosines; a row whose cosine is not known gets 0."""
    mean, deviation = _TYPICAL_COSINE
    if np.count_nonzero(known) >= MIN_FOR_Z:
        mean, deviation = map(float, _moments(cosines[known]))
        deviation += 1e-6
    return np.where(known, (cosines - np.float32(mean)) / np.float32(deviation), np.float32(0))
