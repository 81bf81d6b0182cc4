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


class Lines:
    """Reads lines from pieces of any size, holding no more than one line of ``most_bytes``.

    Attributes:
        peak_bytes: The most bytes that were held at once, the piece being read included.
    """

    def __init__(self, chunks: Iterable[bytes], most_bytes: int = MOST_BYTES) -> None:
        self._chunks = chunks
        self._most_bytes = most_bytes
        self._parts = list[bytes]()
        self._held = 0
        self._over = False
        self.peak_bytes = 0

    def __iter__(self) -> Iterator[Line]:
        number = 0
        for chunk in self._chunks:
            self.peak_bytes = max(self.peak_bytes, self._held + len(chunk))
            first, *rest = chunk.split(b"\n")
            self._hold(first)
            if not rest:
                continue
            number += 1
            yield Line(number, self._released())
            for data in rest[:-1]:
                number += 1
                yield Line(number, data if len(data) <= self._most_bytes else None)
            self._hold(rest[-1])
        if self._held or self._over:
            yield Line(number + 1, self._released(), ended=False)

    def _hold(self, part: bytes) -> None:
        self._held += len(part)
        if self._over or self._held > self._most_bytes:
            self._over, self._held = True, 0
            self._parts.clear()
        elif part:
            self._parts.append(part)

    def _released(self) -> bytes | None:
        data = None if self._over else b"".join(self._parts)
        self._parts.clear()
        self._held, self._over = 0, False
        return data
