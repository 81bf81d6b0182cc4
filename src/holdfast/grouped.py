"""The verbs of a space in groups, each made when it is first used: ``memory.storage``, ``memory.recalls``, ..."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from holdfast.groups import Admission, Expectations, Recalls, Storage
from holdfast.model.records import Scalar
from holdfast.model.times import When
from holdfast.space import Space

if TYPE_CHECKING:  # what most programs never use is loaded when it is first asked for
    from holdfast.agent_tools import AgentTools
    from holdfast.blocks import Blocks
    from holdfast.checkpoints import Checkpoints
    from holdfast.files import Files
    from holdfast.intentions import Intentions
    from holdfast.items import Items
    from holdfast.model.context import Context
    from holdfast.procedures import Procedures
    from holdfast.session_groups import Episodes, Sessions, Tiers


class Grouped:
    """The groups of `holdfast.Memory`."""

    _space: Space

    @cached_property
    def admission(self) -> Admission:
        """What may be kept: judging again, and letting out of quarantine."""
        return Admission(self._space)

    @cached_property
    def storage(self) -> Storage:
        """The file itself."""
        return Storage(self._space)

    @cached_property
    def recalls(self) -> Recalls:
        """Recalls explained, kept and asked again."""
        return Recalls(self._space)

    @cached_property
    def expectations(self) -> Expectations:
        """What questions must bring back."""
        return Expectations(self._space)

    @cached_property
    def blocks(self) -> Blocks:
        """Bounded texts that stand in the prompt."""
        from holdfast.blocks import Blocks

        return Blocks(self._space)

    @cached_property
    def files(self) -> Files:
        """What an agent writes down for itself, by path."""
        from holdfast.files import Files

        return Files(self._space)

    @cached_property
    def items(self) -> Items:
        """JSON values under a namespace and a key."""
        from holdfast.items import Items

        return Items(self._space)

    @cached_property
    def checkpoints(self) -> Checkpoints:
        """Where the threads of graphs stood after each step."""
        from holdfast.checkpoints import Checkpoints

        return Checkpoints(self._space)

    @cached_property
    def intentions(self) -> Intentions:
        """What to bring up later."""
        from holdfast.intentions import Intentions

        return Intentions(self._space)

    @cached_property
    def procedures(self) -> Procedures:
        """How-tos, with what came of them."""
        from holdfast.procedures import Procedures

        return Procedures(self._space)

    @cached_property
    def sessions(self) -> Sessions:
        """Conversations: listed, searched, closed when idle."""
        from holdfast.session_groups import Sessions

        return Sessions(self._space)

    @cached_property
    def episodes(self) -> Episodes:
        """What was said or happened."""
        from holdfast.session_groups import Episodes

        return Episodes(self._space)

    @cached_property
    def tiers(self) -> Tiers:
        """How much of which memory stays, and for how long."""
        from holdfast.session_groups import Tiers

        return Tiers(self._space)

    def context(
        self,
        budget_tokens: int = 4_000,
        about: str | None = None,
        *,
        now: When | None = None,
        shares: Mapping[str, float] | None = None,
        facts: Mapping[str, Scalar] | None = None,
    ) -> Context:
        """What an agent is given before it answers, without a conversation; see `holdfast.Session.context`."""
        from holdfast.services.contexts import Asked
        from holdfast.talk import talk_of

        contexts = talk_of(self._space).contexts
        return contexts.context(Asked(), budget_tokens, about, now=now, shares=shares, facts=facts)

    def tools(
        self, *, only: Sequence[str] | None = None, read_only: bool = False, result_tokens: int = 1_500
    ) -> AgentTools:
        """Tools for a model that acts, so that it keeps and finds its memory by itself.

        Args:
            only: The names of those it is given; all where None.
            read_only: Those that change nothing.
            result_tokens: The most of one result, 200 or more.

        Raises:
            InvalidField: an unknown name, or too few tokens.
        """
        from holdfast.agent_tools import tools_of

        return tools_of(self._space, None, only, read_only, result_tokens)
