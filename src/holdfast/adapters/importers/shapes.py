"""What the first objects of a JSON text look like, even where the text is cut off in the middle."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

_TOKEN = re.compile(rb'"((?:[^"\\]++|\\.)*+)"|[\[\]{}:,"]', re.DOTALL)
MOST_OBJECTS = 12

Shape = Mapping[str, str]
"""The keys of an object, with the beginning of the value: a string's text, ``[``, ``{`` or nothing."""


def shapes(head: bytes) -> Sequence[Shape]:
    """The keys of the first objects of the outermost list, or of the first objects in a row.

    Text that is not JSON gives what can be made out of it, usually nothing.
    """
    stripped = head.lstrip()
    if stripped[:1] not in (b"{", b"["):
        return []
    found = list[dict[str, str]]()
    depth, base = 0, 1 if stripped[:1] == b"[" else 0
    key, before = "", b""
    for match in _TOKEN.finditer(stripped):
        token = match[0]
        if token == b'"':
            break
        if token in b"[{":
            if key and before == b":" and depth == base + 1:
                found[-1][key] = token.decode()
            elif token == b"{" and depth == base:
                if len(found) == MOST_OBJECTS:
                    break
                found.append({})
            depth += 1
        elif token in b"]}":
            depth -= 1
            if depth < 0:
                break
        elif token not in b":," and depth == base + 1 and found:
            text = match[1].decode("utf-8", "replace")
            if before == b":":
                found[-1][key] = text
            else:
                key = text
                found[-1][key] = ""
        before = token
    return found
