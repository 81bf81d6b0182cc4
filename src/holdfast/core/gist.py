"""What a long text comes to in a few lines, told by its own form: no model, and the same every time.

JSON is told by its keys and sizes, a log or a page by its first lines, those that speak of trouble, and its last.
"""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any, Final, cast

VERBOSE_CHARS: Final = 2_000
"""Characters from which on the result of a tool is kept by its gist."""
GIST_CHARS: Final = 1_200
"""Characters that a gist has at most."""
_LINE_CHARS: Final = 160
_FIRST, _TROUBLED, _LAST = 6, 6, 2
_KEYS: Final = 12
_DEPTH: Final = 3


def gist(text: str) -> str:
    """A text in at most `GIST_CHARS` characters; a short one is itself."""
    if len(text) <= GIST_CHARS:
        return text
    size = f"[{len(text):,} characters in all]"
    stripped = text.lstrip()
    if stripped[:1] in ("{", "["):
        try:
            told = _outline(json.loads(text), _DEPTH)
        except (ValueError, RecursionError):
            pass
        else:
            return f"{_cut(told, GIST_CHARS - len(size) - 1)} {size}"
    return f"{_cut(_lines(text), GIST_CHARS - len(size) - 1)}\n{size}"


def _lines(text: str) -> str:
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    first = list(range(min(_FIRST, len(lines))))
    trouble = [n for n in range(_FIRST, len(lines)) if _troubled().search(lines[n])][:_TROUBLED]
    last = list(range(max(_FIRST, len(lines) - _LAST), len(lines)))
    shown, before = list[str](), -1
    for n in sorted({*first, *trouble, *last}):
        if n > before + 1:
            shown.append(f"[… {n - before - 1:,} lines]")
        shown.append(_cut(lines[n], _LINE_CHARS))
        before = n
    return "\n".join(shown)


@cache
def _troubled() -> re.Pattern[str]:
    return re.compile(
        r"\b(?:error|exception|traceback|fail(?:ed|ure|s)?|fatal|panic|denied|warning|not found)\b", re.IGNORECASE
    )


def _outline(value: Any, depth: int) -> str:
    """A JSON value by its keys, sizes and short values."""
    if isinstance(value, dict):
        named = cast("dict[str, Any]", value)
        if depth == 0:
            return f"{{{len(named):,} keys}}"
        shown = [f"{key}: {_outline(one, depth - 1)}" for key, one in list(named.items())[:_KEYS]]
        more = [f"{len(named) - _KEYS:,} more keys"] if len(named) > _KEYS else []
        return "{" + ", ".join((*shown, *more)) + "}"
    if isinstance(value, list):
        many = cast("list[Any]", value)
        if not many:
            return "[]"
        first = _outline(many[0], max(0, depth - 1))
        return f"[{first}]" if len(many) == 1 else f"[{len(many):,} items, first: {first}]"
    return _cut(json.dumps(value, ensure_ascii=False), 60)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
