"""The engine's signals as the engine declares them, and the engine with some of them on or off."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from bench.recall import DEPTH, Asked, System
from holdfast.core import fusion
from holdfast.core.fusion import Weights, rank
from holdfast.core.late import LateQuery

BASE = "dense"
"""The signal the others are added to; its weight is the unit of theirs."""
SECOND = ("spread", "recent")
"""Signals that look at the order that the others give: not learned, by their nature or for want of questions."""
CLOSER = ("late", "topic")
"""Signals that are there after a closer look alone."""


@dataclass(frozen=True, slots=True)
class Signal:
    """One signal of the engine."""

    name: str
    """Field of `Weights`."""
    weight: float
    """As it is shipped."""
    low: str
    """Least value before weighting, in words where it has none."""
    high: str
    gives: str
    """What it says of an entry, in words."""


def engine_signals() -> tuple[Signal, ...]:
    """Return the engine's signals in its own order, `BASE` first.

    They are read from ``fusion.SIGNALS`` where the engine declares it, otherwise they are the weights there are.
    """
    declared: Iterable[object] | None = getattr(fusion, "SIGNALS", None)
    shipped = Weights()
    if declared is not None:
        rows = [one for one in declared if hasattr(shipped, str(getattr(one, "name", "")))]
        found = [
            Signal(
                one.name, getattr(shipped, one.name), *(str(getattr(one, key, "")) for key in ("low", "high", "gives"))
            )
            for one in rows
        ]
    else:
        names = [field.name for field in fields(Weights) if not field.name.endswith("_b")]
        found = [Signal(name, getattr(shipped, name), "", "", "") for name in names]
    return tuple(sorted(found, key=lambda one: one.name != BASE))


def weights_of(values: dict[str, float]) -> Weights:
    """Return weights with these values, every other signal off."""
    off = {signal.name: 0.0 for signal in engine_signals()}
    return replace(Weights(), **{**off, **values})


def weighted(weights: Weights) -> System:
    """Return the engine with these weights."""
    return lambda asked: rank(asked.corpus, asked.query, asked.vector, limit=DEPTH, weights=weights).ns


def ablations() -> dict[str, System]:
    """Return the engine's `BASE` alone, with each other signal added to it, and whole with each signal removed."""
    signals = engine_signals()
    base = next(signal.weight for signal in signals if signal.name == BASE)
    found: dict[str, System] = {f"{BASE} alone": weighted(weights_of({BASE: base}))}
    for signal in signals[1:]:
        found[f"+ {signal.name}"] = weighted(weights_of({BASE: base, signal.name: signal.weight}))
    for signal in signals:
        found[f"- {signal.name}"] = weighted(replace(Weights(), **{signal.name: 0.0}))
    return found


@dataclass(frozen=True, slots=True)
class Candidates:
    """What each signal gives to each candidate of one question, before weighting."""

    ns: NDArray[np.int64]
    values: NDArray[np.float32]
    """Shape (candidates, signals), in the order of the names."""


_TWICE: dict[str, tuple[str, ...]] = {"context": ("words", "context"), "role": ("who",)}
"""Signals that share a part of a `Ranking` with another, and the parts they are told in when these are off."""
_ONCE: dict[str, tuple[str, ...]] = {"dense": ("dense", "expected"), "author": ("who",)}


def signal_values(names: Sequence[str]) -> Callable[[Asked, LateQuery | None], Candidates]:
    """Return a function that reads some signals of a question's candidates.

    A score is linear in the weights and the candidates do not depend on them, so what a signal of weight 1 gives is
    told by the parts of a ranking; of two that are told together, one is read from a second ranking. Those of
    `SECOND` look at the order that the others give, and cannot be read alone.
    """
    first = weights_of({name: 1.0 for name in names if name not in _TWICE})
    second = weights_of({name: 1.0 for name in names if name in _TWICE})

    def read(asked: Asked, look: LateQuery | None = None) -> Candidates:
        told: dict[str, NDArray[np.float32]] = {}
        ns = np.empty(0, np.int64)
        for weights, parts_of in ((first, _ONCE), (second, _TWICE)):
            closer = look if parts_of is _ONCE else None
            ranking = rank(asked.corpus, asked.query, asked.vector, limit=10_000, weights=weights, look=closer)
            order = np.argsort(ranking.ns)
            ns = ranking.ns[order]
            nothing = np.zeros(len(ns), np.float32)
            for name in names:
                if (name in _TWICE) == (parts_of is _TWICE):
                    parts = (ranking.contributions.get(part, nothing) for part in parts_of.get(name, (name,)))
                    told[name] = sum(parts, nothing)[order]
        return Candidates(ns, np.stack([told[name] for name in names], axis=1))

    return read
