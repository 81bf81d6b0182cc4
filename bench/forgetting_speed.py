"""How long forgetting takes in a large space, and what recalls feel of it."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

from bench.figures import store_random_vectors
from bench.synthetic import questions, sessions
from holdfast.memory import Memory
from holdfast.testing.embedders import HashEmbedder

DIMENSIONS = 384
MOST_S, ONE_MS, MOST_TIMES = 5.0, 50.0, 2.0
SINGLE = 40
"""Forgets of one memory, each timed."""
IDLE = 200
"""Recalls that are timed before and after."""
WHOLE = 100_000
"""Memories from which on the bounds hold; below, the figures are printed and nothing is asked of them."""


def built(path: Path, count: int, embedder: HashEmbedder) -> None:
    """Make a space of turns and as many marked facts as are to go, with random vectors."""
    with Memory.open(path, embedder=None) as memory:
        for name, turns in sessions(count):
            memory.session(name).add_many(turns)
        store_random_vectors(memory, embedder)


def percentile_95(values: list[float]) -> float:
    """0 for none."""
    return float(np.percentile(np.array(values), 95)) if values else 0.0


class Asking(threading.Thread):
    """Recalls one question after the other until told to stop, and notes when each ran."""

    def __init__(self, memory: Memory, asked: list[str]) -> None:
        super().__init__(name="asking")
        self._memory, self._asked = memory, asked
        self._stop_now = threading.Event()
        self.spans: list[tuple[float, float]] = []
        self.failure: BaseException | None = None

    def run(self) -> None:
        """Ask."""
        try:
            while not self._stop_now.is_set():
                start = time.perf_counter()
                self._memory.recall(self._asked[len(self.spans) % len(self._asked)])
                self.spans.append((start, time.perf_counter()))
        except BaseException as error:  # noqa: BLE001 - the edge of a thread: raised again where it is joined
            self.failure = error

    def stop(self) -> None:
        """End it.

        Raises:
            BaseException: what a recall failed with.
        """
        self._stop_now.set()
        self.join()
        if self.failure is not None:
            raise self.failure

    def during(self, start: float, end: float) -> list[float]:
        """Milliseconds of the recalls that began while something ran; one that outlasts it counts whole."""
        return [(stopped - began) * 1000 for began, stopped in self.spans if start <= began < end]


def timed(action: Callable[[], object]) -> tuple[float, float]:
    """When an action began and ended, on `time.perf_counter`."""
    start = time.perf_counter()
    action()
    return start, time.perf_counter()


def speed(count: int, going: int, seed: int, folder: Path) -> bool:
    """Measure it and print the figures; gives whether they are within their bounds."""
    embedder = HashEmbedder(DIMENSIONS)
    path = folder / "speed.db"
    built(path, count, embedder)
    with Memory.open(path, embedder=embedder) as memory:
        names = [f"session {number}" for number in range(going // 25)]
        asked = questions(IDLE, seed=seed)
        for query in asked[:20]:
            memory.recall(query)
        gc.collect()
        asking = Asking(memory, asked)
        asking.start()
        while len(asking.spans) < IDLE:
            time.sleep(0.05)
        began = time.perf_counter()
        receipts = list[int]()
        preview = memory.preview_forget(where={"session": names})

        def forget() -> None:
            done = memory.forget(where={"session": names}, confirm=preview.token)
            receipts.append(len(done.forgotten))

        start, end = timed(forget)
        asking.stop()
        idle, busy = asking.during(0, began), asking.during(start, end)
        kept = [record.id for record, _ in zip(memory.records(), range(SINGLE), strict=False)]
        singles = [1000 * (stop - go) for go, stop in (timed(lambda one=one: memory.forget(one)) for one in kept)]
    took_s, times = end - start, percentile_95(busy) / percentile_95(idle)
    print(
        f"speed: forgot {receipts[0]:,} of {count:,} in {took_s:.2f} s; one in {median(singles):.1f} ms (p95 "
        f"{percentile_95(singles):.1f}); recall p95 idle {percentile_95(idle):.1f} ms ({len(idle)}), meanwhile "
        f"{percentile_95(busy):.1f} ms ({len(busy)}, p50 {median(busy or [0]):.1f}, most {max(busy or [0]):.0f}), "
        f"{times:.2f} times; seed {seed}",
        flush=True,
    )
    if receipts[0] != going:
        print(f"  expected to forget {going:,}")
        return False
    return count < WHOLE or (took_s <= MOST_S and median(singles) <= ONE_MS and times <= MOST_TIMES)
