"""Measured twins of the services: what they do and how long it takes, told to a `Metrics`.

A space without metrics is made of the plain services, so that measuring costs nothing where it is off.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast.errors import HoldfastError
from holdfast.model.erasure import ForgetReceipt
from holdfast.model.events import Event
from holdfast.model.recollection import Recollection
from holdfast.model.records import Record
from holdfast.ports import metrics as port
from holdfast.ports.clock import Clock
from holdfast.ports.embedder import Embedder, Vectors
from holdfast.ports.metrics import Labels, Metrics, outcome_of
from holdfast.ports.store import SpaceStore
from holdfast.services.closer_look import NO_TOKENS, RESTLESS
from holdfast.services.embedding import Embedding
from holdfast.services.forgetting import Forgetting
from holdfast.services.ledger import Decision, Ledger, R
from holdfast.services.loop_guard import MindfulRecalling, MindfulRemembering

LOOK_S = 1.0
"""How a space stands is looked at no more often than this."""
LOOK_SHARE = 50.0
"""Nor before this many times as long has passed as the last look took: 2% of the time at most."""
NONE: Labels = {}
_REASONS = (
    ("no embedding model", "no_model"),
    ("the embedding model failed", "model_failed"),
    (NO_TOKENS, "no_tokens"),
    (RESTLESS, "restless"),
)
_WAITING = "have no vector yet"


class _Totals:
    """How all open spaces that tell one `Metrics` stand together: a label that named a space would name a user."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.members = set[int]()
        """Spaces that are open; one that could not be looked at yet has no share."""
        self.shares: dict[int, dict[str, float]] = {}

    def sums(self) -> dict[str, float]:
        sums = dict.fromkeys((port.MEMORIES.name, port.BACKLOG.name, port.SIZE.name), 0.0)
        for share in self.shares.values():
            for name, value in share.items():
                sums[name] += value
        return sums | {port.SPACES.name: float(len(self.shares))}


_totals: dict[int, tuple[object, _Totals]] = {}
"""By the identity of what states are shown by, which is kept with it so that no other takes its identity."""
_totals_lock = threading.Lock()


class Meter:
    """What one space tells a `Metrics`."""

    def __init__(self, metrics: Metrics, clock: Clock) -> None:
        self._metrics = metrics
        self._shared: object = getattr(metrics, "shared", metrics)
        self._clock = clock
        self._is_off = False
        self._store: SpaceStore | None = None
        self._look_at = 0.0
        self._looking = threading.Lock()

    # What is told

    def count(self, measure: port.Measure, by: int, labels: Labels = NONE) -> None:
        if by:
            self._safely(lambda: self._metrics.count(measure.name, by, labels))

    def observe(self, measure: port.Measure, value: float, labels: Labels = NONE) -> None:
        self._safely(lambda: self._metrics.observe(measure.name, value, labels))

    @contextmanager
    def timing(self, measure: port.Measure, labels: Labels, span: str | None = None) -> Generator[None]:
        """Tell how long the inside took and how it ended, in a span where one is named."""
        around = None if span is None else self._entered(span, labels)
        start, ended = self._clock.monotonic_s(), None
        try:
            yield
        except BaseException as error:
            ended = error
            raise
        finally:
            took_s = self._clock.monotonic_s() - start
            self.observe(measure, took_s, {**labels, "outcome": outcome_of(ended)})
            if around is not None:
                trace = None if ended is None else ended.__traceback__
                self._safely(lambda: around.__exit__(None if ended is None else type(ended), ended, trace))

    def verb(self, name: str) -> AbstractContextManager[None]:
        """Around a call of a user."""
        return self.timing(port.VERB, {"verb": name}, f"holdfast.{name}")

    def recalled(self, found: Recollection) -> None:
        """What a recall came to."""
        self.observe(port.HITS, len(found))
        self.observe(port.CONFIDENCE, found.confidence)
        if found.hits:
            self.observe(port.TOP_SCORE, found.hits[0].score)
        self.observe(port.TOKENS, found.tokens)
        for reason in reasons_of(found.degraded):
            self.count(port.DEGRADED, 1, {"reason": reason})

    # How spaces stand

    def join(self, store: SpaceStore) -> None:
        """Count a space among those that are open."""
        with _totals_lock:
            found = _totals.setdefault(id(self._shared), (self._shared, _Totals()))
            found[1].members.add(id(self))
        self._store = store
        self.look(at_once=True)

    def leave(self) -> None:
        """Count it no more."""
        if self._store is None:
            return
        self._store = None
        with _totals_lock:
            totals = _totals[id(self._shared)][1]
            with totals.lock:
                totals.members.discard(id(self))
                totals.shares.pop(id(self), None)
                self._tell(totals)
            if not totals.members:
                del _totals[id(self._shared)]

    def look(self, *, at_once: bool = False) -> None:
        """Tell how the space stands, unless that was done just now."""
        store, now = self._store, self._clock.monotonic_s()
        if store is None or self._is_off or (now < self._look_at and not at_once):
            return
        if not self._looking.acquire(blocking=False):
            return  # another thread is looking
        try:
            with store.reading() as reader:
                memories, backlog = reader.count(), reader.backlog_size()
            share = {
                port.MEMORIES.name: float(memories),
                port.BACKLOG.name: float(backlog),
                port.SIZE.name: float(store.size_bytes()),
            }
        except (HoldfastError, OSError):
            return  # it is closed meanwhile, or cannot be read; whoever called is told by the call itself
        finally:
            took_s = self._clock.monotonic_s() - now
            self._look_at = now + max(LOOK_S, LOOK_SHARE * took_s)
            self._looking.release()
        with _totals_lock:
            found = _totals.get(id(self._shared))
            if found is None or self._store is None:
                return
            with found[1].lock:
                found[1].shares[id(self)] = share
                self._tell(found[1])

    def _tell(self, totals: _Totals) -> None:
        for name, value in totals.sums().items():
            self._safely(lambda name=name, value=value: self._metrics.state(name, value, NONE))

    def _entered(self, name: str, labels: Labels) -> AbstractContextManager[object] | None:
        entered = list[AbstractContextManager[object]]()

        def enter() -> None:
            span = self._metrics.span(name, labels)
            span.__enter__()
            entered.append(span)

        self._safely(enter)
        return entered[0] if entered else None

    def _safely(self, tell: Callable[[], object]) -> None:
        if self._is_off:
            return
        try:
            tell()
        except Exception as error:  # noqa: BLE001 - foreign code: a write that is durable must not be told as failed
            self._is_off = True
            # Not the error's words, which may be anything.
            words = (
                f"Metrics failed ({type(error).__name__}) and are given nothing more for this space; memory goes on."
            )
            try:
                warnings.warn(words, RuntimeWarning, stacklevel=2)
            except RuntimeWarning as told:  # warnings are errors here, and this one must still reach no caller
                warnings.showwarning(told, RuntimeWarning, __file__, 0)


def reasons_of(degraded: str | None) -> list[str]:
    """Why an answer is degraded, as labels: no_model, model_failed, pending, no_tokens, restless or other."""
    if not degraded:
        return []
    known = [word for begin, word in _REASONS if begin in degraded]
    if _WAITING in degraded:
        known.append("pending")
    return known or [port.OTHER]


class MeasuredLedger(Ledger):
    """A `Ledger` whose commits are told."""

    def __init__(self, meter: Meter, *given: Any) -> None:
        super().__init__(*given)
        self._meter = meter

    def write_events(self, decide: Decision[R], pause: Callable[[], None] = lambda: None) -> tuple[R, Sequence[Event]]:
        with self._meter.timing(port.COMMIT, NONE):
            done = super().write_events(decide, pause)
        kinds: dict[str, int] = {}
        for event in done[1]:
            name = event.header.type.name.lower()
            kinds[name] = kinds.get(name, 0) + 1
        for name, count in kinds.items():
            self._meter.count(port.EVENTS, count, {"type": name})
        self._meter.look()
        return done

    def merge(self, *given: Any, **named: Any) -> int:
        with self._meter.timing(port.COMMIT, NONE):
            count = super().merge(*given, **named)
        self._meter.count(port.EVENTS, count, {"type": "merged"})
        self._meter.look()
        return count


class MeasuredEmbedding(Embedding):
    """An `Embedding` whose calls of the model are told."""

    def __init__(self, meter: Meter, *given: Any) -> None:
        self._meter = meter
        self._was_behind = False
        super().__init__(*given)

    def embed_some(self, most: int, seconds: float, patience_s: float = -1) -> int:
        tried = super().embed_some(most, seconds, patience_s)
        # The last look may have been before the last vectors.
        if tried or self._was_behind:
            self._meter.look(at_once=not tried)
        self._was_behind = tried > 0
        return tried

    def settle(self, timeout_s: float | None, *, progress: Callable[[int, int], None] | None = None) -> int:
        waiting = super().settle(timeout_s, progress=progress)
        # Another thread may have stored the last vectors, and not have looked since.
        self._meter.look(at_once=True)
        return waiting

    def vectors_of(self, embedder: Embedder, texts: Sequence[str]) -> Vectors:
        self._meter.count(port.EMBEDDED, len(texts), {"of": "text"})
        with self._meter.timing(port.EMBEDDING, {"of": "text"}):
            return super().vectors_of(embedder, texts)

    def query_vector(self, text: str) -> NDArray[np.float32] | None:
        if self.embedder is None:
            return None
        self._meter.count(port.EMBEDDED, 1, {"of": "query"})
        with self._meter.timing(port.EMBEDDING, {"of": "query"}):
            return super().query_vector(text)


class MeasuredRecalling(MindfulRecalling):
    """A `Recalling` whose answers are told; those that the library itself asks for are not."""

    def __init__(self, meter: Meter, *given: Any) -> None:
        super().__init__(*given)
        self._meter = meter

    def recall(self, query: str, **asked: Any) -> Recollection:
        if not asked.get("counted", True):
            return super().recall(query, **asked)
        with self._meter.verb("recall"):
            found = super().recall(query, **asked)
        self._meter.recalled(found)
        self._meter.look()
        return found


class MeasuredRemembering(MindfulRemembering):
    """A `Remembering` whose verbs are told."""

    def __init__(self, meter: Meter, *given: Any) -> None:
        super().__init__(*given)
        self._meter = meter

    def add_many(self, *given: Any, **named: Any) -> list[Record]:
        with self._meter.verb("add"):
            return super().add_many(*given, **named)

    def remember(self, text: str, **named: Any) -> Record:
        with self._meter.verb("remember"):
            return super().remember(text, **named)

    def correct(self, *given: Any, **named: Any) -> Record:
        with self._meter.verb("correct"):
            return super().correct(*given, **named)

    def revise(self, memory: str, **named: Any) -> Record:
        with self._meter.verb("revise"):
            return super().revise(memory, **named)


class MeasuredForgetting(Forgetting):
    """A `Forgetting` whose forgets are told."""

    def __init__(self, meter: Meter, *given: Any) -> None:
        super().__init__(*given)
        self._meter = meter

    def forget(self, *given: Any, **named: Any) -> ForgetReceipt:
        with self._meter.verb("forget"):
            return super().forget(*given, **named)
