"""Vectors of texts, computed once and kept in a folder of the user's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from re import sub
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from holdfast.ports.embedder import Embedder, TokenEmbedder

_TELL_EVERY = 200
DEFAULT_CACHE = Path.home() / ".cache" / "holdfast-bench"


class CachedEmbedder:
    """An embedder that remembers what it embedded by the text's digest, in one file a model.

    It is an `Embedder` itself, so a space can be filled with the same vectors. Safe to call from several threads.

    Args:
        tell: Called with how many texts were new, from time to time; by default it is printed.
    """

    def __init__(self, embedder: Embedder, folder: Path, tell: Callable[[int], None] | None = None) -> None:
        self._embedder = embedder
        self._tell = tell or _print_count
        self._turn = Lock()
        self.fingerprint = embedder.fingerprint
        self.dimensions = embedder.dimensions
        self._file = folder / (sub(r"[^\w.-]", "_", embedder.fingerprint) + ".npz")
        self._known: dict[str, NDArray[np.float32]] = {}
        self._new = 0
        if self._file.exists():
            with np.load(self._file) as stored:
                self._known = dict(zip(stored["keys"].tolist(), stored["vectors"], strict=True))

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the vectors of texts, shape (len(texts), dimensions)."""
        keys = [sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32] for text in texts]
        with self._turn:
            for key, text in zip(keys, texts, strict=True):
                if key not in self._known:
                    self._known[key] = self._embedder.embed([text])[0]
                    self._new += 1
                    if self._new % _TELL_EVERY == 0:
                        self._tell(self._new)
            return np.stack([self._known[key] for key in keys]) if keys else np.empty((0, self.dimensions), np.float32)

    def embed_query(self, text: str) -> NDArray[np.float32]:
        """Return the vector of one query, shape (dimensions,)."""
        return self.embed([text])[0]

    def prepare(self) -> None:
        """Load the model: a space asks for it when it is opened."""
        self._embedder.prepare()

    @property
    def token_dimensions(self) -> int | None:
        """Length of each token's vector; None where the model gives none."""
        return getattr(self._embedder, "token_dimensions", None)

    def embed_tokens(self, texts: Sequence[str]) -> Sequence[NDArray[np.float32]]:
        """Return the tokens of texts; they are not kept, for a space keeps those it looked at itself."""
        return self._tokens().embed_tokens(texts)

    def embed_query_tokens(self, text: str) -> tuple[Sequence[str], NDArray[np.float32]]:
        """Return the tokens of a query."""
        return self._tokens().embed_query_tokens(text)

    def _tokens(self) -> TokenEmbedder:
        from holdfast.ports.embedder import TokenEmbedder

        if not isinstance(self._embedder, TokenEmbedder):
            raise NotImplementedError("This model gives no vectors of tokens.")
        return self._embedder

    def save(self) -> None:
        """Write what is new to the folder."""
        with self._turn:
            self._save()

    def _save(self) -> None:
        if self._new:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            partial = self._file.with_suffix(".partial.npz")
            np.savez(partial, keys=_array(self._known), vectors=np.stack(list(self._known.values())))
            partial.replace(self._file)
            self._new = 0


def _print_count(count: int) -> None:
    if count % 2_000 == 0:
        print(f"  embedded {count} texts", flush=True)


def _array(keys: Iterable[str]) -> NDArray[np.str_]:
    return np.array(list(keys))


def packaged_embedder() -> Embedder:
    """Return the embedder of the holdfast-minilm distribution."""
    from importlib.resources import files

    from holdfast.adapters.embed.onnx import OnnxEmbedder

    folder = Path(str(files("holdfast_minilm")))
    return OnnxEmbedder(folder / "model.onnx", folder / "tokenizer.json")
