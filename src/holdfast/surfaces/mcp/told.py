"""Errors in the words of somebody who calls tools."""

from __future__ import annotations

import re
from functools import cache

from holdfast.errors import HoldfastError

_WORDS = (
    (r"look at the preview and pass its token as confirm\b", "call forget without confirm, look at what it would "
     "erase, and call it again with the token as confirm"),
    (r"pass readmit=True", "give readmit: true"),
    (r"\breadmit=True", "readmit: true"),
    (r"\bmentions=True", "mentions: true"),
    (r"\bpreview_forget(\(\))?", "forget without confirm"),
    (r"\bconfirm=(its |the )?token", "confirm with its token"),
    (r"decode it with errors='replace' first", "leave it out"),
    (r"\b(recall|correct|forget|remember)\(\)", r"\1"),
)  # fmt: skip


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((re.compile(pattern), words) for pattern, words in _WORDS)


def for_a_caller(error: Exception) -> str:
    """What an error says to whoever called a tool; never where in the program it came from."""
    if not isinstance(error, HoldfastError):
        return (
            f"Holdfast met something it was not written for ({type(error).__name__}). What was stored before is "
            "safe; the log of the server says where it happened."
        )
    said = str(error)
    for pattern, words in _patterns():
        said = pattern.sub(words, said)
    return said
