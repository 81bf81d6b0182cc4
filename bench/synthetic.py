"""Conversations made of common and rare words, the same on every machine."""

from __future__ import annotations

import random
from collections.abc import Iterator

from holdfast.model.reports import Turn

_COMMON = (
    "i you the to a and it is that of in we my was for on so have just with me be at this do what not your they but "
    "really are had about can get did know like good time how new all some been from out when up day been see going"
).split()  # noqa: SIM905
_SYLLABLES = ("ba ce di fo gu ha je ki lo mu na pe qui ro su ta ve wi xo yu za bre cla dri flo gre pla sto tri").split()  # noqa: SIM905
_RARE = 12_000
_AUTHORS = ("Ada", "Ben", "Caroline", "Dimitri")
TURNS_A_SESSION = 25
START_MS = 1_640_995_200_000
"""2022-01-01."""


class Wording:
    """Draws words as people do: a few very often, most hardly ever (Zipf)."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        words = random.Random(0)
        rare = {"".join(words.choices(_SYLLABLES, k=words.randint(2, 4))): None for _ in range(_RARE)}
        self._words = [*dict.fromkeys(_COMMON), *rare]
        self._cumulative: list[float] = []
        total = 0.0
        for rank in range(1, len(self._words) + 1):
            total += 1 / (rank + 2.7)
            self._cumulative.append(total)

    def sentence(self, shortest: int, longest: int) -> str:
        """Some words in a row."""
        count = self._random.randint(shortest, longest)
        return " ".join(self._random.choices(self._words, cum_weights=self._cumulative, k=count))

    def question(self) -> str:
        """A question about a few words, as often as not by a named author."""
        who = self._random.choice((*_AUTHORS, "she", "he", "they", "we"))
        return f"when did {who} say {self.sentence(3, 8)}?"


def sessions(count: int, seed: int = 0) -> Iterator[tuple[str, list[Turn]]]:
    """Yield named sessions with ``count`` turns in all, an hour and more apart."""
    wording, moment = Wording(seed), START_MS
    for number in range(0, count, TURNS_A_SESSION):
        pair = (_AUTHORS[number // TURNS_A_SESSION % 2 * 2], _AUTHORS[number // TURNS_A_SESSION % 2 * 2 + 1])
        turns = [
            Turn(speaker=pair[place % 2], text=wording.sentence(6, 36), when_ms=moment + place * 30_000)
            for place in range(min(TURNS_A_SESSION, count - number))
        ]
        moment += 3_600_000
        yield f"session {number // TURNS_A_SESSION}", turns


def questions(count: int, seed: int = 1) -> list[str]:
    """That many different questions."""
    wording = Wording(seed)
    return [wording.question() for _ in range(count)]
