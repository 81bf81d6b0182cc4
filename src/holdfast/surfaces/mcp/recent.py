"""What was stored last, without reading all that was stored before."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from holdfast.memory import Memory
    from holdfast.model.records import Record

_FIRST_MS: Final = 60_000
_WIDER: Final = 20
_SPANS: Final = 5
"""A minute, 20, 7 hours, 6 days and 111 days back; then everything."""


def newest(memory: Memory, limit: int, where: str | None = None) -> list[Record]:
    """The last ``limit`` memories to arrive that meet a filter, newest first.

    Raises:
        InvalidFilter.
    """
    from holdfast.surfaces.wire import when_to_wire

    memory.records(where=where)  # checked by itself: inside brackets an unbalanced one would mean another thing
    now_ms, back_ms = int(time.time() * 1000), _FIRST_MS
    for _ in range(_SPANS):
        lately = f"recorded_at >= {when_to_wire(now_ms - back_ms)}"
        found = _last(memory, limit, lately if where is None else f"({where}) and {lately}")
        if len(found) == limit:
            return found
        back_ms *= _WIDER
    return _last(memory, limit, where)


def _last(memory: Memory, limit: int, where: str | None) -> list[Record]:
    return list(reversed(deque(memory.records(where=where), maxlen=limit)))
