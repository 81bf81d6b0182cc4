"""`holdfast.files` with ``await``."""

from __future__ import annotations

import builtins

from holdfast.files import Files
from holdfast.model.files import File
from holdfast.threads import Threads


class AsyncFiles:
    """`Files` for asyncio."""

    def __init__(self, group: Files, threads: Threads) -> None:
        self._group = group
        self._threads = threads

    async def create(self, path: str, text: str = "") -> File:
        """See `Files.create`."""
        return await self._threads.run(self._group.create, path, text)

    async def get(self, path: str) -> File:
        """See `Files.get`."""
        return await self._threads.run(self._group.get, path)

    async def list(self, folder: str = "") -> builtins.list[File]:
        """See `Files.list`."""
        return await self._threads.run(self._group.list, folder)

    async def write(self, path: str, text: str, *, version: int | File | None = None) -> File:
        """See `Files.write`."""
        return await self._threads.run(self._group.write, path, text, version=version)

    async def history(self, path: str) -> builtins.list[File]:
        """See `Files.history`."""
        return await self._threads.run(self._group.history, path)

    async def move(self, path: str, to: str) -> builtins.list[File]:
        """See `Files.move`."""
        return await self._threads.run(self._group.move, path, to)

    async def remove(self, path: str) -> builtins.list[str]:
        """See `Files.remove`."""
        return await self._threads.run(self._group.remove, path)
