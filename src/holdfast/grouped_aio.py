"""The groups of `holdfast.grouped` for asyncio."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from holdfast.groups_aio import AsyncAdmission, AsyncExpectations, AsyncRecalls, AsyncStorage
from holdfast.memory import Memory
from holdfast.model.records import Scalar
from holdfast.model.times import When
from holdfast.threads import Threads

if TYPE_CHECKING:  # what most programs never use is loaded when it is first asked for
    from holdfast.agent_tools_aio import AsyncAgentTools
    from holdfast.blocks_aio import AsyncBlocks
    from holdfast.checkpoints_aio import AsyncCheckpoints
    from holdfast.files_aio import AsyncFiles
    from holdfast.intentions_aio import AsyncIntentions
    from holdfast.items_aio import AsyncItems
    from holdfast.model.context import Context
    from holdfast.procedures_aio import AsyncProcedures
    from holdfast.session_aio import AsyncEpisodes, AsyncSessions, AsyncTiers


class AsyncGrouped:
    """The groups of `holdfast.AsyncMemory`."""

    _memory: Memory
    _threads: Threads

    @cached_property
    def admission(self) -> AsyncAdmission:
        """See `holdfast.grouped.Grouped.admission`."""
        return AsyncAdmission(self._memory.admission, self._threads)

    @cached_property
    def storage(self) -> AsyncStorage:
        """See `holdfast.grouped.Grouped.storage`."""
        return AsyncStorage(self._memory.storage, self._threads)

    @cached_property
    def recalls(self) -> AsyncRecalls:
        """See `holdfast.grouped.Grouped.recalls`."""
        return AsyncRecalls(self._memory.recalls, self._threads)

    @cached_property
    def expectations(self) -> AsyncExpectations:
        """See `holdfast.grouped.Grouped.expectations`."""
        return AsyncExpectations(self._memory.expectations, self._threads)

    @cached_property
    def blocks(self) -> AsyncBlocks:
        """See `holdfast.grouped.Grouped.blocks`."""
        from holdfast.blocks_aio import AsyncBlocks

        return AsyncBlocks(self._memory.blocks, self._threads)

    @cached_property
    def files(self) -> AsyncFiles:
        """See `holdfast.grouped.Grouped.files`."""
        from holdfast.files_aio import AsyncFiles

        return AsyncFiles(self._memory.files, self._threads)

    @cached_property
    def items(self) -> AsyncItems:
        """See `holdfast.grouped.Grouped.items`."""
        from holdfast.items_aio import AsyncItems

        return AsyncItems(self._memory.items, self._threads)

    @cached_property
    def checkpoints(self) -> AsyncCheckpoints:
        """See `holdfast.grouped.Grouped.checkpoints`."""
        from holdfast.checkpoints_aio import AsyncCheckpoints

        return AsyncCheckpoints(self._memory.checkpoints, self._threads)

    @cached_property
    def intentions(self) -> AsyncIntentions:
        """See `holdfast.grouped.Grouped.intentions`."""
        from holdfast.intentions_aio import AsyncIntentions

        return AsyncIntentions(self._memory.intentions, self._threads)

    @cached_property
    def procedures(self) -> AsyncProcedures:
        """See `holdfast.grouped.Grouped.procedures`."""
        from holdfast.procedures_aio import AsyncProcedures

        return AsyncProcedures(self._memory.procedures, self._threads)

    @cached_property
    def sessions(self) -> AsyncSessions:
        """See `holdfast.grouped.Grouped.sessions`."""
        from holdfast.session_aio import AsyncSessions

        return AsyncSessions(self._memory.sessions, self._threads)

    @cached_property
    def episodes(self) -> AsyncEpisodes:
        """See `holdfast.grouped.Grouped.episodes`."""
        from holdfast.session_aio import AsyncEpisodes

        return AsyncEpisodes(self._memory.episodes, self._threads)

    @cached_property
    def tiers(self) -> AsyncTiers:
        """See `holdfast.grouped.Grouped.tiers`."""
        from holdfast.session_aio import AsyncTiers

        return AsyncTiers(self._memory.tiers, self._threads)

    async def context(
        self,
        budget_tokens: int = 4_000,
        about: str | None = None,
        *,
        now: When | None = None,
        shares: Mapping[str, float] | None = None,
        facts: Mapping[str, Scalar] | None = None,
    ) -> Context:
        """See `holdfast.grouped.Grouped.context`."""
        return await self._threads.run(self._memory.context, budget_tokens, about, now=now, shares=shares, facts=facts)

    def tools(
        self, *, only: Sequence[str] | None = None, read_only: bool = False, result_tokens: int = 1_500
    ) -> AsyncAgentTools:
        """See `holdfast.grouped.Grouped.tools`."""
        from holdfast.agent_tools_aio import AsyncAgentTools

        group = self._memory.tools(only=only, read_only=read_only, result_tokens=result_tokens)
        return AsyncAgentTools(group, self._threads)
