"""An embedding service on loopback, in the formats of OpenAI and Ollama, that answers wrongly as it is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from holdfast.testing.embedders import HashEmbedder

ANSWERS = (
    "hangs up", "silence", "dribbles", "401", "404", "429", "429 soon", "429 late", "500", "503",
    "a page", "half of it", "no vectors", "too few", "too wide", "NaN", "null", "words", "one twice",
)  # fmt: skip
"""Ways to answer wrongly."""


@dataclass
class Service:
    """What the service does now.

    Attributes:
        answer: One of `ANSWERS`, or None for a right answer.
        requests: How many came in.
    """

    url: str = ""
    answer: str | None = None
    requests: int = 0
    mended: threading.Event = field(default_factory=threading.Event)

    def mend(self) -> None:
        """Answer rightly from now on, also those who wait."""
        self.answer = None
        self.mended.set()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    service: Service
    model = HashEmbedder()

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.service.requests += 1
        with suppress(BrokenPipeError, ConnectionResetError):
            self._answer(self.service.answer, asked["input"])

    def _answer(self, answer: str | None, texts: list[str]) -> None:
        match answer:
            case "hangs up":
                self.close_connection = True
            case "silence":
                self.service.mended.clear()
                self.service.mended.wait(0.4)
                self.close_connection = True
            case "401" | "404" | "429" | "500" | "503":
                self._send(int(answer), b'{"error": {"message": "not now"}}')
            case "429 soon" | "429 late":
                self._send(429, b"{}", {"Retry-After": "1" if answer == "429 soon" else "3600"})
            case "a page":
                self._send(200, b"<html><body>Please sign in.</body></html>")
            case "half of it":
                content = self._right(texts, answer)
                self._send(200, content[: len(content) // 2], {"Content-Length": str(len(content))})
                self.close_connection = True
            case "dribbles":
                self._send(200, b"", {"Content-Length": "1000"})
                with suppress(OSError):
                    for _ in range(8):
                        self.wfile.write(b" ")
                        self.service.mended.clear()
                        self.service.mended.wait(0.05)
                self.close_connection = True
            case _:
                self._send(200, self._right(texts, answer))

    def _right(self, texts: list[str], answer: str | None) -> bytes:
        vectors: list[Any] = [[float(value) for value in row] for row in self.model.embed(texts)]
        match answer:
            case "no vectors":
                vectors = []
            case "too few":
                vectors = vectors[:-1]
            case "too wide":
                vectors = [[*row, 0.5] for row in vectors]
            case "NaN":
                vectors = [[float("nan"), *row[1:]] for row in vectors]
            case "null":
                vectors = [None for _ in vectors]
            case "words":
                vectors = [["none", *row[1:]] for row in vectors]
            case _:
                pass
        if self.path.endswith("/api/embed"):
            return json.dumps({"embeddings": vectors * 2 if answer == "one twice" else vectors}).encode()
        places = [0 if answer == "one twice" else place for place in range(len(vectors))]
        if answer == "one twice":
            places, vectors = [0, *places], [*vectors, *vectors[:1]]
        data = [{"index": place, "embedding": vector} for place, vector in zip(places, vectors, strict=True)]
        return json.dumps({"data": data}).encode()

    def _send(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(content))} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_: Any) -> None:
        """Clients hang up: that is what is tried."""


@contextmanager
def serving() -> Generator[Service]:
    """The service, for the time of a ``with``."""
    service = Service()
    server = _Quiet(("127.0.0.1", 0), type("Handler", (_Handler,), {"service": service}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    service.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
