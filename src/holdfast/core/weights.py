"""How much each signal of a recall counts, and what each of them gives: the only numbers that were learned."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final


@dataclass(frozen=True, slots=True)
class Signal:
    """A row of `SIGNALS`: what one signal gives before its weight."""

    name: str
    """Its field of `Weights`."""
    part: str
    """The contribution of a `Ranking` that it is counted in."""
    low: str
    high: str
    gives: str


SIGNALS: Final = (
    Signal(
        "dense", "dense", "about -3", "about 5", "cosine of the question with the entry in its context, standardised"
    ),
    Signal("words", "words", "about -1", "about 8", "BM25 of the entry, standardised"),
    Signal("context", "context", "about -1", "about 8", "BM25 of the entry's surroundings, standardised"),
    Signal("author", "who", "0", "1", "said by the one author the question names, or by nobody in particular"),
    Signal("role", "who", "-0.4", "1", "said by whom the question is about: a person, or the assistant"),
    Signal("date", "date", "0", "1", "nearness to a time the question names"),
    Signal("time", "time", "0", "1", "tells a time where one is asked for"),
    Signal("personal", "personal", "0", "1", "speaks of its speaker, or is said by nobody in particular"),
    Signal("instructs", "instructs", "0", "1", "a standing instruction, where it bears on the answer"),
    Signal("prefers", "prefers", "0", "1", "a taste or an aim, where advice is asked for"),
    Signal("reply", "reply", "0", "4", "answers a question that matches this one"),
    Signal("things", "things", "0", "1", "share of what the question speaks of by name"),
    Signal("late", "late", "about -4", "about 6", "how its tokens answer those of the question, standardised"),
    Signal("topic", "topic", "about -3", "about 5", "cosine with the words of the question alone, standardised"),
    Signal("spread", "spread", "minus hits of the session", "0", "minus the better hits of its session, to tell more"),
    Signal("recent", "recent", "as far as scores lie apart", "likewise", "newer than others that say nearly the same"),
)
"""Every signal of `rank`, in one table; a test holds it against `Weights`. The last two look at the order that the
others give; ``late`` and ``topic`` are there after a closer look alone."""


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each signal counts: one unit is a standard deviation of the pooled cosine over the candidates, by 1.25.

    The defaults are what ``python -m bench.fit`` finds on LoCoMo, BEAM and LongMemEval together, rounded. Not learned:
    ``dense`` (it sets the unit), ``spread``, ``recent`` and how lengths are normalised.
    """

    dense: float = 1.25
    words: float = 0.2
    context: float = 1.05
    """Of the neighbourhood in a space of short entries, of the entry itself in one of long ones: see `rank`."""
    author: float = 4.6
    role: float = 3.4
    date: float = 4.7
    time: float = 2.6
    personal: float = 1.05
    instructs: float = 4.1
    prefers: float = 0.5
    reply: float = 0.28
    things: float = 1.1
    late: float = 0.0
    topic: float = 0.0
    spread: float = 0.2
    recent: float = 1.0
    words_b: float = 1.0
    """Length normalisation of the entry's BM25, 0 (none) to 1 (full)."""
    context_b: float = 1.0
    """Likewise of the entry with its neighbours."""


THOROUGH: Final = Weights(
    words=0.0,
    context=1.2,
    author=4.7,
    role=3.7,
    date=5.4,
    time=2.8,
    personal=1.0,
    instructs=4.8,
    prefers=0.6,
    reply=0.36,
    things=1.2,
    late=0.7,
    topic=-0.3,
)
"""After a closer look, found likewise with ``late`` and ``topic``: an entry's tokens say what its words said, and what
is merely about the same thing steps back a little."""


def applied(weights: Weights, long_share: float) -> Weights:
    """Return the weights that a space is ranked by.

    The longer entries are, the less a neighbour adds to what an entry says itself: its weight passes to the entry.

    Args:
        long_share: share of the space's entries that are long, 0 to 1.
    """
    passed = long_share * weights.context
    return replace(weights, words=weights.words + passed, context=weights.context - passed)
