"""What a recall's scores are made of, and how far a memory was from being put up: pure counting over a recall."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from holdfast.core import signals
from holdfast.core.corpus import Corpus, Mask
from holdfast.core.fusion import SIGNALS, Weights
from holdfast.core.query import Query
from holdfast.model.explanation import ExplainedHit, SignalShare
from holdfast.model.recollection import Hit

_ELSEWHERE = {
    "expected": "what the words make expect of a cosine that is not known yet",
    "valid": "a fact that is not true at that moment",
    "importance": "the importance that was given to it",
}
"""Parts of a score that are no signal of the ranking."""


def shares(hit: Hit, candidates: Sequence[Hit], weights: Weights) -> tuple[SignalShare, ...]:
    """What each signal gave to a hit, the most first; a signal that gave nothing is left out.

    Args:
        weights: that the recall was ranked by: see `weights.applied`.
    """
    told = list[SignalShare]()
    for name, value in sorted(hit.signals.items(), key=lambda pair: -abs(pair[1])):
        if not value:
            continue
        rows = [signal for signal in SIGNALS if signal.part == name]
        place = 1 + sum(1 for other in candidates if other.signals.get(name, 0.0) > value)
        gives = "; ".join(row.gives for row in rows) or _ELSEWHERE.get(name, "a signal of its own")
        known = {row.name: float(getattr(weights, row.name)) for row in rows if hasattr(weights, row.name)}
        told.append(SignalShare(name, value, known, place, gives))
    return tuple(told)


def explained(hits: Sequence[Hit], candidates: Sequence[Hit], weights: Weights) -> tuple[ExplainedHit, ...]:
    """Hits of an answer with their signals."""
    return tuple(ExplainedHit(hit, place, shares(hit, candidates, weights)) for place, hit in enumerate(hits, 1))


def places(
    corpus: Corpus, query: Query, vector: NDArray[np.float32] | None, n: int, allowed: Mask | None
) -> Mapping[str, int]:
    """The place of a memory by each signal that searches, among the entries that may be returned; 1 is the best.

    A signal by which it has nothing at all, such as the words of the question, is left out.
    """
    corpus.refresh()
    size = corpus.size
    (rows,) = np.nonzero(corpus.mask([n]))
    if not len(rows):
        return {}
    row, weights = int(rows[0]), Weights()
    reachable = corpus.columns.alive[:size] if allowed is None else corpus.columns.alive[:size] & allowed
    words = signals.lexical(corpus, query.terms, weights.words_b, weights.context_b, query.spoken_of)
    searching = {"words": words.entry, "context": words.window}
    if vector is not None and corpus.vectors.scales[row] > 0:
        products = corpus.vectors.scan(np.ascontiguousarray(vector, np.float32), size)
        searching["dense"] = corpus.vectors.pooled(products, corpus.columns.before, corpus.columns.after)
    return {
        name: 1 + int(np.count_nonzero(reachable & (values > values[row])))
        for name, values in searching.items()
        if name == "dense" or values[row] > 0
    }
