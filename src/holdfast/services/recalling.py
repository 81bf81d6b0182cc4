"""Recall: bring the index level, rank, check every hit against the space, and say why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from holdfast.core import border, render
from holdfast.core.budget import estimate_tokens, fill
from holdfast.core.codec import decode_content, record_of
from holdfast.core.confidence import confidence
from holdfast.core.corpus import Corpus
from holdfast.core.fusion import Ranking, rank
from holdfast.core.query import Query, parse_query
from holdfast.core.secrets import subkey
from holdfast.errors import InvalidTime
from holdfast.model import limits
from holdfast.model.recollection import Hit, Recollection
from holdfast.model.records import Record, Role
from holdfast.model.times import When, parse_when
from holdfast.services.embedding import MODEL_FAILURES, Embedding
from holdfast.services.ledger import Ledger
from holdfast.services.live_index import LiveIndex

CATCH_UP_S = 0.05
"""How long a recall embeds what still waits for its vector before it answers without."""
CATCH_UP_MOST = 64
_REASONS = {
    "dense": "similar in meaning",
    "words": "same words",
    "context": "the talk around it uses the words",
    "date": "from the time asked for",
    "time": "says a time",
}
_NO_REASON = "little speaks for it"
_TELLING = 0.05
"""Share of the positive score from which a signal is worth naming as a reason."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A recall's arguments, checked."""

    query: str
    limit: int
    budget_tokens: int | None
    where: Mapping[str, Sequence[str | int]]
    since_ms: int | None
    until_ms: int | None
    now_ms: int
    as_of_ms: int

    @property
    def filtered(self) -> bool:
        return bool(self.where) or self.since_ms is not None or self.until_ms is not None


class Recalling:
    """Answers questions from one space."""

    def __init__(self, ledger: Ledger, index: LiveIndex, embedding: Embedding, as_of_ms: int | None = None) -> None:
        self._ledger = ledger
        self._index = index
        self._embedding = embedding
        self._as_of_ms = as_of_ms

    def recall(
        self,
        query: str,
        *,
        budget_tokens: int | None,
        limit: int,
        where: Mapping[str, str | Sequence[str]] | None,
        since: When | None,
        until: When | None,
        now: When | None,
    ) -> Recollection:
        start = self._ledger.clock.monotonic_s()
        asked = self._checked(query, budget_tokens, limit, where, since, until, now)
        trouble = list[str]()
        if self._embedding.embedder is None:
            trouble.append(self._embedding.why_none or "no embedding model: found by words only")
        with self._index.level() as corpus:
            parsed = self._parse(corpus, asked)
            waiting = len(corpus.missing_vectors())
        if waiting and not trouble:
            self._catch_up(trouble)
        vector = None if trouble else self._query_vector(parsed, trouble)
        # Ranked under the lock, fetched after it: each hit is checked against the space once more anyway.
        with self._index.level() as corpus:
            ranking, pending = self._rank(corpus, parsed, vector, asked)
        if pending and self._embedding.embedder is not None:
            trouble.append(f"{pending} of {len(corpus)} memories have no vector yet: these were found by words only")
        hits = self._hits(ranking, parsed)
        if asked.budget_tokens is not None:
            lines = [render.line(place, hit.record) for place, hit in enumerate(hits, 1)]
            room = asked.budget_tokens - estimate_tokens("\n".join((render.OPEN, render.NOTE, render.CLOSE)))
            hits = [hits[place] for place in fill(lines, room, lambda line: estimate_tokens("\n" + line))]
        text = render.fenced([hit.record for hit in hits])
        return Recollection(
            query=query,
            hits=tuple(hits),
            text=text,
            tokens=estimate_tokens(text) if text else 0,
            confidence=confidence(ranking.features) if hits else 0.0,
            degraded="; ".join(trouble) or None,
            pending=pending,
            took_ms=(self._ledger.clock.monotonic_s() - start) * 1000,
        )

    def found(self, query: str, limit: int) -> list[str]:
        """Ids of what a recall finds, best first."""
        found = self.recall(query, budget_tokens=None, limit=limit, where=None, since=None, until=None, now=None)
        return [hit.id for hit in found]

    def _checked(
        self,
        query: str,
        budget_tokens: int | None,
        limit: int,
        where: Mapping[str, str | Sequence[str]] | None,
        since: When | None,
        until: When | None,
        now: When | None,
    ) -> _Asked:
        since_ms = None if since is None else parse_when(since)
        until_ms = None if until is None else parse_when(until)
        if since_ms is not None and until_ms is not None and until_ms <= since_ms:
            raise InvalidTime(f"until {until!s:.40} is not after since {since!s:.40}.")
        as_of = self._ledger.clock.now_ms() if self._as_of_ms is None else self._as_of_ms
        return _Asked(
            query=border.check_text(query, "query", limits.QUERY_CHARS),
            limit=border.check_count(limit, "limit", limits.LIMIT_HITS),
            budget_tokens=None if budget_tokens is None else border.check_count(budget_tokens, "budget", 10_000_000),
            where=border.check_where(where),
            since_ms=since_ms,
            until_ms=until_ms,
            now_ms=as_of if now is None else parse_when(now),
            as_of_ms=as_of,
        )

    def _catch_up(self, trouble: list[str]) -> None:
        if self._ledger.store.read_only:
            return
        try:
            self._embedding.embed_some(CATCH_UP_MOST, CATCH_UP_S, patience_s=CATCH_UP_S)
        except MODEL_FAILURES as error:
            trouble.append(f"the embedding model failed: {error}")

    def _parse(self, corpus: Corpus, asked: _Asked) -> Query:
        key = subkey(self._ledger.secret, "terms")
        return parse_query(asked.query, key=key, authors=corpus.statistics().authors, now_ms=asked.now_ms)

    def _query_vector(self, parsed: Query, trouble: list[str]) -> NDArray[np.float32] | None:
        try:
            return self._embedding.query_vector(parsed.dense_text)
        except MODEL_FAILURES as error:
            trouble.append(f"the embedding model failed: {error}")
            return None

    def _rank(
        self, corpus: Corpus, parsed: Query, vector: NDArray[np.float32] | None, asked: _Asked
    ) -> tuple[Ranking, int]:
        with self._ledger.store.reading() as reader:
            ns = reader.select(asked.where, asked.since_ms, asked.until_ms) if asked.filtered else None
            expired = reader.expired(asked.as_of_ms)
        allowed = None if ns is None else corpus.mask(ns)
        if expired:
            allowed = (corpus.where() if allowed is None else allowed) & ~corpus.mask(expired)
        # A space that holds no vector yet has no dimensions to compare with.
        usable = vector if vector is not None and vector.shape == (corpus.vectors.dimensions,) else None
        ranking = rank(corpus, parsed, usable, limit=asked.limit, allowed=allowed)
        return ranking, len(corpus.missing_vectors())

    def _hits(self, ranking: Ranking, parsed: Query) -> list[Hit]:
        ns = [int(n) for n in ranking.ns]
        with self._ledger.store.reading() as reader:
            current = reader.current(ns)
        hits = list[Hit]()
        for place, n in enumerate(ns):
            if n not in current:
                continue
            held, event = current[n]
            if not held.live or held.quarantined:
                continue
            content = decode_content(event)
            if content is None:
                continue
            signals = {name: float(part[place]) for name, part in ranking.contributions.items()}
            record = record_of(event, content)
            hits.append(Hit(record, float(ranking.scores[place]), signals, _reasons(signals, record, parsed)))
        return hits


def _reasons(signals: Mapping[str, float], record: Record, parsed: Query) -> tuple[str, ...]:
    """The signals that tell, in words; a lift that nearly every memory gets is no reason for one of them."""
    total = sum(part for part in signals.values() if part > 0)
    telling = sorted(((part, name) for name, part in signals.items() if part > _TELLING * total), reverse=True)
    reasons = list[str]()
    for _, name in telling:
        if name == "who":
            if record.author and record.author in parsed.named:
                reasons.append(f"said by {record.author}, whom the question names")
            elif parsed.asks_assistant and record.role is Role.ASSISTANT:
                reasons.append("said by the assistant, as the question asks")
        elif name in _REASONS and (name != "context" or record.session is not None):
            reasons.append(_REASONS[name])
    return tuple(reasons) or (_NO_REASON,)
