"""The port through which a program watches its memory: counts, values, states and spans.

What is measured is a closed table, `MEASURES`. Labels are words of this library alone: no text, name or id that a
caller gave ever becomes one.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final, Protocol

from holdfast import errors

Labels = Mapping[str, str]

OK: Final = "ok"
OTHER: Final = "other"
"""An outcome, or a reason, that has no word of its own."""


class Sort(Enum):
    """What a measure is."""

    COUNT = "count"
    """Only grows."""
    VALUE = "value"
    """One number for each call, of which the distribution matters."""
    STATE = "state"
    """How something stands now."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One thing that is measured.

    Attributes:
        unit: As UCUM writes it: ``s``, ``By``, ``1`` for shares, or ``{memory}`` for what is counted.
        told: What it is, in words.
        labels: Names of its labels.
        bounds: Upper bounds of the buckets of a value.
    """

    name: str
    sort: Sort
    unit: str
    told: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()


_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_TENTHS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_SCORES = (-2.0, -1.0, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0)
_FEW = (0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 1000.0)
_TOKENS = (0.0, 100.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0, 32000.0)

VERB = Measure(
    "holdfast.verb.duration", Sort.VALUE, "s", "How long a call took, from the caller's side.", ("verb", "outcome"),
    _SECONDS,
)  # fmt: skip
COMMIT = Measure(
    "holdfast.commit.duration", Sort.VALUE, "s", "How long a write waited for its turn and until it was durable.",
    ("outcome",), _SECONDS,
)  # fmt: skip
EVENTS = Measure("holdfast.events", Sort.COUNT, "{event}", "Events that were written to the journal.", ("type",))
EMBEDDING = Measure(
    "holdfast.embedding.duration", Sort.VALUE, "s", "How long the model took for one call.", ("of", "outcome"), _SECONDS
)
EMBEDDED = Measure("holdfast.embedding.texts", Sort.COUNT, "{text}", "Texts that the model was given.", ("of",))
HITS = Measure("holdfast.recall.hits", Sort.VALUE, "{memory}", "Memories that a recall returned.", (), _FEW)
CONFIDENCE = Measure(
    "holdfast.recall.confidence", Sort.VALUE, "1", "How sure a recall is that the evidence is there.", (), _TENTHS
)
TOP_SCORE = Measure(
    "holdfast.recall.top_score", Sort.VALUE, "1", "Score of the best memory that a recall returned.", (), _SCORES
)
TOKENS = Measure("holdfast.recall.tokens", Sort.VALUE, "{token}", "Tokens of the text of a recall.", (), _TOKENS)
DEGRADED = Measure(
    "holdfast.recall.degraded", Sort.COUNT, "{recall}", "Recalls answered with less than all signals.", ("reason",)
)
MEMORIES = Measure("holdfast.memories", Sort.STATE, "{memory}", "Live memories of the spaces that are open.")
BACKLOG = Measure("holdfast.backlog", Sort.STATE, "{memory}", "Memories without a vector, of the spaces that are open.")
SIZE = Measure("holdfast.size", Sort.STATE, "By", "Bytes on disk of the spaces that are open.")
SPACES = Measure("holdfast.spaces", Sort.STATE, "{space}", "Spaces that are open.")

MEASURES: Final[Mapping[str, Measure]] = MappingProxyType(
    {
        measure.name: measure
        for measure in (
            VERB, COMMIT, EVENTS, EMBEDDING, EMBEDDED, HITS, CONFIDENCE, TOP_SCORE, TOKENS, DEGRADED, MEMORIES, BACKLOG,
            SIZE, SPACES,
        )
    }
)  # fmt: skip
"""Everything that is measured, by name."""


class Metrics(Protocol):
    """Takes what is measured. Called from several threads, also those of this library; must not wait.

    Every name is one of `MEASURES`, and the labels are those it declares. What it raises never reaches a caller of the
    memory: the first time it is told as a `RuntimeWarning`, and from then on nothing is given to it any more.

    States are sums over the spaces that are open with the same `Metrics`. Where several show them in one place, an
    attribute ``shared`` says which: spaces with the same object there are summed up together.
    """

    def count(self, name: str, by: int, labels: Labels) -> None:
        """So many more, 1 or more, of a `Sort.COUNT`."""
        ...

    def observe(self, name: str, value: float, labels: Labels) -> None:
        """One value of a `Sort.VALUE`."""
        ...

    def state(self, name: str, value: float, labels: Labels) -> None:
        """How a `Sort.STATE` stands now; takes the place of what was told before under the same labels."""
        ...

    def span(self, name: str, labels: Labels) -> AbstractContextManager[object]:
        """Something to be entered around a call, such as a span of a trace; ``nullcontext()`` where none is kept.

        Its name is ``holdfast.`` and the verb. An exception of the call is given to its ``__exit__``, whose answer is
        ignored; what the exception says may hold words of a user, so only `outcome_of` it is to be kept.
        """
        ...


def outcome_of(error: BaseException | None) -> str:
    """An outcome as a label: ``ok``, the name of one of Holdfast's own errors, or ``other``."""
    if error is None:
        return OK
    name = type(error).__name__
    return name if getattr(errors, name, None) is type(error) else OTHER
