"""The index in memory, kept level with the space before every use."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager

from holdfast.core.corpus import Corpus
from holdfast.model.events import SetModel
from holdfast.ports.store import Columns, Reader, SpaceStore

LATELY_S = 0.1
"""How long after a recall another one is thought to follow."""


class LiveIndex:
    """A `Corpus` of one space that follows its journal, whoever writes it.

    Each use brings it level with the store first, by what changed since the last use, so every
    process reads its own writes and everyone else's acknowledged ones.
    """

    def __init__(self, store: SpaceStore) -> None:
        self._store = store
        self._lock = threading.RLock()
        self._counting = threading.Lock()
        self._users = 0
        self._left_s = -LATELY_S
        self._corpus: Corpus | None = None
        self._model: SetModel | None = None
        self._seq = 0
        self._revision = 0

    @contextmanager
    def level(self) -> Generator[Corpus]:
        """The corpus, level with the newest commit, for use inside the ``with`` alone."""
        with self._counting:
            self._users += 1
        try:
            with self._lock:
                yield self._leveled()
        finally:
            with self._counting:
                self._users -= 1
                self._left_s = time.monotonic()

    def is_wanted(self) -> bool:
        """Whether somebody recalls now, or has just done so and may again."""
        return self._users > 0 or time.monotonic() - self._left_s < LATELY_S

    def scrub(self) -> None:
        """Overwrite what forgotten memories left in this process, where there is an index."""
        with self._lock:
            if self._corpus is not None:
                self._leveled().compact()

    def drop(self) -> None:
        """Start anew at the next use."""
        with self._lock:
            self._corpus = None

    def _leveled(self) -> Corpus:
        with self._store.reading() as reader:
            return self._follow(reader)

    def _follow(self, reader: Reader) -> Corpus:
        model = reader.model()
        corpus = self._corpus
        # Held again only when all of it worked: half an index would answer as if the rest were not there.
        self._corpus = None
        if corpus is None or model != self._model:
            corpus = Corpus(model.dimensions) if model else Corpus()
            self._model, self._seq, self._revision = model, reader.head().seq, 0
            _load(corpus, reader.columns(None))
        else:
            moved = reader.moved(self._seq)
            if moved.changed or moved.gone:
                corpus.remove((*moved.gone, *moved.changed))
                _load(corpus, reader.columns(moved.changed))
                # A revised memory keeps its vector, which left the corpus with its old version.
                self._take_vectors(corpus, reader, 0 if len(moved.changed) > len(corpus) // 2 else None, moved.changed)
            self._seq = moved.seq
        if reader.vector_revision() > self._revision:
            self._take_vectors(corpus, reader, self._revision, ())
        self._corpus = corpus
        return corpus

    def _take_vectors(self, corpus: Corpus, reader: Reader, after: int | None, ns: tuple[int, ...]) -> None:
        stored = reader.vectors_of(ns) if after is None else reader.vectors(after)
        if len(stored.ns):
            corpus.set_vectors(stored.ns, stored.values, stored.scales)
        if after is not None:
            self._revision = stored.revision


def _load(corpus: Corpus, columns: Columns) -> None:
    if columns.n:
        corpus.add_columns(
            columns.n, columns.session, columns.order, columns.author, columns.role, columns.kind, columns.said_ms,
            columns.terms,
        )  # fmt: skip
