"""What is done where more is to be shown in a window than fits: older messages leave, large ones become gists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

from holdfast.core.window import free_groups, groups
from holdfast.core.window_costs import GISTS, Entry, lone_told, shortened, system_apart
from holdfast.errors import InvalidField
from holdfast.model.tokens import Count


@dataclass(frozen=True, slots=True)
class Fitted:
    """What is shown: the system's messages and older ones that stay, what stands for the rest, the newest.

    Attributes:
        lead: The text that stands for what is not shown; None for none.
    """

    system: Sequence[Entry]
    lead: str | None
    shown: Sequence[Entry]
    tokens: int


def fitted(
    system: Sequence[Entry],
    leads: Sequence[tuple[str | None, int]],
    shown: Sequence[Entry],
    max_tokens: int,
    keep_last: int,
    count: Count,
    *,
    apart: bool = False,
) -> Fitted:
    """What is shown, made to fit: older messages leave, large ones are shown by their gist, less is told of the rest.

    Args:
        leads: What may stand for what is not shown, with its tokens, the fullest first.
        shown: In order; the newest ``keep_last`` stay as they are where that can be.
        apart: The system's words are joined to one text.

    Raises:
        InvalidField: not even the system's messages and the last one by its gist fit.
    """
    shown = lone_told(shown, count)
    tokens = leads[0][1] + sum([one.tokens for one in (*system, *shown)])
    if apart:
        tokens += system_apart([*system, *(one for one in shown if one.is_system)], count)
    if tokens <= max_tokens:
        return Fitted(system, leads[0][0], shown, tokens)
    fitting = _Fitting(list(system), [list(group) for group in groups(shown)], tokens, count)
    free, lead, large = free_groups(fitting.together, keep_last), 0, None
    while fitting.tokens > max_tokens:
        if free > 0:
            free -= 1
            fitting.evict()
            continue
        large = large or _Shortening(fitting.together, count)
        if (saved := large.next(fitting.together)) is not None:
            fitting.tokens -= saved
        elif lead < len(leads) - 1:
            lead += 1
            fitting.tokens += leads[lead][1] - leads[lead - 1][1]
        elif fitting.may_evict():
            fitting.evict()
        else:
            fixed = fitting.system_tokens
            raise InvalidField(
                f"The window has {max_tokens:,} tokens; what the system said ({fixed:,}) and the last message by its "
                f"gist need {fitting.tokens:,}. Nothing is shown; ask for a window of {fitting.tokens:,} tokens or "
                "more."
            )
    return Fitted(fitting.system, leads[lead][0], [one for group in fitting.together for one in group], fitting.tokens)


@dataclass(slots=True)
class _Fitting:
    """What is left, and what it comes to."""

    system: list[Entry]
    together: list[list[Entry]]
    tokens: int
    count: Count

    @property
    def system_tokens(self) -> int:
        """Of what the system said."""
        left = (one for group in self.together for one in group if one.is_system)
        return sum(one.tokens for one in (*self.system, *left))

    def evict(self) -> None:
        """Let the oldest go; the system's messages among them stay, and a result whose call went is told in words."""
        gone = self.together.pop(0)
        self.tokens -= sum(one.tokens for one in gone if not one.is_system)
        self.system.extend(one for one in gone if one.is_system)
        calls = {id_ for one in gone for id_ in one.calls}
        if not calls or not any(calls.intersection(one.results) for group in self.together for one in group):
            return
        told = iter(lone_told([one for group in self.together for one in group], self.count))
        for group in self.together:
            for place, one in enumerate(group):
                group[place] = next(told)
                self.tokens += group[place].tokens - one.tokens

    def may_evict(self) -> bool:
        """Whether more than the last message is left; calls are parted from results where not even those fit."""
        spoken = [group for group in self.together if any(not one.is_system for one in group)]
        if len(spoken) == 1 and sum(not one.is_system for one in spoken[0]) > 1:
            self.together = [[one] for group in self.together for one in group]
            return True
        return len(spoken) > 1


class _Shortening:
    """Shows one message after another by its gist, the largest first, each twice at most."""

    def __init__(self, together: Sequence[Sequence[Entry]], count: Count) -> None:
        self._count = count
        self._waiting = [(-one.tokens, one.n, 0, one) for group in together for one in group if not one.is_system]
        heapify(self._waiting)

    def next(self, together: Sequence[list[Entry]]) -> int | None:
        """How many tokens that saved; None where nothing is left to be shortened."""
        there = {one.n for group in together for one in group} if self._waiting else set[int]()
        while self._waiting:
            tokens, n, tried, entry = heappop(self._waiting)
            if n not in there:
                continue
            made = shortened(entry, GISTS[tried], self._count)
            saved = -tokens - made.tokens
            if tried + 1 < len(GISTS):
                heappush(self._waiting, (-min(made.tokens, -tokens), n, tried + 1, entry))
            if saved <= 0:
                continue
            for group in together:
                for place, one in enumerate(group):
                    if one.n == n:
                        group[place] = made
            return saved
        return None
