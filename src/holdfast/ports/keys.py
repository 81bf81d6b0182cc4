"""The port through which a space comes to the keys that wrap its own."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from holdfast.model.ids import Id


class SpaceKeys(Protocol):
    """Keys of 32 bytes by the id of the space they are for."""

    def find(self, space: Id) -> Sequence[bytes]:
        """The keys that may open a space, the newest first.

        Raises:
            KeyNeeded: there is none.
        """
        ...

    def create(self, space: Id, key: bytes | None = None) -> bytes:
        """A new key for a space, or this one, kept durably beside the others before this returns."""
        ...

    def keep_only(self, space: Id, key_id: str) -> None:
        """Let go of every other key of a space, durably and for good."""
        ...

    def changing(self) -> AbstractContextManager[None]:
        """Keep others from changing the keys for the time of a ``with``."""
        ...
