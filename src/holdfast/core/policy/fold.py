"""Text as detectors read it: what looks alike is alike, and what cannot be seen is left out.

A digit of any script becomes an ASCII digit, a full-width or mathematical letter the plain one (Unicode
Standard Annex 15, NFKC, where it gives one ASCII character), every dash a hyphen, every space a space.
Characters that show nothing, such as a zero-width space inside a key, are left out. Letters of other
scripts that look like Latin ones (Unicode Technical Standard 39) are not folded.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

_UNSEEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0")
"""Default-ignorable characters (DerivedCoreProperties.txt) that are not of category Cf."""
_QUOTES = {"\u2018": "'", "\u2019": "'", "\u201a": "'", "\u201c": '"', "\u201d": '"', "\u201e": '"', "\u2212": "-"}


@dataclass(frozen=True, slots=True)
class Folded:
    """Folded text and the way back.

    Attributes:
        text: What detectors read.
        places: For each of its characters the place in the original; None where they are the same.
    """

    text: str
    places: Sequence[int] | None

    def original(self, start: int, end: int) -> tuple[int, int]:
        """The span of the original that a span of the folded text (not empty) stands for."""
        if self.places is None:
            return start, end
        return self.places[start], self.places[end - 1] + 1


def fold(text: str) -> Folded:
    """Fold a text; ASCII text is its own folding."""
    if text.isascii():
        return Folded(text, None)
    table = {ord(char): _folded(char) for char in set(text) if not char.isascii()}
    folded = text.translate(table)
    if len(folded) == len(text):
        return Folded(folded, None)
    unseen = {char for char in set(text) if table.get(ord(char)) == ""}
    return Folded(folded, [place for place, char in enumerate(text) if char not in unseen])


def _folded(char: str) -> str:
    """One character, or nothing for one that shows nothing."""
    category = unicodedata.category(char)
    if category == "Cf" or char in _UNSEEN or "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef":
        return ""
    if category == "Nd":
        return str(unicodedata.decimal(char))
    if category == "Pd":
        return "-"
    if category == "Zs":
        return " "
    if char in _QUOTES:
        return _QUOTES[char]
    plain = unicodedata.normalize("NFKC", char)
    return plain if len(plain) == 1 and plain.isascii() else char
