"""Embedders without a model: one that is deterministic and quick, and one that fails as it is told.

Both keep the promises of `holdfast.testing.embedder_contract` (the second while nothing is wrong with it).
"""

from __future__ import annotations

import re
import threading
import zlib
from collections.abc import Sequence
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from holdfast.errors import EmbedderRefused, EmbedderUnavailable
from holdfast.ports.embedder import Embedder, Vectors

WINDOW_CHARS = 4_000
"""Leading characters of a text that its vector covers."""
FREEZE_S = 60.0
"""Seconds after which a frozen model gives up, so that a mistake in a test cannot hang it."""
_WORD = re.compile(r"\w+")


class HashEmbedder:
    """Unit vectors from hashed words and character trigrams: texts that share words are near each other.

    Made for tests. The same text gives the same bytes on every machine.

    Args:
        dimensions: Length of the vectors, 1 to 8192.
        name: Part of the fingerprint; vectors of another name are other vectors.
    """

    def __init__(self, dimensions: int = 64, name: str = "hash-ngrams") -> None:
        self.dimensions = dimensions
        self.fingerprint = f"{name}/{dimensions}"
        self._seed = zlib.crc32(name.encode())

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder.embed`."""
        vectors = np.zeros((len(texts), self.dimensions), np.float32)
        for row, text in zip(vectors, texts, strict=True):
            self._fill(row, text[:WINDOW_CHARS].casefold())
        return vectors

    def prepare(self) -> None:
        """See `Embedder.prepare`: there is nothing to load."""

    def embed_query(self, text: str) -> NDArray[np.float32]:
        """See `Embedder.embed_query`."""
        return self.embed([text])[0]

    def _fill(self, row: NDArray[np.float32], text: str) -> None:
        for word in _WORD.findall(text):
            padded = f" {word} "
            for gram in (padded, *(padded[at : at + 3] for at in range(len(padded) - 2))):
                place = zlib.crc32(gram.encode("utf-8", "surrogatepass"), self._seed)
                row[place % self.dimensions] += 1 if place & 0x8000_0000 else -1
        if not row.any():
            # No word, or all of them cancel out: the whole text decides.
            row[zlib.crc32(text.encode("utf-8", "surrogatepass"), self._seed) % self.dimensions] = 1
        row /= np.linalg.norm(row)


class Fault(Enum):
    """What can be wrong with a model."""

    DOWN = "it cannot be reached"
    BROKEN = "it raises an error of its own"
    WRONG_WIDTH = "its vectors have one dimension too many"
    NOT_FINITE = "its vectors hold a NaN"
    SHORT_BATCH = "it gives one vector too few"


class FaultyEmbedder:
    """An embedder that does as another does until it is told to fail.

    Attributes:
        fault: What is wrong with it now; None when nothing is.
        given: Stored texts it was asked to embed, in order.
        queries: How many queries it was asked to embed.
        waiting: Set while a call of `embed` waits in a frozen model.
    """

    def __init__(self, inner: Embedder | None = None) -> None:
        self._inner = inner or HashEmbedder()
        self.fault: Fault | None = None
        self.given: list[str] = []
        self.queries = 0
        self.waiting = threading.Event()
        self._refused: tuple[str, ...] = ()
        self._spoiled: tuple[str, ...] = ()
        self._thawed = threading.Event()
        self._thawed.set()

    @property
    def fingerprint(self) -> str:
        """See `Embedder.fingerprint`."""
        return self._inner.fingerprint

    @property
    def dimensions(self) -> int:
        """See `Embedder.dimensions`."""
        return self._inner.dimensions

    def refuse(self, *words: str) -> None:
        """Refuse stored texts that hold one of these words from now on."""
        self._refused = words

    def spoil(self, *words: str) -> None:
        """Give a vector of NaN to stored texts that hold one of these words from now on."""
        self._spoiled = words

    def freeze(self) -> None:
        """Let calls of `embed` wait until `thaw`; queries are answered."""
        self.waiting.clear()
        self._thawed.clear()

    def thaw(self) -> None:
        """Let the waiting calls go on."""
        self._thawed.set()

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder.embed`."""
        self.given.extend(texts)
        if not self._thawed.is_set():
            self.waiting.set()
            if not self._thawed.wait(FREEZE_S):
                raise EmbedderUnavailable("The model was frozen and nobody thawed it.")
        self._raise_fault()
        if any(word in text for text in texts for word in self._refused):
            raise EmbedderRefused("The model refuses one of these texts.")
        vectors = self._spoilt(self._inner.embed(texts))
        for place, text in enumerate(texts):
            if any(word in text for word in self._spoiled):
                vectors[place] = np.nan
        return vectors[:-1] if self.fault is Fault.SHORT_BATCH else vectors

    def prepare(self) -> None:
        """See `Embedder.prepare`."""
        self._inner.prepare()

    def embed_query(self, text: str) -> NDArray[np.float32]:
        """See `Embedder.embed_query`."""
        self.queries += 1
        self._raise_fault()
        return self._spoilt(self._inner.embed_query(text)[np.newaxis])[0]

    def _raise_fault(self) -> None:
        if self.fault is Fault.DOWN:
            raise EmbedderUnavailable("The model cannot be reached.")
        if self.fault is Fault.BROKEN:
            raise RuntimeError("segment 7 of the model is missing")

    def _spoilt(self, vectors: Vectors) -> Vectors:
        if self.fault is Fault.WRONG_WIDTH:
            return np.hstack((vectors, np.zeros((len(vectors), 1), np.float32)))
        if self.fault is Fault.NOT_FINITE:
            return np.full_like(vectors, np.nan)
        return vectors
