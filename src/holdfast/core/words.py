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
NOT_NAMES: Final = word_set(
    "user assistant system tool human ai bot agent model me i you we he she it they unknown none"
)
# First names that are also everyday words: these count only with a capital letter.
ORDINARY_NAMES: Final = word_set(
    "will may mark grace hope rose joy faith art bill rob sue pat drew chase dean april june august summer autumn "
    "dawn amber iris ivy lily daisy jasmine ruby pearl grant frank rich guy gene jack lance miles page ray sandy "
    "star sunny victor wade ward the and for"
)
