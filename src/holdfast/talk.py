"""The services of a space that agents talk through, each made when it is first used: sessions, messages, episodes,
working memory and tiers."""

from __future__ import annotations

from functools import cached_property

from holdfast.adapters.sqlite.working import SqliteWorking
from holdfast.core.tiers import tiers_of
from holdfast.model.sessions import MOST_TTL_S
from holdfast.model.tiers import Tiers
from holdfast.ports.working import WorkingStore
from holdfast.services.episodes import Happening
from holdfast.services.messages import Messaging
from holdfast.services.sessions import Conversing
from holdfast.services.summarising import Summarising
from holdfast.services.tiering import Tiering
from holdfast.services.working import AtHand
from holdfast.space import Space


class Talk:
    """What a space has for those who talk through it."""

    def __init__(self, space: Space) -> None:
        self._space = space

    @cached_property
    def tiers(self) -> Tiers:
        return self._space.tiers or tiers_of(None)

    @cached_property
    def store(self) -> WorkingStore:
        """Where the working tier is."""
        space = self._space
        return space.working or SqliteWorking(space.store, space.ledger.clock.now_ms)

    @cached_property
    def sessions(self) -> Conversing:
        space = self._space
        return Conversing(
            space.ledger, space.remembering, space.recalling, space.touches, lambda: self.store,
            lambda: self.summarising, space.recalling.count, self.tiers.working.lifetime_s or MOST_TTL_S,
        )  # fmt: skip

    @cached_property
    def at_hand(self) -> AtHand:
        return AtHand(
            self._space.ledger,
            lambda: self.store,
            self.tiers.working,
            lambda session: self.sessions.keep(session, None, None, None),
        )

    @cached_property
    def messages(self) -> Messaging:
        return Messaging(self._space.ledger, self._space.remembering, self._space.inspecting)

    @cached_property
    def episodes(self) -> Happening:
        space = self._space
        return Happening(space.ledger, space.remembering, space.recalling, space.inspecting, space.touches)

    @cached_property
    def tiering(self) -> Tiering:
        space = self._space
        return Tiering(space.ledger, space.recalling, space.forgetting, self.tiers, space.actor, space.recalling.count)

    @cached_property
    def summarising(self) -> Summarising:
        """What sums up turns."""
        return Summarising(self._space.recalling.count)


def talk_of(space: Space) -> Talk:
    """The one `Talk` of a space."""
    found = vars(space).get("talk")
    if not isinstance(found, Talk):
        # Kept with the space, as its own properties are, so that both go together.
        found = vars(space)["talk"] = Talk(space)
    return found
