"""What is counted: recall of evidence, intervals, controls. Pure functions, no data set and no engine.

A ranking is judged by which of its entries are evidence (``gold``, best first) and how long each is
(``tokens``). Every share is from 0 to 1 and greater is better.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from holdfast.core.budget import fill

CUTS = (5, 10, 20, 50)
BUDGETS = (500, 1_000, 2_000, 4_000)
ALL_WITHIN = 10
MEASURES = (
    *(f"R@{cut}" for cut in CUTS),
    f"all@{ALL_WITHIN}",
    *(f"{budget} tok" for budget in BUDGETS),
    *(f"{budget} tok, prefix" for budget in BUDGETS),
)
"""What `judge` gives, in order."""

RESAMPLES = 2_000
CHANCE_TIMES = 0.25
"""A control has collapsed when it keeps at most this share of what the score has above chance."""

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with the bounds of its 95% interval."""

    mean: float
    low: float
    high: float


def judge(gold: Bools, tokens: Sequence[int], evidence: int) -> Floats:
    """Return one share for each of `MEASURES`.

    Args:
        gold: whether each ranked entry is evidence, best first.
        tokens: length of each ranked entry.
        evidence: how many entries are evidence, ranked or not; 1 or more.
    """
    at = [share(gold[:cut], evidence) for cut in CUTS]
    filled = [share(gold[fill_by(tokens, budget)], evidence) for budget in BUDGETS]
    prefix = [share(gold[: prefix_within(tokens, budget)], evidence) for budget in BUDGETS]
    return np.array([*at, float(share(gold[:ALL_WITHIN], evidence) == 1), *filled, *prefix])


def share(gold: Bools, evidence: int) -> float:
    """Return how much of the evidence there is among what was taken."""
    if evidence < 1:
        raise ValueError("A question without evidence has no recall; leave it out.")
    return float(np.count_nonzero(gold)) / evidence


def fill_by(tokens: Sequence[int], budget: int) -> list[int]:
    """Return the positions taken in list order, passing over what is too long for what is left."""
    lengths = {str(place): length for place, length in enumerate(tokens)}
    return fill(lengths, budget, lengths.__getitem__)


def prefix_within(tokens: Sequence[int], budget: int) -> int:
    """Return how many of the leading entries fit into a budget together, stopping at the first that does not."""
    return int(np.searchsorted(np.cumsum(np.asarray(tokens, np.int64)), budget, "right"))


def counted(clusters: Sequence[object], resamples: int, seed: int) -> NDArray[np.int64]:
    """Return how often each distinct cluster, in order of appearance, is drawn by each resample.

    Shape (resamples, clusters); each row sums to the number of clusters.
    """
    size = len(dict.fromkeys(clusters))
    generator = np.random.default_rng(seed)
    return generator.multinomial(size, np.full(size, 1 / size), resamples)


def places_of(clusters: Sequence[object]) -> NDArray[np.int64]:
    """Return the number of each item's cluster, in order of appearance."""
    numbers = {name: place for place, name in enumerate(dict.fromkeys(clusters))}
    return np.array([numbers[name] for name in clusters], np.int64)


def bootstrap(values: Floats, clusters: Sequence[object], *, seed: int, resamples: int = RESAMPLES) -> Interval:
    """Return the mean of values and its 95% percentile interval when whole clusters are drawn with replacement.

    Questions of one conversation share its entries and people, so they are not independent; conversations are.
    Given differences between two systems on the same questions this is the paired bootstrap. With a single cluster
    there is nothing to draw from and the bounds are NaN.

    Args:
        values: one a question, shape (n,), n 1 or more.
        clusters: the conversation of each question.
        seed: of the draws; the same one gives the same interval.
    """
    places = places_of(clusters)
    sums = np.bincount(places, values)
    sizes = np.bincount(places)
    mean = float(values.mean())
    if len(sums) == 1:
        return Interval(mean, float("nan"), float("nan"))
    draws = counted(clusters, resamples, seed)
    return _interval(mean, (draws @ sums) / (draws @ sizes))


def _interval(mean: float, resampled: Floats) -> Interval:
    low, high = np.nanpercentile(resampled, (2.5, 97.5))
    return Interval(mean, float(low), float(high))


# Telling evidence from its absence


def auroc(positive: Floats, negative: Floats) -> float:
    """Return the chance that a positive scores above a negative, ties counted half; NaN where one is missing."""
    if not len(positive) or not len(negative):
        return float("nan")
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, "left") + np.searchsorted(ordered, positive, "right")
    return float(below.mean() / 2 / len(negative))


@dataclass(frozen=True, slots=True)
class Told:
    """How well two scores tell positives from negatives, on the same draws."""

    ours: Interval
    other: Interval
    gain: Interval
    """Ours less the other."""
    positives: int
    negatives: int


def compare_auroc(
    ours: Floats, other: Floats, labels: Bools, clusters: Sequence[object], *, seed: int, resamples: int = RESAMPLES
) -> Told:
    """Return both areas under the ROC curve and their difference, with intervals from drawing whole clusters."""
    places = places_of(clusters)
    count = int(places.max()) + 1
    positives = np.bincount(places[labels], minlength=count)
    negatives = np.bincount(places[~labels], minlength=count)
    areas = [auroc(scores[labels], scores[~labels]) for scores in (ours, other)]
    nothing = float("nan")
    if count == 1:
        intervals = [Interval(area, nothing, nothing) for area in (*areas, areas[0] - areas[1])]
        return Told(*intervals, int(positives.sum()), int(negatives.sum()))
    draws = counted(clusters, resamples, seed)
    pairs = (draws @ positives) * (draws @ negatives)
    resampled = []
    for scores in (ours, other):
        wins = _wins(scores, labels, places, count)
        with np.errstate(invalid="ignore", divide="ignore"):
            resampled.append(np.einsum("ri,ij,rj->r", draws, wins, draws, optimize=True) / pairs)
    return Told(
        _interval(areas[0], resampled[0]),
        _interval(areas[1], resampled[1]),
        _interval(areas[0] - areas[1], resampled[0] - resampled[1]),
        int(positives.sum()),
        int(negatives.sum()),
    )


def _wins(scores: Floats, labels: Bools, places: NDArray[np.int64], count: int) -> Floats:
    """Return pairs won by positives of one cluster over negatives of another, ties half, shape (count, count)."""
    won = (scores[labels][:, None] > scores[~labels]) + 0.5 * (scores[labels][:, None] == scores[~labels])
    rows = np.zeros((count, won.shape[1]))
    np.add.at(rows, places[labels], won)
    both = np.zeros((count, count))
    np.add.at(both.T, places[~labels], rows.T)
    return both


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers that were said to be right with about one chance."""

    low: float
    high: float
    count: int
    said: float
    """Mean chance that was said, 0 to 1."""
    true: float
    """Share that was right, 0 to 1."""


def reliability(said: Floats, true: Bools, bins: int = 10) -> tuple[list[Bin], float]:
    """Return bins of equal width that hold something, and the mean gap between said and true, 0 to 1."""
    places = np.minimum((said * bins).astype(int), bins - 1)
    found = [
        Bin(place / bins, (place + 1) / bins, int(chosen.sum()), float(said[chosen].mean()), float(true[chosen].mean()))
        for place in range(bins)
        if (chosen := places == place).any()
    ]
    gap = sum(one.count * abs(one.said - one.true) for one in found) / max(len(said), 1)
    return found, gap


# The control, and another project's metric


def shifted(ids: Sequence[str], evidence: frozenset[str], by: int) -> frozenset[str]:
    """Return the entries that stand ``by`` places after the evidence, going round at the end."""
    return frozenset(ids[(place + by) % len(ids)] for place, name in enumerate(ids) if name in evidence)


def collapsed(real: float, moved: float, chance: float) -> bool:
    """Return whether a score is gone once what counts as evidence was moved: see `CHANCE_TIMES`."""
    return moved - chance <= CHANCE_TIMES * (real - chance)


def mempalace_recall(retrieved: Sequence[str], evidence: Sequence[str]) -> float:
    """Return MemPalace's share: of the evidence as published, in what was retrieved; 1 where there is none."""
    wanted = set(evidence)
    return len(wanted & set(retrieved)) / len(wanted) if wanted else 1.0


def sessions_of(evidence: Sequence[str], session_by_id: dict[str, str]) -> list[str]:
    """Return the sessions of evidence ids, which may be malformed (``D8:6; D9:17``) or name no entry (``D10:19``).

    As MemPalace does it, what stands before the colon decides; an id from which no session can be read is left out.
    """
    by_prefix = {name.rpartition(":")[0]: session for name, session in session_by_id.items() if ":" in name}
    found: list[str] = []
    for name in evidence:
        first = re.match(r"[^;,\s]*", name)
        alone = first[0] if first else name
        session = session_by_id.get(alone, by_prefix.get(alone.partition(":")[0]) if ":" in alone else None)
        if session is not None:
            found.append(session)
    return found
