"""What stands beside the memories in a space: recalls that were kept, and what questions must bring back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRecall:
    """A recall as it was kept.

    Attributes:
        query: As it was asked, or as the policy let it be kept.
        at_ms: When it was asked, milliseconds since the epoch.
        now_ms: The moment that words like "last week" were meant from.
        seq: The newest event that the answer rests on, in the order in which ``node`` of ``space`` took them in.
        hits: Ids and scores of what was returned, best first.
        model: Fingerprint of the embedding model; None where it was answered by words only.
        engine: The version of Holdfast that answered.
        degraded: Why less than all signals answered, where that was so.
        limit, budget_tokens, where, since_ms, until_ms, thorough, min_confidence: As it was asked.
        altered: The policy did not let the question be kept in the words in which it was asked.
    """

    id: str
    query: str
    at_ms: int
    now_ms: int
    space: str
    node: str
    seq: int
    hits: tuple[tuple[str, float], ...]
    model: str | None
    engine: str
    degraded: str | None
    limit: int
    budget_tokens: int | None
    where: Mapping[str, Any] = field(default_factory=lambda: _NOTHING, hash=False)
    since_ms: int | None = None
    until_ms: int | None = None
    thorough: bool = False
    min_confidence: float = 0.0
    altered: bool = False


@dataclass(frozen=True, slots=True)
class Replay:
    """A kept recall, asked again of the space as it was then.

    Attributes:
        kept: What was kept.
        hits: What is returned today, as in `KeptRecall.hits`.
        differences: What is not as it was, in words; empty where it returns the same.
        causes: What may have made the difference, in words.
    """

    kept: KeptRecall
    hits: tuple[tuple[str, float], ...]
    differences: tuple[str, ...]
    causes: tuple[str, ...]

    @property
    def same(self) -> bool:
        return not self.differences


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What a question must bring back.

    Attributes:
        id: Its own; to remove it with.
        contains: Texts that each stand in one of the hits, whatever the case.
        not_contains: Texts that stand in none.
        memory: Id of a memory that must be among the hits.
        limit: The most hits that are looked at.
        where: The filter that the question is asked under.
    """

    id: str
    query: str
    contains: tuple[str, ...] = ()
    not_contains: tuple[str, ...] = ()
    memory: str | None = None
    limit: int = 10
    where: Mapping[str, Any] = field(default_factory=lambda: _NOTHING, hash=False)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an expectation.

    Attributes:
        problems: What was not as expected, in words; empty where it is met.
        hits: Ids of what was returned, best first.
    """

    expectation: Expectation
    problems: tuple[str, ...]
    hits: tuple[str, ...]

    @property
    def met(self) -> bool:
        return not self.problems
