"""What looks like a secret and is none: placeholders, code, words, identifiers."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable

_PLACEHOLDER = re.compile(
    r"your|example|placeholder|change.?me|dummy|sample|redacted|insert|replace|todo|fixme|goes.?here|not.?set"
    r"|x{4}|\*{3}|\.{3}|•|(?:my|the|some|any|a)[_-](?:\w{1,12}[_-])?(?:key|token|secret|password)"
    r"|[<>{}\[\]]|\$\(|^\$[A-Za-z_{(]|^%[sdr(]|^%\w{1,30}%$|^@\w{1,30}$|123456789|abcdef(?:gh|012|123)|0123456"
    r"|qwerty(?:uiop)",
    re.IGNORECASE,
)
_SAME = re.compile(r"(.)\1{5}")
_CODE = re.compile(r"[A-Za-z_]\w{0,60}(?:(?:\.|::|->)[A-Za-z_]\w{0,60}){1,8}")
_WORD = re.compile(r"[a-z]{2,14}|[A-Z][a-z]{1,14}|[A-Z]{2,10}|\d{1,4}")
_KEYWORDS = re.compile(r"pass|pwd|secret|token|key|auth|cred|env|param|input|value|config|field", re.IGNORECASE)
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_PARTS = re.compile(r"[-_./:=+~]")


def words_of(text: str) -> frozenset[str]:
    """The words of a list that is written as text."""
    return frozenset(text.split())


def one_of(choices: str) -> str:
    """A pattern for one of several, which are separated by commas."""
    return "(?:" + "|".join(choice.strip() for choice in choices.split(",")) + ")"


def mentions(text: str, words: Iterable[str]) -> bool:
    """Whether a text holds one of those pieces of words, in any case: a quick look before a slow one."""
    lower = text.lower()
    return any(word in lower for word in words)


def is_placeholder(value: str) -> bool:
    """Whether a value only holds the place of one, such as ``your_api_key_here`` or ``****``."""
    return bool(_PLACEHOLDER.search(value) or _SAME.search(value)) or len(set(value)) < 3


def is_code(value: str) -> bool:
    """Whether a value is an expression or a name in code, such as ``settings.api_key`` or ``new_password``."""
    if _CODE.fullmatch(value) and not re.search(r"\d", value):
        return True
    return value.isidentifier() and bool(_KEYWORDS.search(value)) and not re.search(r"\d{2}", value)


def is_wordlike(value: str) -> bool:
    """Whether a value is words and small numbers joined by marks, such as ``us-east-1-prod``."""
    parts = [part for part in _PARTS.split(value) if part]
    return bool(parts) and all(_WORD.fullmatch(part) for part in parts)


def entropy(value: str) -> float:
    """Shannon's entropy of the characters, in bits a character."""
    total = len(value)
    return -sum(count / total * math.log2(count / total) for count in Counter(value).values())


def is_random(value: str) -> bool:
    """Whether a value is long and mixed as a generated one is: 16 characters, 3 bits each, digits and letters."""
    return (
        len(value) >= 16
        and entropy(value) >= 3.0
        and any(char.isdigit() for char in value)
        and any(char.isalpha() for char in value)
        and not is_wordlike(value)
        and not is_placeholder(value)
    )
