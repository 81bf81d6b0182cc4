"""A model service on loopback that answers as scripted, then as the real ones do."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

DIMENSIONS = 24


@dataclass
class Received:
    """A request as it came in."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class Reply:
    """A scripted answer: status, body and headers, or the way it goes wrong."""

    status: int = 200
    body: bytes | dict[str, Any] = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut_after: int | None = None
    """Close the connection after this many bytes of a body that was announced whole."""
    hold: threading.Event | None = None
    """Send nothing before this is set."""
    pause_between_bytes: Callable[[], None] | None = None
    """Called before each byte of the body."""


def vector_of(text: str, dimensions: int = DIMENSIONS) -> list[float]:
    """A vector that depends on the text alone; its length is not 1."""
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])
    return [float(value) for value in np.random.default_rng(seed).normal(size=dimensions)]


@dataclass
class ScriptedServer:
    """What came in, and what goes out next; with an empty script it embeds."""

    url: str = ""
    script: deque[Reply | Callable[[dict[str, Any]], Reply]] = field(default_factory=deque)
    received: list[Received] = field(default_factory=list)
    dimensions: int = DIMENSIONS

    def then(self, *replies: Reply | Callable[[dict[str, Any]], Reply]) -> None:
        """Add answers to the script."""
        self.script.extend(replies)

    def answer(self, path: str, body: dict[str, Any]) -> Reply:
        """The answer a real service gives."""
        width = body.get("dimensions") or self.dimensions
        vectors = [vector_of(text, width) for text in body["input"]]
        if path.endswith("/api/embed"):
            return Reply(
                body={
                    "model": body["model"],
                    "embeddings": vectors,
                    "total_duration": 14143917,
                    "load_duration": 1019500,
                    "prompt_eval_count": 8,
                }
            )
        in_base64 = body.get("encoding_format") == "base64"
        data = [
            {"object": "embedding", "index": index, "embedding": encoded(vector) if in_base64 else vector}
            for index, vector in enumerate(vectors)
        ]
        usage = {"prompt_tokens": 8, "total_tokens": 8}
        return Reply(body={"object": "list", "data": data, "model": body["model"], "usage": usage})


def encoded(vector: list[float]) -> str:
    """Base64 of little-endian float32, as OpenAI sends it."""
    return base64.b64encode(np.array(vector, "<f4").tobytes()).decode()


class Quiet(ThreadingHTTPServer):
    """Says nothing about clients that hang up, which is what some tests make them do."""

    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_: Any) -> None:
        pass


@contextmanager
def scripted_server() -> Iterator[ScriptedServer]:
    """Run a server on a free port of loopback until the block ends."""
    state = ScriptedServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            state.received.append(Received(self.path, dict(self.headers), body))
            reply = state.script.popleft() if state.script else state.answer(self.path, body)
            self.send(reply if isinstance(reply, Reply) else reply(body))

        def send(self, reply: Reply) -> None:
            if reply.hold is not None:
                reply.hold.wait(10)
            content = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            try:
                self.send_response(reply.status)
                for name, value in {**reply.headers, "Content-Length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                if reply.pause_between_bytes is not None:
                    for position in range(len(content)):
                        reply.pause_between_bytes()
                        self.wfile.write(content[position : position + 1])
                    return
                self.wfile.write(content[: reply.cut_after])
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True
            if reply.cut_after is not None:
                self.close_connection = True

        def log_message(self, *_: Any) -> None:
            pass

    server = Quiet(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
