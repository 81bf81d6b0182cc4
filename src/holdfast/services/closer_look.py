"""A closer look at the best candidates of a recall, token by token."""

from __future__ import annotations

from typing import Final

from holdfast.core.codec import readable_content
from holdfast.core.fusion import Ranking
from holdfast.core.late import LATE_CANDIDATES, LATE_CHARS, LateQuery, encode_tokens, late_query, topic_text
from holdfast.core.lexical import rarity
from holdfast.core.query import Query
from holdfast.model.records import entry_text
from holdfast.ports.embedder import TokenEmbedder
from holdfast.services.embedding import Embedding
from holdfast.services.ledger import Ledger
from holdfast.services.live_index import LiveIndex

NO_TOKENS: Final = "the embedding model gives no token vectors: answered without the closer look"
RESTLESS: Final = "the space changed while its best memories were read: answered without the closer look"
_TRIES: Final = 3


class CloserLook:
    """Reads the token vectors that late interaction needs, of the question and of the best candidates."""

    def __init__(self, ledger: Ledger, index: LiveIndex, embedding: Embedding) -> None:
        self._ledger = ledger
        self._index = index
        self._embedding = embedding

    def embedder(self) -> TokenEmbedder | None:
        """The model, where it gives token vectors."""
        model = self._embedding.embedder
        return model if isinstance(model, TokenEmbedder) and model.token_dimensions else None

    def query(self, model: TokenEmbedder, parsed: Query, key: bytes, ranking: Ranking) -> LateQuery | None:
        """What to look closer with at the best of a ranking; None where no token of the question says anything.

        Each token is weighed by how rare its word is.

        Raises:
            EmbedderError.
        """
        pieces, vectors = self._embedding.ask(model.embed_query_tokens, parsed.text)
        with self._index.level() as corpus:
            weights = rarity(pieces, key, len(corpus), corpus.postings.holding)
        words = topic_text(parsed.dense_text)
        topic = None if words is None else self._embedding.query_vector(words)
        return late_query(vectors, weights, ranking.ns[:LATE_CANDIDATES], topic)

    def read(self, model: TokenEmbedder, ranking: Ranking) -> bool:
        """See that the index holds the tokens of the best candidates; whether it does.

        Raises:
            EmbedderError.
        """
        for _ in range(_TRIES):
            with self._index.level() as corpus:
                rows = corpus.rows(ranking.ns[:LATE_CANDIDATES])
                missing = corpus.tokens.missing(corpus.columns.n[rows[rows > 0]].tolist())
                removals = corpus.removals
                # Read while the index stands still, embedded while others may use it.
                texts = self._texts(missing)
            if not missing:
                return True
            made = self._embedding.ask(model.embed_tokens, list(texts.values()))
            with self._index.level() as now:
                if now is corpus and now.removals == removals:
                    for n, vectors in zip(texts, made, strict=True):
                        now.tokens.put(n, encode_tokens(vectors))
                    return True
        return False

    def _texts(self, ns: list[int]) -> dict[int, str]:
        with self._ledger.store.reading() as reader:
            current = reader.current(ns)
        texts = dict[int, str]()
        for n, (_, event) in current.items():
            content = readable_content(event)
            if content is not None:
                texts[n] = entry_text(content.author, content.text, content.caption)[:LATE_CHARS]
        return texts
