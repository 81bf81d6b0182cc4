"""Questions that want every time something was said: "show me all times the user asked about Python".

They name who spoke, whether it was asked or said, what about, and when. What is left of the question once these are
taken out are the words that must be in the text, in any form. English; other words are words to look for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from holdfast.core.when import Span, spans
from holdfast.core.words import STOP_WORDS, TIME_WORDS, word_set
from holdfast.model.records import Kind, Role

_FRAME: Final = word_set(
    "show list give find tell get all every each time times occasion occasions turn turns message messages instance "
    "instances moment moments episode episodes conversation conversations when whenever where how often much long "
    "did ever user assistant agent human ask asks asked asking question questions request requests requested say "
    "says said saying mention mentions mentioned mentioning talk talks talked talking speak spoke spoken discuss "
    "discusses discussed discussing discussion tell tells told bring brings brought write wrote written answer "
    "answers answered reply replied replies happen happened happens concerning regarding related know learn learned "
    "anything something everything things thing please been also during call called calls come came up us we you "
    "they i me my our your"
)
_KINDS: Final = {
    "decision": Kind.DECISION, "decisions": Kind.DECISION, "decide": Kind.DECISION, "decided": Kind.DECISION,
    "error": Kind.ERROR, "errors": Kind.ERROR, "failure": Kind.ERROR, "failures": Kind.ERROR,
    "outcome": Kind.OUTCOME, "outcomes": Kind.OUTCOME, "event": Kind.EVENT, "events": Kind.EVENT,
    "summary": Kind.SUMMARY, "summaries": Kind.SUMMARY, "tool": Kind.TOOL_CALL, "tools": Kind.TOOL_CALL,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Listing:
    """What a question wants listed.

    Attributes:
        role: Who spoke, by role; None for anybody.
        authors: Who spoke, by name.
        asked: Only what asks something.
        kinds: Only these kinds of episodes; empty for all.
        words: Words to be found in the text, in any form.
        times: When it was said; empty for any time.
    """

    role: Role | None
    authors: tuple[str, ...]
    asked: bool
    kinds: frozenset[Kind]
    words: str
    times: tuple[Span, ...]


def read_listing(text: str, authors: Sequence[str], now_ms: int) -> Listing:
    """What a question wants listed.

    Args:
        authors: Names of those who spoke in the space.
        now_ms: When it is asked.
    """
    folded = text.replace("\u2019", "'").lower()
    times = spans(text, now_ms)
    role = _speaker(folded)
    named = tuple(
        name
        for name in authors
        if name.lower() not in ("user", "assistant", "system", "tool")
        and re.search(rf"(?<!\w){re.escape(name.lower())}(?:'s)?(?: \w+)? {_verbs()}", folded)
    )
    taken = {word for name in named for word in name.lower().split()}
    words, kinds = list[str](), set[Kind]()
    for word in re.findall(r"[^\W_][\w.+#'-]*", folded):
        plain = word.strip(".'-")
        plain = plain.removesuffix("'s")
        if plain in _KINDS and (kinds or plain not in ("tool", "tools") or "tool call" in folded):
            kinds.add(_KINDS[plain])
        elif (
            plain in _FRAME
            or plain in taken
            or plain in STOP_WORDS
            or (
                times
                and (
                    plain in TIME_WORDS or plain.isdigit() or re.fullmatch(r"\d+(?:st|nd|rd|th)|\d{4}-\d\d-\d\d", plain)
                )
            )
        ):
            continue
        else:
            words.append(plain)
    return Listing(role, named, _asks(folded), frozenset(kinds), " ".join(words), times)


def is_question(text: str) -> bool:
    """Whether a text asks for something: a question mark, or the words that questions and requests begin with."""
    return "?" in text or bool(_request().search(text.lower()))


def _speaker(folded: str) -> Role | None:
    who = re.search(
        rf"\b(?P<who>the user|user|human|i|me|the assistant|assistant|the agent|agent|you)\b(?: \w+)? {_verbs()}",
        folded,
    )
    if who is None:
        return None
    return Role.USER if who["who"] in ("the user", "user", "human", "i", "me") else Role.ASSISTANT


def _asks(folded: str) -> bool:
    return bool(re.search(r"\b(?:ask(?:s|ed|ing)?|questions?|requests?|requested)\b", folded))


def _verbs() -> str:
    return (
        r"(?:ask|asks|asked|asking|say|says|said|mention|mentions|mentioned|talk|talks|talked|speak|spoke|discuss|"
        r"discusses|discussed|tell|tells|told|bring|brings|brought|write|wrote|answer|answers|answered|reply|replied|"
        r"want|wants|wanted|request|requested|decide|decided)\b"
    )


@cache
def _request() -> re.Pattern[str]:
    return re.compile(
        r"(?:^|[.!;:,]\s+|\bplease\s+)(?:can|could|would|will|do|does|did|is|are|what|which|who|whom|whose|when|where|why|"
        r"how|tell me|show me|give me|explain|help|teach|describe|i(?:'d like| want| need| wonder| was wondering))\b|"
        r"\b(?:any idea|wondering|tell me|show me|help me|remind me)\b"
    )
