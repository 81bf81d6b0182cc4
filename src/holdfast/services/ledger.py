"""The one way a space is written: decide, seal, apply, commit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

from holdfast.core.apply import apply, replay
from holdfast.core.decide import forget_orphans
from holdfast.core.lexical import terms_fingerprint
from holdfast.core.proof import SALT_BYTES, genesis, seal
from holdfast.core.sync import admit
from holdfast.core.view import View
from holdfast.errors import TooManyMemories
from holdfast.model import limits
from holdfast.model.access import Ahead
from holdfast.model.events import Draft, Event, Sealed
from holdfast.model.ids import Id, time_ordered_id
from holdfast.model.snapshots import Snapshot
from holdfast.ports.clock import Clock
from holdfast.ports.store import Commit, Identity, Reader, SpaceStore, Uses

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
        self._room_until = 0  # the number of an event up to which there cannot be too many memories

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
            sealed = self._sealed(view, drafts, pause)
            return Commit(sealed, (result, [one.event for one in sealed]), uses, pause)

        try:
            return self.store.commit(commit)
        except BaseException:
            if uses and self.carried:
                self.carried.give_back(uses)
            raise

    def _sealed(
        self, view: Reader, drafts: Sequence[Draft], pause: Callable[[], None] = lambda: None
    ) -> tuple[Sealed, ...]:
        salts = self.clock.entropy(SALT_BYTES * len(drafts))
        sealed, head = list[Sealed](), view.head()
        self._refuse_crowding(view, head.seq, sum(draft.content is not None for draft in drafts))
        for event, draft in zip(seal(drafts, head, self.clock.now_ms(), salts), drafts, strict=True):
            pause()
            sealed.append(Sealed(event, apply(event, self.secret, draft.content)))
        return tuple(sealed)

    def _refuse_crowding(self, view: Reader, seq: int, coming: int) -> None:
        """Raise `TooManyMemories` where more would come than a space can hold; counted only where it may be so."""
        if not coming or seq + coming <= max(limits.MEMORIES, self._room_until):
            return  # there are no more memories than events
        held = view.count(quarantined=True)
        if held + coming > limits.MEMORIES:
            raise TooManyMemories(
                f"The space holds {held:,} memories; with {coming:,} more it would have over {limits.MEMORIES:,}, and "
                "no space can. Nothing of this was written. Forget what is not needed, or begin another space and "
                "recall across both."
            )
        self._room_until = seq + limits.MEMORIES - held

    def keep_snapshot(self, snapshot: Snapshot, *drafts: Draft) -> None:
        """Store a snapshot, together with events that tell of it; nothing where the history begins later by now."""

        def commit(view: Reader) -> Commit[None]:
            horizon = view.horizon()
            if horizon is not None and snapshot.seq <= horizon.seq:
                return Commit((), None)
            return Commit(self._sealed(view, drafts), None, snapshot=snapshot)

        self.store.commit(commit)

    def merge(self, events: Iterable[Event], adopts: tuple[Id, bytes] | None = None, ahead: Ahead | None = None) -> int:
        """Take in events of other nodes of the same space; gives how many were new.

        Args:
            adopts: The space, and its secret, that an empty one becomes in the same transaction; its node stays.
            ahead: What these and the events that follow in further calls come to.

        Raises:
            InvalidInput, Damaged: see `holdfast.core.sync.admit`; then nothing was taken in.
            AlreadyThere: it is to become another space and is not empty.
        """
        given = tuple(events)

        def commit(view: Reader) -> Commit[int]:
            identity, taken_on = self.store.identity, None
            if adopts is not None and adopts != (identity.space, identity.secret):
                identity = Identity(adopts[0], identity.node, adopts[1])
                taken_on = identity, genesis(identity.space, identity.node)
            heads = dict(view.node_heads()) if taken_on is None else dict[Id, tuple[int, bytes]]()

            def is_forgotten(record: Id) -> bool:
                held = view.find(record)
                return held is not None and held.receipt is not None

            sealed = admit(given, identity.space, heads, is_forgotten, identity.secret, self.clock.now_ms())
            self._refuse_crowding(view, view.head().seq, len(sealed))
            return Commit(sealed, len(sealed), adopts=taken_on, ahead=ahead)

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
