"""Texts that a model could not take: asked for again later, a few times, since it may take them then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from holdfast.model.holdings import Holding
from holdfast.ports.clock import Clock

AGAIN_S = (2.0, 30.0, 600.0)
"""Seconds after which such a text is given to the model again, the first, second, … time; then no more until the space
is opened again."""
LEAST_WAKE_S = 1.0
"""Nobody looks for such texts more often than this."""


@dataclass(frozen=True)
class _Refusal:
    seq: int
    """The event with the text: a revised memory has another."""
    times: int
    again_s: float
    """By the monotonic clock; without end where it is not asked for again."""


class RefusedTexts:
    """Which texts of one space are not to be asked for now. Changed by one thread at a time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._held: dict[int, _Refusal] = {}

    def refuse(self, failed: Sequence[Holding]) -> None:
        """Leave texts alone for a while."""
        now_s = self._clock.monotonic_s()
        for held in failed:
            before = self._held.get(held.n)
            times = 1 + (before.times if before is not None and before.seq == held.seq else 0)
            again_s = now_s + AGAIN_S[times - 1] if times <= len(AGAIN_S) else inf
            self._held[held.n] = _Refusal(held.seq, times, again_s)

    def give_up(self, held: Holding) -> None:
        """Ask for a text no more."""
        self._held[held.n] = _Refusal(held.seq, len(AGAIN_S) + 1, inf)

    def taken(self, held: Holding) -> None:
        """It has its vector."""
        self._held.pop(held.n, None)

    def has(self, held: Holding) -> bool:
        """Whether its text is not to be asked for now."""
        refusal = self._held.get(held.n)
        return refusal is not None and refusal.seq == held.seq and refusal.again_s > self._clock.monotonic_s()

    def numbers(self) -> list[int]:
        """Of the memories whose texts were refused."""
        return sorted(self._held)

    def drop_due(self) -> None:
        """Drop what is due: everything that waits was asked for, so that nothing waits for these any more."""
        now_s = self._clock.monotonic_s()
        self._held = {n: refusal for n, refusal in self._held.items() if refusal.again_s > now_s}

    def until_again_s(self) -> float | None:
        """Seconds until the first of them is due; None where none ever is."""
        due_s = min((refusal.again_s for refusal in tuple(self._held.values())), default=inf)
        return None if due_s == inf else max(LEAST_WAKE_S, due_s - self._clock.monotonic_s())
