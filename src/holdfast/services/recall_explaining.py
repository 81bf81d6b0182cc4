"""Why a recall returned what it did: the same recall once more, all its candidates, and what is held of one memory."""

from __future__ import annotations

from dataclasses import dataclass, replace

from holdfast.core import border
from holdfast.core.codec import readable_content, record_of
from holdfast.core.explain_recall import explained, shares
from holdfast.core.filter_text import filter_text
from holdfast.core.filters import failing
from holdfast.core.packing import recall_limit
from holdfast.model import limits
from holdfast.model.explanation import Explanation, WhyNot
from holdfast.model.filters import Where
from holdfast.model.ids import Id, id_text, parse_id
from holdfast.model.recollection import Hit, Recollection
from holdfast.model.records import Record
from holdfast.model.times import When, format_when, parse_when
from holdfast.services.ledger import Ledger
from holdfast.services.recalling import Recalling


@dataclass(frozen=True, slots=True)
class _Conditions:
    """What narrows a recall down, as the caller gave it."""

    where: Where | None
    since: When | None
    until: When | None
    now: When | None


@dataclass(frozen=True, slots=True)
class _Bounds:
    """How much a recall may return, and how sure it must be."""

    limit: int
    budget_tokens: int | None
    min_confidence: float


class RecallExplaining:
    """Explains the recalls of one space.

    Args:
        as_of_ms: The moment at which a memory's time may be up; the clock's by default.
    """

    def __init__(self, ledger: Ledger, recalling: Recalling, as_of_ms: int | None = None) -> None:
        self._ledger = ledger
        self._recalling = recalling
        self._as_of_ms = as_of_ms

    def explain(
        self,
        query: str,
        memory: str | None,
        *,
        budget_tokens: int | None,
        limit: int | None,
        where: Where | None,
        since: When | None,
        until: When | None,
        now: When | None,
        min_confidence: float = 0.0,
    ) -> Explanation:
        """What `Recalling.recall` returns for the same arguments, and why; nothing is counted as read.

        Raises:
            InvalidInput.
        """
        record = None if memory is None else id_text(parse_id(memory))
        conditions, most = _Conditions(where, since, until, now), recall_limit(limit, budget_tokens)
        found = self._recall(query, most, budget_tokens, conditions, min_confidence)
        every = self._recall(query, limits.LIMIT_HITS, None, conditions)
        withheld, why_not = None, None
        if every.hits and not found.hits:
            withheld = _withheld(every.confidence, min_confidence, budget_tokens)
        if record is not None:
            asked = _Bounds(most, budget_tokens, min_confidence)
            why_not = self._why_not(record, query, found, every, conditions, asked)
        hits = explained(found.hits, every.hits, self._recalling.weights())
        return Explanation(query, hits, len(every), why_not, found.confidence, withheld)

    def _recall(
        self, query: str, limit: int, budget: int | None, conditions: _Conditions, min_confidence: float = 0.0
    ) -> Recollection:
        return self._recalling.recall(
            query, budget_tokens=budget, limit=limit, where=conditions.where, since=conditions.since,
            until=conditions.until, now=conditions.now, min_confidence=min_confidence, counted=False,
        )  # fmt: skip

    def _why_not(
        self,
        memory: str,
        query: str,
        found: Recollection,
        every: Recollection,
        conditions: _Conditions,
        asked: _Bounds,
    ) -> WhyNot:
        for place, hit in enumerate(found, 1):
            if hit.id == memory:
                words = f"It was returned, at place {place}."
                given = shares(hit, every.hits, self._recalling.weights())
                return WhyNot(memory, "returned", words, place=place, score=hit.score, signals=given)
        for place, hit in enumerate(every, 1):
            if hit.id == memory:
                room = None
                if asked.budget_tokens is not None:
                    room = asked.budget_tokens - found.tokens - self._recalling.count(hit.record.entry)
                given = shares(hit, every.hits, self._recalling.weights())
                return replace(_left_out(hit, place, found, every, asked, room), signals=given)
        n, why = self._barred(memory, conditions)
        if why is not None:
            return why
        places = self._recalling.places(
            n, query, where=conditions.where, since=conditions.since, until=conditions.until, now=conditions.now
        )
        told = ", ".join(f"{name} {place:,}" for name, place in sorted(places.items(), key=lambda pair: pair[1]))
        words = (
            "No signal put it up: it was not among the memories that were scored. "
            f"Its places: {told or 'none, since it has nothing of the question'}."
        )
        return WhyNot(memory, "candidates", words, places=places)

    def _barred(self, memory: str, conditions: _Conditions) -> tuple[int, WhyNot | None]:
        """The memory's number, and what keeps it from being looked at, if something does."""
        with self._ledger.store.reading() as reader:
            held = reader.find(parse_id(memory))
            current = reader.current([held.n] if held else [])
        if held is None:
            return 0, WhyNot(memory, "unknown", "There is no memory of that id in this space.")
        if held.receipt is not None:
            words = f"It was forgotten (receipt {id_text(held.receipt)})."
            return held.n, WhyNot(memory, "forgotten", words)
        content = readable_content(current[held.n][1]) if held.n in current else None
        if content is None:
            return held.n, WhyNot(memory, "unknown", "What it says has not arrived in this space, or was altered.")
        if held.closed_by is not None:
            words = f"It was superseded by {id_text(held.closed_by)}, which {self._became(held.closed_by)}."
            return held.n, WhyNot(memory, "superseded", words)
        record = record_of(current[held.n][1], content)
        if record.kind.is_aside:
            return held.n, WhyNot(memory, "aside", f"It is of the kind {record.kind.name.lower()}, never recalled.")
        if record.quarantined:
            return held.n, WhyNot(memory, "quarantined", "It is kept apart: never recalled until it is released.")
        now = self._ledger.clock.now_ms() if self._as_of_ms is None else self._as_of_ms
        if record.expires_at is not None and record.expires_at <= now:
            words = f"Its time was up at {format_when(record.expires_at)}."
            return held.n, WhyNot(memory, "expired", words)
        return held.n, _outside(memory, record, conditions)

    def _became(self, record: Id) -> str:
        """What became of what superseded a memory."""
        with self._ledger.store.reading() as reader:
            held = reader.find(record)
        if held is None:
            return "has not arrived in this space"
        if held.receipt is not None:
            return "was forgotten since"
        return "was superseded too" if held.closed_by is not None else "is recalled in its place"


def _withheld(confidence: float, min_confidence: float, budget_tokens: int | None) -> str | None:
    """Why an answer that had candidates is empty; the confidence is that of all of them."""
    if confidence < min_confidence:
        return (
            f"Nothing was returned: the confidence is {confidence:.2f}, and at least {min_confidence:g} was asked for."
        )
    return None if budget_tokens is None else f"Nothing was returned: none fits a budget of {budget_tokens:,} tokens."


def _outside(memory: str, record: Record, conditions: _Conditions) -> WhyNot | None:
    """What the caller's own conditions say against a memory."""
    parts = tuple(map(filter_text, failing(border.check_where(conditions.where), record)))
    if parts:
        return WhyNot(memory, "filter", f"The filter leaves it out: {'; '.join(parts)} is not so.", failing=parts)
    said, (since, until) = record.valid_from, (conditions.since, conditions.until)
    too_early = since is not None and said < parse_when(since)
    if too_early or (until is not None and said >= parse_when(until)):
        bound = f"since {since}" if too_early else f"until {until}"
        return WhyNot(memory, "time", f"It is from {format_when(said)}, outside the time asked for: {bound}.")
    return None


def _left_out(
    hit: Hit, place: int, found: Recollection, every: Recollection, asked: _Bounds, room: int | None
) -> WhyNot:
    """Why a candidate is not among the hits.

    Args:
        room: Tokens that would be left of the budget with it, about; None where there is none.
    """
    needed = found[-1].score if found else None
    told = f"It came at place {place} of {len(every)} with a score of {hit.score:.2f}"
    within = room is not None and place <= asked.limit
    if not found.hits and every.confidence < asked.min_confidence:
        reason = "confidence"
        words = (
            f"{told}; the confidence was {every.confidence:.2f}, and at least {asked.min_confidence:g} was asked for."
        )
    elif within and room is not None and room < 0:
        reason, words = "budget", f"{told}, and found no room in the budget."
    elif within or needed is None or hit.score >= needed:
        reason, words = "packing", f"{told}, and was left out when the answer was put together."
    else:
        reason, words = "cut", f"{told}; the last one that was returned has {needed:.2f}."
    return WhyNot(hit.id, reason, words, place=place, score=hit.score, needed=needed)
