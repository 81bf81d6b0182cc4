"""Conversations made of common and rare English words, the same on every machine with the same model."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from functools import cache
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from holdfast.model.reports import Turn

_SYLLABLES = ("ba ce di fo gu ha je ki lo mu na pe qui ro su ta ve wi xo yu za bre cla dri flo gre pla sto tri").split()  # noqa: SIM905
_AUTHORS = ("Ada", "Ben", "Caroline", "Dimitri")
_WORDS = 14_000
TURNS_A_SESSION = 25
START_MS = 1_640_995_200_000
"""2022-01-01."""


@cache
def words() -> tuple[str, ...]:
    """Words, the most usual first: the tokenizer's whole English ones where it is installed, else invented ones.

    An English word is a token or two, as in what people write; an invented one is several, which makes
    embedding slower than it is.
    """
    try:
        from holdfast_minilm import files

        vocabulary: dict[str, int] = json.loads(files()[1].read_text("utf-8"))["model"]["vocab"]
        usual = [word for word in vocabulary if word.isascii() and word.isalpha() and len(word) > 1]
        return tuple(sorted(usual, key=vocabulary.__getitem__)[:_WORDS])
    except (ImportError, FileNotFoundError, KeyError):
        chance = random.Random(0)
        made = ("".join(chance.choices(_SYLLABLES, k=chance.randint(1, 4))) for _ in range(2 * _WORDS))
        return tuple(dict.fromkeys(made))[:_WORDS]


class Wording:
    """Draws words as people do: a few very often, most hardly ever (Zipf)."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._cumulative = list(accumulate(1 / (rank + 2.7) for rank in range(1, len(words()) + 1)))

    def sentence(self, shortest: int, longest: int) -> str:
        """Some words in a row."""
        count = self._random.randint(shortest, longest)
        return " ".join(self._random.choices(words(), cum_weights=self._cumulative, k=count))

    def question(self) -> str:
        """A question about a few words, as often as not by a named author."""
        who = self._random.choice((*_AUTHORS, "she", "he", "they", "we"))
        return f"when did {who} say {self.sentence(3, 8)}?"


def sessions(count: int, seed: int = 0, length: int = TURNS_A_SESSION) -> Iterator[tuple[str, list[Turn]]]:
    """Yield named sessions of ``length`` turns, ``count`` in all, an hour and more apart."""
    wording, moment = Wording(seed), START_MS
    for number in range(0, count, length):
        pair = _AUTHORS[:2] if number // length % 2 else _AUTHORS[2:]
        turns = [
            Turn(speaker=pair[place % 2], text=wording.sentence(6, 36), when_ms=moment + place * 30_000)
            for place in range(min(length, count - number))
        ]
        moment += max(3_600_000, length * 40_000)
        yield f"session {number // length}", turns


class Meanings:
    """Draws unit vectors that lie as a model's do: in 200 directions of falling weight, by session.

    Among 7,500 of them the tenth nearest is at .95 and the intrinsic dimension 13 (of what MiniLM gives for LoCoMo: .92
    and 14). Vectors of one length in no order would be the worst case of any index and nobody's data.
    """

    def __init__(self, seed: int, dimensions: int) -> None:
        chance = np.random.default_rng(seed)
        count = min(200, dimensions)
        self._basis = np.linalg.qr(chance.standard_normal((dimensions, count)))[0].T.astype(np.float32)
        self._weights = (np.arange(1, count + 1) ** -0.5).astype(np.float32)
        self._chance = chance

    def of_session(self, count: int) -> NDArray[np.float32]:
        """That many vectors of one session, shape (count, dimensions)."""
        made = self._drawn(1) + self._drawn(count)
        made += 0.01 * self._chance.standard_normal(made.shape, np.float32)
        return _unit(made)

    def near(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """One about as near to each of some vectors as a question is to what answers it."""
        own = self._drawn(len(vectors))
        return _unit(vectors + 0.5 * own / np.linalg.norm(own, axis=1, keepdims=True))

    def _drawn(self, count: int) -> NDArray[np.float32]:
        return (self._chance.standard_normal((count, len(self._weights)), np.float32) * self._weights) @ self._basis


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def questions(count: int, seed: int = 1) -> list[str]:
    """That many different questions."""
    wording = Wording(seed)
    return [wording.question() for _ in range(count)]
