"""The verbs of a space in groups, each made when it is first used: ``memory.storage``, ``memory.recalls``, ..."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from holdfast.groups import Admission, Expectations, Recalls, Storage
from holdfast.space import Space

if TYPE_CHECKING:  # what most programs never use is loaded when it is first asked for
    from holdfast.blocks import Blocks
    from holdfast.intentions import Intentions
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
    def intentions(self) -> Intentions:
        """What to bring up later."""
        from holdfast.intentions import Intentions

        return Intentions(self._space)

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
