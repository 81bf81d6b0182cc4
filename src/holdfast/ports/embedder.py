"""The port through which text becomes vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]


class Embedder(Protocol):
    """Turns texts into unit vectors, one text independent of the others.

    Implementations are safe to call from several threads. A text's vector must not depend on the
    texts it is sent with, so that embedding again gives the same bytes.

    One that asks another machine also has ``batch_size``, how many texts it takes at once: it is given so many, and a
    recall never waits for it to embed what is stored. ``embed_query`` answers or raises while somebody waits.
    """

    @property
    def fingerprint(self) -> str:
        """Name of the model and of everything that changes its vectors, e.g. ``minilm-l6-v2/int8/1a2b3c4d``.

        Two embedders with equal fingerprints give interchangeable vectors; a space stores it and
        refuses another. At most 200 printable ASCII characters.
        """
        ...

    @property
    def dimensions(self) -> int:
        """Length of each vector, 1 to 8192."""
        ...

    def prepare(self) -> None:
        """Load what the first text would have to wait for; asks nothing of any other machine.

        Raises:
            NoEmbedder: the model cannot be loaded.
        """
        ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Embed stored texts.

        Returns float32 of shape ``(len(texts), dimensions)``, rows of Euclidean length 1 (within 1e-3),
        all finite. An empty sequence gives shape ``(0, dimensions)``.

        Raises:
            EmbedderUnavailable: the model cannot be reached now; trying again later may work.
            EmbedderRefused: the model answered and will not embed these texts.
        """
        ...

    def embed_query(self, text: str) -> NDArray[np.float32]:
        """Embed one query: shape ``(dimensions,)``, otherwise as `embed`."""
        ...


@runtime_checkable
class TokenEmbedder(Embedder, Protocol):
    """An embedder that also gives a vector for each token of a text, for a closer look at a few candidates."""

    @property
    def token_dimensions(self) -> int | None:
        """Length of each token's vector, 1 to 512; None where the model at hand gives none."""
        ...

    def embed_tokens(self, texts: Sequence[str]) -> Sequence[NDArray[np.float32]]:
        """The tokens of stored texts: for each text an array ``(tokens, token_dimensions)`` of unit vectors.

        Raises:
            EmbedderUnavailable, EmbedderRefused: as `embed`.
        """
        ...

    def embed_query_tokens(self, text: str) -> tuple[Sequence[str], NDArray[np.float32]]:
        """The tokens of a query that are letters or digits: what each stands for in the text, and their vectors."""
        ...
