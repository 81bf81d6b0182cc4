"""Closed lists of English words that the lexical index and the query parser go by."""

from __future__ import annotations

from typing import Final


def word_set(words: str) -> frozenset[str]:
    """Return the words of a text as a set."""
    return frozenset(words.split())


STOP_WORDS: Final = word_set(
    "a an the and or but if of to in on at for from by with about as is are was were be been being am do does did "
    "doing have has had having i me my we us our you your he him his she her it its they them their this that these "
    "those what which who whom when where why how will would can could should shall may might there here so than "
    "then too very just not no nor s t re ve ll d m"
)
TIME_WORDS: Final = word_set(
    "yesterday today tonight tomorrow ago week weeks weekend weekends month months year years day days night nights "
    "monday tuesday wednesday thursday friday saturday sunday january february march april june july august "
    "september october november december spring summer autumn fall winter recently lately last next since until "
    "decade decades hour hours minute minutes"
)
# Only words that mean nothing else in another of these languages: en, de, fr, es, it, pt, nl, ru, zh, ja, ko.
FIRST_PERSON_WORDS: Final = word_set(
    "i my me mine myself we our us ours ourselves im ive ich mich mir mein meine meinen meiner wir uns unser unsere "
    "je j mon nous notre yo mi mis nosotros nuestro nuestra io mio mia noi nostro eu meu minha nosso nossa ik mijn wij "
    "\u044f \u043c\u043d\u0435 \u043c\u0435\u043d\u044f \u043c\u043e\u0439 \u043c\u043e\u044f \u043c\u044b "
    "\u043d\u0430\u043c \u043d\u0430\u0441 \u6211 \u79c1 \u50d5 \u4ffa \ub098 \ub0b4"
)
INSTRUCTION_WORDS: Final = word_set("always never ever now forward future when whenever want like prefer")
PREFERENCE_WORDS: Final = word_set(
    "love like prefer enjoy hate dislike adore favor favour want loved enjoyed interested into fan passionate obsessed "
    "crazy allergic stand avoid favorite favourite favorites favourites dream passion hobby hobbies goal goals "
    "preference"
)
NOT_NAMES: Final = word_set(
    "user assistant system tool human ai bot agent model me i you we he she it they unknown none"
)
# First names that are also everyday words: these count only with a capital letter.
ORDINARY_NAMES: Final = word_set(
    "will may mark grace hope rose joy faith art bill rob sue pat drew chase dean april june august summer autumn "
    "dawn amber iris ivy lily daisy jasmine ruby pearl grant frank rich guy gene jack lance miles page ray sandy "
    "star sunny victor wade ward the and for"
)
