"""Moving memories in and out."""

from __future__ import annotations

import codecs
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from pathlib import Path
from typing import Any, BinaryIO, cast

from holdfast.core import exchange
from holdfast.core.codec import canonical, decode_content
from holdfast.core.decide import Take, close
from holdfast.core.secrets import text_digest
from holdfast.core.view import View
from holdfast.errors import (
    Gone,
    HoldfastError,
    ImportStopped,
    InvalidField,
    InvalidInput,
    Refused,
    StoreError,
    UnknownFormat,
)
from holdfast.model.events import Draft
from holdfast.model.ids import Id
from holdfast.model.records import Content
from holdfast.model.reports import ImportReport, Skipped
from holdfast.model.times import zone_from_text
from holdfast.ports.importer import Importer
from holdfast.services.forgetting import Forgetting
from holdfast.services.importing import Importing
from holdfast.services.inspecting import Inspecting
from holdfast.services.intake import PER_COMMIT, Intake, Progress
from holdfast.services.ledger import Ledger
from holdfast.services.remembering import Remembering

_OWN = ("conversation", "records")
_HEAD_BYTES = 1 << 17
FindImporter = Callable[[Path, str], Importer]
"""Finds the importer for a path by the name of a format, or ``auto``."""


@dataclass(frozen=True, slots=True)
class _Line:
    """A record of an export, and the line it stood on."""

    number: int
    record: Id
    content: Content
    successor: Id | None


@dataclass(slots=True)
class _State(Progress):
    """What an import of our own formats has done so far."""

    skip_errors: bool = False
    kinds: set[str] = field(default_factory=set[str])
    closing: list[tuple[Id, Id]] = field(default_factory=list[tuple[Id, Id]])
    holding: set[bytes] = field(default_factory=set[bytes])

    def refuse(self, number: int, error: HoldfastError) -> None:
        """Note a line that cannot be taken.

        Raises:
            ImportStopped: the caller did not ask to go on.
        """
        if not self.skip_errors:
            raise ImportStopped(
                f"Line {number}: {error} The import stopped there; what the lines before added ({self.added}) "
                "is kept. Mend the line and import again (nothing is added twice), or go on past such lines "
                "with skip_errors."
            ) from error
        self.leave_out(number, str(error))

    def leave_out(self, number: int, why: str) -> None:
        """Note a line that is not taken, or not whole."""
        self.skipped.append(Skipped(f"line {number:,}", why, number))


class Transfer:
    """Imports and exports of one space.

    Args:
        find_importer: Finds who reads the files of other programs.
    """

    def __init__(
        self,
        ledger: Ledger,
        remembering: Remembering,
        forgetting: Forgetting,
        inspecting: Inspecting,
        find_importer: FindImporter,
    ) -> None:
        self._ledger = ledger
        self._remembering = remembering
        self._forgetting = forgetting
        self._inspecting = inspecting
        self._find_importer = find_importer

    def import_(
        self,
        source: str | Path | Iterable[str],
        *,
        format_: str,
        skip_errors: bool,
        zone: str,
        dry_run: bool,
        confirm_removal: bool,
        progress: Callable[[int, int], None] | None,
    ) -> ImportReport:
        offset, path = zone_from_text(zone), Path(source) if isinstance(source, str | Path) else None
        importer = self._importer(path, format_)
        state = _State(progress, skip_errors=skip_errors)
        intake = Intake(self._remembering, state, dry_run=dry_run)
        if importer is not None and path is not None:
            Importing(self._ledger, self._remembering, self._forgetting, intake, state, confirm=confirm_removal).run(
                importer, path, offset
            )
            return state.report(dry_run=dry_run)
        try:
            self._read(source if path is None else path, format_, offset, state, intake)
        finally:
            # Whatever ends it, nothing that was superseded is left behind as if it held.
            if not dry_run:
                for record, successor in state.closing:
                    self._supersede(record, successor, state)
        state.format = "+".join(sorted(state.kinds))
        return state.report(dry_run=dry_run)

    def _importer(self, path: Path | None, format_: str) -> Importer | None:
        """Who reads it; None where it is ours."""
        if format_ in _OWN or (format_ == "auto" and (path is None or _is_ours(path))):
            return None
        importer = self._find_importer(path or Path(), format_)
        if path is None:
            raise UnknownFormat(
                f"Lines can be {' or '.join(_OWN)} only; for the format {format_!r:.60} give a file or a folder. "
                "Nothing was written."
            )
        return importer

    def _read(self, source: Path | Iterable[str], format_: str, zone: tzinfo, state: _State, intake: Intake) -> None:
        waiting, understood = list[_Line](), False
        for number, line in _lines(source, state):
            try:
                value = _parse(line)
                kind = _kind_of(value, format_)
                understood = True
                state.kinds.add(kind)
                if kind == "records":
                    waiting.append(_Line(number, *exchange.read_record(value)))
                else:
                    self._take_lines(waiting, state, intake)
                    waiting = []
                    self._conversation(number, value, zone, state, intake)
            except (StoreError, ImportStopped):
                raise
            except HoldfastError as error:
                if not understood and not state.skip_errors:
                    raise UnknownFormat(f"Line {number}: {error} Nothing was written.") from error
                self._take_lines(waiting, state, intake)
                waiting = []
                state.refuse(number, error)
            if len(waiting) >= PER_COMMIT:
                self._take_lines(waiting, state, intake)
                waiting = []
        self._take_lines(waiting, state, intake)
        if not understood and state.skipped:
            first = state.skipped[0]
            raise UnknownFormat(f"Line {first.line}: {first.why} No line can be read. Nothing was written.")
        if not understood:
            raise UnknownFormat("There is nothing in it: expected JSON objects, one a line. Nothing was written.")

    def export(self, *, superseded: bool) -> Iterator[str]:
        for record in self._inspecting.records(None, superseded=superseded, quarantined=True):
            yield exchange.record_line(record)

    def _conversation(self, line: int, value: Mapping[str, Any], zone: tzinfo, state: _State, intake: Intake) -> None:
        turns, questions = exchange.read_conversation(value, zone)
        now = self._ledger.clock.now_ms()
        commands = list[Take]()
        for number, turn in enumerate(turns, 1):
            try:
                session = turn.session or "import"
                commands.append(self._remembering.turn_command(session, {}, turn, now, operation="import"))
            except Refused as error:
                state.leave_out(line, f"Entry {number}: {error}")
            except InvalidInput as error:
                raise type(error)(f"Entry {number}: {error}") from None
        # A line is taken whole or not at all, though a long one is written in several commits.
        self._remembering.refuse_reused_keys(commands)
        state.questions.extend(questions)
        state.known += len(commands)
        for start in range(0, len(commands), PER_COMMIT):
            self._take_turns(commands[start : start + PER_COMMIT], state, intake)
            state.done()

    def _take_turns(self, commands: Sequence[Take], state: _State, intake: Intake) -> None:
        try:
            intake.take(commands)
        except Gone:
            if len(commands) == 1:
                state.forgotten += 1
                return
            half = len(commands) // 2
            self._take_turns(commands[:half], state, intake)
            self._take_turns(commands[half:], state, intake)

    def _take_lines(self, lines: Sequence[_Line], state: _State, intake: Intake) -> None:
        """Write records in one commit; where one cannot be taken, find out which it is."""
        if not lines:
            return
        try:
            commands = [self._remembering.judged(Take(line.content, line.record, keyed=True)) for line in lines]
            intake.take(commands, imported=True)
        except StoreError:
            raise
        except HoldfastError as error:
            if len(lines) > 1:
                half = len(lines) // 2
                self._take_lines(lines[:half], state, intake)
                self._take_lines(lines[half:], state, intake)
                return
            if isinstance(error, Refused):
                state.leave_out(lines[0].number, str(error))
                return
            if not isinstance(error, Gone):
                state.refuse(lines[0].number, error)
                return
            state.forgotten += 1
        state.known += len(lines)
        for line in lines:
            if line.successor is None:
                state.holding.add(text_digest(self._ledger.secret, line.content.text))
            else:
                state.closing.append((line.record, line.successor))
        state.done()

    def _supersede(self, record: Id, successor: Id, state: _State) -> None:
        def decide(view: View, secret: bytes) -> tuple[Sequence[Draft], None]:
            drafts = close(view, record, successor, secret)
            held = view.find(record)
            said = decode_content(view.event(held.seq)) if drafts and held else None
            if said and text_digest(secret, said.text) in state.holding:
                # Another memory of the file says it and holds, so the words are not rejected.
                drafts = tuple(replace(draft, payload=canonical({})) for draft in drafts)
            return drafts, None

        self._ledger.write(decide)


def _is_ours(path: Path) -> bool:
    """Whether one of the first lines of a file is in a format of our own.

    Raises:
        InvalidField: there is no such file, or it cannot be read.
    """
    try:
        if path.is_dir():
            return False
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None
    with _opened(path) as file:
        head = file.read(_HEAD_BYTES)
    encoding = "utf-16" if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    lines = head.decode(encoding, "replace").splitlines()
    return any(exchange.looks_like_ours(line) for line in lines if line.lstrip().startswith("{"))


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise InvalidField(f"There is no file {str(path)!r:.200}. Nothing was written.") from None
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> InvalidField:
    why = error.strerror if isinstance(error, OSError) else error
    return InvalidField(f"{str(path)!r:.200} cannot be read ({why}). Nothing was written.")


def _lines(source: Path | Iterable[str], state: Progress) -> Iterator[tuple[int, str | bytes]]:
    if isinstance(source, Path):
        with _opened(source) as file:
            state.total_bytes = os.fstat(file.fileno()).st_size
            for number, line in enumerate(file, 1):
                state.done_bytes += len(line)
                if line.strip():
                    yield number, line
    else:
        for number, line in enumerate(source, 1):
            if not isinstance(line, str | bytes):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise InvalidField(f"Line {number} is {type(line).__name__} {line!r:.60}; expected a string.")
            if line.strip():
                yield number, line


def _parse(line: str | bytes) -> Mapping[str, Any]:
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


def _kind_of(value: Mapping[str, Any], wanted: str) -> str:
    kind = "conversation" if "entries" in value else "records" if "content" in value else None
    if kind is None or wanted not in ("auto", kind):
        either = "'entries' (a conversation) or 'content' (what export writes)"
        expected = either if wanted == "auto" else f"the format {wanted!r}"
        raise InvalidField(
            f"it has the keys {', '.join(sorted(map(repr, value)))[:200] or 'none'}; expected {expected}."
        )
    return kind
