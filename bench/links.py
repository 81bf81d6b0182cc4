"""Links that were measured and are not in the engine: what shares rare words with the best hits.

A question of two steps ("where does the friend live whom she met in Rome?") might be helped by what its first hits tell
of: names, numbers, things. Replies and what follows a question are in the engine (``reply``); this is the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log

import numpy as np
from numpy.typing import NDArray

from bench.conversations import KEY
from bench.recall import DEPTH, Asked, System
from holdfast.core.fusion import rank
from holdfast.core.lexical import term_hashes

FROM_BEST = 5
"""Hits that links are followed from."""
RARE_SHARE = 0.02
"""A word in more than this share of the entries links nothing; nor does one that the question says itself."""
WEIGHT = 0.2
"""What a standard deviation counts, near what a search for weights gives it."""


def links(
    terms: Sequence[frozenset[int]], best: Sequence[int], said: frozenset[int], held: dict[int, int], entries: int
) -> NDArray[np.float64]:
    """Return how far each entry is linked to the best ones, 0 (not) to 1 (the most of these).

    The inverse frequencies of the rare words that it shares with one of them, less for an entry of many words.

    Args:
        terms: the words of each entry.
        best: places of the best ones; an entry is not linked to itself.
        said: the words of the question.
        held: how many entries hold a word.
        entries: of the space.
    """
    most = max(10.0, RARE_SHARE * entries)
    found = np.zeros(len(terms))
    for place, own in enumerate(terms):
        others = frozenset[int]().union(*(terms[other] for other in best if other != place)) - said
        shared = [held[term] for term in own & others if 2 <= held[term] <= most]
        found[place] = sum(log(entries / count) for count in shared) / (5 + len(own)) ** 0.5
    return found / max(float(found.max(initial=0)), 1e-9)


def linked(asked: Asked) -> NDArray[np.int64]:
    """Rank by the engine with links added."""
    ranking = rank(asked.corpus, asked.query, asked.vector, limit=DEPTH)
    turns, corpus = asked.conversation.turns, asked.corpus
    terms = [frozenset(term_hashes(turns[n - 1].text, KEY)) for n in ranking.ns.tolist()]
    held = {term: corpus.postings.holding(term) for own in terms for term in own}
    values = links(terms, range(FROM_BEST), frozenset(asked.query.terms), held, len(corpus))
    scores = ranking.scores + WEIGHT * (values - values.mean()) / max(float(values.std()), 1e-6)
    return ranking.ns[np.argsort(-scores, kind="stable")]


SYSTEMS: dict[str, System] = {"+ links (not in the engine)": linked}
