"""What sort of question is asked, told by its wording alone.

A question may be of several kinds, or of none: then it asks for a single fact. A kind shifts weights and how hits are
packed; it never keeps a memory out. English only: in another language a question is of no kind and loses nothing else.
"""

from __future__ import annotations

import re
from enum import IntFlag
from typing import Final


class QuestionKind(IntFlag):
    """Kinds of questions; they combine."""

    FACT = 0
    """None of the others: one fact is wanted."""
    WHEN = 1
    """It asks for a time: "when", "how long", "which day"."""
    MANY = 2
    """It wants all there is: "how many", "list", "which events", "in what ways"."""
    LATEST = 4
    """It wants what holds now: "currently", "latest", "still", "most recent"."""
    ORDER = 8
    """It asks in which order things happened."""
    ADVICE = 16
    """It asks how to do something or what to choose: tastes and standing instructions bear on the answer."""
    SUMMARY = 32
    """It wants a topic told as a whole."""
    LINKED = 64
    """Its answer joins what is said in several places: it names two people or compares, or one thing by another."""


_NOUN: Final = r"(?!does\b|is\b|was\b|has\b|this\b|his\b)\w{3,}s"
_ASKS: Final = (
    r"(?:what|who|whom|whose|which|where|why|how|did|do|does|is|are|was|were|has|have|had|can|could|would|should|will)"
)
_WHEN: Final = r"when(?! (?:i|you|we) (?:ask|say))"
_VERB: Final = r"(?:has|have|had|did|do|does|are|were|is|was|would|can|should)"

# Alternatives of one pattern each, every one between word boundaries.
_PHRASES: Final[dict[QuestionKind, tuple[str, ...]]] = {
    QuestionKind.WHEN: (
        # Asked for, not as in "what did she say when he called".
        rf"(?:^|(?<=[.?!;:] ))(?:(?!\b{_ASKS}\b)[^.?!;:])*?\b{_WHEN}",
        rf"(?<=[\"'(]){_WHEN}",
        rf"(?:,|and|or|but|know|remember|recall|idea|tell (?:me|us)|sure|about|exactly) {_WHEN}",
        r"(?:what|which) (?:\w+ )?(?:date|day|month|year|time|week|season)",
        r"how long",
        r"how (?:many|much) (?:days|weeks|months|years|time)",
        r"how (?:often|old|recently)",
    ),
    QuestionKind.MANY: (
        r"how (?:many|much)",
        r"list|total|various|different|several|every|each",
        r"all (?:of )?(?:the|my|our|your|his|her|their)",
        r"(?:what|which) (?:kinds?|types?|sorts?) of",
        r"in (?:what|which) ways",
        rf"(?:what|which) (?:[\w+-]+ ){{0,2}}{_NOUN} {_VERB}",
        r"where (?:has|have)",
        r"who (?:all|else)",
    ),
    QuestionKind.LATEST: (
        r"current(?:ly)?|latest|newest|most recent(?:ly)?|now(?:adays)?|still|any ?more",
        r"these days|at the moment|up[ -]to[ -]date|as of (?:now|today)|last known",
    ),
    QuestionKind.ORDER: (
        r"order (?:in which|of|that|did)",
        r"in (?:chronological )?order|chronolog\w+|sequence|timeline",
        r"(?:which|what|who) (?:\w+ ){0,4}(?:first|earlier|later|last)\b.{0,120}\bor",
        r"before or after|after or before",
        r"how did .{0,120}\b(?:evolve|change|progress|develop)",
    ),
    QuestionKind.ADVICE: (
        r"recommend|suggest(?:ions?)?|advice|advise|tips?|ideas?",
        r"should (?:i|we)|help me|how to",
        r"how (?:do|can|could|should|would|might) (?:i|you|we|one)",
        r"(?:could|can|would) you (?:please )?(?:help|show|explain|give|write|make|create|tell me how|walk)",
        r"what(?:'s| is| are) (?:the best|a good|some good|the steps)",
        r"which (?:one )?(?:would|should|do you)",
        r"(?:show|explain|walk|teach) (?:to )?(?:me|us)",
    ),
    QuestionKind.SUMMARY: (
        r"summar(?:y|i[sz]e|ies)|overview|recap|in general|everything",
        r"tell me (?:all |everything )?about",
        r"what do (?:you|we) know (?:about|of)",
        r"progress(?:ed)? (?:so far|throughout|over)",
    ),
    QuestionKind.LINKED: (
        r"both|in common|same|compared? (?:to|with)|versus|vs",
        r"between .{2,60} and",
        r"(?:that|who|which|where) (?:\w+ ){1,6}(?:mentioned|met|bought|got|visited|gave)",
    ),
}
_KINDS: Final = tuple(
    (kind, re.compile(rf"\b(?:{'|'.join(phrases)})\b", re.IGNORECASE)) for kind, phrases in _PHRASES.items()
)


def kinds_of(text: str, names: int = 0) -> QuestionKind:
    """Return the kinds of a question.

    Args:
        text: the question.
        names: how many different people it names.
    """
    found = QuestionKind.LINKED if names > 1 else QuestionKind.FACT
    for kind, pattern in _KINDS:
        if pattern.search(text):
            found |= kind
    if found & QuestionKind.ADVICE and _TELLS_OF_THE_PAST.search(text):
        # "What did you recommend" asks for what was said, not for advice.
        found &= ~QuestionKind.ADVICE
    return found


_TELLS_OF_THE_PAST: Final = re.compile(
    r"\b(?:did|have|had|has) (?:you|i|we|he|she|they)(?: \w+)? (?:recommend|suggest|advise|say|tell|mention|explain)|"
    r"\byou (?:\w+ )?(?:recommended|suggested|advised|said|told|mentioned|explained)\b",
    re.IGNORECASE,
)
