"""Runs one store over prepared texts and vectors, inside an environment of its own: see `bench.peers`.

``python peer_runner.py PEER EXCHANGE STORE MODE STARTED`` prints one line of JSON last. It needs the standard library
and the peer, nothing else of this project. EXCHANGE holds ``entries.jsonl`` (conversation, session, author, body,
caption, when_ms, text), ``questions.jsonl`` (conversation, question, when_ms), ``texts.jsonl`` and ``vectors.f32``: a
row of little-endian floats for each text. MODE ``fill`` writes and searches everything, ``search`` times some
searches in a process of its own, ``cold`` answers one question.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from array import array
from pathlib import Path

SINGLE = 300
"""Entries that are written one by one; the others go in batches."""
BATCH = 100
TOP = 20
TIMED = 200
"""Searches of one round."""
ATTEMPTS = []


def refuse_network():
    """Let nothing leave the machine: a connection to another address family than a local socket is refused."""
    connect = socket.socket.connect

    def refused(self, address):
        if self.family == getattr(socket, "AF_UNIX", None):
            return connect(self, address)
        ATTEMPTS.append(str(address))
        raise ConnectionRefusedError(f"the benchmark lets nothing reach {address}")

    def unresolved(host, *rest, **more):
        ATTEMPTS.append(str(host))
        raise socket.gaierror(f"the benchmark lets nothing resolve {host}")

    socket.socket.connect = refused
    socket.socket.connect_ex = refused
    socket.getaddrinfo = unresolved


class Vectors:
    """The prepared vector of each text; another text is an error."""

    def __init__(self, folder):
        self.dimensions = json.loads((folder / "model.json").read_text("utf-8"))["dimensions"]
        self.fingerprint = json.loads((folder / "model.json").read_text("utf-8"))["fingerprint"]
        texts = lines_of(folder / "texts.jsonl")
        # Some stores trim what they are given.
        self._rows = {text.strip(): place for place, text in enumerate(texts)}
        self._rows |= {text: place for place, text in enumerate(texts)}
        self._values = array("f")
        with (folder / "vectors.f32").open("rb") as file:
            self._values.frombytes(file.read())
        if sys.byteorder == "big":
            self._values.byteswap()

    def of(self, text):
        """A list of floats."""
        start = self._rows[text] * self.dimensions
        return self._values[start : start + self.dimensions].tolist()

    def of_all(self, texts):
        return [self.of(text) for text in texts]


def lines_of(path):
    with path.open(encoding="utf-8", newline="\n") as file:
        return [json.loads(line) for line in file]


class Chroma:
    """chromadb: one collection a conversation, cosine, its other settings as they come."""

    def __init__(self, store, vectors):
        import chromadb
        from chromadb.config import Settings

        self._vectors = vectors
        self._client = chromadb.PersistentClient(path=str(store), settings=Settings(anonymized_telemetry=False))
        self._collections = {}

    def _of(self, conversation):
        if conversation not in self._collections:
            # Without an embedding function of ours chromadb would load its own model from a hub.
            self._collections[conversation] = self._client.get_or_create_collection(
                f"conversation-{conversation}", embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
            )
        return self._collections[conversation]

    def add(self, places, entries):
        self._of(entries[0]["conversation"]).add(
            ids=[str(place) for place in places],
            embeddings=self._vectors.of_all(entry["text"] for entry in entries),
            documents=[entry["text"] for entry in entries],
        )

    def search(self, question):
        found = self._of(question["conversation"]).query(
            query_embeddings=[self._vectors.of(question["question"])], n_results=TOP
        )
        return [int(name) for name in found["ids"][0]]

    def settle(self):
        pass

    def close(self):
        close = getattr(self._client, "close", None)
        if close:
            close()


class Mem0:
    """mem0: infer=False, qdrant in a local folder, a user a conversation."""

    def __init__(self, store, vectors):
        from mem0 import Memory
        from mem0.embeddings.base import EmbeddingBase
        from mem0.utils.factory import EmbedderFactory

        class Given(EmbeddingBase):
            def embed(self, text, memory_action=None):
                return vectors.of(text)

        module = sys.modules[__name__]
        module.Given = Given
        # mem0 knows a fixed list of providers; ours stands in for one of them.
        EmbedderFactory.provider_to_class["huggingface"] = f"{__name__}.Given"
        settings = {
            "vector_store": {
                "provider": "qdrant",
                "config": {
                    "path": str(store / "qdrant"),
                    "embedding_model_dims": vectors.dimensions,
                    "on_disk": True,
                },
            },
            "embedder": {"provider": "huggingface", "config": {}},
            "llm": {"provider": "openai", "config": {"api_key": "never used: infer is off"}},
            "history_db_path": str(store / "history.db"),
        }
        self._memory = Memory.from_config(settings)
        self._places_file = store / "places.json"
        self._places = json.loads(self._places_file.read_text()) if self._places_file.exists() else {}

    def add(self, places, entries):
        messages = [{"role": "user", "content": entry["text"]} for entry in entries]
        added = self._memory.add(messages, user_id=f"conversation-{entries[0]['conversation']}", infer=False)
        self._places |= {row["id"]: place for row, place in zip(added["results"], places, strict=True)}

    def search(self, question):
        found = self._memory.search(
            question["question"],
            filters={"user_id": f"conversation-{question['conversation']}"},
            top_k=TOP,
            threshold=0.0,
        )
        return [self._places[row["id"]] for row in found["results"]]

    def settle(self):
        pass

    def close(self):
        self._places_file.write_text(json.dumps(self._places))
        self._memory.vector_store.client.close()
        self._memory.close()


class LangGraph:
    """langgraph's SqliteStore: a namespace a conversation, cosine over the text."""

    def __init__(self, store, vectors):
        import sqlite3

        if not hasattr(sqlite3.Connection, "enable_load_extension"):
            # An interpreter built without extensions cannot load sqlite-vec.
            import pysqlite3 as sqlite3
        from langchain_core.embeddings import Embeddings
        from langgraph.store.base import PutOp
        from langgraph.store.sqlite import SqliteStore

        class Given(Embeddings):
            def embed_documents(self, texts):
                return vectors.of_all(texts)

            def embed_query(self, text):
                return vectors.of(text)

        self._put = PutOp
        self._connection = sqlite3.connect(str(store / "store.db"), check_same_thread=False, isolation_level=None)
        index = {"dims": vectors.dimensions, "embed": Given(), "text_fields": ["text"]}
        self._store = SqliteStore(self._connection, index=index)
        self._store.setup()

    def add(self, places, entries):
        namespace = ("conversation", str(entries[0]["conversation"]))
        if len(entries) == 1:
            self._store.put(namespace, str(places[0]), {"text": entries[0]["text"]})
            return
        self._store.batch(
            [
                self._put(namespace, str(place), {"text": entry["text"]})
                for place, entry in zip(places, entries, strict=True)
            ]
        )

    def search(self, question):
        namespace = ("conversation", str(question["conversation"]))
        return [int(item.key) for item in self._store.search(namespace, query=question["question"], limit=TOP)]

    def settle(self):
        pass

    def close(self):
        self._connection.close()


class Holdfast:
    """Holdfast: a space a conversation, by the public API."""

    def __init__(self, store, vectors):
        import numpy

        class Given:
            fingerprint = vectors.fingerprint
            dimensions = vectors.dimensions

            def prepare(self):
                pass

            def embed(self, texts):
                return numpy.array(vectors.of_all(texts), numpy.float32).reshape(len(texts), self.dimensions)

            def embed_query(self, text):
                return numpy.array(vectors.of(text), numpy.float32)

        self._embedder = Given()
        self._store = store
        self._spaces = {}
        self._places_file = store / "places.json"
        self._places = json.loads(self._places_file.read_text()) if self._places_file.exists() else {}

    def _of(self, conversation):
        from holdfast import Memory

        if conversation not in self._spaces:
            self._spaces[conversation] = Memory.open(self._store / f"{conversation}.db", embedder=self._embedder)
        return self._spaces[conversation]

    def add(self, places, entries):
        from holdfast.model.reports import Turn

        memory = self._of(entries[0]["conversation"])
        if len(entries) == 1:
            (entry,) = entries
            record = memory.session(entry["session"]).add(
                entry["author"], entry["body"], when=_when(entry), caption=entry["caption"]
            )
            self._places[record.id] = places[0]
            return
        # A session's turns are one write; a batch may touch several sessions.
        start = 0
        while start < len(entries):
            session = entries[start]["session"]
            end = start
            while end < len(entries) and entries[end]["session"] == session:
                end += 1
            records = memory.session(session).add_many(
                Turn(
                    speaker=entry["author"],
                    text=entry["body"],
                    when_ms=entry["when_ms"] or None,
                    caption=entry["caption"],
                )
                for entry in entries[start:end]
            )
            self._places |= {record.id: place for record, place in zip(records, places[start:end], strict=True)}
            start = end

    def search(self, question):
        found = self._of(question["conversation"]).recall(question["question"], limit=TOP, now=_when(question))
        if found.degraded:
            raise RuntimeError(found.degraded)
        return [self._places[hit.id] for hit in found]

    def settle(self):
        for memory in self._spaces.values():
            memory.settle()

    def close(self):
        self._places_file.write_text(json.dumps(self._places))
        for memory in self._spaces.values():
            memory.close()


def _when(row):
    from datetime import UTC, datetime

    return datetime.fromtimestamp(row["when_ms"] / 1000, UTC) if row["when_ms"] else None


PEERS = {"holdfast": Holdfast, "chromadb": Chroma, "mem0": Mem0, "langgraph": LangGraph}


def status_mb(field):
    """A size from the kernel's account of this process, megabytes of 1,000,000 bytes; 0 where there is none."""
    path = Path("/proc/self/status")
    if not path.exists():
        return 0.0
    line = next(line for line in path.read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) * 1024 / 1e6


def fill(peer, entries, questions):
    """Write everything, ask everything."""
    single_s, start = [], time.perf_counter()
    for place in range(min(SINGLE, len(entries))):
        before = time.perf_counter()
        peer.add([place], [entries[place]])
        single_s.append(time.perf_counter() - before)
    peer.settle()
    single_total_s = time.perf_counter() - start
    start = time.perf_counter()
    place = len(single_s)
    while place < len(entries):
        end = place
        while end < min(place + BATCH, len(entries)) and entries[end]["conversation"] == entries[place]["conversation"]:
            end += 1
        peer.add(list(range(place, end)), entries[place:end])
        place = end
    peer.settle()
    batch_total_s = time.perf_counter() - start
    batched = len(entries) - len(single_s)
    return {
        "found": [peer.search(question) for question in questions],
        "single_per_s": len(single_s) / single_total_s if single_s else None,
        "batch_per_s": batched / batch_total_s if batched else None,
        "rss_mb": status_mb("VmRSS"),
    }


def spread(questions):
    """Those that are timed: at most `TIMED`, evenly from all conversations."""
    return questions[:: max(1, len(questions) // TIMED)][:TIMED]


def timed(peer, questions):
    """Ask some of the questions, spread evenly, each timed."""
    chosen = spread(questions)
    for question in chosen[:20]:  # the first few load code and caches
        peer.search(question)
    search_ms, before_cpu = [], time.process_time()
    for question in chosen:
        before = time.perf_counter()
        peer.search(question)
        search_ms.append((time.perf_counter() - before) * 1000)
    return {"search_ms": search_ms, "search_cpu_ms": (time.process_time() - before_cpu) * 1000 / len(chosen)}


def main(name, exchange, store, mode, started):
    refuse_network()
    exchange, store = Path(exchange), Path(store)
    questions = lines_of(exchange / "questions.jsonl")
    result = {}
    if mode == "fill":
        store.mkdir(parents=True)
        vectors = Vectors(exchange)
        peer = PEERS[name](store, vectors)
        result = fill(peer, lines_of(exchange / "entries.jsonl"), questions)
        peer.close()
    elif mode == "search":
        peer = PEERS[name](store, Vectors(exchange))
        result = timed(peer, questions)
        peer.close()
    else:
        # What belongs to the benchmark is loaded first and taken off: only the store's own start counts.
        before = time.monotonic()
        vectors = Vectors(exchange)
        ours_s = time.monotonic() - before
        ours_mb = status_mb("VmRSS")
        peer = PEERS[name](store, vectors)
        hits = peer.search(questions[0])
        result = {
            "total_ms": (time.monotonic() - float(started) - ours_s) * 1000,
            "rss_mb": status_mb("VmRSS"),
            "exchange_mb": ours_mb,
            "hits": len(hits),
        }
    result["network_attempts"] = sorted(set(ATTEMPTS))
    print("\n" + json.dumps(result))
    sys.stdout.flush()
    if mode == "cold":
        os._exit(0)  # what a store does while it closes is not its first answer


if __name__ == "__main__":
    sys.modules["peer_runner"] = sys.modules["__main__"]
    main(*sys.argv[1:])
