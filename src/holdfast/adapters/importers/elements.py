"""The objects of a JSON file, one at a time: those of its outermost list, or a sequence of them.

Only brackets and strings are looked at, so that the end of an object is found without reading it:
an object that is broken, or too large, is passed over and the next one is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from holdfast.adapters.importers.lines import MOST_BYTES, Held

# A string without escapes in one step; a lone quote begins one that has them or goes on in the next piece.
_TOKEN = re.compile(rb'"(?:[^"\\]*+")?+|[\[\]{}]')
_BETWEEN = b" \t\r\n,"
_QUOTE, _BACKSLASH, _LIST, _OBJECT = b'"\\[{'


class Element(NamedTuple):
    """One object of the file, or what stands in its place.

    Attributes:
        number: From 1, in the order of the file.
        data: Its bytes; None where it cannot be had, and then ``problem`` says why.
    """

    number: int
    data: bytes | None
    problem: str = ""


class Elements:
    """Reads the objects of a JSON file from pieces of any size, holding one of at most ``most_bytes``."""

    def __init__(self, chunks: Iterable[bytes], most_bytes: int = MOST_BYTES) -> None:
        self._chunks = chunks
        self._held = Held(most_bytes)
        self._number = 0
        self._depth = 0
        self._base = 0  # 1 inside the outermost list
        self._stray = False
        self._in_string = False
        self._odd = False  # an odd number of backslashes stands at the end of the piece

    @property
    def peak_bytes(self) -> int:
        """The most bytes that were held at once, the piece being read included."""
        return self._held.peak_bytes

    def __iter__(self) -> Iterator[Element]:
        for chunk in self._chunks:
            self._held.beside(chunk)
            yield from self._scan(chunk)
        if self._depth > self._base:
            yield self._next(None, "the file ends in the middle of it")
            return
        if self._stray:
            yield self._next(None, "there is something that is no JSON object")
        if self._base:
            yield self._next(None, "the file ends before its list does")

    def _scan(self, chunk: bytes) -> Iterator[Element]:
        position, mark = 0, 0  # mark: from where bytes of the element, or of the gap, are not held yet
        while position < len(chunk):
            if self._in_string:
                position, self._odd = _string_end(chunk, position, self._odd)
                if position < 0:
                    break
                self._in_string = False
            for match in _TOKEN.finditer(chunk, position):
                position = match.end()
                byte = chunk[match.start()]
                if byte == _QUOTE:
                    if match.end() - match.start() == 1:
                        self._in_string = True
                        break
                elif byte in (_LIST, _OBJECT):
                    if self._depth == self._base:
                        self._gap(chunk[mark : match.start()])
                        mark = match.start()
                        if byte == _LIST and not self._depth:
                            self._base, mark = 1, match.end()
                        elif self._stray:
                            self._stray = False
                            yield self._next(None, "there is something that is no JSON object")
                    self._depth += 1
                else:
                    self._depth -= 1
                    if self._depth == self._base:
                        self._held.add(chunk[mark : match.end()])
                        mark = match.end()
                        yield self._released()
                    elif self._depth < self._base:
                        self._gap(chunk[mark : match.start()])
                        self._depth, self._base, mark = 0, 0, match.end()
            else:
                break
        if self._depth > self._base:
            self._held.add(chunk[mark:])
        else:
            self._gap(chunk[mark:])

    def _gap(self, between: bytes) -> None:
        if not self._stray and between.strip(_BETWEEN):
            self._stray = True

    def _released(self) -> Element:
        data = self._held.take()
        return self._next(data, "" if data is not None else f"it has more than {self._held.most_bytes >> 20} MB")

    def _next(self, data: bytes | None, problem: str) -> Element:
        self._number += 1
        return Element(self._number, data, problem)


def _string_end(chunk: bytes, position: int, odd: bool) -> tuple[int, bool]:
    """Where the string that goes on at a position ends, or -1 and whether its last byte escapes the next."""
    start = position
    while True:
        quote = chunk.find(b'"', position)
        stop = len(chunk) if quote < 0 else quote
        run = stop
        while run > start and chunk[run - 1] == _BACKSLASH:
            run -= 1
        escaped = (stop - run) % 2 == 1
        if run == start and odd:
            escaped = not escaped
        if quote < 0:
            return -1, escaped
        if not escaped:
            return quote + 1, False
        position = quote + 1
