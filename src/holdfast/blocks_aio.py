"""`holdfast.blocks` with ``await``."""

from __future__ import annotations

import builtins
from collections.abc import Sequence

from holdfast.blocks import Blocks
from holdfast.model.blocks import Block
from holdfast.threads import Threads


class AsyncBlocks:
    """`Blocks` for asyncio. ``blocks["persona"]`` reads nothing yet: its `read` does, or a first `write`."""

    def __init__(self, group: Blocks, threads: Threads) -> None:
        self._group = group
        self._threads = threads

    def __getitem__(self, label: str) -> AsyncHeldBlock:
        return AsyncHeldBlock(self._group, label, self._threads)

    async def create(
        self,
        label: str,
        text: str = "",
        *,
        description: str = "",
        limit_chars: int | None = None,
        limit_tokens: int | None = None,
        writers: Sequence[str] | None = None,
    ) -> Block:
        """See `Blocks.create`."""
        return await self._threads.run(
            self._group.create, label, text, description=description, limit_chars=limit_chars,
            limit_tokens=limit_tokens, writers=writers,
        )  # fmt: skip

    async def get(self, label: str) -> Block:
        """See `Blocks.get`."""
        return await self._threads.run(self._group.get, label)

    async def list(self) -> builtins.list[Block]:
        """See `Blocks.list`."""
        return await self._threads.run(self._group.list)

    async def write(self, label: str, text: str, *, version: int | Block | None = None) -> Block:
        """See `Blocks.write`."""
        return await self._threads.run(self._group.write, label, text, version=version)

    async def append(self, label: str, text: str, *, version: int | Block | None = None) -> Block:
        """See `Blocks.append`."""
        return await self._threads.run(self._group.append, label, text, version=version)

    async def replace(self, label: str, old: str, new: str, *, version: int | Block | None = None) -> Block:
        """See `Blocks.replace`."""
        return await self._threads.run(self._group.replace, label, old, new, version=version)

    async def history(self, label: str) -> builtins.list[Block]:
        """See `Blocks.history`."""
        return await self._threads.run(self._group.history, label)

    async def revert(self, label: str, version: int) -> Block:
        """See `Blocks.revert`."""
        return await self._threads.run(self._group.revert, label, version)

    async def revise(
        self,
        label: str,
        *,
        description: str | None = None,
        limit_chars: int | None = None,
        limit_tokens: int | None = None,
        writers: Sequence[str] | None = None,
        everyone: bool = False,
    ) -> Block:
        """See `Blocks.revise`."""
        return await self._threads.run(
            self._group.revise, label, description=description, limit_chars=limit_chars, limit_tokens=limit_tokens,
            writers=writers, everyone=everyone,
        )  # fmt: skip

    async def remove(self, label: str) -> None:
        """See `Blocks.remove`."""
        await self._threads.run(self._group.remove, label)


class AsyncHeldBlock:
    """A block by its label, as it was read, to write to: `write` is a conflict where somebody edited it since.

    Attributes:
        value: The version that was read, or last written through this; None before.
    """

    def __init__(self, group: Blocks, label: str, threads: Threads) -> None:
        self._group = group
        self._threads = threads
        self.label = label
        self.value: Block | None = None

    async def read(self) -> Block:
        """See `Blocks.get`; later writes are to what this gives."""
        self.value = await self._threads.run(self._group.get, self.label)
        return self.value

    async def write(self, text: str) -> Block:
        """See `HeldBlock.write`; where nothing was read through this, it reads the block first."""
        read = self.value or await self.read()
        self.value = await self._threads.run(self._group.write, self.label, text, version=read)
        return self.value

    async def append(self, text: str) -> Block:
        """See `HeldBlock.append`."""
        self.value = await self._threads.run(self._group.append, self.label, text)
        return self.value

    async def replace(self, old: str, new: str) -> Block:
        """See `HeldBlock.replace`."""
        self.value = await self._threads.run(self._group.replace, self.label, old, new)
        return self.value
