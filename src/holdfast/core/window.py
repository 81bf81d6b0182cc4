"""What of a session is shown in a window: where the cut is, what moves it, and what each strategy keeps.

A cut stands between two runs of turns that are made once and kept (`holdfast.core.window_pieces`), so that it follows
from what is held and from the limits alone: it moves in steps, and two processes have the same.
`holdfast.core.window_fitting` makes fit what is too large all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import log
from typing import Final

from holdfast.core import border
from holdfast.core.lexical import tokenise
from holdfast.core.message_text import readable
from holdfast.core.sessions import check_ttl
from holdfast.core.window_costs import Entry, answers
from holdfast.errors import InvalidField
from holdfast.model import limits
from holdfast.model.tiers import Eviction, TierSpec

STRATEGIES: Final = (Eviction.SUMMARIZE, Eviction.DROP, Eviction.RELEVANCE)
MOST_TOKENS: Final = 1_000_000_000
LOW: Final = 0.5
"""Where a step ends: at this part of what it begins at."""
PAST_SHARE: Final = 0.25
"""Of the room beside the system's messages, for what the evicted part came to, or what of it is kept."""
FAR: Final = 16
"""Messages, results excepted, that may stand between a call of a tool and a result that is kept with it."""
PARTS: Final = 8
"""Runs that a long history is cut into at once, the first time it is shown."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a window may hold.

    Attributes:
        items: The most messages shown, without the system's; None for any number.
        age_ms: The oldest that a message may be; None for any age.
        keep_last: The newest so many are shown in any case.
        compress_at: Share of ``tokens`` and ``items`` from which on it is compressed.
    """

    tokens: int
    items: int | None
    age_ms: int | None
    keep_last: int
    compress_at: float
    strategy: Eviction


def limits_of(
    tier: TierSpec,
    max_tokens: int | None,
    max_items: int | None,
    max_age_s: float | None,
    strategy: str | None,
    keep_last: int | None,
) -> Limits:
    """What a caller asks for, where None with what the tier says.

    Raises:
        InvalidField: something asked for is out of its range.
    """
    # A tier that says something else of eviction says nothing of windows.
    own = tier.eviction if tier.eviction in STRATEGIES else Eviction.SUMMARIZE
    asked = own if strategy is None else strategy
    if asked not in STRATEGIES:
        raise InvalidField(f"The strategy is {asked!r:.60}; expected one of: {', '.join(STRATEGIES)}.")
    tokens = tier.tokens or MOST_TOKENS
    if max_tokens is not None:
        tokens = border.check_count(max_tokens, "window's max_tokens", MOST_TOKENS)
    items = tier.items if max_items is None else border.check_count(max_items, "window's max_items", limits.MEMORIES)
    last = tier.keep_last if keep_last is None else keep_last
    if isinstance(last, bool) or not isinstance(last, int) or not 0 <= last <= limits.BATCH:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidField(f"keep_last is {last!r:.60}; expected a whole number from 0 to {limits.BATCH:,}.")
    if items is not None and last > items:
        if max_items is not None and keep_last is not None:
            raise InvalidField(f"keep_last is {last:,}, and the window holds {items:,} messages; keep fewer of them.")
        last = items
    age_ms = None if max_age_s is None else round(check_ttl(max_age_s, "max_age_s") * 1_000)
    return Limits(tokens, items, age_ms, max(last, 1), tier.compress_at, Eviction(asked))


@dataclass(frozen=True, slots=True)
class Run:
    """What some messages in a row come to, without those of the system.

    Attributes:
        oldest_ms: When the first of them was said; None where there is none.
    """

    messages: int
    tokens: int
    oldest_ms: int | None


def run_of(entries: Sequence[Entry]) -> Run:
    """What these come to."""
    said = [entry for entry in entries if not entry.is_system]
    return Run(len(said), sum([entry.tokens for entry in said]), min([one.at_ms for one in said], default=None))


@dataclass(frozen=True, slots=True)
class _Bounds:
    """Between which a window moves: over the upper ones it is compressed, down to the lower ones."""

    high: int
    high_past: int
    low: int
    high_items: int | None
    low_items: int | None
    age_from_ms: int | None
    low_age_from_ms: int | None

    @property
    def step(self) -> int:
        return max(1, self.high_past - self.low)

    @property
    def step_items(self) -> int | None:
        if self.high_items is None or self.low_items is None:
            return None
        return max(1, self.high_items - self.low_items)


def past_room(asked: Limits, system_tokens: int) -> int:
    """The tokens for what the evicted part came to, or for what of it is kept."""
    return int(max(0, asked.tokens * asked.compress_at - system_tokens) * PAST_SHARE)


def _bounds(asked: Limits, system_tokens: int, now_ms: int) -> _Bounds:
    high = int(max(0, asked.tokens * asked.compress_at - system_tokens))
    high_past = high - past_room(asked, system_tokens)
    high_items = None if asked.items is None else max(asked.keep_last, int(asked.items * asked.compress_at))
    low_items = None if high_items is None else max(asked.keep_last, int(high_items * LOW))
    old = None if asked.age_ms is None else now_ms - asked.age_ms
    low_old = None if asked.age_ms is None else now_ms - int(asked.age_ms * LOW)
    return _Bounds(high, high_past, int(high_past * LOW), high_items, low_items, old, low_old)


def cut_of(runs: Sequence[Run], rest: Run, asked: Limits, system_tokens: int, now_ms: int) -> int | None:
    """How many of the runs are not shown: the fewest that let the rest fit; None where it fits after none of them.

    Cuts that would move by less than a step are passed over where a step's cut fits: a prefix that stays is worth more.
    """
    bounds = _bounds(asked, system_tokens, now_ms)
    after = _suffixes(runs, rest)
    steps, messages, tokens = [0], 0, 0
    for cut, run in enumerate(runs, 1):
        messages, tokens = messages + run.messages, tokens + run.tokens
        if tokens >= bounds.step or (bounds.step_items is not None and messages >= bounds.step_items):
            steps.append(cut)
            messages = tokens = 0
    for cut in (*steps, *range(len(runs) + 1)):
        if _fits(after[cut], bounds, asked, is_cut=cut > 0):
            return cut
    return None


def last_cut(runs: Sequence[Run], rest: Run, asked: Limits) -> int:
    """The most runs that need not be shown."""
    after = _suffixes(runs, rest)
    return max((cut for cut in range(len(runs) + 1) if after[cut].messages >= asked.keep_last), default=0)


def _suffixes(runs: Sequence[Run], rest: Run) -> list[Run]:
    """What is shown after each cut."""
    found = [rest]
    for run in reversed(runs):
        after = found[-1]
        ages = [one for one in (run.oldest_ms, after.oldest_ms) if one is not None]
        found.append(Run(run.messages + after.messages, run.tokens + after.tokens, min(ages, default=None)))
    return found[::-1]


def _fits(shown: Run, bounds: _Bounds, asked: Limits, *, is_cut: bool) -> bool:
    if shown.messages <= asked.keep_last:
        # Nothing of it may be evicted: whatever it is older than, and to be cut no further.
        return shown.messages == asked.keep_last or not is_cut
    if shown.tokens > (bounds.high_past if is_cut else bounds.high):
        return False
    if bounds.high_items is not None and shown.messages > bounds.high_items:
        return False
    return bounds.age_from_ms is None or shown.oldest_ms is None or shown.oldest_ms >= bounds.age_from_ms


def groups(entries: Sequence[Entry]) -> list[Sequence[Entry]]:
    """Messages that must not be separated: calls of tools with all their results, and what was said in between.

    A call that waits for a result is held with all that follows. After `FAR` other messages it waits no longer, and a
    result holds nothing together: it would keep all of them in the window.
    """
    said = list(accumulate((not entry.results for entry in entries), initial=0))
    pairs = list(answers(entries))
    ends, last = list(range(len(entries))), len(entries) - 1
    answered = {(call, id_) for call, _, id_ in pairs}
    waiting = [
        (place, last) for place, one in enumerate(entries) if any((place, id_) not in answered for id_ in one.calls)
    ]
    for call, until in (*((call, result) for call, result, _ in pairs), *waiting):
        if said[until + 1] - said[call + 1] <= FAR:
            ends[call] = max(ends[call], until)
    found, start, end = list[Sequence[Entry]](), 0, 0
    for place in range(len(entries)):
        end = max(end, ends[place])
        if place == end:
            found.append(entries[start : place + 1])
            start = end = place + 1
    return found


def leaving(
    rest: Sequence[Entry], asked: Limits, system_tokens: int, now_ms: int
) -> list[Sequence[Entry]]:  # fmt: skip
    """The oldest of what is in no run yet, that are to leave in one step, in runs; none where nothing may leave."""
    bounds = _bounds(asked, system_tokens, now_ms)
    together = groups(rest)
    free = free_groups(together, asked.keep_last)
    oldest: list[int | None] = [None]  # of the newest so many groups
    for group in reversed(together):
        oldest.append(next((one.at_ms for one in group if not one.is_system), oldest[-1]))
    after, cut = run_of(rest), 0
    while cut < free and not _is_low(after, bounds):
        gone = run_of(together[cut])
        cut += 1
        after = Run(after.messages - gone.messages, after.tokens - gone.tokens, oldest[len(together) - cut])
    gone = run_of([one for group in together[:cut] for one in group])
    if gone.messages == 0:
        return []
    steps = max(gone.tokens / (2 * bounds.step), gone.messages / (2 * (bounds.step_items or gone.messages)))
    parts = max(min(PARTS, int(steps)), -(-gone.messages // (limits.SOURCES // 2)), 1)
    return _parted(together[:cut], parts, gone.messages)


def free_groups(together: Sequence[Sequence[Entry]], keep_last: int) -> int:
    """How many of the groups, from the first on, are before the newest so many messages."""
    left, free = keep_last, len(together)
    while free > 0 and left > 0:
        free -= 1
        left -= sum(not entry.is_system for entry in together[free])
    return free


def _is_low(after: Run, bounds: _Bounds) -> bool:
    if after.tokens > bounds.low or (bounds.low_items is not None and after.messages > bounds.low_items):
        return False
    return bounds.low_age_from_ms is None or after.oldest_ms is None or after.oldest_ms >= bounds.low_age_from_ms


def _parted(together: Sequence[Sequence[Entry]], parts: int, messages: int) -> list[Sequence[Entry]]:
    """Groups in about so many runs of about as many messages each, none of more than a memory may have sources."""
    found, run = list[Sequence[Entry]](), list[Entry]()
    most = -(-messages // parts)
    for group in together:
        # Only thousands of results of one message are more than that by themselves.
        for start in range(0, len(group), limits.SOURCES):
            part = group[start : start + limits.SOURCES]
            if run and (len(run) >= most or len(run) + len(part) > limits.SOURCES):
                found.append(run)
                run = []
            run.extend(part)
    return [*found, run] if run else found


Choosing = Callable[[Sequence[Entry], Sequence[Entry], int], list[Entry]]
"""Of what leaves, given the newest messages and a room in tokens: what is shown all the same."""


def _none(old: Sequence[Entry], new: Sequence[Entry], room_tokens: int) -> list[Entry]:
    return []


def bearing(old: Sequence[Entry], new: Sequence[Entry], room_tokens: int) -> list[Entry]:
    """What bears most on what is said now, by the words they share, rarer ones for more; in its order.

    Args:
        old: What leaves, system messages among it.
        new: The newest messages.
    """
    together = [[one for one in group if not one.is_system] for group in groups(old)]
    words = [set(tokenise(" ".join(_words(one) for one in group))) for group in together]
    asked = set(tokenise(" ".join(_words(one) for one in new)))
    spread = {word: sum(word in some for some in words) for word in asked}

    def worth(place: int) -> float:
        shared = words[place] & asked
        return sum(log(1 + len(words) / spread[word]) for word in shared) / (1 + len(words[place])) ** 0.5

    taken, left = set[int](), room_tokens
    for place in sorted(range(len(together)), key=lambda place: (-worth(place), -place)):
        tokens = sum(one.tokens for one in together[place])
        if together[place] and tokens <= left and worth(place) > 0:
            taken.add(place)
            left -= tokens
    return [one for place in sorted(taken) for one in together[place]]


CHOOSING: Final[dict[Eviction, Choosing]] = {
    Eviction.SUMMARIZE: _none,
    Eviction.DROP: _none,
    Eviction.RELEVANCE: bearing,
}
"""What each strategy keeps of what leaves; only `SUMMARIZE` has it summed up besides."""


def _words(entry: Entry) -> str:
    return readable(entry.kept.said, {})
