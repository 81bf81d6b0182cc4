"""The plain columns of a corpus: one array a field, grown by doubling, rows numbered from 1.

Row 0 stands for "none": it is never alive, has no terms and no vector, and its neighbours are itself,
so that gathers along links need no masks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

INDEXED: Final = 1
BUILDING: Final = 2
_FIRST_CAPACITY: Final = 256
_Integer = TypeVar("_Integer", bound=np.integer[Any])


@dataclass(slots=True)
class Columns:
    """Arrays of one length, the capacity; what lies beyond the corpus's size is zero."""

    n: NDArray[np.int64]
    """Local number of the entry."""
    order: NDArray[np.int64]
    """Sorts inside a session."""
    said_ms: NDArray[np.int64]
    """When it was said, milliseconds since 1970 UTC."""
    session: NDArray[np.int32]
    """Number of the session, 0 for none."""
    author: NDArray[np.int32]
    """Number of the author, 0 for none."""
    before: NDArray[np.int32]
    """Row of the entry before it in its session, 0 for none."""
    after: NDArray[np.int32]
    """Row of the entry after it in its session, 0 for none."""
    total: NDArray[np.int32]
    """Indexed tokens."""
    window: NDArray[np.int32]
    """Indexed tokens of the entry and its two neighbours on each side."""
    words: NDArray[np.int32]
    """Tokens with stop words."""
    kind: NDArray[np.int32]
    """What sort of memory it is, as the caller numbers them."""
    role: NDArray[np.uint8]
    """0 none, 1 user, 2 assistant, 3 system, 4 tool."""
    flags: NDArray[np.uint8]
    """Bits of `traits`."""
    alive: NDArray[np.bool_]
    """False once removed."""
    fresh: NDArray[np.bool_]
    """False while window and pooled vector await the next refresh."""
    indexed: NDArray[np.uint8]
    """`INDEXED` where an index of vectors has its vector as it is, `BUILDING` where one does that is being built."""

    @classmethod
    def empty(cls) -> Columns:
        """Return columns that hold row 0 alone."""

        def wide() -> NDArray[np.int64]:
            return np.zeros(_FIRST_CAPACITY, np.int64)

        def number() -> NDArray[np.int32]:
            return np.zeros(_FIRST_CAPACITY, np.int32)

        def small() -> NDArray[np.uint8]:
            return np.zeros(_FIRST_CAPACITY, np.uint8)

        def yes() -> NDArray[np.bool_]:
            return np.zeros(_FIRST_CAPACITY, np.bool_)

        return cls(
            n=wide(), order=wide(), said_ms=wide(),
            session=number(), author=number(), before=number(), after=number(),
            total=number(), window=number(), words=number(), kind=number(),
            role=small(), flags=small(), alive=yes(), fresh=yes(), indexed=small(),
        )  # fmt: skip

    @property
    def capacity(self) -> int:
        """Rows there is room for."""
        return len(self.n)

    def reserve(self, size: int) -> None:
        """Make room for ``size`` rows."""
        capacity = self.capacity
        if size > capacity:
            # Doubling keeps appends linear; one large load takes just a little more than it needs.
            capacity = max(2 * capacity, size + size // 16)
            for field in fields(self):
                old = getattr(self, field.name)
                new = np.zeros(capacity, old.dtype)
                new[: len(old)] = old
                setattr(self, field.name, new)

    def wipe(self, rows: NDArray[np.int32]) -> None:
        """Overwrite everything that these rows say."""
        for field in fields(self):
            getattr(self, field.name)[rows] = 0

    def keep(self, rows: NDArray[np.int32]) -> None:
        """Keep only these rows, in this order; the first must be 0."""
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name)[rows])


def renumbered(names: dict[str | None, int], column: NDArray[np.int32]) -> tuple[dict[str | None, int], dict[int, int]]:
    """Give the names that a column still has numbers without gaps, in it too; returns them, and new numbers by old."""
    used = np.union1d(column, np.zeros(1, np.int32))
    moved = {int(old): new for new, old in enumerate(used)}
    column[:] = np.searchsorted(used, column).astype(np.int32)
    return {name: moved[number] for name, number in names.items() if number in moved}, moved


def numbered(names: Sequence[str | None], numbers: dict[str | None, int]) -> NDArray[np.int32]:
    """Return the number of each name; new names get the next ones."""
    for name in dict.fromkeys(names):
        if name not in numbers:
            numbers[name] = len(numbers)
    return np.fromiter(map(numbers.__getitem__, names), np.int32, len(names))


def distinct(numbers: NDArray[_Integer]) -> NDArray[_Integer]:
    """Each of these numbers once, in order: `numpy.unique`, which imports all of `numpy.ma` when it is first used."""
    ordered = np.sort(numbers)
    return ordered[np.concatenate((np.ones(min(len(ordered), 1), bool), ordered[1:] != ordered[:-1]))]
