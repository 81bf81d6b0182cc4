"""Files of JSON, an object a line: opened, counted and parsed, with what is wrong said in words."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast

from holdfast.errors import InvalidField
from holdfast.services.intake import Progress

MOST_LINE_BYTES = 32 << 20
"""A longer line is refused, and no more of it than this is held."""
_PIECE_BYTES = 1 << 20


def numbered_lines(source: Path | Iterable[str], state: Progress | None = None) -> Iterator[tuple[int, str | bytes]]:
    """The lines that are not blank, with their numbers from 1.

    Args:
        state: Told how many bytes of a file were read, and of how many.
    """
    if isinstance(source, Path):
        with opened(source) as file:
            if state is not None:
                state.total_bytes = os.fstat(file.fileno()).st_size
            for number, (line, size) in enumerate(_bounded(file), 1):
                if state is not None:
                    state.done_bytes += size
                if line.strip():
                    yield number, line
    else:
        for number, line in enumerate(source, 1):
            if not isinstance(line, str | bytes):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise InvalidField(f"Line {number} is {type(line).__name__} {line!r:.60}; expected a string.")
            if line.strip():
                yield number, line


def _bounded(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Lines with their sizes in bytes; of one that is too long, enough to see that it is."""
    while line := file.readline(MOST_LINE_BYTES + 1):
        size, more = len(line), line
        while size > MOST_LINE_BYTES and more and not more.endswith(b"\n"):
            more = file.readline(_PIECE_BYTES)
            size += len(more)
        yield line, size


def parsed_line(line: str | bytes) -> Mapping[str, Any]:
    """The JSON object a line holds.

    Raises:
        InvalidField: it holds none; says why.
    """
    if len(line) > MOST_LINE_BYTES:
        raise InvalidField(f"it has more than {MOST_LINE_BYTES >> 20} MB.")
    try:
        text = line.decode("utf-8-sig") if isinstance(line, bytes) else line
        value = json.loads(text, parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise InvalidField(f"it is not UTF-8 text (byte {error.start}).") from None
    except RecursionError:
        raise InvalidField("it is nested too deeply to be read.") from None
    except ValueError as error:
        raise InvalidField(f"it is not JSON ({error}).") from None
    if not isinstance(value, dict):
        raise InvalidField(f"it is {type(value).__name__}, not a JSON object.")
    return cast("Mapping[str, Any]", value)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


def opened(path: Path) -> BinaryIO:
    """A file, to be read.

    Raises:
        InvalidField: there is none, or it cannot be read.
    """
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise InvalidField(f"There is no file {str(path)!r:.200}. Nothing was written.") from None
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from None


def unreadable(path: Path, error: Exception) -> InvalidField:
    """What to raise for a file that cannot be read."""
    why = error.strerror if isinstance(error, OSError) else error
    return InvalidField(f"{str(path)!r:.200} cannot be read ({why}). Nothing was written.")
