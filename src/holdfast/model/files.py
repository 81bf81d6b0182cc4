"""A file: bounded text that an agent keeps for itself, known by its path."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One version of a file.

    Attributes:
        path: What it is known by, such as ``notes/ada.md``; its folders are there as long as a file is in them.
        text: What stands in it; may be empty.
        version: 1 for the first, one more for each edit.
        actor: The principal that made this version.
        at_ms: When that was, milliseconds since the epoch.
        id: Of the memory that holds it, for `Memory.forget` and `Memory.history`; another one after a move.
        quarantined: A policy that came later set it apart: it does not belong in a prompt.
    """

    path: str
    text: str
    version: int
    actor: str
    at_ms: int
    id: str
    quarantined: bool = False

    @property
    def size_bytes(self) -> int:
        """Bytes of its text in UTF-8."""
        return len(self.text.encode())
