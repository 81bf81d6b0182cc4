"""The one way a space is written: decide, seal, apply, commit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

from holdfast.core.apply import apply, replay
from holdfast.core.decide import forget_orphans
from holdfast.core.lexical import terms_fingerprint
from holdfast.core.proof import SALT_BYTES, seal
from holdfast.core.sync import admit
from holdfast.core.view import View
from holdfast.model.events import Draft, Event, Sealed
from holdfast.model.ids import Id, time_ordered_id
from holdfast.ports.clock import Clock
from holdfast.ports.store import Commit, Reader, SpaceStore, Uses

R = TypeVar("R")

Decision = Callable[[View, bytes], tuple[Sequence[Draft], R]]
"""Reads a view, given the space's secret, and yields events with what the caller is to be told."""


class Carried(Protocol):
    """What waits to be written and goes along with the next write."""

    def take_some(self) -> Uses | None: ...
    def give_back(self, uses: Uses) -> None: ...


class Ledger:
    """A space's journal with a clock: turns decisions into sealed events and stores them.

    Attributes:
        carried: What its writes take along, if anything.
    """

    def __init__(self, store: SpaceStore, clock: Clock) -> None:
        self.store = store
        self.clock = clock
        self.carried: Carried | None = None

    @property
    def secret(self) -> bytes:
        return self.store.identity.secret

    def new_id(self) -> Id:
        """A fresh random id."""
        return time_ordered_id(self.clock.now_ms(), self.clock.entropy(10))

    def write(self, decide: Decision[R]) -> R:
        """Decide against the newest state and store what that comes to, durably.

        Raises:
            StoreError, and whatever the decision raises; then nothing was written.
        """
        return self.write_events(decide)[0]

    def write_events(self, decide: Decision[R], pause: Callable[[], None] = lambda: None) -> tuple[R, Sequence[Event]]:
        """As `write`, and the events that were written.

        Args:
            pause: Called between two pieces of the work, where it comes to many events; see `Pace`.
        """

        uses = self.carried.take_some() if self.carried else None

        def commit(view: Reader) -> Commit[tuple[R, Sequence[Event]]]:
            drafts, result = decide(view, self.secret)
            if not drafts:
                return Commit((), (result, ()), uses)
            salts = self.clock.entropy(SALT_BYTES * len(drafts))
            sealed = list[Sealed]()
            for event, draft in zip(seal(drafts, view.head(), self.clock.now_ms(), salts), drafts, strict=True):
                pause()
                sealed.append(Sealed(event, apply(event, self.secret, draft.content)))
            return Commit(tuple(sealed), (result, [one.event for one in sealed]), uses, pause)

        try:
            return self.store.commit(commit)
        except BaseException:
            if uses and self.carried:
                self.carried.give_back(uses)
            raise

    def merge(self, events: Iterable[Event]) -> int:
        """Take in events of other nodes of the same space; gives how many were new.

        Raises:
            InvalidInput, Damaged: see `holdfast.core.sync.admit`; then nothing was taken in.
        """
        given = tuple(events)

        def commit(view: Reader) -> Commit[int]:
            def is_forgotten(record: Id) -> bool:
                held = view.find(record)
                return held is not None and held.receipt is not None

            sealed = admit(
                given, self.store.identity.space, view.node_heads(), is_forgotten, self.secret, self.clock.now_ms()
            )
            return Commit(sealed, len(sealed))

        return self.store.commit(commit)

    def forget_orphans(self, actor: str) -> int:
        """After a merge: forget what was derived, on one node, from what another forgot; gives how many."""
        receipt = self.new_id()
        done = self.write(lambda view, secret: forget_orphans(view, receipt, actor, secret))
        return len(done.asked) + len(done.derived)

    def rebuild(self) -> bytes:
        """Make the projection again from the journal; gives its digest."""
        return self.store.rebuild(lambda events: replay(events, self.secret), terms_fingerprint())

    def refresh_terms(self) -> None:
        """Make the stored terms again where another tokeniser or stemmer made them."""
        if not self.store.read_only and self.store.index_version != terms_fingerprint():
            self.rebuild()
