"""`holdfast.items` with ``await``."""

from __future__ import annotations

import builtins
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from holdfast.items import Items
from holdfast.model.items import Item, ItemChange, ItemFound
from holdfast.threads import Threads


class AsyncItems:
    """`Items` for asyncio."""

    def __init__(self, group: Items, threads: Threads) -> None:
        self._group = group
        self._threads = threads

    async def put(
        self,
        namespace: Sequence[str],
        key: str,
        value: Mapping[str, Any],
        *,
        texts: Sequence[str] | None = None,
        ttl_s: float | None = None,
    ) -> None:
        """See `Items.put`."""
        await self._threads.run(self._group.put, namespace, key, value, texts=texts, ttl_s=ttl_s)

    async def apply(self, changes: Sequence[ItemChange]) -> None:
        """See `Items.apply`."""
        await self._threads.run(self._group.apply, changes)

    async def check(self, change: ItemChange) -> None:
        """See `Items.check`."""
        await self._threads.run(self._group.check, change)

    async def get(self, namespace: Sequence[str], key: str) -> Item | None:
        """See `Items.get`."""
        return await self._threads.run(self._group.get, namespace, key)

    def list(self, prefix: Sequence[str] = ()) -> AsyncIterator[Item]:
        """See `Items.list`."""
        return self._threads.stream(self._group.list(prefix))

    async def search(self, prefix: Sequence[str], query: str, *, limit: int = 10) -> builtins.list[ItemFound]:
        """See `Items.search`."""
        return await self._threads.run(self._group.search, prefix, query, limit=limit)

    async def namespaces(self) -> builtins.list[tuple[str, ...]]:
        """See `Items.namespaces`."""
        return await self._threads.run(self._group.namespaces)

    async def delete(self, namespace: Sequence[str], key: str) -> None:
        """See `Items.delete`."""
        await self._threads.run(self._group.delete, namespace, key)

    async def refresh(self, items: Sequence[Item]) -> builtins.list[Item]:
        """See `Items.refresh`."""
        return await self._threads.run(self._group.refresh, items)

    async def sweep(self) -> int:
        """See `Items.sweep`."""
        return await self._threads.run(self._group.sweep)
