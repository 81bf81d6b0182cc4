"""The port through which a space comes to the keys that wrap its own."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from holdfast.model.ids import Id


class SpaceKeys(Protocol):
    """Keys of 32 bytes by the id of the space they are for."""

    def find(self, space: Id) -> Sequence[bytes]:
        """The keys that may open a space: those that are in use, the newest first, then those that may be.

        Raises:
            KeyNeeded: there is none.
        """
        ...

    def create(self, space: Id, key: bytes | None = None, *, replaces: str | None = None) -> bytes:
        """A new key for a space, or this one, kept durably beside the others before this returns.

        Args:
            replaces: Id of the key in the place of which a change is to put it, or empty for none: the new key is
                pending until `settle` or `withdraw`.

        Raises:
            InvalidField: with ``replaces``, the key given is in use for the space already.
        """
        ...

    def is_pending(self, space: Id) -> bool:
        """Whether a key was made for a change of which it is not known here that it came to its end."""
        ...

    def settle(self, space: Id, key_id: str) -> None:
        """A file is under this key: where it is pending it is no more, and what it replaces goes, for good.

        No other key goes: some other file may be under it.
        """
        ...

    def withdraw(self, space: Id, key_id: str) -> None:
        """Let go of a key that is pending, under which nothing was put."""
        ...

    def changing(self) -> AbstractContextManager[None]:
        """Keep others from changing the keys for the time of a ``with``."""
        ...
