"""The index of vectors of a large space: read or built beside the searches, erased from at once, never trusted.

Up to `holdfast.core.corpus.EXACT_ENTRIES` entries there is none. Above, it is read from where it is kept, or built on a
thread of its own; until then every vector is measured. Entries that came since are measured beside it, and worked in
when they are many. Everything here but the building happens under the lock of the `LiveIndex` that owns it.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from holdfast.core.columns import BUILDING, INDEXED
from holdfast.core.corpus import Corpus
from holdfast.core.vectors import quantise
from holdfast.core.wide import Near
from holdfast.model.events import SetModel
from holdfast.ports.store import Identity
from holdfast.ports.vector_index import Building, VectorIndex, VectorIndexes

LOOSE_SHARE: Final = 0.05
"""Entries beside the index, as a share of those in it, from which they are worked in."""
LOOSE_LEAST: Final = 10_000
EMPTY_SHARE: Final = 0.2
"""Places of entries that are gone, as a share of all, from which the index is made anew."""
ADDED: Final = 512
"""Vectors added between two looks at whether to stop: a few tenths of a second."""
COMPARED: Final = 1 << 15
"""Vectors of an index that is read which are compared with the space's at once."""
CLOSE_S: Final = 10.0


@dataclass(slots=True, eq=False)
class _Work:
    """The building of one index.

    Attributes:
        gone: Numbers that left the space since it began.
        is_stopped: It comes to nothing: whoever set this wants no index of it any more.
    """

    corpus: Corpus
    stamp: bytes
    dimensions: int
    grown: VectorIndex | None
    gone: list[int] = field(default_factory=list[int])
    is_stopped: bool = False
    thread: threading.Thread | None = None


class NearIndex:
    """The index of vectors of one space.

    Args:
        indexes: Where it is kept.
        lock: Of the corpus.
        leveled: Gives the corpus, level with the space, for use under the lock; None once it is dropped.
        from_entries: Entries from which on there is an index.
    """

    def __init__(
        self,
        indexes: VectorIndexes,
        lock: threading.RLock,
        leveled: Callable[[], Corpus | None],
        *,
        from_entries: int,
    ) -> None:
        self._indexes = indexes
        self._lock = lock
        self._leveled = leveled
        self.from_entries = from_entries
        self.failure: str | None = None
        """Why there is no index or the last building came to nothing, in words."""
        self._index: VectorIndex | None = None
        self._of: tuple[Corpus, bytes] | None = None  # what was last looked at
        self._work: _Work | None = None
        self._failed_at = 0

    def near(self) -> Near | None:
        """What finds near entries; None while there is no index."""
        index = self._index
        if index is None:
            return None

        def find(vector: NDArray[np.float32], count: int) -> NDArray[np.int64]:
            codes, _ = quantise(vector[np.newaxis])
            return index.near(codes[0], count)

        return find

    @property
    def is_building(self) -> bool:
        return self._work is not None

    @property
    def entries(self) -> int:
        """Entries in the index, 0 where there is none."""
        return 0 if self._index is None else len(self._index) - self._index.empty

    def follow(self, corpus: Corpus, identity: Identity, model: SetModel | None) -> None:
        """Have an index of a corpus that is level, if it is large; called before every search."""
        if model is None or len(corpus) <= self.from_entries:
            return
        stamp = _stamp(identity, model)
        if self._of is None or self._of[0] is not corpus or self._of[1] != stamp:
            self._let_go()
            self._of = corpus, stamp
            if self._indexes.is_usable:
                self._take(corpus, self._read(corpus, stamp, model.dimensions))
        if self._work is None and self._indexes.is_usable and self._is_due(corpus):
            grown = self._index if self._index and self._index.empty <= EMPTY_SHARE * len(self._index) else None
            work = self._work = _Work(corpus, stamp, model.dimensions, grown)
            work.thread = threading.Thread(target=self._build, args=(work,), name="holdfast-vectors", daemon=True)
            work.thread.start()

    def removed(self, ns: Sequence[int]) -> None:
        """Overwrite the vectors of entries that left the corpus."""
        if not ns:
            return
        if self._work is not None:
            self._work.gone += ns
        if self._index is not None:
            self._erase(self._index, ns)

    def erase(self, ns: Sequence[int]) -> int:
        """Overwrite vectors wherever the index is kept, whether or not it was ever read here; gives how many.

        Raises:
            OSError: it cannot be written.
        """
        if not ns:
            return 0
        numbers = np.array(ns, np.int64)
        if self._work is not None:
            self._work.gone += ns
        found = 0 if self._index is None else self._index.erase(numbers)
        return found + self._indexes.erase(numbers)

    @property
    def is_kept(self) -> bool:
        """Whether there is anything to erase from."""
        return self._index is not None or self._work is not None or self._indexes.is_kept

    def counted(self, ns: Sequence[int]) -> int:
        """How many of these numbers an index has a vector of, wherever it is kept."""
        numbers = np.array(ns, np.int64)
        held = 0
        if self._index is not None:
            held = int(np.count_nonzero(np.isin(self._index.held(0, len(self._index))[0], numbers[numbers > 0])))
        return max(held, self._indexes.counted(numbers))

    def drop_kept(self) -> None:
        """Throw away what is kept, wherever it is, once this was closed; takes no lock.

        Raises:
            OSError: it cannot be removed.
        """
        self._indexes.drop()

    def close(self) -> None:
        """Stop building and let go of the index; what is kept stays. Not under the lock."""
        work = self._work
        if work is not None:
            work.is_stopped = True
            if work.thread is not None and work.thread.is_alive() and work.thread is not threading.current_thread():
                work.thread.join(CLOSE_S)
        with self._lock:
            self._let_go()

    def _let_go(self) -> None:
        if self._index is not None:
            self._index.close()
        self._index = self._of = None
        self._failed_at = 0

    def _erase(self, index: VectorIndex, ns: Sequence[int]) -> None:
        try:
            index.erase(np.array(ns, np.int64))
        except OSError as error:  # what is erased is held to be gone: an index that cannot follow is not used
            self.failure = f"the index of vectors cannot be written ({error})"
            self._let_go()

    def _read(self, corpus: Corpus, stamp: bytes, dimensions: int) -> VectorIndex | None:
        """The index that is kept; one that cannot be read is told of, and not made again soon."""
        try:
            return self._indexes.read(stamp, dimensions)
        except (OSError, ImportError) as error:
            self.failure = f"the index of vectors cannot be read ({error})"
            self._failed_at = max(1, len(corpus))
            return None

    def _take(self, corpus: Corpus, index: VectorIndex | None) -> None:
        """Compare an index with the corpus: what is gone, or is not as in the space, is erased."""
        self._index = index
        corpus.indexed(np.empty(0, np.int32), INDEXED, anew=True)
        if index is None:
            return
        gone = [np.empty(0, np.int64)]
        for first in range(0, len(index), COMPARED):
            ns, codes = index.held(first, COMPARED)
            rows = corpus.rows(ns)
            is_same = (rows > 0) & (corpus.vectors.codes(rows) == codes).all(axis=1)
            corpus.indexed(rows[is_same], INDEXED)
            gone.append(ns[~is_same & (ns > 0)])
        self._erase(index, np.concatenate(gone).tolist())

    def _is_due(self, corpus: Corpus) -> bool:
        loose = len(corpus.loose())
        if self._failed_at and loose < self._failed_at + LOOSE_LEAST:
            return False
        if self._index is None:
            return loose > self.from_entries
        held = len(self._index)
        return loose > max(LOOSE_LEAST, LOOSE_SHARE * held) or self._index.empty > EMPTY_SHARE * held

    # On a thread of its own

    def _build(self, work: _Work) -> None:
        building: Building | None = None
        failure: str | None = None
        was_taken = False
        try:
            building = self._begun(work)
            if self._filled(work, building):
                index = building.finish()
                with self._lock:
                    if self._is_wanted(work):
                        self._swap(work, building, index)
                    else:
                        index.close()
        except Exception as error:  # noqa: BLE001 - the edge of a thread: the space answers without an index
            was_taken = isinstance(error, FileNotFoundError)
            failure = f"the index of vectors could not be built ({type(error).__name__}: {error})"
        if building is not None:
            try:
                building.discard()
            except OSError as error:
                failure = f"what was built of the index of vectors cannot be removed ({error})"
        with self._lock:
            self._work = None
            self.failure = failure or self.failure
            if was_taken:  # by a forget, or by another process that was quicker: what is kept is read again, or made
                self._let_go()
            elif failure is not None:
                self._failed_at = max(1, len(work.corpus))

    def _begun(self, work: _Work) -> Building:
        return self._indexes.begin(work.stamp, work.dimensions, len(work.corpus), work.grown)

    def _filled(self, work: _Work, building: Building) -> bool:
        """Add what the space has; False where it is no longer wanted."""
        corpus = work.corpus
        with self._lock:
            corpus.refresh()
            begun = np.flatnonzero(corpus.columns.indexed[: corpus.size] & INDEXED).astype(np.int32)
            corpus.indexed(begun if work.grown else begun[:0], BUILDING, anew=True)
            waiting = corpus.loose() if work.grown else np.flatnonzero(corpus.vectors.scales[: corpus.size] > 0)
            ns = corpus.columns.n[waiting]
        for first in range(0, len(ns), ADDED):
            with self._lock:
                if work.is_stopped or self._of != (corpus, work.stamp):
                    return False
                rows = corpus.rows(ns[first : first + ADDED])
                rows = rows[corpus.vectors.scales[rows] > 0]
                corpus.indexed(rows, BUILDING)
                some, codes = corpus.columns.n[rows], corpus.vectors.codes(rows)
            building.add(some, codes)
        return not work.is_stopped

    def _is_wanted(self, work: _Work) -> bool:
        """Whether the space is still the one of a building; what was forgotten meanwhile reaches `removed` by this."""
        return self._leveled() is work.corpus and self._of == (work.corpus, work.stamp) and not work.is_stopped

    def _swap(self, work: _Work, building: Building, index: VectorIndex) -> None:
        """Put a new index in place of the one before, without what left the space while it was built.

        Whoever forgets from here on in another process finds the file, in the making or in place, and erases from it.
        """
        corpus = work.corpus
        if work.gone:
            index.erase(np.array(work.gone, np.int64))
        building.keep()
        before, self._index = self._index, index
        if before is not None:
            before.close()
        marks = corpus.columns.indexed[: corpus.size]
        rows = np.flatnonzero(marks & BUILDING).astype(np.int32)
        corpus.indexed(rows, INDEXED, anew=True)
        corpus.indexed(rows[:0], BUILDING, anew=True)
        self.failure = None


def _stamp(identity: Identity, model: SetModel) -> bytes:
    """What an index belongs to, as 32 bytes that tell nothing."""
    parts = identity.space, identity.node, model.fingerprint.encode(), str(model.dimensions).encode()
    return hashlib.sha256(b"\x00".join(parts)).digest()
