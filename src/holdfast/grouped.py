"""The verbs of a space in groups, each made when it is first used: ``memory.storage``, ``memory.recalls``, ..."""

from __future__ import annotations

from functools import cached_property

from holdfast.groups import Admission, Expectations, Recalls, Storage
from holdfast.space import Space


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
