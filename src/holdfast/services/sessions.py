"""Sessions: what is kept of them, closing and summarising them, listing and searching them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from holdfast.core import border
from holdfast.core.codec import readable_content, record_of
from holdfast.core.decide import Take
from holdfast.core.episodes import body_of
from holdfast.core.naming import Write, Written, generation, named_id, write
from holdfast.core.sessions import (
    SessionState,
    check_ttl,
    is_idle,
    is_live,
    read_session,
    session_content,
    stretches,
    summary_tokens,
)
from holdfast.core.view import View
from holdfast.errors import NotFound, Refused, VersionConflict
from holdfast.model.events import Draft, Event
from holdfast.model.holdings import Holding
from holdfast.model.ids import id_text, parse_id
from holdfast.model.recollection import Hit
from holdfast.model.records import TRUST_OF_ORIGIN, Content, Kind, Origin, Record
from holdfast.model.sessions import IDLE_TTL_S, SessionFound, SessionInfo
from holdfast.model.times import When, parse_when
from holdfast.model.tokens import Count
from holdfast.ports.store import Reader
from holdfast.ports.working import WorkingStore
from holdfast.services.ledger import Ledger
from holdfast.services.paging import PAGE
from holdfast.services.recalling import Recalling
from holdfast.services.remembering import Remembering
from holdfast.services.session_listing import sessions_of
from holdfast.services.summarising import EXTRACTIVE, Summarising, SummaryText
from holdfast.services.taking import deciding
from holdfast.services.touches import Touches

FOUND = 50
"""Memories that a search for sessions looks at."""
_LOOK = 8
"""Memories that are read at a time in search of the last word."""
_TRIES = 5
"""How often a session is closed anew because somebody else wrote to it meanwhile."""


@dataclass(frozen=True, slots=True)
class _Stretch:
    """What was said in a session since it was last closed.

    Attributes:
        version: Of the session's record; 0 where there is none.
        last_ms: When the last of it was recorded, by the space's clock; None where nothing was.
        said_ms: When the last of it was said.
        last: Id of the newest of it.
    """

    state: SessionState
    version: int
    records: tuple[Record, ...] = ()
    last_ms: int | None = None
    said_ms: int | None = None
    last: str | None = None


class Conversing:
    """The sessions of one space.

    Args:
        summarising: Sums up turns in so many tokens.
        working: What sessions have at hand; dropped when they are closed.
        count: Counts the tokens of a text.
        idle_ttl_s: Seconds without a word after which a session is closed, where nothing else is said for it.
    """

    def __init__(
        self,
        ledger: Ledger,
        remembering: Remembering,
        recalling: Recalling,
        touches: Touches,
        working: Callable[[], WorkingStore],
        summarising: Callable[[], Summarising],
        count: Count,
        idle_ttl_s: float = IDLE_TTL_S,
    ) -> None:
        self._ledger = ledger
        self._remembering = remembering
        self._recalling = recalling
        self._touches = touches
        self._working = working
        self._summarising = summarising
        self._count = count
        self.idle_ttl_s = idle_ttl_s

    # What is kept

    def keep(self, session: str, user: str | None, agent: str | None, idle_ttl_s: float | None) -> SessionState:
        """Note who takes part in a session and how long it may be idle, durably, where that is not noted already."""
        for _ in range(_TRIES):
            with self._ledger.store.reading() as reader:
                state, version = self._state(reader, session)
            ttl_s = state.idle_ttl_s if idle_ttl_s is None else check_ttl(idle_ttl_s, "idle_ttl_s")
            wanted = replace(state, user=user or state.user, agent=agent or state.agent, idle_ttl_s=ttl_s)
            if version and wanted == state:
                return state
            command = self._named(wanted, version)
            try:
                self._ledger.write(partial(_decide, command))
            except VersionConflict:
                continue
            self._touches.written(1)
            return wanted
        raise VersionConflict(f"The session {session!r:.80} changes all the time. Nothing was written; try again.")

    def _state(self, reader: Reader, session: str) -> tuple[SessionState, int]:
        record, version = generation(
            reader, lambda number: named_id(self._ledger.secret, Kind.SESSION, session, number)
        )
        held = reader.find(record) if version else None
        content = readable_content(reader.event(held.seq)) if held else None
        if content is None:
            return SessionState(session, idle_ttl_s=self.idle_ttl_s), 0
        return read_session(content.body), version

    def _named(self, state: SessionState, version: int) -> Write:
        content = session_content(state, self._ledger.clock.now_ms(), self._remembering.actor)
        secret = self._ledger.secret
        return Write(state.id, lambda number: named_id(secret, Kind.SESSION, state.id, number), content, version)

    # Closing

    def standing(self, session: str) -> tuple[float, int | None]:
        """Seconds without a word after which a session is closed, and when something was last said in it.

        By the space's clock; None where it is closed. What was imported was not said here, so it opens no session.
        """
        with self._ledger.store.reading() as reader:
            stretch = self._stretch(reader, session, contents=False)
        return stretch.state.idle_ttl_s, _live_ms(stretch)

    def is_over(self, last_ms: int, now_ms: int, idle_ttl_s: float | None) -> bool:
        """Whether a session is idle by now in which something was last said then."""
        return is_idle(last_ms, now_ms, self.idle_ttl_s if idle_ttl_s is None else idle_ttl_s)

    def close(
        self, session: str, why: str = "asked", user: str | None = None, agent: str | None = None, *,
        now_ms: int | None = None, by_model: bool = True,
    ) -> Record | None:  # fmt: skip
        """End a session, durably: what was said since it was last closed is summed up, its working memory dropped.

        Args:
            why: ``asked``, or ``idle``: then only where nothing was said for as long as it may be idle.
            by_model: Ask the language model, if there is one; it is waited for.

        Returns the newest summary of the session: the one before, where nothing was said since, or where the policy
        lets no summary be kept; None where there is none.
        """
        for _ in range(_TRIES):
            with self._ledger.store.reading() as reader:
                stretch = self._stretch(reader, session, contents=False)
                if why == "idle" and not self._is_idle(stretch, now_ms):
                    return None
                if stretch.last is None:
                    return self._newest(stretch.state)
                stretch = self._stretch(reader, session, contents=True)
            try:
                made = self._write(stretch, why, user, agent, by_model=by_model)
            except VersionConflict:
                continue  # somebody else closed it, or resumed it, meanwhile
            self._working().drop([session])
            return made
        raise VersionConflict(f"The session {session!r:.80} changes all the time. It was not closed; try again.")

    def close_idle(self, now: When | None = None) -> list[Record]:
        """Close every session in which nothing was said for as long as it may be idle; gives their summaries."""
        now_ms = self._ledger.clock.now_ms() if now is None else parse_when(now)
        made = [
            self.close(info.id, "idle", now_ms=now_ms)
            for info in self._infos()
            if not info.is_closed and info.last_ms is not None and is_idle(info.last_ms, now_ms, info.idle_ttl_s)
        ]
        return [summary for summary in made if summary is not None]

    def _is_idle(self, stretch: _Stretch, now_ms: int | None) -> bool:
        now, last = self._ledger.clock.now_ms() if now_ms is None else now_ms, _live_ms(stretch)
        return last is not None and is_idle(last, now, stretch.state.idle_ttl_s)

    def _stretch(self, reader: Reader, session: str, *, contents: bool) -> _Stretch:
        """What was said since it was last closed; without contents only where that ends."""
        state, version = self._state(reader, session)
        through = reader.find(parse_id(state.through)) if state.through else None
        ordered = [n for n in reader.session(session) if n > (through.n if through else 0)]
        newest = next(_said(reader, sorted(ordered, reverse=True), _LOOK), None)
        if newest is None:
            return _Stretch(state, version)
        held, event, content = newest
        records = tuple(
            record_of(event, content)
            for held, event, content in _said(reader, ordered if contents else (), PAGE)
            if held.n <= newest[0].n and held.live and not held.quarantined
        )
        return _Stretch(state, version, records, event.header.at_ms, content.valid_from, id_text(held.id))

    def _write(
        self, stretch: _Stretch, why: str, user: str | None, agent: str | None, *, by_model: bool
    ) -> Record | None:
        takes = list(self._summaries(stretch, by_model=by_model))
        ids = tuple(id_text(take.record) for take in takes)
        state = replace(
            stretch.state, user=user or stretch.state.user, agent=agent or stretch.state.agent,
            closed_ms=self._ledger.clock.now_ms(), through=stretch.last, why=why,
            summaries=(*stretch.state.summaries, *ids),
        )  # fmt: skip

        def decide(view: View, secret: bytes) -> tuple[Sequence[Draft], int]:
            drafts, _ = deciding(takes, imported=False)(view, secret)
            kept, _ = write(view, self._named(state, stretch.version), secret)
            return (*drafts, *kept), len(drafts)

        _, events = self._ledger.write_events(decide)
        self._touches.written(len(takes))
        written = {event.header.record: event for event in events}
        if not takes:
            return self._newest(state)
        event = written[takes[-1].record]
        content = readable_content(event)
        return record_of(event, content or takes[-1].content)

    def _summaries(self, stretch: _Stretch, *, by_model: bool) -> Iterator[Take]:
        """A summary of each thousand turns: as many as one may name as its sources."""
        # What only repeats what was recalled is no evidence of anything.
        said = [one for one in stretch.records if one.origin is not Origin.RECALLED]
        for turns in stretches(said):
            room = summary_tokens(sum(self._count(turn.entry) for turn in turns))
            summary = self._summarising().summarise(turns, room, by_model=by_model)
            try:
                yield self._judged(stretch, turns, summary)
            except Refused:
                # The session ends all the same; its turns stay as they are. What a model wrote is no last word.
                if summary.by != EXTRACTIVE:
                    with suppress(Refused):
                        summary = self._summarising().summarise(turns, room, by_model=False)
                        yield self._judged(stretch, turns, summary)

    def _judged(self, stretch: _Stretch, turns: Sequence[Record], summary: SummaryText) -> Take:
        """A summary as the policy lets it be kept.

        Raises:
            Refused: it does not.
        """
        content = Content(
            kind=Kind.SUMMARY,
            text=border.check_text(summary.text.strip() or turns[-1].text, "summary"),
            valid_from=turns[-1].valid_from,
            session=stretch.state.id,
            sources=tuple(turn.id for turn in turns),
            origin=Origin.INFERRED,
            trust=TRUST_OF_ORIGIN[Origin.INFERRED],
            actor=self._remembering.actor,
            body=body_of(since_ms=turns[0].valid_from, until_ms=turns[-1].valid_from, turns=len(turns), by=summary.by),
        )
        return self._remembering.judged(Take(content, self._ledger.new_id()))

    def _newest(self, state: SessionState) -> Record | None:
        with self._ledger.store.reading() as reader:
            for one in reversed(state.summaries):
                held = reader.find(parse_id(one))
                content = readable_content(reader.event(held.seq)) if held and held.live else None
                if held and content:
                    return record_of(reader.event(held.seq), content)
        return None

    # Looking

    def get(self, session: str) -> SessionInfo:
        """One session.

        Raises:
            NotFound: nothing was said in it, and nothing is kept of it.
        """
        named = border.check_label(session, "session")
        for info in self._infos(only=named):
            return info
        raise NotFound(f"There is no session {session!r:.80} in this space.")

    def list(
        self, user: str | None, agent: str | None, *, closed: bool | None, since: When | None, until: When | None,
        limit: int | None,
    ) -> list[SessionInfo]:  # fmt: skip
        """Sessions, the one that was last spoken in first; see `holdfast.session_groups.Sessions.list`."""
        since_ms = None if since is None else parse_when(since)
        until_ms = None if until is None else parse_when(until)
        most = None if limit is None else border.check_count(limit, "limit", 10_000_000)
        found = [
            info
            for info in self._infos()
            if (user is None or info.user == user)
            and (agent is None or info.agent == agent)
            and (closed is None or info.is_closed == closed)
            and (since_ms is None or (info.last_ms is not None and info.last_ms >= since_ms))
            and (until_ms is None or (info.first_ms is not None and info.first_ms < until_ms))
        ]
        return found[:most]

    def search(self, text: str, limit: int) -> list[SessionFound]:
        """Sessions in which something is found, the best hit's first."""
        most = border.check_count(limit, "limit", 1_000)
        found = self._recalling.recall(
            text, budget_tokens=None, limit=FOUND, where={"session": {"exists": True}}, since=None, until=None, now=None
        )
        by_session = defaultdict[str | None, list[Hit]](list)
        for hit in found:
            by_session[hit.record.session].append(hit)
        infos = {info.id: info for info in self._infos()}
        sessions = [(infos.get(name or ""), hits) for name, hits in by_session.items()]
        return [SessionFound(info, tuple(hits), hits[0].score) for info, hits in sessions if info is not None][:most]

    def _infos(self, only: str | None = None) -> list[SessionInfo]:
        with self._ledger.store.reading() as reader:
            return sessions_of(reader, self.idle_ttl_s, only)


def _decide(command: Write, view: View, secret: bytes) -> tuple[Sequence[Draft], Written]:
    return write(view, command, secret)


def _said(reader: Reader, ns: Sequence[int], at_once: int) -> Iterator[tuple[Holding, Event, Content]]:
    """Episodes that can be read, in the order given, without summaries."""
    for start in range(0, len(ns), at_once):
        some = ns[start : start + at_once]
        current = reader.current(some)
        for n in some:
            held, event = current.get(n, (None, None))
            content = readable_content(event) if event else None
            if held and event and content and content.kind.is_episode and content.kind is not Kind.SUMMARY:
                yield held, event, content


def _live_ms(stretch: _Stretch) -> int | None:
    if stretch.last_ms is None or stretch.said_ms is None:
        return None
    return stretch.last_ms if is_live(stretch.said_ms, stretch.last_ms) else None
