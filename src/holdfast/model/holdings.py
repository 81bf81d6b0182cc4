"""What a projection holds of one memory."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.model.ids import Id


@dataclass(frozen=True, slots=True)
class Holding:
    """The place of one memory in a projection, without its content.

    Attributes:
        n: Local number, ascending in order of arrival; never reused.
        seq: The event whose payload is the current version; 0 where none has arrived or it was erased.
        closed_by, closed_ms: The memory that superseded it, and when.
        quarantined: It is kept apart; see `Content`.
        receipt: The receipt of the forget that erased it, None while it is held.
    """

    n: int
    id: Id
    version: int
    seq: int
    closed_by: Id | None = None
    closed_ms: int | None = None
    receipt: Id | None = None
    quarantined: bool = False

    @property
    def live(self) -> bool:
        return self.seq > 0 and self.closed_by is None and self.receipt is None
