"""Who is let in over HTTP, and a client of the SDK that is."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from mcp import Client, MCPDeprecationWarning
from mcp.client.streamable_http import streamable_http_client
from mcp.server import Server

from holdfast.errors import InvalidField
from holdfast.memory import Memory
from holdfast.surfaces.mcp.graph_tools import URI, reference_memory
from holdfast.surfaces.mcp.http import Address, Guard, address, serve
from holdfast.surfaces.mcp.offer import Offer
from holdfast.surfaces.mcp.server import Serving
from holdfast.surfaces.mcp.standard import standard

TOKEN = "t" * 32


def status(guard: Guard, *headers: tuple[str, str]) -> int:
    """What a request with these headers gets."""
    seen = list[int]()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            seen.append(message["status"])

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    raw = [(name.lower().encode(), value.encode()) for name, value in headers]
    scope = {"type": "http", "method": "POST", "path": "/mcp", "headers": raw}
    asyncio.run(guard(scope, receive, send))
    return seen[0]


async def app(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([("Host", "127.0.0.1:8000")], 200),
        ([("Host", "localhost:8000")], 200),
        ([("Host", "[::1]:8000")], 200),
        ([("Host", "LOCALHOST:8000"), ("Origin", "http://localhost:8000")], 200),
        ([("Host", "memory.example:8000"), ("Origin", "https://memory.example")], 200),
        ([], 421),
        ([("Host", "evil.example")], 421),
        ([("Host", "localhost:8000.evil.example")], 421),
        ([("Host", "localhost:9")], 421),
        ([("Host", "127.0.0.1:8000"), ("Host", "evil.example")], 421),
        ([("Host", "127.0.0.1:8000"), ("Origin", "http://evil.example")], 403),
        ([("Host", "127.0.0.1:8000"), ("Origin", "null")], 403),
        ([("Host", "127.0.0.1:8000"), ("Origin", "http://localhost:8000.evil.example")], 403),
    ],
)
def test_only_this_machine_and_allowed_hosts_are_let_in(headers: list[tuple[str, str]], expected: int):
    guard = Guard(app, address("127.0.0.1:0", hosts=["memory.example"]), 8000)
    assert status(guard, *headers) == expected


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        ([f"Bearer {TOKEN}"], 200),
        ([f"bearer {TOKEN}"], 200),
        ([], 401),
        ([TOKEN], 401),
        ([f"Bearer {TOKEN}x"], 401),
        ([f"Bearer {TOKEN[:-1]}"], 401),
        ([f"Basic {TOKEN}"], 401),
        ([f"Bearer {TOKEN}", f"Bearer {TOKEN}"], 401),
    ],
)
def test_the_token_is_needed_where_there_is_one(shown: list[str], expected: int):
    guard = Guard(app, address("0.0.0.0:0", token=TOKEN), 8000)
    assert status(guard, ("Host", "box:1234"), *(("Authorization", one) for one in shown)) == expected


def test_an_allowed_host_is_the_only_one_beyond_this_machine():
    guard = Guard(app, address("0.0.0.0:0", hosts=["box"], token=TOKEN), 8000)
    shown = ("Authorization", f"Bearer {TOKEN}")
    assert status(guard, ("Host", "box:8000"), shown) == 200
    assert status(guard, ("Host", "other:8000"), shown) == 421


@pytest.mark.parametrize(
    ("text", "token", "said"),
    [
        ("8000", None, "expected HOST:PORT"),
        ("127.0.0.1:", None, "expected HOST:PORT"),
        ("127.0.0.1:99999", None, "expected HOST:PORT"),
        ("127.0.0.1:٣", None, "expected HOST:PORT"),
        ("0.0.0.0:8000", None, "HOLDFAST_MCP_TOKEN"),
        ("[::]:8000", None, "HOLDFAST_MCP_TOKEN"),
        ("box:8000", None, "HOLDFAST_MCP_TOKEN"),
        ("127.0.0.1:0", "short", "at least 16"),
        ("127.0.0.1:0", "é" * 20, "ASCII"),
    ],
)
def test_an_address_that_is_not_safe_or_none_is_refused(text: str, token: str | None, said: str):
    with pytest.raises(InvalidField, match=said):
        address(text, token=token)


@pytest.mark.parametrize("text", ["127.0.0.1:0", "[::1]:8000", "localhost:8000", "127.0.0.2:1"])
def test_this_machine_needs_no_token(text: str):
    assert address(text).is_local


@asynccontextmanager
async def serving(memory: Memory, offer: Offer, where: Address) -> AsyncGenerator[str]:
    """A server in this process, and its address; `bench.mcp` has one in another, which a signal ends."""
    listens = asyncio.get_running_loop().create_future()
    running = asyncio.create_task(serve(Serving(memory, offer).server(), where, listens.set_result))
    try:
        yield await listens
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@asynccontextmanager
async def client_of(url: str, era: str, **more: Any) -> AsyncGenerator[Client]:
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {TOKEN}"}) as http,
        Client(streamable_http_client(url, http_client=http), mode=era, **more) as client,
    ):
        yield client


def test_a_client_with_the_token_is_served_in_every_era(memory: Memory):
    async def run() -> list[str]:
        found = list[str]()
        async with serving(memory, standard(), address("127.0.0.1:0", token=TOKEN)) as url:
            for era in ("legacy", "auto"):
                async with client_of(url, era) as client:
                    await client.call_tool("remember", {"text": f"Said in {era}."})
                    result = await client.call_tool("recent", {})
                    found.append(f"{client.protocol_version} {len(result.structured_content['records'])}")
            async with httpx2.AsyncClient() as http:
                found.append(str((await http.post(url, json={})).status_code))
        return found

    assert asyncio.run(run()) == ["2025-11-25 1", "2026-07-28 2", "401"]


def test_who_watches_is_told_and_nobody_else(memory: Memory):
    told = list[str]()

    def noting(name: str) -> Any:
        async def note(message: Any) -> None:
            told.append(f"{name} {type(message).__name__}")

        return note

    async def run() -> None:
        async with (
            serving(memory, reference_memory(), address("127.0.0.1:0", token=TOKEN)) as url,
            client_of(url, "legacy", message_handler=noting("watches")) as watches,
            client_of(url, "legacy", message_handler=noting("writes")) as writes,
        ):
            with pytest.warns(MCPDeprecationWarning):
                await watches.subscribe_resource(URI)
            for number in range(100):
                one = {"name": str(number), "entityType": "number", "observations": []}
                await writes.call_tool("create_entities", {"entities": [one]})
                if told:
                    break

    asyncio.run(run())
    assert set(told) == {"watches ResourceUpdatedNotification"}


@pytest.mark.parametrize("name", ["", "https://memory.example", "a b", "memory.example/"])
def test_a_host_to_allow_that_is_none_is_refused(name: str):
    with pytest.raises(InvalidField, match="not a name of a host"):
        address("127.0.0.1:0", hosts=[name])


def test_a_taken_address_is_said_with_what_to_do():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(InvalidField, match=f"Cannot listen on {where}.*--http"):
            asyncio.run(serve(Server("x"), address(where), print))
