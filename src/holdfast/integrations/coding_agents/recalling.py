"""What is put into a conversation: a small recall of the project and of the user, marked, within a cap of tokens.

At its beginning also what stands in blocks, and what is to be brought up now.

Never what was said in that conversation, nor what was said anywhere a moment ago: the agent has that before it. And
nothing twice in one conversation, until the agent forgets it by compacting.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from holdfast.adapters.importers.talk import CALL
from holdfast.core.budget import estimate_tokens
from holdfast.integrations.coding_agents.marks import marked
from holdfast.model.records import Record
from holdfast.model.times import format_when

if TYPE_CHECKING:
    from holdfast.memory import Memory
    from holdfast.model.recollection import Recollection

MOMENT_MS = 600_000
"""What was said within so long before is not brought up by itself."""
USER_SHARE = 1 / 3
STANDING_SHARE = 1 / 2
_STANDING = {"blocks": 1.0, "intentions": 0.5, "profile": 0.0, "procedures": 0.0, "memories": 0.0, "recent": 0.0}
"""What a conversation begins with beside memories: what is written in blocks, and what is to be brought up now."""
_START = "decisions, preferences, conventions, known problems and what is left to do"
_QUESTION_CHARS = 2_000
_SMALLEST_TOKENS = 40
MOST_SHOWN = 60
"""The newest memories put into a conversation that are not put in again."""


@dataclass(slots=True)
class Conversation:
    """One conversation in an agent, as far as this process has seen it.

    Attributes:
        sessions: Names that sessions of it may have in the space.
        shown: What was put into it, by id, in order.
        has_begun: What is put in at its start was.
    """

    sessions: tuple[str, ...]
    shown: dict[str, Record] = field(default_factory=dict[str, Record])
    has_begun: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """What to put into a conversation.

    Attributes:
        text: Marked; empty where there is nothing.
        shown: The memories in it.
    """

    text: str = ""
    shown: tuple[Record, ...] = ()


def told_for(
    question: str | None,
    conversation: Conversation,
    spaces: Iterable[tuple[str, Memory]],
    *,
    tokens: int,
    min_confidence: float = 0.0,
    now_ms: int | None = None,
) -> Told:
    """What the spaces remember for a prompt, or, where that is None, for the beginning of a conversation.

    Args:
        spaces: A heading and a space for each, the user's before the project's.
        tokens: The most that all of it may come to, as estimated.
    """
    now_ms = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    asked = _START if question is None else " ".join(question.split())[:_QUESTION_CHARS]
    left = tokens - estimate_tokens(marked("\n"))
    if not asked or left < _SMALLEST_TOKENS:
        return Told()
    parts, shown = list[str](), list[Record]()
    some = list(spaces)
    for place, (heading, memory) in enumerate(some):
        is_last = place == len(some) - 1
        budget = (left if is_last else int(tokens * USER_SHARE)) - estimate_tokens(f"{heading}\n")
        standing = _standing(memory, int(budget * STANDING_SHARE)) if question is None else ""
        budget -= estimate_tokens(standing)
        found = _found(memory, asked, conversation, budget, min_confidence, now_ms)
        texts = [one for one in (standing, found.text if found is not None else "") if one]
        if texts:
            parts.append("\n".join((heading, *texts)))
            shown += [hit.record for hit in found or ()]
            left = tokens - estimate_tokens(marked("\n".join(parts)))
        if left < _SMALLEST_TOKENS:
            break
    text = marked("\n".join(parts))
    return Told(text, tuple(shown)) if text and estimate_tokens(text) <= tokens else Told()


def _standing(memory: Memory, budget: int) -> str:
    if budget < _SMALLEST_TOKENS:
        return ""
    context = memory.context(budget, shares=_STANDING)
    return context.text if context.parts else ""


def _found(
    memory: Memory,
    asked: str,
    conversation: Conversation,
    budget: int,
    min_confidence: float,
    now_ms: int,
) -> Recollection | None:
    if budget < _SMALLEST_TOKENS:
        return None
    said_before = format_when(now_ms - MOMENT_MS)
    where: list[object] = [
        {"not": {"session": {"in": list(conversation.sessions)}}},
        {"or": [{"kind": "fact"}, {"valid_from": {"lt": said_before}}]},
        # What tools were asked and answered is found by the agent's own recall; a small context is for what was said.
        {"not": {"role": "tool"}},
        {"not": {"tag": CALL}},
    ]
    # Filters know no ids; who said it when does as well, and is kept beside the contents, so that asking is cheap.
    for record in list(conversation.shown.values())[-MOST_SHOWN:]:
        of: dict[str, object] = {"kind": "fact"} if record.session is None else {"session": record.session}
        where.append({"not": of | {"valid_from": format_when(record.valid_from)}})
    return memory.recall(asked, budget_tokens=budget, where={"and": where}, min_confidence=min_confidence)
