"""The index in memory, kept level with the space before every use."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from holdfast.core.corpus import EXACT_ENTRIES, Corpus
from holdfast.model.events import SetModel
from holdfast.model.ids import Id
from holdfast.ports.store import Columns, Reader, SpaceStore, StoredVectors
from holdfast.services.condition_cache import ConditionCache

if TYPE_CHECKING:  # small spaces have none
    from holdfast.core.wide import Near
    from holdfast.ports.vector_index import VectorIndexes
    from holdfast.services.near_index import NearIndex

LOADED = 50_000
"""Rows that are read at once: what they take while they are Python objects is given back before the next."""
LATELY_S = 0.1
"""How long after a recall another one is thought to follow."""


class LiveIndex:
    """A `Corpus` of one space that follows its journal, whoever writes it.

    Each use brings it level with the store first, by what changed since the last use, so every
    process reads its own writes and everyone else's acknowledged ones.

    Args:
        find_indexes: Gives where an index of vectors is kept, once the space may have one; None where it never has.
    """

    def __init__(self, store: SpaceStore, find_indexes: Callable[[], VectorIndexes] | None = None) -> None:
        self._store = store
        self._find_indexes = find_indexes
        self._near: NearIndex | None = None
        self._without = False
        self.conditions = ConditionCache()
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
                corpus = self._leveled()
                if len(corpus) > EXACT_ENTRIES:
                    self._have_near(corpus)
                yield corpus
        finally:
            with self._counting:
                self._users -= 1
                self._left_s = time.monotonic()

    def is_wanted(self) -> bool:
        """Whether somebody recalls now, or has just done so and may again."""
        return self._users > 0 or time.monotonic() - self._left_s < LATELY_S

    def near(self) -> Near | None:
        """What finds near entries of a large space, inside the ``with`` of `level`; None where there is no index."""
        return None if self._near is None else self._near.near()

    @property
    def vectors(self) -> NearIndex | None:
        """The index of vectors, None where the space never was large here."""
        return self._near

    def scrub(self, forgotten: Sequence[Id] | None) -> int:
        """Overwrite what forgotten memories left in this process and in the index of vectors.

        Args:
            forgotten: What the index of vectors, which other processes may have made, is to have nothing of; None for
                whatever is not live.

        Returns how many vectors were overwritten in that.

        Raises:
            OSError: it cannot be written; this process holds nothing any more.
        """
        self.conditions.clear()
        with self._lock:
            try:
                return self._erase_vectors(forgotten)
            finally:
                if self._corpus is not None:
                    self._leveled().scrub()

    def left_of(self, forgotten: Sequence[Id]) -> int:
        """How many of these memories have a vector in the index of vectors."""
        with self._lock:
            near = self._made_near()
            if near is None or not near.is_kept:
                return 0
            return near.counted(self._numbers(forgotten))

    def drop(self) -> None:
        """Start anew at the next use."""
        self.conditions.clear()
        near = self._near
        if near is not None:
            near.close()
        with self._lock:
            self._corpus = None

    @contextmanager
    def without_vectors(self) -> Generator[Callable[[], None]]:
        """No index of vectors in this process for the time of the ``with``, though recalls go on.

        Gives what throws away the one that is kept. That takes no lock: a recall may hold this index's, and wait for
        the space that whoever calls has to itself. It may raise `OSError`.
        """
        with self._lock:
            near, self._without = self._made_near(), True
        try:
            if near is not None:
                near.close()
            yield lambda: None if near is None else near.drop_kept()
        finally:
            with self._lock:
                self._near, self._without = None, False  # where the next one is kept may be elsewhere

    def _erase_vectors(self, forgotten: Sequence[Id] | None) -> int:
        near = None if forgotten == () else self._made_near()
        return near.erase(self._numbers(forgotten)) if near is not None and near.is_kept else 0

    def _numbers(self, records: Sequence[Id] | None) -> list[int]:
        with self._store.reading() as reader:
            if records is None:
                return list(reader.moved(0).gone)
            return [held.n for held in reader.find_all(records).values()]

    def _made_near(self) -> NearIndex | None:
        if self._near is None and self._find_indexes is not None:
            from holdfast.services.near_index import NearIndex

            self._near = NearIndex(
                self._find_indexes(),
                self._lock,
                lambda: None if self._corpus is None else self._leveled(),
                from_entries=EXACT_ENTRIES,
            )
        return self._near

    def _have_near(self, corpus: Corpus) -> None:
        near = None if self._without else self._made_near()
        if near is not None:
            near.follow(corpus, self._store.identity, self._model)

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
            after_n = 0
            while True:
                columns = reader.columns(None, after_n=after_n, limit=LOADED)
                _load(corpus, columns)
                if len(columns.n) < LOADED:
                    break
                after_n = columns.n[-1]
        else:
            moved = reader.moved(self._seq)
            if moved.changed or moved.gone:
                corpus.remove((*moved.gone, *moved.changed))
                if self._near is not None:
                    self._near.removed(moved.gone)
                _load(corpus, reader.columns(moved.changed))
                # A revised memory keeps its vector, which left the corpus with its old version.
                self._take_vectors(corpus, reader, 0 if len(moved.changed) > len(corpus) // 2 else None, moved.changed)
            self._seq = moved.seq
        if reader.vector_revision() > self._revision:
            self._take_vectors(corpus, reader, self._revision, ())
        self._corpus = corpus
        return corpus

    def _take_vectors(self, corpus: Corpus, reader: Reader, after: int | None, ns: tuple[int, ...]) -> None:
        if after is None:
            _give(corpus, reader.vectors_of(ns))
            return
        last = reader.vector_revision()
        while after < last:
            stored = reader.vectors(after, limit=LOADED)
            _give(corpus, stored)
            after = stored.revision
        self._revision = last


def _give(corpus: Corpus, stored: StoredVectors) -> None:
    if len(stored.ns):
        corpus.set_vectors(stored.ns, stored.values, stored.scales)


def _load(corpus: Corpus, columns: Columns) -> None:
    if columns.n:
        corpus.add_columns(
            columns.n, columns.session, columns.order, columns.author, columns.role, columns.kind, columns.said_ms,
            columns.terms,
        )  # fmt: skip
