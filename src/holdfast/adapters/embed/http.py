"""Embeds through a model service over HTTP: any OpenAI-compatible ``/embeddings``, or Ollama's ``/api/embed``.

Everything but the two wire formats is written once, in `HttpEmbedder`. Needs httpx (``pip install "holdfast[http]"``),
imported at the first call. A service may round differently from call to call; only a local model is exact.
"""

from __future__ import annotations

import base64
import binascii
import threading
from collections.abc import Iterator, Sequence
from typing import Literal, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from holdfast.adapters.service import BEARER, Failures, JsonService, Pace, member
from holdfast.errors import EmbedderRefused, EmbedderUnavailable, InvalidField, NoEmbedder
from holdfast.ports.embedder import Vectors

MAX_DIMENSIONS = 8192
MAX_CHARACTERS = 6000
"""Leading part of a text that is sent. Services refuse more than 8192 tokens; this stays below in any living script."""
MAX_REQUEST_CHARACTERS = 200_000
"""Services refuse more than 300,000 tokens a request."""
STAND_IN = "."
"""Sent for a text without a visible character, which services refuse."""
FAILURES = Failures(
    service="The embedding service",
    unavailable=EmbedderUnavailable,
    refused=EmbedderRefused,
    absent=lambda: NoEmbedder(
        'An embedding service needs httpx: pip install "holdfast[http]". '
        "Or install a local model: pip install holdfast-minilm."
    ),
)
QUERY_PATIENCE_S = 1.0
"""A query is awaited by somebody, who is better served by an answer without vectors."""


class Wire(Protocol):
    """How one kind of service is asked and answers."""

    @property
    def path(self) -> str:
        """Appended to the base address."""
        ...

    def request(self, texts: Sequence[str]) -> dict[str, object]:
        """The JSON object to post."""
        ...

    def vectors(self, answer: object) -> list[object]:
        """The vectors of an answer in the order of the texts, each a list of numbers or base64 of float32.

        Raises `EmbedderRefused` when the answer has another shape.
        """
        ...


class HttpEmbedder:
    """An `Embedder` that asks a service; safe to call from several threads."""

    def __init__(
        self,
        service: JsonService,
        wire: Wire,
        *,
        fingerprint: str,
        dimensions: int | None,
        batch_size: int,
        patience_s: float,
        query_timeout_s: float,
    ) -> None:
        if dimensions is not None and not 1 <= dimensions <= MAX_DIMENSIONS:
            raise InvalidField(f"dimensions must be 1 to {MAX_DIMENSIONS}, not {dimensions}.")
        if not 1 <= batch_size <= 2048:
            raise InvalidField(f"batch_size must be 1 to 2048, not {batch_size}.")
        if not 0 <= patience_s <= 3600:
            raise InvalidField(f"patience_s must be 0 to 3600, not {patience_s}.")
        if not 0 < query_timeout_s <= 3600:
            raise InvalidField(f"query_timeout_s must be above 0 and at most 3600, not {query_timeout_s}.")
        self._service = service
        self._wire = wire
        self._fingerprint = fingerprint
        self._dimensions = dimensions
        self._batch_size = batch_size
        self._patience_s = patience_s
        self._query_timeout_s = query_timeout_s
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._fingerprint!r})"

    @property
    def fingerprint(self) -> str:
        """Kind of service, model and dimensions asked for; not the host, so that a model may move. Asks nothing."""
        return self._fingerprint

    @property
    def batch_size(self) -> int:
        """How many texts it takes at once; see `Embedder`."""
        return self._batch_size

    @property
    def dimensions(self) -> int:
        """Length of each vector; asks the service once when it was not given and nothing was embedded yet."""
        if self._dimensions is None:
            self._ask([STAND_IN], self._patience_s)
        assert self._dimensions is not None
        return self._dimensions

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder.embed`. Also raises `NoEmbedder` when httpx is not installed."""
        parts = [self._ask(batch, self._patience_s) for batch in batches(texts, self._batch_size)]
        return np.concatenate(parts) if parts else np.empty((0, self.dimensions), np.float32)

    def prepare(self) -> None:
        """See `Embedder.prepare`: there is nothing to load here."""

    def embed_query(self, text: str) -> NDArray[np.float32]:
        """See `Embedder.embed_query`. Takes ``query_timeout_s`` at most, of that 1 s between attempts."""
        return self._ask([sendable(text)], min(QUERY_PATIENCE_S, self._patience_s), self._query_timeout_s)[0]

    def _ask(self, batch: Sequence[str], patience_s: float, within_s: float | None = None) -> Vectors:
        answer = self._service.post(
            self._wire.path, self._wire.request(batch), patience_s=patience_s, within_s=within_s
        )
        found = self._wire.vectors(answer)
        if len(found) != len(batch):
            raise EmbedderRefused(f"The embedding service sent {len(found)} vectors for {len(batch)} texts.")
        rows = [numbers(vector) for vector in found]
        with self._lock:
            expected = self._dimensions or len(rows[0])
            wrong = next((len(row) for row in rows if len(row) != expected), None)
            if wrong is not None:
                raise EmbedderRefused(f"The embedding service sent {wrong} dimensions instead of {expected}.")
            self._dimensions = expected
        return unit_rows(np.stack(rows))


class OpenAIEmbedder(HttpEmbedder):
    """An `Embedder` over any service that speaks OpenAI's ``POST {base_url}/embeddings``."""

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        api_key: str | None = None,
        dimensions: int | None = None,
        encoding: Literal["float", "base64"] = "float",
        batch_size: int = 64,
        timeout_s: float = 30.0,
        retries: int = 3,
        patience_s: float = 60.0,
        query_timeout_s: float = 10.0,
        pace: Pace | None = None,
    ) -> None:
        """Describe the service; nothing is sent yet.

        Args:
            base_url: with the version, such as ``https://api.openai.com/v1``.
            model: name the service knows it by.
            api_key: sent as a bearer token; never shown.
            dimensions: 1 to 8192; asked of the service when given, else the model's own.
            encoding: what to ask for; either is understood.
            batch_size: texts in one request, 1 to 2048.
            timeout_s: for one attempt, above 0 and at most 3600.
            retries: attempts after the first, 0 to 20.
            patience_s: longest wait between attempts in one request, all together, 0 to 3600. A service that asks for
                more, by ``Retry-After``, is not awaited.
            query_timeout_s: for a query, attempts and waits together, above 0 and at most 3600: a recall waits so long.
            pace: replaces the clock, sleep and chance in tests.

        Raises:
            InvalidField: one of these is out of range.
        """
        super().__init__(
            JsonService(base_url, api_key, timeout_s, retries, pace or Pace(), FAILURES, BEARER),
            OpenAIWire(model, dimensions, encoding),
            fingerprint=f"openai/{checked(model)}/{dimensions or 'native'}",
            dimensions=dimensions,
            batch_size=batch_size,
            patience_s=patience_s,
            query_timeout_s=query_timeout_s,
        )


class OllamaEmbedder(HttpEmbedder):
    """An `Embedder` over Ollama's ``POST {base_url}/api/embed``."""

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        api_key: str | None = None,
        dimensions: int | None = None,
        batch_size: int = 32,
        timeout_s: float = 120.0,
        retries: int = 3,
        patience_s: float = 60.0,
        query_timeout_s: float = 120.0,
        pace: Pace | None = None,
    ) -> None:
        """As `OpenAIEmbedder`; ``base_url`` is such as ``http://localhost:11434``.

        The timeouts are longer because the first request may load the model, which ends when nobody waits for it.
        """
        # Ollama reads a name without a tag as this one.
        tagged = checked(model) if ":" in model.rpartition("/")[2] else f"{checked(model)}:latest"
        super().__init__(
            JsonService(base_url, api_key, timeout_s, retries, pace or Pace(), FAILURES, BEARER),
            OllamaWire(model, dimensions),
            fingerprint=f"ollama/{tagged}/{dimensions or 'native'}",
            dimensions=dimensions,
            batch_size=batch_size,
            patience_s=patience_s,
            query_timeout_s=query_timeout_s,
        )


class OpenAIWire:
    """``{"model", "input", "encoding_format"[, "dimensions"]}`` -> ``{"data": [{"index", "embedding"}]}``."""

    path = "/embeddings"

    def __init__(self, model: str, dimensions: int | None, encoding: str) -> None:
        self._fixed: dict[str, object] = {"model": model, "encoding_format": encoding}
        if dimensions is not None:
            self._fixed["dimensions"] = dimensions

    def request(self, texts: Sequence[str]) -> dict[str, object]:
        return {**self._fixed, "input": list(texts)}

    def vectors(self, answer: object) -> list[object]:
        entries = list_under(answer, "data")
        placed = {index: entry for entry in entries if isinstance(index := member(entry, "index"), int)}
        if sorted(placed) != list(range(len(entries))):
            raise EmbedderRefused("The embedding service numbered its vectors with gaps or twice.")
        return [member(placed[index], "embedding") for index in range(len(entries))]


class OllamaWire:
    """``{"model", "input", "truncate"[, "dimensions"]}`` -> ``{"embeddings": [[…], …]}`` in the order sent."""

    path = "/api/embed"

    def __init__(self, model: str, dimensions: int | None) -> None:
        self._fixed: dict[str, object] = {"model": model, "truncate": True}
        if dimensions is not None:
            self._fixed["dimensions"] = dimensions

    def request(self, texts: Sequence[str]) -> dict[str, object]:
        return {**self._fixed, "input": list(texts)}

    def vectors(self, answer: object) -> list[object]:
        return list_under(answer, "embeddings")


def checked(model: str) -> str:
    """A model's name, fit for a fingerprint."""
    if not (1 <= len(model) <= 150 and all("!" <= character <= "~" for character in model)):
        raise InvalidField("A model's name must be 1 to 150 printable ASCII characters without spaces.")
    return model


def sendable(text: str) -> str:
    """What is sent for a text: its leading characters, valid UTF-8, never blank."""
    leading = text[:MAX_CHARACTERS]
    if not leading.isascii():
        leading = leading.encode("utf-8", "replace").decode("utf-8")
    return leading if leading.strip() else STAND_IN


def batches(texts: Sequence[str], size: int) -> Iterator[list[str]]:
    """Split texts, ready to send, into requests of at most ``size`` texts and `MAX_REQUEST_CHARACTERS`."""
    batch: list[str] = []
    characters = 0
    for text in map(sendable, texts):
        if batch and (len(batch) == size or characters + len(text) > MAX_REQUEST_CHARACTERS):
            yield batch
            batch, characters = [], 0
        batch.append(text)
        characters += len(text)
    if batch:
        yield batch


def list_under(answer: object, key: str) -> list[object]:
    """The list an answer holds under a key."""
    found = member(answer, key)
    if not isinstance(found, list):
        raise EmbedderRefused(f"The embedding service's answer holds no list `{key}`; check the address.")
    return cast("list[object]", found)


def numbers(vector: object) -> NDArray[np.float64]:
    """One vector of an answer: finite numbers, 1 to `MAX_DIMENSIONS` of them."""
    try:
        if isinstance(vector, str):
            row = np.frombuffer(base64.b64decode(vector, validate=True), "<f4").astype(np.float64)
        else:
            row = np.array(vector, np.float64)
    except (ValueError, TypeError, OverflowError, binascii.Error) as error:
        raise EmbedderRefused("The embedding service sent a vector that is not made of numbers.") from error
    if row.ndim != 1 or not 1 <= len(row) <= MAX_DIMENSIONS:
        raise EmbedderRefused(f"The embedding service sent a vector that is not 1 to {MAX_DIMENSIONS} numbers.")
    if not np.isfinite(row).all():
        raise EmbedderRefused("The embedding service sent a number that is not finite.")
    return row


def unit_rows(rows: NDArray[np.float64]) -> Vectors:
    """Rows scaled to length 1."""
    # Scaled first, so that squares neither overflow nor vanish.
    largest = np.abs(rows).max(axis=1, keepdims=True)
    if not largest.all():
        raise EmbedderRefused("The embedding service sent a vector of zeros.")
    scaled = rows / largest
    return (scaled / np.linalg.norm(scaled, axis=1, keepdims=True)).astype(np.float32)
