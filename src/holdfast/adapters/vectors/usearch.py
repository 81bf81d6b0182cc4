"""An index of vectors by usearch: HNSW over 8-bit vectors, searched in a mapped file or in memory.

The file: what usearch writes (two 32-bit sizes, the vectors by place, the graph), zeros up to a multiple of 64 bytes,
the numbers by place as 64-bit integers, and `_FOOT`. The graph knows places alone, so that to erase a vector is to
overwrite it and its number where they stand; the graph, which has a checksum, stays as it is. Vectors and numbers have
none: whoever reads an index compares them with the space.
"""

from __future__ import annotations

import mmap
import os
import secrets
import struct
import zlib
from collections.abc import Callable
from contextlib import suppress
from glob import escape
from importlib import import_module
from importlib.util import find_spec
from io import FileIO
from pathlib import Path
from typing import Final, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from holdfast.ports.vector_index import Codes, Numbers, VectorIndex

ENDING: Final = "-vectors"
"""What the file's name has after the space's."""
CONNECTIVITY: Final = 16
EXPANSION_ADD: Final = 64
EXPANSION_SEARCH: Final = 512
"""With these, of the ten nearest of 1,000,000 some 99 in 100 are among 400 that are named: `python -m bench.sizes`."""
_UNFINISHED: Final = ".new"
"""The ending of the file that an index is written to before it is whole."""
_MAGIC: Final = b"hfvector"
# Magic, version, dimensions, places, bytes of usearch's part, stamp, checksum of the graph; then its own checksum.
_FOOT: Final = struct.Struct("<8sIIQQ32sI")
_FOOT_BYTES: Final = _FOOT.size + 4
_VERSION: Final = 1
_SIZES: Final = struct.Struct("<II")
_NUMBER_BYTES: Final = 8
_ALIGNED: Final = 64
_BLOCK: Final = 1 << 24


def is_installed() -> bool:
    """Whether usearch can be imported; it is not imported for that."""
    return find_spec("usearch") is not None


class UsearchIndexes:
    """`VectorIndexes` in a file beside the space, or in memory where there is no such path.

    Args:
        space: The file of the space; None keeps the index in memory, as for an encrypted space.
        space: The file of the space; None where it has none.
        read_only: Writes nothing: an index that is made is kept in memory.
        sealed: The space is encrypted, so that an index is kept in memory. A file that is there all the same, since
            the space once was plain, is erased from and thrown away.
    """

    def __init__(self, space: Path | None, *, read_only: bool = False, sealed: bool = False) -> None:
        self._path = None if space is None else space.with_name(space.name + ENDING)
        self._read_only = read_only
        self._sealed = sealed

    @property
    def kept_in(self) -> str:
        return "memory" if self._path is None or self._read_only or self._sealed else self._path.name

    @property
    def is_usable(self) -> bool:
        return is_installed()

    @property
    def is_kept(self) -> bool:
        return self._path is not None and (self._path.exists() or bool(_parts(self._path)))

    def read(self, stamp: bytes, dimensions: int) -> VectorIndex | None:
        if self._path is None:
            return None
        if self._sealed:
            if not self._read_only:
                self.drop()
            return None
        found = _opened(self._path, mmap.ACCESS_COPY if self._read_only else mmap.ACCESS_WRITE)
        if found is not None and found.begins(stamp, dimensions):
            return found
        if not self._read_only:
            self._path.unlink(missing_ok=True)
        return None

    def begin(self, stamp: bytes, dimensions: int, count: int, grown: VectorIndex | None) -> _Building:
        return _Building(None if self._read_only or self._sealed else self._path, stamp, dimensions, grown)

    def erase(self, ns: Numbers) -> int:
        if self._path is None or not self.is_kept:
            return 0
        # Whoever writes it finds it gone, and begins again. It may be put in place just now: the file comes after it.
        for part in _parts(self._path):
            _take_away(part)
        found = _opened(self._path, mmap.ACCESS_WRITE, searched=False)
        if found is None:
            self._path.unlink(missing_ok=True)
            return 0
        try:
            return found.erase(ns)
        finally:
            found.close()
            if self._sealed:
                self.drop()

    def counted(self, ns: Numbers) -> int:
        found = None if self._path is None else _opened(self._path, mmap.ACCESS_READ, searched=False)
        if found is None:
            return 0
        try:
            return int(np.count_nonzero(np.isin(found.held(0, len(found))[0], ns[ns > 0])))
        finally:
            found.close()

    def drop(self) -> None:
        if self._path is not None:
            for part in _parts(self._path):
                _take_away(part)
            _remove(self._path)


class UsearchIndex:
    """A `VectorIndex` over bytes that usearch wrote, mapped or in memory."""

    def __init__(self, held: mmap.mmap | bytearray, *, writable: bool, searched: bool = True) -> None:
        """Take bytes as a finished index has them.

        Args:
            searched: False reads vectors and numbers alone, for which usearch need not be installed.

        Raises:
            ValueError: they are damaged.
        """
        self._held: mmap.mmap | bytearray | None = held
        self._writable = writable
        foot = _foot_of(held)
        if foot is None:
            raise ValueError("these are not the bytes of an index of vectors")
        _, self._dimensions, count, size, self._stamp, checksum = foot
        view = memoryview(held)
        body = _SIZES.size + count * self._dimensions
        if _SIZES.unpack_from(view) != (count, self._dimensions):
            raise ValueError("the index of vectors has other sizes than its foot says")
        if searched and _checksum(view[body:size]) != checksum:
            raise ValueError("the graph of the index of vectors is damaged")
        self._codes: Codes = np.frombuffer(view, np.int8, count * self._dimensions, _SIZES.size).reshape(count, -1)
        self._ns: Numbers = np.frombuffer(view, np.int64, count, size + -size % _ALIGNED)
        self._empty = int(np.count_nonzero(self._ns == 0))
        self._index: _Graph | None = None
        if searched:
            self._index = _empty_graph(self._dimensions)
            self._index.view(view[:size])

    def __len__(self) -> int:
        return len(self._ns)

    @property
    def empty(self) -> int:
        return self._empty

    def begins(self, stamp: bytes, dimensions: int) -> bool:
        """Whether it is the index of that stamp."""
        return self._stamp == stamp and self._dimensions == dimensions

    def near(self, codes: Codes, count: int) -> Numbers:
        index, held = self._index, self._ns
        if index is None:
            return np.empty(0, np.int64)
        found = np.asarray(index.search(codes, min(count, len(held)), threads=1).keys).astype(np.intp)
        ns = held[found]
        return ns[ns > 0]

    def held(self, first: int, count: int) -> tuple[Numbers, Codes]:
        return self._ns[first : first + count], self._codes[first : first + count]

    def erase(self, ns: Numbers) -> int:
        if self._held is None:
            return 0
        places = np.flatnonzero(np.isin(self._ns, ns) & (self._ns > 0))
        if not len(places):
            return 0
        if not self._writable:
            raise PermissionError("the index of vectors was opened read-only")
        self._codes[places] = 0
        self._ns[places] = 0
        self._empty += len(places)
        if isinstance(self._held, mmap.mmap):
            self._held.flush()
        return len(places)

    def grown(self) -> _Graph:
        """A copy of the graph with its vectors, that can be added to.

        Raises:
            ValueError: it was closed.
        """
        foot = _foot_of(self._held) if self._held is not None else None
        if self._held is None or foot is None:
            raise ValueError("the index of vectors was closed")
        index = _empty_graph(self._dimensions)
        index.load(memoryview(self._held)[: foot[3]])
        return index

    def close(self) -> None:
        held, self._held = self._held, None
        self._index = None
        self._ns, self._codes = np.empty(0, np.int64), np.empty((0, self._dimensions), np.int8)
        if isinstance(held, mmap.mmap):
            try:
                held.close()
            except BufferError:  # a search is still in it: it goes with the last reference
                return


class _Building:
    """An index that is made in memory, then written beside the one that is kept, and swapped in whole."""

    def __init__(self, path: Path | None, stamp: bytes, dimensions: int, grown: VectorIndex | None) -> None:
        self._path, self._stamp, self._dimensions = path, stamp, dimensions
        self._ns: list[Numbers] = []
        self._part: Path | None = None
        if isinstance(grown, UsearchIndex):
            # Numbers first: a vector that is erased between the two then has a number, by which it is erased here too.
            self._ns.append(grown.held(0, len(grown))[0].copy())
            self._index = grown.grown()
        else:
            self._index = _empty_graph(dimensions)

    def add(self, ns: Numbers, codes: Codes) -> None:
        if len(ns):
            first = len(self._index)
            places = np.arange(first, first + len(ns), dtype=np.uint64)
            # On one thread, so that places are in the order of arrival.
            self._index.add(places, np.ascontiguousarray(codes), threads=1)
            self._ns.append(np.array(ns, np.int64))

    def finish(self) -> VectorIndex:
        if self._path is None:
            held = bytearray(self._index.save() or b"")
            held += self._rest(len(held), memoryview(held))
            return UsearchIndex(held, writable=True)
        for left in _parts(self._path):  # of a process that died, or of one that is slower than this
            _take_away(left)
        part = self._part = self._path.with_name(f"{self._path.name}.{os.getpid()}-{secrets.token_hex(4)}{_UNFINISHED}")
        number = os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_BINARY", 0), 0o600)
        # By its number alone from here on: another file of that name would be somebody else's.
        with os.fdopen(number, "r+b", buffering=0) as file:
            _save(self._index, file)
            with mmap.mmap(number, 0, access=mmap.ACCESS_READ) as written, memoryview(written) as view:
                rest = self._rest(len(written), view)
            file.seek(0, os.SEEK_END)
            _write(file, memoryview(rest))
            os.fsync(number)
            self._index = _empty_graph(self._dimensions)
            if os.fstat(number).st_nlink == 0:
                raise FileNotFoundError(f"{part.name} was taken away while it was written")
            return UsearchIndex(mmap.mmap(number, 0, access=mmap.ACCESS_WRITE), writable=True)

    def keep(self) -> None:
        part, self._part = self._part, None
        if part is not None and self._path is not None:
            try:
                part.replace(self._path)
            except BaseException:
                self._part = part
                raise

    def discard(self) -> None:
        part, self._part = self._part, None
        if part is not None:
            _take_away(part)

    def _rest(self, size: int, view: memoryview) -> bytes:
        """What follows usearch's part."""
        ns = np.concatenate([np.empty(0, np.int64), *self._ns])
        body = _SIZES.size + len(ns) * self._dimensions
        foot = _FOOT.pack(_MAGIC, _VERSION, self._dimensions, len(ns), size, self._stamp, _checksum(view[body:]))
        return bytes(-size % _ALIGNED) + ns.tobytes() + foot + zlib.crc32(foot).to_bytes(4, "little")


def _opened(path: Path, access: int, *, searched: bool = True) -> UsearchIndex | None:
    """The index in a file; None where there is none, or it is damaged."""
    writable = access != mmap.ACCESS_READ
    try:
        with path.open("r+b" if access == mmap.ACCESS_WRITE else "rb") as file:
            held = mmap.mmap(file.fileno(), 0, access=access)
        return UsearchIndex(held, writable=writable, searched=searched)
    except FileNotFoundError:
        return None
    except (ValueError, RuntimeError):  # what numpy, struct and usearch say of bytes that do not fit; an empty file
        return None


def _foot_of(held: mmap.mmap | bytearray) -> tuple[int, int, int, int, bytes, int] | None:
    """Version, dimensions, places, bytes of usearch's part, stamp and checksum of the graph."""
    if len(held) < _FOOT_BYTES:
        return None
    foot = bytes(held[len(held) - _FOOT_BYTES :])
    magic, version, dimensions, count, size, stamp, checksum = _FOOT.unpack(foot[:-4])
    length = size + -size % _ALIGNED + _NUMBER_BYTES * count + _FOOT_BYTES
    is_whole = zlib.crc32(foot[:-4]).to_bytes(4, "little") == foot[-4:] and length == len(held)
    if magic != _MAGIC or version != _VERSION or not is_whole or _SIZES.size + count * dimensions > size:
        return None
    return version, dimensions, count, size, stamp, checksum


def _checksum(view: memoryview) -> int:
    checksum = 0
    for start in range(0, len(view), _BLOCK):
        checksum = zlib.crc32(view[start : start + _BLOCK], checksum)
    return checksum


def _parts(path: Path) -> list[Path]:
    """The files of indexes that were not put in place, whoever writes them."""
    return [found for found in path.parent.glob(escape(path.name) + ".*") if found.suffix == _UNFINISHED]


def _save(index: _Graph, file: FileIO) -> None:
    """Write a graph to an open file, which usearch knows by names alone."""
    name = Path(f"/dev/fd/{file.fileno()}")
    if name.exists():
        index.save(name)
    else:
        _write(file, memoryview(index.save() or b""))


def _write(file: FileIO, view: memoryview) -> None:
    while view:
        view = view[file.write(view) :]


def _take_away(part: Path) -> None:
    """Take an unfinished file from whoever writes it, then overwrite it; one that was put in place stays as it is."""
    with suppress(FileNotFoundError):
        try:
            file = part.open("r+b", buffering=0)
        except PermissionError:  # another user's: it can be taken from the folder all the same
            part.unlink()
            return
        with file:
            part.unlink()
            _overwrite(file)


def _remove(path: Path) -> None:
    """Overwrite a file, then take it away, if it is there."""
    with suppress(FileNotFoundError):
        with path.open("r+b", buffering=0) as file:
            _overwrite(file)
        path.unlink()


def _overwrite(file: FileIO) -> None:
    left = os.fstat(file.fileno()).st_size
    while left > 0:
        left -= file.write(bytes(min(left, _BLOCK)))
    os.fsync(file.fileno())


class _Matches(Protocol):
    @property
    def keys(self) -> NDArray[np.uint64]: ...


class _Graph(Protocol):
    """What is used of usearch's ``Index``."""

    def __len__(self) -> int: ...
    def add(self, keys: NDArray[np.uint64], vectors: Codes, *, threads: int) -> object: ...
    def search(self, vectors: Codes, count: int, *, threads: int) -> _Matches: ...
    def save(self, path_or_buffer: Path | None = None) -> bytes | None: ...
    def load(self, path_or_buffer: memoryview) -> object: ...
    def view(self, path_or_buffer: memoryview) -> object: ...


def _empty_graph(dimensions: int) -> _Graph:
    # Both bring their own C++ runtime: onnxruntime crashes the process where it is loaded second.
    import_module("onnxruntime")
    index = cast("Callable[..., _Graph]", import_module("usearch.index").Index)
    return index(
        ndim=dimensions, metric="cos", dtype="i8", connectivity=CONNECTIVITY, expansion_add=EXPANSION_ADD,
        expansion_search=EXPANSION_SEARCH, enable_key_lookups=False,
    )  # fmt: skip
