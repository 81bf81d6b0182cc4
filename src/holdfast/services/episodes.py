"""Episodes: taking them in with what belongs to them, and finding them by time, likeness, people, tags and outcome."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from holdfast.core import border
from holdfast.core.codec import readable_content, record_of
from holdfast.core.episodes import body_of, check_outcome, check_sentiment, read_episode
from holdfast.core.filters import every
from holdfast.core.lexical import decode_terms, language_of_query, term_hashes
from holdfast.core.listing import Listing, is_question, read_listing
from holdfast.core.mentions import referred
from holdfast.core.secrets import subkey
from holdfast.core.when import Span, spans
from holdfast.errors import InvalidField, InvalidTime
from holdfast.model import limits
from holdfast.model.episodes import RECORDED, Episode
from holdfast.model.filters import EVERYTHING, Condition, Filter, Op, Where, having
from holdfast.model.ids import parse_id
from holdfast.model.records import TRUST_OF_ORIGIN, Content, Kind, Origin, Record, Role, Scalar
from holdfast.model.times import When, parse_when
from holdfast.ports.store import Reader
from holdfast.services.inspecting import Inspecting
from holdfast.services.ledger import Ledger
from holdfast.services.paging import PAGE
from holdfast.services.recalling import Recalling
from holdfast.services.remembering import Remembering
from holdfast.services.selecting import matching
from holdfast.services.touches import Touches

EPISODES = tuple(kind for kind in Kind if kind.is_episode)


class Happening:
    """The episodes of one space."""

    def __init__(
        self,
        ledger: Ledger,
        remembering: Remembering,
        recalling: Recalling,
        inspecting: Inspecting,
        touches: Touches,
    ) -> None:
        self._ledger = ledger
        self._remembering = remembering
        self._recalling = recalling
        self._inspecting = inspecting
        self._touches = touches

    # Records

    def record(
        self,
        kind: str,
        text: str,
        *,
        session: str | None,
        user: str | None,
        agent: str | None,
        input_: Any,
        output: Any,
        outcome: str | None,
        sentiment: float | None,
        resolves: str | None,
        when: When | None,
        key: str | None,
        tags: Sequence[str],
        attributes: Mapping[str, Scalar] | None,
        before: Callable[[], str | None] = lambda: None,
    ) -> Record:
        """Take in an episode, durably; see `holdfast.session.Session.record`."""
        if kind not in RECORDED:
            raise InvalidField(
                f"{kind!r:.60} is not a kind of episode that is recorded; expected one of: {', '.join(RECORDED)}."
                " What is said is added as a turn. Nothing was written."
            )
        now = self._ledger.clock.now_ms()
        moment = now if when is None else parse_when(when)
        if moment > now + limits.FUTURE_MS:
            raise InvalidTime("An episode cannot have happened more than a day after now. Nothing was written.")
        words = border.check_text(text)
        author = border.optional_label(agent or user, "agent" if agent else "user")
        sources: tuple[str, ...] = ()
        if resolves is not None:
            error = self._inspecting.get(resolves)
            if error.kind is not Kind.ERROR:
                raise InvalidField(
                    f"Memory {resolves} is a {error.kind.name.lower()}, not an error. Nothing was written."
                )
            sources = (error.id,)
        fields: dict[str, Any] = {
            "user": border.optional_label(user, "user"), "agent": border.optional_label(agent, "agent"),
            "input": input_, "output": output, "outcome": check_outcome(outcome),
            "sentiment": check_sentiment(sentiment),
            "resolves": sources[0] if sources else None, **referred(words, moment, before, filter(None, (user, agent))),
        }  # fmt: skip
        origin = Origin.AGENT if agent else Origin.USER
        content = Content(
            kind=RECORDED[kind], text=words, valid_from=moment, session=session, author=author,
            role=Role.ASSISTANT if agent else Role.USER if user else Role.NONE, tags=border.check_tags(tags),
            attributes=border.check_attributes(attributes), origin=origin, trust=TRUST_OF_ORIGIN[origin],
            actor=self._remembering.actor, sources=sources, body=body_of(**fields),
        )  # fmt: skip
        command = self._remembering.keyed("record", key, content, timeless=when is None)
        return self._remembering.take_all([command])[0][0]

    def resolve(self, error: str, text: str, outcome: str, **fields: Any) -> Record:
        """Note what resolved an error: an outcome that goes with it."""
        held = self._inspecting.get(error)
        return self.record(
            "outcome", text, session=held.session, resolves=error, outcome=outcome, user=None, input_=None, output=None,
            sentiment=None, when=None, key=None, tags=held.tags, attributes=None, **fields,
        )  # fmt: skip

    # Finding

    def list(
        self,
        kind: str | Sequence[str] | None,
        *,
        participant: str | None,
        tag: str | None,
        session: str | None,
        since: When | None,
        until: When | None,
        during: str | None,
        concerning: str | None,
        outcome: str | None,
        where: Where | None,
        limit: int | None,
    ) -> list[Episode]:
        """Episodes that meet every condition, the newest ones, oldest first."""
        parts = [_of_kinds(kind)]
        parts += [Condition("tag", Op.IN, (border.check_label(tag, "tag"),))] if tag is not None else []
        parts += [Condition("session", Op.IN, (border.check_label(session, "session"),))] if session is not None else []
        checked = border.check_where(where)
        parts += [checked] if checked != EVERYTHING else []
        most = None if limit is None else border.check_count(limit, "limit", 10_000_000)
        said_in, about = self._times(during), self._times(concerning)
        wanted, who = check_outcome(outcome), border.optional_label(participant, "participant")
        with self._ledger.store.reading() as reader:
            ns = matching(
                reader, every(parts), None if since is None else parse_when(since),
                None if until is None else parse_when(until),
            )  # fmt: skip
            records = self._read(reader, ns)
        found = [
            one
            for one in map(episode_of, records)
            if (not said_in or _within(one.at_ms, said_in))
            and (not about or _overlap(one.times, about))
            and (wanted is None or one.outcome == wanted)
            and (who is None or who in (one.user, one.agent, one.record.author))
        ]
        found.sort(key=lambda one: one.at_ms)
        return self._resolved(found if most is None else found[-most:])

    def similar(self, text: str, *, kind: str | Sequence[str] | None, limit: int, outcome: str | None) -> list[Episode]:
        """Episodes like a text, the nearest first, each error with what resolved it."""
        most = border.check_count(limit, "limit", limits.LIMIT_HITS)
        wanted = check_outcome(outcome)
        names = [one.name.lower() for one in _kinds(kind)]
        hits = self._recalling.recall(
            text, budget_tokens=None, limit=min(limits.LIMIT_HITS, most if wanted is None else most * 20),
            where={"kind": names}, since=None, until=None, now=None,
        )  # fmt: skip
        found = [replace(episode_of(hit.record), score=hit.score) for hit in hits]
        resolved = self._resolved(found)
        return [
            one
            for one in resolved
            if wanted is None or wanted in (one.outcome, one.resolution and one.resolution.outcome)
        ][:most]

    def said(self, question: str, *, now: When | None) -> list[Episode]:
        """Every episode that a question such as "when did the user ask about Python" means, oldest first."""
        text = border.check_text(question, "question", limits.QUERY_CHARS)
        moment = self._ledger.clock.now_ms() if now is None else parse_when(now)
        with self._ledger.store.reading() as reader:
            asked = read_listing(text, reader.names(), moment)
            ns = matching(reader, _filter(asked), None, None)
            records = self._read(reader, self._with_words(reader, ns, asked.words))
        found = [
            episode_of(record)
            for record in records
            if (not asked.times or _within(record.valid_from, asked.times))
            and (not asked.asked or asked.kinds or is_question(record.text))
        ]
        return self._resolved(sorted(found, key=lambda one: one.at_ms))

    def _with_words(self, reader: Reader, ns: Sequence[int], words: str) -> Sequence[int]:
        """Those of some memories that have every one of the words, in any form."""
        if not words or not ns:
            return ns
        key = subkey(self._ledger.secret, "terms")
        wanted = term_hashes(words, key, language_of_query(words))
        columns = reader.columns(ns)
        decoded = decode_terms(columns.terms)
        numbers = np.asarray(columns.n)
        has_all = np.ones(len(numbers), bool)
        for term in wanted:
            has = np.zeros(len(numbers), bool)
            has[decoded.owners[decoded.hashes == term]] = True
            has_all &= has
        return sorted(numbers[has_all].tolist())

    def _times(self, said: str | None) -> tuple[Span, ...]:
        if said is None:
            return ()
        found = spans(border.check_text(said, "time", limits.LABEL_CHARS), self._ledger.clock.now_ms())
        if not found:
            raise InvalidTime(
                f"{said!r:.80} names no time that is known; expected one such as 'last Tuesday' or 'May'."
            )
        return found

    def _read(self, reader: Reader, ns: Sequence[int]) -> list[Record]:
        records = list[Record]()
        now = self._ledger.clock.now_ms()
        for start in range(0, len(ns), PAGE):
            current = reader.current(ns[start : start + PAGE])
            for n in ns[start : start + PAGE]:
                content = readable_content(current[n][1]) if n in current else None
                if content is not None and (content.expires_at is None or content.expires_at > now):
                    records.append(record_of(current[n][1], content))
        self._touches.listed(len(records))
        return records

    def _resolved(self, found: Sequence[Episode]) -> list[Episode]:
        """The same, each error with what resolved it last."""
        errors = [parse_id(one.id) for one in found if one.record.kind is Kind.ERROR]
        if not errors:
            return list(found)
        by_error = dict[str, Episode]()
        with self._ledger.store.reading() as reader:
            holdings = [held for held in reader.derived_from(errors) if held.live]
            for record in self._read(reader, [held.n for held in holdings]):
                one = episode_of(record)
                if one.resolves is not None:
                    by_error[one.resolves] = one
        return [replace(one, resolution=by_error.get(one.id)) for one in found]


def episode_of(record: Record) -> Episode:
    """A record with what belongs to it."""
    fields = read_episode(record.body)
    return Episode(
        record=record, user=fields.get("user"), agent=fields.get("agent"), input=fields.get("input"),
        output=fields.get("output"), outcome=fields.get("outcome"), sentiment=fields.get("sentiment"),
        times=tuple((start, end) for start, end in fields.get("times", ())), it=fields.get("it"),
        resolves=fields.get("resolves"),
    )  # fmt: skip


def _kinds(kind: str | Sequence[str] | None) -> tuple[Kind, ...]:
    if kind is None:
        return EPISODES
    known = {one.name.lower(): one for one in EPISODES}
    asked = (kind,) if isinstance(kind, str) else tuple(kind)
    for one in asked:
        if one not in known:
            raise InvalidField(f"{one!r:.60} is not a kind of episode; expected one of: {', '.join(known)}.")
    return tuple(known[one] for one in asked)


def _of_kinds(kind: str | Sequence[str] | None) -> Filter:
    return having({"kind": [int(one) for one in _kinds(kind)]})


def _filter(asked: Listing) -> Filter:
    kinds = asked.kinds or {one for one in EPISODES if one is not Kind.SUMMARY}
    parts: list[Filter] = [having({"kind": [int(one) for one in sorted(kinds)]})]
    if asked.role is not None:
        parts.append(Condition("role", Op.IN, (int(asked.role),)))
    if asked.authors:
        parts.append(Condition("author", Op.IN, asked.authors))
    return every(parts)


def _within(moment: int, times: Sequence[Span]) -> bool:
    return any(start <= moment < end for start, end in times)


def _overlap(one: Sequence[Span], other: Sequence[Span]) -> bool:
    return any(start < until and since < end for start, end in one for since, until in other)
