"""The port of the working tier: what a session has at hand for a while.

It holds what may be lost: values with a lifetime, and copies of what was said last. The journal has everything that
must stay. `holdfast.testing.working_contract` is what every adapter keeps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from holdfast.model.working import Working, WorkingEntry


class WorkingStore(Protocol):
    """The working memory of the sessions of one space. Safe to use from several threads.

    Lifetimes are in milliseconds and are kept by the store: what has outlived its own is never given back.
    """

    @property
    def name(self) -> str:
        """What it is, in a few words for messages, without a password."""
        ...

    @property
    def is_elsewhere(self) -> bool:
        """It is not in the space's own file: it may be lost, or unreachable, by itself."""
        ...

    def put(self, session: str, key: str, value: str, ttl_ms: int, limit: int) -> None:
        """Hold a value under a key of a session, in place of the one before.

        Args:
            limit: The most keys of one session.

        Raises:
            QuotaExceeded: the session holds as many others; nothing was changed.
            WorkingStoreUnavailable, StoreError: it cannot be held.
        """
        ...

    def get(self, session: str, key: str) -> str | None: ...

    def delete(self, session: str, *keys: str) -> int:
        """Drop values; gives how many there were."""
        ...

    def keys(self, session: str) -> list[str]:
        """Keys that hold a value, sorted."""
        ...

    def push(self, session: str, entries: Sequence[WorkingEntry], keep: int, ttl_ms: int, episodes_ms: int) -> None:
        """Add what was said last; a memory that is there already is replaced.

        Args:
            keep: The newest so many stay at hand.
            ttl_ms: From now on so long, then they are gone unless more is said.
            episodes_ms: How long each stays among the episodes of the session.
        """
        ...

    def read(self, session: str, recent: int, since_ms: int | None = None) -> Working:
        """What a session has at hand, in one round trip.

        Args:
            recent: The most entries of what was said last.
            since_ms: Also the episodes from this moment on; milliseconds since the epoch.
        """
        ...

    def drop(self, sessions: Sequence[str]) -> int:
        """Erase all that sessions have at hand; gives how many values and entries that were."""
        ...

    def close(self) -> None: ...
