"""Vectors of texts, computed once and kept in a folder of the user's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from re import sub
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from holdfast.ports.embedder import Embedder

DEFAULT_CACHE = Path.home() / ".cache" / "holdfast-bench"


class CachedEmbedder:
    """An embedder that remembers what it embedded, in one file a model."""

    def __init__(self, embedder: Embedder, folder: Path) -> None:
        self._embedder = embedder
        self._file = folder / (sub(r"[^\w.-]", "_", embedder.fingerprint) + ".npz")
        self._known: dict[str, NDArray[np.float32]] = {}
        self._new = 0
        if self._file.exists():
            with np.load(self._file) as stored:
                self._known = dict(zip(stored["keys"].tolist(), stored["vectors"], strict=True))

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the vectors of texts, shape (len(texts), dimensions)."""
        keys = [sha256(text.encode()).hexdigest()[:32] for text in texts]
        for key, text in zip(keys, texts, strict=True):
            if key not in self._known:
                self._known[key] = self._embedder.embed([text])[0]
                self._new += 1
                if self._new % 2_000 == 0:
                    print(f"  embedded {self._new} texts", flush=True)
        return np.stack([self._known[key] for key in keys]) if keys else np.empty((0, 384), np.float32)

    def save(self) -> None:
        """Write what is new to the folder."""
        if self._new:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            partial = self._file.with_suffix(".partial.npz")
            np.savez(partial, keys=_array(self._known), vectors=np.stack(list(self._known.values())))
            partial.replace(self._file)
            self._new = 0


def _array(keys: Iterable[str]) -> NDArray[np.str_]:
    return np.array(list(keys))


def packaged_embedder() -> Embedder:
    """Return the embedder of the holdfast-minilm distribution."""
    from importlib.resources import files

    from holdfast.adapters.embed.onnx import OnnxEmbedder

    folder = Path(str(files("holdfast_minilm")))
    return OnnxEmbedder(folder / "model.onnx", folder / "tokenizer.json")
