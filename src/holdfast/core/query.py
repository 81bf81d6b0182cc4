"""What a query says: its words, the people it names, the times it names and what it asks for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from holdfast.core.kinds import QuestionKind, kinds_of
from holdfast.core.language import Language
from holdfast.core.lexical import language_of_query, term_hashes
from holdfast.core.when import MONTH_NUMBERS, WEEKDAYS, Span, spans
from holdfast.core.words import NOT_NAMES, ORDINARY_NAMES

MAX_QUERY_CHARS: Final = 4_000
"""Characters of a query that are read."""

_WORD: Final = re.compile(r"[^\W\d_]+")
# Not at the start of a sentence, where every word has a capital letter.
_THING: Final = re.compile(r"(?<![.!?:] )(?<![.!?\n])\b(?:[A-Z][\w'’.+-]*\w|\w*\d[\w.-]*)")
_NO_THINGS: Final = frozenset(("i", "i'm", "i've", "i'd", "i'll", *MONTH_NUMBERS, *WEEKDAYS))
# Only what it has said already: "what would you suggest" asks for something new.
_BY_ASSISTANT: Final = re.compile(
    r"\bdid you (?:\w+ )?(?:say|tell|suggest|recommend|mention|give|provide|explain|list|advise|propose|describe|write|"
    r"answer|share|call)\b|\byou (?:\w+ )?(?:said|told|suggested|recommended|mentioned|gave|provided|explained|listed|"
    r"advised|proposed|described|wrote|answered|shared)\b|\byour (?:\w+ )?(?:answers?|reply|replies|recommendations?|"
    r"suggestions?|advice|explanations?)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Query:
    """A query as the engine reads it."""

    text: str
    dense_text: str
    """What to embed: the query with the names of known authors in the first person."""
    terms: tuple[int, ...]
    """Distinct keyed terms, in order."""
    named: tuple[str, ...]
    """Known authors it names, sorted."""
    times: tuple[Span, ...]
    """Times it names, milliseconds since 1970 UTC, half-open."""
    kinds: QuestionKind
    """What sort of question it is."""
    asks_assistant: bool
    """It asks what the assistant said."""
    language: Language
    """What it is in, script by script."""
    spoken_of: frozenset[int] = frozenset()
    """Those of the terms that name somebody or something: written with a capital letter or digits inside the question,
    known authors left out."""

    @property
    def asks_time(self) -> bool:
        """It asks when, or how long."""
        return bool(self.kinds & QuestionKind.WHEN)


def parse_query(
    text: str,
    *,
    key: bytes,
    authors: Sequence[str],
    now_ms: int,
    languages: Mapping[str, float] | None = None,
) -> Query:
    """Read a query.

    Args:
        text: what is asked; any text, read up to `MAX_QUERY_CHARS` characters.
        key: the space's secret that its terms are hashed with.
        authors: `Statistics.authors` of the corpus.
        now_ms: when it is asked, milliseconds since 1970 UTC.
        languages: `language_shares` of the corpus; without them the question alone must tell its language.
    """
    text = text[:MAX_QUERY_CHARS]
    places = _named(text, _name_words(tuple(authors)))
    named = tuple(sorted({name for _, _, name in places}))
    language = language_of_query(text, languages)
    return Query(
        text=text,
        dense_text=_in_first_person(text, (place[:2] for place in places)),
        terms=term_hashes(text, key, language),
        named=named,
        times=spans(text, now_ms),
        kinds=kinds_of(text, len(named)),
        asks_assistant=bool(_BY_ASSISTANT.search(text)),
        language=language,
        spoken_of=frozenset(term_hashes(_spoken_of(text, places), key, language)),
    )


def clear_name_cache() -> None:
    """Forget the names of authors that queries were read with."""
    _name_words.cache_clear()


@lru_cache(maxsize=8)
def _name_words(authors: tuple[str, ...]) -> dict[str, list[tuple[tuple[str, ...], str]]]:
    """Return, by the first word of authors' names, the other words of each and the name, longest first."""
    names: dict[str, list[tuple[tuple[str, ...], str]]] = {}
    for author in authors:
        words = tuple(word.casefold() for word in _WORD.findall(author))
        if len("".join(words)) > 1 and words[0] not in NOT_NAMES:
            names.setdefault(words[0], []).append((words[1:], author))
    for known in names.values():
        known.sort(key=lambda name: -len(name[0]))
    return names


def _named(text: str, names: dict[str, list[tuple[tuple[str, ...], str]]]) -> list[tuple[int, int, str]]:
    """Return where known authors are named: start, end, name.

    Of several who share a first word, the one whose other words follow is named, and by that word alone nobody is.
    An author called "support" or "Customer Service" must not be found in every question about support or a
    customer: a name counts in lower case only where it is given in full and its author writes it otherwise.
    """
    found: list[tuple[int, int, str]] = []
    if not names:
        return found
    words = list(_WORD.finditer(text))
    folded = [word[0].casefold() for word in words]
    for i, word in enumerate(words):
        known = names.get(folded[i])
        if known is None:
            continue
        full = next((one for one in known if tuple(folded[i + 1 : i + 1 + len(one[0])]) == one[0]), None)
        if full is None and (len(known) > 1 or len(word[0]) == 1):
            continue
        rest, name = full or known[0]
        in_lower_case = full and not name[0].islower() and folded[i] not in ORDINARY_NAMES
        if not word[0][0].islower() or in_lower_case:
            found.append((word.start(), words[i + len(rest)].end() if full else word.end(), name))
    return found


def _spoken_of(text: str, places: Sequence[tuple[int, int, str]]) -> str:
    """Return the words of a question that name somebody or something, known authors left out."""
    taken = {start for start, _, _ in places}
    words = (word for word in _THING.finditer(text) if word.start() not in taken and word.start() > 0)
    return " ".join(word[0] for word in words if word[0].split("'")[0].lower() not in _NO_THINGS)


def _in_first_person(text: str, places: Iterable[tuple[int, int]]) -> str:
    """Replace names by "I" and "my": people speak of themselves in the first person."""
    pieces: list[str] = []
    done = 0
    for start, end in places:
        if start < done:
            continue
        possessive = re.compile(r"['’]s?(?!\w)").match(text, end)
        pieces += (text[done:start], "my" if possessive else "I")
        done = possessive.end() if possessive else end
    pieces.append(text[done:])
    return "".join(pieces)
