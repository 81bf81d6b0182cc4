"""A breaker between the memory and a model: one that keeps failing is left alone for a while."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from enum import StrEnum

from holdfast.errors import EmbedderPaused
from holdfast.ports.clock import Clock
from holdfast.ports.embedder import Embedder

FAILURES = 5
"""Failures in a row after which a model is left alone."""
PAUSE_S = 30.0
"""Seconds by the clock before it is tried again."""
KEPT = ". Stored memories are kept and will be embedded later."
"""How messages about a model end that may work again."""


class Standing(StrEnum):
    """How a breaker stands."""

    CLOSED = "closed"
    """The model is asked."""
    OPEN = "open"
    """It failed too often and is not asked."""
    HALF_OPEN = "half-open"
    """The pause is over: one call tries it, and the others are refused until that one has ended."""


class Breaker:
    """Lets calls through to a model, and after `FAILURES` in a row none for `PAUSE_S`; then one, to see.

    Safe to use from several threads; spaces that share a model share its breaker.

    Attributes:
        failure: What the last call failed with, in words; None once one has worked.
    """

    def __init__(self, name: str, clock: Clock) -> None:
        self._name = name
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._opened_s = 0.0
        self._trying = False
        self._told = list[weakref.WeakMethod[Callable[[], None]]]()
        self.failure: str | None = None

    @property
    def standing(self) -> Standing:
        """How it stands now."""
        if self._failures < FAILURES:
            return Standing.CLOSED
        return Standing.OPEN if self.rest_s > 0 else Standing.HALF_OPEN

    @property
    def rest_s(self) -> float:
        """Seconds until the model may be asked; 0 where it may."""
        if self._failures < FAILURES:
            return 0.0
        return max(0.0, self._opened_s + PAUSE_S - self._clock.monotonic_s())

    def tell(self, changed: Callable[[], None]) -> None:
        """Call a method whenever a model that was left alone works again, or begins to be left alone."""
        with self._lock:
            self._told = [*(one for one in self._told if one() is not None), weakref.WeakMethod(changed)]

    @contextmanager
    def asking(self, unjudged: tuple[type[Exception], ...] = ()) -> Generator[None]:
        """Around a call: what it raises is a failure, its end shows that the model works.

        Args:
            unjudged: Errors that say nothing of the model.

        Raises:
            EmbedderPaused: the model is left alone; it was not asked.
        """
        self._admit()
        try:
            yield
        except unjudged:
            self._trying = False
            raise
        except Exception as error:
            self._failed(f"{error}")
            raise
        except BaseException:
            # Interrupted: that says nothing of the model.
            self._trying = False
            raise
        self._worked()

    def _admit(self) -> None:
        with self._lock:
            standing = self.standing
            if standing is Standing.CLOSED:
                return
            if standing is Standing.HALF_OPEN and not self._trying:
                self._trying = True
                return
            again = f"in {self.rest_s:.0f} s" if standing is Standing.OPEN else "at this moment"
            raise EmbedderPaused(
                f"The model {self._name} failed {self._failures} times in a row and is tried again {again} "
                f"(the last time: {self.failure}){KEPT}"
            )

    def _failed(self, why: str) -> None:
        with self._lock:
            self._failures += 1
            self._trying = False
            self._opened_s = self._clock.monotonic_s()
            self.failure = why.removesuffix(KEPT).removesuffix(" Nothing was written.").removesuffix(".")
            opened = self._failures == FAILURES
        if opened:
            self._tell()

    def _worked(self) -> None:
        if not self._failures:
            return
        with self._lock:
            was_open = self._failures >= FAILURES
            self._failures = 0
            self._trying = False
            self.failure = None
        if was_open:
            self._tell()

    def _tell(self) -> None:
        for method in self._told:
            if (call := method()) is not None:
                call()


_breakers: weakref.WeakKeyDictionary[Embedder, dict[Clock, Breaker]] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def breaker_of(embedder: Embedder, clock: Clock) -> Breaker:
    """The one breaker of a model by a clock: many spaces of a process may share a model."""
    with _lock, suppress(TypeError):  # of what has no hash, or cannot be referred to weakly, each space has its own
        return _breakers.setdefault(embedder, {}).setdefault(clock, Breaker(embedder.fingerprint, clock))
    return Breaker(embedder.fingerprint, clock)
