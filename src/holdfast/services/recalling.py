"""Recall: bring the index level, rank, check every hit against the space, and say why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import log1p
from weakref import ref

import numpy as np
from numpy.typing import NDArray

from holdfast.core import border
from holdfast.core.budget import estimate_tokens
from holdfast.core.codec import decode_record
from holdfast.core.confidence import confidence
from holdfast.core.corpus import Corpus
from holdfast.core.entry import Statistics
from holdfast.core.explain_recall import places
from holdfast.core.fusion import Ranking, rank
from holdfast.core.late import LateQuery
from holdfast.core.lexical import language_shares, rarest, term_hashes
from holdfast.core.packing import pack, recall_limit
from holdfast.core.query import Query, parse_query
from holdfast.core.render import Shown, fenced
from holdfast.core.secrets import subkey
from holdfast.core.standing import MOST_GAINED, NEAR, STEP, standing
from holdfast.core.tongues import tongue_of
from holdfast.core.weights import Weights, applied
from holdfast.core.when import Span
from holdfast.errors import InvalidTime
from holdfast.model import limits
from holdfast.model.filters import EVERYTHING, Filter, Where
from holdfast.model.recollection import Hit, Recollection
from holdfast.model.records import Record, Role
from holdfast.model.times import When, parse_when
from holdfast.model.tokens import Count
from holdfast.ports.store import Reader
from holdfast.ports.times import TimeFinder
from holdfast.services.closer_look import NO_TOKENS, RESTLESS, CloserLook
from holdfast.services.embedding import Embedding
from holdfast.services.ledger import Ledger
from holdfast.services.live_index import LiveIndex
from holdfast.services.model_calls import MODEL_FAILURES
from holdfast.services.selecting import matching
from holdfast.services.touches import Touches

CATCH_UP_S = 0.05
"""How long a recall embeds what still waits for its vector before it answers without."""
CATCH_UP_MOST = 64
_REASONS = {
    "dense": "similar in meaning",
    "words": "same words",
    "context": "the talk around it uses the words",
    "date": "from the time asked for",
    "time": "says a time",
    "instructs": "a standing instruction",
    "prefers": "tells a preference",
    "reply": "answers a question like this one",
    "things": "names what the question names",
    "recent": "among the newest",
    "late": "answers word by word",
    "importance": "marked as important",
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
    where: Filter
    since_ms: int | None
    until_ms: int | None
    now_ms: int
    as_of_ms: int

    @property
    def filtered(self) -> bool:
        return self.where != EVERYTHING or self.since_ms is not None or self.until_ms is not None


class Recalling:
    """Answers questions from one space.

    Args:
        count: Counts the tokens of a text for a prompt.
        times: Gives what finds times in other languages than English.
    """

    def __init__(
        self,
        ledger: Ledger,
        index: LiveIndex,
        embedding: Embedding,
        touches: Touches,
        as_of_ms: int | None = None,
        count: Count = estimate_tokens,
        times: Callable[[], TimeFinder] | None = None,
    ) -> None:
        self._ledger = ledger
        self.count = count
        self._times = times
        self._touches = touches
        self._index = index
        self._embedding = embedding
        self._closer = CloserLook(ledger, index, embedding)
        self._as_of_ms = as_of_ms
        # What languages the space is in, as long as it is as it was; the names in that are let go of with the index.
        self._spoken: tuple[ref[Statistics] | None, Mapping[str, float]] = None, {}

    def recall(
        self,
        query: str,
        *,
        budget_tokens: int | None,
        limit: int | None,
        where: Where | None,
        since: When | None,
        until: When | None,
        now: When | None,
        thorough: bool = False,
        min_confidence: float = 0.0,
        counted: bool = True,
    ) -> Recollection:
        start = self._ledger.clock.monotonic_s()
        asked = self._checked(query, budget_tokens, limit, where, since, until, now)
        least = border.check_unit(min_confidence, "least confidence")
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
        if thorough:
            ranking = self._looked_at_closer(ranking, parsed, vector, asked, trouble)
        if pending and self._embedding.embedder is not None:
            trouble.append(f"{pending} of {len(corpus)} memories have no vector yet: these were found by words only")
        hits, numbers = self._hits(ranking, parsed, asked)
        sure = confidence(ranking.features) if hits else 0.0
        if sure < least:
            hits = []
        shown = [Shown(hit.record, n=numbers[hit.id]) for hit in hits]
        if asked.budget_tokens is not None and hits:
            packed = pack(shown, asked.budget_tokens, self.count, self._worth(parsed))
            hits, shown = [hits[place] for place, _ in packed], [one for _, one in packed]
            if not hits:  # nothing fits
                sure = 0.0
        if counted:
            self._touches.read(numbers[hit.id] for hit in hits)
        text = fenced(shown)
        return Recollection(
            query=query,
            hits=tuple(hits),
            text=text,
            tokens=self.count(text) if text else 0,
            confidence=sure,
            degraded="; ".join(trouble) or None,
            pending=pending,
            took_ms=(self._ledger.clock.monotonic_s() - start) * 1000,
        )

    def found(self, query: str, limit: int) -> list[str]:
        """Ids of what a recall finds, best first; nobody is given what it says, so nothing is counted."""
        found = self.recall(
            query, budget_tokens=None, limit=limit, where=None, since=None, until=None, now=None, counted=False
        )
        return [hit.id for hit in found]

    def weights(self) -> Weights:
        """What this space's recalls are ranked by now."""
        with self._index.level() as corpus:
            return applied(Weights(), corpus.statistics().long_share)

    def places(
        self, n: int, query: str, *, where: Where | None, since: When | None, until: When | None, now: When | None
    ) -> Mapping[str, int]:
        """The place of a memory by each signal that searches; see `explain_recall.places`."""
        asked = self._checked(query, None, 1, where, since, until, now)
        with self._index.level() as corpus:
            parsed = self._parse(corpus, asked)
        vector = None if self._embedding.embedder is None else self._query_vector(parsed, [])
        with self._index.level() as corpus, self._ledger.store.reading() as reader:
            ns = self._matching(reader, asked)
            usable = vector if vector is not None and vector.shape == (corpus.vectors.dimensions,) else None
            return places(corpus, parsed, usable, n, None if ns is None else corpus.mask(ns))

    def _checked(
        self,
        query: str,
        budget_tokens: int | None,
        limit: int | None,
        where: Where | None,
        since: When | None,
        until: When | None,
        now: When | None,
    ) -> _Asked:
        since_ms = None if since is None else parse_when(since)
        until_ms = None if until is None else parse_when(until)
        if since_ms is not None and until_ms is not None and until_ms <= since_ms:
            raise InvalidTime(f"until {until!s:.40} is not after since {since!s:.40}.")
        as_of = self._ledger.clock.now_ms() if self._as_of_ms is None else self._as_of_ms
        budget = None if budget_tokens is None else border.check_count(budget_tokens, "budget", 10_000_000)
        return _Asked(
            query=border.check_text(query, "query", limits.QUERY_CHARS),
            limit=border.check_count(recall_limit(limit, budget), "limit", limits.LIMIT_HITS),
            budget_tokens=budget,
            where=border.check_where(where),
            since_ms=since_ms,
            until_ms=until_ms,
            now_ms=as_of if now is None else parse_when(now),
            as_of_ms=as_of,
        )

    def _worth(self, parsed: Query) -> Callable[[str], float]:
        """What a sentence has of the question: its words, the rare ones more."""
        key = subkey(self._ledger.secret, "terms")
        with self._index.level() as corpus:
            entries = corpus.statistics().entries
            rarity = {term: log1p(entries / (1 + corpus.postings.holding(term))) for term in parsed.terms}
        return lambda sentence: sum(rarity.get(term, 0.0) for term in term_hashes(sentence, key))

    def _catch_up(self, trouble: list[str]) -> None:
        if self._ledger.store.read_only:
            return
        try:
            self._embedding.catch_up(CATCH_UP_MOST, CATCH_UP_S)
        except MODEL_FAILURES as error:
            trouble.append(f"the embedding model failed: {error}")

    def _parse(self, corpus: Corpus, asked: _Asked) -> Query:
        key = subkey(self._ledger.secret, "terms")
        statistics, postings = corpus.statistics(), corpus.postings

        def holding(term: int) -> int:
            return postings.holding(term)

        of, languages = self._spoken
        if of is None or of() is not statistics:
            languages = language_shares(holding, statistics.entries, key)
            self._spoken = ref(statistics), languages
        parsed = parse_query(asked.query, key=key, authors=statistics.authors, now_ms=asked.now_ms, languages=languages)
        return replace(parsed, terms=rarest(parsed.terms, holding), times=parsed.times or self._times_of(parsed, asked))

    def _times_of(self, parsed: Query, asked: _Asked) -> tuple[Span, ...]:
        """The times that a question names in another language than English, where something here reads them."""
        tongue = None if self._times is None else tongue_of(parsed.text, parsed.language)
        if self._times is None or tongue is None:
            return ()
        return tuple(self._times().spans(parsed.text, tongue, asked.now_ms))

    def _query_vector(self, parsed: Query, trouble: list[str]) -> NDArray[np.float32] | None:
        try:
            return self._embedding.query_vector(parsed.dense_text)
        except MODEL_FAILURES as error:
            trouble.append(f"the embedding model failed: {error}")
            return None

    def _looked_at_closer(
        self, first: Ranking, parsed: Query, vector: NDArray[np.float32] | None, asked: _Asked, trouble: list[str]
    ) -> Ranking:
        """The ranking after a closer look at the best of the first one; the first one where there can be none."""
        if trouble or vector is None:  # why is said already
            return first
        model = self._closer.embedder()
        if model is None:
            trouble.append(NO_TOKENS)
            return first
        key = subkey(self._ledger.secret, "terms")
        try:
            look = self._closer.query(model, parsed, key, first)
            if look is None:
                return first
            if not self._closer.read(model, first):
                trouble.append(RESTLESS)
                return first
        except MODEL_FAILURES as error:
            trouble.append(f"the embedding model failed: {error}")
            return first
        with self._index.level() as corpus:
            closer, _ = self._rank(corpus, parsed, vector, asked, look)
        # Confidence was learned on plain rankings; it judges whether there is evidence, not how it is ordered.
        return replace(closer, features=first.features)

    def _rank(
        self,
        corpus: Corpus,
        parsed: Query,
        vector: NDArray[np.float32] | None,
        asked: _Asked,
        look: LateQuery | None = None,
    ) -> tuple[Ranking, int]:
        with self._ledger.store.reading() as reader:
            ns = self._matching(reader, asked)
            expired = reader.expired(asked.as_of_ms)
        allowed = None if ns is None else corpus.mask(ns)
        if expired:
            allowed = (corpus.where() if allowed is None else allowed) & ~corpus.mask(expired)
        # A space that holds no vector yet has no dimensions to compare with.
        usable = vector if vector is not None and vector.shape == (corpus.vectors.dimensions,) else None
        near = self._index.near()
        ranking = rank(corpus, parsed, usable, limit=len(corpus), allowed=allowed, look=look, near=near)
        return ranking, len(corpus.missing_vectors())

    def _matching(self, reader: Reader, asked: _Asked) -> list[int] | None:
        if not asked.filtered:
            return None
        return matching(reader, asked.where, asked.since_ms, asked.until_ms, cache=self._index.conditions)

    def _hits(self, ranking: Ranking, parsed: Query, asked: _Asked) -> tuple[list[Hit], dict[str, int]]:
        """The hits that are held now, best first, and the number of each by its id."""
        # A question about a time of its own asks for what was true then.
        now_ms = None if parsed.times else asked.now_ms
        ns = ranking.ns.tolist()
        weighed, end = list[_Weighed](), 0
        # On down the ranking until nothing below could still stand higher than what would be returned.
        while end < len(ns) and not _settled(weighed, asked.limit, float(ranking.scores[end])):
            start, end = end, min(end + (STEP if end else asked.limit + NEAR), len(ns))
            weighed += self._weighed(ranking, ns, range(start, end), now_ms)
        # Stable: equal ones stay in the order of the ranking.
        weighed.sort(key=lambda one: -one.score)
        hits, numbers = list[Hit](), dict[str, int]()
        parts = {name: part[:end].tolist() for name, part in ranking.contributions.items()}
        for one in weighed[: asked.limit]:
            signals = {name: part[one.place] for name, part in parts.items()}
            signals.update(one.stands)
            numbers[one.record.id] = ns[one.place]
            hits.append(Hit(one.record, one.score, signals, _reasons(signals, one.record, parsed)))
        return hits, numbers

    def _weighed(self, ranking: Ranking, ns: Sequence[int], places: range, now_ms: int | None) -> list[_Weighed]:
        """Those of the places of a ranking that are held now, with their standing."""
        with self._ledger.store.reading() as reader:
            current = reader.current([ns[place] for place in places])
        found = list[_Weighed]()
        for place in places:
            if ns[place] not in current:
                continue
            held, event = current[ns[place]]
            record = decode_record(event) if held.live and not held.quarantined else None
            if record is None:
                continue
            stands = standing(record, now_ms)
            found.append(_Weighed(place, record, stands, float(ranking.scores[place]) + sum(stands.values())))
        return found


@dataclass(frozen=True, slots=True)
class _Weighed:
    """A candidate that was fetched: its place in the ranking, and its score with its standing."""

    place: int
    record: Record
    stands: Mapping[str, float]
    score: float


def _settled(weighed: Sequence[_Weighed], limit: int, below: float) -> bool:
    """Whether so many are weighed that none of the score ``below`` or less can come before the last to be returned."""
    if len(weighed) < limit:
        return False
    return sorted((one.score for one in weighed), reverse=True)[limit - 1] > below + MOST_GAINED


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
