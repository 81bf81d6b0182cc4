"""Measurements kept in memory, to be looked at in tests."""

from __future__ import annotations

import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from holdfast.ports.metrics import MEASURES, Labels, Sort, outcome_of

Key = tuple[str, frozenset[tuple[str, str]]]


@dataclass
class RecordedMetrics:
    """A `holdfast.ports.metrics.Metrics` that keeps everything it is told, and refuses what is not in the table.

    Attributes:
        counts, states: By name and labels.
        values: Every value in order, by name and labels.
        spans: Name, labels and outcome of each span that ended, in order.
    """

    counts: dict[Key, int] = field(default_factory=dict[Key, int])
    values: dict[Key, list[float]] = field(default_factory=dict[Key, list[float]])
    states: dict[Key, float] = field(default_factory=dict[Key, float])
    spans: list[tuple[str, Mapping[str, str], str]] = field(default_factory=list[tuple[str, Mapping[str, str], str]])
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def count(self, name: str, by: int, labels: Labels) -> None:
        key = self._key(name, Sort.COUNT, labels)
        with self._lock:
            self.counts[key] = self.counts.get(key, 0) + by

    def observe(self, name: str, value: float, labels: Labels) -> None:
        key = self._key(name, Sort.VALUE, labels)
        with self._lock:
            self.values.setdefault(key, []).append(value)

    def state(self, name: str, value: float, labels: Labels) -> None:
        key = self._key(name, Sort.STATE, labels)
        with self._lock:
            self.states[key] = value

    @contextmanager
    def span(self, name: str, labels: Labels) -> Generator[None]:
        ended: BaseException | None = None
        try:
            yield
        except BaseException as error:
            ended = error
            raise
        finally:
            with self._lock:
                self.spans.append((name, dict(labels), outcome_of(ended)))

    def total(self, name: str, **labels: str) -> float:
        """The sum of a count or a state over all labels that include these."""
        kept = self.counts if MEASURES[name].sort is Sort.COUNT else self.states
        with self._lock:
            return sum(
                value for key, value in kept.items() if key[0] == name and labels.items() <= dict(key[1]).items()
            )

    def observed(self, name: str, **labels: str) -> list[float]:
        """The values of all labels that include these."""
        with self._lock:
            return [
                value
                for key, values in self.values.items()
                if key[0] == name and labels.items() <= dict(key[1]).items()
                for value in values
            ]

    def labels(self) -> set[str]:
        """Every value that any label ever had, those of spans too."""
        with self._lock:
            keys = [*self.counts, *self.values, *self.states]
            return {value for _, pairs in keys for _, value in pairs} | {
                value for _, labels, outcome in self.spans for value in (*labels.values(), outcome)
            }

    def _key(self, name: str, sort: Sort, labels: Labels) -> Key:
        measure = MEASURES[name]
        if measure.sort is not sort or set(labels) != set(measure.labels):
            raise ValueError(f"{name} is a {measure.sort.value} with the labels {measure.labels}, not {dict(labels)}")
        return name, frozenset(labels.items())
