"""Reading conversations with questions, in the two formats the development data comes in.

A file of conversations has one JSON object a line: ``{conversation, entries: [{id, session, when, author,
text, caption?}], questions: [{id, question, category, answer, evidence: [entry ids]}]}``; how much of it may
be left out stands in docs/how-to/measure-recall.md. A file of questions that carry their own evidence turns
(LongMemEval) becomes one conversation: every evidence turn of every question is an entry of one shared pool, one
session each for its session of origin.
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
from holdfast.core.lexical import encode_terms, language_shares
from holdfast.core.vectors import DIMENSIONS
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
    caption: str | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """One question with the entries that answer it; none where it cannot be answered."""

    id: str
    text: str
    category: str
    evidence: frozenset[str]
    asked_ms: int
    published: tuple[str, ...] = ()
    """Evidence as the authors of the data published it, before anyone corrected it; ids may name no entry."""
    answer: str = ""
    """As the authors of the data give it, if they do."""


class BadData(ValueError):
    """A line of a data file cannot be read. Nothing was measured."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """Entries to search and questions to ask."""

    name: str
    turns: tuple[Turn, ...]
    questions: tuple[Question, ...]


def read_conversations(path: Path) -> list[Conversation]:
    """Read a file of either format.

    Raises:
        BadData: a line is not JSON, lacks a field, gives an id twice, or there is no line at all.
    """
    rows = list(_rows(path))
    if not rows:
        raise BadData(f"{path} holds no conversation; one JSON object a line is expected. Nothing was measured.")
    if "evidence" in rows[0][1] and "entries" not in rows[0][1]:
        return [_pool(path.stem, [row for _, row in rows])]
    return [_checked(path, number, row) for number, row in rows]


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    # Lines end at a newline only: JSON strings may hold the other characters that `splitlines` cuts at.
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        if line.strip():
            try:
                row = json.loads(line)
            except ValueError as error:
                raise BadData(f"{path}:{number} is not JSON ({error}). Nothing was measured.") from error
            if not isinstance(row, dict):
                raise BadData(f"{path}:{number} is {type(row).__name__}, an object is expected. Nothing was measured.")
            yield number, row


def _checked(path: Path, number: int, row: dict[str, Any]) -> Conversation:
    try:
        conversation = _conversation(row, number)
    except (KeyError, TypeError, AttributeError) as error:
        raise BadData(
            f"{path}:{number} lacks or misuses the field {error}; entries need id, author and text, questions need "
            "question and evidence. Nothing was measured."
        ) from error
    ids = [turn.id for turn in conversation.turns]
    if len(set(ids)) < len(ids):
        twice = next(id_ for id_ in ids if ids.count(id_) > 1)
        raise BadData(f"{path}:{number} gives the entry id {twice!r} twice. Nothing was measured.")
    return conversation


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


def _conversation(row: dict[str, Any], number: int) -> Conversation:
    turns: list[Turn] = []
    said_ms = 0
    for entry in row["entries"]:
        # A turn without a time was said when the one before it was.
        said_ms = read_ms(entry.get("when")) or said_ms
        caption = entry.get("caption")
        text = entry_text(entry["author"], entry["text"], caption)
        session = str(entry.get("session", 1))
        turns.append(Turn(str(entry["id"]), session, said_ms, entry["author"], text, entry["text"], caption))
    known = {turn.id for turn in turns}
    questions = tuple(
        Question(
            str(q.get("id", f"{number}/{place}")),
            q["question"],
            str(q.get("category", "any")),
            frozenset(map(str, q["evidence"])) & known,
            read_ms(q.get("when")) or said_ms,
            tuple(map(str, q.get("evidence_as_published", q["evidence"]))),
            str(q.get("answer") or ""),
        )
        for place, q in enumerate(row["questions"], 1)
    )
    return Conversation(str(row.get("conversation", number)), tuple(turns), questions)


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
            tuple(turn["turn_id"] for session in row["evidence"] for turn in session["turns"]),
            str(row.get("answer") or ""),
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


def corpus_of(conversation: Conversation, dimensions: int = DIMENSIONS) -> Corpus:
    """Return a corpus of the conversation, without vectors."""
    corpus = Corpus(dimensions)
    corpus.add(entries_of(conversation))
    return corpus


def languages_of(corpus: Corpus) -> dict[str, float]:
    """Return the shares of the languages of a corpus, as a space knows them of itself."""
    return language_shares(lambda term: len(corpus.postings.find(term)[0]), corpus.statistics().entries, KEY)
