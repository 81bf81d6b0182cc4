"""Weights of a sum that put evidence before the rest, by a convex loss: one answer, wherever the search starts.

A piece of evidence loses ``log(1 + sum of exp(score of each other candidate - its score))``: nothing where it stands
above all that is no evidence, and the less the fewer stand above it (listwise softmax; Cao and others 2007, Xia and
others 2008). Questions weigh the same within a data set, and data sets the same whatever their size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_STEPS = 25
_ENOUGH = 1e-9
"""A step that gains less than this ends the search."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Case:
    """One question's candidates: the value of every signal, and which are evidence."""

    data: int
    values: NDArray[np.float32]
    """Shape (candidates, signals)."""
    gold: NDArray[np.bool_]


def fitted(cases: Sequence[Case], prior: Floats, ridge: float) -> Floats:
    """Return the weights of least loss, shape (signals,), by Newton's method.

    Args:
        cases: a case without evidence among its candidates says nothing.
        prior: what weights shrink towards.
        ridge: how strongly, in loss for a distance of 1: half of it times the square.
    """
    table = _Table.of([case for case in cases if case.gold.any()])
    weights, loss = prior.astype(float), table.loss(prior) if len(table.share) else 0.0
    for _ in range(_STEPS if len(table.share) else 0):
        slope, curve = table.derivatives(weights)
        slope += ridge * (weights - prior)
        step = np.linalg.solve(curve + (ridge + 1e-9) * np.eye(len(prior)), slope)
        for halved in range(14):
            tried = weights - step / 2**halved
            found = table.loss(tried) + ridge / 2 * float(np.sum((tried - prior) ** 2))
            if found < loss:
                break
        else:
            return weights
        gained, weights, loss = loss - found, tried, found
        if gained < _ENOUGH:
            break
    return weights


@dataclass(frozen=True, slots=True)
class _Table:
    """Cases side by side, padded to the most candidates."""

    values: NDArray[np.float32]
    """Shape (cases, candidates, signals)."""
    other: NDArray[np.bool_]
    """Candidates that are no evidence, shape (cases, candidates)."""
    case: NDArray[np.int64]
    place: NDArray[np.int64]
    """Case and candidate of each piece of evidence."""
    share: Floats
    """What each piece of evidence weighs; all together 1."""

    @classmethod
    def of(cls, cases: Sequence[Case]) -> _Table:
        most = max((len(case.gold) for case in cases), default=0)
        signals = cases[0].values.shape[1] if cases else 0
        values = np.zeros((len(cases), most, signals), np.float32)
        gold, other = np.zeros((2, len(cases), most), np.bool_)
        for row, case in enumerate(cases):
            count = len(case.gold)
            values[row, :count], gold[row, :count], other[row, :count] = case.values, case.gold, ~case.gold
        data = np.array([case.data for case in cases], np.int64)
        of_data = np.array([1 / np.count_nonzero(data == one) for one in data.tolist()]) / max(len(np.unique(data)), 1)
        case, place = np.nonzero(gold)
        return cls(values, other, case, place, (of_data / np.maximum(gold.sum(axis=1), 1))[case])

    def _scores(self, weights: Floats) -> tuple[Floats, Floats, Floats]:
        """Return by case the chances of the others and the logarithm of their sum; by evidence how far it is below."""
        scores = (self.values @ weights.astype(np.float32)).astype(float)
        others = np.where(self.other, scores, -np.inf)
        most = np.maximum(others.max(axis=1, initial=-np.inf), -1e9)
        shares = np.exp(others - most[:, None])
        total = shares.sum(axis=1)
        log_total = np.where(total > 0, most + np.log(np.maximum(total, 1e-300)), -1e9)
        chances = shares / np.maximum(total, 1e-300)[:, None]
        return chances, log_total, log_total[self.case] - scores[self.case, self.place]

    def loss(self, weights: Floats) -> float:
        return float(self.share @ np.logaddexp(0, self._scores(weights)[2]))

    def derivatives(self, weights: Floats) -> tuple[Floats, Floats]:
        """Return the first and the second derivative of the loss."""
        chances, _, below = self._scores(weights)
        lost = 1 / (1 + np.exp(-below))
        mean = np.einsum("cn,cns->cs", chances, self.values)
        apart = mean[self.case] - self.values[self.case, self.place]
        pulled = self.share * lost
        by_case = np.bincount(self.case, pulled, len(mean))
        spread = np.einsum("cn,cns,cnt->st", chances * by_case[:, None], self.values, self.values, optimize=True)
        spread -= (mean * by_case[:, None]).T @ mean
        return pulled @ apart, (apart * (pulled * (1 - lost))[:, None]).T @ apart + spread
