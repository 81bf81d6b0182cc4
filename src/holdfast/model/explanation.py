"""Why a recall returned what it did, and not another memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from holdfast.model.recollection import Hit


@dataclass(frozen=True, slots=True)
class SignalShare:
    """What one signal gave to one score.

    Attributes:
        name: Its name among the signals of the hit.
        value: What it gave, its weight counted in; the values of a hit sum to its score.
        weights: The weights behind it, by the name of each signal that is counted in it; empty where it has none.
        place: Among all candidates by this signal alone, 1 for the best; equal ones share a place.
        gives: What it measures, in words.
    """

    name: str
    value: float
    weights: Mapping[str, float] = field(hash=False)
    place: int
    gives: str


@dataclass(frozen=True, slots=True)
class ExplainedHit:
    """One hit with every signal, the one that gave most first.

    Attributes:
        place: In the answer, 1 for the best.
    """

    hit: Hit
    place: int
    signals: tuple[SignalShare, ...]

    def __str__(self) -> str:
        told = "; ".join(
            f"{share.name} {share.value:+.2f} (place {share.place}: {share.gives})" for share in self.signals
        )
        return f"{self.place}. {self.hit.id}, score {self.hit.score:.2f}: {', '.join(self.hit.reasons)}. {told}"


@dataclass(frozen=True, slots=True)
class WhyNot:
    """Whether, and why, a memory was not returned.

    Attributes:
        id: The memory.
        reason: returned, unknown, forgotten, superseded, quarantined, expired, aside (a kind that is never recalled),
            filter, time, candidates (no signal put it up), confidence (the answer was not sure enough), cut (its score
            was too low), budget, or packing (it was left out when the answer was put together).
        words: The same as a sentence.
        failing: The parts of the filter that it does not meet, as text.
        place: Its place among all candidates, where it is one.
        score: Its score, where it is a candidate.
        needed: The score it would have needed, where that is known.
        places: Its place by each signal that searches, where no signal put it up.
        signals: What each signal gave to it, where it is a candidate.
    """

    id: str
    reason: str
    words: str
    failing: tuple[str, ...] = ()
    place: int | None = None
    score: float | None = None
    needed: float | None = None
    places: Mapping[str, int] = field(default_factory=dict[str, int], hash=False)
    signals: tuple[SignalShare, ...] = ()

    def __str__(self) -> str:
        return self.words


@dataclass(frozen=True, slots=True)
class Explanation:
    """A recall, explained.

    Attributes:
        query: What was asked.
        hits: What was returned, best first.
        candidates: Memories that were scored, `limits.LIMIT_HITS` at most.
        why_not: What became of the memory that was asked about; None where none was.
        confidence: As a `Recollection` has it.
        withheld: Why nothing was returned although there were candidates, in words; None where that is not so.
    """

    query: str
    hits: tuple[ExplainedHit, ...]
    candidates: int
    why_not: WhyNot | None
    confidence: float = 0.0
    withheld: str | None = None

    def __str__(self) -> str:
        lines = [f"{len(self.hits)} of {self.candidates} candidates were returned.", *map(str, self.hits)]
        if self.withheld:
            lines.insert(1, self.withheld)
        return "\n".join([*lines, *([str(self.why_not)] if self.why_not else [])])
