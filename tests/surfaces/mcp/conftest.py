"""A memory of a few facts, and a client of the SDK that talks to its server in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from holdfast.memory import Memory
from holdfast.surfaces.mcp.offer import Offer
from holdfast.surfaces.mcp.server import Serving
from holdfast.surfaces.mcp.standard import standard

ERAS = ("legacy", "2026-07-28")


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory.open(tmp_path / "space.db", embedder=None) as opened:
        yield opened


def talk(
    memory: Memory, act: Callable[[Client], Awaitable[Any]], *, offer: Offer | None = None, era: str = "2026-07-28"
) -> Any:
    """What comes of talking to a server over this memory."""

    async def run() -> Any:
        async with Client(Serving(memory, offer or standard()).server(), mode=era) as client:
            return await act(client)

    return asyncio.run(run())


def call(memory: Memory, tool: str, *, offer: Offer | None = None, era: str = "2026-07-28", **given: Any) -> Any:
    """The result of one call."""
    return talk(memory, lambda client: client.call_tool(tool, given), offer=offer, era=era)


def words(result: Any) -> str:
    """The text of a result."""
    return "\n".join(one.text for one in result.content)
