"""`holdfast.checkpoints` with ``await``."""

from __future__ import annotations

import builtins
from collections.abc import AsyncIterator, Collection, Mapping, Sequence

from holdfast.checkpoints import Checkpoints
from holdfast.model.checkpoints import Blob, Checkpoint, SavedCheckpoint, TaskWrite
from holdfast.model.items import ItemChange
from holdfast.threads import Threads


class AsyncCheckpoints:
    """`Checkpoints` for asyncio."""

    def __init__(self, group: Checkpoints, threads: Threads) -> None:
        self._group = group
        self._threads = threads

    async def put(self, checkpoint: Checkpoint, values: Mapping[str, Blob], *, also: Sequence[ItemChange] = ()) -> None:
        """See `Checkpoints.put`."""
        await self._threads.run(self._group.put, checkpoint, values, also=also)

    async def put_writes(
        self,
        thread: str,
        namespace: str,
        checkpoint: str,
        writes: Sequence[TaskWrite],
        *,
        also: Sequence[ItemChange] = (),
    ) -> None:
        """See `Checkpoints.put_writes`."""
        await self._threads.run(self._group.put_writes, thread, namespace, checkpoint, writes, also=also)

    async def get(self, thread: str, namespace: str = "", id: str | None = None) -> SavedCheckpoint | None:  # noqa: A002
        """See `Checkpoints.get`."""
        return await self._threads.run(self._group.get, thread, namespace, id)

    async def find(self, thread: str, namespace: str, id: str) -> Checkpoint | None:  # noqa: A002
        """See `Checkpoints.find`."""
        return await self._threads.run(self._group.find, thread, namespace, id)

    async def value(self, thread: str, namespace: str, channel: str, version: str) -> Blob | None:
        """See `Checkpoints.value`."""
        return await self._threads.run(self._group.value, thread, namespace, channel, version)

    async def writes(self, thread: str, namespace: str, id: str) -> tuple[TaskWrite, ...]:  # noqa: A002
        """See `Checkpoints.writes`."""
        return await self._threads.run(self._group.writes, thread, namespace, id)

    def list(
        self, thread: str | None = None, *, namespace: str | None = None, before: str | None = None
    ) -> AsyncIterator[SavedCheckpoint]:
        """See `Checkpoints.list`."""
        return self._threads.stream(self._group.list(thread, namespace=namespace, before=before))

    async def threads(self) -> builtins.list[str]:
        """See `Checkpoints.threads`."""
        return await self._threads.run(self._group.threads)

    async def copy(self, source: str, target: str) -> int:
        """See `Checkpoints.copy`."""
        return await self._threads.run(self._group.copy, source, target)

    async def forget_thread(self, thread: str) -> int:
        """See `Checkpoints.forget_thread`."""
        return await self._threads.run(self._group.forget_thread, thread)

    async def forget_runs(self, runs: Collection[str]) -> int:
        """See `Checkpoints.forget_runs`."""
        return await self._threads.run(self._group.forget_runs, runs)

    async def prune(self, threads: Collection[str]) -> int:
        """See `Checkpoints.prune`."""
        return await self._threads.run(self._group.prune, threads)
