"""Which procedures apply to what is said, and in which order: what triggers them, what it means, and how they went."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from holdfast.model.procedures import Procedure, Success, Trial

Z_95: Final = 1.959963984540054
"""The 97.5th percentile of the standard normal distribution."""
UNTRIED: Final = (0.5, 1)
"""What stands for no trial at all: half a success in one trial, between one that failed and one that went well."""
NAMED: Final = 1.0
SAID: Final = 0.9
"""How well a procedure matches of which a phrase was said; an example, said word by word, as much."""
KEYWORD: Final = 0.5
FURTHER_KEYWORD: Final = 0.1
MOST_BY_KEYWORDS: Final = 0.8
TOOL: Final = 0.5
MEANT_FROM: Final = 0.45
"""The cosine from which on something is meant; below it two texts of a sentence model have little in common."""
MEANT_SURELY: Final = 0.8
MOST_MEANT: Final = 0.85
"""How well a procedure matches by meaning at most: what was said outright comes before."""
WHOLE_CHARS: Final = 4_000
"""Leading characters of what is said in which words are looked for."""
SHOWN: Final = 60
_SPACELESS: Final = (
    ("\u0e00", "\u0eff"), ("\u1000", "\u109f"), ("\u1780", "\u17ff"), ("\u3040", "\u30ff"), ("\u3400", "\u4dbf"),
    ("\u4e00", "\u9fff"), ("\uf900", "\ufaff"), ("\U00020000", "\U0003ffff"),
)  # fmt: skip
"""Thai, Lao, Burmese, Khmer, Japanese and Chinese: words stand there without spaces between them."""


def lower_bound(successes: float, trials: int) -> float:
    """The lower bound of the share of successes that holds with 95% confidence (two-sided), from 0 to 1.

    Wilson, E. B. (1927): Probable inference, the law of succession, and statistical inference. Journal of the American
    Statistical Association 22 (158), 209-212. Without a trial, that of `UNTRIED`.
    """
    if trials == 0:
        successes, trials = UNTRIED
    if not successes:
        return 0.0
    share, z2 = successes / trials, Z_95 * Z_95
    centre = share + z2 / (2 * trials)
    spread = Z_95 * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials * trials))
    return min(share, (centre - spread) / (1 + z2 / trials))


def success_of(trials: Iterable[Trial]) -> Success:
    """What trials come to."""
    went = list(trials)
    good = sum(one.success for one in went)
    took = [one.seconds for one in went if one.seconds is not None]
    paid = [one.cost for one in went if one.cost is not None]
    return Success(
        good, len(went), lower_bound(good, len(went)), math.fsum(took) / len(took) if took else None,
        math.fsum(paid) / len(paid) if paid else None,
    )  # fmt: skip


def ranked(matched: float, success: Success) -> float:
    """The score of a match: how well it matches, halved for what never goes well."""
    return matched * (1 + success.lower) / 2


@dataclass(frozen=True, slots=True)
class Wording:
    """The words that a procedure is matched by, folded once."""

    name: str
    phrases: tuple[tuple[str, str], ...]
    keywords: tuple[tuple[str, str], ...]
    tools: frozenset[str]


def wording_of(one: Procedure) -> Wording:
    """What of a procedure is compared with what is said: each text folded, and as it is shown."""
    said = (*one.when.phrases, *one.when.examples)
    return Wording(
        folded(one.name),
        tuple((folded(text), text) for text in said if folded(text)),
        tuple((folded(text), text) for text in one.when.keywords if folded(text)),
        frozenset(one.when.tools),
    )


def meanings_of(one: Procedure) -> tuple[str, ...]:
    """The texts of a procedure whose meaning is compared."""
    return tuple(dict.fromkeys((one.description, *one.when.phrases, *one.when.examples)))


def worded(text: str, wording: Wording, tools: frozenset[str]) -> tuple[float, list[str]]:
    """How well what is said matches the words of a procedure, from 0 to 1, and why.

    Args:
        text: Folded.
    """
    if text == wording.name:
        return NAMED, ["its name"]
    found = list[tuple[float, str]]()
    said = [pair for pair in wording.phrases if pair[0] in text and has_words(text, pair[0])]
    phrase = max(said, key=_length, default=None)
    if phrase is not None:
        found.append((SAID, f"the phrase '{_short(phrase[1])}'"))
    words = [shown for word, shown in wording.keywords if word in text and has_words(text, word)]
    if words:
        best = min(MOST_BY_KEYWORDS, KEYWORD + FURTHER_KEYWORD * (len(words) - 1))
        found.append((best, f"the keyword{'s' if len(words) > 1 else ''} {', '.join(map(_short, words))}"))
    used = sorted(wording.tools & tools)
    if used:
        found.append((TOOL, f"the tool{'s' if len(used) > 1 else ''} {', '.join(map(_short, used))}"))
    return max((score for score, _ in found), default=0.0), [why for _, why in found]


def meant(cosine: float) -> float:
    """How well something matches by what it means, from the cosine of two unit vectors; 0 below `MEANT_FROM`."""
    if not cosine >= MEANT_FROM:
        return 0.0
    share = min(1.0, (cosine - MEANT_FROM) / (MEANT_SURELY - MEANT_FROM))
    return MOST_MEANT * (0.5 + 0.5 * share)


def folded(text: str) -> str:
    """A text as it is compared: without case, width, and how much space is between its words."""
    plain = text[:WHOLE_CHARS]
    plain = plain.lower() if plain.isascii() else unicodedata.normalize("NFKC", plain).casefold()
    return " ".join(plain.split())


def has_words(text: str, words: str) -> bool:
    """Whether words stand in a text, not as a part of longer ones; both are folded."""
    place = text.find(words)
    while place >= 0:
        end = place + len(words)
        begins = place == 0 or _parts(text[place - 1], words[0])
        if begins and (end == len(text) or _parts(words[-1], text[end])):
            return True
        place = text.find(words, place + 1)
    return False


def _parts(one: str, other: str) -> bool:
    """Whether a word may end between two characters."""
    return not (_is_of_word(one) and _is_of_word(other)) or _is_spaceless(one) or _is_spaceless(other)


def _is_of_word(char: str) -> bool:
    return char.isalnum() or char == "_" or unicodedata.category(char)[0] == "M"


def _is_spaceless(char: str) -> bool:
    return char >= "\u0e00" and any(first <= char <= last for first, last in _SPACELESS)


def _length(pair: Sequence[str]) -> int:
    return len(pair[0])


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
