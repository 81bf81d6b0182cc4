"""The port of an index of vectors: what finds near ones in a large space without measuring all.

It is only an index. Whatever it names is measured and checked against the space, so that a lost, stale or damaged
one costs time and never an answer. It holds vectors of memories, so forgetting reaches it.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]
"""Local numbers of memories, greater than 0, shape (m,)."""
Codes = NDArray[np.int8]
"""Vectors without their scales, shape (m, dimensions)."""


class VectorIndex(Protocol):
    """Vectors by number, searched by direction.

    Each vector has a place, by order of arrival; an erased one leaves its place empty.
    Safe to search from several threads while one erases.
    """

    def __len__(self) -> int:
        """Places, empty ones too."""
        ...

    @property
    def empty(self) -> int:
        """Places whose vector was erased."""
        ...

    def near(self, codes: Codes, count: int) -> Numbers:
        """Numbers of about so many vectors whose directions are nearest to that of one of shape (dimensions,)."""
        ...

    def held(self, first: int, count: int) -> tuple[Numbers, Codes]:
        """Numbers and vectors of so many places from one on; an empty place has number 0 and a vector of zeros."""
        ...

    def erase(self, ns: Numbers) -> int:
        """Overwrite vectors, in memory and on disk, before it returns; gives how many were there.

        Where nothing may be written, they are gone from what this process holds alone.

        Raises:
            OSError: the file cannot be written.
        """
        ...

    def close(self) -> None:
        """Let go of it; what is kept on disk stays."""
        ...


class Building(Protocol):
    """An index that is made beside the one in use."""

    def add(self, ns: Numbers, codes: Codes) -> None:
        """Add vectors, of numbers that it does not have."""
        ...

    def finish(self) -> VectorIndex:
        """The index, whole and durable, which is not yet the one that is kept; it can be erased from.

        Raises:
            OSError: it could not be written.
        """
        ...

    def keep(self) -> None:
        """Put the finished index in place of the one that is kept.

        Raises:
            FileNotFoundError: somebody erased meanwhile and took it away; it is to be begun again.
            OSError: it could not be kept. The one before it is still there.
        """
        ...

    def discard(self) -> None:
        """Leave nothing of an index that was not kept; nothing happens to one that was.

        Raises:
            OSError: what was written of it cannot be removed.
        """
        ...


class VectorIndexes(Protocol):
    """Where the index of one space is kept: at most one, whole or not at all.

    A ``stamp`` of 32 bytes stands for the space, the node and the model: an index of another is none.
    """

    @property
    def kept_in(self) -> str:
        """Where, in words."""
        ...

    @property
    def is_usable(self) -> bool:
        """Whether an index can be read and built here; what is kept can be erased from in any case."""
        ...

    @property
    def is_kept(self) -> bool:
        """Whether there is anything that vectors may have to be erased from."""
        ...

    def read(self, stamp: bytes, dimensions: int) -> VectorIndex | None:
        """The index that is kept, None where there is none or it is damaged; then it is thrown away.

        Raises:
            OSError: it is there and cannot be read.
            ImportError: what searches it cannot be loaded.
        """
        ...

    def begin(self, stamp: bytes, dimensions: int, count: int, grown: VectorIndex | None) -> Building:
        """Begin an index of so many more vectors: an empty one, or one that begins with everything of another."""
        ...

    def erase(self, ns: Numbers) -> int:
        """Overwrite vectors in the index that is kept, whoever made it and whether or not it was read.

        What is unfinished or cannot be understood is thrown away, since it may hold them. Gives how many were there.

        Raises:
            OSError: the file cannot be written.
        """
        ...

    def counted(self, ns: Numbers) -> int:
        """How many of these numbers the index that is kept has a vector of.

        Raises:
            OSError: it is there and cannot be read.
        """
        ...

    def drop(self) -> None:
        """Overwrite and throw away whatever is kept.

        Raises:
            OSError: it cannot be removed.
        """
        ...
