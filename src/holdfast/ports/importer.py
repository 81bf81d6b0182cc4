"""The port through which the files of other programs become memories."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import tzinfo
from pathlib import Path
from typing import Protocol

from holdfast.model.imports import Batch


class Importer(Protocol):
    """Reads one format. It keeps no state between calls and writes nothing.

    Reading is deterministic: the same bytes give the same items with the same keys, and entries
    added to a file change nothing about the items of the others. Memory is bounded by the largest
    document that is taken, which is bounded itself.
    """

    @property
    def name(self) -> str:
        """What a caller calls the format: lower case, at most 20 characters."""
        ...

    @property
    def description(self) -> str:
        """One line for a list of formats."""
        ...

    def recognises(self, path: Path, head: bytes) -> bool:
        """Whether the file looks like this format; no more than one importer should say so.

        Args:
            path: The file, or a folder.
            head: The first bytes as UTF-8 without a byte order mark, possibly cut in the middle;
                empty for a folder.
        """
        ...

    def read(self, path: Path, *, zone: tzinfo) -> Iterator[Batch]:
        """Yield what the file or folder holds, at least one batch.

        What cannot be taken is reported in the batches: a document as a whole, or, as a flaw, the one entry.

        Args:
            zone: For times that name none.

        Raises:
            InvalidField: there is no such file, or it cannot be read.
            UnknownFormat: it is not in this format at all.
        """
        ...
