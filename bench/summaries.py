"""What summaries without a model keep: ``python -m bench.summaries [DATA...]``.

Every session of every conversation is told in a tenth of its tokens. Of each line that some question needs as
evidence, the names, numbers and dates are looked for in the summary of its session, and its other words too; beside
the first lines of the session that fit, and lines at random (the mean of five draws). Names, numbers and dates are
told from other words by rules of this file's own: capital letters, digits, and words of time.
"""

from __future__ import annotations

import argparse
import random
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from bench.conversations import Conversation, Turn, read_conversations
from bench.recall import files_of
from bench.vectors import DEFAULT_CACHE, CachedEmbedder, packaged_embedder
from holdfast.core.budget import estimate_tokens
from holdfast.core.summaries import summary_lines, told
from holdfast.core.words import word_set
from holdfast.model.records import Kind, Record

RATIO = 10
DRAWS = 5
_TOKEN = re.compile(r"[\w'’$€£%-]+")
_CAPITAL = re.compile(r"(?<=[a-z,;] )[A-Z][a-z]+")
_TIME_WORDS = word_set(
    "january february april june july august september october november december monday tuesday wednesday thursday "
    "friday saturday sunday yesterday today tomorrow tonight week weekend month year ago last next"
)
_FILLER = word_set(
    "the and you for that this with have was are but not all can just what when who how your our out get its his her "
    "she they them there about from would really very also been too like know"
)


def telling(text: str) -> tuple[set[str], set[str]]:
    """What of a text is a name, a number or a time, and its other words."""
    words = {word.lower() for word in _TOKEN.findall(text)}
    names = {name.lower() for name in _CAPITAL.findall(text)}
    hard = {word for word in words if any(char.isdigit() for char in word) or word in _TIME_WORDS} | names
    return hard, {word for word in words if len(word) > 2} - hard - _FILLER


def record_of(turn: Turn) -> Record:
    return Record(
        kind=Kind.TURN, text=turn.body, valid_from=turn.said_ms, author=turn.author, session=turn.session, id=turn.id,
        version=1, recorded_at=turn.said_ms,
    )  # fmt: skip


def first_that_fit(records: Sequence[Record], budget: int) -> list[str]:
    kept = list[str]()
    for record in records:
        line = told(record, record.text)
        if (cost := estimate_tokens(line)) <= budget:
            budget -= cost
            kept.append(line)
    return kept


def random_lines(records: Sequence[Record], budget: int, chance: random.Random) -> list[str]:
    order = list(records)
    chance.shuffle(order)
    return first_that_fit(order, budget)


def kept_of(evidence: Sequence[str], summary: str) -> tuple[list[float], list[float]]:
    """Shares of the hard and of the other words of each evidence line that a summary has."""
    hard_there, soft_there = telling(summary)
    there = hard_there | soft_there | {word.lower() for word in _TOKEN.findall(summary)}
    hard, soft = list[float](), list[float]()
    for line in evidence:
        wanted, others = telling(line)
        if wanted:
            hard.append(len(wanted & there) / len(wanted))
        if others:
            soft.append(len(others & there) / len(others))
    return hard, soft


def sessions_of(conversation: Conversation) -> dict[str, list[Turn]]:
    sessions: dict[str, list[Turn]] = {}
    for turn in conversation.turns:
        sessions.setdefault(turn.session, []).append(turn)
    return sessions


def measure(
    conversations: Sequence[Conversation], embedder: CachedEmbedder, seed: int
) -> dict[str, tuple[float, float]]:
    """By way of summarising, the mean shares kept of names, numbers and dates, and of other words."""
    shares: dict[str, tuple[list[float], list[float]]] = {
        name: ([], []) for name in ("ours", "nearest the centroid", "first lines that fit", "random lines that fit")
    }
    chance = random.Random(seed)
    for conversation in conversations:
        wanted = {one for question in conversation.questions for one in question.evidence}
        for turns in sessions_of(conversation).values():
            evidence = [turn.body for turn in turns if turn.id in wanted]
            if not evidence:
                continue
            records = [record_of(turn) for turn in turns]
            budget = sum(estimate_tokens(told(record, record.text)) for record in records) // RATIO
            vectors = np.asarray(embedder.embed([turn.text for turn in turns]))
            ways: dict[str, Callable[[], list[str]]] = {
                "ours": lambda r=records, b=budget: ours(r, b),
                "nearest the centroid": lambda r=records, v=vectors, b=budget: central_lines(r, v, b),
                "first lines that fit": lambda r=records, b=budget: first_that_fit(r, b),
            }
            for _ in range(DRAWS):
                ways[f"random lines {_}"] = lambda r=records, b=budget: random_lines(r, b, chance)
            for way, summarise in ways.items():
                lines = summarise()
                assert sum(map(estimate_tokens, lines)) <= budget + len(lines), (way, budget)
                hard, soft = kept_of(evidence, "\n".join(lines))
                into = shares["random lines that fit" if way.startswith("random") else way]
                into[0].extend(hard)
                into[1].extend(soft)
    return {name: (float(np.mean(hard)), float(np.mean(soft))) for name, (hard, soft) in shares.items()}


def ours(records: Sequence[Record], budget: int) -> list[str]:
    return [told(records[entry], text) for entry, text in summary_lines(records, budget, estimate_tokens)]


def central_lines(records: Sequence[Record], vectors: np.ndarray, budget: int) -> list[str]:
    """The usual way: entries near the centroid and far from those taken (MMR, Carbonell and Goldstein 1998, .7)."""
    centre = vectors.mean(axis=0)
    near = vectors @ (centre / np.linalg.norm(centre))
    alike = vectors @ vectors.T
    taken = list[int]()
    left = set(range(len(records)))
    while left:
        place = max(
            left, key=lambda one: 0.7 * near[one] - 0.3 * max((alike[one, other] for other in taken), default=0)
        )
        left.remove(place)
        line = told(records[place], records[place].text)
        if (cost := estimate_tokens(line)) <= budget:
            budget -= cost
            taken.append(place)
    return [told(records[place], records[place].text) for place in sorted(taken)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="*", type=Path)
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args()
    embedder = CachedEmbedder(packaged_embedder(), DEFAULT_CACHE)
    print(f"seed {given.seed}; a tenth of each session's tokens")
    for path in files_of(parser, given.data):
        shares = measure(read_conversations(path), embedder, given.seed)
        print(f"\n{path.name:40} names, numbers, dates    other words")
        for way, (hard, soft) in shares.items():
            print(f"  {way:38} {hard:21.1%} {soft:14.1%}")


if __name__ == "__main__":
    main()
