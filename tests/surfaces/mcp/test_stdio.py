"""The server over standard input and output, in this process and from the console script."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest

from bench.mcp import together
from bench.mcp_client import Client, server_command
from holdfast.memory import Memory
from holdfast.surfaces.mcp import stdio
from holdfast.surfaces.mcp.offer import Answer, Offer
from holdfast.surfaces.mcp.server import Serving
from holdfast.surfaces.mcp.standard import standard
from tests.surfaces.shell import Shell

DEADLINE_S = 60
HELLO = {"protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}


def served(memory: Memory, *lines: dict[str, Any] | bytes, offer: Offer | None = None) -> list[dict[str, Any]]:
    """What a server in this process answers to a client that says this and closes its end."""
    (asked, says), (hears, answers) = os.pipe(), os.pipe()
    given = [{"id": 1, "method": "initialize", "params": HELLO}, {"method": "notifications/initialized"}, *lines]
    told = b"\n".join(
        one if isinstance(one, bytes) else json.dumps({"jsonrpc": "2.0", **one}).encode() for one in given
    )
    assert os.write(says, told) == len(told)
    os.close(says)
    with (
        os.fdopen(asked) as stdin, os.fdopen(answers, "w") as stdout, os.fdopen(hears) as heard,
        pytest.MonkeyPatch.context() as patch,
    ):  # fmt: skip
        patch.setattr(sys, "stdin", stdin)
        patch.setattr(sys, "stdout", stdout)
        anyio.run(stdio.serve, Serving(memory, offer or standard()).server())
        stdout.close()
        return [json.loads(line) for line in heard]


def called(number: int, tool: str, **given: Any) -> dict[str, Any]:
    return {"id": number, "method": "tools/call", "params": {"name": tool, "arguments": given}}


def test_all_that_was_asked_before_the_end_of_input_is_answered(memory: Memory):
    answers = served(memory, b"not json", *(called(n, "remember", text=f"Fact {n}.") for n in range(2, 22)))
    assert sorted(one["id"] for one in answers) == list(range(1, 22))
    assert all("result" in one and not one["result"].get("isError") for one in answers)
    assert len(list(memory.records())) == 20


def test_no_message_ends_the_server_and_each_with_an_id_is_answered(memory: Memory):
    answers = served(
        memory,
        {"method": "notifications/cancelled", "params": {"requestId": []}},
        b'{"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "\\ud83d"}}',
        b'{"jsonrpc": "2.0", "id": "three", "method": 5}',
        b'{"jsonrpc": "2.0", "id": 4, "method": "ping", "params": ' + b"[" * 300 + b"]" * 300 + b"}",
        b'{"jsonrpc": "2.0", "id": {}, "method": "ping"}',
        b"\xff\xfe[{]",
        called(5, "stats"),
    )
    told = {one["id"]: one.get("error", {}).get("code") for one in answers}
    assert told == {1: None, 2: -32700, "three": -32600, 4: -32700, 5: None}
    assert "surrogate" in next(one["error"]["message"] for one in answers if one["id"] == 2)


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_line_that_is_too_long_is_left_out_whole(memory: Memory, monkeypatch: pytest.MonkeyPatch, end: bytes):
    monkeypatch.setattr(stdio, "LINE_BYTES", 1_000)
    monkeypatch.setattr(stdio, "_BLOCK", 1_000)
    # Where the tail of it is read by itself, it must not pass for a message.
    tail = b'{"jsonrpc": "2.0", "id": 3, "method": "ping"}'
    answers = served(memory, called(2, "stats"), b"x" * 5_000 + b" " * 3_000 + tail + end)
    assert sorted(one["id"] for one in answers) == [1, 2]


def test_what_tools_print_is_not_sent_to_the_client(memory: Memory):
    def noisy(memory: Memory, given: Any) -> Answer:
        os.write(sys.stdout.fileno(), b"written\n")
        sys.stdout.write("held back")  # until the server ends
        return Answer("done", {"space": "s", "live": 0})

    offer = standard()
    loud = replace(offer, tools={"stats": replace(offer.tools["stats"], run=noisy)})
    answers = served(memory, called(2, "stats"), offer=loud)
    assert [one["id"] for one in answers] == [1, 2]


def test_a_client_that_does_not_read_keeps_no_server_alive(memory: Memory, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(stdio, "END_S", 0.05)
    monkeypatch.setattr(stdio, "LAST_S", 0.05)

    def much(memory: Memory, given: Any) -> Answer:
        return Answer("x" * 1_000_000, {"space": "s", "live": 0})  # more than a pipe holds

    offer = standard()
    answers = served(
        memory, called(2, "stats"), offer=replace(offer, tools={"stats": replace(offer.tools["stats"], run=much)})
    )
    assert [one["id"] for one in answers] == [1, 2]  # read by this test, once the server has ended


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals")
def test_told_to_end_it_ends_well(tmp_path: Path):
    with Client(server_command(tmp_path / "space.db", "--embedder", "none")) as client:
        client.greet()
        client.call("remember", {"text": "Ada likes tea."})
        client.process.send_signal(signal.SIGTERM)
        assert client.process.wait(DEADLINE_S) == 0
    with Memory.open(tmp_path / "space.db", embedder=None) as memory:
        assert memory.check() == []
        assert [record.text for record in memory.records()] == ["Ada likes tea."]


def test_four_clients_and_two_processes_lose_nothing(tmp_path: Path):
    count, wrong = asyncio.run(together(tmp_path / "space.db", 4, 3, None))
    assert (count, wrong) == (15, [])


def test_clients_and_frameworks_are_not_loaded_for_a_server_and_can_be_later():
    said = (
        "import sys; from holdfast.surfaces.mcp import sdk; sdk.load(); "
        "assert 'mcp.client.client' not in sys.modules, 'loaded'; "
        "import mcp; from mcp.server.lowlevel.server import Server; assert mcp.Client and mcp.server.Server is Server"
    )
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_what_cannot_work_is_said_before_anything_is_served(shell: Shell, monkeypatch: pytest.MonkeyPatch):
    code, told = shell.error("mcp", "--token-file", "x")
    assert (code, "go with --http" in told) == (2, True)
    code, told = shell.error("mcp", "--http", "0.0.0.0:0")
    assert (code, "HOLDFAST_MCP_TOKEN" in told) == (2, True)
    code, told = shell.error("mcp", "--http", "127.0.0.1:0", "--token-file", str(shell.folder / "none"))
    assert (code, "cannot be read" in told) == (2, True)
    code, told = shell.error("mcp", "--read-only")
    assert (code, "no space at" in told) == (5, True)
    assert not shell.space.exists()
    for name in [name for name in sys.modules if name.partition(".")[0] in ("mcp", "mcp_types")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mcp_types", None)
    code, told = shell.error("mcp")
    assert (code, "pip install 'holdfast[mcp]'" in told) == (2, True)
    assert not shell.space.exists()
