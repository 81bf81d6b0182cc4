"""Any query is answered, and soon: ``python -m bench.fuzz --queries 10000 --seed 1``.

A space of 10,000 entries in many languages is asked questions that nobody asks: operators of other search engines,
quotes that do not end, control characters, halves of surrogate pairs, emoji joined without end, rows of combining
marks, marks that turn the direction of writing, 100,000 characters of anything, dates far out of range, filters,
budgets. Every one must be answered, or refused with the documented error: `InvalidText` for a text that is blank,
too long, or holds NUL or half a surrogate pair, and for no other; `InvalidFilter` for a filter that cannot be read;
`InvalidTime` where the times leave nothing between them. The slowest are printed by processor time of this process and
by the clock; both count everything a recall does, embedding the query included. The command ends with 1 when a query
failed, or took more than `MOST_MS` of processor time every one of three times it was asked;
a filter that only the contents can tell reads every memory, and has a bound of its own.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bench.conversations import read_conversations
from bench.languages import samples
from bench.vectors import DEFAULT_CACHE, CachedEmbedder, packaged_embedder
from holdfast import Memory
from holdfast.core.border import check_where
from holdfast.core.filters import needs_contents
from holdfast.errors import HoldfastError, InvalidFilter, InvalidText, InvalidTime
from holdfast.model.limits import BATCH, QUERY_CHARS
from holdfast.model.reports import Turn
from holdfast.ports.embedder import Embedder
from holdfast.testing.embedders import HashEmbedder

MOST_MS: Final = 200.0
MOST_MS_OF_CONTENTS: Final = 1_000.0
"""For a filter that only the contents can tell (``attributes.``, ``contains``): every memory is read for it."""
ENTRIES: Final = 10_000
AGAIN: Final = 2
"""How often a slow query is asked once more: a busy machine makes any query slow now and then."""

_OPERATORS: Final = (
    "AND", "OR", "NOT", "NEAR(", "NEAR/3", "*", "^", "-", "+", "(", ")", "((", "text:", "author:Ada", "[1 TO *]", "~2",
    "%", "_", "\\", "';--", "DROP TABLE memory", "||", "&&", "{", "}", "$where", "{{7*7}}", "\n", "\t", "?", "!", "=",
    "<>",
)  # fmt: skip
_QUOTES: Final = ('"', "'", "`", "\u201c", "\u201d", "\u2018", "\u2019", "\u00ab", "\u00bb", "\u300c", "\u300d", '"""')
_EMOJI: Final = ("😀", "👩\u200d👩\u200d👧\u200d👦", "🏳️\u200d🌈", "👍🏽", "🇩🇪", "1️⃣", "\u200d", "\ufe0f", "🫠")
_MARKS: Final = (
    "\u0301",
    "\u0316",
    "\u0e48",
    "\u0e38",
    "\u05b0",
    "\u0651",
    "\u20dd",
    "\U0001d165",
    "\U0001d16d",
    "\u3099",
)
_TURNS: Final = ("\u200e", "\u200f", "\u202a", "\u202e", "\u202c", "\u2066", "\u2069", "\u061c")
_DATES: Final = (
    "in 0000", "99999999999999 days ago", "in the year 99999", "between 3000 and 2000", "yesterday", "last summer",
    "3 Fridays ago", "2024-13-45", "31 February", "since 1e9", "before Christ", "12:99", "q5 2024", "in 2024",
    "ten weeks ago",
)  # fmt: skip
_PATTERNS: Final = (
    "(a+)+$",
    "a" * 40 + "!",
    "did you " * 30,
    "how " * 50,
    "between x and " * 20,
    "what " * 30 + "s is",
)
_ENGLISH: Final = "Ada went to the lake with her cousin in June and lost a red canoe at the harbour near the old mill"
_FIELDS: Final = (
    "author",
    "role",
    "kind",
    "session",
    "tag",
    "importance",
    "attributes.mood",
    "nothing",
    "text",
    "said",
)


@dataclass(frozen=True, slots=True)
class Case:
    """One call of recall, and what it may be refused with."""

    kind: str
    query: str
    more: dict[str, Any] = field(default_factory=dict)
    refusals: tuple[type[HoldfastError], ...] = ()
    """Beside `InvalidText`, which the text alone decides."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a case."""

    case: Case
    said: str
    """``answered``, the name of a documented error, or ``failed: …``."""
    processor_ms: float
    clock_ms: float

    @property
    def failed(self) -> bool:
        return self.said.startswith("failed")

    @property
    def bound_ms(self) -> float:
        where = self.case.more.get("where")
        reads = where is not None and self.said == "answered" and needs_contents(check_where(where))
        return MOST_MS_OF_CONTENTS if reads else MOST_MS

    @property
    def slow(self) -> bool:
        return self.processor_ms > self.bound_ms


def is_refused(text: str) -> bool:
    """Return whether `InvalidText` is the answer to a query."""
    return (
        not text.strip()
        or len(text) > QUERY_CHARS
        or "\0" in text
        or any("\ud800" <= character <= "\udfff" for character in text)
    )


def entries(count: int, seed: int) -> list[str]:
    """Return texts of the samples, their words exchanged between texts of one language after the first of each."""
    chance = random.Random(seed)
    by_language = [[turn.body for one in read_conversations(path) for turn in one.turns] for path in samples()]
    english = [
        "Ada",
        "went",
        "to",
        "the",
        "lake",
        "with",
        "her",
        "cousin",
        "in",
        "June",
        "and",
        "lost",
        "a",
        "red",
        "canoe",
        "at",
        "the",
        "harbour",
        "near",
        "the",
        "old",
        "mill",
    ]
    texts = [text for known in by_language for text in known]
    while len(texts) < count:
        known = chance.choice([*by_language, english, english])
        words = english if known is english else " ".join(chance.sample(known, 3)).split()
        texts.append(" ".join(chance.choices(words, k=chance.randint(4, 24))))
    return texts[:count]


def any_text(chance: random.Random, most: int) -> str:
    """Return characters of the whole of Unicode, halves of surrogate pairs left out."""
    length = chance.randint(1, most)
    planes = ((0x20, 0x7F), (0x80, 0x24F), (0x300, 0xD7FF), (0xE000, 0xFFFF), (0x10000, 0x1FFFF), (0x20000, 0x10FFFF))
    low, high = chance.choice(planes)
    return "".join(chr(chance.randint(low, high)) for _ in range(length))


def cases(count: int, seed: int, texts: Sequence[str]) -> Iterator[Case]:
    """Yield cases; the same seed gives the same ones."""
    chance = random.Random(seed)
    makers = _makers(chance, texts)
    for place in range(count):
        kind = list(makers)[place % len(makers)]
        query = makers[kind]()
        more, refusals = _arguments(chance) if chance.random() < 0.3 else ({}, ())
        yield Case(kind, query, more, refusals)


def _makers(chance: random.Random, texts: Sequence[str]) -> dict[str, Callable[[], str]]:
    def words(most: int = 8) -> list[str]:
        return chance.choice(texts).split()[: chance.randint(1, most)]

    def strewn(pieces: Sequence[str], most: int = 12) -> str:
        mixed = words() + chance.choices(pieces, k=chance.randint(1, most))
        chance.shuffle(mixed)
        return chance.choice((" ", "")).join(mixed)

    def large() -> str:
        kinds = (
            lambda: any_text(chance, 200) * 1_000,
            lambda: " ".join(" ".join(chance.sample(texts, 50)) for _ in range(40)),
            lambda: (
                chance.choice(
                    ("x", "漢", "ก", "é", "가", "a\u0301\u0316", "\U0001d165\U0001d16d", "👩\u200d", '"', "\ufdfa")
                )
                * QUERY_CHARS
            ),
            lambda: " ".join(f"{chance.choice('bdfgklmnprst')}{number}ü" for number in range(20_000)),
            lambda: chance.choice(_PATTERNS) * 5_000,
            lambda: any_text(chance, QUERY_CHARS),
        )
        return chance.choice(kinds)()[: QUERY_CHARS - chance.choice((0, 0, 1, -1))]

    def broken() -> str:
        text = list(" ".join(words()))
        text.insert(chance.randint(0, len(text)), chr(chance.choice((0, chance.randint(0xD800, 0xDFFF)))))
        return "".join(text)

    return {
        "words": lambda: " ".join(words()),
        "operators": lambda: strewn(_OPERATORS),
        "quotes": lambda: strewn(_QUOTES),
        "emoji": lambda: strewn(_EMOJI, 60),
        "controls": lambda: strewn([chr(code) for code in (*range(1, 32), 0x7F, 0x85, 0x2028, 0xFEFF, 0xFFFD)]),
        "marks": lambda: strewn(_MARKS) + chance.choice(_MARKS) * chance.randint(0, 2_000),
        "directions": lambda: strewn(_TURNS),
        "dates": lambda: strewn(_DATES, 4),
        "patterns": lambda: strewn(_PATTERNS, 4),
        "anything": lambda: any_text(chance, 400),
        "large": large,
        "broken": broken,
        "blank": lambda: "".join(chance.choices(" \t\n\r\u3000\u00a0", k=chance.randint(0, 5))),
    }


def _arguments(chance: random.Random) -> tuple[dict[str, Any], tuple[type[HoldfastError], ...]]:
    """Return arguments beside the query, and the errors they may end with."""
    kind = chance.randrange(5)
    if kind == 0:
        value = chance.choice(
            ("Ada", "user", "", "x" * 600, "\u202e", 3, 1.5, None, True, ["Ada", "Bo"], [], {"gt": 2}, {"?": 1})
        )
        return {"where": {chance.choice(_FIELDS): value}}, (InvalidFilter,)
    if kind == 1:
        parts = chance.choices(
            ("author", "=", "Ada", "and", "or", "not", "(", ")", "in", "'", '"', "3", "\u0301", "tag"), k=7
        )
        return {"where": " ".join(parts)}, (InvalidFilter,)
    if kind == 2:
        return {"since": f"{chance.randint(1970, 2100)}-01-01", "until": f"{chance.randint(1970, 2100)}-06-01"}, (
            InvalidTime,
        )
    if kind == 3:
        return {"budget_tokens": chance.choice((1, 50, 4_000, 10_000_000)), "limit": chance.choice((1, 100, 1_000))}, ()
    return {"where": {"author": chance.choice(("Ada", "Bo", "nobody"))}, "limit": chance.choice((1, 50))}, ()


def ask(memory: Memory, case: Case) -> Outcome:
    """Ask once, and say what came of it."""
    processor, clock = time.process_time(), time.perf_counter()
    try:
        memory.recall(case.query, **case.more)
        said = "failed: InvalidText was due" if is_refused(case.query) else "answered"
    except InvalidText as error:
        said = "InvalidText" if is_refused(case.query) else f"failed: {error!r:.200}"
    except case.refusals as error:
        said = type(error).__name__
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what this looks for
        said = f"failed: {error!r:.200}"
    return Outcome(case, said, (time.process_time() - processor) * 1e3, (time.perf_counter() - clock) * 1e3)


def fill(memory: Memory, texts: Sequence[str]) -> None:
    """Write texts in sessions of 20, two authors in turn, and wait for their vectors."""
    for first in range(0, len(texts), 20):
        memory.session(f"s{first // 20 % (BATCH // 20)}").add_many(
            Turn(speaker=("Ada", "Bo")[place % 2], text=text) for place, text in enumerate(texts[first : first + 20])
        )
    memory.settle()


def run(memory: Memory, given: Iterator[Case]) -> Iterator[Outcome]:
    """Yield the outcome of each case; a slow one is asked again and its best time counts."""
    for case in given:
        outcome = ask(memory, case)
        for _ in range(AGAIN):
            if outcome.failed or not outcome.slow:
                break
            outcome = min(outcome, ask(memory, case), key=lambda one: one.processor_ms)
        yield outcome


def main(arguments: list[str]) -> int:
    """Run the command; gives its exit status."""
    parser = argparse.ArgumentParser("bench.fuzz", description="Queries that nobody asks.")
    parser.add_argument("--queries", type=int, default=10_000, help="how many to ask (default %(default)s)")
    parser.add_argument("--entries", type=int, default=ENTRIES, help="of the space (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of entries and queries (default %(default)s)")
    parser.add_argument("--hash", action="store_true", help="embed by hashing, in place of the packaged model: quicker")
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE, help="folder for vectors (default %(default)s)")
    options = parser.parse_args(arguments)
    embedder: Embedder = HashEmbedder() if options.hash else CachedEmbedder(packaged_embedder(), options.cache)
    texts = entries(options.entries, options.seed)
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory() as folder, Memory.open(Path(folder) / "fuzz.db", embedder=embedder) as memory:
        fill(memory, texts)
        if isinstance(embedder, CachedEmbedder):
            embedder.save()
        memory.recall("warm up")
        outcomes += run(memory, cases(options.queries, options.seed, texts))
    return told(outcomes, f"{options.entries:,} entries, seed {options.seed}")


def told(outcomes: Sequence[Outcome], about: str) -> int:
    """Print what came of the cases; gives 1 where one failed or was too slow."""
    print(f"{len(outcomes):,} queries, {about}: {dict(Counter(one.said.split(':')[0] for one in outcomes))}")
    others = [one for one in outcomes if one.bound_ms == MOST_MS]
    reading = [one for one in outcomes if one.bound_ms > MOST_MS]
    for what, some in (("", others), ("filters that read contents, ", reading)):
        for name in ("processor_ms", "clock_ms") if some else ():
            took = sorted((getattr(one, name) for one in some), reverse=True)
            slowest = max(some, key=lambda one, name=name: getattr(one, name))
            print(
                f"  {what}{name}: median {took[len(took) // 2]:.1f}, 99% {took[len(took) // 100]:.1f}, "
                f"most {took[0]:.1f} ({slowest.case.kind}, {len(slowest.case.query):,} characters)"
            )
    for kind in dict.fromkeys(one.case.kind for one in others):
        of_kind = [one for one in others if one.case.kind == kind]
        print(
            f"  {kind:11}{len(of_kind):6}  most {max(one.processor_ms for one in of_kind):6.1f} ms of processor, "
            f"{max(one.clock_ms for one in of_kind):6.1f} ms by the clock"
        )
    bad = [one for one in outcomes if one.failed or one.slow]
    for one in bad[:20]:
        print(
            f"  {one.said}, {one.processor_ms:.0f} ms: {one.case.kind}, {one.case.query[:80]!a}, {one.case.more!a:.200}"
        )
    over = sum(one.clock_ms > one.bound_ms for one in outcomes)
    print(
        f"  {len(bad)} failed or took more processor time than {MOST_MS:.0f} ms ({MOST_MS_OF_CONTENTS:,.0f} ms for a "
        f"filter that reads contents); {over} took longer by the clock"
    )
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
