"""Vectors follow the texts: in the background, and a little at recall."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from holdfast.core.codec import readable_content
from holdfast.core.decide import expect_model, set_model
from holdfast.core.vectors import quantise
from holdfast.errors import Closed, EmbedderError, EmbedderRefused, HoldfastError, InvalidVector
from holdfast.model.events import Event, SetModel
from holdfast.model.holdings import Holding
from holdfast.model.records import entry_text
from holdfast.ports.embedder import Embedder, Vectors
from holdfast.ports.store import Entry, StoredVectors
from holdfast.services.ledger import Ledger

A = TypeVar("A")
B = TypeVar("B")

BATCH = 64
"""Texts between two commits of vectors, at most."""
SIDE_BY_SIDE = 8
"""Texts given to a model on this machine in one call, which it may embed on several cores."""
BATCH_S = 0.25
"""Seconds between two commits of vectors, about."""
WAIT_S = (1.0, 2.0, 5.0, 15.0, 60.0)
"""Seconds to wait after the first, second, … failure of the model in a row."""
CLOSE_S = 10.0
"""Seconds that closing waits for a model that is in the middle of a text."""


UNIT_WITHIN = 1e-2
"""How far from 1 the length of a vector may be."""
MODEL_FAILURES = (EmbedderError, InvalidVector)
"""What a model may fail with; the memory then goes on by words."""


class Embedding:
    """Gives memories their vectors, without ever standing in the way of a write.

    Args:
        embedder: None where there is no model; then nothing happens here.
        why_none: Why there is none, in words.
    """

    def __init__(self, ledger: Ledger, embedder: Embedder | None, why_none: str | None) -> None:
        self._ledger = ledger
        self.embedder = embedder
        self.why_none = why_none
        self.failure: str | None = None
        self._bound = False
        self._one_at_a_time = threading.Lock()
        self._refused: set[int] = set()
        self._wake = threading.Event()
        self._idle = threading.Condition()
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._warming: threading.Thread | None = None
        if embedder is not None:
            self._warm(embedder)
            with ledger.store.reading() as reader:
                model, waiting = reader.model(), reader.backlog_size()
            if model:
                expect_model(model.fingerprint, embedder.fingerprint)
            if waiting and not ledger.store.read_only:
                self.written()

    # In the background

    def written(self) -> None:
        """Something was written that may want a vector."""
        if self.embedder is None or self._stopping:
            return
        self._wake.set()
        if self._thread is None:
            with self._idle:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._follow, name="holdfast-embedding", daemon=True)
                    self._thread.start()

    def close(self) -> None:
        """Stop after the text at hand; the backlog is kept in the space.

        A model that does not come back is left behind: what it says later finds the space closed.
        """
        self._stopping = True
        self._wake.set()
        with self._idle:
            self._idle.notify_all()
        # An interpreter that ends while a thread is inside the model takes the process down with it.
        for thread in (self._thread, self._warming):
            if thread is not None and thread is not threading.current_thread():
                thread.join(CLOSE_S)

    def _follow(self) -> None:
        failures = 0
        while not self._stopping:
            self._wake.wait()
            self._wake.clear()
            try:
                while not self._stopping and self.embed_some(BATCH, BATCH_S):
                    failures = 0
                self.failure = None
            except Closed:
                return
            except Exception as error:  # noqa: BLE001 - the edge of a thread: whatever it was, the next try may work
                # The texts are safe in the space; wait and try again, recall says that it is degraded.
                self.failure = f"{type(error).__name__}: {error}"
                pause = WAIT_S[min(failures, len(WAIT_S) - 1)]
                failures += 1
                with self._idle:
                    self._idle.notify_all()
                    self._idle.wait_for(lambda: self._stopping, pause if not self._stopping else 0)
                self._wake.set()
                continue
            with self._idle:
                self._idle.notify_all()

    # On demand

    def embed_some(self, most: int, seconds: float, patience_s: float = -1) -> int:
        """Embed the oldest of the backlog, as many as come ready in the time; gives how many were tried.

        Args:
            patience_s: How long to wait for a thread that is embedding already; below 0 without end.

        Raises:
            EmbedderError, InvalidVector, StoreError, ModelMismatch.
        """
        if self.embedder is None or not self._one_at_a_time.acquire(timeout=patience_s):
            return 0
        try:
            with self._ledger.store.reading() as reader:
                after, batch = 0, list[tuple[Holding, Event]]()
                while not batch:
                    waiting = reader.backlog(most, after)
                    if not waiting:
                        return 0
                    after = waiting[-1].n
                    current = reader.current([held.n for held in waiting if held.n not in self._refused])
                    batch = [current[n] for n in sorted(current)]
            self._bind(self.embedder)
            clock, start = self._ledger.clock, self._ledger.clock.monotonic_s()
            ready, vectors = list[tuple[Holding, Entry]](), list[NDArray[np.float32]]()
            # A model behind a network is asked for as many as it takes at once.
            step = getattr(self.embedder, "batch_size", SIDE_BY_SIDE)
            try:
                for place in range(0, len(batch), step):
                    self._embed(self.embedder, batch[place : place + step], ready, vectors)
                    if self._stopping or clock.monotonic_s() - start >= seconds:
                        break
            finally:
                # What came before a failure is kept, or a model that fails now and then would never get on.
                if ready:
                    self._store(self.embedder, ready, np.stack(vectors))
            return len(batch)
        finally:
            self._one_at_a_time.release()

    def _embed(
        self,
        embedder: Embedder,
        batch: Sequence[tuple[Holding, Event]],
        ready: list[tuple[Holding, Entry]],
        vectors: list[NDArray[np.float32]],
    ) -> None:
        some = list[tuple[Holding, Entry]]()
        for held, event in batch:
            content = readable_content(event)
            if content is None:
                self._refused.add(held.n)
            else:
                some.append((held, (content.author, content.text, content.caption)))
        try:
            made = asked(embedder, embedder.embed, [entry_text(*entry) for _, entry in some])
            vectors.extend(checked_vectors(made, len(some), embedder))
            ready.extend(some)
        except (EmbedderRefused, InvalidVector) as error:
            if len(some) > 1:
                self._embed_singly(embedder, batch, ready, vectors)
            elif isinstance(error, EmbedderRefused):
                self._refused.add(some[0][0].n)
            else:
                raise

    def _embed_singly(
        self,
        embedder: Embedder,
        batch: Sequence[tuple[Holding, Event]],
        ready: list[tuple[Holding, Entry]],
        vectors: list[NDArray[np.float32]],
    ) -> None:
        """Find the texts that a batch failed for, so that they do not keep the others waiting."""
        failed, before = dict[int, InvalidVector](), len(ready)
        for one in batch:
            try:
                self._embed(embedder, [one], ready, vectors)
            except InvalidVector as error:
                failed[one[0].n] = error
        # A model that fails for every text is broken; one that fails for some cannot take those.
        if failed and len(ready) == before:
            raise next(iter(failed.values()))
        self._refused.update(failed)

    def _store(self, embedder: Embedder, ready: Sequence[tuple[Holding, Entry]], vectors: Vectors) -> None:
        values, scales = quantise(vectors)
        ns = [held.n for held, _ in ready]
        self._ledger.store.put_vectors(
            ns,
            [held.seq for held, _ in ready],
            [entry for _, entry in ready],
            StoredVectors(np.array(ns, np.int64), values, scales, 0),
            SetModel(embedder.fingerprint, embedder.dimensions),
        )

    def _bind(self, embedder: Embedder) -> None:
        if not self._bound:
            name, dimensions = embedder.fingerprint, embedder.dimensions
            self._ledger.write(lambda view, secret: (set_model(view, name, dimensions), None))
            self._bound = True

    def _warm(self, embedder: Embedder) -> None:
        """Load the model on a thread of its own, while the space is opened and its index read."""
        self._warming = threading.Thread(target=self._load, args=(embedder,), name="holdfast-warm", daemon=True)
        self._warming.start()

    def _load(self, embedder: Embedder) -> None:
        # Whatever is wrong with the model will be said to whoever asks it for a vector.
        with suppress(*MODEL_FAILURES):
            asked(embedder, lambda _: embedder.prepare(), None)

    def query_vector(self, text: str) -> NDArray[np.float32] | None:
        """The vector of a query, or None where there is no model.

        Raises:
            EmbedderError.
        """
        if self.embedder is None:
            return None
        vector = np.asarray(asked(self.embedder, self.embedder.embed_query, text))
        return checked_vectors(vector[np.newaxis], 1, self.embedder)[0]

    def settle(self, timeout_s: float | None, *, progress: Callable[[int, int], None] | None = None) -> int:
        """Wait until nothing waits for a vector; gives how many still do when time is up.

        Raises:
            EmbedderError, InvalidVector: the model fails.
        """
        if self.embedder is None or self._ledger.store.read_only:
            return self._waiting()
        clock = self._ledger.clock
        start, at_first = clock.monotonic_s(), self._waiting()
        waiting = at_first
        while waiting and (timeout_s is None or clock.monotonic_s() - start < timeout_s):
            step_s = BATCH_S if timeout_s is None else min(BATCH_S, timeout_s)
            self.embed_some(BATCH, step_s, patience_s=step_s)
            waiting = self._waiting()
            if progress:
                progress(at_first - waiting, at_first)
        return waiting

    def _waiting(self) -> int:
        with self._ledger.store.reading() as reader:
            refused = reader.current(sorted(self._refused))
            return reader.backlog_size() - sum(held.live for held, _ in refused.values())


def asked(embedder: Embedder, call: Callable[[A], B], given: A) -> B:
    """What a model answers.

    Raises:
        EmbedderError: whatever it failed with.
    """
    try:
        return call(given)
    except HoldfastError:
        raise
    except Exception as error:  # a model is foreign code; its memories go on by words
        raise EmbedderError(
            f"The model {embedder.fingerprint} failed ({type(error).__name__}: {error}). "
            "Stored memories are kept and will be embedded later."
        ) from error


def checked_vectors(vectors: Vectors, count: int, embedder: Embedder) -> Vectors:
    """What a model returned, if it is what the port promises.

    Raises:
        InvalidVector: wrong shape, values that are not finite numbers, or a length that is not 1.
    """
    try:
        vectors = np.asarray(vectors, np.float32)
    except (TypeError, ValueError) as error:
        raise InvalidVector(
            f"The model {embedder.fingerprint} gave no rectangle of numbers ({error}). Nothing was written."
        ) from None
    if vectors.shape != (count, embedder.dimensions):
        raise InvalidVector(
            f"The model {embedder.fingerprint} gave vectors of shape {vectors.shape}; expected "
            f"{(count, embedder.dimensions)}. Nothing was written."
        )
    # Of a single one, a question's, one sum tells both; what it does not clear is looked at more closely.
    if count == 1 and abs(float(np.vdot(vectors, vectors)) - 1) <= UNIT_WITHIN:
        return vectors
    if not np.isfinite(vectors).all():
        raise InvalidVector(f"The model {embedder.fingerprint} gave values that are not finite. Nothing was written.")
    lengths = np.linalg.norm(vectors, axis=1)
    if count and float(np.abs(lengths - 1).max()) > UNIT_WITHIN:
        worst = float(lengths[int(np.abs(lengths - 1).argmax())])
        raise InvalidVector(
            f"The model {embedder.fingerprint} gave a vector of length {worst:.4g}; vectors have length 1. "
            "Nothing was written."
        )
    return vectors
