"""What an entry is like, beyond its words: it tells a time, asks, speaks of its speaker, instructs, prefers.

Read once, when an entry is indexed, and kept as bits of one byte. English beside the commonest first-person words of
ten other languages; an entry in a language that is not known here has fewer traits and loses only their lift.
"""

from __future__ import annotations

import re
from typing import Final

from holdfast.core.words import FIRST_PERSON_WORDS, INSTRUCTION_WORDS, PREFERENCE_WORDS, TIME_WORDS

HAS_TIME: Final = 1
"""It says a time: "yesterday", "in May", "2022"."""
ASKS: Final = 2
"""It ends with a question."""
FIRST_PERSON: Final = 4
"""It speaks of its speaker: "I", "my", "we"."""
INSTRUCTS: Final = 8
"""It says how things are to be done from now on: "Always use metric units", "when I ask for code, …"."""
PREFERS: Final = 16
"""Its speaker tells a taste, a wish or an aim: "I love hiking", "my favourite", "my goal"."""

MAY_INSTRUCT: Final = 32
MAY_PREFER: Final = 64
STORED: Final = HAS_TIME | ASKS | FIRST_PERSON | INSTRUCTS | PREFERS

_READ_CHARS: Final = 2_000
_CAPTION: Final = " [shares "
_QUESTION_MARKS: Final = ("?", "\uff1f", "\u061f")
_PREFERENCE_CHARS: Final = 600
# Searched by `str.find`, which costs a tenth of a pattern on a long text; the few places found are then looked at.
_ORDERS: Final = (
    "always ",
    "never ",
    "don't ever ",
    "do not ever ",
    "from now on",
    "going forward",
    "in the future",
    "in future",
)
_OPENS: Final = re.compile(r"(?:^|[.!?:\n]|\byou (?:should|must|have to|need to)|\bremember to)\s*(?:please )?$")
_OCCASIONS: Final = ("when i ", "whenever i ")
_SAYS: Final = re.compile(r"(?:ask|say|mention|request|want|need|write|send|share)\b")
_WISH: Final = re.compile(r"\bi(?:'d| would)? (?:want|like|prefer) you to\b")
_WISHED: Final = " you to "
_SOFTENED: Final = r"am|are|have|do|would|really|also|always|just|usually|generally|kinda|still|absolutely|truly"
_PREFERENCE: Final = re.compile(
    rf"\b(?:i|we)(?:['’](?:m|ve|d|re)| (?:{_SOFTENED}))* (?:love|like|prefer|enjoy|hate|dislike|adore|favou?r|want|"
    r"loved|enjoyed|interested|into|a (?:big |huge )?fan|passionate|obsessed|crazy about|allergic|"
    r"can['’]t stand|avoid)\b|\bfavou?rite|\bmy (?:dream|passion|hobby|hobbies|goals?|preference)\b",
    re.IGNORECASE,
)


def traits_of_word(token: str) -> int:
    """Return the traits that a token gives its entry; `MAY_INSTRUCT` and `MAY_PREFER` say where `traits` must look."""
    year = len(token) == 4 and token[:2] in ("19", "20") and token.isdigit()
    found = HAS_TIME if year or token in TIME_WORDS else 0
    if token in FIRST_PERSON_WORDS:
        found |= FIRST_PERSON
    if token in INSTRUCTION_WORDS:
        found |= MAY_INSTRUCT
    if token in PREFERENCE_WORDS:
        found |= MAY_PREFER
    return found


def traits(text: str, of_words: int) -> int:
    """Return the traits of an entry, the bits that are stored.

    Args:
        text: what `entry_text` gives; its first 2,000 characters are read for instructions, 600 for preferences.
        of_words: what `traits_of_word` gave for its tokens, together.
    """
    found = of_words & STORED
    if asks(text):
        found |= ASKS
    if of_words & MAY_INSTRUCT and _instructs(text[:_READ_CHARS].lower()):
        found |= INSTRUCTS
    if of_words & MAY_PREFER and of_words & FIRST_PERSON and _PREFERENCE.search(text, 0, _PREFERENCE_CHARS):
        found |= PREFERS
    return found


def _instructs(text: str) -> bool:
    """Whether a text in lower case says how things are to be done from now on."""
    for order in _ORDERS:
        place = text.find(order)
        while place >= 0:
            if _OPENS.search(text, max(0, place - 24), place):
                return True
            place = text.find(order, place + 1)
    for occasion in _OCCASIONS:
        place = text.find(occasion)
        while place >= 0:
            if _SAYS.match(text, place + len(occasion)):
                return True
            place = text.find(occasion, place + 1)
    return _WISHED in text and _WISH.search(text) is not None


def asks(text: str) -> bool:
    """Return whether an entry ends with a question; the caption of what it shares is left out."""
    said = text.rstrip()
    if said.endswith("]"):
        caption = said.rfind(_CAPTION)
        said = said[:caption].rstrip() if caption >= 0 else said
    return said.rstrip("\"')*_ ").endswith(_QUESTION_MARKS)
