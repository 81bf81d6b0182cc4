"""Other stores on the same entries, questions and vectors: ``holdfast bench peers DATA...``.

Each store is installed into an environment of its own and run there by `peer_runner.py`, which reads prepared texts
and vectors, so that no store loads a model. Installing needs the package index; running needs no network: telemetry
is switched off (`QUIET`), connections are refused inside the process and counted, and where the system lets a user
make a network namespace the process has no network at all. What cannot be installed or fails is reported as such and
does not stop the others.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

import numpy as np

from bench.conversations import Conversation, read_conversations
from bench.data import ROOT
from bench.peer_runner import spread
from bench.recall import ask_all
from bench.vectors import CachedEmbedder
from holdfast.ports.embedder import Embedder

Progress = Callable[[str, int, int], None]

RUNNER = Path(__file__).with_name("peer_runner.py")
OURS = "holdfast"
CUTS = (5, 10, 20)
ROUNDS = 3
COLD_STARTS = 5
INSTALL_S, RUN_S = 900, 1_800

QUIET = {
    "ANONYMIZED_TELEMETRY": "False", "CHROMA_ANONYMIZED_TELEMETRY": "False",  # chromadb
    "MEM0_TELEMETRY": "False",  # mem0: usage events, and the notices it reads from a web page
    "POSTHOG_DISABLED": "1", "OTEL_SDK_DISABLED": "true", "DO_NOT_TRACK": "1",
    "LANGSMITH_TRACING": "false", "LANGCHAIN_TRACING_V2": "false",  # langchain
    "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1",
    "ORT_DISABLE_TELEMETRY": "1",  # onnxruntime
}  # fmt: skip
"""Variables that keep the stores and what they bring from reporting or fetching anything."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A store to compare with.

    Attributes:
        packages: What is installed, by name, or by path where it is this project.
        note: What the reader must know of how it is run.
    """

    name: str
    packages: tuple[str, ...]
    note: str


def peers() -> tuple[Peer, ...]:
    """Return the stores, ours first."""
    import sqlite3

    # Some interpreters are built without loadable extensions, which langgraph's store needs.
    loads = hasattr(sqlite3.Connection, "enable_load_extension")
    vec = () if loads else ("pysqlite3-binary",)
    return (
        Peer(OURS, (str(ROOT),), "one space a conversation; a write waits for its vector in both rates"),
        Peer("chromadb", ("chromadb",), "one collection a conversation, cosine, no embedding function"),
        Peer(
            "mem0", ("mem0ai",), "infer=False, qdrant in a folder, threshold 0; without its models for words and names"
        ),
        Peer(
            "langgraph",
            ("langgraph-checkpoint-sqlite", *vec),
            f"SqliteStore, cosine, a namespace a conversation{'' if loads else '; with pysqlite3 for extensions'}",
        ),
    )


class Failed(Exception):
    """A store could not be installed or run; the words say why."""


T = TypeVar("T")


@dataclass(slots=True)
class _Steps:
    """Does the same with every store that has not failed yet, and keeps why one did."""

    peers: Sequence[Peer]
    progress: Progress
    total: int
    done: int = 0
    failed: dict[str, str] = field(default_factory=dict[str, str])

    def each(self, what: str, act: Callable[[Peer], T]) -> dict[str, T]:
        found: dict[str, T] = {}
        for place, peer in enumerate(self.peers):
            self.progress("stores", self.done * len(self.peers) + place, self.total * len(self.peers))
            if peer.name not in self.failed:
                try:
                    found[peer.name] = act(peer)
                except Failed as error:
                    self.failed[peer.name] = f"{what}: {error}"
        self.done += 1
        return found


def compare(
    paths: Sequence[Path],
    embedder: Embedder,
    cache_folder: Path,
    *,
    only: Sequence[str] = (),
    progress: Progress = lambda stage, done, total: None,
) -> dict[str, Any]:
    """Run every store, or ``only`` these and ours, over files of conversations."""
    start = time.perf_counter()
    conversations = [one for path in paths for one in read_conversations(path)]
    chosen = [peer for peer in peers() if not only or peer.name in (*only, OURS)]
    vectors = CachedEmbedder(embedder, cache_folder, lambda count: progress("embedding", count, 0))
    with tempfile.TemporaryDirectory(prefix="holdfast-peers-") as folder:
        exchange = Path(folder) / "exchange"
        asked = write_exchange(conversations, vectors, exchange)
        embed_ms = _embedding_ms(embedder, spread([question for question, _ in asked]))
        steps = _Steps(chosen, progress, 2 + ROUNDS + COLD_STARTS)
        stores = {peer.name: Path(folder) / peer.name for peer in chosen}
        places = steps.each("installing", lambda peer: install(peer, cache_folder / "peers"))
        pythons = {name: place / "bin" / "python" for name, place in places.items()}
        ran = steps.each("writing", lambda peer: fill(peer.name, pythons[peer.name], exchange, stores[peer.name]))
        # Turn about, so that what else the machine does meets all of them.
        for _ in range(ROUNDS):
            found = steps.each(
                "searching", lambda peer: _run(peer.name, pythons[peer.name], exchange, stores[peer.name], "search")
            )
            for name, one in found.items():
                ran[name].setdefault("rounds", []).append(one)
        for _ in range(COLD_STARTS):
            found = steps.each(
                "starting", lambda peer: _run(peer.name, pythons[peer.name], exchange, stores[peer.name], "cold")
            )
            for name, one in found.items():
                ran[name].setdefault("colds", []).append(one)
        results: dict[str, Any] = {}
        for peer in chosen:
            if peer.name in steps.failed:
                results[peer.name] = {"failed": steps.failed[peer.name], "note": peer.note}
                continue
            installed = json.loads((places[peer.name] / "installed.json").read_text("utf-8"))
            results[peer.name] = {**installed, **summary(ran[peer.name], asked, embed_ms), "note": peer.note}
    return {
        "version": version("holdfast"), "model": embedder.fingerprint, "isolated": bool(_without_network()),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}",
        "data": [path.name for path in paths], "conversations": len(conversations),
        "entries": sum(len(one.turns) for one in conversations), "questions": len(asked),
        "embed_query_ms": {"p50": _percentile(embed_ms, 50), "p95": _percentile(embed_ms, 95)},
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0,
        "opted_out": sorted(QUIET), "peers": results, "took_s": round(time.perf_counter() - start, 1),
    }  # fmt: skip


def write_exchange(
    conversations: Sequence[Conversation], vectors: CachedEmbedder, folder: Path
) -> list[tuple[str, list[int]]]:
    """Write what the runners read; returns each answerable question with the places of its evidence."""
    folder.mkdir(parents=True)
    texts: dict[str, None] = {}
    entries: list[dict[str, Any]] = []
    questions: list[dict[str, Any]] = []
    asked: list[tuple[str, list[int]]] = []
    for number, conversation in enumerate(conversations):
        first = len(entries)
        place_by_id = {turn.id: first + place for place, turn in enumerate(conversation.turns)}
        entries += [
            {
                "conversation": number, "session": turn.session, "author": turn.author or "user", "body": turn.body,
                "caption": turn.caption, "when_ms": turn.said_ms, "text": turn.text,
            }
            for turn in conversation.turns
        ]  # fmt: skip
        texts.update(dict.fromkeys(turn.text for turn in conversation.turns))
        for one in ask_all([conversation], vectors):
            # Holdfast embeds a question in the first person; the others embed it as it is asked.
            texts.update(dict.fromkeys((one.question.text, one.query.dense_text)))
            when_ms = one.question.asked_ms
            questions.append({"conversation": number, "question": one.question.text, "when_ms": when_ms})
            asked.append((one.question.text, [place_by_id[name] for name in one.question.evidence]))
    matrix = vectors.embed(list(texts))
    vectors.save()
    (folder / "vectors.f32").write_bytes(matrix.astype("<f4").tobytes())
    (folder / "model.json").write_text(
        json.dumps({"fingerprint": vectors.fingerprint, "dimensions": vectors.dimensions}), "utf-8"
    )
    for name, rows in (("texts", texts), ("entries", entries), ("questions", questions)):
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(lines, "utf-8")
    return asked


def _embedding_ms(embedder: Embedder, questions: Iterable[str]) -> list[float]:
    took: list[float] = []
    embedder.embed_query("the first call loads the model")
    for question in questions:
        start = time.perf_counter()
        embedder.embed_query(question)
        took.append((time.perf_counter() - start) * 1000)
    return took


def install(peer: Peer, folder: Path) -> Path:
    """Return the environment of a store, made where it is missing; ours is brought up to date each time.

    Raises:
        Failed: it cannot be installed.
    """
    place = folder / peer.name
    packages = [*peer.packages]
    done = place / "installed.json"
    if done.exists() and peer.name != OURS:
        return place
    shutil.rmtree(place, ignore_errors=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    uv = shutil.which("uv") or shutil.which("uv", path=str(ROOT / ".tools" / "bin"))
    python = str(place / "bin" / "python")
    if uv:
        _call([uv, "venv", "--quiet", "--python", sys.executable, str(place)])
        _call([uv, "pip", "install", "--quiet", "--python", python, *packages])
    else:
        _call([sys.executable, "-m", "venv", str(place)])
        _call([python, "-m", "pip", "install", "--quiet", *packages])
    site = next((place / "lib").glob("python*/site-packages"))
    distributions = sorted(one for one in site.glob("*.dist-info") if not one.name.startswith(("pip-", "setuptools-")))
    size = sum(file.stat().st_size for file in site.rglob("*") if file.is_file() and not file.is_symlink())
    first = _package_name(peer, distributions)
    found = {"installed_mb": size / 1e6, "packages": len(distributions), "version": first}
    done.write_text(json.dumps(found), "utf-8")
    return place


def _package_name(peer: Peer, distributions: Sequence[Path]) -> str:
    """Name and version of the store's own distribution."""
    wanted = (OURS if peer.name == OURS else peer.packages[0]).replace("-", "_").lower()
    names = [one.name.removesuffix(".dist-info") for one in distributions]
    return next((name.replace("-", " ") for name in names if name.lower().partition("-")[0] == wanted), "unknown")


def _call(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=INSTALL_S, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failed(f"cannot be installed: {error}") from error
    if done.returncode:
        raise Failed(f"cannot be installed: {_last_words(done.stderr)}")


def fill(name: str, python: Path, exchange: Path, store: Path) -> dict[str, Any]:
    """Fill a store and search it; measures its disk once it is closed.

    Raises:
        Failed: it ended with an error, or was not done in `RUN_S` seconds.
    """
    ran = _run(name, python, exchange, store, "fill")
    ran["disk_mb"] = sum(file.stat().st_size for file in store.rglob("*") if file.is_file()) / 1e6
    return ran


def _run(name: str, python: Path, exchange: Path, store: Path, mode: str) -> dict[str, Any]:
    home = store.parent / f"{name}-home"
    home.mkdir(exist_ok=True)
    kept = {
        key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "OPENAI", "MEM0", "CHROMA"))
    }
    settings = kept | QUIET | {"HOME": str(home), "MEM0_DIR": str(home / "mem0"), "XDG_CACHE_HOME": str(home / "cache")}
    command = [*_without_network(), str(python), str(RUNNER), name, str(exchange), str(store), mode]
    try:
        done = subprocess.run(
            [*command, repr(time.monotonic())], capture_output=True, text=True, timeout=RUN_S, check=False,
            env=settings, cwd=home, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failed(f"did not run: {error}") from error
    if done.returncode:
        raise Failed(f"ended with {done.returncode}: {_last_words(done.stderr)}")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


@cache
def _without_network() -> tuple[str, ...]:
    """What to put before a command so that it has no network; nothing where the system does not let us."""
    command = ("unshare", "--map-root-user", "--net")
    try:
        return command if subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0 else ()
    except OSError:
        return ()


def _last_words(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " | ".join(lines[-3:])[-500:] or "it said nothing"


def summary(ran: dict[str, Any], asked: Sequence[tuple[str, list[int]]], embed_ms: Sequence[float]) -> dict[str, Any]:
    """Return the figures of a run: recall in percent, rates a second, times in ms, sizes in MB."""
    pairs = [(found, gold) for found, (_, gold) in zip(ran["found"], asked, strict=True)]
    shares = {cut: np.mean([len(set(gold) & set(found[:cut])) / len(gold) for found, gold in pairs]) for cut in CUTS}
    rounds, colds = ran["rounds"], ran["colds"][1:] or ran["colds"]  # the first cold start wrote bytecode
    whole = [[ms + embed for ms, embed in zip(one["search_ms"], embed_ms, strict=False)] for one in rounds]
    return {
        **{f"R@{cut}": 100 * float(value) for cut, value in shares.items()},
        "search_p50_ms": median(_percentile(one["search_ms"], 50) for one in rounds),
        "search_p95_ms": median(_percentile(one["search_ms"], 95) for one in rounds),
        "search_cpu_ms": median(one["search_cpu_ms"] for one in rounds),
        "whole_p50_ms": median(_percentile(one, 50) for one in whole),
        "whole_p95_ms": median(_percentile(one, 95) for one in whole),
        "cold_ms": median(cold["total_ms"] for cold in colds),
        "cold_rss_mb": median(cold["rss_mb"] - cold["exchange_mb"] for cold in colds),
        "network_attempts": sorted({one for part in (ran, *rounds, *colds) for one in part["network_attempts"]}),
        **{key: ran[key] for key in ("single_per_s", "batch_per_s", "disk_mb", "rss_mb")},
    }


def _percentile(values: Sequence[float], percent: float) -> float:
    return float(np.percentile(values, percent)) if len(values) else float("nan")
