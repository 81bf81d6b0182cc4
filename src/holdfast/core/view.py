"""What a decision may read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from holdfast.model.events import BarReason, Event, SetModel
from holdfast.model.holdings import Holding
from holdfast.model.ids import Id


class View(Protocol):
    """A consistent view of one space."""

    def find(self, record: Id) -> Holding | None:
        """The memory with that id, live, superseded or forgotten."""
        ...

    def bar(self, digest: bytes) -> BarReason | None:
        """Why that digest must not be taken in, or None; a lifted bar is None."""
        ...

    def event(self, seq: int) -> Event:
        """One event.

        Raises:
            Damaged: there is no such event.
        """
        ...

    def derived_from(self, record: Id) -> Sequence[Holding]:
        """Memories, not yet forgotten, that name this one among their sources."""
        ...

    def orphans(self) -> Sequence[Holding]:
        """Memories, not yet forgotten, with a source that is: another node derived them meanwhile."""
        ...

    def model(self) -> SetModel | None:
        """The embedding model the space's vectors belong to."""
        ...

    def erasable(self, records: Sequence[Id]) -> tuple[int, int]:
        """How many payloads with contents, and how many vectors, these memories have."""
        ...
