"""The protocol over standard input and output: one client, which owns this process.

Standard output carries the protocol alone: it is set aside for it, and what anything else prints goes to standard
error. When the client closes standard input, or the process is told to end, what was asked is still answered.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import signal
import sys
import threading
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, Self, cast

import anyio
import anyio.from_thread
import mcp_types as types
from anyio.lowlevel import EventLoopToken, current_token
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage
from pydantic import ValidationError

if TYPE_CHECKING:
    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
    from mcp.server.lowlevel.server import Server

_LOG = logging.getLogger("holdfast.mcp")
LINE_BYTES: Final = 16_000_000
"""The longest message that is read; a longer one is left out, and that is said in the log."""
END_S: Final = 10.0
"""How long what was asked may still take once the end was told."""
LAST_S: Final = 2.0
"""How long the last answers may then take to be read."""
_BLOCK: Final = 65_536
_ID_DIGITS: Final = 18


async def serve(server: Server[Any]) -> None:
    """Serve until standard input ends, or a signal to end comes."""
    async with anyio.create_task_group() as everything, _lines() as lines, _output() as output:
        everything.start_soon(_give_up, lines, everything.cancel_scope)
        async with (
            # Its reader would leave what is no message without an answer, so it is given nothing to read.
            stdio_server(stdin=_Nothing(), stdout=output) as (nothing, outgoing),  # pyright: ignore[reportArgumentType]
            anyio.create_task_group() as group,
        ):
            await nothing.aclose()
            group.start_soon(_heed_signals, lines)
            async with _answered(lines, outgoing) as (asked, answers):
                await server.run(asked, answers, server.create_initialization_options())
            group.cancel_scope.cancel()
        everything.cancel_scope.cancel()


class Lines:
    """Lines of a descriptor, read by a thread of its own that nobody has to wait for."""

    def __init__(self, descriptor: int, token: EventLoopToken) -> None:
        self._descriptor = descriptor
        self._token = token
        self._send, self._receive = anyio.create_memory_object_stream[str](0)
        self.ended = anyio.Event()
        threading.Thread(target=self._read, name="standard-input", daemon=True).start()

    def __aiter__(self) -> AsyncIterator[str]:
        return self._receive

    def end(self) -> None:
        """Read no more, as if the input had ended."""
        self.ended.set()
        self._send.close()

    def close(self) -> None:
        """Take no more of them."""
        self._receive.close()

    def _read(self) -> None:
        # The descriptor itself, not sys.stdin: the interpreter must not wait for a lock of it when it ends.
        held, too_long = bytearray(), False
        with suppress(OSError, anyio.ClosedResourceError, anyio.BrokenResourceError, RuntimeError):
            while block := os.read(self._descriptor, _BLOCK):
                held += block
                while (end := held.find(b"\n")) >= 0:
                    line, held = held[: end + 1], held[end + 1 :]
                    if too_long or len(line) > LINE_BYTES:
                        too_long = False
                        _LOG.warning("a message of more than %d bytes was left out", LINE_BYTES)
                    elif line.strip():
                        anyio.from_thread.run(self._send.send, line.decode(errors="replace"), token=self._token)
                if len(held) > LINE_BYTES:
                    held, too_long = bytearray(), True
            if too_long:
                _LOG.warning("a message of more than %d bytes was left out", LINE_BYTES)
            elif held.strip():
                anyio.from_thread.run(self._send.send, held.decode(errors="replace"), token=self._token)
        with suppress(RuntimeError):
            anyio.from_thread.run_sync(self.end, token=self._token)


class Output:
    """A descriptor, written by a thread of its own that nobody has to wait for: a client may never read."""

    def __init__(self, descriptor: int, token: EventLoopToken) -> None:
        self._descriptor = descriptor
        self._token = token
        self._waiting = queue.SimpleQueue[tuple[bytes, anyio.Event] | None]()
        self._failure: OSError | None = None
        threading.Thread(target=self._write, name="standard-output", daemon=True).start()

    async def write(self, text: str) -> None:
        """Write all of it.

        Raises:
            OSError: nobody reads any more.
        """
        written = anyio.Event()
        self._waiting.put((text.encode(), written))
        await written.wait()
        if self._failure is not None:
            raise self._failure

    async def flush(self) -> None:
        """Nothing is held back."""

    def end(self) -> None:
        """Close the descriptor once all that was said is written."""
        self._waiting.put(None)

    def _write(self) -> None:
        # The loop may have ended meanwhile: then nobody waits any more.
        with suppress(RuntimeError):
            while (one := self._waiting.get()) is not None:
                said, written = one
                try:
                    left = memoryview(said)
                    while left:
                        left = left[os.write(self._descriptor, left) :]
                except OSError as error:
                    self._failure = error
                anyio.from_thread.run_sync(written.set, token=self._token)
        os.close(self._descriptor)


class _Nothing:
    """An input that has ended."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        raise StopAsyncIteration


@asynccontextmanager
async def _lines() -> AsyncGenerator[Lines]:
    """The lines of standard input, which reads as empty for everything else meanwhile."""
    private = os.dup(sys.stdin.fileno())
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, sys.stdin.fileno())
    os.close(nothing)
    lines = Lines(private, current_token())
    try:
        yield lines
    finally:
        lines.close()
        os.dup2(private, sys.stdin.fileno())


@asynccontextmanager
async def _output() -> AsyncGenerator[Output]:
    """Standard output, which is standard error for everything else meanwhile."""
    sys.stdout.flush()
    number = sys.stdout.fileno()
    private = os.dup(number)
    os.dup2(2, number)
    output = Output(private, current_token())
    try:
        yield output
    finally:
        with suppress(OSError, ValueError):
            sys.stdout.flush()
        os.dup2(private, number)
        output.end()


async def _give_up(lines: Lines, everything: anyio.CancelScope) -> None:
    """End all of it when answers still stand there long after the end was told: the client does not read them."""
    await lines.ended.wait()
    await anyio.sleep(END_S + LAST_S)
    _LOG.warning("the client does not read; what was not read yet is dropped")
    everything.cancel()


async def _heed_signals(lines: Lines) -> None:
    if sys.platform == "win32":
        return
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
        async for _ in signals:
            lines.end()


Streams = tuple["MemoryObjectReceiveStream[SessionMessage | Exception]", "MemoryObjectSendStream[SessionMessage]"]


@asynccontextmanager
async def _answered(lines: Lines, outgoing: Any) -> AsyncGenerator[Streams]:
    """The streams of a client, whose end is only told once every request that came before it was answered."""
    to_server, asked = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    answers, from_server = anyio.create_memory_object_stream[SessionMessage](0)
    waiting = set[types.RequestId]()
    settled = anyio.Event()
    ended = False

    def closed(request: Any) -> None:
        if isinstance(request, str | int):
            waiting.discard(request)
        if ended and not waiting:
            settled.set()

    async def carry_in() -> None:
        nonlocal ended
        async with to_server:
            async for line in lines:
                try:
                    message = types.jsonrpc_message_adapter.validate_json(line, by_name=False)
                except ValidationError as error:
                    if (refusal := _refusal(line, error)) is not None:
                        await outgoing.send(SessionMessage(refusal))
                    continue
                if isinstance(message, types.JSONRPCRequest):
                    waiting.add(message.id)
                elif isinstance(message, types.JSONRPCNotification) and message.method == "notifications/cancelled":
                    closed((message.params or {}).get("requestId"))
                await to_server.send(SessionMessage(message))
            ended = True
            if waiting:
                with anyio.move_on_after(END_S):
                    await settled.wait()

    async def carry_out() -> None:
        async with outgoing, from_server:
            async for item in from_server:
                await outgoing.send(item)
                if isinstance(item.message, types.JSONRPCResponse | types.JSONRPCError):
                    closed(item.message.id)

    async with anyio.create_task_group() as group:
        group.start_soon(carry_in)
        group.start_soon(carry_out)
        yield asked, answers


def _refusal(line: str, error: ValidationError) -> types.JSONRPCError | None:
    """The answer to a line that is no message, so that nobody waits for one; None where it says no id to answer to."""
    id_ = _id_of(line)
    if id_ is None:
        _LOG.warning("a line that is no message was left out")
        return None
    wrong = error.errors(include_url=False, include_context=False, include_input=False)[0]
    if wrong["type"] == "json_invalid":
        code, why = types.PARSE_ERROR, wrong["msg"]
        if "hex escape" in why or "surrogate" in why:
            why += " (half of a surrogate pair is no character; leave it out)"
    else:
        code, why = types.INVALID_REQUEST, "It is not what JSON-RPC 2.0 calls a request"
    told = types.ErrorData(code=code, message=f"This message cannot be read. {why}. Nothing was done.")
    return types.JSONRPCError(jsonrpc="2.0", id=id_, error=told)


def _id_of(line: str) -> types.RequestId | None:
    """The id in a line that may be no message, read as leniently as can be."""
    try:
        said = json.loads(line, parse_int=lambda digits: int(digits) if len(digits) <= _ID_DIGITS else None)
    except (ValueError, RecursionError):
        return None
    id_ = cast("dict[str, object]", said).get("id") if isinstance(said, dict) else None
    if isinstance(id_, bool) or not isinstance(id_, str | int):
        return None
    return id_ if isinstance(id_, int) or id_.isprintable() else None
