"""Transcripts of coding agents, read from where the last reading ended, without what Holdfast itself put in.

A transcript is a file of JSON lines that only grows, and may grow while it is read: a last line without its end is
left for the next time. Reading goes back to the last thing the user said, so that what a tool answers meets the call
it belongs to; importing that again has no effect.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

from holdfast.errors import InvalidField
from holdfast.integrations.coding_agents.marks import TOOL, unmarked
from holdfast.integrations.coding_agents.problems import read_json, write_json

PIECE_BYTES = 8_000_000
LONGEST_LINE_BYTES = 40_000_000
"""A line beyond what importers take; no agent writes one."""
MOST_BACK_BYTES = 1_000_000
"""Reading goes back no further."""
_HEAD_BYTES = 256
_OURS = (b"holdfast", b"<memories>")
_CALLS = ("tool_use", "function_call", "custom_tool_call", "mcp_tool_call")


@dataclass(slots=True)
class Offset:
    """How far a transcript was taken in.

    Attributes:
        bytes, lines: Where the next reading begins to find something new.
        back_bytes, back_lines: Where it begins to read: at the last thing the user said.
        head: Digest of the first bytes and of the last ones before `bytes`, which tells the file from another one
            under its name.
    """

    bytes: int = 0
    lines: int = 0
    back_bytes: int = 0
    back_lines: int = 0
    head: str = ""


@dataclass(slots=True)
class Piece:
    """Some lines of a transcript, ready to be imported.

    Attributes:
        data: As an importer reads them: the first line of the file, blank lines in place of what is not read again,
            so that every line has its number, then the lines.
        said: What the user said in lines that are new, and the session as the agent names it.
        end: How far the transcript is taken in once this is.
        is_last: Nothing more was there.
    """

    data: bytes
    end: Offset
    is_last: bool
    said: list[str] = field(default_factory=list[str])


class Offsets:
    """How far each transcript was taken in, one small file for each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def of(self, transcript: Path) -> Offset:
        """Where to go on; the beginning of a file that is new, was cut off, or is another one than before."""
        told = read_json(self._file(transcript))
        try:
            numbers = {name: int(told[name]) for name in ("bytes", "lines", "back_bytes", "back_lines")}
            found = Offset(**numbers, head=str(told["head"]))
        except (KeyError, TypeError, ValueError):
            return Offset()
        with transcript.open("rb") as file:
            was_cut = os.fstat(file.fileno()).st_size < found.bytes
            is_other = _head(file, found.bytes) != found.head
        if was_cut or is_other or not 0 <= found.back_bytes <= found.bytes:
            return Offset()
        return found

    def keep(self, transcript: Path, offset: Offset) -> None:
        """Note how far a transcript was taken in; durable enough: losing it costs reading again, no more."""
        write_json(self._file(transcript), {"transcript": str(transcript), **asdict(offset)})

    def _file(self, transcript: Path) -> Path:
        digest = hashlib.sha256(os.fsencode(transcript.resolve())).hexdigest()[:24]
        return self._folder / f"{digest}.json"


def pieces(transcript: Path, start: Offset) -> Iterator[Piece]:
    """What is new in a transcript, in pieces that each can be imported and noted.

    Raises:
        InvalidField: a line is longer than any agent writes; what came before it was given.
        OSError: it cannot be read.
    """
    offset = start
    while True:
        piece = _piece(transcript, offset)
        if piece is None:
            return
        yield piece
        if piece.is_last:
            return
        offset = piece.end


def _piece(transcript: Path, start: Offset) -> Piece | None:
    with transcript.open("rb") as file:
        first = file.readline(LONGEST_LINE_BYTES) if start.back_bytes else b""
        file.seek(start.back_bytes)
        data, size = b"", PIECE_BYTES + start.bytes - start.back_bytes
        while True:
            part = file.read(size)
            data += part
            if not part or data.rfind(b"\n") + 1 + start.back_bytes > start.bytes:
                break
            if len(data) > LONGEST_LINE_BYTES + start.bytes - start.back_bytes:
                raise InvalidField(f"{transcript} has a line of more than {LONGEST_LINE_BYTES:,} bytes.")
    data = data[: data.rfind(b"\n") + 1]
    if start.back_bytes + len(data) <= start.bytes:
        return None
    lines = [line + b"\n" for line in data.split(b"\n")[:-1]]
    cleaned = _Cleaned(lines, start.lines - start.back_lines)
    end = Offset(start.back_bytes + len(data), start.back_lines + len(lines), start.back_bytes, start.back_lines)
    if cleaned.last_said is not None:
        end.back_bytes += sum(map(len, lines[: cleaned.last_said]))
        end.back_lines += cleaned.last_said
    if end.bytes - end.back_bytes > MOST_BACK_BYTES:
        # A turn that goes on for long is not read anew with everything that comes to it.
        back, count = 0, 0
        while back + len(lines[-1 - count]) <= MOST_BACK_BYTES:
            back += len(lines[-1 - count])
            count += 1
        end.back_bytes, end.back_lines = end.bytes - back, end.lines - count
    with transcript.open("rb") as file:
        end.head = _head(file, end.bytes)
    blank = first + b"\n" * (start.back_lines - 1) if start.back_lines else b""
    is_last = len(part) < size
    return Piece(blank + b"".join(cleaned.lines), end, is_last, cleaned.said)


class _Cleaned:
    """Lines without what Holdfast put into the conversation, and what the user said in them.

    Args:
        known: How many of them were taken in before.
    """

    def __init__(self, lines: list[bytes], known: int) -> None:
        self.said = list[str]()
        self.last_said: int | None = None
        self._calls = set[str]()
        self.lines = [self._line(number, line, number >= known) for number, line in enumerate(lines)]

    def _line(self, number: int, line: bytes, is_new: bool) -> bytes:
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            return line  # the importer reports it
        if not isinstance(record, dict):
            return line
        record = cast("dict[str, Any]", record)
        told = said_by_user(record)
        if told:
            self.last_said = number
            if is_new:
                self.said += map(unmarked, told)
        is_ours = any(one in line for one in _OURS) or any(call.encode() in line for call in self._calls)
        if not is_ours:
            return line
        if self._is_our_tool(record.get("payload")):
            return b"\n"
        return json.dumps(self._without(record), ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"

    def _without(self, value: Any) -> Any:
        if isinstance(value, str):
            return unmarked(value)
        if isinstance(value, list):
            return [self._without(one) for one in cast("list[Any]", value) if not self._is_our_tool(one)]
        if isinstance(value, dict):
            return {key: self._without(one) for key, one in cast("dict[str, Any]", value).items()}
        return value

    def _is_our_tool(self, block: Any) -> bool:
        """Whether a block is a call of one of our tools, or what one answered."""
        if not isinstance(block, dict):
            return False
        told = cast("dict[str, Any]", block)
        call = told.get("call_id") or told.get("tool_use_id") or told.get("id")
        named = f"{told.get('namespace', '')}{told.get('server', '')}{told.get('name')}"
        if told.get("type") in _CALLS and TOOL in named:
            if isinstance(call, str) and call:
                self._calls.add(call)
            return True
        return call in self._calls and "type" in told


def said_by_user(record: dict[str, Any]) -> list[str]:
    """The texts of a line in which a person speaks: of Claude Code or of Codex; none of any other line."""
    message = record.get("message") if record.get("type") == "user" else None
    if record.get("type") == "response_item":
        message = record.get("payload")
    elif record.get("isSidechain") or record.get("isMeta") or record.get("isCompactSummary"):
        return []
    if not isinstance(message, dict) or cast("dict[str, Any]", message).get("role") != "user":
        return []
    content = cast("dict[str, Any]", message).get("content")
    blocks = cast("list[Any]", content) if isinstance(content, list) else [{"type": "text", "text": content}]
    texts = list[str]()
    for block in blocks:
        told = cast("dict[str, Any]", block) if isinstance(block, dict) else {}
        text = told.get("text")
        if told.get("type") in ("text", "input_text") and isinstance(text, str) and not text.lstrip().startswith("<"):
            texts.append(text)
    return texts


def _head(file: Any, known: int) -> str:
    """Digest of the first bytes and the last ones of those that are known."""
    length = min(_HEAD_BYTES, known)
    file.seek(0)
    first = file.read(length)
    file.seek(known - length)
    return hashlib.sha256(first + file.read(length)).hexdigest()[:16]
