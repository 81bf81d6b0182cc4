"""The engine after a closer look, over the entries of a file: what `recall(thorough=True)` does, without a space."""

from __future__ import annotations

from bench.conversations import KEY
from bench.recall import DEPTH, Asked, System
from bench.vectors import CachedEmbedder
from holdfast.core.fusion import Weights, rank
from holdfast.core.late import LATE_CANDIDATES, LATE_CHARS, Codes, LateQuery, encode_tokens, late_query, topic_text
from holdfast.core.lexical import rarity


class Looks:
    """Gives what to look closer with; tokens are made once a text and kept."""

    def __init__(self, embedder: CachedEmbedder) -> None:
        self._embedder = embedder
        self._tokens: dict[str, Codes] = {}

    def __call__(self, asked: Asked, weights: Weights | None = None) -> LateQuery | None:
        """Return the look at the best of a plain ranking, their tokens put into the corpus.

        Args:
            weights: that the plain ranking goes by; None takes those of the engine.
        """
        corpus, query = asked.corpus, asked.query
        looked = rank(corpus, query, asked.vector, limit=LATE_CANDIDATES, weights=weights).ns
        for n in corpus.tokens.missing(looked.tolist()):
            corpus.tokens.put(n, self._codes(asked.conversation.turns[n - 1].text[:LATE_CHARS]))
        pieces, vectors = self._embedder.embed_query_tokens(query.text)
        shares = rarity(pieces, KEY, len(corpus), corpus.postings.holding)
        words = topic_text(query.dense_text)
        topic = None if words is None else self._embedder.embed_query(words)
        return late_query(vectors, shares, looked, topic)

    def _codes(self, text: str) -> Codes:
        if text not in self._tokens:
            self._tokens[text] = encode_tokens(self._embedder.embed_tokens([text])[0])
        return self._tokens[text]


def thorough(looks: Looks) -> System:
    """Return the engine after a closer look."""
    return lambda asked: rank(asked.corpus, asked.query, asked.vector, limit=DEPTH, look=looks(asked)).ns
