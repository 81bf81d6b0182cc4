"""The lines of a file, one at a time, however long the longest of them is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

MOST_BYTES = 32 << 20
"""A longer line, or a longer element of a list, is passed over."""


class Line(NamedTuple):
    """One line.

    Attributes:
        data: Its bytes without the line feed; None where there are too many.
        ended: False for the last line where no line feed follows it: it may be cut off.
    """

    number: int
    data: bytes | None
    ended: bool = True


class Held:
    """The parts of one thing that is spread over pieces of a file, as long as they are no more than ``most_bytes``.

    Attributes:
        peak_bytes: The most bytes that were held at once, the piece being read included.
    """

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.peak_bytes = 0
        self._parts = list[bytes]()
        self._size = 0
        self._over = False

    def __bool__(self) -> bool:
        """Whether there is something, held or passed over."""
        return self._over or self._size > 0

    def beside(self, chunk: bytes) -> None:
        """Count a piece that is looked at while this is held."""
        self.peak_bytes = max(self.peak_bytes, self._size + len(chunk))

    def add(self, part: bytes) -> None:
        """Hold a part more; from the moment it is too much, nothing of it."""
        self._size += len(part)
        if self._over or self._size > self.most_bytes:
            self._over, self._size = True, 0
            self._parts.clear()
        elif part:
            self._parts.append(part)

    def take(self) -> bytes | None:
        """The whole, and begin anew; None where it was too much."""
        data = None if self._over else b"".join(self._parts)
        self._parts.clear()
        self._size, self._over = 0, False
        return data


class Lines:
    """Reads lines from pieces of any size, holding no more than one line of ``most_bytes``."""

    def __init__(self, chunks: Iterable[bytes], most_bytes: int = MOST_BYTES) -> None:
        self._chunks = chunks
        self._held = Held(most_bytes)

    @property
    def peak_bytes(self) -> int:
        """The most bytes that were held at once, the piece being read included."""
        return self._held.peak_bytes

    def __iter__(self) -> Iterator[Line]:
        number = 0
        for chunk in self._chunks:
            self._held.beside(chunk)
            first, *rest = chunk.split(b"\n")
            self._held.add(first)
            if not rest:
                continue
            number += 1
            yield Line(number, self._held.take())
            for data in rest[:-1]:
                number += 1
                yield Line(number, data if len(data) <= self._held.most_bytes else None)
            self._held.add(rest[-1])
        if self._held:
            yield Line(number + 1, self._held.take(), ended=False)
