"""Moving memories in and out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from pathlib import Path
from typing import Any, cast

from holdfast.core import exchange
from holdfast.core.codec import canonical, decode_content
from holdfast.core.decide import Take, close
from holdfast.core.secrets import text_digest
from holdfast.core.view import View
from holdfast.errors import Gone, HoldfastError, ImportStopped, InvalidField, InvalidInput, StoreError, UnknownFormat
from holdfast.model.events import Draft
from holdfast.model.ids import Id
from holdfast.model.records import Content, Record
from holdfast.model.reports import ImportReport, SkippedLine
from holdfast.model.times import zone_from_text
from holdfast.services.inspecting import Inspecting
from holdfast.services.ledger import Ledger
from holdfast.services.remembering import Remembering

PER_COMMIT = 500
"""Memories in one durable write of an import."""
_FORMATS = ("auto", "conversation", "records")


@dataclass(frozen=True, slots=True)
class _Line:
    """A record of an export, and the line it stood on."""

    number: int
    record: Id
    content: Content
    successor: Id | None


@dataclass(slots=True)
class _Progress:
    """What an import has done so far."""

    tell: Callable[[int, int], None] | None
    skip_errors: bool
    added: int = 0
    unchanged: int = 0
    forgotten: int = 0
    known: int = 0
    skipped: list[SkippedLine] = field(default_factory=list[SkippedLine])
    questions: list[Mapping[str, object]] = field(default_factory=list[Mapping[str, object]])
    closing: list[tuple[Id, Id]] = field(default_factory=list[tuple[Id, Id]])
    holding: set[bytes] = field(default_factory=set[bytes])

    def done(self) -> None:
        if self.tell:
            self.tell(self.added + self.unchanged + self.forgotten, self.known)

    def count(self, taken: Sequence[tuple[Record, bool]]) -> None:
        added = sum(is_new for _, is_new in taken)
        self.added += added
        self.unchanged += len(taken) - added

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
        self.skipped.append(SkippedLine(number, str(error)))

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
        offset, state = zone_from_text(zone), _Progress(progress, skip_errors)
        try:
            self._read(source, format_, offset, state)
        finally:
            # Whatever ends it, nothing that was superseded is left behind as if it held.
            for record, successor in state.closing:
                self._supersede(record, successor, state)
        return state.report()

    def _read(self, source: str | Path | Iterable[str], format_: str, zone: tzinfo, state: _Progress) -> None:
        waiting, understood = list[_Line](), False
        for number, line in _lines(source):
            try:
                value = _parse(line)
                kind = _kind_of(value, format_)
                understood = True
                if kind == "records":
                    waiting.append(_Line(number, *exchange.read_record(value)))
                else:
                    self._take_lines(waiting, state)
                    waiting = []
                    self._conversation(value, zone, state)
            except (StoreError, ImportStopped):
                raise
            except HoldfastError as error:
                if not understood and not state.skip_errors:
                    raise UnknownFormat(f"Line {number}: {error} Nothing was written.") from error
                self._take_lines(waiting, state)
                waiting = []
                state.refuse(number, error)
            if len(waiting) >= PER_COMMIT:
                self._take_lines(waiting, state)
                waiting = []
        self._take_lines(waiting, state)
        if not understood and state.skipped:
            first = state.skipped[0]
            raise UnknownFormat(f"Line {first.line}: {first.why} No line can be read. Nothing was written.")
        if not understood:
            raise UnknownFormat("There is nothing in it: expected JSON objects, one a line. Nothing was written.")

    def export(self, *, superseded: bool) -> Iterator[str]:
        for record in self._inspecting.records(None, superseded=superseded):
            yield exchange.record_line(record)

    def _conversation(self, value: Mapping[str, Any], zone: tzinfo, state: _Progress) -> None:
        turns, questions = exchange.read_conversation(value, zone)
        now = self._ledger.clock.now_ms()
        commands = list[Take]()
        for number, turn in enumerate(turns, 1):
            try:
                session = turn.session or "import"
                commands.append(self._remembering.turn_command(session, {}, turn, now, operation="import"))
            except InvalidInput as error:
                raise type(error)(f"Entry {number}: {error}") from None
        # A line is taken whole or not at all, though a long one is written in several commits.
        self._remembering.refuse_reused_keys(commands)
        state.questions.extend(questions)
        state.known += len(commands)
        for start in range(0, len(commands), PER_COMMIT):
            self._take_turns(commands[start : start + PER_COMMIT], state)
            state.done()

    def _take_turns(self, commands: Sequence[Take], state: _Progress) -> None:
        try:
            state.count(self._remembering.take_all(commands))
        except Gone:
            if len(commands) == 1:
                state.forgotten += 1
                return
            half = len(commands) // 2
            self._take_turns(commands[:half], state)
            self._take_turns(commands[half:], state)

    def _take_lines(self, lines: Sequence[_Line], state: _Progress) -> None:
        """Write records in one commit; where one cannot be taken, find out which it is."""
        if not lines:
            return
        try:
            commands = [Take(line.content, line.record, keyed=True) for line in lines]
            state.count(self._remembering.take_all(commands, imported=True))
        except StoreError:
            raise
        except HoldfastError as error:
            if len(lines) > 1:
                half = len(lines) // 2
                self._take_lines(lines[:half], state)
                self._take_lines(lines[half:], state)
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

    def _supersede(self, record: Id, successor: Id, state: _Progress) -> None:
        def decide(view: View, secret: bytes) -> tuple[Sequence[Draft], None]:
            drafts = close(view, record, successor, secret)
            held = view.find(record)
            said = decode_content(view.event(held.seq)) if drafts and held else None
            if said and text_digest(secret, said.text) in state.holding:
                # Another memory of the file says it and holds, so the words are not rejected.
                drafts = tuple(replace(draft, payload=canonical({})) for draft in drafts)
            return drafts, None

        self._ledger.write(decide)


def _lines(source: str | Path | Iterable[str]) -> Iterator[tuple[int, str | bytes]]:
    if isinstance(source, str | Path):
        path = Path(source)
        try:
            file = path.open("rb")
        except FileNotFoundError:
            raise InvalidField(f"There is no file {str(path)!r:.200}. Nothing was written.") from None
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise InvalidField(f"{str(path)!r:.200} cannot be read ({why}). Nothing was written.") from None
        with file:
            yield from ((number, line) for number, line in enumerate(file, 1) if line.strip())
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
