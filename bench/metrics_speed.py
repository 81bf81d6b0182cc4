"""What measuring costs a recall and a write: ``python -m bench.metrics_speed [--memories N] [--rounds N]``.

The same calls with no metrics, twice over (the difference of the two is the noise), with metrics kept in memory, with
Prometheus and with OpenTelemetry, in one process, in random order. Ends with 1 where a kind costs more than its bound.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count, cycle, islice
from pathlib import Path
from statistics import median

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from prometheus_client import CollectorRegistry

from bench.figures import store_random_vectors
from bench.synthetic import questions, sessions
from holdfast import OpenTelemetryMetrics, PrometheusMetrics
from holdfast.memory import Memory
from holdfast.ports.metrics import Metrics
from holdfast.testing.embedders import HashEmbedder
from holdfast.testing.metrics import RecordedMetrics

DIMENSIONS = 384
SEED = 7
"""Of the order in which kinds come."""
WARM = 20
"""Recalls of each kind before any is timed."""
KINDS: dict[str, Callable[[], Metrics | None]] = {
    "none": lambda: None,
    "none again": lambda: None,
    "in memory": RecordedMetrics,
    "Prometheus": lambda: PrometheusMetrics(CollectorRegistry()),
    "OpenTelemetry": lambda: OpenTelemetryMetrics(MeterProvider([InMemoryMetricReader()]), TracerProvider()),
}
MOST_RATIO = {"none again": 1.05, "in memory": 1.15, "Prometheus": 1.25, "OpenTelemetry": 1.35}


@contextmanager
def opened(folder: Path, memories: int) -> Iterator[dict[str, Memory]]:
    """A space of that many memories, opened with each kind of metrics."""
    embedder = HashEmbedder(DIMENSIONS)
    path = folder / "space.db"
    with Memory.open(path, embedder=None) as memory:
        for name, turns in sessions(memories):
            memory.session(name).add_many(turns)
        store_random_vectors(memory, embedder)
    with ExitStack() as stack:
        yield {
            kind: stack.enter_context(Memory.open(path, embedder=embedder, metrics=make()))
            for kind, make in KINDS.items()
        }


def timed_ms(call: Callable[[str], object], given: str) -> float:
    """Milliseconds of one call."""
    start = time.perf_counter()
    call(given)
    return (time.perf_counter() - start) * 1000


def measure(folder: Path, memories: int, rounds: int) -> dict[str, dict[str, list[float]]]:
    """Milliseconds of each call, by kind and verb; calls at one place were made one after another."""
    asked, texts = cycle(questions(WARM * 10)), (f"Fact number {n} of the measurement." for n in count())
    chance = random.Random(SEED)
    figures = {kind: {"recall": list[float](), "remember": list[float]()} for kind in KINDS}
    with opened(folder, memories) as by_kind:
        order = list(by_kind.items())
        for _, memory in order:
            for question in islice(asked, WARM):
                memory.recall(question)
        for _ in range(rounds):
            question = next(asked)
            for kind, memory in chance.sample(order, len(order)):
                figures[kind]["recall"].append(timed_ms(memory.recall, question))
        for _ in range(rounds // 4):
            for kind, memory in chance.sample(order, len(order)):
                figures[kind]["remember"].append(timed_ms(memory.remember, next(texts)))
    return figures


def added_us(ours: list[float], base: list[float]) -> float:
    """Microseconds that a call takes longer: the median of the differences of calls made together."""
    return median(one - other for one, other in zip(ours, base, strict=True)) * 1000


def main() -> int:
    """Measure and print; 1 where measuring costs too much."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--memories", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=400)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), arguments.memories, arguments.rounds)
    base, worst = figures["none"], 0
    for kind, verbs in figures.items():
        added = {verb: added_us(times, base[verb]) for verb, times in verbs.items()}
        ratio = 1 + added["recall"] / 1000 / median(base["recall"])
        worst += ratio > MOST_RATIO.get(kind, 1.0)
        print(
            f"{kind:<14} recall p50 {median(verbs['recall']):.3f} ms ({added['recall']:+.0f} µs, x {ratio:.3f})  "
            f"remember p50 {median(verbs['remember']):.3f} ms ({added['remember']:+.0f} µs)"
        )
    return int(worst > 0)


if __name__ == "__main__":
    raise SystemExit(main())
