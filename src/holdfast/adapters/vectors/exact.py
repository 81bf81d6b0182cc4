"""An index in memory that measures every vector: what others are compared with."""

from __future__ import annotations

import numpy as np

from holdfast.ports.vector_index import Codes, Numbers, VectorIndex


class ExactIndex:
    """A `VectorIndex` without a shortcut."""

    def __init__(self, stamp: bytes, ns: Numbers, codes: Codes) -> None:
        self.stamp = stamp
        self._ns, self._codes = ns, codes

    def __len__(self) -> int:
        return len(self._ns)

    @property
    def empty(self) -> int:
        return int(np.count_nonzero(self._ns == 0))

    def near(self, codes: Codes, count: int) -> Numbers:
        held = self._codes.astype(np.float32)
        lengths = np.maximum(np.linalg.norm(held, axis=1), 1e-12)
        order = np.argsort(-(held @ codes.astype(np.float32)) / lengths, kind="stable")[:count]
        found = self._ns[order]
        return found[found > 0]

    def held(self, first: int, count: int) -> tuple[Numbers, Codes]:
        return self._ns[first : first + count], self._codes[first : first + count]

    def erase(self, ns: Numbers) -> int:
        going = np.isin(self._ns, ns) & (self._ns > 0)
        self._ns[going] = 0
        self._codes[going] = 0
        return int(np.count_nonzero(going))

    def close(self) -> None:
        """Nothing to let go of."""


class ExactIndexes:
    """`VectorIndexes` in memory."""

    kept_in = "memory"
    is_usable = True

    def __init__(self) -> None:
        self._kept: ExactIndex | None = None

    def read(self, stamp: bytes, dimensions: int) -> VectorIndex | None:
        if self._kept is not None and self._kept.stamp != stamp:
            self._kept = None
        return self._kept

    def begin(self, stamp: bytes, dimensions: int, count: int, grown: VectorIndex | None) -> _Building:
        ns, codes = grown.held(0, len(grown)) if grown else (np.empty(0, np.int64), np.empty((0, dimensions), np.int8))
        return _Building(self, stamp, ns, codes)

    def erase(self, ns: Numbers) -> int:
        return self._kept.erase(ns) if self._kept else 0

    @property
    def is_kept(self) -> bool:
        return self._kept is not None

    def counted(self, ns: Numbers) -> int:
        return 0 if self._kept is None else int(np.isin(self._kept.held(0, len(self._kept))[0], ns[ns > 0]).sum())

    def drop(self) -> None:
        if self._kept is not None:
            self._kept.erase(self._kept.held(0, len(self._kept))[0].copy())
        self._kept = None

    def keep(self, index: ExactIndex) -> None:
        """Put an index in place of the one before it."""
        self._kept = index


class _Building:
    def __init__(self, indexes: ExactIndexes, stamp: bytes, ns: Numbers, codes: Codes) -> None:
        self._indexes, self._stamp = indexes, stamp
        self._ns, self._codes = [ns], [codes]
        self._made: ExactIndex | None = None

    def add(self, ns: Numbers, codes: Codes) -> None:
        self._ns.append(ns)
        self._codes.append(codes)

    def finish(self) -> VectorIndex:
        self._made = ExactIndex(self._stamp, np.concatenate(self._ns), np.concatenate(self._codes))
        return self._made

    def keep(self) -> None:
        if self._made is not None:
            self._indexes.keep(self._made)

    def discard(self) -> None:
        """Nothing was written."""
