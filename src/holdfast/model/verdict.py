"""What became of a memory that asked to be kept."""

from __future__ import annotations

from enum import IntEnum


class Verdict(IntEnum):
    """What became of a text; the numbers are stored. Where several hold, the greatest is given."""

    STORED = 1
    """Kept as it is."""
    REDACTED = 2
    """Kept, with labels in place of what was found."""
    QUARANTINED = 3
    """Kept, but never recalled as authority; redacted too where the policy says so."""
    REFUSED = 4
    """Not kept."""


RELEASED = "released"
"""The mark of a memory that its owner let out of quarantine."""
