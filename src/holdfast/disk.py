"""What every part that writes files by itself needs of the disk."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from holdfast.errors import StoreError, StoreFull


def sync(path: Path) -> None:
    """Have a file, or what stands in a folder, written to the disk. A system that opens no folders keeps them itself.

    Raises:
        OSError: it cannot be opened or written.
    """
    if os.name != "posix" and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_failed(error: OSError, words: str) -> StoreError:
    """What to raise for a write that the system refused: `StoreFull` where there is no room, else `StoreError`."""
    known = StoreFull if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) else StoreError
    return known(words)
