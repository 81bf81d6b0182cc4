"""`holdfast.intentions` with ``await``."""

from __future__ import annotations

import builtins
from collections.abc import Mapping

from holdfast.intentions import Intentions
from holdfast.model.filters import Where
from holdfast.model.intentions import Intention, IntentionState
from holdfast.model.records import Scalar
from holdfast.model.times import When
from holdfast.threads import Threads


class AsyncIntentions:
    """`Intentions` for asyncio. A `take` that is cancelled while it runs has taken: name a session to get it again."""

    def __init__(self, group: Intentions, threads: Threads) -> None:
        self._group = group
        self._threads = threads

    async def add(
        self,
        text: str,
        *,
        when: When | None = None,
        event: str | None = None,
        condition: Where | None = None,
        until: When | None = None,
        about: str | None = None,
        session: str | None = None,
        key: str | None = None,
    ) -> Intention:
        """See `Intentions.add`."""
        return await self._threads.run(
            self._group.add, text, when=when, event=event, condition=condition, until=until, about=about,
            session=session, key=key,
        )  # fmt: skip

    async def get(self, id: str) -> Intention:  # noqa: A002
        """See `Intentions.get`."""
        return await self._threads.run(self._group.get, id)

    async def list(self, state: IntentionState | str | None = None) -> builtins.list[Intention]:
        """See `Intentions.list`."""
        return await self._threads.run(self._group.list, state)

    async def due(
        self, now: When | None = None, *, facts: Mapping[str, Scalar] | None = None
    ) -> builtins.list[Intention]:
        """See `Intentions.due`."""
        return await self._threads.run(self._group.due, now, facts=facts)

    async def take(
        self,
        now: When | None = None,
        *,
        facts: Mapping[str, Scalar] | None = None,
        session: str | None = None,
        limit: int | None = None,
    ) -> builtins.list[Intention]:
        """See `Intentions.take`."""
        return await self._threads.run(self._group.take, now, facts=facts, session=session, limit=limit)

    async def fire(self, event: str) -> builtins.list[Intention]:
        """See `Intentions.fire`."""
        return await self._threads.run(self._group.fire, event)

    async def snooze(self, id: str, until: When) -> Intention:  # noqa: A002
        """See `Intentions.snooze`."""
        return await self._threads.run(self._group.snooze, id, until)

    async def done(self, id: str) -> Intention:  # noqa: A002
        """See `Intentions.done`."""
        return await self._threads.run(self._group.done, id)

    async def cancel(self, id: str) -> Intention:  # noqa: A002
        """See `Intentions.cancel`."""
        return await self._threads.run(self._group.cancel, id)
