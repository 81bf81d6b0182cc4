"""Words of a text in the forms they are found by, for every script.

A word of a language that has a stemmer is found as it stands and by its stem, so a wrong guess of the language loses
nothing but the stem. English words are found by their stem alone. Scripts without spaces give characters and pairs.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise
from threading import local
from typing import Final, cast

import Stemmer

from holdfast.core.language import ENGLISH, Language, fold, stop_words
from holdfast.core.language_words import HANGUL_PARTICLES
from holdfast.core.words import STOP_WORDS

MAX_WORD_CHARS: Final = 40
"""Characters of a word that are read."""

# Scripts written without spaces: Thai, Lao, Myanmar, Khmer, kana, Han.
_UNSPACED: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003fffd"
)
_HANGUL: Final = "\uac00-\ud7af"
# Vowel signs and the like, which `\w` leaves out though they stand inside words.
_MARKS: Final = (
    "\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06ed\u0900-\u0963\u0966-\u0dff"
    "\u0f00-\u0fff"
)
# What follows a letter of such a script and is read together with it.
_TAILS: Final = (
    "\u0e31\u0e33-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb3-\u0ebc\u0ec8-\u0ece\u102b-\u103e\u1056-\u1059\u105e-\u1060"
    "\u1062-\u1064\u1067-\u106d\u1071-\u1074\u1082-\u108d\u17b4-\u17d3\u3099\u309a"
)
# Compiled when the first text beyond ASCII comes: it takes longer than opening a small space.
_compiled: Final = lru_cache(maxsize=None)(re.compile)
_ANY_PIECE: Final = rf"[{_UNSPACED}]+|[{_HANGUL}]+|(?:(?![{_UNSPACED}{_HANGUL}])(?:[^\W_]|[{_MARKS}]))+"
_CLUSTER: Final = rf".[{_TAILS}]{{0,4}}"
# Joiners, marks of direction, soft hyphens and variation selectors stand inside words and change none.
_UNSEEN: Final = "[\u00ad\u034f\u061c\u180b-\u180e\u200d-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]+"
_EMOJI_JOINERS: Final = "\u200d\ufe0f"
# Putting a long row of marks in order takes time by the square of its length; no word has more than a few in a row.
_MOST_MARKS: Final = 8
_MAYBE_MARKS: Final = rf"[^\w\x00-\x7f]{{{_MOST_MARKS + 1},}}"
# A character that may be a word: Han, and a syllable of Myanmar or Khmer.
_MAY_BE_A_WORD: Final = re.compile("[\u1000-\u109f\u1780-\u17ff\u3005\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003fffd]")
# Letters that are letters of their own, and stay in a stem; without them the word is still found as it stands.
_OWN_LETTERS: Final = {
    "spanish": "ñ", "swedish": "åäö", "finnish": "åäö", "danish": "åæø", "norwegian": "åæø"
}  # fmt: skip
_SPELLED_OUT: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})
_JOINED: Final = ("وال", "بال", "كال", "فال", "ال", "لل", "و")
_LONG_VOWELS: Final = dict.fromkeys(map(ord, "اوي"))
_BY_SCRIPT: Final = (
    ("\u0370", "\u03ff", "greek"),
    ("\u0530", "\u058f", "armenian"),
    ("\u0900", "\u097f", "hindi"),
    ("\u0b80", "\u0bff", "tamil"),
    ("\u1f00", "\u1fff", "greek"),
)


def split(text: str, most: int) -> list[str]:
    """Split a text into words and runs of scripts without spaces, NFKC and in lower case.

    Args:
        text: any text; its time is linear in its length.
        most: pieces to give, at most.
    """
    text = _compiled(_MAYBE_MARKS).sub(_thinned, _compiled(_UNSEEN).sub("", text))
    text = unicodedata.normalize("NFC", unicodedata.normalize("NFKC", text).casefold())
    found: list[str] = []
    for piece in _compiled(_ANY_PIECE).finditer(text):
        found.append(piece[0])
        if len(found) == most:
            break
    return found


def _thinned(run: re.Match[str]) -> str:
    kept: list[str] = []
    row = 0
    for character in run[0]:
        row = row + 1 if unicodedata.combining(character) else 0
        if row <= _MOST_MARKS:
            kept.append(character)
    return "".join(kept)


def in_turkish(text: str) -> str:
    """Return a text with its capital I's as Turkish lower-cases them."""
    return text.replace("I", "\u0131").replace("\u0130", "i").replace("I\u0307", "i")


def is_unspaced(piece: str) -> bool:
    """Return whether a piece of `split` is a run of a script without spaces."""
    return piece[0] >= "\u0e00" and _compiled(f"[{_UNSPACED}]").match(piece) is not None


@lru_cache(maxsize=4_096)
def separates(character: str) -> bool:
    """Return whether a character beyond ASCII only stands between words: a quotation mark, a dash, an emoji."""
    if character in _EMOJI_JOINERS:
        return True
    if _compiled(_UNSEEN).match(character):
        return False
    plain = unicodedata.normalize("NFKC", character)
    return not any(one.isalnum() or unicodedata.category(one)[0] == "M" for one in plain)


def grams(run: str, most: int) -> tuple[list[str], int]:
    """Return the terms of a run of a script without spaces, and how many characters were read.

    Pairs of neighbours, and every character that may be a word, as those of Han may; of a run of one character, that.

    Args:
        run: a piece for which `is_unspaced` holds.
        most: characters to read, at most.
    """
    characters: list[str] = []
    for cluster in _compiled(_CLUSTER).finditer(run):
        characters.append(cluster[0])
        if len(characters) >= most:
            break
    if len(characters) == 1:
        return characters, 1
    found = [one for one in characters if _MAY_BE_A_WORD.match(one)]
    found += map("".join, pairwise(characters))
    return found, len(characters)


def forms(word: str, language: Language) -> tuple[str, ...]:
    """Return the forms a word is found by, none for a function word.

    Args:
        word: a piece of `split` that is not a run.
        language: of the text it stands in.
    """
    word = word[:MAX_WORD_CHARS]
    folded = fold(word)
    if not folded:
        return ()
    first = folded[0]
    if first < "\u0250" or "\u1e00" <= first <= "\u1eff":
        return _latin_forms(word, folded, language)
    if "\uac00" <= first <= "\ud7af":
        return _korean_forms(word)
    name = ""
    if "\u0400" <= first <= "\u052f":
        name = language.cyrillic
    elif "\u0600" <= first <= "\u06ff":
        name = language.arabic
    else:
        name = next((name for low, high, name in _BY_SCRIPT if low <= first <= high), "")
    if name and folded in stop_words(name):
        return ()
    if name == "arabic":
        return _arabic_forms(folded)
    return _distinct(folded, fold(stem(word, name))) if name else (folded,)


def english_form(folded: str) -> str:
    """Return the stem of an English word in lower case, at most `MAX_WORD_CHARS` characters of it."""
    return _stemming.english(folded[:MAX_WORD_CHARS])


def stem(word: str, language: str) -> str:
    """Return the stem of a word, or the word where there is no stemmer for its language."""
    return _stemming.of(language)(word)


def _latin_forms(word: str, folded: str, language: Language) -> tuple[str, ...]:
    name = language.latin
    if folded in (stop_words(name) if language.sure else STOP_WORDS):
        return ()
    if name == ENGLISH:
        return (_stemming.english(folded),)
    own = _OWN_LETTERS.get(name, "")
    stemmed = stem(word, name)
    stemmed = "".join(letter if letter in own else fold(letter) for letter in stemmed) if own else fold(stemmed)
    # A name is spelled out abroad: Müller, Mueller.
    spelled = fold(word.translate(_SPELLED_OUT)) if name == "german" else folded
    return _distinct(folded, stemmed, spelled, folded if language.sure else _stemming.english(folded))


def _arabic_forms(folded: str) -> tuple[str, ...]:
    """Return a word as it stands, its stem without what is joined before it (Larkey's light10), and its consonants.

    Most plurals are made inside the word, by its long vowels: without them kalb and kilab are one.
    """
    joined = next((one for one in _JOINED if folded.startswith(one) and len(folded) - len(one) >= 3), "")
    stemmed = fold(stem(folded[len(joined) :], "arabic"))
    consonants = stemmed.translate(_LONG_VOWELS)
    return _distinct(folded, stemmed, consonants if len(consonants) >= 3 else folded)


def _korean_forms(word: str) -> tuple[str, ...]:
    bare = next((word[: -len(end)] for end in _particles() if word.endswith(end) and len(word) > len(end)), word)
    return _distinct(word, bare, *map("".join, pairwise(word)))


@lru_cache(maxsize=1)
def _particles() -> tuple[str, ...]:
    return tuple(HANGUL_PARTICLES.split())


def _distinct(*found: str) -> tuple[str, ...]:
    return tuple(one for one in dict.fromkeys(found) if one)


class _Stemming(local):
    """The stemmers of one thread: a stemmer is not safe to share."""

    def __init__(self) -> None:
        self.english = _stemmer(ENGLISH)
        self._others: dict[str, Callable[[str], str]] = {}

    def of(self, language: str) -> Callable[[str], str]:
        known = self._others.get(language)
        if known is None:
            known = self._others[language] = _stemmer(language) if language in _algorithms() else str
        return known


# PyStemmer carries no types.
def _stemmer(language: str) -> Callable[[str], str]:
    # 0: no cache of its own, `lexical` has one.
    return cast(Callable[[str], str], Stemmer.Stemmer(language, 0).stemWord)  # pyright: ignore[reportUnknownMemberType]


@lru_cache(maxsize=1)
def _algorithms() -> frozenset[str]:
    return frozenset(cast(Callable[[], list[str]], Stemmer.algorithms)())  # pyright: ignore[reportUnknownMemberType]


def stemmer_release() -> str:
    """Return the first two numbers of the stemmers' release."""
    release = cast(Callable[[], str], Stemmer.version)()  # pyright: ignore[reportUnknownMemberType]
    return ".".join(release.split(".")[:2])


_stemming: Final = _Stemming()
