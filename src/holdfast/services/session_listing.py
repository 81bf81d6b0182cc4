"""Which sessions there are, told by what was said in them and by what is kept of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from holdfast.core.codec import readable_content
from holdfast.core.sessions import SessionState, read_session
from holdfast.model.filters import having
from holdfast.model.ids import parse_id
from holdfast.model.records import Kind, Role
from holdfast.model.sessions import SessionInfo
from holdfast.ports.store import Reader
from holdfast.services.paging import PAGE


def sessions_of(reader: Reader, idle_ttl_s: float, only: str | None = None) -> list[SessionInfo]:
    """Every session, or one, the one that was last spoken in first.

    Args:
        idle_ttl_s: Of those of which nothing is kept.
    """
    spans = _spans(reader, only)
    states = dict(_states(reader, only))
    for name, span in spans.items():
        state = states.setdefault(name, SessionState(name, idle_ttl_s=idle_ttl_s))
        through = reader.find(parse_id(state.through)) if state.through else None
        span.is_closed = through is not None and span.last_n <= through.n
    infos = [_info(state, spans.get(name)) for name, state in states.items()]
    return sorted(infos, key=lambda info: (-(info.last_ms or info.closed_ms or 0), info.id))


@dataclass(slots=True)
class Span:
    """What the columns tell of a session."""

    turns: int = 0
    first_ms: int | None = None
    last_ms: int | None = None
    last_n: int = 0
    user: str | None = None
    agent: str | None = None
    is_closed: bool = False

    def take(self, n: int, said_ms: int, role: int, author: str | None, kind: int) -> None:
        if kind in (Kind.TURN, Kind.TOOL_CALL):
            self.turns += 1
        self.first_ms = said_ms if self.first_ms is None else min(self.first_ms, said_ms)
        self.last_ms = said_ms if self.last_ms is None else max(self.last_ms, said_ms)
        self.last_n = max(self.last_n, n)
        if author and role == Role.USER and author != "user":
            self.user = author
        elif author and role == Role.ASSISTANT and author != "assistant":
            self.agent = author


def _spans(reader: Reader, only: str | None) -> dict[str, Span]:
    ns = None if only is None else reader.session(only)
    spans = dict[str, Span]()
    if ns == []:
        return spans
    columns = reader.columns(ns)
    rows = zip(columns.n, columns.session, columns.said_ms, columns.role, columns.author, columns.kind, strict=True)
    for n, session, said_ms, role, author, kind in rows:
        if session is not None and Kind(kind).is_episode and kind != Kind.SUMMARY:
            spans.setdefault(session, Span()).take(n, said_ms, role, author, kind)
    return spans


def _states(reader: Reader, only: str | None) -> Iterator[tuple[str, SessionState]]:
    wanted: Mapping[str, Sequence[str | int]] = {"kind": [int(Kind.SESSION)]}
    ns = reader.select(having(wanted if only is None else {**wanted, "session": [only]}), None, None, aside=True)
    for start in range(0, len(ns), PAGE):
        for _, event in reader.current(ns[start : start + PAGE]).values():
            content = readable_content(event)
            if content is not None:
                state = read_session(content.body)
                yield state.id, state


def _info(state: SessionState, span: Span | None) -> SessionInfo:
    found = span or Span()
    return SessionInfo(
        id=state.id, user=state.user or found.user, agent=state.agent or found.agent, idle_ttl_s=state.idle_ttl_s,
        is_closed=state.closed_ms is not None and (span is None or found.is_closed), turns=found.turns,
        first_ms=found.first_ms, last_ms=found.last_ms, closed_ms=state.closed_ms, summaries=state.summaries,
    )  # fmt: skip
