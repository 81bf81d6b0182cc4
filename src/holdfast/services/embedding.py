"""Vectors follow the texts: in the background, and a little at recall."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from holdfast.core.codec import readable_content
from holdfast.core.decide import expect_model, set_model
from holdfast.core.vectors import quantise
from holdfast.errors import Closed, EmbedderRefused, InvalidVector
from holdfast.model.events import Event, SetModel
from holdfast.model.holdings import Holding
from holdfast.model.insight import Summary
from holdfast.model.records import entry_text
from holdfast.ports.embedder import Embedder, Vectors
from holdfast.ports.store import Entry, StoredVectors
from holdfast.services.breaker import Breaker, Standing, breaker_of
from holdfast.services.ledger import Ledger
from holdfast.services.model_calls import MODEL_FAILURES, asked, checked_vectors
from holdfast.services.refused_texts import RefusedTexts

A = TypeVar("A")
B = TypeVar("B")
_Known = dict[str, NDArray[np.float32]]
_Used = list[NDArray[np.float32]]

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
STAND_IN = "word"
"""What a model is asked for to see whether it works at all."""
_OF_THE_TEXT = (EmbedderRefused, InvalidVector)
"""Failures that may be those of a text and not of the model."""


class Embedding:
    """Gives memories their vectors, without ever standing in the way of a write.

    Args:
        embedder: None where there is no model; then nothing happens here.
        why_none: Why there is none, in words.

    Attributes:
        breaker: What leaves the model alone when it keeps failing; None where there is no model.
        failure: What the background failed with when it last tried, in words; None where it did not.
    """

    def __init__(self, ledger: Ledger, embedder: Embedder | None, why_none: str | None) -> None:
        self._ledger = ledger
        self.embedder = embedder
        self.why_none = why_none
        self.failure: str | None = None
        self.breaker: Breaker | None = None
        self._bound = False
        self._one_at_a_time = threading.Lock()
        self._refused = RefusedTexts(ledger.clock)
        self._wake = threading.Event()
        self._idle = threading.Condition()
        self._stopping = False
        self._is_through = False
        self._again = False
        self._ahead: Callable[[], object] | None = None
        self._asking = threading.local()
        # Made here and started when needed: an interrupt between the two leaves one that can still be started.
        self._thread = threading.Thread(target=self._follow, name="holdfast-embedding", daemon=True)
        self._warming: threading.Thread | None = None
        if embedder is not None:
            self.breaker = breaker_of(embedder, ledger.clock)
            self.breaker.tell(self._breaker_changed)
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
        self._is_through = False
        self._wake.set()
        if self._thread.ident is None:
            with self._idle:
                if self._thread.ident is None:
                    self._thread.start()

    def ahead(self, work: Callable[[], object]) -> None:
        """Let something be done in the background before the next text; of several that wait the newest alone."""
        self._ahead = work
        self.written()

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
            if thread is not None and thread.is_alive() and thread is not threading.current_thread():
                thread.join(CLOSE_S)

    def _breaker_changed(self) -> None:
        """The model begins to be left alone, so somebody must see when it works again; or it does."""
        with self._idle:
            self._again = True
            self._idle.notify_all()
        self.written()

    def _follow(self) -> None:
        failures = 0
        while not self._stopping:
            self._wake.wait(self._refused.until_again_s())
            self._wake.clear()
            try:
                if (work := self._ahead) is not None:
                    self._is_through, self._ahead = False, None
                    work()
                self._see_whether_it_works()
                while not self._stopping and not self._ledger.store.read_only and self.embed_some(BATCH, BATCH_S):
                    failures = 0
                self.failure = None
            except Closed:
                return
            except BaseException as error:  # noqa: BLE001 - the edge of a thread: whatever it was, the next try may work
                # The texts are safe in the space; wait and try again, recall says that it is degraded.
                self.failure = f"{type(error).__name__}: {error}"
                self._rest(WAIT_S[min(failures, len(WAIT_S) - 1)])
                failures += 1
                self._wake.set()
                continue
            self._through()

    def _rest(self, pause_s: float) -> None:
        """Wait after a failure, until the breaker lets somebody through or says that the model works again."""
        if self.breaker is not None:
            # While another call tries the model there is no rest to wait for, but that one's end.
            pause_s = self.breaker.rest_s or pause_s
        self._through()
        with self._idle:
            self._idle.wait_for(lambda: self._stopping or self._again, pause_s if not self._stopping else 0)
            self._again = False

    def _through(self) -> None:
        """Tell who waits that there is nothing to wait for, for now."""
        with self._idle:
            self._is_through = True
            self._idle.notify_all()

    def noted_in(self, summary: Summary) -> Summary:
        """A summary that says how the model stands."""
        if self.breaker is None:
            return summary
        return replace(summary, breaker=self.breaker.standing.value, model_failure=self.breaker.failure)

    # On demand

    def ask(self, call: Callable[[A], B], given: A) -> B:
        """Let the model do something, if it is not left alone.

        Raises:
            EmbedderError: whatever it failed with.
        """
        assert self.embedder is not None
        assert self.breaker is not None
        with self.breaker.asking():
            return asked(self.embedder, call, given)

    def catch_up(self, most: int, seconds: float) -> None:
        """Embed what still waits, or wait while the background does; for so long, about.

        Raises:
            EmbedderError, InvalidVector, StoreError, ModelMismatch.
        """
        if not hasattr(self.embedder, "batch_size"):
            self.embed_some(most, seconds, patience_s=seconds)
            return
        if self.breaker is None or self.breaker.standing is not Standing.CLOSED:
            return  # why, the question's own vector says
        # Nobody knows when a model behind a network answers.
        self.written()
        with self._idle:
            self._idle.wait_for(lambda: self._is_through, seconds)

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
            self._see_whether_it_works()
            with self._ledger.store.reading() as reader:
                after, batch = 0, list[tuple[Holding, Event]]()
                while not batch:
                    waiting = reader.backlog(most, after)
                    if not waiting:
                        self._refused.drop_due()
                        return 0
                    after = waiting[-1].n
                    current = reader.current([held.n for held in waiting if not self._refused.has(held)])
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
                self._refused.give_up(held)
            else:
                some.append((held, (content.author, content.text, content.caption)))
        try:
            vectors.extend(self._made(embedder, [entry_text(*entry) for _, entry in some]))
            ready.extend(some)
        except _OF_THE_TEXT:
            # Is it these texts, or the model?
            self._see_whether_it_works(surely=True)
            if len(some) > 1:
                self._embed_singly(embedder, batch, ready, vectors)
            else:
                self._refused.refuse([some[0][0]])

    def vectors_of(self, embedder: Embedder, texts: Sequence[str]) -> Vectors:
        """What a model makes of texts.

        Raises:
            EmbedderError, InvalidVector.
        """
        return checked_vectors(asked(embedder, embedder.embed, texts), len(texts), embedder)

    def _made(self, embedder: Embedder, texts: Sequence[str]) -> Vectors:
        assert self.breaker is not None
        with self.breaker.asking(unjudged=_OF_THE_TEXT):
            return self.vectors_of(embedder, texts)

    def _embed_singly(
        self,
        embedder: Embedder,
        batch: Sequence[tuple[Holding, Event]],
        ready: list[tuple[Holding, Entry]],
        vectors: list[NDArray[np.float32]],
    ) -> None:
        """Find the texts that a batch failed for, so that they do not keep the others waiting."""
        failed = list[Holding]()
        for held, event in batch:
            content = readable_content(event)
            if content is None:
                continue
            entry = content.author, content.text, content.caption
            try:
                vectors.extend(self._made(embedder, [entry_text(*entry)]))
                ready.append((held, entry))
            except _OF_THE_TEXT:
                failed.append(held)
        if failed:
            # It may have ceased to work meanwhile, and then these are not to blame.
            self._see_whether_it_works(surely=True)
        self._refused.refuse(failed)

    def _see_whether_it_works(self, *, surely: bool = False) -> None:
        """Ask the model for a text that any model takes, where it is left alone or, ``surely``, in any case.

        Raises:
            EmbedderError, InvalidVector: it does not work.
        """
        if self.embedder is None or self.breaker is None:
            return
        if surely or self.breaker.standing is not Standing.CLOSED:
            with self.breaker.asking():
                checked_vectors(asked(self.embedder, self.embedder.embed, [STAND_IN]), 1, self.embedder)

    def _store(self, embedder: Embedder, ready: Sequence[tuple[Holding, Entry]], vectors: Vectors) -> None:
        values, scales = quantise(vectors)
        for held, _ in ready:
            self._refused.taken(held)
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
            name, dimensions = embedder.fingerprint, self.ask(lambda _: embedder.dimensions, None)
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
        assert self.breaker is not None
        known, used = cast("tuple[_Known, _Used]", getattr(self._asking, "known", (_Known(), _Used())))
        vector = known.get(text)  # which another thread may let go of at any time
        if vector is None:
            with self.breaker.asking():
                made = checked_vectors([asked(self.embedder, self.embedder.embed_query, text)], 1, self.embedder)
            known[text] = vector = made[0]
        used.append(vector)
        return vector

    @contextmanager
    def knowing(self, known: _Known) -> Generator[_Used]:
        """Let this thread's queries find their vectors here, and leave here what is made; gives those that are used."""
        used = _Used()
        self._asking.known = known, used
        try:
            yield used
        finally:
            del self._asking.known

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
            refused = reader.current(self._refused.numbers())
            return reader.backlog_size() - sum(held.live and self._refused.has(held) for held, _ in refused.values())
