"""The saver and the store for LangGraph beside the reference ones in the same run: medians and ratios.

``python -m bench.langgraph`` prints a table and how a thread grows. The second table is of processor time, which a busy
machine or disk changes little. `SqliteSaver` and `SqliteStore` are measured where
``langgraph-checkpoint-sqlite`` is installed. Holdfast syncs every write to the disk; the ones in memory write nothing.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver, empty_checkpoint
from langgraph.checkpoint.base.id import uuid6
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.store.base import BaseStore
from langgraph.store.memory import InMemoryStore

from holdfast.integrations.langgraph import HoldfastSaver, HoldfastStore
from holdfast.memory import Memory

STATE_CHARS = 20_000
"""Characters of a channel that does not change."""
Timed = dict[str, list[tuple[float, float]]]
"""By call, milliseconds that passed and milliseconds of the processor."""


def timed(into: Timed, name: str, call: Callable[[], Any]) -> Any:
    """Call, and note the milliseconds."""
    start, worked = time.perf_counter(), time.process_time()
    result = call()
    passed, used = time.perf_counter() - start, time.process_time() - worked
    into.setdefault(name, []).append((passed * 1_000, used * 1_000))
    return result


def thread(saver: BaseCheckpointSaver[Any], steps: int) -> Timed:
    """A thread of so many steps: one channel changes, a large one stays."""
    figures: Timed = {}
    newest: Any = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}
    config, versions = newest, {"large": saver.get_next_version(None, None)}
    for step in range(steps):
        versions = {**versions, "n": saver.get_next_version(versions.get("n"), None)}
        checkpoint = empty_checkpoint()
        checkpoint["id"] = str(uuid6(clock_seq=step))
        checkpoint["channel_values"] = {"n": step, "large": "x" * STATE_CHARS}
        checkpoint["channel_versions"] = versions
        changed = versions if step == 0 else {"n": versions["n"]}
        config = timed(figures, "put", lambda c=config, p=checkpoint, n=changed: saver.put(c, p, {"step": 0}, n))
        wrote, task = [("n", step)], f"task-{step}"
        timed(figures, "put_writes", lambda c=config, w=wrote, t=task: saver.put_writes(c, w, t))
        timed(figures, "get_tuple", lambda: saver.get_tuple(newest))
    timed(figures, "list 20", lambda: list(saver.list(newest, limit=20)))
    return figures


def items(store: BaseStore, count: int) -> Timed:
    """So many items put, read and searched."""
    figures: Timed = {}
    for number in range(count):
        value = {"n": number, "text": f"note {number} about topic {number % 17}"}
        timed(
            figures, "store.put", lambda n=number, v=value: store.put(("users", f"u{n % 10}"), f"k{n}", v, index=False)
        )
    for number in range(0, count, 3):
        timed(figures, "store.get", lambda n=number: store.get(("users", f"u{n % 10}"), f"k{n}"))
    for number in range(20):
        timed(figures, "store.search", lambda n=number: store.search(("users",), filter={"n": {"$gt": n}}, limit=10))
    return figures


def sqlite(folder: Path, stack: ExitStack) -> tuple[Any, Any] | None:
    """The reference saver and store on SQLite, where they are installed."""
    try:
        from langgraph.checkpoint.sqlite import SqliteSaver
        from langgraph.store.sqlite import SqliteStore
    except ImportError:
        return None
    store = stack.enter_context(SqliteStore.from_conn_string(str(folder / "store.sqlite")))
    store.setup()
    return stack.enter_context(SqliteSaver.from_conn_string(str(folder / "saver.sqlite"))), store


def growth(folder: Path, steps: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """Bytes of the journal of threads of so many steps, the large channel left out."""
    for count in steps:
        with Memory.open(folder / f"grow-{count}.db", embedder=None) as memory:
            thread(HoldfastSaver(memory), count)
            yield count, sum(map(len, memory.storage.journal())) - STATE_CHARS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--items", type=int, default=300)
    parser.add_argument("--growth", type=int, nargs="*", default=[250, 500, 1_000])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        memory = stack.enter_context(Memory.open(folder / "a.db", embedder=None))
        systems: dict[str, tuple[Any, Any]] = {
            "holdfast": (HoldfastSaver(memory), HoldfastStore(memory)),
            "memory": (InMemorySaver(), InMemoryStore()),
        }
        reference = sqlite(folder, stack)
        if reference is None:
            print("langgraph-checkpoint-sqlite is not installed: its columns are left out")
        else:
            systems["sqlite"] = reference
        figures = {
            system: thread(saver, given.steps) | items(store, given.items) for system, (saver, store) in systems.items()
        }
        for at, what in enumerate(("median ms", "processor ms")):
            print(what.ljust(14), *(system.rjust(10) for system in systems), "  holdfast / sqlite")
            for call in figures["holdfast"]:
                medians = {system: median(one[at] for one in found[call]) for system, found in figures.items()}
                ratio = f"{medians['holdfast'] / medians['sqlite']:.2f}" if "sqlite" in medians else "-"
                print(call.ljust(14), *(f"{one:10.3f}" for one in medians.values()), f"  {ratio}")
        for count, size in growth(folder, tuple(given.growth)):
            print(f"{count:6,} steps: {size:10,} bytes, {size / count:7,.0f} a step")


if __name__ == "__main__":
    main()
