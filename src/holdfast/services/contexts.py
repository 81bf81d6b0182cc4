"""What an agent is given before it answers: looked up in one go, shared out in `holdfast.core.context`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from holdfast.core import border
from holdfast.core import context as core
from holdfast.core.budget import estimate_tokens
from holdfast.core.context import Filled, Line, Written
from holdfast.core.intentions import facts_of
from holdfast.core.message_shapes import reshaped
from holdfast.core.packing import pack
from holdfast.core.render import Shown
from holdfast.errors import HoldfastError
from holdfast.model import limits
from holdfast.model.context import SECTIONS, Context
from holdfast.model.intentions import Intention, IntentionState
from holdfast.model.messages import Messages, Shape
from holdfast.model.recollection import Recollection
from holdfast.model.records import Record, Role, Scalar
from holdfast.model.times import When, parse_when
from holdfast.model.tokens import Count
from holdfast.services.blocks import Blocks
from holdfast.services.embedding import Embedding
from holdfast.services.intentions import Intentions
from holdfast.services.ledger import Ledger
from holdfast.services.loop_guard import foreseen_by, numbers_by, shown_by
from holdfast.services.profiles import Profiles
from holdfast.services.recalling import Recalling
from holdfast.services.recent import STEPS, Recent
from holdfast.services.touches import Touches

QUERY_CHARS = 4_000
"""Of the last word, as a question."""
OFFERS = range(8, 65)
"""Memories that are asked for, one for each `BUDGET_A_MEMORY` tokens of the budget."""
BUDGET_A_MEMORY = 160
CROWDED = 0.4
"""Share of its tokens from which on a window is thought to be bounded by them: it moves between half and all."""
LINE_TOKENS = 32
"""What a memory takes, about."""
_FORESEEN = 32
"""Questions whose vectors are kept ahead."""


@dataclass(frozen=True, slots=True)
class Asked:
    """For whom a context is, and about what.

    Attributes:
        session, user: The conversation, and the name of whom it is with.
        recent: Gives the recent turns within so many tokens; within so many more where even the last needs that.
        shape: The shape of their messages.
    """

    session: str | None = None
    user: str | None = None
    recent: Callable[[int, int], Recent] = lambda tokens, most: Recent()
    shape: Shape = "openai"


class Contexts:
    """Contexts from one space.

    Args:
        procedures: Lines for the procedures that apply to a text, best first; the text's vector saves making it again.
        profiles: The facts about users.
        now: Milliseconds since the epoch.
    """

    def __init__(
        self,
        ledger: Ledger,
        recalling: Recalling,
        embedding: Embedding,
        touches: Touches,
        blocks: Blocks,
        intentions: Intentions,
        procedures: Callable[[str, NDArray[np.float32] | None], Sequence[Line]],
        profiles: Profiles,
        now: Callable[[], int],
    ) -> None:
        self._ledger = ledger
        self._recalling = recalling
        self._embedding = embedding
        self._touches = touches
        self._blocks = blocks
        self._intentions = intentions
        self._procedures = procedures
        self._now = now
        self._count: Count = recalling.count
        self._profiles = profiles

    def context(
        self,
        asked: Asked,
        budget_tokens: int,
        about: str | None,
        *,
        now: When | None,
        shares: Mapping[str, float] | None,
        facts: Mapping[str, Scalar] | None,
    ) -> Context:
        """See `holdfast.Session.context`."""
        budget = border.check_count(budget_tokens, "budget", 10_000_000)
        parts = core.check_shares(shares)
        query = None if about is None else border.check_text(about, "query", limits.QUERY_CHARS)
        facts_of(facts)  # what is wrong is told, whatever there is room for
        if now is not None:
            parse_when(now)
        count = core.remembering(self._count)
        room = budget - core.least(count)
        if room <= 0:
            nothing = partial(_shaped, Messages(asked.shape), Written((), "", "", ""))
            return Context("", 0, budget, (), {}, query, session=asked.session, shape=asked.shape, shaped=nothing)
        offers = self._offers(asked, now, facts, parts)
        wanted = {name: core.used(Filled(name, list(lines)), count) for name, lines in offers.items()}
        likely = {"memories": min(room, _offered(budget) * LINE_TOKENS)}
        given = core.allot(room, {**dict.fromkeys(SECTIONS, room), **likely, **wanted}, parts)
        step = max(1, room // STEPS)
        asked_for = given["recent"] // step * step
        recent = asked.recent(asked_for, room) if given["recent"] else Recent(said=Messages(asked.shape))
        query = query or _last_word(recent)
        kept = foreseen_by(self._recalling)
        with self._embedding.knowing(kept) as vectors:
            found = self._found(query, budget, now) if query and parts["memories"] else None
        _bound(kept)
        vector = vectors[-1] if vectors else None
        offers["procedures"] = self._procedures(query, vector) if query and parts["procedures"] else ()
        filled = {name: core.fill(name, lines, given[name], count) for name, lines in offers.items()}
        left = room - sum(core.used(one, count) for one in filled.values()) - recent.tokens
        filled["memories"] = self._memories(found, recent, filled, left, query or "", count)
        left -= core.used(filled["memories"], count)
        if recent.older and left >= 2 * step and recent.tokens > CROWDED * asked_for:
            # What memories left is worth a few older turns, where it was the tokens that kept them out.
            recent = asked.recent((recent.tokens + left) // step * step, recent.tokens + left)
            core.drop(filled["memories"], {one.record.id for one in recent.shown})
        filled["recent"] = _said(recent)
        ordered = [filled[name] for name in SECTIONS if name in filled]
        written, tokens = core.within(
            ordered, budget, count, recent.said, recent.tokens, adds_up=self._count is estimate_tokens
        )
        self._given_out(filled)
        left_out = {one.section: dict(one.left_out) for one in ordered if one.left_out}
        return Context(
            text=written.text, tokens=tokens, budget_tokens=budget, parts=written.parts, left_out=left_out, query=query,
            confidence=found.confidence if found else 0.0, degraded=found.degraded if found else None,
            session=asked.session, shape=recent.said.shape,
            shaped=partial(_shaped, recent.said if written.parts else Messages(recent.said.shape), written),
        )  # fmt: skip

    # What could stand there

    def _offers(
        self, asked: Asked, now: When | None, facts: Mapping[str, Scalar] | None, shares: Mapping[str, float]
    ) -> dict[str, Sequence[Line]]:
        """The sections that depend on no question, best first."""
        found: dict[str, Sequence[Line]] = {"blocks": (), "profile": (), "intentions": ()}
        if shares["blocks"]:
            found["blocks"] = [core.block_line(one) for one in self._blocks.all() if one.text]
        if shares["profile"] and asked.user:
            found["profile"] = [
                core.record_line(Shown(one))
                for one in self._profile(asked.user, self._now() if now is None else parse_when(now))
            ]
        if shares["intentions"]:
            due = self._due(asked.session, now, facts)
            found["intentions"] = [core.intention_line(one) for one in due]
        return found

    def _due(self, session: str | None, now: When | None, facts: Mapping[str, Scalar] | None) -> list[Intention]:
        """What is to be brought up, first what this session took and did not close. Nothing is marked."""
        taken = [
            one for one in self._intentions.all(IntentionState.FIRED) if session is not None and one.taken_by == session
        ]
        return [*sorted(taken, key=lambda one: one.fired_ms or 0), *self._intentions.due(now, facts)]

    def _profile(self, user: str, now_ms: int) -> list[Record]:
        """What holds now of a user, what matters most first, then the newest."""
        with self._ledger.store.reading() as reader:
            facts = self._profiles.level(reader, user)
        found = [record for record in facts if _holds(record, now_ms)]
        return sorted(found, key=lambda one: (-one.importance, -one.valid_from, -one.recorded_at, one.id))

    def _found(self, query: str, budget: int, now: When | None) -> Recollection:
        return self._recalling.recall(
            query,
            budget_tokens=None,
            limit=_offered(budget),
            where=None,
            since=None,
            until=None,
            now=now,
            counted=False,
        )

    def _memories(
        self, found: Recollection | None, recent: Recent, filled: Mapping[str, Filled], room: int, query: str,
        count: Count,
    ) -> Filled:  # fmt: skip
        """The best set of what was recalled, less what stands there already; in the order of time."""
        section = Filled("memories")
        if found is None:
            return section
        said = {one.record.id for one in recent.shown}
        shown = {one.memory for other in filled.values() for one in other.lines}
        section.leave(core.RECENT, sum(hit.id in said for hit in found))
        section.leave(core.TWICE, sum(hit.id in shown for hit in found))
        records = [hit.record for hit in found if hit.id not in said and hit.id not in shown]
        numbers = numbers_by(self._recalling)
        offers = [Shown(record, n=numbers.get(record.id, 0)) for record in records]
        packed = pack(offers, room, count, core.worth_of(query))
        section.leave(core.OVER, len(records) - len(packed))
        told = sorted((one for _, one in packed), key=lambda one: (one.record.valid_from, one.n, one.record.id))
        section.lines = [core.record_line(one) for one in told]
        return section

    # What is given out, and ahead of time

    def _given_out(self, filled: Mapping[str, Filled]) -> None:
        """Count what is given out, and keep in mind what was brought back, so that it is not learned again."""
        lines = [one for name in ("profile", "memories") if name in filled for one in filled[name].lines]
        if not lines:
            return
        shown_by(self._recalling, ((one.memory, one.said, one.author) for one in lines))
        numbers = {**numbers_by(self._recalling), **self._profiles.numbers}
        self._touches.read(numbers[one.memory] for one in lines if one.memory in numbers)

    def foresee(self, text: str) -> None:
        """In the background, warm what a context about this text will need: its vector, the index, counts of terms.

        Never an answer: whatever is written or forgotten meanwhile, the context is made of what holds then.
        """
        if self._embedding.embedder is None:
            return
        # Kept where it is kept now: a forget meanwhile lets go of that, and of what comes to it later.
        query, kept = _question(text), foreseen_by(self._recalling)

        def warm() -> None:
            # Whatever fails here fails again, and is told, where it is asked for.
            with suppress(HoldfastError), self._embedding.knowing(kept):
                self._recalling.recall(
                    query, budget_tokens=None, limit=OFFERS.start, where=None, since=None, until=None, now=None,
                    counted=False,
                )  # fmt: skip

        self._embedding.ahead(warm)


def _bound(kept: dict[str, NDArray[np.float32]]) -> None:
    while len(kept) > _FORESEEN:
        with suppress(StopIteration, RuntimeError, KeyError):
            del kept[next(iter(kept))]


def _holds(record: Record, now_ms: int) -> bool:
    is_over = record.expires_at is not None and record.expires_at <= now_ms
    return record.valid_from <= now_ms and (record.valid_to is None or record.valid_to > now_ms) and not is_over


def _offered(budget_tokens: int) -> int:
    """How many memories are asked for."""
    return min(max(budget_tokens // BUDGET_A_MEMORY, OFFERS.start), OFFERS.stop - 1)


def _last_word(recent: Recent) -> str | None:
    """What the user said last; what anybody did, where no user spoke."""
    records = [one.record for one in recent.shown]
    spoken = [record for record in records if record.role in (Role.USER, Role.NONE)] or records
    return _question(spoken[-1].text) if spoken else None


def _question(text: str) -> str:
    return text.strip()[:QUERY_CHARS].strip()


def _said(recent: Recent) -> Filled:
    section = Filled("recent", [core.record_line(one) for one in recent.shown], before=recent.summary)
    section.leave(core.OVER, recent.older)
    return section


def _shaped(said: Messages, written: Written, shape: str) -> Messages:
    return core.arranged(reshaped(said, shape), written.system, written.late)
