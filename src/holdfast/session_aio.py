"""`AsyncSession` and the groups of `holdfast.session_groups` with ``await``."""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from holdfast.model.records import Record, Scalar
from holdfast.model.reports import Turn
from holdfast.model.times import When
from holdfast.session import Session
from holdfast.threads import Threads

if TYPE_CHECKING:  # what most programs never use is loaded when it is first asked for
    from holdfast.agent_tools_aio import AsyncAgentTools
    from holdfast.model.context import Context
    from holdfast.model.episodes import Episode
    from holdfast.model.filters import Where
    from holdfast.model.messages import Message, Messages
    from holdfast.model.sessions import SessionFound, SessionInfo
    from holdfast.model.tiers import SweepReport, TierHolding
    from holdfast.model.window import Window
    from holdfast.model.working import Working
    from holdfast.session_groups import Episodes, Scratch, Sessions, Tiers


class AsyncSession:
    """`Session` for asyncio."""

    def __init__(self, session: Session, threads: Threads) -> None:
        self._session = session
        self._threads = threads
        self.id = session.id

    async def add(
        self,
        speaker: str,
        text: str,
        *,
        when: When | None = None,
        author: str | None = None,
        caption: str | None = None,
        source: str | None = None,
        key: str | None = None,
        tags: Sequence[str] = (),
        attributes: Mapping[str, Scalar] | None = None,
    ) -> Record:
        """See `Session.add`."""
        return await self._threads.run(
            self._session.add, speaker, text, when=when, author=author, caption=caption, source=source, key=key,
            tags=tags, attributes=attributes,
        )  # fmt: skip

    async def add_many(self, turns: Iterable[Turn]) -> list[Record]:
        """See `Session.add_many`."""
        return await self._threads.run(self._session.add_many, turns)

    async def turns(self, limit: int | None = None) -> list[Record]:
        """See `Session.turns`."""
        return await self._threads.run(self._session.turns, limit)

    async def add_message(
        self,
        message: Message,
        *,
        shape: str | None = None,
        when: When | None = None,
        key: str | None = None,
        tags: Sequence[str] = (),
    ) -> Record:
        """See `Session.add_message`."""
        return await self._threads.run(self._session.add_message, message, shape=shape, when=when, key=key, tags=tags)

    async def add_messages(
        self,
        messages: Iterable[Message],
        *,
        shape: str | None = None,
        when: When | None = None,
        key: str | None = None,
        tags: Sequence[str] = (),
    ) -> list[Record]:
        """See `Session.add_messages`."""
        return await self._threads.run(self._session.add_messages, messages, shape=shape, when=when, key=key, tags=tags)

    async def messages(
        self, shape: str = "openai", limit: int | None = None, *, full: bool = True, strict: bool = False
    ) -> Messages:
        """See `Session.messages`."""
        return await self._threads.run(self._session.messages, shape, limit, full=full, strict=strict)

    async def window(
        self,
        max_tokens: int | None = None,
        *,
        shape: str = "openai",
        max_items: int | None = None,
        max_age_s: float | None = None,
        strategy: str | None = None,
        keep_last: int | None = None,
    ) -> Window:
        """See `Session.window`."""
        return await self._threads.run(
            self._session.window, max_tokens, shape=shape, max_items=max_items, max_age_s=max_age_s, strategy=strategy,
            keep_last=keep_last,
        )  # fmt: skip

    async def context(
        self,
        budget_tokens: int = 4_000,
        about: str | None = None,
        *,
        now: When | None = None,
        shares: Mapping[str, float] | None = None,
        facts: Mapping[str, Scalar] | None = None,
        shape: str = "openai",
    ) -> Context:
        """See `Session.context`."""
        return await self._threads.run(
            self._session.context, budget_tokens, about, now=now, shares=shares, facts=facts, shape=shape
        )

    def tools(
        self, *, only: Sequence[str] | None = None, read_only: bool = False, result_tokens: int = 1_500
    ) -> AsyncAgentTools:
        """See `Session.tools`."""
        from holdfast.agent_tools_aio import AsyncAgentTools

        group = self._session.tools(only=only, read_only=read_only, result_tokens=result_tokens)
        return AsyncAgentTools(group, self._threads)

    async def record(
        self,
        kind: str,
        text: str,
        *,
        input: Any = None,  # noqa: A002
        output: Any = None,
        outcome: str | None = None,
        sentiment: float | None = None,
        resolves: str | None = None,
        user: str | None = None,
        agent: str | None = None,
        when: When | None = None,
        key: str | None = None,
        tags: Sequence[str] = (),
        attributes: Mapping[str, Scalar] | None = None,
    ) -> Record:
        """See `Session.record`."""
        return await self._threads.run(
            self._session.record, kind, text, input=input, output=output, outcome=outcome, sentiment=sentiment,
            resolves=resolves, user=user, agent=agent, when=when, key=key, tags=tags, attributes=attributes,
        )  # fmt: skip

    @property
    def scratch(self) -> AsyncScratch:
        """See `Session.scratch`."""
        return AsyncScratch(self._session.scratch, self._threads)

    async def working(self, recent: int = 20, *, hours: float | None = None) -> Working:
        """See `Session.working`."""
        return await self._threads.run(self._session.working, recent, hours=hours)

    async def close(self) -> Record | None:
        """See `Session.close`."""
        return await self._threads.run(self._session.close)


class AsyncScratch:
    """`Scratch` for asyncio."""

    def __init__(self, group: Scratch, threads: Threads) -> None:
        self._group = group
        self._threads = threads

    async def put(self, key: str, value: Any, *, ttl_s: float | None = None) -> None:
        """See `Scratch.put`."""
        await self._threads.run(self._group.put, key, value, ttl_s=ttl_s)

    async def get(self, key: str, default: Any = None) -> Any:
        """See `Scratch.get`."""
        return await self._threads.run(self._group.get, key, default)

    async def delete(self, key: str) -> bool:
        """See `Scratch.delete`."""
        return await self._threads.run(self._group.delete, key)

    async def keys(self) -> list[str]:
        """See `Scratch.keys`."""
        return await self._threads.run(self._group.keys)


class AsyncSessions:
    """`Sessions` for asyncio."""

    def __init__(self, group: Sessions, threads: Threads) -> None:
        self._group = group
        self._threads = threads

    async def list(
        self,
        *,
        user: str | None = None,
        agent: str | None = None,
        closed: bool | None = None,
        since: When | None = None,
        until: When | None = None,
        limit: int | None = None,
    ) -> builtins.list[SessionInfo]:
        """See `Sessions.list`."""
        return await self._threads.run(
            self._group.list, user=user, agent=agent, closed=closed, since=since, until=until, limit=limit
        )

    async def search(self, text: str, *, limit: int = 10) -> builtins.list[SessionFound]:
        """See `Sessions.search`."""
        return await self._threads.run(self._group.search, text, limit=limit)

    async def get(self, id: str) -> SessionInfo:  # noqa: A002
        """See `Sessions.get`."""
        return await self._threads.run(self._group.get, id)

    async def close_idle(self, now: When | None = None) -> builtins.list[Record]:
        """See `Sessions.close_idle`."""
        return await self._threads.run(self._group.close_idle, now)


class AsyncEpisodes:
    """`Episodes` for asyncio."""

    def __init__(self, group: Episodes, threads: Threads) -> None:
        self._group = group
        self._threads = threads

    async def list(
        self,
        *,
        kind: str | Sequence[str] | None = None,
        participant: str | None = None,
        tag: str | None = None,
        session: str | None = None,
        since: When | None = None,
        until: When | None = None,
        during: str | None = None,
        concerning: str | None = None,
        outcome: str | None = None,
        where: Where | None = None,
        limit: int | None = None,
    ) -> builtins.list[Episode]:
        """See `Episodes.list`."""
        return await self._threads.run(
            self._group.list, kind=kind, participant=participant, tag=tag, session=session, since=since, until=until,
            during=during, concerning=concerning, outcome=outcome, where=where, limit=limit,
        )  # fmt: skip

    async def similar(
        self, text: str, *, kind: str | Sequence[str] | None = None, limit: int = 5, outcome: str | None = None
    ) -> builtins.list[Episode]:
        """See `Episodes.similar`."""
        return await self._threads.run(self._group.similar, text, kind=kind, limit=limit, outcome=outcome)

    async def said(self, question: str, *, now: When | None = None) -> builtins.list[Episode]:
        """See `Episodes.said`."""
        return await self._threads.run(self._group.said, question, now=now)

    async def resolve(self, id: str, text: str, *, outcome: str = "success", agent: str | None = None) -> Record:  # noqa: A002
        """See `Episodes.resolve`."""
        return await self._threads.run(self._group.resolve, id, text, outcome=outcome, agent=agent)

    async def full_text(self, id: str) -> str:  # noqa: A002
        """See `Episodes.full_text`."""
        return await self._threads.run(self._group.full_text, id)


class AsyncTiers:
    """`Tiers` for asyncio."""

    def __init__(self, group: Tiers, threads: Threads) -> None:
        self._group = group
        self._threads = threads

    async def list(self) -> builtins.list[TierHolding]:
        """See `Tiers.list`."""
        return await self._threads.run(self._group.list)

    async def read(self, name: str, query: str | None = None, *, limit: int = 10) -> builtins.list[Record]:
        """See `Tiers.read`."""
        return await self._threads.run(self._group.read, name, query, limit=limit)

    async def sweep(self, name: str | None = None, *, dry_run: bool = True) -> SweepReport:
        """See `Tiers.sweep`."""
        return await self._threads.run(self._group.sweep, name, dry_run=dry_run)
