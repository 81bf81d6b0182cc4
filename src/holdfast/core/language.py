"""Which language a text is in, told by its letters and its commonest words, without a model.

English is assumed until more than one weak sign speaks for another language. Of a text in several languages the one
that most words speak for is taken, for each script by itself.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from holdfast.core.language_words import ARABIC, CYRILLIC, LATIN, WEAK_SIGNS
from holdfast.core.words import STOP_WORDS

ENGLISH: Final = "english"

SIGN: Final = 2.0
"""What a word or a letter counts for the languages it is of."""
WEAK_SIGN: Final = 1.0
"""Likewise a word that English texts have too."""
_SURE_LEAD: Final = 4.0
_OF_SPACE: Final = 3.0
"""What a text counts for a language that its whole space is in; between one sign and two."""

# Letters by which a word of the Latin script speaks for languages.
_LETTERS: Final[dict[str, str]] = {
    "ß": "german", "ä": "german swedish finnish", "ö": "german swedish finnish turkish hungarian",
    "ü": "german turkish hungarian", "ñ": "spanish", "ã": "portuguese", "õ": "portuguese",
    "á": "spanish portuguese hungarian czech", "í": "spanish portuguese hungarian czech catalan",
    "ó": "spanish portuguese hungarian polish catalan", "ú": "spanish portuguese hungarian czech catalan",
    "é": "french spanish portuguese italian hungarian czech catalan", "è": "french italian catalan",
    "ê": "french portuguese", "ë": "french dutch", "à": "french italian portuguese catalan", "â": "french romanian",
    "î": "french romanian", "ï": "french dutch catalan", "ô": "french portuguese", "û": "french", "ù": "french italian",
    "ò": "italian catalan", "ì": "italian", "ç": "french portuguese turkish catalan", "œ": "french",
    "å": "swedish danish norwegian", "ø": "danish norwegian", "æ": "danish norwegian", "ő": "hungarian",
    "ű": "hungarian", "ğ": "turkish", "ı": "turkish", "ş": "turkish romanian", "ă": "romanian", "ț": "romanian",
    "ţ": "romanian", "ș": "romanian", "ł": "polish", "ą": "polish", "ę": "polish", "ż": "polish", "ź": "polish",
    "ś": "polish", "ć": "polish", "ń": "polish", "ř": "czech", "ě": "czech", "ů": "czech", "ý": "czech", "č": "czech",
    "š": "czech", "ž": "czech",
}  # fmt: skip
_OPENING: Final = ("\u00bf", "\u00a1")  # only Spanish opens a question or a call
_NOT_RUSSIAN: Final = frozenset("іїєґўћђјљњџѓќѕ")
_SERBIAN: Final = frozenset("ћђјљњџ")
_PERSIAN: Final = frozenset("پچژگکی")

_ACCENTED: Final = re.compile("([a-z\u0370-\u03ff])[\u0300-\u036f]+")
_OTHER_ACCENTS: Final = re.compile("[\u0300-\u036f]+")
_UNDECOMPOSED: Final = str.maketrans(
    {"ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ħ": "h", "ı": "i", "ŧ": "t", "ё": "е"}
)
_ARABIC_FORMS: Final = str.maketrans(
    {
        **dict.fromkeys("أإآٱ", "ا"), **dict.fromkeys("ىیے", "ي"), "ة": "ه", "ک": "ك", "ؤ": "و", "ئ": "ي",
        **{chr(0x0660 + n): str(n) for n in range(10)}, **{chr(0x06F0 + n): str(n) for n in range(10)},
    }
)  # fmt: skip
# Short vowels and the like, honorific signs, and the stroke that only lengthens a word.
_TASHKEEL: Final = re.compile("[\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06ed]+")
_NIQQUD: Final = re.compile("[\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7]+")


@dataclass(frozen=True, slots=True)
class Language:
    """What a text is in, script by script; the names are those of Snowball stemmers, empty where there is none."""

    latin: str = ENGLISH
    sure: bool = True
    """Whether enough speaks for the Latin one; if not, a text is to be found as an English one too."""
    cyrillic: str = "russian"
    arabic: str = "arabic"


def fold(word: str) -> str:
    """Return a word in lower case without what people leave out when they type in a hurry.

    Accents of Latin and Greek letters go, and what stands for a letter of the basic alphabet becomes it (ø, æ, ł, ı);
    in Cyrillic ё becomes е and stress marks go, й stays; in Arabic vowel signs go, and the forms of alef, ya and
    kaf, ta marbuta and digits become one each; in Hebrew the points go. Other scripts stay.

    Args:
        word: NFKC, in lower case.
    """
    if word.isascii():
        return word
    first = word[0]
    if "\u0590" <= first <= "\u08ff":
        return _TASHKEEL.sub("", _NIQQUD.sub("", word)).translate(_ARABIC_FORMS)
    if "\u0400" <= first <= "\u052f":
        return _OTHER_ACCENTS.sub("", word).translate(_UNDECOMPOSED)
    # One mark may hide another from the pattern, so all that can be taken apart is.
    plain = _ACCENTED.sub(r"\1", unicodedata.normalize("NFKD", word))
    return unicodedata.normalize("NFC", plain).translate(_UNDECOMPOSED)


@lru_cache(maxsize=1)
def signs() -> Mapping[str, tuple[tuple[str, ...], float, bool]]:
    """Return, for each folded function word, which languages it speaks for, how much, and whether also for English."""
    weak = {fold(word) for word in WEAK_SIGNS.split()} | STOP_WORDS
    found: dict[str, list[str]] = {word: [] for word in STOP_WORDS}
    for name in LATIN:
        for word in stop_words(name):
            # A single letter is an abbreviation more often than a word: "e.g."
            if len(word) > 1:
                found.setdefault(word, []).append(name)
    return {
        word: (tuple(names), WEAK_SIGN if word in weak else SIGN, word in STOP_WORDS) for word, names in found.items()
    }


@lru_cache(maxsize=64)
def stop_words(language: str) -> frozenset[str]:
    """Return the function words of a language, folded; those of no known language are none."""
    if language == ENGLISH:
        return STOP_WORDS
    words = LATIN.get(language) or CYRILLIC.get(language) or ARABIC.get(language) or ""
    return frozenset(map(fold, words.split()))


def language_of(words: Iterable[str], text: str, shares: Mapping[str, float] | None = None) -> Language:
    """Return the language of a text.

    Args:
        words: of the text, NFKC and in lower case; one that is said often tells no more than once.
        text: as it was written; Spanish is told by its opening marks.
        shares: of the entries of its space in each Latin language other than English, 0 to 1 each: for a question,
            which is often too short to tell.
    """
    points: dict[str, float] = {}
    english = 0.0
    letters: set[str] = set()
    strong = bool(shares) or any(mark in text for mark in _OPENING)
    known = signs()
    for word in dict.fromkeys(words):
        if word.isascii():
            sign = known.get(word)
        else:
            letters.update(word)
            sign = known.get(fold(word))
            for name in {name for letter in word if letter in _LETTERS for name in _LETTERS[letter].split()}:
                points[name] = points.get(name, 0.0) + SIGN
                strong = True
        if sign is not None:
            names, weight, of_english = sign
            for name in names:
                points[name] = points.get(name, 0.0) + weight
            if of_english:
                english += SIGN
            elif weight == SIGN:
                strong = True
    if any(mark in text for mark in _OPENING):
        points["spanish"] = points.get("spanish", 0.0) + _SURE_LEAD
    if shares:
        for name, share in shares.items():
            points[name] = points.get(name, 0.0) + _OF_SPACE * share
        english += _OF_SPACE * max(0.0, 1 - sum(shares.values()))
    # Equal ones go to the one named first, the more widely spoken.
    best = max(points, key=lambda name: (points[name], -_order(name)), default=ENGLISH)
    # Weak signs alone say nothing beside a word of English.
    lead = points.get(best, 0.0) - english if strong or not english else 0.0
    cyrillic = "russian"
    if letters & _NOT_RUSSIAN:
        cyrillic = "serbian" if letters & _SERBIAN else ""
    return Language(
        latin=best if lead > WEAK_SIGN else ENGLISH,
        sure=lead <= WEAK_SIGN or lead >= _SURE_LEAD,
        cyrillic=cyrillic,
        arabic="persian" if letters & _PERSIAN else "arabic",
    )


@lru_cache(maxsize=1)
def _places() -> Mapping[str, int]:
    return {name: place for place, name in enumerate(LATIN)}


def _order(name: str) -> int:
    return _places().get(name, len(LATIN))
