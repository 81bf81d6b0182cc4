"""The marks around what was recalled, so that it is never taken in as something new."""

from __future__ import annotations

import re
from functools import cache

_NAME = "holdfast-recalled"
OPEN, CLOSE = f"<{_NAME}>", f"</{_NAME}>"
_FENCE = "<memories>"
TOOL = "holdfast"
"""Tools whose name holds this are ours: what they were told and answered is in the space already."""


def marked(text: str) -> str:
    """A recalled text as it goes into a conversation; nothing stays nothing."""
    # What a memory says must not end the mark, or the rest would be taken in again.
    return f"{OPEN}\n{text.replace(f'{_NAME}>', f'{_NAME} >')}\n{CLOSE}" if text else ""


def unmarked(text: str) -> str:
    """A text without what was recalled; where the end of that was cut off, without all that follows its beginning."""
    if OPEN not in text and _FENCE not in text:
        return text
    return _pattern().sub("", text).strip()


@cache
def _pattern() -> re.Pattern[str]:
    # Only a fence that begins as ours do: others have elements of that name as well.
    ours = rf"{_FENCE}\n(?=Records of the past|\[\d+\] |# )"
    return re.compile(rf"{OPEN}.*?(?:{CLOSE}|\Z)|{ours}.*?(?:</memories>|\Z)", re.DOTALL)
