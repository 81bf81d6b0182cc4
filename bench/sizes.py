"""Recall as a space grows: ``python -m bench.sizes [--entries 10000 100000 1000000]``.

For each size a space of made-up conversations (`bench.synthetic`) is filled through the public API, and given vectors
that lie as a model's do. Then, in a process of its own, it is opened and asked: how long opening takes, how long a
recall takes, fast and thorough, with the question embedded by the packaged model, beside the bare embedding of the
same question in the same run, turn about. A thorough recall makes the token vectors of its candidates when it first
meets them (``at first``) and keeps them (``thorough``: the same questions again). In a space large enough to have an
index of vectors, the same questions are asked with the index and of every row: how many of the ten nearest, and of
the ten best by all signals, are found, without a filter and with ones that leave less and less. ``--folder`` keeps
the spaces, and uses those that are there.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.synthetic import Meanings, questions, sessions
from bench.vectors import packaged_embedder
from holdfast.core import fusion, wide
from holdfast.core.corpus import EXACT_ENTRIES, Corpus, Mask
from holdfast.core.query import parse_query
from holdfast.core.secrets import subkey
from holdfast.memory import Memory
from holdfast.ports.embedder import Embedder

SIZES = (10_000, 100_000, 1_000_000)
SESSION = 200
"""Turns of a session: it is one commit."""
WARM_UP = 20
AGREED = 24
"""Questions of which every row is looked at, for each filter."""
MOST_THOROUGH = 100_000
"""Entries up to which thorough recalls are measured."""
SHARES = (1.0, 0.5, 0.1, 0.05, 0.02, 0.001)
"""Of the entries that filters leave."""
BOUNDS_MS = {(10_000, "fast"): 4.0, (10_000, "thorough"): 25.0, (100_000, "fast"): 15.0, (100_000, "thorough"): 50.0,
             (1_000_000, "fast"): 25.0}  # fmt: skip

Floats = NDArray[np.float32]


class TimedEmbedder:
    """The packaged model in every respect, but for the vector of a question, which is drawn: the texts mean nothing."""

    def __init__(self, model: Any, drawn: Floats) -> None:
        self._model = model
        self._drawn = drawn
        self.asked = 0
        self.bare_ms: list[float] = []
        self.fingerprint: str = model.fingerprint
        self.dimensions: int = model.dimensions

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def embed_query(self, text: str) -> Floats:
        """Embed a question, and return another vector."""
        start = time.perf_counter()
        self._model.embed_query(text)
        self.bare_ms.append((time.perf_counter() - start) * 1e3)
        self.asked += 1
        return self._drawn[self.asked % len(self._drawn)]


def fill(path: Path, entries: int, tell: Callable[[str], None]) -> None:
    """Make a space of that many turns, with vectors."""
    model = packaged_embedder()
    start = time.perf_counter()
    with Memory.open(path, embedder=None) as memory:
        written = 0
        for name, turns in sessions(entries, length=SESSION):
            memory.session(name).add_many(turns)
            written += len(turns)
            if written % 100_000 < SESSION:
                tell(f"  {written:,} written, {time.perf_counter() - start:,.0f} s")
        give_vectors(memory, model)
    tell(f"  filled in {time.perf_counter() - start:,.0f} s, {path.stat().st_size / 1e6:,.0f} MB")


def give_vectors(memory: Memory, embedder: Embedder) -> None:
    """Give every memory a vector that is like those of its session."""
    from bench.figures import store_vectors

    meanings = Meanings(0, embedder.dimensions)

    def made(count: int) -> NDArray[np.float32]:
        return np.concatenate([meanings.of_session(min(SESSION, count - first)) for first in range(0, count, SESSION)])

    store_vectors(memory, embedder, made)


def measure(path: Path, entries: int, count: int, *, is_indexed: bool) -> dict[str, Any]:
    """Open a space and ask it; everything that is printed of one size."""
    drawn = Meanings(0, 384).near(np.concatenate([Meanings(0, 384).of_session(SESSION)] * (1 + count // SESSION)))
    embedder = TimedEmbedder(packaged_embedder(), drawn)
    texts = questions(WARM_UP + count, seed=2)
    found: dict[str, Any] = {"entries": entries, "bare_rss_mb": rss_mb()}
    start = time.perf_counter()
    with Memory.open(path, embedder=embedder) as memory:
        memory.recall(texts[0])
        found["open_s"] = time.perf_counter() - start
        if entries > EXACT_ENTRIES:
            found["unindexed"] = asked(memory, embedder, texts[:WARM_UP], thorough=False)
            if is_indexed:
                found["indexing_s"] = wait_for_index(memory)
        found["fast"] = asked(memory, embedder, texts, thorough=False)
        tell(found)
        if entries <= MOST_THOROUGH:
            some = texts[: WARM_UP + min(count, 30)]
            found["at first"] = asked(memory, embedder, some, thorough=True)
            embedder.asked -= 2 * len(some)  # the same questions with the same vectors
            found["thorough"] = asked(memory, embedder, some, thorough=True)
        found["rss_mb"], found["private_mb"] = rss_mb(), private_mb()
        found["most_rss_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        if entries > EXACT_ENTRIES and is_indexed:
            tell(found)
            found["agreement"] = agreement(memory, texts[:AGREED])
        found["after_a_write"] = after_writes(memory, texts[: WARM_UP // 2])
        found["forget_ms"] = forgetting(memory)
    start = time.perf_counter()
    with Memory.open(path, embedder=embedder) as memory:
        memory.recall(texts[0])
        found["reopen_s"] = time.perf_counter() - start
        found["reopened"] = asked(memory, embedder, texts[: 2 * WARM_UP], thorough=False)
    return found


def tell(found: dict[str, Any]) -> None:
    """Print what was measured so far to standard error."""
    print(json.dumps(found), file=sys.stderr, flush=True)


def asked(memory: Memory, embedder: TimedEmbedder, texts: Sequence[str], *, thorough: bool) -> dict[str, float]:
    """Milliseconds of recalls, and of their embedding alone, by the clock and of processor time of this process."""
    took: dict[str, list[float]] = {"whole": [], "whole cpu": [], "bare": [], "bare cpu": []}
    for text in texts:
        for name, call in (
            ("whole", lambda text=text: memory.recall(text, thorough=thorough)),
            ("bare", lambda text=text: embedder.embed_query(text)),
        ):
            processor, clock = time.process_time(), time.perf_counter()
            call()
            took[name].append((time.perf_counter() - clock) * 1e3)
            took[f"{name} cpu"].append((time.process_time() - processor) * 1e3)
    kept = {name: values[WARM_UP // 2 :] for name, values in took.items()}
    return {
        "p50_ms": median(kept["whole"]), "p95_ms": float(np.percentile(kept["whole"], 95)),
        "cpu_p50_ms": median(kept["whole cpu"]), "bare_p50_ms": median(kept["bare"]),
        "bare_cpu_p50_ms": median(kept["bare cpu"]), "ratio": median(kept["whole"]) / median(kept["bare"]),
    }  # fmt: skip


def after_writes(memory: Memory, texts: Sequence[str]) -> float:
    """Median milliseconds of a recall right after a write."""
    took = list[float]()
    for text in texts:
        memory.session("late").add("Ada", text)
        start = time.perf_counter()
        memory.recall(text)
        took.append((time.perf_counter() - start) * 1e3)
    return median(took)


def forgetting(memory: Memory) -> float:
    """Median milliseconds of forgetting one memory that is in every index."""
    ids = [memory._space.recalling.found("what was said", 50)[place] for place in (0, 10, 20)]
    took = list[float]()
    for one in ids:
        start = time.perf_counter()
        memory.forget(one)
        took.append((time.perf_counter() - start) * 1e3)
    return median(took)


def wait_for_index(memory: Memory) -> float:
    """Seconds until the index of vectors is there."""
    start = time.perf_counter()
    while True:
        near = memory._space.index.vectors
        if near is not None and near.entries and not near.is_building:
            return time.perf_counter() - start
        if near is not None and near.failure:
            raise RuntimeError(near.failure)
        time.sleep(0.5)


def agreement(memory: Memory, texts: Sequence[str]) -> list[dict[str, float]]:
    """How much of what every row would give is found with the index, by the share of entries that a filter leaves."""
    space, rows = memory._space, list[dict[str, float]]()
    key = subkey(space.ledger.secret, "terms")
    with space.index.level() as corpus:
        near = space.index.near()
        meanings = Meanings(5, corpus.vectors.dimensions)
        chance = np.random.default_rng(5)
        anywhere = np.flatnonzero(corpus.vectors.scales[: corpus.size] > 0)[chance.choice(len(corpus) // 2, len(texts))]
        vectors = meanings.near(corpus.vectors.codes(anywhere.astype(np.int32)) * corpus.vectors.scales[anywhere, None])
        for share in SHARES:
            masks = [_mask(corpus, share, place) for place in range(len(texts))]
            nearest, best = list[float](), list[float]()
            for text, vector, allowed in zip(texts, vectors, masks, strict=True):
                authors = corpus.statistics().authors
                query = parse_query(text, key=key, authors=authors, now_ms=int(corpus.columns.said_ms.max()))
                nearest.append(_nearest(corpus, vector, allowed, near))
                with_index = fusion.rank(corpus, query, vector, limit=10, allowed=allowed, near=near)
                limit, fusion.EXACT_ENTRIES = fusion.EXACT_ENTRIES, 1 << 62
                try:
                    of_all = fusion.rank(corpus, query, vector, limit=10, allowed=allowed)
                finally:
                    fusion.EXACT_ENTRIES = limit
                best.append(np.isin(of_all.ns, with_index.ns).mean())
            rows.append({"share": share, "nearest": float(np.mean(nearest)), "best": float(np.mean(best))})
    return rows


def _mask(corpus: Corpus, share: float, place: int) -> Mask:
    """Entries that a filter leaves: a stretch of time, as sessions and dates do, or strewn ones, as tags do."""
    alive = corpus.where()
    size = len(alive)
    if place % 2:
        strewn = np.random.default_rng(place).random(size) < share
        return alive & strewn
    start = int((size - share * size) * (place % 7) / 7)
    allowed = np.zeros(size, np.bool_)
    allowed[start : start + int(share * size) + 1] = True
    return alive & allowed


def _nearest(corpus: Corpus, vector: Floats, allowed: Mask, near: wide.Near | None) -> float:
    """Share of the ten nearest allowed entries that are among those measured."""
    query = parse_query("", key=b"0", authors=(), now_ms=0)
    asked_ = wide.Asked(query, vector, allowed, near, 1.0, 1.0, fusion.CANDIDATES, 1, 0)
    found = wide.search(corpus, asked_)
    cosines = corpus.vectors.pooled(
        corpus.vectors.scan(vector, corpus.size), corpus.columns.before, corpus.columns.after
    )
    rows = np.flatnonzero(allowed & (corpus.vectors.scales[: corpus.size] > 0))
    ten = rows[np.argsort(-cosines[rows], kind="stable")[:10]]
    return float(np.isin(ten, found.rows).mean())


def rss_mb() -> float:
    """Resident memory now."""
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * resource.getpagesize() / 1e6


def private_mb() -> float:
    """Resident memory that is no file's."""
    lines = Path("/proc/self/smaps_rollup").read_text("ascii").splitlines()
    return next(int(line.split()[1]) / 1e3 for line in lines if line.startswith("Anonymous:"))


def show(found: dict[str, Any]) -> None:
    """Print one size."""
    entries = found["entries"]
    print(
        f"{entries:>9,} entries: opened with its first answer in {found['open_s']:.2f} s, again in "
        f"{found['reopen_s']:.2f} s; resident {found['rss_mb']:,.0f} MB ({found['private_mb']:,.0f} MB private, at "
        f"most {found['most_rss_mb']:,.0f} MB; before the space was opened {found['bare_rss_mb']:,.0f} MB)"
    )
    for name in ("unindexed", "fast", "at first", "thorough", "reopened"):
        if name in found:
            took, bound = found[name], BOUNDS_MS.get((entries, name))
            verdict = "" if bound is None else f"   bound {bound:g}: {'pass' if took['p50_ms'] <= bound else 'FAIL'}"
            print(
                f"    {name:<10} p50 {took['p50_ms']:7.2f} ms   p95 {took['p95_ms']:7.2f}   processor p50 "
                f"{took['cpu_p50_ms']:7.2f}   bare embedding {took['bare_p50_ms']:5.2f} (processor "
                f"{took['bare_cpu_p50_ms']:.2f}) ms   ratio {took['ratio']:5.1f}{verdict}"
            )
    print(f"    recall after a write {found['after_a_write']:.1f} ms; forgetting one {found['forget_ms']:.0f} ms")
    if "indexing_s" in found:
        print(f"    index of vectors there after {found['indexing_s']:.0f} s")
    for row in found.get("agreement", ()):
        print(
            f"    filter leaves {row['share']:6.1%}: of the ten nearest {row['nearest']:.3f}, of the ten best "
            f"{row['best']:.3f} are found"
        )


def main(arguments: Sequence[str]) -> int:
    """Run the command; gives 1 when a bound is missed."""
    parser = argparse.ArgumentParser("bench.sizes", description="Recall as a space grows.")
    parser.add_argument("--entries", type=int, nargs="+", default=list(SIZES), help="sizes (default %(default)s)")
    parser.add_argument("--questions", type=int, default=100, help="asked of each (default %(default)s)")
    parser.add_argument("--folder", type=Path, help="keep the spaces here, and use those that are there")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--no-index", action="store_true", help="do not wait for an index of vectors")
    options = parser.parse_args(arguments)
    if options.measure is not None:
        found = measure(options.measure, options.entries[0], options.questions, is_indexed=not options.no_index)
        print(json.dumps(found))
        return 0
    kept = tempfile.TemporaryDirectory(prefix="holdfast-sizes-")
    folder, all_found = options.folder or Path(kept.name), list[dict[str, Any]]()
    folder.mkdir(parents=True, exist_ok=True)
    for entries in options.entries:
        path = folder / f"{entries}.db"
        if not path.exists():
            fill(path, entries, lambda line: print(line, file=sys.stderr, flush=True))
        own = [sys.executable, "-m", "bench.sizes", "--measure", str(path), "--entries", str(entries)]
        own += ["--questions", str(options.questions), *(["--no-index"] if options.no_index else [])]
        found = json.loads(subprocess.run(own, check=True, stdout=subprocess.PIPE, text=True).stdout)
        show(found)
        all_found.append(found)
    kept.cleanup()
    if options.json:
        options.json.write_text(json.dumps(all_found, indent=1) + "\n", "utf-8")
    missed = [
        (found["entries"], name) for found in all_found for name in ("fast", "thorough")
        if name in found and found[name]["p50_ms"] > BOUNDS_MS.get((found["entries"], name), float("inf"))
    ]  # fmt: skip
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
