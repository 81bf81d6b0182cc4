"""Opening foreign files: what they are, how they are encoded, and their bytes as UTF-8."""

from __future__ import annotations

import codecs
import io
import os
import stat
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import IO

from holdfast.adapters.importers.archives import DAMAGED, MAGIC, Member, chat_members, is_zip, open_member
from holdfast.errors import InvalidField, UnknownFormat

Source = Path | Member
"""A file, by itself or in an archive."""
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
    (MAGIC, "a zip archive", _UNZIP),
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
_NO_FILES = (
    (stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"), (stat.S_ISCHR, "a device"), (stat.S_ISBLK, "a device"),
)  # fmt: skip


class ReadingStopped(Exception):
    """A file could not be read to its end, for the reason given."""


class Utf8Chunks:
    """The bytes of an open file as UTF-8 without a byte order mark, in pieces.

    UTF-16 and UTF-32 are recoded; bytes that are neither are passed on as they stand, for the reader
    of the piece they are in to refuse.

    Attributes:
        done_bytes: How much of the file was read, in its own bytes.

    Raises:
        ReadingStopped: while it is read: it cannot be read on, or it was written anew meanwhile. One that only
            grew is read to its new end.
    """

    def __init__(self, file: IO[bytes], chunk_bytes: int = CHUNK_BYTES) -> None:
        self._file = file
        self._chunk_bytes = chunk_bytes
        self._before = _size_and_time(file)
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
        try:
            chunk = self._file.read(self._chunk_bytes)
        except DAMAGED as error:
            raise ReadingStopped(f"it cannot be read to its end ({_reason(error)})") from None
        if not chunk:
            after = _size_and_time(self._file)
            if after != self._before and after[0] <= self._before[0]:
                raise ReadingStopped("it was changed while it was read; import it again")
        self.done_bytes += len(chunk)
        return chunk


def _size_and_time(file: IO[bytes]) -> tuple[int, int]:
    """The size of an open file and when it was last written; the same for whatever is no file of its own."""
    try:
        found = os.fstat(file.fileno())
    except (OSError, io.UnsupportedOperation):
        return 0, 0
    return found.st_size, found.st_mtime_ns


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
def opened(source: Source) -> Generator[IO[bytes]]:
    """An open file.

    Raises:
        InvalidField: it is not there, is no file, or cannot be opened.
    """
    with ExitStack() as stack:
        try:
            file = stack.enter_context(_open(source))
        except FileNotFoundError:
            raise InvalidField(f"There is no file {source}. Nothing was written.") from None
        except DAMAGED as error:
            raise _unreadable(source, error) from None
        yield file


def _open(source: Source) -> AbstractContextManager[IO[bytes]]:
    if isinstance(source, Member):
        return open_member(source)
    mode = source.stat().st_mode
    for is_kind, kind in _NO_FILES:
        # Opening a pipe would wait for whoever writes to it.
        if is_kind(mode):
            raise ValueError(f"it is {kind}; save what it gives to a file and import that")
    if stat.S_ISDIR(mode):
        raise ValueError("it is a folder; give the file inside")
    return source.open("rb")


def head_of(path: Path) -> bytes:
    """The first bytes of a file as UTF-8 without a byte order mark; empty for a folder.

    Of a zip archive with conversations, those of the first file of them.

    Raises:
        InvalidField: it is not there or cannot be read.
        UnknownFormat: it is empty, or in a format that holds no text.
    """
    if path.is_dir():
        return b""
    source = chat_members(path)[0] if is_zip(path) else path
    with opened(source) as file:
        raw = start_of(source, file, HEAD_BYTES)
    refuse_binary(source, raw)
    encoding, mark = encoding_of(raw)
    if encoding == "utf-8":
        return raw[mark:]
    return raw[mark:].decode(encoding, "ignore").encode("utf-8", "ignore")


def start_of(source: Source, file: IO[bytes], size: int) -> bytes:
    """The first bytes of an open file.

    Raises:
        InvalidField: it cannot be read.
    """
    try:
        return file.read(size)
    except DAMAGED as error:
        raise _unreadable(source, error) from None


def head_inside(path: Path) -> bytes:
    """As `head_of`, for one file of many: empty where it cannot be read or holds no text."""
    try:
        return head_of(path)
    except (InvalidField, UnknownFormat):
        return b""


def refuse_binary(path: Source, raw: bytes) -> None:
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


def size_of(source: Source) -> int:
    """Bytes in a file, unpacked; 0 where it is gone."""
    try:
        return source.size_bytes if isinstance(source, Member) else source.stat().st_size
    except OSError:
        return 0


def files_at(path: Path, wanted: Callable[[str], bool], what: str) -> list[Path]:
    """The file itself, or the files in a folder whose name is wanted.

    Args:
        what: What they are, for the error.

    Raises:
        UnknownFormat: the folder has none.
        InvalidField: the folder cannot be read.
    """
    if not path.is_dir():
        return [path]
    found = list(files_below(path, wanted))
    if not found:
        raise UnknownFormat(f"{path.name or path} is a folder without {what}. Nothing was written.")
    return found


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


def _unreadable(source: Source, error: Exception) -> InvalidField:
    return InvalidField(f"{source} cannot be read ({_reason(error)}). Nothing was written.")


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or "it is broken off"
