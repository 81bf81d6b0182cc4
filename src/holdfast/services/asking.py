"""Questions that a space keeps: recalls that can be asked again as they were, and what questions must bring back."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import Protocol, cast

from holdfast.core import border
from holdfast.core.asked import (
    differences,
    expectation,
    expectation_content,
    kept_recall,
    problems,
    recall_content,
)
from holdfast.core.codec import readable_content, record_of
from holdfast.core.decide import Take
from holdfast.core.filters import to_json
from holdfast.core.packing import recall_limit
from holdfast.errors import InvalidField, NotFound
from holdfast.model import limits
from holdfast.model.asked import Expectation, KeptRecall, Outcome, Replay
from holdfast.model.filters import EVERYTHING, Where, having
from holdfast.model.ids import id_text, parse_id
from holdfast.model.recollection import Recollection
from holdfast.model.records import Kind, Record
from holdfast.model.times import When, format_when, parse_when
from holdfast.services.embedding import Embedding
from holdfast.services.forgetting import Forgetting
from holdfast.services.ledger import Ledger
from holdfast.services.recalling import Recalling
from holdfast.services.remembering import Remembering
from holdfast.services.selecting import matching

REMOVED = "expectation removed"
_TRIES = 5
"""How often a recall is asked again because somebody wrote meanwhile, before it is kept as it is."""


class Past(Protocol):
    """A space as it was."""

    @property
    def recalling(self) -> Recalling: ...
    def close(self) -> None: ...


class Asking:
    """Keeps questions of one space, and asks them again.

    Args:
        remembering: Has the policy under which a question is kept.
    """

    def __init__(
        self,
        ledger: Ledger,
        recalling: Recalling,
        remembering: Remembering,
        forgetting: Forgetting,
        embedding: Embedding,
        actor: str,
    ) -> None:
        self._ledger = ledger
        self._recalling = recalling
        self._remembering = remembering
        self._forgetting = forgetting
        self._embedding = embedding
        self._actor = actor

    def keep(
        self,
        query: str,
        *,
        budget_tokens: int | None,
        limit: int | None,
        where: Where | None,
        since: When | None,
        until: When | None,
        now: When | None,
        thorough: bool,
        min_confidence: float,
    ) -> Recollection:
        """Recall, and keep what was asked and what was returned, durably.

        Raises:
            InvalidInput.
            Refused: the policy does not let the question be kept.
        """
        at_ms = self._ledger.clock.now_ms()
        now_ms = at_ms if now is None else parse_when(now)
        seq, found = self._undisturbed(
            lambda: self._recalling.recall(
                query, budget_tokens=budget_tokens, limit=limit, where=where, since=since, until=until,
                now=format_when(now_ms), thorough=thorough, min_confidence=min_confidence,
            )
        )  # fmt: skip
        content = recall_content(
            query, at_ms, self._actor,
            space=id_text(self._ledger.store.identity.space), node=id_text(self._ledger.store.identity.node),
            now_ms=now_ms, seq=seq, hits=[[hit.id, hit.score] for hit in found], model=self._model(), engine=_engine(),
            degraded=found.degraded, limit=recall_limit(limit, budget_tokens), budget_tokens=budget_tokens,
            where=_filter_json(where),
            since_ms=None if since is None else parse_when(since),
            until_ms=None if until is None else parse_when(until), thorough=thorough,
            **({"min_confidence": min_confidence} if min_confidence else {}),
        )  # fmt: skip
        judged = self._remembering.judged(Take(content, self._ledger.new_id()))
        if judged.content.text != query:
            said = recall_content(query, at_ms, self._actor, **json.loads(content.body or ""), altered=True)
            judged = self._remembering.judged(replace(judged, content=said))
        ((record, _),) = self._remembering.take_all([judged])
        return replace(found, kept=record.id)

    def kept(self) -> list[KeptRecall]:
        """Every recall that was kept, oldest first."""
        return [kept_recall(record) for record in self._aside(Kind.RECALL)]

    def replay(self, memory: str | None, past: Callable[[int, int], Past]) -> Replay:
        """Ask a kept recall again of the space as it was; the newest one by default.

        Args:
            past: Gives the space as it was after an event, at a moment: what expires does so without one.

        Raises:
            NotFound: there is none.
            InvalidField: it was kept in another space and came by an import.
        """
        kept = kept_recall(self._one(Kind.RECALL, memory))
        if kept.space != id_text(self._ledger.store.identity.space):
            raise InvalidField(f"The recall {kept.id} was kept in another space, whose past is not here.")
        then = past(kept.seq, kept.at_ms)
        try:
            found = then.recalling.recall(
                kept.query, budget_tokens=kept.budget_tokens, limit=kept.limit, where=kept.where or None,
                since=_when(kept.since_ms), until=_when(kept.until_ms), now=format_when(kept.now_ms),
                thorough=kept.thorough, min_confidence=kept.min_confidence, counted=False,
            )  # fmt: skip
        finally:
            then.close()
        hits = tuple((hit.id, hit.score) for hit in found)
        forgotten = self._forgotten([one for one, _ in kept.hits])
        return Replay(kept, hits, differences(kept.hits, hits, forgotten), self._causes(kept, found, len(forgotten)))

    def _causes(self, kept: KeptRecall, found: Recollection, forgotten: int) -> tuple[str, ...]:
        model, said = self._model(), list[str]()
        if kept.altered:
            said.append("the question was kept as the policy let it, which is not as it was asked")
        if model != kept.model:
            said.append(f"the model is {model or 'none'}, and was {kept.model or 'none'}")
        if kept.node != id_text(self._ledger.store.identity.node):
            said.append("it was kept on another node, which may have taken events in in another order")
        if found.degraded != kept.degraded:
            said.append(f"answered then: {kept.degraded or 'with all signals'}; now: {found.degraded or 'with all'}")
        with self._ledger.store.reading() as reader:
            erased = sum(event.seq > kept.seq for event in reader.receipts())
        if erased:
            said.append(f"{erased} {'forget' if erased == 1 else 'forgets'} since, which took {forgotten} of the hits")
        return tuple(said)

    def expect(
        self,
        query: str,
        *,
        contains: str | Sequence[str],
        not_contains: str | Sequence[str],
        memory: str | None,
        limit: int,
        where: Where | None,
    ) -> Expectation:
        """Store what a question must bring back, durably.

        Raises:
            InvalidInput: nothing is expected, or something is not acceptable.
            NotFound: there is no such memory, or it is of those that are never recalled.
            Refused: the policy does not let it be kept.
        """
        wanted, unwanted = _texts(contains, "contains"), _texts(not_contains, "not_contains")
        if not (wanted or unwanted or memory):
            raise InvalidField("Nothing is expected; give contains, not_contains or id. Nothing was written.")
        if memory is not None:
            with self._ledger.store.reading() as reader:
                held = reader.find(parse_id(memory))
                event = reader.event(held.seq) if held is not None and held.live and not held.quarantined else None
            content = None if event is None else readable_content(event)
            if content is None or content.kind.is_aside:
                raise NotFound(f"There is no memory {memory} that could be recalled. Nothing was written.")
        content = expectation_content(
            border.check_text(query, "query", limits.QUERY_CHARS), self._ledger.clock.now_ms(), self._actor,
            contains=wanted, not_contains=unwanted, memory=None if memory is None else id_text(parse_id(memory)),
            limit=border.check_count(limit, "limit", limits.LIMIT_HITS), where=_filter_json(where),
        )  # fmt: skip
        ((record, _),) = self._remembering.take_all([self._remembering.judged(Take(content, self._ledger.new_id()))])
        return expectation(record)

    def expectations(self) -> list[Expectation]:
        """Every expectation, oldest first."""
        return [expectation(record) for record in self._aside(Kind.EXPECTATION)]

    def remove(self, memory: str) -> None:
        """Forget an expectation.

        Raises:
            NotFound: there is none of that id.
        """
        record = self._one(Kind.EXPECTATION, memory)
        self._forgetting.erase([parse_id(record.id)], actor=self._actor, reason=REMOVED)

    def run(self) -> list[Outcome]:
        """Ask every question that something is expected of; nothing is counted as read."""
        outcomes = list[Outcome]()
        for one in self.expectations():
            found = self._recalling.recall(
                one.query, budget_tokens=None, limit=one.limit, where=one.where or None, since=None, until=None,
                now=None, counted=False,
            )  # fmt: skip
            outcomes.append(Outcome(one, problems(one, found), tuple(hit.id for hit in found)))
        return outcomes

    def _undisturbed(self, recall: Callable[[], Recollection]) -> tuple[int, Recollection]:
        """The newest event that an answer rests on, and the answer."""
        seq, found = self._head(), recall()
        for _ in range(_TRIES):
            if self._head() == seq:
                break
            seq, found = self._head(), recall()
        return seq, found

    def _head(self) -> int:
        with self._ledger.store.reading() as reader:
            return reader.head().seq

    def _model(self) -> str | None:
        return None if self._embedding.embedder is None else self._embedding.embedder.fingerprint

    def _aside(self, kind: Kind) -> list[Record]:
        with self._ledger.store.reading() as reader:
            current = reader.current(matching(reader, having({"kind": [int(kind)]}), None, None, aside=True))
        found = [(event, readable_content(event)) for _, (_, event) in sorted(current.items())]
        return [record_of(event, content) for event, content in found if content is not None]

    def _one(self, kind: Kind, memory: str | None) -> Record:
        wanted = None if memory is None else id_text(parse_id(memory))
        for record in reversed(self._aside(kind)):
            if wanted in (None, record.id):
                return record
        which = "kept recall" if kind is Kind.RECALL else "expectation"
        raise NotFound(f"There is no {which}{'' if memory is None else ' ' + memory} in this space.")

    def _forgotten(self, memories: Sequence[str]) -> frozenset[str]:
        with self._ledger.store.reading() as reader:
            held = reader.find_all([parse_id(one) for one in memories])
        return frozenset(id_text(one.id) for one in held.values() if one.receipt is not None)


def _engine() -> str:
    """The version of Holdfast that answers."""
    try:
        return version("holdfast")
    except PackageNotFoundError:  # run from a source tree
        return "unknown"


def _filter_json(where: Where | None) -> dict[str, object]:
    checked = border.check_where(where)
    return {} if checked == EVERYTHING else to_json(checked)


def _when(ms: int | None) -> str | None:
    return None if ms is None else format_when(ms)


def _texts(given: str | Sequence[str], name: str) -> list[str]:
    """Texts that are looked for.

    Raises:
        InvalidText, InvalidField.
    """
    listed: object = [given] if isinstance(given, str) else given
    if not isinstance(listed, list | tuple):
        raise InvalidField(f"{name} is {given!r:.60}; expected a text, or a list of texts. Nothing was written.")
    many = list(cast("Sequence[object]", listed))
    if len(many) > limits.TAGS:
        raise InvalidField(f"{len(many)} texts were given as {name}; at most {limits.TAGS} are taken.")
    return [border.check_text(one, name, limits.LABEL_CHARS) for one in many]
