"""A client of the protocol over standard input and output, as small as can be: what is timed is the server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

PROTOCOL = "2025-11-25"
DEADLINE_S = 60


def server_command(space: Path, *options: str) -> list[str]:
    """The console script of the installed package over a space."""
    script = Path(sys.executable).with_name("holdfast")
    return [str(script), "mcp", "--db", str(space), *options]


class Client:
    """A server in a process of its own, asked one thing after the other."""

    def __init__(
        self, command: Sequence[str], *, env: Mapping[str, str] | None = None, log: Path | None = None
    ) -> None:
        self._log = None if log is None else log.open("ab")
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, **(env or {})},
            stderr=subprocess.DEVNULL if self._log is None else self._log,
        )  # fmt: skip
        self._number = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def send(self, message: Mapping[str, Any]) -> None:
        """Write one message."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        self.process.stdin.flush()

    def receive(self) -> dict[str, Any]:
        """The next message.

        Raises:
            EOFError: the server ended.
            ValueError: it wrote what is no message.
        """
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise EOFError(f"the server ended with {self.process.wait(DEADLINE_S)}")
        message = json.loads(line)
        if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
            raise ValueError(f"{line!r:.200} is no message")
        return message

    def ask(self, method: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The answer to a request: an object with ``result`` or ``error``."""
        self._number += 1
        self.send({"id": self._number, "method": method, "params": params or {}})
        while (answer := self.receive()).get("id") != self._number:
            if "method" not in answer:
                raise ValueError(f"{answer!r:.200} answers nothing that was asked")
        return answer

    def greet(self) -> dict[str, Any]:
        """Begin, with the handshake."""
        who = {"name": "bench", "version": "1"}
        answer = self.ask("initialize", {"protocolVersion": PROTOCOL, "capabilities": {}, "clientInfo": who})
        self.send({"method": "notifications/initialized"})
        return answer

    def call(self, tool: str, arguments: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The answer to the call of a tool."""
        return self.ask("tools/call", {"name": tool, "arguments": arguments or {}})

    def close(self) -> int:
        """Close the input and wait for the end; gives the exit code."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        try:
            return self.process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()
        finally:
            self.process.stdout.close()
            if self._log is not None:
                self._log.close()
