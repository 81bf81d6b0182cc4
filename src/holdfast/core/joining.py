"""Joining what several spaces recall into one ranking.

A score is a sum of standardised signals: it says how an entry stands out among those of its own space, so the
best of a space that knows nothing scores like the best of one that knows the answer. What compares across spaces
is the confidence, made of raw features (the cosine itself, the share of the query's words that is met) and
calibrated as the chance that the evidence is among the ten best. That chance is dealt out over a space's ranks in
proportion to 1/rank, and all hits are ordered by what they got. So the order within a space is kept, two spaces
that are equally sure alternate, and one that is k times as sure gets its first k hits in before the other's first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_TOP: Final = 10
_WHOLE: Final = sum(1 / rank for rank in range(1, _TOP + 1))
"""So that the shares of the ten best sum to the confidence."""


@dataclass(frozen=True, slots=True)
class Placed:
    """One hit in the joint order.

    Attributes:
        ranking: Which of the given rankings it comes from.
        place: Its place there, from 0.
        share: Estimated chance that it is the evidence, 0 to 1.
    """

    ranking: int
    place: int
    share: float


def join(rankings: Sequence[tuple[float, int]], limit: int) -> list[Placed]:
    """The best hits of several rankings, best first; equal ones in the order of the rankings.

    Args:
        rankings: For each its confidence, 0 to 1, and how many hits it has.
        limit: The most hits to give.
    """
    placed = [
        Placed(number, place, sure / (_WHOLE * (place + 1)))
        for number, (sure, hits) in enumerate(rankings)
        for place in range(hits)
    ]
    placed.sort(key=lambda one: (-one.share, one.place, one.ranking))
    return placed[:limit]
