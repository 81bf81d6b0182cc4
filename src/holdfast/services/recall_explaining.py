"""Why a recall returned what it did: the same recall once more, all its candidates, and what is held of one memory."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.core import border
from holdfast.core.codec import readable_content, record_of
from holdfast.core.explain_recall import explained, shares
from holdfast.core.filter_text import filter_text
from holdfast.core.filters import failing
from holdfast.core.packing import recall_limit
from holdfast.model import limits
from holdfast.model.explanation import Explanation, WhyNot
from holdfast.model.filters import Where
from holdfast.model.ids import id_text, parse_id
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
    ) -> Explanation:
        """What `Recalling.recall` returns for the same arguments, and why; nothing is counted as read.

        Raises:
            InvalidInput.
        """
        record = None if memory is None else id_text(parse_id(memory))
        conditions, most = _Conditions(where, since, until, now), recall_limit(limit, budget_tokens)
        found = self._recall(query, most, budget_tokens, conditions)
        every = self._recall(query, limits.LIMIT_HITS, None, conditions)
        why_not = None
        if record is not None:
            why_not = self._why_not(record, query, found, every, conditions, budget_tokens is not None, most)
        return Explanation(query, explained(found.hits, every.hits), len(every), why_not)

    def _recall(self, query: str, limit: int, budget: int | None, conditions: _Conditions) -> Recollection:
        return self._recalling.recall(
            query, budget_tokens=budget, limit=limit, where=conditions.where, since=conditions.since,
            until=conditions.until, now=conditions.now, counted=False,
        )  # fmt: skip

    def _why_not(
        self,
        memory: str,
        query: str,
        found: Recollection,
        every: Recollection,
        conditions: _Conditions,
        has_budget: bool,
        limit: int,
    ) -> WhyNot:
        for place, hit in enumerate(found, 1):
            if hit.id == memory:
                words = f"It was returned, at place {place}."
                return WhyNot(memory, "returned", words, place=place, score=hit.score, signals=shares(hit, every.hits))
        for place, hit in enumerate(every, 1):
            if hit.id == memory:
                return _left_out(hit, place, found, every, limit if has_budget else None)
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
            words = f"It was superseded by {id_text(held.closed_by)}, which is recalled in its place."
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


def _left_out(hit: Hit, place: int, found: Recollection, every: Recollection, limit: int | None) -> WhyNot:
    """Why a candidate is not among the hits.

    Args:
        limit: The most hits, where a budget bounds them too.
    """
    needed = found[-1].score if found else None
    told = f"It came at place {place} of {len(every)} with a score of {hit.score:.2f}"
    if limit is not None and place <= limit:
        reason, words = "budget", f"{told}, and found no room in the budget."
    elif needed is None or hit.score >= needed:
        reason, words = "packing", f"{told}, and was left out when the answer was put together."
    else:
        reason, words = "cut", f"{told}; the last one that was returned has {needed:.2f}."
    return WhyNot(hit.id, reason, words, place=place, score=hit.score, needed=needed, signals=shares(hit, every.hits))
