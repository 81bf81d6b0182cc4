"""The files of an export that still is the zip it came in: read where they are, never unpacked.

Only what a name asks for is opened, as a stream of bounded pieces; nothing is written, so a name inside
the archive leads nowhere. What makes an archive dangerous to read is refused: a list of contents too long
to hold, and a file that is larger, or packed tighter, than any export.
"""

from __future__ import annotations

import lzma
import struct
import zipfile
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from holdfast.adapters.importers.fields import label
from holdfast.errors import InvalidField, UnknownFormat

MAGIC = b"PK\x03\x04"
MOST_BYTES = 16 << 30
"""Unpacked bytes of one file in an archive."""
MOST_RATIO = 200
"""Unpacked bytes for a packed one; chats come to about 10."""
MOST_LISTED_BYTES = 16 << 20
"""Of the archive's list of its contents, which is held in memory: some 150,000 files."""
_FREE_BYTES = 64 << 20
"""A smaller file may be packed as tightly as it likes."""
_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_BYTES = 20
_COMMENT_BYTES = 0xFFFF
DAMAGED = (
    OSError, EOFError, ValueError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error, lzma.LZMAError,
)  # fmt: skip
"""What reading raises of an archive that is broken, encrypted, or packed in a way that is not known."""
_NOTHING = "Nothing was written."


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive.

    Attributes:
        inside: Its name there.
        size_bytes: Unpacked, as the archive says; no more is ever read.
    """

    archive: Path
    inside: str
    size_bytes: int

    @property
    def name(self) -> str:
        """What it is called in a report."""
        return f"{self.archive.name}/{label(self.inside, 200) or 'file'}"

    def __str__(self) -> str:
        return self.name


def is_zip(path: Path) -> bool:
    """Whether a file begins like a zip archive; False where it cannot be read."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def is_chats(name: str) -> bool:
    """Whether a file of an export holds conversations; large exports have several."""
    return name.startswith("conversations") and name.endswith(".json")


def chat_members(path: Path) -> list[Member]:
    """The files with conversations in an archive, in the order of their names.

    Raises:
        UnknownFormat: there are none.
        InvalidField: it cannot be read, its list of contents is too long, or one of them is no size an export has.
    """
    try:
        is_long = _listed_bytes(path) > MOST_LISTED_BYTES
        found = [] if is_long else _listed(path)
    except DAMAGED as error:
        raise InvalidField(f"{path.name} is a zip archive that cannot be read ({error}). {_NOTHING}") from None
    if is_long:
        raise InvalidField(
            f"{path.name} is a zip archive of more files than an export has; unzip it and import the file inside "
            f"(chat exports hold a conversations.json). {_NOTHING}"
        )
    if not found:
        raise UnknownFormat(
            f"{path.name} is a zip archive, not the export itself; unzip it and import the file or folder inside. "
            f"Only an export of chats, with a conversations.json, is read as a zip. {_NOTHING}"
        )
    for one in found:
        _refuse_bomb(path, one)
    named = {one.filename: Member(path, one.filename, one.file_size) for one in found}
    return [named[name] for name in sorted(named)]


@contextmanager
def open_member(member: Member) -> Generator[IO[bytes]]:
    """The unpacked bytes of a file in an archive.

    Raises:
        OSError and the others of `DAMAGED`, also while it is read.
    """
    with zipfile.ZipFile(member.archive) as archive, archive.open(member.inside) as file:
        yield file


def _listed(path: Path) -> list[zipfile.ZipInfo]:
    with zipfile.ZipFile(path) as archive:
        return [one for one in archive.infolist() if not one.is_dir() and _is_wanted(one.filename)]


def _is_wanted(name: str) -> bool:
    *folders, own = name.replace("\\", "/").split("/")
    return is_chats(own) and not any(part == "__MACOSX" or part.startswith(".") for part in folders if part != ".")


def _refuse_bomb(path: Path, one: zipfile.ZipInfo) -> None:
    if one.file_size > MOST_BYTES or one.file_size > max(_FREE_BYTES, one.compress_size * MOST_RATIO):
        raise InvalidField(
            f"{path.name} says that {label(one.filename) or 'a file'} in it has {one.file_size:,} bytes, packed into "
            f"{one.compress_size:,}, as no export does. If you trust it, unzip it and import the file. "
            f"{_NOTHING}"
        )


def _listed_bytes(path: Path) -> int:
    """The size of the list of contents, which the library would read whole.

    Raises:
        OSError, zipfile.BadZipFile.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _END.size - _COMMENT_BYTES - _LOCATOR_BYTES - _END64.size))
        tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or at + _END.size > len(tail):
        raise zipfile.BadZipFile("its end is missing; it may not have been downloaded whole")
    listed = _END.unpack_from(tail, at)[5]
    before = at - _LOCATOR_BYTES - _END64.size
    if before >= 0 and tail[at - _LOCATOR_BYTES :].startswith(b"PK\x06\x07"):
        return _END64.unpack_from(tail, before)[8]
    return listed
