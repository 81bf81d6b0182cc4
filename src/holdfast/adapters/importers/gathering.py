"""What is collected while a file is read, and handed on in batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

from holdfast.adapters.importers.elements import Elements
from holdfast.adapters.importers.fields import parsed
from holdfast.adapters.importers.files import (
    ReadingStopped,
    Source,
    Utf8Chunks,
    opened,
    refuse_binary,
    size_of,
    start_of,
)
from holdfast.adapters.importers.lines import Lines
from holdfast.errors import HoldfastError, InvalidField, UnknownFormat
from holdfast.model.imports import Batch, Flaw, Inventory, Item
from holdfast.model.reports import Skipped

ITEMS_PER_BATCH = 500
CHARS_PER_BATCH = 4_000_000
_FIRST_BYTES = 4_096
MOST_SKIPPED = 1_000
"""Places that are named one by one in one import; more are counted."""


class Gathering:
    """Collects items and what was left out of the files of one import."""

    def __init__(self, files: Sequence[Source]) -> None:
        self.total_bytes = sum(size_of(path) for path in files)
        self._alone = len(files) == 1
        self._finished_bytes = 0
        self._reading: Utf8Chunks | None = None
        self._items = list[Item]()
        self._chars = 0
        self._skipped = list[Skipped]()
        self._named = 0
        self._unnamed = 0
        self._left_out = Counter[str]()
        self._documents = set[str]()
        self._logs = set[str]()
        self._flaws = list[Flaw]()
        self._present = dict[str, frozenset[str]]()

    @property
    def full(self) -> bool:
        """Whether it is time for a batch."""
        return len(self._items) >= ITEMS_PER_BATCH or self._chars >= CHARS_PER_BATCH

    def take(self, document: str, items: Iterable[Item], *, is_log: bool = False) -> None:
        """Add items of a document.

        Args:
            is_log: It only grows, and each of its lines is whole.
        """
        for item in items:
            self._items.append(item)
            self._chars += len(item.text)
            if is_log and item.source:
                self._logs.add(item.source)
        self._documents.add(document)

    def follow(self, document: str, keys: Iterable[str]) -> None:
        """Say which keys a document has now."""
        self._present[document] = frozenset(keys)

    def skip(self, place: str, why: str) -> None:
        """Report something that was left out."""
        if self._named < MOST_SKIPPED:
            self._named += 1
            self._skipped.append(Skipped(place, why))
        else:
            self._unnamed += 1

    def flaw(self, source: str, place: str, why: str) -> None:
        """Say that one entry of a document cannot be taken: the rest of it is, or is not, as the caller wishes.

        Args:
            source: That of the turns of the document.
        """
        self._flaws.append(Flaw(source, place, why))

    def leave_out(self, what: str, count: int = 1) -> None:
        """Count something that is left out on purpose; said once for a file, with the count."""
        self._left_out[what] += count

    @contextmanager
    def reading(self, path: Source, *, may_be_blank: bool = False) -> Generator[Iterable[bytes]]:
        """The bytes of one of the files, counted as they are read; none where it cannot be read, which is reported.

        Where it cannot be read on, or was changed meanwhile, that is reported and the block is left.

        Raises:
            InvalidField, UnknownFormat: it cannot be read, and it is the only one.
        """
        with ExitStack() as stack:
            try:
                file = stack.enter_context(opened(path))
                first = start_of(path, file, _FIRST_BYTES)
                if first.strip() or not may_be_blank:
                    refuse_binary(path, first)
                file.seek(0)
            except (InvalidField, UnknownFormat) as error:
                if self._alone:
                    raise
                self.skip(path.name, str(error).removesuffix(" Nothing was written."))
                yield ()
                return
            self._reading = Utf8Chunks(file)
            try:
                yield self._reading
            except ReadingStopped as error:
                self.skip(path.name, str(error))
            finally:
                self._finished_bytes += self._reading.done_bytes
                self._reading = None

    def batch(self, inventory: Inventory | None = None) -> Batch:
        """What was collected since the batch before."""
        done = self._finished_bytes + (self._reading.done_bytes if self._reading else 0)
        made = Batch(
            items=tuple(self._items),
            skipped=tuple(self._skipped),
            done_bytes=min(done, self.total_bytes),
            total_bytes=self.total_bytes,
            document=next(iter(self._documents)) if len(self._documents) == 1 else None,
            logs=frozenset(self._logs),
            flaws=tuple(self._flaws),
            present=dict(self._present),
            inventory=inventory,
        )
        self._items.clear()
        self._skipped.clear()
        self._documents.clear()
        self._logs.clear()
        self._flaws.clear()
        self._present.clear()
        self._chars = 0
        return made

    def end_file(self, path: Source) -> None:
        """Say what was left out of a file on purpose."""
        for what, count in sorted(self._left_out.items()):
            self._skipped.append(Skipped(path.name, f"{count:,} left out: {what}", intended=True))
        self._left_out.clear()

    def end(self, inventory: Inventory | None = None) -> Batch:
        """The last batch."""
        if self._unnamed:
            self._skipped.append(Skipped("further on", f"{self._unnamed:,} more places like those named"))
            self._unnamed = 0
        return self.batch(inventory)


def why_of(error: HoldfastError | RecursionError) -> str:
    """Why something cannot be taken, for a report."""
    return "it is nested too deeply to be read" if isinstance(error, RecursionError) else str(error)


def line_values(path: Source, chunks: Iterable[bytes], gathering: Gathering) -> Iterator[tuple[int, Any]]:
    """The JSON value of each line with its number; lines that cannot be read are reported."""
    for line in Lines(chunks):
        place = f"{path.name}, line {line.number:,}"
        if line.data is None:
            gathering.skip(place, "it is too long: more than 32 MB in one line")
            continue
        if not line.data.strip():
            continue
        try:
            yield line.number, parsed(line.data)
        except InvalidField as error:
            cut = "" if line.ended else "; it is the last line and may have been cut off"
            gathering.skip(place, f"{error}{cut}")


def element_values(
    path: Source, chunks: Iterable[bytes], gathering: Gathering, what: str
) -> Iterator[tuple[str, int, Any]]:
    """The JSON objects of a file, each with its place and number; those that cannot be read are reported.

    Args:
        what: What an object is, for the report, such as ``conversation``.
    """
    seen = False
    for element in Elements(chunks):
        place = f"{path.name}, {what} {element.number:,}"
        seen = True
        if element.data is None:
            gathering.skip(place, element.problem)
            continue
        try:
            value = parsed(element.data)
        except InvalidField as error:
            gathering.skip(place, str(error))
            continue
        if isinstance(value, dict):
            yield place, element.number, value
        else:
            gathering.skip(place, f"it is a {type(value).__name__}, not a JSON object")
    if not seen and isinstance(chunks, Utf8Chunks):
        gathering.skip(path.name, f"there is no {what} in it")


def json_values(
    path: Source, chunks: Iterable[bytes], gathering: Gathering, what: str
) -> Iterator[tuple[str, int, Any]]:
    """The JSON objects of a file, one a line or in one list, each with its place and number."""
    pieces = iter(chunks)
    first = next(pieces, b"")
    again = _Again(first, pieces)
    if _in_lines(first):
        for number, value in line_values(path, again, gathering):
            if isinstance(value, dict):
                yield f"{path.name}, line {number:,}", number, value
            else:
                gathering.skip(f"{path.name}, line {number:,}", f"it is {type(value).__name__}, not a JSON object")
    else:
        yield from element_values(path, again, gathering, what)


class _Again:
    """Pieces of a file with the first one, which was looked at already."""

    def __init__(self, first: bytes, rest: Iterator[bytes]) -> None:
        self._first = first
        self._rest = rest

    def __iter__(self) -> Iterator[bytes]:
        yield self._first
        yield from self._rest


def _in_lines(first: bytes) -> bool:
    """Whether a file that begins like this has an object a line, rather than a list or one written over lines."""
    line, ended, _ = first.lstrip().partition(b"\n")
    if line[:1] == b"[":
        return False
    if not ended or line.rstrip().endswith((b"}", b"]")):
        return True
    return line[:1] != b"{"


def read_documents(
    files: Sequence[Source], what: str, take: Callable[[Mapping[str, Any], str, Gathering], None]
) -> Iterator[Batch]:
    """Read files of JSON objects, each a document.

    Args:
        what: What an object is, for the report.
        take: Adds an object found at a place to what is gathered; raises where it cannot be taken.
    """
    gathering = Gathering(files)
    for file in files:
        with gathering.reading(file) as chunks:
            for place, _, value in element_values(file, chunks, gathering, what):
                try:
                    take(value, place, gathering)
                except (HoldfastError, RecursionError) as error:
                    gathering.skip(place, f"{why_of(error)}; none of it was taken")
                if gathering.full:
                    yield gathering.batch()
        gathering.end_file(file)
    yield gathering.end()


class Log(Protocol):
    """One transcript being read: each line is taken by itself."""

    def take(self, number: int, value: object) -> None:
        """Add what a line says, or report why it cannot be taken."""
        ...

    def end(self) -> None:
        """Add or report what only the whole of it shows."""
        ...


def read_logs(files: Sequence[Path], begin: Callable[[Path, Gathering], Log]) -> Iterator[Batch]:
    """Read transcripts of JSON lines, which only grow.

    Args:
        begin: Gives the reader of one file.
    """
    gathering = Gathering(files)
    for file in files:
        log = begin(file, gathering)
        with gathering.reading(file) as chunks:
            for number, value in line_values(file, chunks, gathering):
                log.take(number, value)
                if gathering.full:
                    yield gathering.batch()
        log.end()
        gathering.end_file(file)
    yield gathering.end()
