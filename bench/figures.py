"""The speed and size figures that the project states, against their bounds: ``python -m bench.figures``.

Every figure is a median on this machine, now, and where a bare baseline says what the machine itself can do, that
baseline is taken in the same run, turn about with the measured thing. Files are in the system's cache.
`bench.recall` measures how much is found and `bench.kill` that nothing is lost.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Literal

import apsw
import numpy as np
from numpy.typing import NDArray

from bench.data import CONVERSATIONS, HOW, data_file
from bench.synthetic import questions, sessions
from holdfast.adapters.embed.resolve import find_embedder
from holdfast.core.decide import set_model
from holdfast.core.vectors import quantise
from holdfast.memory import Memory
from holdfast.model.events import SetModel
from holdfast.ports.embedder import Embedder
from holdfast.ports.store import StoredVectors

ROOT = Path(__file__).resolve().parents[1]
SMALL, LARGE = 5_000, 100_000


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure.

    Attributes:
        value, bound: In ``unit``; None where it could not be measured, or nothing is promised.
        better: On which side of the bound it must be.
        notes: Baselines and where the time goes.
    """

    name: str
    value: float | None
    unit: str
    bound: float | None
    better: Literal["<=", ">="]
    notes: str

    @property
    def verdict(self) -> str:
        if self.value is None:
            return "skipped"
        if self.bound is None:
            return "-"
        reached = self.value <= self.bound if self.better == "<=" else self.value >= self.bound
        return "pass" if reached else "FAIL"


@dataclass(frozen=True, slots=True)
class Run:
    """What a run measures with.

    Attributes:
        data: The conversations of the disk figure.
    """

    folder: Path
    embedder: Embedder
    quick: bool
    data: Path | None

    def times(self, often: int, seldom: int) -> int:
        return seldom if self.quick else often


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; the exit code is 1 when a bound is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.figures", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("--quick", action="store_true", help="fewer repeats, and nothing with 100,000 memories")
    parser.add_argument("--only", metavar="WORD", help="only the groups whose name has this in it")
    parser.add_argument("--data", type=Path, help="folder of locomo-dev.jsonl; $HOLDFAST_DATA or ../shared/data")
    given = parser.parse_args(arguments)
    folder = Path(tempfile.mkdtemp(prefix="holdfast-figures-"))
    figures: list[Figure] = []
    try:
        run = Run(folder, find_embedder(), given.quick, given.data)
        for name, group in GROUPS.items():
            if given.only and given.only not in name:
                continue
            print(f"measuring: {name}", file=sys.stderr, flush=True)
            figures.extend(group(run))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    load = f", load average {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}{load}"
    if given.json:
        rows = [{**asdict(figure), "verdict": figure.verdict} for figure in figures]
        print(json.dumps({"machine": machine, "figures": rows}, indent=2))
    else:
        print_table(figures, machine)
    return 1 if any(figure.verdict == "FAIL" for figure in figures) else 0


def print_table(figures: list[Figure], machine: str) -> None:
    """One line a figure, its notes under it."""
    print(f"{machine}\n")
    width = max((len(figure.name) for figure in figures), default=0)
    for figure in figures:
        value = (
            "-" if figure.value is None else f"{figure.value:,.4g}" if figure.value < 1_000 else f"{figure.value:,.0f}"
        )
        bound = "" if figure.bound is None else f"{figure.better} {figure.bound:,g}"
        print(f"{figure.name:<{width}}  {value:>9} {figure.unit:<5} {bound:>10}  {figure.verdict}")
        print(f"    {figure.notes}")


# Starting


def import_time(run: Run) -> Iterator[Figure]:
    """A fresh interpreter that imports the package and ends."""
    codes = {"bare": "pass", "package": "import holdfast", "facade": "from holdfast import Memory"}
    took: dict[str, list[float]] = {name: [] for name in codes}
    for number in range(1 + run.times(7, 3)):
        for name, code in codes.items():
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True, env=_as_installed())
            if number:  # the first writes bytecode
                took[name].append((time.perf_counter() - start) * 1000)
    middle = {name: median(values) for name, values in took.items()}
    yield Figure(
        "import holdfast, whole process", middle["package"], "ms", 150, "<=",
        f"bare interpreter {middle['bare']:.0f} ms; with Memory, numpy and SQLite {middle['facade']:.0f} ms",
    )  # fmt: skip


def cold_start(run: Run) -> Iterator[Figure]:
    """A fresh process, from before the interpreter to its first answer, and the memory it takes."""
    for size, start_bound_ms, rss_bound_mb in ((SMALL, 300, 220), (LARGE, 1_500, 450)):
        if size == LARGE and run.quick:
            yield Figure(f"first answer, {size:,} memories", None, "ms", start_bound_ms, "<=", "left out by --quick")
            continue
        path = synthetic_space(run, size)
        said: list[dict[str, Any]] = []
        for query in questions(1 + run.times(5, 3), seed=size):
            command = [sys.executable, str(ROOT / "bench" / "probe.py"), repr(time.monotonic()), str(path), query]
            done = subprocess.run(command, check=True, capture_output=True, text=True, env=_as_installed())
            said.append(json.loads(done.stdout))
        said.pop(0)  # it wrote bytecode
        middle = {name: median(one[name] for one in said) for name in said[0] if name.endswith(("_ms", "_mb"))}
        parts = ", ".join(f"{name} {middle[f'{name}_ms']:.0f}" for name in ("interpreter", "import", "open", "recall"))
        made = "texts and vectors are synthetic" if size == LARGE else "texts are synthetic, vectors are the model's"
        degraded = "".join(f"; DEGRADED: {one['degraded']}" for one in said[:1] if one["degraded"])
        yield Figure(
            f"first answer, {size:,} memories", middle["total_ms"], "ms", start_bound_ms, "<=",
            f"{parts} ms; model load included; {made}{degraded}",
        )  # fmt: skip
        yield Figure(
            f"RSS after it, {size:,} memories", middle["rss_mb"], "MB", rss_bound_mb, "<=",
            f"peak {middle['peak_mb']:.0f} MB",
        )  # fmt: skip


# Recalling


def recall_time(run: Run) -> Iterator[Figure]:
    """Recalls in a process that is warm, each with another query."""
    path = synthetic_space(run, SMALL)
    asked = questions(run.times(500, 120), seed=2)
    whole, bare = list[float](), list[float]()
    with Memory.open(path, embedder=run.embedder) as memory:
        for query in questions(20, seed=3):
            memory.recall(query)
        for query in asked:
            start = time.perf_counter()
            memory.recall(query)
            middle = time.perf_counter()
            run.embedder.embed_query(query)
            whole.append((middle - start) * 1000)
            bare.append((time.perf_counter() - middle) * 1000)
    embedding = f"bare embedding of the same queries p50 {median(bare):.2f}, p95 {_percentile(bare, 95):.2f} ms"
    yield Figure(f"recall at {SMALL:,}, p50", median(whole), "ms", 4, "<=", embedding)
    yield Figure(
        f"recall at {SMALL:,}, p95", _percentile(whole, 95), "ms", 12, "<=", f"{len(asked)} queries, all different"
    )


# Writing


def embedded_writes(run: Run) -> Iterator[Figure]:
    """Turns added one by one and embedded, turn about with the embedder alone over the same texts."""
    turns = [turn for _, part in sessions(run.times(400, 150), seed=4) for turn in part]
    entries = [f"{turn.speaker}: {turn.text}" for turn in turns]
    ratios, ours, bare = list[float](), list[float](), list[float]()
    run.embedder.embed(entries[:8])
    for number in range(run.times(5, 3)):
        start = time.perf_counter()
        for entry in entries:
            run.embedder.embed([entry])
        bare.append(len(entries) / (time.perf_counter() - start))
        with Memory.open(run.folder / f"embedded-{number}.db", embedder=run.embedder) as memory:
            session = memory.session("s")
            start = time.perf_counter()
            for turn in turns:
                session.add(turn.speaker, turn.text, when=None)
            left = memory.settle()
            ours.append(len(entries) / (time.perf_counter() - start))
            if left:
                raise RuntimeError(f"{left} memories were left without a vector")
        ratios.append(100 * ours[-1] / bare[-1])
    yield Figure(
        "embedded one by one, against the model alone", median(ratios), "%", 85, ">=",
        f"{median(ours):,.0f} a second against {median(bare):,.0f}",
    )  # fmt: skip


def batched_writes(run: Run) -> Iterator[Figure]:
    """Batches of 1,000 turns without a model, beside as many bare rows in one transaction."""
    count = run.times(20, 5)
    batches = [[turn for _, part in sessions(1_000, seed=100 + number) for turn in part] for number in range(count)]
    took, bare = list[float](), list[float]()
    table = _BareTable(run.folder / "bare-batches.db")
    with Memory.open(run.folder / "batches.db", embedder=None) as memory:
        for number, batch in enumerate(batches):
            start = time.perf_counter()
            memory.session(f"batch {number}").add_many(batch)
            middle = time.perf_counter()
            table.insert([turn.text for turn in batch])
            took.append(len(batch) / (middle - start))
            bare.append(len(batch) / (time.perf_counter() - middle))
    yield Figure(
        "turns in batches of 1,000, no model", median(took), "/s", 12_000, ">=",
        f"bare SQLite rows with the same texts {median(bare):,.0f} a second",
    )  # fmt: skip


def single_write(run: Run) -> Iterator[Figure]:
    """One turn, durable when the call returns, turn about with a bare row of as many bytes."""
    turns = [turn for _, part in sessions(run.times(1_000, 200), seed=5) for turn in part]
    ours, bare, plain = list[float](), list[float](), list[float]()
    path = run.folder / "single.db"
    table = _BareTable(run.folder / "bare-single.db")
    with Memory.open(path, embedder=None) as memory:
        session = memory.session("s")
        for turn in turns[:50]:
            session.add(turn.speaker, turn.text)
            table.insert([turn.text])
        stored = _bytes_a_turn(path)
        for turn in turns[50:]:
            start = time.perf_counter()
            session.add(turn.speaker, turn.text)
            middle = time.perf_counter()
            table.insert([turn.text.ljust(stored)])
            end = time.perf_counter()
            table.insert([turn.text])
            ours.append((middle - start) * 1000)
            bare.append((end - middle) * 1000)
            plain.append((time.perf_counter() - end) * 1000)
    over = median(one - other for one, other in zip(ours, bare, strict=True))
    yield Figure(
        "one durable write over a bare commit", over, "ms", 0.3, "<=",
        f"{median(ours):.3f} ms against {median(bare):.3f} for a row of the same {stored} bytes, {median(plain):.3f} "
        f"for the text alone; p95 {_percentile(ours, 95):.3f} against {_percentile(bare, 95):.3f}",
    )  # fmt: skip


# Disk


def disk(run: Run) -> Iterator[Figure]:
    """All files of a space that holds every development conversation with its vectors."""
    name, file = "disk a LoCoMo turn", data_file(CONVERSATIONS[0], run.data)
    if file is None or not file.exists():
        yield Figure(name, None, "B", 1_900, "<=", f"no {CONVERSATIONS[0]}: {HOW}")
        return
    path = run.folder / "disk.db"
    with Memory.open(path, embedder=run.embedder) as memory:
        memory.import_(file)
        if left := memory.settle():
            raise RuntimeError(f"{left} memories were left without a vector")
        turns, open_bytes = memory.summary().live, memory.summary().size_bytes
    closed_bytes = sum(part.stat().st_size for part in path.parent.glob(f"{path.name}*"))
    yield Figure(
        name, closed_bytes / turns, "B", 1_900, "<=",
        f"{turns:,} turns in {closed_bytes:,} bytes when closed, {open_bytes:,} while open with its log; "
        f"vectors {_table_share(path, 'vector') / turns:.0f}, events {_table_share(path, 'event') / turns:.0f}, "
        f"memories {_table_share(path, 'memory') / turns:.0f} bytes a turn with their indexes",
    )  # fmt: skip


# What they need


_made: dict[int, Path] = {}


def synthetic_space(run: Run, size: int) -> Path:
    """A space of synthetic turns; the large one has random vectors, since embedding it would take minutes."""
    if size in _made and _made[size].exists():
        return _made[size]
    path = _made[size] = run.folder / f"{size}.db"
    large = size > 20_000
    with Memory.open(path, embedder=None if large else run.embedder) as memory:
        for name, turns in sessions(size):
            memory.session(name).add_many(turns)
        if large:
            store_random_vectors(memory, run.embedder)
        elif left := memory.settle():
            raise RuntimeError(f"{left} memories were left without a vector")
    return path


def store_random_vectors(memory: Memory, embedder: Embedder) -> None:
    """Give every memory a random unit vector."""
    chance = np.random.default_rng(0)

    def drawn(count: int) -> NDArray[np.float32]:
        vectors = chance.standard_normal((count, embedder.dimensions), np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    store_vectors(memory, embedder, drawn)


def store_vectors(memory: Memory, embedder: Embedder, made: Callable[[int], NDArray[np.float32]]) -> None:
    """Give every memory a vector, straight through the store; ``made`` gives so many unit vectors, one a row."""
    space = memory._space
    model = SetModel(embedder.fingerprint, embedder.dimensions)
    space.ledger.write(lambda view, _: (set_model(view, model.fingerprint, model.dimensions), None))
    while True:
        with space.store.reading() as reader:
            held = reader.backlog(5_000)
            current = reader.current([one.n for one in held])
        if not held:
            return
        contents = [decoded(current[one.n][1].payload) for one in held]
        entries = [(content.get("author"), content["text"], content.get("caption")) for content in contents]
        values, scales = quantise(made(len(held)))
        ns, seqs = [one.n for one in held], [one.seq for one in held]
        space.store.put_vectors(ns, seqs, entries, StoredVectors(np.array(ns), values, scales, 0), model)


def decoded(payload: bytes | None) -> dict[str, Any]:
    """The content in an event's payload."""
    return json.loads(payload or b"{}")["content"]


class _BareTable:
    """The least that SQLite does for a durable row: one table, one transaction a call, the same settings."""

    def __init__(self, path: Path) -> None:
        self._connection = apsw.Connection(str(path))
        self._connection.execute("PRAGMA page_size=8192; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL").fetchall()
        self._connection.execute("CREATE TABLE line (id INTEGER PRIMARY KEY, text TEXT) STRICT").fetchall()

    def insert(self, texts: list[str]) -> None:
        """Insert rows and commit."""
        self._connection.execute("BEGIN IMMEDIATE").fetchall()
        self._connection.executemany("INSERT INTO line (text) VALUES (?)", [(text,) for text in texts]).fetchall()
        self._connection.execute("COMMIT").fetchall()


def _bytes_a_turn(path: Path) -> int:
    """What the rows of one turn hold on average."""
    with_columns = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    total = 0
    for table in ("event", "memory"):
        columns = [row[1] for row in with_columns.execute(f"PRAGMA table_info({table})")]
        lengths = " + ".join(f"coalesce(octet_length({column}), 0)" for column in columns)
        total += int(with_columns.execute(f"SELECT avg({lengths}) FROM {table}").get)
    with_columns.close()
    return total


def _table_share(path: Path, table: str) -> int:
    """Bytes of a table and its indexes."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    names = [row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE tbl_name = ?", (table,))]
    try:
        return sum(
            connection.execute("SELECT coalesce(sum(pgsize), 0) FROM dbstat WHERE name = ?", (name,)).get
            for name in names
        )
    except apsw.SQLError:  # this SQLite was built without dbstat
        return 0
    finally:
        connection.close()


def _as_installed() -> dict[str, str]:
    """This environment, with bytecode kept as it is for an installed package."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _percentile(values: list[float], percent: float) -> float:
    return float(np.percentile(np.array(values), percent))


GROUPS: dict[str, Callable[[Run], Iterator[Figure]]] = {
    "import": import_time,
    "cold start": cold_start,
    "recall": recall_time,
    "embedded writes": embedded_writes,
    "batched writes": batched_writes,
    "single write": single_write,
    "disk": disk,
}


if __name__ == "__main__":
    sys.exit(main())
