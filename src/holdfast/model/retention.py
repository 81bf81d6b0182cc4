"""How much of a space's history is kept."""

from __future__ import annotations

from dataclasses import dataclass

MOST_DAYS = 36_500
"""The longest history that may be asked for, in days."""


@dataclass(frozen=True, slots=True)
class Retention:
    """What `Storage.prune` is to leave; nothing is pruned by itself.

    Attributes:
        keep_days: The history of so many days stays, 0 to `MOST_DAYS`.
        superseded: Memories that were superseded before that are forgotten too.
    """

    keep_days: float
    superseded: bool = False
