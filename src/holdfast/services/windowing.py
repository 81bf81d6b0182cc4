"""Windows of sessions: the older part summed up in steps, durably, and the newest messages as they are."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from operator import is_

from holdfast.core.message_shapes import Kept, shaped
from holdfast.core.messages import Said, Text, check_shape
from holdfast.core.window import (
    CHOOSING,
    Limits,
    Run,
    cut_of,
    groups,
    last_cut,
    leaving,
    limits_of,
    past_room,
    run_of,
)
from holdfast.core.window_costs import MESSAGE_TOKENS, Entry
from holdfast.core.window_fitting import fitted
from holdfast.core.window_pieces import (
    HIDDEN,
    RELEVANCE_SERIES,
    SUMMARY_SERIES,
    children,
    piece_line,
    places,
    told_pieces,
)
from holdfast.errors import (
    Conflict,
    NotAllowed,
    NotFound,
    QuotaExceeded,
    StoreBusy,
    StoreFull,
    StoreReadOnly,
    TooManyMemories,
)
from holdfast.model.ids import Id
from holdfast.model.messages import Shape
from holdfast.model.tiers import Eviction, TierSpec
from holdfast.model.tokens import Count
from holdfast.model.window import Window
from holdfast.ports.store import Reader
from holdfast.services.forgetting import Forgetting
from holdfast.services.ledger import Ledger
from holdfast.services.remembering import Remembering
from holdfast.services.summarising import EXTRACTIVE, Summarising, SummaryText
from holdfast.services.touches import Touches
from holdfast.services.window_making import Making, PieceMaking, record_of_piece
from holdfast.services.window_state import Conversation, Conversations, Held, Series, Telling

_ROUNDS = 64
"""Steps that one window may take; each makes what the next one needs."""
_TRIES = 8
"""How often a step is taken anew because somebody else took it meanwhile."""
_UNWRITABLE = (StoreReadOnly, QuotaExceeded, StoreFull, StoreBusy, TooManyMemories, NotAllowed)
"""What keeps a piece from being kept; the window is shown all the same."""


@dataclass(frozen=True, slots=True)
class _Shown:
    """What a window shows, before it is made to fit."""

    system: Sequence[Entry]
    lead: tuple[tuple[str | None, int], ...]
    entries: Sequence[Entry]
    in_all: int
    by: tuple[str, ...] = ()


class Windowing:
    """The windows of the sessions of one space.

    Args:
        summarising: Sums up what is evicted.
        tier: What holds where a caller asks for nothing else.
        count: Counts the tokens of a text.
        now_ms: The moment at which messages are too old.
    """

    def __init__(
        self,
        ledger: Ledger,
        remembering: Remembering,
        forgetting: Forgetting,
        touches: Touches,
        summarising: Callable[[], Summarising],
        tier: TierSpec,
        count: Count,
        now_ms: Callable[[], int],
    ) -> None:
        self._making = PieceMaking(ledger, remembering, forgetting, touches, summarising, count)
        self._ledger = ledger
        self._touches = touches
        self._summarising = summarising
        self._tier = tier
        self._count = count
        self._now_ms = now_ms
        self._lock = threading.Lock()
        self._held = Conversations(count)

    def let_go(self, forgotten: Sequence[Id]) -> None:
        """Let go of every word: some of them are forgotten."""
        with self._lock:
            self._held.clear()

    def window(
        self,
        session: str,
        max_tokens: int | None,
        *,
        shape: str,
        max_items: int | None,
        max_age_s: float | None,
        strategy: str | None,
        keep_last: int | None,
    ) -> Window:
        """See `holdfast.session.Session.window`."""
        wanted = check_shape(shape)
        asked = limits_of(self._tier, max_tokens, max_items, max_age_s, strategy, keep_last)
        troubles = dict[str, None]()
        can_write, tries = not self._ledger.store.read_only, 0
        for _ in range(_ROUNDS):
            with self._lock, self._ledger.store.reading() as reader:
                held = self._held.level(reader, session, self._now_ms())
                found = self._look(reader, held, asked)
            if isinstance(found, _Shown):
                return self._window(session, wanted, asked, found, troubles)
            made = list[SummaryText]()
            try:
                if can_write and self._making.erase_stale(found):
                    continue
                made = [self._making.written(one, troubles, by_model=can_write) for one in found]
                if can_write and self._making.write_all(found, made):
                    continue
            except (Conflict, NotFound):
                # Another process made it, or a source was forgotten meanwhile: what holds now decides.
                tries += 1
                if tries < _TRIES:
                    continue
                can_write = False
                troubles["others change the session all the time, so the step was not kept"] = None
            except _UNWRITABLE as error:
                can_write = False
                if not isinstance(error, StoreReadOnly):
                    troubles[f"the step could not be kept ({error})"] = None
            made = made or [self._making.written(one, troubles, by_model=False) for one in found]
            with self._lock:
                self._making.hold(held, found, made)
        raise Conflict(f"The session {session!r:.80} changes all the time. Nothing is shown; try again.")

    # Looking

    def _look(self, reader: Reader, held: Conversation, asked: Limits) -> _Shown | list[Making]:
        """What is shown; or what has to be made for that."""
        name = RELEVANCE_SERIES if asked.strategy is Eviction.RELEVANCE else SUMMARY_SERIES
        series, now = held.of(name), self._now_ms()
        is_told = asked.strategy is Eviction.SUMMARIZE
        if lost := self._held.lost(reader, held, series, now):
            return [
                self._making.run(reader, held, name, slot.index, entries, is_told=is_told) for slot, entries in lost
            ]
        rest = self._held.entries(reader, held, series.end, len(held.order), now)
        pieces = [slot.held.piece if slot.held else None for slot in series.slots]
        system_tokens = sum(one.system_tokens for one in pieces if one)
        system_tokens += sum(entry.tokens for entry in rest if entry.is_system)
        runs = [Run(one.messages, one.tokens, one.since_ms) if one else Run(0, 0, None) for one in pieces]
        cut = cut_of(runs, run_of(rest), asked, system_tokens, now)
        if cut is None:
            if steps := leaving(rest, asked, system_tokens, now):
                return self._steps(reader, held, name, steps, rest, asked, system_tokens)
            cut = last_cut(runs, run_of(rest), asked)
        if is_told and (missing := self._missing(reader, held, series, cut)):
            return missing
        return self._shown(reader, held, series, asked, cut, rest, system_tokens)

    def _steps(
        self, reader: Reader, held: Conversation, series: str, steps: Sequence[Sequence[Entry]], rest: Sequence[Entry],
        asked: Limits, system_tokens: int,
    ) -> list[Making]:  # fmt: skip
        first = len(held.of(series).slots)
        is_told = asked.strategy is Eviction.SUMMARIZE
        made = [
            self._making.run(reader, held, series, first + place, entries, is_told=is_told)
            for place, entries in enumerate(steps)
        ]
        choosing = CHOOSING[asked.strategy]
        before = next((slot.held for slot in reversed(held.of(series).slots) if slot.held), None)
        old = self._held.named(reader, held, before.piece.kept if before else (), self._now_ms())
        gone = [*old, *(entry for entries in steps for entry in entries)]
        kept = choosing(gone, rest[-asked.keep_last :], past_room(asked, system_tokens))
        if kept:
            made[-1] = replace(made[-1], piece=replace(made[-1].piece, kept=tuple(one.id for one in kept)))
        return made

    def _missing(self, reader: Reader, held: Conversation, series: Series, cut: int) -> list[Making]:
        """Pieces that a summary of so many runs needs and that are not there; those below come first."""
        found = dict[tuple[int, int], Making]()

        def need(level: int, index: int) -> bool:
            """Whether it is there."""
            one = series.piece(level, index)
            if level == 0:
                if one is None or one.piece.by is not None or one.piece.messages == 0:
                    return True
                entries = self._held.entries(reader, held, one.start, one.end, self._now_ms())
                making = (
                    self._making.run(reader, held, one.piece.series, index, entries, is_told=True) if entries else None
                )
                if making is None or not making.records:
                    return True
                # The messages that are left of it do not tell any more where it is.
                of = tuple(sorted(one.sources))
                found[level, index] = replace(making, sources=of, piece=one.piece, stale=None)
                return False
            if one is not None:
                return True
            ready = sum(not need(*place) for place in children(level, index)) == 0
            under = series.under(level, index)
            if ready and under:
                found[level, index] = self._making.joined(reader, under, level, index)
                return False
            return ready

        for level, index in places(cut):
            need(level, index)
        lowest = min((level for level, _ in found), default=0)
        return [making for (level, _), making in found.items() if level == lowest]

    def _shown(
        self, reader: Reader, held: Conversation, series: Series, asked: Limits, cut: int, rest: Sequence[Entry],
        system_tokens: int,
    ) -> _Shown:  # fmt: skip
        now, gone = self._now_ms(), [slot.held for slot in series.slots[:cut] if slot.held]
        start = series.slots[cut].start if cut < len(series.slots) else series.end
        entries = [*self._held.entries(reader, held, start, series.end, now), *rest]
        system = self._held.named(reader, held, [id_ for one in gone for id_ in one.piece.system], now)
        self._held.trim(held, start)
        room = past_room(asked, system_tokens)
        kept = _within(self._held.named(reader, held, gone[-1].piece.kept if gone else (), now), room)
        in_all = sum(one.piece.messages + len(one.piece.system) for one in gone) + len(entries)
        by = tuple[str, ...]()
        leads: list[tuple[str | None, int]] = [(None, 0)]
        if any(one.piece.messages for one in gone):
            leads.insert(0, (HIDDEN, self._count(HIDDEN) + MESSAGE_TOKENS))
            if asked.strategy is Eviction.SUMMARIZE:
                told = [one for place in places(cut) if (one := series.piece(*place)) and one.piece.by]
                text, tokens = self._told(held, told, room - MESSAGE_TOKENS)
                if text:
                    leads.insert(0, (text, tokens + MESSAGE_TOKENS))
                    by = tuple(dict.fromkeys(one.piece.by for one in told if one.piece.by))
        return _Shown(system, tuple(leads), [*kept, *entries], in_all, by)

    def _told(self, held: Conversation, told: Sequence[Held], room: int) -> tuple[str, int]:
        """What the evicted part came to, with its tokens; less of it where there is no room for all."""
        if not told:
            return "", 0
        last = held.telling
        if last is not None and last.room == room and len(last.told) == len(told) and all(map(is_, last.told, told)):
            return last.text, last.tokens
        text = told_pieces([piece_line(one.piece, one.text) for one in told])
        if self._count(text) > room:
            text = self._squeeze(told, room)
        held.telling = Telling(tuple(told), room, text, self._count(text))
        return text, held.telling.tokens

    def _squeeze(self, told: Sequence[Held], room: int) -> str:
        around = self._count(told_pieces(("",)))
        left = room - around - 8  # the days it is about
        if left <= 0:
            return ""
        summary = Summarising(self._count).summarise([record_of_piece(one) for one in told], left, dated=False)
        whole = replace(told[-1].piece, since_ms=told[0].piece.since_ms)
        text = told_pieces((piece_line(whole, summary.text),)) if summary.text else ""
        return text if self._count(text) <= room else ""

    # Giving

    def _window(
        self, session: str, shape: Shape, asked: Limits, found: _Shown, troubles: dict[str, None]
    ) -> Window:  # fmt: skip
        fit = fitted(
            found.system, found.lead, found.entries, asked.tokens, asked.keep_last, self._count,
            apart=shape == "anthropic",
        )  # fmt: skip
        kept = [one.kept for one in fit.system]
        if fit.lead is not None:
            kept.append(Kept("", Said("user", (Text(fit.lead),))))
        given = shaped([*kept, *(one.kept for one in fit.shown)], shape)
        is_told = fit.lead is not None and fit.lead != HIDDEN
        if is_told and EXTRACTIVE in found.by and self._summarising().has_model and not troubles:
            troubles["the language model did not write all of the summary"] = None
        memories = tuple(one.id for one in (*fit.system, *fit.shown))
        self._touches.listed(len(memories))
        return Window(
            session=session, shape=shape, messages=list(given.messages), system=given.system, tokens=fit.tokens,
            max_tokens=asked.tokens, memories=memories, evicted=found.in_all - len(memories),
            summary=fit.lead if is_told else None, by=found.by if is_told else (),
            shortened=tuple(one.id for one in fit.shown if one.is_short),
            degraded="; ".join(troubles) or None, left_out=given.left_out,
        )  # fmt: skip


def _within(entries: Sequence[Entry], room: int) -> list[Entry]:
    """The newest of what is kept that have the room; calls stay with their results."""
    together = [list(group) for group in groups(entries)]
    while sum(one.tokens for group in together for one in group) > room:
        together.pop(0)
    return [one for group in together for one in group]
