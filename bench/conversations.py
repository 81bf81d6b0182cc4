"""Reading conversations with questions, in the two formats the development data comes in.

A file of conversations has one JSON object a line: ``{conversation, entries: [{id, session, when, author,
text, caption?}], questions: [{id, question, category, answer, evidence: [entry ids]}]}``. A file of
questions that carry their own evidence turns (LongMemEval) becomes one conversation: every evidence turn
of every question is an entry of one shared pool, one session each for its session of origin.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from holdfast.core.border import SPEAKERS
from holdfast.core.corpus import Corpus
from holdfast.core.entry import Entry
from holdfast.core.lexical import encode_terms
from holdfast.model.records import entry_text

KEY = b"benchmark"
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()  # noqa: SIM905
_DATES = (
    re.compile(r"(?P<y>\d{4})[-/](?P<m>\d\d?)[-/](?P<d>\d\d?)"),
    re.compile(r"(?P<d>\d\d?) (?P<m>[A-Za-z]{3})[a-z]*,? (?P<y>\d{4})"),
    re.compile(r"(?P<m>[A-Za-z]{3})[a-z]*[- ](?P<d>\d\d?),?[- ](?P<y>\d{4})"),
)
_CLOCK = re.compile(r"(?P<h>\d\d?):(?P<m>\d\d)(?: ?(?P<half>[ap]m))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Turn:
    """One entry of a conversation."""

    id: str
    session: str
    said_ms: int
    author: str
    text: str
    """What `entry_text` makes of it."""
    body: str
    """What was said, without author and caption."""


@dataclass(frozen=True, slots=True)
class Question:
    """One question with the entries that answer it; none where it cannot be answered."""

    id: str
    text: str
    category: str
    evidence: frozenset[str]
    asked_ms: int


@dataclass(frozen=True, slots=True)
class Conversation:
    """Entries to search and questions to ask."""

    name: str
    turns: tuple[Turn, ...]
    questions: tuple[Question, ...]


def read_conversations(path: Path) -> list[Conversation]:
    """Read a file of either format."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    if rows and "entries" not in rows[0]:
        return [_pool(path.stem, rows)]
    return [_conversation(row) for row in rows]


def read_ms(when: str | None) -> int | None:
    """Return the milliseconds since 1970 UTC a written date means, None where it has none."""
    date = next((match for pattern in _DATES if (match := pattern.search(when or ""))), None)
    if date is None:
        return None
    month = int(date["m"]) if date["m"].isdigit() else _MONTHS.index(date["m"].lower()) + 1
    hour = minute = 0
    if clock := _CLOCK.search(when or ""):
        hour, minute = int(clock["h"]), int(clock["m"])
        if clock["half"]:
            hour = hour % 12 + (12 if clock["half"].lower() == "pm" else 0)
    return int(datetime(int(date["y"]), month, int(date["d"]), hour, minute, tzinfo=UTC).timestamp() * 1000)


def _conversation(row: dict[str, Any]) -> Conversation:
    turns: list[Turn] = []
    said_ms = 0
    for entry in row["entries"]:
        # A turn without a time was said when the one before it was.
        said_ms = read_ms(entry["when"]) or said_ms
        text = entry_text(entry["author"], entry["text"], entry.get("caption"))
        turns.append(Turn(str(entry["id"]), str(entry["session"]), said_ms, entry["author"], text, entry["text"]))
    known = {turn.id for turn in turns}
    questions = tuple(
        Question(str(q["id"]), q["question"], str(q["category"]), frozenset(map(str, q["evidence"])) & known, said_ms)
        for q in row["questions"]
    )
    return Conversation(str(row["conversation"]), tuple(turns), questions)


def _pool(name: str, rows: list[dict[str, Any]]) -> Conversation:
    turns = {
        turn["turn_id"]: Turn(
            turn["turn_id"],
            session["ev_session"],
            read_ms(session["date"]) or 0,
            turn["role"],
            entry_text(turn["role"], turn["content"]),
            turn["content"],
        )
        for row in rows
        for session in row["evidence"]
        for turn in session["turns"]
    }
    questions = tuple(
        Question(
            row["question_id"],
            row["question"],
            row["question_type"],
            frozenset(turn["turn_id"] for session in row["evidence"] for turn in session["turns"]),
            read_ms(row["question_date"]) or 0,
        )
        for row in rows
    )
    ordered = sorted(turns.values(), key=lambda turn: turn.said_ms)
    return Conversation(name, tuple(ordered), questions)


def entries_of(conversation: Conversation, only: frozenset[int] | None = None) -> Iterator[Entry]:
    """Yield the entries the engine searches, numbered from 1 in the order said, all or ``only`` these."""
    for n, turn in enumerate(conversation.turns, 1):
        if only is not None and n not in only:
            continue
        role = SPEAKERS.get(turn.author or "", 0)
        yield Entry(n, turn.session, n, turn.author, role, 0, turn.said_ms, encode_terms(turn.text, KEY))


def corpus_of(conversation: Conversation) -> Corpus:
    """Return a corpus of the conversation, without vectors."""
    corpus = Corpus()
    corpus.add(entries_of(conversation))
    return corpus
