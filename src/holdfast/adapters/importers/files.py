"""Opening foreign files: what they are, how they are encoded, and their bytes as UTF-8."""

from __future__ import annotations

import codecs
import os
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from holdfast.errors import InvalidField, UnknownFormat

CHUNK_BYTES = 1 << 18
HEAD_BYTES = 1 << 17
DEEPEST = 32
"""Folders below the given one that are looked into."""

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_UNZIP = "unzip it and import the file inside (chat exports hold a conversations.json)"
_KINDS = (
    (b"PK\x03\x04", "a zip archive", _UNZIP),
    (b"PK\x05\x06", "an empty zip archive", "export again"),
    (b"\x1f\x8b", "a gzip file", "unpack it (gunzip, or tar -xzf) and import what is inside"),
    (b"\x28\xb5\x2f\xfd", "a zstd file", "unpack it (zstd -d) and import what is inside"),
    (b"BZh", "a bzip2 file", "unpack it (bunzip2) and import what is inside"),
    (b"\xfd7zXZ\x00", "an xz file", "unpack it (unxz) and import what is inside"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", _UNZIP),
    (b"Rar!\x1a\x07", "a RAR archive", _UNZIP),
    (b"%PDF-", "a PDF", "import the JSON of the same export"),
    (b"SQLite format 3\x00", "an SQLite database", "a space of Holdfast is opened, not imported"),
)
_PAGES = (b"<!doctype html", b"<html")


class Utf8Chunks:
    """The bytes of an open file as UTF-8 without a byte order mark, in pieces.

    UTF-16 and UTF-32 are recoded; bytes that are neither are passed on as they stand, for the reader
    of the piece they are in to refuse.

    Attributes:
        done_bytes: How much of the file was read, in its own bytes.
    """

    def __init__(self, file: BinaryIO, chunk_bytes: int = CHUNK_BYTES) -> None:
        self._file = file
        self._chunk_bytes = chunk_bytes
        self.done_bytes = 0

    def __iter__(self) -> Iterator[bytes]:
        chunk = self._next()
        encoding, mark = encoding_of(chunk)
        if encoding == "utf-8":
            chunk = chunk[mark:]
            while chunk:
                yield chunk
                chunk = self._next()
            return
        decoder = codecs.getincrementaldecoder(encoding)("replace")
        chunk = chunk[mark:]
        while chunk:
            yield decoder.decode(chunk).encode("utf-8", "replace")
            chunk = self._next()
        yield decoder.decode(b"", final=True).encode("utf-8", "replace")

    def _next(self) -> bytes:
        chunk = self._file.read(self._chunk_bytes)
        self.done_bytes += len(chunk)
        return chunk


def encoding_of(head: bytes) -> tuple[str, int]:
    """The encoding the first bytes tell, and the length of the byte order mark."""
    for mark, encoding in _BOMS:
        if head.startswith(mark):
            return encoding, len(mark)
    # Text of these formats begins with ASCII, which UTF-16 pads with a NUL on one side.
    if len(head) >= 4 and head[1] == 0 and head[3] == 0 and head[0] and head[2]:
        return "utf-16-le", 0
    if len(head) >= 4 and head[0] == 0 and head[2] == 0 and head[1] and head[3]:
        return "utf-16-be", 0
    return "utf-8", 0


@contextmanager
def opened(path: Path) -> Generator[BinaryIO]:
    """An open file.

    Raises:
        InvalidField: it is not there or cannot be read.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise InvalidField(f"There is no file {path}. Nothing was written.") from None
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None
    with file:
        try:
            yield file
        except OSError as error:
            raise _unreadable(path, error) from None


def head_of(path: Path) -> bytes:
    """The first bytes of a file as UTF-8 without a byte order mark; empty for a folder.

    Raises:
        InvalidField: it is not there or cannot be read.
        UnknownFormat: it is empty, or in a format that holds no text.
    """
    if path.is_dir():
        return b""
    with opened(path) as file:
        raw = file.read(HEAD_BYTES)
    refuse_binary(path, raw)
    encoding, mark = encoding_of(raw)
    if encoding == "utf-8":
        return raw[mark:]
    return raw[mark:].decode(encoding, "ignore").encode("utf-8", "ignore")


def head_inside(path: Path) -> bytes:
    """As `head_of`, for one file of many: empty where it cannot be read or holds no text."""
    try:
        return head_of(path)
    except (InvalidField, UnknownFormat):
        return b""


def refuse_binary(path: Path, raw: bytes) -> None:
    """Say plainly what a file is that is certainly not text to import.

    Raises:
        UnknownFormat.
    """
    if not raw.strip():
        raise UnknownFormat(f"{path.name} is empty. Nothing was written.")
    for magic, kind, advice in _KINDS:
        if raw.startswith(magic):
            raise UnknownFormat(f"{path.name} is {kind}, not the export itself; {advice}. Nothing was written.")
    if raw.lstrip()[:14].lower().startswith(_PAGES):
        raise UnknownFormat(
            f"{path.name} is a web page; import the JSON of the same export, usually conversations.json. "
            "Nothing was written."
        )


def size_of(path: Path) -> int:
    """Bytes in a file; 0 where it is gone."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def files_below(
    folder: Path, wanted: Callable[[str], bool], unread: Callable[[Path], None] | None = None
) -> Iterator[Path]:
    """The files in a folder whose name is wanted, sorted; hidden ones and links are not followed.

    Args:
        unread: Told the folders inside that cannot be looked into, or are too deep.

    Raises:
        InvalidField: the folder itself cannot be read.
    """
    pending = [(folder, 0)]
    while pending:
        here, depth = pending.pop()
        try:
            with os.scandir(here) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            if depth == 0:
                raise _unreadable(here, error) from None
            if unread:
                unread(here)
            continue
        folders = list[tuple[Path, int]]()
        for entry in found:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                if depth < DEEPEST:
                    folders.append((Path(entry.path), depth + 1))
                elif unread:
                    unread(Path(entry.path))
            elif wanted(entry.name) and entry.is_file(follow_symlinks=False):
                yield Path(entry.path)
        pending += reversed(folders)


def _unreadable(path: Path, error: Exception) -> InvalidField:
    why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return InvalidField(f"{path} cannot be read ({why}). Nothing was written.")
