"""Signals that look again: at the order that the others give, and at the tokens of the best candidates.

Each is a pure function that gives every candidate a number, as those of `signals` do.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from holdfast.core.columns import distinct
from holdfast.core.corpus import Corpus, Rows
from holdfast.core.kinds import QuestionKind
from holdfast.core.late import LateQuery, late
from holdfast.core.query import Query
from holdfast.core.scale import moments, scaled_cosines

SPREAD_KINDS: Final = QuestionKind.MANY | QuestionKind.ORDER
"""Kinds of questions whose answer is told in many places."""

MANY_CLOSER: Final = 1.5
"""How much more its own tokens say of an entry where all there is is wanted: each is to speak for itself."""

NEWEST_AMONG: Final = 30
"""Best candidates among which what says nearly the same is looked for."""
NEARLY_THE_SAME: Final = 0.75
"""Cosine of two entries from which they count as mentions of one thing; MiniLM gives "My phone number is 555-1111" and
another number .9, and two facts about one person .2 to .5."""
_SAME_SHARE: Final = 0.05
_LEAST_SHARE: Final = 0.5
# Of late interaction: a few candidates that differ less say nothing by it.
_LEAST_SPREAD: Final = 0.02

Floats = NDArray[np.float32]
Order = NDArray[np.intp]


def better_of_session(sessions: NDArray[np.int32], scores: Floats, order: Order) -> Floats:
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


def newest_first(corpus: Corpus, rows: Rows, scores: Floats, order: Order, covered: Floats) -> Floats:
    """Return what makes the newest of those that say nearly the same change places with the best of them.

    Among the best `NEWEST_AMONG`, entries of one author whose vectors have a cosine of `NEARLY_THE_SAME` or more keep
    their places among themselves, and take them by their time. While one has no vector, those are taken for the same
    that hold the same share of the question's words, half of them or more. The changes of a group add up to 0.

    Args:
        rows: the candidates, shape (c,).
        scores: of the candidates.
        order: the candidates from best to worst.
        covered: share of the question's words that each candidate holds.
    """
    given = np.zeros(len(rows), np.float32)
    top = order[:NEWEST_AMONG]
    if len(top) < 2:
        return given
    held, columns = rows[top], corpus.columns
    codes = corpus.vectors.codes(held).astype(np.float32)
    codes /= np.maximum(np.sqrt(np.einsum("ij,ij->i", codes, codes)), 1e-12)[:, None]
    known = corpus.vectors.scales[held] > 0
    shares = covered[top]
    worded = (np.abs(shares[:, None] - shares) <= _SAME_SHARE) & (shares >= _LEAST_SHARE)
    same = np.where(known[:, None] & known, codes @ codes.T >= NEARLY_THE_SAME, worded)
    authors, said = columns.author[held], columns.said_ms[held]
    same &= authors[:, None] == authors
    left = np.ones(len(top), np.bool_)
    for place in range(len(top)):
        group = np.flatnonzero(same[place] & left)
        if not left[place] or len(group) < 2:
            continue
        left[group] = False
        newest = group[np.lexsort((-columns.n[held[group]], -said[group]))]
        given[top[newest]] = scores[top[group]] - scores[top[newest]]
    return given


def closer(corpus: Corpus, rows: Rows, query: Query, look: LateQuery) -> Floats:
    """Return how the tokens of each row answer those of the question, standardised over the rows that were looked at.

    The others get what the least of these gets. Where all there is is wanted, `MANY_CLOSER` times as much.
    """
    looked = np.isin(corpus.columns.n[rows], look.looked)
    if not looked.any():
        return np.zeros(len(rows), np.float32)
    values = late(corpus.columns, corpus.tokens, rows[looked], look)
    mean, deviation = moments(values)
    standard = (values - mean) / np.float32(max(float(deviation), _LEAST_SPREAD))
    given = np.full(len(rows), standard.min(), np.float32)
    given[looked] = standard
    return given * np.float32(MANY_CLOSER) if query.kinds & QuestionKind.MANY else given


def topic(corpus: Corpus, rows: Rows, vector: Floats) -> Floats:
    """Return the cosine of a vector with each row in its context, standardised; 0 for rows that have no vector."""
    columns, vectors = corpus.columns, corpus.vectors
    first = columns.before[rows]
    needed = distinct(np.concatenate((rows, first, columns.before[first], columns.after[rows])))
    products = np.zeros(corpus.size, np.float32)
    products[needed] = vectors.scan_rows(vector, needed)
    return scaled_cosines(vectors.pooled_rows(products, rows, columns.before, columns.after), vectors.scales[rows] > 0)
