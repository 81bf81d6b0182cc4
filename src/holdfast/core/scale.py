"""Standardising scores over the candidates of a question, so that they can be added."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

MIN_FOR_Z: Final = 30
"""Candidates from which scores are standardised over them."""

# Mean and deviation over the candidates of a query, rounded from LoCoMo, BEAM and LongMemEval.
_TYPICAL_COSINE: Final = (0.20, 0.10)
_TYPICAL_MATCH: Final = (0.06, 0.06)  # as a share of `Lexical.best`

Floats = NDArray[np.float32]


def scale_of_matches(matches: Floats, best: float) -> tuple[np.float32, np.float32]:
    """Return the mean and the deviation that BM25 scores are standardised by.

    Args:
        matches: of the candidates.
        best: what an entry would reach that said every word of the query over and over.
    """
    if len(matches) >= MIN_FOR_Z:
        mean, deviation = moments(matches)
        return np.float32(mean), np.float32(deviation + 1e-6)
    mean, deviation = _TYPICAL_MATCH
    return np.float32(mean * best), np.float32(deviation * max(best, 1e-6))


def moments(values: Floats) -> tuple[np.float32, np.float32]:
    """Return the mean and the deviation, with less ado than NumPy's own functions for a few hundred values."""
    count = len(values)
    mean = np.float32(np.add.reduce(values) / count)
    apart = values - mean
    return mean, np.sqrt(np.float32(np.add.reduce(apart * apart) / count))


def scaled(values: Floats, mean: np.float32, deviation: np.float32) -> Floats:
    """Return values less a mean, in deviations."""
    return (values - mean) / deviation


def scaled_cosines(cosines: Floats, known: NDArray[np.bool_]) -> Floats:
    """Standardise cosines; a row whose cosine is not known gets 0."""
    mean, deviation = _TYPICAL_COSINE
    if np.count_nonzero(known) >= MIN_FOR_Z:
        mean, deviation = map(float, moments(cosines[known]))
        deviation += 1e-6
    return np.where(known, (cosines - np.float32(mean)) / np.float32(deviation), np.float32(0))
