"""The engine's signals as the engine declares them, and the engine with some of them on or off."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from bench.recall import DEPTH, Asked, System
from holdfast.core import fusion
from holdfast.core.fusion import Weights, rank

BASE = "dense"
"""The signal the others are added to; its weight is the unit of theirs."""


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
    """Shape (candidates, signals), in the order of `engine_signals`."""


def signal_values() -> Callable[[Asked], Candidates]:
    """Return a function that reads every signal of a question's candidates.

    A score is linear in the weights and the candidates do not depend on them, so a ranking by one signal of weight 1
    says what that signal gives. Only ``spread`` looks at the order that the others give: it is read as it is at the
    shipped weights, and held there.
    """
    shipped = weights_of({signal.name: signal.weight for signal in engine_signals()})
    alone = {signal.name: weights_of({signal.name: 1.0}) for signal in engine_signals()}
    spread_weight = next((signal.weight for signal in engine_signals() if signal.name == "spread"), 0.0)

    def read(asked: Asked) -> Candidates:
        columns: list[NDArray[np.float32]] = []
        ns = np.empty(0, np.int64)
        for name, weights in alone.items():
            of_order = name == "spread" and spread_weight
            chosen = shipped if of_order else weights
            ranking = rank(asked.corpus, asked.query, asked.vector, limit=10_000, weights=chosen)
            order = np.argsort(ranking.ns)
            ns = ranking.ns[order]
            values = ranking.scores
            if of_order:
                values = ranking.contributions.get("spread", np.zeros_like(values)) / np.float32(spread_weight)
            columns.append(values[order])
        return Candidates(ns, np.stack(columns, axis=1))

    return read
