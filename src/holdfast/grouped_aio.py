"""The groups of `holdfast.grouped` for asyncio."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from holdfast.groups_aio import AsyncAdmission, AsyncExpectations, AsyncRecalls, AsyncStorage
from holdfast.memory import Memory
from holdfast.threads import Threads

if TYPE_CHECKING:  # what most programs never use is loaded when it is first asked for
    from holdfast.blocks_aio import AsyncBlocks
    from holdfast.intentions_aio import AsyncIntentions
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
    def intentions(self) -> AsyncIntentions:
        """See `holdfast.grouped.Grouped.intentions`."""
        from holdfast.intentions_aio import AsyncIntentions

        return AsyncIntentions(self._memory.intentions, self._threads)

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
