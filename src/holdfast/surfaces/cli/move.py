"""Taking memories in: import."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from holdfast.surfaces.cli import failure
from holdfast.surfaces.cli.options import end, must_be_a_file, reading, settings_of, show_json, space_options, writing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    from holdfast.config import Settings
    from holdfast.memory import Memory
    from holdfast.model.reports import ImportReport, Skipped

SHOWN_LINES = 20
_READ_ONCE = ("conversation", "records")
"""Formats that may come through a pipe."""
_TRIED_BYTES = 100_000
"""How much of a file is read before a space is made for it."""
FORMATS = (
    "auto", "conversation", "records", "journal", "chatgpt", "claude", "claude-code", "codex", "letta", "mem0",
    "mcp-memory", "jsonl", "markdown",
)  # fmt: skip
"""Named here, so that help and completion need not load the importers."""


@click.command("import", short_help="Take in conversations, an export, or what another program keeps.")
@click.argument("path", metavar="PATH")
@click.option(
    "--format", "format_", type=click.Choice(FORMATS), default="auto", show_default=True, help="What PATH holds."
)
@click.option("--dry-run", is_flag=True, help="Write nothing; show what would be added, skipped and removed.")
@click.option("--skip-errors", is_flag=True, help="Go on after a line or an entry that cannot be taken, and report it.")
@click.option("--zone", default="UTC", show_default=True, help="Offset for times that have none, such as +01:00.")
@click.option("--yes", is_flag=True, help="Remove what is gone at its source or on pages, however much it is.")
@click.option("--no-embed", is_flag=True, help="Leave the vectors to the next command that writes.")
@space_options
def import_command(
    path: str,
    format_: str,
    dry_run: bool,
    skip_errors: bool,
    zone: str,
    yes: bool,
    no_embed: bool,
    db: str | None,
    embedder: str | None,
    as_: str | None,
    as_json: bool,
) -> None:
    """Take in PATH, a file or a folder: conversations or an export, one JSON object a line, or what
    another program keeps, such as ChatGPT or Obsidian. - is standard input, one JSON object a line.

    Importing the same again adds nothing twice. Ends with 1 where something was skipped that should
    not have been.
    """
    from holdfast.surfaces.cli.screen import progress

    settings = settings_of(db, embedder, as_)
    source = _lines_of_input() if path == "-" else _readable(path, format_)
    must_be_a_file(settings.db)
    if not dry_run and not settings.db.exists():
        source, fruitless = _tried(source, format_, zone, settings, skip_errors=skip_errors)
        if fruitless is not None:
            failure.warn(f"there is nothing to take, so {settings.db} was not made")
            _end_import(fruitless, 0, as_json=as_json)
            return
    with _trying(settings) if dry_run else writing(settings, create=True, embed=not no_embed) as memory:
        with _keeping(memory, dry_run=dry_run):
            with progress("Importing", in_bytes=path != "-") as bar:
                report = memory.import_(
                    source, format=format_, skip_errors=skip_errors, zone=zone, dry_run=dry_run, confirm_removal=yes,
                    progress=bar,
                )  # fmt: skip
            if not no_embed and not dry_run:
                _embed(memory)
        pending = 0 if dry_run else memory.summary().pending
    _end_import(report, pending, as_json=as_json)


def _readable(name: str, format_: str) -> str:
    """The path, if there is such a file: a space is not made for a name that was mistyped."""
    from holdfast.errors import InvalidInput

    path = Path(name)
    try:
        is_there = path.exists()
    except OSError as error:
        raise InvalidInput(f"{name:.200} cannot be read ({error.strerror}). Nothing was written.") from None
    if not is_there:
        raise InvalidInput(f"There is no file {name}. Nothing was written.")
    if path.is_dir():
        if format_ in ("conversation", "records"):
            raise InvalidInput(f"{name} is a folder; expected a file of JSON lines. Nothing was written.")
        from holdfast.adapters.importers import find_importer

        find_importer(path, format_)
    return name


def _tried(
    source: str | Iterator[str], format_: str, zone: str, settings: Settings, *, skip_errors: bool
) -> tuple[str | Iterator[str], ImportReport | None]:
    """The source again, and a report where nothing of it can be taken: no empty space is made for that.

    Its start is imported into a space in memory, as far as something was taken from it.

    Raises:
        HoldfastError: it is refused as a whole.
    """
    from holdfast.core.journal_lines import is_journal
    from holdfast.errors import HoldfastError
    from holdfast.memory import Memory

    start: str | list[str]
    if isinstance(source, str):
        if format_ in _READ_ONCE and not Path(source).is_file():
            return source, None  # a pipe is read once only; for other formats it is refused before it is read
        start = source
    else:
        start = list(islice((line for line in source if line.strip()), 1))
        if any(is_journal(line) for line in start):
            start.extend(source)  # it is taken in whole or not at all, so all of it is looked through
            source = iter(start)
        else:
            source = chain(start, source)
    with Memory.open(":memory:", embedder=None, as_=settings.principal, policy=settings.policy) as trial:

        def enough(done: int, total: int) -> None:
            if done > _TRIED_BYTES and _ever_held(trial):
                raise _Enough

        try:
            report = trial.import_(
                start, format=format_, skip_errors=skip_errors, zone=zone, confirm_removal=True, progress=enough
            )
        except _Enough:
            return source, None
        except HoldfastError:
            if not _ever_held(trial):
                raise
            return source, None
        return source, None if isinstance(start, list) or _ever_held(trial) else report


class _Enough(Exception):
    """So much was read that something is known to be taken."""


def _end_import(report: ImportReport, pending: int, *, as_json: bool) -> None:
    """Show what an import did; where something was skipped that should not have been, end with 1."""
    from holdfast.surfaces import wire

    if as_json:
        show_json(wire.report_to_wire(report) | {"pending": pending})
    else:
        _show_report(report, pending)
    if any(not skipped.intended for skipped in report.skipped):
        end(failure.PROBLEMS)


def _embed(memory: Memory) -> None:
    """Make the vectors; a failing model is told and does no harm."""
    from holdfast.errors import EmbedderError
    from holdfast.surfaces.cli.screen import progress

    try:
        with progress("Embedding") as bar:
            memory.settle(progress=bar)
    except EmbedderError as error:
        failure.warn(f"imported, and found by their words; vectors follow later: {error}")


def _ever_held(memory: Memory) -> int:
    stats = memory.summary()
    return stats.live + stats.superseded + stats.forgotten


@contextmanager
def _keeping(memory: Memory, *, dry_run: bool) -> Generator[None]:
    """Say what was kept where a person stops an import."""
    from holdfast.surfaces.cli.screen import count_text

    before = 0 if dry_run else _ever_held(memory)
    try:
        yield
    except KeyboardInterrupt:
        if dry_run:
            raise
        kept = _ever_held(memory) - before
        told = f"{count_text(kept, 'memory', 'memories')} {'was' if kept == 1 else 'were'} kept"
        raise failure.Interrupted(f"{told}. Importing again continues and adds nothing twice.") from None


def _trying(settings: Settings) -> AbstractContextManager[Memory]:
    """The space, only to be read; an empty one where there is none yet."""
    from holdfast.memory import Memory

    if settings.spaces is not None or settings.db.exists():
        return reading(replace(settings, embedder="none"))
    return Memory.open(":memory:", embedder=None, as_=settings.principal)


def _lines_of_input() -> Iterator[str]:
    from holdfast.errors import UnknownFormat

    for number, line in enumerate(sys.stdin.buffer, 1):
        try:
            yield line.decode()
        except UnicodeDecodeError:
            raise UnknownFormat(f"Line {number} of standard input is not UTF-8; the import stopped there.") from None


def _show_report(report: ImportReport, pending: int) -> None:
    from holdfast.surfaces.cli.screen import count_text, screen

    show = screen()
    would = "would be " if report.dry_run else ""
    show.line((count_text(report.added, "memory", "memories"), "bold"), f" {would}added")
    gone = "gone from the pages" if report.format == "markdown-export" else "gone at the source"
    gone = f"would be removed: {gone}" if report.dry_run else f"removed: {gone}"
    for count, what in (
        (report.corrected, "would be corrected" if report.dry_run else "corrected"),
        (report.unchanged, "there already"),
        (report.removed, gone),
        *((count, f"of those {verdict} by the policy") for verdict, count in report.verdicts.items()),
        (report.forgotten, "left out because they were forgotten here"),
        (len(report.questions), "questions read past; they are not stored"),
        (pending, "without a vector yet, found by their words"),
    ):
        if count:
            show.line(f"{count:,} {what}")
    if report.forget_pending:
        show.line((f"What was forgotten is still pending: {report.forget_pending}", "yellow"))
    intended = [skipped for skipped in report.skipped if skipped.intended]
    if intended:
        show.line("Never taken:")
        _show_skipped(intended)
    skipped = [skipped for skipped in report.skipped if not skipped.intended]
    if skipped:
        show.line((f"{count_text(len(skipped), 'place')} skipped:", "bold red"))
        _show_skipped(skipped)
    if report.dry_run:
        show.line("Nothing was written.")


def _show_skipped(some: Sequence[Skipped]) -> None:
    from holdfast.surfaces.cli.screen import screen

    show = screen()
    for skipped in some[:SHOWN_LINES]:
        show.line(f"{skipped.place}: {skipped.why}", indent=2)
    if len(some) > SHOWN_LINES:
        show.line(f"and {len(some) - SHOWN_LINES:,} more; --json lists all", indent=2)
