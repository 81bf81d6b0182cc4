"""The same questions through the public API: `Memory.open`, `add_many`, `recall`, as a program would use them."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

from bench.conversations import Conversation, Question
from bench.measures import BUDGETS
from holdfast import Memory
from holdfast.model.reports import Turn
from holdfast.ports.embedder import Embedder

DEEPEST = 50
LIMIT = 100
"""Hits a budget may be filled from; `recall` stops at 10 unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What recall gave for one question: ids of entries, best first."""

    ids: list[str]
    by_budget: dict[int, list[str]]
    took_ms: float
    """Of a recall as it is called most often, with nothing but the question; its vector is known."""
    degraded: str | None


def has_thorough() -> bool:
    """Return whether this version's recall takes ``thorough``."""
    return "thorough" in inspect.signature(Memory.recall).parameters


@contextmanager
def space_of(conversation: Conversation, path: Path, embedder: Embedder) -> Iterator[tuple[Memory, dict[str, str]]]:
    """Open a new space that holds a conversation with vectors; also gives the entry's id by the memory's."""
    with Memory.open(path, embedder=embedder) as memory:
        entry_by_id: dict[str, str] = {}
        for session, turns in groupby(conversation.turns, key=lambda turn: turn.session):
            spoken = list(turns)
            records = memory.session(session).add_many(
                Turn(
                    speaker=turn.author or "user", text=turn.body, when_ms=turn.said_ms or None, caption=turn.caption,
                    key=f"{conversation.name}/{turn.id}",
                )
                for turn in spoken
            )  # fmt: skip
            entry_by_id.update((record.id, turn.id) for record, turn in zip(records, spoken, strict=True))
        memory.settle()
        yield memory, entry_by_id


def answers(
    conversation: Conversation,
    questions: Sequence[Question],
    path: Path,
    embedder: Embedder,
    *,
    thorough: bool = False,
    tell: Callable[[], None] | None = None,
) -> list[Answer]:
    """Ask every question in a new space of its conversation; ``tell`` is called after each."""
    more = {"thorough": True} if thorough else {}
    found: list[Answer] = []
    with space_of(conversation, path, embedder) as (memory, entry_by_id):
        for question in questions:
            now = datetime.fromtimestamp(question.asked_ms / 1000, UTC)
            embedder.embed_query(question.text)
            start = time.perf_counter()
            memory.recall(question.text, now=now, **more)
            took_ms = (time.perf_counter() - start) * 1000
            best = memory.recall(question.text, limit=DEEPEST, now=now, **more)
            packed = {
                budget: memory.recall(question.text, limit=LIMIT, budget_tokens=budget, now=now, **more)
                for budget in BUDGETS
            }
            found.append(
                Answer(
                    [entry_by_id[hit.id] for hit in best],
                    {budget: [entry_by_id[hit.id] for hit in hits] for budget, hits in packed.items()},
                    took_ms, best.degraded,
                )
            )  # fmt: skip
            if tell:
                tell()
    return found
