"""Whether a text is an echo: words that were just recalled, said again by whoever they were shown to.

An echo is no evidence: learned again it would stand beside its source as if two had said so. What is compared are whole
sentences by their words, without case, punctuation, numbers of citations and their days; a part of a sentence may mean
something else than the whole, and what is said in other words is not noticed.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import OrderedDict
from collections.abc import Iterable
from functools import cache
from threading import Lock
from typing import Final, cast

MOST_SHOWN: Final = 512
"""Memories that are kept in mind, the last ones shown."""
SHOWN_CHARS: Final = 4_000
"""Of each of them, from its beginning."""
LEAD_WORDS: Final = 6
"""Words before the recalled ones in a sentence that is an echo still: its author, or what only reports them."""
LEAST_WORDS: Final = 3
"""Fewer are said by chance."""
ASIDE_WORDS: Final = 12
"""Words of its own around recalled ones in a fence that make a text no evidence yet."""
TOOL_PREFIX: Final = "memory_"
"""What the names of the tools of memory begin with: calls of them, and what they gave, are as in a fence."""
_REPORTS: Final = frozenset(
    {
        *("content", "fact", "facts", "information", "know", "knowledge", "memories", "memory", "note", "noted"),
        *("query", "recall", "recalled", "recalls", "record", "recorded", "records", "remember", "remembered"),
        *("remembering", "remembers", "reminder", "result", "said", "saved", "say", "says", "stored", "text", "told"),
    }
)
"""Words that report what is behind them."""
_AROUND: Final = frozenset(
    {
        *("according", "as", "from", "have", "here", "i", "is", "it", "me", "my", "our", "that", "the", "this", "to"),
        *("user", "we", "what", "you", "your"),
    }
)
"""Words that stand around those; alone before recalled words they may well say something new."""
_ASSENTS: Final = frozenset({"also", "and", "indeed", "ok", "okay", "right", "so", "sure", "well", "yeah", "yes"})
"""Words that add nothing to what is behind them."""
_SIGNS: Final = str.maketrans(dict.fromkeys("\"'“”„‘’«»*_`~()[]{}<>;!?…|\\—–", " "))
"""What changes nothing of what is said; signs and points of numbers do, and the ends of "C++", "C#", "5%" and "5€"."""
_UNSPACED: Final = r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]"
"""Letters of scripts that put no spaces between words; two count as a word."""


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    # Compiled at the first use: what is not asked costs an import nothing.
    day = r"\d{4}-\d{2}-\d{2}"
    when = rf"(?:since\s+)?{day}(?:\s+until\s+{day})?"
    # Who only speaks of the tag means no recalled text: that begins with its note, a heading, a day or a number.
    begins = rf"(?=\s*(?:\\n)?\s*(?:records of the past|\[\d{{1,4}}\]|{when}|\# ))"
    fence = rf"<\s*memories\s*>{begins}.*?(?:<\s*/\s*memories\s*>|\Z)"
    called = rf"^calls {TOOL_PREFIX}\w+\([^\n]*\)$"
    gave = rf"^{TOOL_PREFIX}\w+ (?:gave|failed)\b.*"
    cited = rf"^[ \t\-*•>\"']*\[\d{{1,4}}\]\s*(?:{when})?"
    return (
        re.compile(rf"(?ims:{fence}|{called}|{gave})"),
        re.compile(rf"{cited}|^[ \t]*{when}[ \t]*$|\s\[(?:shares|also) [^\]\n]{{0,500}}\]", re.MULTILINE),
        re.compile(r"[.!?\u2026]+[\"'\u201d\u2019\u00bb)\]*_]*(?=\s|$)|[\u3002\uff01\uff1f]+|\n+"),
        re.compile(r"[.,:]+(?!\w)|(?<!\w)[.,:]+(?!\d)|-+(?!\w)|(?<!\w)-+(?!\d)"),
        re.compile("[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]"),
        re.compile(_UNSPACED),
    )


def words_of(text: str) -> str:
    """A text as its words, composed and in lower case, one space between them."""
    patterns = _patterns()
    plain = text if text.isascii() else patterns[4].sub("", unicodedata.normalize("NFKC", text))
    plain = patterns[3].sub(" ", plain.casefold().translate(_SIGNS))
    return " ".join(plain.split())


def is_rendered(text: str) -> bool:
    """Whether recalled text stands in it, in its fence."""
    return "memories" in text and any(found[0].startswith("<") for found in _patterns()[0].finditer(text))


def _sentences(text: str) -> list[str]:
    """The words of each sentence that has some."""
    _, marks, ends, *_ = _patterns()
    return [words for words in map(words_of, ends.split(marks.sub("", text))) if words]


def _size(words: str) -> int:
    """How many words there are, about."""
    unspaced = 0 if words.isascii() else len(_patterns()[5].findall(words)) // 2
    return words.count(" ") + 1 + unspaced


def _unwrapped(text: str) -> str:
    """What a text says, where it is said in JSON."""
    if text.lstrip()[:1] not in ("{", "[", '"'):
        return text
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return text
    found, left = list[str](), [said]
    while left:
        one = left.pop()
        if isinstance(one, str):
            found.append(one)
        elif isinstance(one, dict):
            left.extend(reversed(cast("dict[str, object]", one).values()))
        elif isinstance(one, list):
            left.extend(reversed(cast("list[object]", one)))
        elif one is not None and not isinstance(one, bool):
            found.append(str(one))  # a number may be what is new
    return "\n".join(found)


class Shown:
    """The words that one space showed last to whoever recalled; in this process alone, and forgotten with them."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._texts: OrderedDict[str, tuple[str, str]] = OrderedDict()
        self._sentences: dict[str, tuple[str, ...]] = {}
        self._told: dict[str, dict[str, None]] = {}
        self._new: dict[str, None] = {}

    def show(self, memories: Iterable[tuple[str, str, str]]) -> None:
        """Keep in mind what was shown, as id, text and author."""
        with self._lock:
            for memory, text, author in memories:
                said = text[:SHOWN_CHARS], author
                if self._texts.get(memory) != said:
                    self._drop(memory)
                    self._texts[memory] = said
                    self._new[memory] = None
                self._texts.move_to_end(memory)
            while len(self._texts) > MOST_SHOWN:
                self._drop(next(iter(self._texts)))

    def let_go(self, memories: Iterable[str]) -> None:
        """These were forgotten."""
        with self._lock:
            for memory in memories:
                self._drop(memory)

    def echoed(self, text: str) -> tuple[str, ...] | None:
        """The memories that a text repeats, as far as they are known here; None where it is no echo."""
        own = _patterns()[0].sub("\n", text)
        was_fenced = own != text
        said = _sentences(_unwrapped(own))
        if not said:
            return () if was_fenced else None
        with self._lock:
            self._learn()
            found, is_known, new = self._compared(said)
        if was_fenced:
            return tuple(found) if new <= ASIDE_WORDS else None
        return tuple(found) if is_known and new == 0 else None

    def _compared(self, said: list[str]) -> tuple[dict[str, None], bool, int]:
        """Memories whose sentences these are, whether one of them is not said by chance, and how many words are new."""
        if len(said) > 1 and (found := self._source(" ".join(said))):
            return found, True, 0
        found, is_known, new = dict[str, None](), False, 0
        for words in said:
            if one := self._source(words):
                found |= one
                is_known = is_known or _size(words) >= LEAST_WORDS
            elif not _reports(words.split()):
                new += _size(words)
        return found, is_known, new

    def _source(self, words: str) -> dict[str, None]:
        """The memories that say this sentence, with nothing before it but what reports it."""
        if words in self._told:
            return self._told[words]
        lead, rest = list[str](), words
        while len(lead) < LEAD_WORDS and " " in rest:
            first, rest = rest.split(" ", 1)
            lead.append(first)
            found = self._told.get(rest)
            if not found or _size(rest) < LEAST_WORDS:
                continue
            if _reports(lead):
                return found
            if by := {one: None for one in found if words_of(self._texts[one][1]) == " ".join(lead)}:
                return by
        return {}

    def _learn(self) -> None:
        """Take apart what was shown since."""
        for memory in self._new:
            sentences = _sentences(self._texts[memory][0])
            self._sentences[memory] = told = tuple(dict.fromkeys((*sentences, " ".join(sentences))))
            for words in told:
                self._told.setdefault(words, {})[memory] = None
        self._new.clear()

    def _drop(self, memory: str) -> None:
        for words in self._sentences.pop(memory, ()):
            by = self._told[words]
            del by[memory]
            if not by:
                del self._told[words]
        self._texts.pop(memory, None)
        self._new.pop(memory, None)


def _reports(words: list[str]) -> bool:
    """Whether these words only report what stands behind them, and change nothing of it."""
    known = [word for word in words if word not in _ASSENTS]
    return not known or (not _REPORTS.isdisjoint(known) and (_REPORTS | _AROUND).issuperset(known))
