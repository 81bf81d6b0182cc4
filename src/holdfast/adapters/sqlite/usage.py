"""How much a space holds, measured inside a write."""

from __future__ import annotations

from holdfast.adapters.sqlite.reader import SqliteReader
from holdfast.model.access import Quota, Usage
from holdfast.ports.store import Reader

_WRITES = """
SELECT count(*), min(hlc) FROM (SELECT hlc FROM event WHERE type IN (1, 2) ORDER BY seq DESC LIMIT ?) WHERE hlc >= ?
"""
"""The types are REMEMBERED and REVISED."""


def usage_of(view: Reader, quota: Quota, since_ms: int, memories: int) -> Usage:
    """What a space holds, as far as its quota asks.

    Args:
        view: As a store's `commit` gives it.
        since_ms: Writes from this time on count, as many as the quota allows.
        memories: Live memories, as the caller counts them.

    Raises:
        TypeError: the view is not of a space in an SQLite file.
    """
    if not isinstance(view, SqliteReader):
        raise TypeError(f"quotas are measured in SQLite files, not in {type(view).__name__}")
    size, writes, oldest_hlc = 0, 0, None
    if quota.bytes is not None:
        ((pages,),), ((free,),) = view.rows("PRAGMA page_count"), view.rows("PRAGMA freelist_count")
        ((page_bytes,),) = view.rows("PRAGMA page_size")
        size = (pages - free) * page_bytes
    if quota.writes_a_minute is not None:
        ((writes, oldest_hlc),) = view.rows(_WRITES, (quota.writes_a_minute, since_ms << 16))
    return Usage(memories, size, writes, None if oldest_hlc is None else oldest_hlc >> 16)
