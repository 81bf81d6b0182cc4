"""Writing pages without the leftovers that SQLite leaves between their cells.

``secure_delete`` overwrites a cell where it is deleted. But when SQLite spreads the cells of full pages anew, it
copies them and leaves the old bytes in what is now the free middle of a page (``rebuildPage`` in its ``btree.c``);
what is deleted later is overwritten at its new place only. So every page is cleaned on its way from the log into
the file: its free middle holds nothing that anybody reads.

Pages come into the file only when the log is folded into it, so only the connections that do that pay for this.
"""

from __future__ import annotations

import struct
import threading

import apsw

VFS = "holdfast-clean"
"""The name under which SQLite knows this way of writing."""
MOST_PAGES = 1 << 24
"""Pages that a file may have. Above it the first byte of an overflow page could be taken for that of a b-tree page."""
_HEADER_BYTES = {2: 12, 5: 12, 10: 8, 13: 8}
"""Length of a page's header by its first byte (https://www.sqlite.org/fileformat2.html, section 1.6)."""
_FIRST_PAGE_HEADER = 100
_LARGEST = 65_536
_ZEROS = 65_536
"""Zeros written in one go over what a file is shortened by; SQLite's own way of writing takes less than 128 KiB."""

_registered: list[apsw.VFS] = []
_lock = threading.Lock()


def without_gap(page: bytes, offset: int) -> bytes:
    """A page as it is to be written at an offset: the same, or with zeros between its cells and their pointers.

    Whatever is not wholly a b-tree page with a sound header is given back as it is.
    """
    at = _FIRST_PAGE_HEADER if offset == 0 else 0
    if len(page) < 512 or (header := _HEADER_BYTES.get(page[at])) is None:
        return page
    cells = int.from_bytes(page[at + 3 : at + 5], "big")
    start = at + header + 2 * cells
    end = int.from_bytes(page[at + 5 : at + 7], "big") or _LARGEST
    if not start < end <= len(page) or page.count(0, start, end) == end - start:
        return page
    if cells and min(struct.unpack_from(f">{cells}H", page, at + header)) < end:
        return page  # an altered header: what it calls a gap holds cells
    return b"".join((page[:start], bytes(end - start), page[end:]))


def clean_vfs() -> str:
    """The name of the VFS that writes pages without gaps, made known to SQLite at the first call."""
    with _lock:
        if not _registered:
            _registered.append(_CleanVFS())
    return VFS


class _CleanVFS(apsw.VFS):
    def __init__(self) -> None:
        super().__init__(VFS, "")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        if flags[0] & apsw.SQLITE_OPEN_MAIN_DB:
            return _CleanFile(name, flags)
        return super().xOpen(name, flags)


class _CleanFile(apsw.VFSFile):
    def __init__(self, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        super().xWrite(without_gap(bytes(data), offset), offset)  # pyright: ignore[reportUnknownMemberType]

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        # What is given back to the disk holds no words any more.
        end = self.xFileSize()
        for start in range(newsize, end, _ZEROS):
            super().xWrite(bytes(min(_ZEROS, end - start)), start)  # pyright: ignore[reportUnknownMemberType]
        if newsize < end:
            self.xSync(apsw.SQLITE_SYNC_FULL)
        _cut(self, newsize)


def _cut(file: apsw.VFSFile, size: int) -> None:
    """Shorten a file, when what goes is zeros."""
    apsw.VFSFile.xTruncate(file, size)
