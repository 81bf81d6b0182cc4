"""Moving memories in and out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from pathlib import Path
from typing import Any, cast

from holdfast.core import exchange
from holdfast.core.decide import Take, close
from holdfast.errors import Gone, HoldfastError, ImportStopped, InvalidField, InvalidInput, StoreError, UnknownFormat
from holdfast.model.ids import Id
from holdfast.model.reports import ImportReport, SkippedLine
from holdfast.model.times import zone_from_text
from holdfast.services.inspecting import Inspecting
from holdfast.services.ledger import Ledger
from holdfast.services.remembering import Remembering

PER_COMMIT = 500
"""Memories in one durable write of an import."""
_FORMATS = ("auto", "conversation", "records")


@dataclass(slots=True)
class _Progress:
    """What an import has done so far."""

    tell: Callable[[int, int], None] | None
    added: int = 0
    unchanged: int = 0
    forgotten: int = 0
    known: int = 0
    skipped: list[SkippedLine] = field(default_factory=list[SkippedLine])
    questions: list[Mapping[str, object]] = field(default_factory=list[Mapping[str, object]])
    closing: list[tuple[Id, Id]] = field(default_factory=list[tuple[Id, Id]])

    def done(self) -> None:
        if self.tell:
            self.tell(self.added + self.unchanged + self.forgotten, self.known)

    def report(self) -> ImportReport:
        return ImportReport(self.added, self.unchanged, self.forgotten, tuple(self.skipped), tuple(self.questions))


class Transfer:
    """Imports and exports of one space."""

    def __init__(self, ledger: Ledger, remembering: Remembering, inspecting: Inspecting) -> None:
        self._ledger = ledger
        self._remembering = remembering
        self._inspecting = inspecting

    def import_(
        self,
        source: str | Path | Iterable[str],
        *,
        format_: str,
        skip_errors: bool,
        zone: str,
        progress: Callable[[int, int], None] | None,
    ) -> ImportReport:
        if format_ not in _FORMATS:
            raise UnknownFormat(f"There is no format {format_!r:.60}; expected one of: {', '.join(_FORMATS)}.")
        offset, state = zone_from_text(zone), _Progress(progress)
        understood = False
        for number, line in _lines(source):
            try:
                value = _parse(line)
                kind = _kind_of(value, format_)
                understood = True
                if kind == "conversation":
                    commands = self._conversation(value, offset, state)
                else:
                    commands = self._record(value, state)
                self._take(commands, state)
            except StoreError:
                raise
            except HoldfastError as error:
                if not understood:
                    raise UnknownFormat(f"Line {number}: {error} Nothing was written.") from error
                if not skip_errors:
                    raise ImportStopped(
                        f"Line {number}: {error} The import stopped there; {state.added} memories of the lines before "
                        "are kept. Mend the line and import again (nothing is added twice), or go on past such lines "
                        "with skip_errors."
                    ) from error
                state.skipped.append(SkippedLine(number, str(error)))
        if not understood and not state.skipped:
            raise UnknownFormat("There is nothing in it: expected JSON objects, one a line. Nothing was written.")
        for record, successor in state.closing:
            self._ledger.write(lambda view, secret, r=record, s=successor: (close(view, r, s, secret), None))
        return state.report()

    def export(self, *, superseded: bool) -> Iterator[str]:
        for record in self._inspecting.records(None, superseded=superseded):
            yield exchange.record_line(record)

    def _conversation(self, value: Mapping[str, Any], zone: tzinfo, state: _Progress) -> list[Take]:
        turns, questions = exchange.read_conversation(value, zone)
        now = self._ledger.clock.now_ms()
        commands = list[Take]()
        for number, turn in enumerate(turns, 1):
            try:
                session = turn.session or "import"
                commands.append(self._remembering.turn_command(session, {}, turn, now, operation="import"))
            except InvalidInput as error:
                raise type(error)(f"Entry {number}: {error}") from None
        state.questions.extend(questions)
        state.known += len(commands)
        return commands

    def _record(self, value: Mapping[str, Any], state: _Progress) -> list[Take]:
        record, content, successor = exchange.read_record(value)
        if successor is not None:
            state.closing.append((record, successor))
        state.known += 1
        return [Take(content, record, keyed=True)]

    def _take(self, commands: Sequence[Take], state: _Progress) -> None:
        for start in range(0, len(commands), PER_COMMIT):
            self._take_some(commands[start : start + PER_COMMIT], state)
            state.done()

    def _take_some(self, commands: Sequence[Take], state: _Progress) -> None:
        try:
            taken = self._remembering.take_all(commands)
        except Gone:
            if len(commands) == 1:
                state.forgotten += 1
                return
            for command in commands:
                self._take_some([command], state)
            return
        added = sum(1 for _, is_new in taken if is_new)
        state.added += added
        state.unchanged += len(taken) - added


def _lines(source: str | Path | Iterable[str]) -> Iterator[tuple[int, str | bytes]]:
    if isinstance(source, str | Path):
        path = Path(source)
        try:
            with path.open("rb") as file:
                yield from ((number, line) for number, line in enumerate(file, 1) if line.strip())
        except FileNotFoundError:
            raise InvalidField(f"There is no file {path}. Nothing was written.") from None
        except (IsADirectoryError, PermissionError) as error:
            raise InvalidField(f"{path} cannot be read ({error.strerror}). Nothing was written.") from None
    else:
        yield from ((number, line) for number, line in enumerate(source, 1) if line.strip())


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
            f"it has the keys {', '.join(sorted(map(str, value)))[:200] or 'none'}; expected {expected}."
        )
    return kind
