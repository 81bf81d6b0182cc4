"""Let one space live through a million events, and see that it stays as small and quick as what it holds.

    python -m bench.long_life --events 1000000 --seed 7

Facts are remembered, revised again and again, corrected and forgotten, and read; about `--live` of them are live at a
time. Then, each in a process of its own, opening the space (with its first recall) is timed and its memory measured:
as it has grown; after a snapshot and pruning all history (`prune(keep_days=0, superseded=True)`); and after `compact`.
Beside it stands a space that was given the live memories alone. Pruning must change neither what is held nor, beyond
the superseded memories that it forgets, the digest; receipts must verify, the check find nothing, a late copy's
journal still merge. The compacted file must be at most `FILE_FACTOR` times the fresh one and `TOMBSTONE_BYTES` for
each forgotten memory, which leaves its tombstone and its part of a receipt for good; the first recall and the memory
at most `--factor` times those of the fresh one, and `MORE_MS` and `MORE_MB`. That is what ADR 10 states.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.campaign import begin, end, options, replaced
from bench.replay import write_many
from holdfast import space
from holdfast.adapters.sqlite import snapshots
from holdfast.adapters.sqlite.store import SqliteStore
from holdfast.errors import HistoryPruned
from holdfast.memory import Memory
from holdfast.services import past

TOMBSTONE_BYTES = 1_024
"""What a forgotten memory may leave: its row, the events that forgot and corrected it, barred words, its receipt."""
FILE_FACTOR = 1.25
FACTOR = 2.0
MORE_MS, MORE_MB = 250, 16
"""Beside the factor, which means little of what is small: a start of Python, what its libraries take."""
OPENINGS = 3
PLANTS = ("keeps-everything", "drops-tombstones", "no-horizon", "no-vacuum")
_OPEN = """
import json, os, resource, sys, time
import numpy
import holdfast
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
before = resident()
began = time.perf_counter()
memory = holdfast.Memory.open(sys.argv[1], embedder=None)
opened = time.perf_counter() - began
memory.recall("word17 word99", limit=5)
first = time.perf_counter() - began
print(json.dumps({"open_ms": opened * 1e3, "first_recall_ms": first * 1e3, "resident_mb": (resident() - before) / 1e6}))
memory.close()
"""


@dataclass(frozen=True)
class Size:
    """What a space costs: its file, and opening it."""

    name: str
    events: int
    file_mb: float
    open_ms: float
    first_recall_ms: float
    resident_mb: float

    def line(self) -> str:
        return (
            f"{self.name:<22} {self.events:>9,} events {self.file_mb:>9.1f} MB file {self.open_ms:>8.1f} ms to open "
            f"{self.first_recall_ms:>8.1f} ms to the first recall {self.resident_mb:>7.1f} MB resident"
        )


def sized(name: str, path: Path) -> Size:
    """The best of a few openings, each in a process of its own."""
    found = list[dict[str, float]]()
    for _ in range(OPENINGS):
        told = subprocess.run([sys.executable, "-c", _OPEN, str(path)], capture_output=True, text=True, check=True)
        found.append(json.loads(told.stdout))
    with Memory.open(path, embedder=None, read_only=True) as memory, memory._space.store.reading() as reader:
        events = reader.count_until(1 << 62)
        size = memory._space.store.size_bytes()
    best = {key: min(one[key] for one in found) for key in found[0]}
    return Size(name, events, size / 1e6, best["open_ms"], best["first_recall_ms"], best["resident_mb"])


def live_long(folder: Path, events: int, live: int, seed: int, factor: float) -> list[str]:
    """One long life; what was broken, in words."""
    path, broken = folder / "long.db", list[str]()
    chance = random.Random(seed)
    with Memory.open(path, embedder=None) as memory:
        began = time.perf_counter()
        written = write_many(memory, events // 2, chance, live)
        for record in list(memory.records())[:50]:
            memory.recall(record.text[:40])
        with Memory.open(folder / "late.db", embedder=None) as late:
            late.storage.merge(list(memory.storage.journal()) if events <= 200_000 else _lines(memory, folder))
        written = write_many(memory, events, chance, live)
        print(f"{written:,} events in {time.perf_counter() - began:,.0f} s", flush=True)
        digest, receipts = memory.storage.digest(), memory.receipts()
    sizes = [sized("as it has grown", path)]
    print(sizes[-1].line(), flush=True)
    with Memory.open(path, embedder=None) as memory:
        broken += _pruned(memory, digest, chance.sample(receipts, min(20, len(receipts))))
        forgotten = memory.summary().forgotten
    sizes.append(sized("pruned", path))
    print(sizes[-1].line(), flush=True)
    with Memory.open(path, embedder=None) as memory:
        began = time.perf_counter()
        report = memory.storage.compact()
        print(
            f"compacted in {time.perf_counter() - began:.1f} s, {report.bytes_before:,} to {report.bytes_after:,} bytes"
        )
        broken += memory.check()
    sizes.append(sized("compacted", path))
    print(sizes[-1].line(), flush=True)
    with Memory.open(path, embedder=None) as memory, Memory.open(folder / "fresh.db", embedder=None) as fresh:
        fresh.import_(list(memory.export()))
    sizes.append(sized("fresh, the same live", folder / "fresh.db"))
    print(sizes[-1].line(), flush=True)
    broken += _late(folder, path)
    return broken + _bounded(sizes, forgotten, factor)


def _lines(memory: Memory, folder: Path) -> Path:
    path = folder / "journal.jsonl"
    with path.open("w", encoding="utf-8") as file:
        file.writelines(line + "\n" for line in memory.storage.journal())
    return path


def _pruned(memory: Memory, digest: str, receipts: list[Any]) -> list[str]:
    broken, last = list[str](), memory.summary().events
    time.sleep(0.01)  # what was written in this very millisecond is no history yet
    began = time.perf_counter()
    only = memory.storage.prune(keep_days=0, dry_run=False)
    took = time.perf_counter() - began
    print(f"pruned {only.pruned:,} events in {took:.1f} s, {only.kept:,} stay, {only.bytes_free / 1e6:.1f} MB free")
    if memory.storage.digest() != digest:
        broken.append("pruning changed the digest")
    began = time.perf_counter()
    if memory.storage.rebuild() != digest:
        broken.append("a rebuild of the pruned journal gives another digest")
    print(f"rebuilt in {time.perf_counter() - began:.1f} s")
    time.sleep(0.01)
    both = memory.storage.prune(keep_days=0, superseded=True, dry_run=False)
    print(f"forgot {both.superseded:,} superseded memories, pruned {both.pruned:,} events more")
    try:
        memory.at(seq=last // 2).close()
        broken.append("the past below the horizon was shown")
    except HistoryPruned:
        pass
    broken += [f"receipt {one.id} does not verify" for one in receipts[:5] if not memory.verify(one).holds]
    return broken + [f"after pruning: {problem}" for problem in memory.check()]


def _late(folder: Path, path: Path) -> list[str]:
    """A copy from the middle of the life forgets and remembers something; its journal is taken in."""
    with Memory.open(folder / "late.db", embedder=None) as late, Memory.open(path, embedder=None) as memory:
        live = {record.id for record in memory.records()}
        shared = next((record.id for record in late.records() if record.id in live), None)
        if shared is not None:
            late.forget(shared)
        late.remember("A late word.")
        memory.storage.merge(_lines(late, folder))
        texts = [record.text for record in memory.records()]
        held = {record.id for record in memory.records()}
        broken = [] if "A late word." in texts else ["what a late copy wrote did not come in"]
        if shared in held:
            broken.append("what a late copy forgot is still held")
        if len(held) > len(live) + 1:
            broken.append(f"{len(held) - len(live)} memories came back from a late copy")
        return broken + [f"after a late merge: {problem}" for problem in memory.check()]


def _bounded(sizes: list[Size], forgotten: int, factor: float) -> list[str]:
    compacted, fresh = sizes[2], sizes[3]
    spare = max(0.0, compacted.file_mb - FILE_FACTOR * fresh.file_mb) * 1e6 / max(1, forgotten)
    more = (compacted.file_mb - fresh.file_mb) * 1e6 / max(1, forgotten)
    print(
        f"file {compacted.file_mb / fresh.file_mb:.2f} times the fresh one ({more:,.0f} bytes more for each of "
        f"{forgotten:,} forgotten), first recall {compacted.first_recall_ms / fresh.first_recall_ms:.2f} times, memory "
        f"{compacted.resident_mb / max(1.0, fresh.resident_mb):.2f} times"
    )
    broken = list[str]()
    if spare > TOMBSTONE_BYTES:
        broken.append(
            f"the file is more than {FILE_FACTOR} times the fresh one and {TOMBSTONE_BYTES} bytes a tombstone"
        )
    if compacted.first_recall_ms > factor * fresh.first_recall_ms + MORE_MS:
        broken.append(f"the first recall takes more than {factor} times as long, and {MORE_MS} ms")
    if compacted.resident_mb > factor * fresh.resident_mb + MORE_MB:
        broken.append(f"memory is more than {factor} times as much, and {MORE_MB} MB")
    return broken


def planted(plant: str | None) -> Any:
    """A fault for the time of a ``with``."""
    if plant == "keeps-everything":
        return replaced(snapshots, "_KEPT", "SELECT seq FROM event WHERE seq <= ?1")
    if plant == "drops-tombstones":
        return replaced(snapshots, "_KEPT", snapshots._KEPT.replace("IN (1, 2)\nUNION", "IN (1, 2, 4)\nUNION"))
    if plant == "no-horizon":
        return _without_horizon()
    if plant == "no-vacuum":
        return replaced(SqliteStore, "compact", lambda self: self.truncate_log())
    return nullcontext()


@contextmanager
def _without_horizon() -> Iterator[None]:
    """Neither the choice of a past nor its copy looks at where the history begins."""
    with (
        replaced(space, "cut_of", lambda store, moment, seq: (seq or 0, 0)),
        replaced(past, "_refuse_pruned", lambda *_: None),
    ):
        yield


def main() -> int:
    parser = options("long_life", __doc__, PLANTS)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--live", type=int, default=20_000)
    parser.add_argument("--factor", type=float, default=FACTOR)
    given = parser.parse_args()
    seed, folder = begin(given)
    with planted(given.plant):
        try:
            broken = live_long(folder, given.events, given.live, seed, given.factor)
        except Exception as error:  # noqa: BLE001 - the edge of the campaign
            broken = [repr(error)]
    print(f"{given.events:,} events, {len(broken)} promises broken")
    return end(given, folder, broken)


if __name__ == "__main__":
    raise SystemExit(main())
