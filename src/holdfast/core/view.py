"""What a decision may read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from holdfast.model.events import BarReason, Event, SetModel
from holdfast.model.holdings import Holding
from holdfast.model.ids import Id


class View(Protocol):
    """A consistent view of one space."""

    def find(self, record: Id) -> Holding | None:
        """The memory with that id, live, superseded or forgotten."""
        ...

    def find_all(self, records: Sequence[Id]) -> Mapping[Id, Holding]:
        """Those of these memories that are known; see `find`."""
        ...

    def current(self, ns: Sequence[int]) -> Mapping[int, tuple[Holding, Event]]:
        """By local number, memories that are held and the events with their current versions.

        Forgotten and unknown ones are left out; superseded ones are there.
        """
        ...

    def has_bars(self) -> bool:
        """Whether there may be a digest that must not be taken in."""
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

    def events_of(self, record: Id) -> Sequence[Event]:
        """Every event about one memory, in local order."""
        ...

    def derived_from(self, records: Sequence[Id]) -> Sequence[Holding]:
        """Memories, not yet forgotten, that name one of these among their sources, once each."""
        ...

    def orphans(self) -> Sequence[Holding]:
        """Memories, not yet forgotten, with a source that is: another node derived them meanwhile."""
        ...

    def model(self) -> SetModel | None:
        """The embedding model the space's vectors belong to."""
        ...

    def working(self, records: Sequence[Id]) -> int:
        """How many values and entries the sessions of these memories have at hand in this store."""
        ...

    def erasable(self, records: Sequence[Id]) -> Mapping[str, int]:
        """How much these memories have on each of `holdfast.model.erasure.SURFACES`, in that order."""
        ...
