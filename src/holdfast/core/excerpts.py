"""The sentences of a long text that matter to a question."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from holdfast.model.tokens import Count

GAP: Final = "…"
"""Stands where something was left out."""

_SENTENCE: Final = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])\s*|\n+")
_MOST_SENTENCES: Final = 400
_MOST_CHARS: Final = 100_000
# What the first sentence of a text is worth beside its best one, and how much a match lends to the sentence beside it.
_OPENING: Final = 0.5
_BESIDE: Final = 0.3


def sentences(text: str) -> list[str]:
    """A text cut at the ends of sentences and lines, the first 400 of its first 100,000 characters."""
    return [one.strip() for one in _SENTENCE.split(text[:_MOST_CHARS]) if one.strip()][:_MOST_SENTENCES]


def excerpt(text: str, worth: Callable[[str], float], most_tokens: int, count: Count) -> str | None:
    """The sentences of a text that are worth most for their length, in their order, gaps marked.

    Args:
        worth: What a sentence has of the question, 0 or more.
        most_tokens: Of the excerpt, gaps included, where ``count`` gives no more for texts together than for each.

    Returns:
        None where no sentence fits.
    """
    pieces = sentences(text)
    own = [worth(piece) for piece in pieces]
    opening = _OPENING * max(own, default=0.0)
    values = [
        value + _BESIDE * sum(own[max(place - 1, 0) : place] + own[place + 1 : place + 2]) + opening * 2.0**-place
        for place, value in enumerate(own)
    ]
    # A gap on each side is counted with every sentence; it is one too many where two of them are neighbours.
    costs = [count(f" {GAP} {piece} {GAP}") for piece in pieces]
    order = sorted(range(len(pieces)), key=lambda place: (-values[place] / max(costs[place], 1) ** 0.5, place))
    kept, left = list[int](), most_tokens
    for place in order:
        if costs[place] <= left:
            kept.append(place)
            left -= costs[place]
    if not kept:
        return None
    told, before = list[str](), -1
    for place in sorted(kept):
        if place != before + 1:
            told.append(GAP)
        told.append(pieces[place])
        before = place
    if before != len(pieces) - 1 or len(text) > _MOST_CHARS or len(pieces) == _MOST_SENTENCES:
        told.append(GAP)
    return " ".join(told)
