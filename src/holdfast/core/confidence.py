"""Whether there is any evidence at all."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp
from typing import Final

import numpy as np
from numpy.typing import NDArray

from holdfast.core.signals import Lexical

Floats = NDArray[np.float32]

_TOP: Final = 10
FEW: Final = 30
"""Candidates from which their spread says something."""
# Constant, then one factor for each of `inputs`: printed by `python -m bench.fit --only confidence`.
_WITH_VECTORS: Final = (-4.018, 3.854, 0.532, 1.257, 0.181)
_WORDS_ALONE: Final = (-2.817, 0.0, 1.672, 1.570, 0.278)
# Of a space, or what a filter leaves of one, with fewer than 30 entries: whether it knows is then another question,
# for what has nothing to do with it is not drowned by much that has a little.
_FEW_WITH_VECTORS: Final = (-2.921, 5.224, 2.451, 0.0, 0.0)
_FEW_WORDS_ALONE: Final = (-1.419, 0.0, 4.463, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Features:
    """What a ranking says of the evidence in it."""

    candidates: int = 0
    best_cosine: float = 0.0
    """Greatest cosine of the query with one of the ten best, -1 to 1; 0 without vectors."""
    covered: float = 0.0
    """Greatest share of the query's words, weighted by rarity, in one of the ten best, 0 to 1."""
    window_covered: float = 0.0
    """Likewise in one of the ten best with its neighbours, 0 to 1."""
    lead: float = 0.0
    """How far the best stands above the tenth in units of the score, 0 or more; 0 where candidates are few."""
    has_vectors: bool = False


def features_of(
    rows: NDArray[np.int32], order: NDArray[np.intp], scores: Floats, words: Lexical, products: Floats | None
) -> Features:
    """Return the features of a ranking.

    Args:
        rows: the candidates, shape (c,).
        order: the candidates from best to worst, shape (c,).
        scores: of the candidates, shape (c,).
        words: matches of every row.
        products: cosine of the query with every row, None without a query vector.
    """
    if not len(rows):
        return Features()
    top = rows[order[:_TOP]]
    return Features(
        candidates=len(rows),
        best_cosine=float(products[top].max()) if products is not None else 0.0,
        covered=float(words.covered[top].max()),
        window_covered=float(words.window_covered[top].max()),
        lead=float(scores[order[0]] - scores[order[_TOP - 1]]) if len(rows) >= FEW else 0.0,
        has_vectors=products is not None,
    )


def inputs(features: Features) -> tuple[float, ...]:
    """Return the numbers that the coefficients of `confidence` go with."""
    if features.candidates < FEW:  # the neighbours of what stands nearly alone say nothing
        return features.best_cosine, features.covered, 0.0, 0.0
    return features.best_cosine, features.covered, features.window_covered, features.lead


def confidence(features: Features) -> float:
    """Return the probability, 0 to 1, that evidence is among the ten best entries.

    Calibrated for one who asks as often for what is there as for what is not. It tells well when a question
    belongs to another conversation, its names replaced by names of this one (area under the ROC curve .94 on
    LoCoMo, .91 on BEAM), less well when just the evidence is missing from the right conversation (.70, .65,
    and .82 on a pool of LongMemEval), and hardly when a question puts a false detail to a true story (.57), or asks
    for a detail of what was said that nobody gave (.41 on 20 questions of BEAM): it weighs how much speaks to the
    question, and does not read whether it answers it. Spaces of less than 30 entries, drawn from the same, are
    told .85, .72 and .94 with their evidence from without. All figures are of conversations left out of the fit.
    """
    if not features.candidates:
        return 0.0
    if features.candidates < FEW:
        coefficients = _FEW_WITH_VECTORS if features.has_vectors else _FEW_WORDS_ALONE
    else:
        coefficients = _WITH_VECTORS if features.has_vectors else _WORDS_ALONE
    logit = sum(factor * value for factor, value in zip(coefficients, (1.0, *inputs(features)), strict=True))
    return 1 / (1 + exp(-logit))
