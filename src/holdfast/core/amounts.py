"""Amounts in words that a person reads."""

from __future__ import annotations


def size_text(size_bytes: int) -> str:
    """A size: ``812 B``, ``4.2 MB``."""
    size = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def count_text(count: int, one: str, several: str | None = None) -> str:
    """``1 memory``, ``2,000 memories``."""
    return f"{count:,} {one if count == 1 else several or one + 's'}"
