"""The port through which whole spaces are copied and put in place: a file is there whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from holdfast.model.ids import Id

Tell = Callable[[int, int], None]
"""Called with what is done and what there is in all."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a copied journal ended: the newest event, and each node's newest number and chain value."""

    seq: int
    heads: dict[Id, tuple[int, bytes]]


class SpaceFiles(Protocol):
    """Files that hold a space each."""

    def part(self, target: Path) -> AbstractContextManager[Path]:
        """A private place beside a target to make a file in; what a killed attempt left there is removed.

        Gives the path of a file that is not there yet. Whatever is left of it goes at the end of the ``with``.

        Raises:
            StoreBusy: another process is making the same target.
            StoreError: the folder cannot be used.
        """
        ...

    def copy(self, source: Path, target: Path, *, as_backup: bool, tell: Tell | None) -> Place:
        """Copy a space as it is at one moment, durably, while others may go on writing to it.

        Args:
            as_backup: Mark the copy, so that it is only read until it is restored; otherwise it is a space.

        Raises:
            StoreFull, StoreError, Damaged, NotASpace.
        """
        ...

    def is_backup(self, path: Path) -> bool:
        """Whether a file is a marked copy; False for a space.

        Raises:
            NotASpace: it is neither.
        """
        ...

    def put(self, part: Path, target: Path, *, replace: bool) -> int:
        """Put a finished file in place, durably and at once; gives its bytes.

        Raises:
            AlreadyThere: a file came to be there in the meantime, and may not be replaced.
        """
        ...

    def alone(self, path: Path) -> AbstractContextManager[Place]:
        """Keep everyone from opening a space for the time of a ``with``; gives where its journal ends.

        Raises:
            StoreBusy: somebody has it open.
        """
        ...
