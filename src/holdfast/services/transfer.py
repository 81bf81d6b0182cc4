"""Moving memories in and out."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from itertools import chain, islice
from pathlib import Path
from typing import Any

from holdfast.core import border, exchange
from holdfast.core.codec import canonical, decode_content
from holdfast.core.decide import Take, close, key_reused
from holdfast.core.journal_lines import is_journal
from holdfast.core.secrets import text_digest
from holdfast.core.view import View
from holdfast.errors import (
    Gone,
    HoldfastError,
    ImportStopped,
    InvalidField,
    InvalidInput,
    KeyReused,
    Refused,
    StoreError,
    UnknownFormat,
)
from holdfast.model.events import Draft
from holdfast.model.ids import Id
from holdfast.model.moving import MarkdownReport
from holdfast.model.records import Content, Kind
from holdfast.model.reports import ImportReport, Skipped
from holdfast.model.times import zone_from_text
from holdfast.ports.importer import Importer
from holdfast.services.aside import as_here, id_here
from holdfast.services.edits import Edits
from holdfast.services.forgetting import Forgetting
from holdfast.services.importing import Importing
from holdfast.services.inspecting import Inspecting
from holdfast.services.intake import PER_COMMIT, Intake, Progress
from holdfast.services.journals import FORMAT as JOURNAL
from holdfast.services.journals import Journals
from holdfast.services.json_lines import numbered_lines, opened, parsed_line, unreadable
from holdfast.services.ledger import Ledger
from holdfast.services.pages_out import PagesOut, read_manifest
from holdfast.services.remembering import Remembering
from holdfast.services.renewing import Renewing, first_again
from holdfast.services.subjects import Subjects

_OWN = ("conversation", "records")
_HEAD_BYTES = 1 << 17
_FIRST_BYTES = 4_000
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
        journals: Journals,
    ) -> None:
        self._ledger = ledger
        self._remembering = remembering
        self._forgetting = forgetting
        self._inspecting = inspecting
        self._find_importer = find_importer
        self._journals = journals
        self.takes_journals = True
        """False where only some of those who may import may take in a whole journal."""

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
        border.check_import(source)
        offset, path = zone_from_text(zone), Path(source) if isinstance(source, str | Path) else None
        source, is_journal = _with_first(source)
        if format_ == JOURNAL or (format_ == "auto" and is_journal):
            if not self.takes_journals:
                raise Refused(
                    "A whole journal is not taken in by an import here, since it says for itself who wrote what. "
                    "Nothing was written; who administers the space does it with storage.merge."
                )
            return self._journals.take_in(source, dry_run=dry_run, progress=progress)
        if path is not None and format_ in ("auto", "markdown") and (manifest := read_manifest(path)) is not None:
            state = _State(progress, skip_errors=skip_errors)
            importing = Importing(
                self._ledger, self._remembering, self._forgetting, Intake(self._remembering, state, dry_run=dry_run),
                state, confirm=confirm_removal, skip_errors=skip_errors,
            )  # fmt: skip
            edits = Edits(self._ledger, self._remembering, self._forgetting)
            edits.run(path, manifest, importing, state, zone=offset, confirm=confirm_removal, dry_run=dry_run)
            return state.report(dry_run=dry_run)
        importer = self._importer(path, format_)
        state = _State(progress, skip_errors=skip_errors)
        intake = Intake(self._remembering, state, dry_run=dry_run)
        if importer is not None and path is not None:
            Importing(
                self._ledger, self._remembering, self._forgetting, intake, state, confirm=confirm_removal,
                skip_errors=skip_errors,
            ).run(importer, path, offset)  # fmt: skip
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
        for number, line in numbered_lines(source, state):
            try:
                value = parsed_line(line)
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

    def export_markdown(
        self, folder: str | Path, *, about: str | None, mentions: bool, replace: bool
    ) -> MarkdownReport:
        """See `Storage.export_markdown`."""
        edits = Edits(self._ledger, self._remembering, self._forgetting)

        def pending(target: Path) -> int:
            manifest = read_manifest(target)
            return 0 if manifest is None else edits.pending(target, manifest)

        subjects = Subjects(self._ledger, self._inspecting.listed)
        pages = PagesOut(self._ledger, lambda: self._inspecting.records(None), subjects, pending)
        return pages.write(folder, about=about, mentions=mentions, replace=replace)

    def export(self, *, superseded: bool, about: str | None, mentions: bool) -> Iterator[str]:
        """See `Memory.export`; what is asked for is checked at the call."""
        if about is not None:
            return Subjects(self._ledger, self._inspecting.listed).lines(about, mentions=mentions)
        if mentions:
            raise InvalidField("mentions=True goes with about, the name to look for.")
        return self._record_lines(superseded=superseded)

    def _record_lines(self, *, superseded: bool) -> Iterator[str]:
        found = self._inspecting.records(None, superseded=superseded, quarantined=True, aside=True)
        # What a window made is derived under ids of this space: another makes its own.
        return (exchange.record_line(record) for record in found if record.kind is not Kind.WINDOW)

    def _conversation(self, line: int, value: Mapping[str, Any], zone: tzinfo, state: _State, intake: Intake) -> None:
        def skip(number: int, error: HoldfastError) -> None:
            state.leave_out(line, f"Entry {number}: {error}")

        turns, questions = exchange.read_conversation(value, zone, skip if state.skip_errors else None)
        now = self._ledger.clock.now_ms()
        commands = list[Take]()
        for number, turn in enumerate(turns, 1):
            try:
                session = turn.session or "import"
                commands.append(self._remembering.turn_command(session, {}, turn, now, operation="import"))
            except Refused as error:
                skip(number, error)
            except InvalidInput as error:
                if not state.skip_errors:
                    raise type(error)(f"Entry {number}: {error}") from None
                skip(number, error)
        # A line is taken whole or not at all, though a long one is written in several commits.
        commands = self._agreeing(line, commands, state)
        state.questions.extend(questions)
        state.known += len(commands)
        for start in range(0, len(commands), PER_COMMIT):
            self._take_turns(commands[start : start + PER_COMMIT], state, intake)
            state.done()

    def _agreeing(self, line: int, commands: list[Take], state: _State) -> list[Take]:
        """The commands that contradict neither what is held nor one another; the others are left out by name.

        Raises:
            KeyReused: one does, and the caller did not ask to go on.
        """
        try:
            self._remembering.refuse_reused_keys(commands)
        except KeyReused:
            if not state.skip_errors:
                raise
        else:
            return commands
        agreeing = dict[Id, Take]()
        for command in commands:
            first = agreeing.get(command.record)
            try:
                self._remembering.refuse_reused_keys([command] if first is None else [first, command])
            except KeyReused:
                key = command.content.session or "its session"
                state.leave_out(line, f"An entry of {key}: {key_reused(command.record)}")
            else:
                agreeing[command.record] = command
        return list(agreeing.values())

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
        if again := first_again([(line.record, line.content.kind) for line in lines]):
            self._take_lines(lines[:again], state, intake)
            self._take_lines(lines[again:], state, intake)
            return
        renewing = Renewing(self._ledger, self._remembering, state, dry_run=intake.dry_run)
        lines = [line for line in lines if not renewing.take(line.number, line.record, line.content)]
        if not lines:
            return
        try:
            ids = [id_here(self._ledger, line.record, line.content) for line in lines]
            commands = [
                self._remembering.judged(Take(as_here(self._ledger, line.content), record, keyed=True))
                for line, record in zip(lines, ids, strict=True)
            ]
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


def _with_first(source: str | Path | Iterable[str]) -> tuple[str | Path | Iterable[str], bool]:
    """The source again, and whether its first line is that of a journal."""
    if isinstance(source, str | Path):
        try:
            if not Path(source).is_file():
                return source, False
            with Path(source).open("rb") as file:
                return source, is_journal(file.read(_FIRST_BYTES).decode("utf-8-sig", "replace").lstrip())
        except (OSError, ValueError):
            return source, False  # whoever reads it says what is wrong
    lines = iter(source)
    first = list(islice(lines, 1))
    return chain(first, lines), any(isinstance(line, str) and is_journal(line) for line in list[object](first))


def _is_ours(path: Path) -> bool:
    """Whether one of the first lines of a file is in a format of our own.

    Raises:
        InvalidField: there is no such file, or it cannot be read.
    """
    try:
        if path.is_dir():
            return False
        if path.is_fifo():
            # Looking at its beginning would take that away from whoever reads it then.
            raise ValueError("it is a pipe; name the format, conversation or records, or save it to a file")
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from None
    with opened(path) as file:
        head = file.read(_HEAD_BYTES)
    encoding = "utf-16" if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    lines = head.decode(encoding, "replace").splitlines()
    return any(exchange.looks_like_ours(line) for line in lines if line.lstrip().startswith("{"))


def _kind_of(value: Mapping[str, Any], wanted: str) -> str:
    kind = "conversation" if "entries" in value else "records" if "content" in value else None
    if kind is None or wanted not in ("auto", kind):
        either = "'entries' (a conversation) or 'content' (what export writes)"
        expected = either if wanted == "auto" else f"the format {wanted!r}"
        raise InvalidField(
            f"it has the keys {', '.join(sorted(map(repr, value)))[:200] or 'none'}; expected {expected}."
        )
    return kind
