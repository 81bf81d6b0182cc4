"""The services of a space that agents talk through, each made when it is first used: sessions, messages, episodes,
working memory and tiers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

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
from holdfast.services.windowing import Windowing
from holdfast.services.working import AtHand
from holdfast.space import Space

if TYPE_CHECKING:  # what most programs never use is loaded when it is first asked for
    import numpy as np
    from numpy.typing import NDArray

    from holdfast.core.context import Line
    from holdfast.services.contexts import Contexts
    from holdfast.services.recent import RecentTurns

MOST_PROCEDURES = 3
"""In a context."""


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
        return Tiering(
            space.ledger, space.recalling, space.forgetting, self.tiers, space.actor, space.recalling.count,
            lambda text, limit: space.procedures.records(text, limit),
        )  # fmt: skip

    @cached_property
    def summarising(self) -> Summarising:
        """What sums up turns."""
        space = self._space
        return Summarising(space.recalling.count, space.model, space.ledger.clock.monotonic_s)

    @cached_property
    def windowing(self) -> Windowing:
        """What of a session fits into a prompt."""
        space = self._space
        windowing = Windowing(
            space.ledger, space.remembering, space.forgetting, space.touches, lambda: self.summarising,
            self.tiers.working,
            space.recalling.count,
            lambda: space.ledger.clock.now_ms() if space.as_of_ms is None else space.as_of_ms,
        )  # fmt: skip
        space.forgetting.let_go.append(windowing.let_go)
        return windowing

    @cached_property
    def contexts(self) -> Contexts:
        """What an agent is given before it answers."""
        from holdfast.services.contexts import Contexts
        from holdfast.services.profiles import Profiles

        space = self._space
        profiles = Profiles()
        space.forgetting.let_go.append(profiles.let_go)
        return Contexts(
            space.ledger, space.recalling, space.embedding, space.touches, space.blocks, space.intentions,
            self._procedures, profiles,
            lambda: space.ledger.clock.now_ms() if space.as_of_ms is None else space.as_of_ms,
        )  # fmt: skip

    @cached_property
    def recent(self) -> RecentTurns:
        """What was said last in a session, as a context takes it."""
        from holdfast.services.recent import RecentTurns

        recent = RecentTurns(self._space.ledger, lambda: self.windowing)
        self._space.forgetting.let_go.append(recent.let_go)
        return recent

    def _procedures(self, text: str, vector: NDArray[np.float32] | None) -> Sequence[Line]:
        """Lines for the procedures that apply to a text."""
        from holdfast.core.context import procedure_line

        found = self._space.procedures.match(text, limit=MOST_PROCEDURES, tools=None, vector=vector)
        return [procedure_line(one.procedure) for one in found]


def talk_of(space: Space) -> Talk:
    """The one `Talk` of a space."""
    found = vars(space).get("talk")
    if not isinstance(found, Talk):
        # Kept with the space, as its own properties are, so that both go together.
        found = vars(space)["talk"] = Talk(space)
    return found
