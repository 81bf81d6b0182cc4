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
_FEW: Final = 30
# Means over questions with and without evidence, with vectors and by words alone.
_TYPICAL_LEAD: Final = 3.0
_TYPICAL_LEAD_OF_WORDS: Final = 1.5

# Constant, then one factor for each of `inputs`: printed by `bench.fit`.
_WITH_VECTORS: Final = (-3.860, 3.635, 1.095, 0.938, 0.284)
_WORDS_ALONE: Final = (-2.576, 0.0, 1.858, 1.516, 0.508)


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
    lead: float = _TYPICAL_LEAD
    """How far the best stands above the tenth in units of the score, 0 or more; typical where candidates are few."""
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
    typical = _TYPICAL_LEAD if products is not None else _TYPICAL_LEAD_OF_WORDS
    return Features(
        candidates=len(rows),
        best_cosine=float(products[top].max()) if products is not None else 0.0,
        covered=float(words.covered[top].max()),
        window_covered=float(words.window_covered[top].max()),
        lead=float(scores[order[0]] - scores[order[_TOP - 1]]) if len(rows) >= _FEW else typical,
        has_vectors=products is not None,
    )


def inputs(features: Features) -> tuple[float, ...]:
    """Return the numbers that the coefficients of `confidence` go with."""
    return features.best_cosine, features.covered, features.window_covered, features.lead


def confidence(features: Features) -> float:
    """Return the probability, 0 to 1, that evidence is among the ten best entries.

    Calibrated for one who asks as often for what is there as for what is not. It tells well when a question
    belongs to another conversation, its names replaced by names of this one (area under the ROC curve .93 on
    LoCoMo, .91 on BEAM), less well when just the evidence is missing from the right conversation (.69, .64,
    and .81 on a pool of LongMemEval), and hardly when a question puts a false detail to a true story (.56):
    it weighs how much speaks to the question, and does not read whether it answers it. All figures are of
    conversations left out of the fit.
    """
    if not features.candidates:
        return 0.0
    coefficients = _WITH_VECTORS if features.has_vectors else _WORDS_ALONE
    logit = sum(factor * value for factor, value in zip(coefficients, (1.0, *inputs(features)), strict=True))
    return 1 / (1 + exp(-logit))
