"""The groups of `holdfast.grouped` for asyncio."""

from __future__ import annotations

from functools import cached_property

from holdfast.groups_aio import AsyncAdmission, AsyncExpectations, AsyncRecalls, AsyncStorage
from holdfast.memory import Memory
from holdfast.threads import Threads


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
