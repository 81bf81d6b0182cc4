"""`AgentTools` with ``await``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from holdfast.agent_tools import AgentTools
from holdfast.model.agent_tools import ToolResult
from holdfast.model.messages import Message
from holdfast.threads import Threads


class AsyncAgentTools:
    """`AgentTools` for asyncio."""

    def __init__(self, group: AgentTools, threads: Threads) -> None:
        self._group = group
        self._threads = threads

    @property
    def names(self) -> tuple[str, ...]:
        """See `AgentTools.names`."""
        return self._group.names

    def definitions(self, shape: str = "openai") -> list[dict[str, Any]]:
        """See `AgentTools.definitions`; nothing is waited for."""
        return self._group.definitions(shape)

    async def call(self, name: str, arguments: Mapping[str, Any] | str | None = None) -> ToolResult:
        """See `AgentTools.call`."""
        return await self._threads.run(self._group.call, name, arguments)

    async def handle(self, message: Message | Iterable[Message], *, shape: str | None = None) -> list[dict[str, Any]]:
        """See `AgentTools.handle`."""
        return await self._threads.run(self._group.handle, message, shape=shape)
