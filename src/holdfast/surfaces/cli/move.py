"""Moving memories in and out: import, export."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from holdfast.surfaces.cli import failure
from holdfast.surfaces.cli.options import end, must_be_a_file, reading, settings_of, show_json, space_options, writing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from holdfast.config import Settings
    from holdfast.memory import Memory
    from holdfast.model.reports import ImportReport, Skipped

SHOWN_LINES = 20
_TRIED_BYTES = 1_000_000
"""How much of a file is read before a space is made for it."""
FORMATS = (
    "auto", "conversation", "records", "chatgpt", "claude", "claude-code", "codex", "letta", "mem0", "mcp-memory",
    "jsonl", "markdown",
)  # fmt: skip
"""Named here, so that help and completion need not load the importers."""


@click.command("import", short_help="Take in conversations, an export, or what another program keeps.")
@click.argument("path", metavar="PATH")
@click.option(
    "--format", "format_", type=click.Choice(FORMATS), default="auto", show_default=True, help="What PATH holds."
)
@click.option("--dry-run", is_flag=True, help="Write nothing; show what would be added, skipped and removed.")
@click.option("--skip-errors", is_flag=True, help="Go on after a line that cannot be taken, and report it.")
@click.option("--zone", default="UTC", show_default=True, help="Offset for times that have none, such as +01:00.")
@click.option("--yes", is_flag=True, help="Remove what is gone at its source, also more than 100 facts.")
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
    from holdfast.surfaces import wire
    from holdfast.surfaces.cli.screen import progress

    settings = settings_of(db, embedder, as_)
    source = _lines_of_input() if path == "-" else _readable(path, format_)
    must_be_a_file(settings.db)
    if not dry_run and not settings.db.exists():
        source = _tried(source, format_, zone, skip_errors=skip_errors)
    with _trying(settings) if dry_run else writing(settings, create=True, embed=not no_embed) as memory:
        with _keeping(memory, dry_run=dry_run):
            with progress("Importing", in_bytes=path != "-") as bar:
                report = memory.import_(
                    source, format=format_, skip_errors=skip_errors, zone=zone, dry_run=dry_run, confirm_removal=yes,
                    progress=bar,
                )  # fmt: skip
            if not no_embed and not dry_run:
                _embed(memory)
        pending = 0 if dry_run else memory.stats().pending
    if as_json:
        show_json(wire.report_to_wire(report) | {"pending": pending})
    else:
        _show_report(report, pending)
    if any(not skipped.intended for skipped in report.skipped):
        end(failure.PROBLEMS)


@click.command("export", short_help="Write every live memory as JSON lines.")
@click.option(
    "-o", "--output", metavar="FILE", help="Write to a file, whole or not at all; standard output otherwise, and for -."
)
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
@click.option("--superseded", is_flag=True, help="Superseded memories too.")
@space_options
def export_command(
    output: str | None,
    force: bool,
    superseded: bool,
    db: str | None,
    embedder: str | None,
    as_: str | None,
    as_json: bool,
) -> None:
    """Every live memory as one JSON object a line, in order of arrival; `holdfast import` reads it back."""
    from holdfast.surfaces import wire
    from holdfast.surfaces.cli.screen import count_text

    settings = settings_of(db, embedder or "none", as_)
    output = None if output == "-" else output
    if output is not None and not force and Path(output).exists():
        raise failure.FileExists(f"{output} is there already; --force replaces it. Nothing was written.")
    if output is not None and _same_space(Path(output), settings.db):
        raise failure.WrongUsage(f"{output} belongs to the space itself. Nothing was written.")
    with reading(settings) as memory:
        if output is None:
            for line in memory.export(superseded=superseded):
                click.echo(wire.safe_json(line))
            return
        written = _write_whole(Path(output), _export_lines(memory, superseded), force=force)
    if as_json:
        show_json({"file": str(Path(output).absolute()), "memories": written})
    else:
        failure.warn(f"{count_text(written, 'memory', 'memories')} written to {output}")


def _export_lines(memory: Memory, superseded: bool) -> Iterator[str]:
    from holdfast.surfaces import wire

    return (wire.safe_json(line) for line in memory.export(superseded=superseded))


def _write_whole(path: Path, lines: Iterable[str], *, force: bool) -> int:
    """Write lines to a new file beside ``path`` and put it in place when it is durable; gives their number."""
    handle, name = tempfile.mkstemp(dir=path.absolute().parent, prefix=f".{path.name[:100]}.", suffix=".part")
    written = 0
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            for line in lines:
                file.write(line + "\n")
                written += 1
            file.flush()
            os.fsync(file.fileno())
        _put_in_place(Path(name), path, force=force)
    finally:
        Path(name).unlink(missing_ok=True)
    return written


def _put_in_place(part: Path, path: Path, *, force: bool) -> None:
    if force or not hasattr(os, "link"):
        part.replace(path)
        return
    try:
        # A link fails where a file came to be in the meantime; a rename would replace it.
        path.hardlink_to(part)
    except FileExistsError:
        raise failure.FileExists(f"{path} is there already; --force replaces it. Nothing was written.") from None
    except OSError:
        part.replace(path)


def _same_space(output: Path, db: Path) -> bool:
    files = [db.with_name(db.name + suffix).resolve() for suffix in ("", "-wal", "-shm", "-journal")]
    return output.resolve() in files


def _readable(name: str, format_: str) -> str:
    """The path, if there is such a file: a space is not made for a name that was mistyped."""
    from holdfast.errors import InvalidInput

    path = Path(name)
    if not path.exists():
        raise InvalidInput(f"There is no file {name}. Nothing was written.")
    if path.is_dir():
        if format_ in ("conversation", "records"):
            raise InvalidInput(f"{name} is a folder; expected a file of JSON lines. Nothing was written.")
        from holdfast.adapters.importers import find_importer

        find_importer(path, format_)
    return name


def _tried(source: str | Iterator[str], format_: str, zone: str, *, skip_errors: bool) -> str | Iterator[str]:
    """The source again, after a look at its start: what is refused as a whole leaves no empty space behind.

    Raises:
        HoldfastError: nothing of it can be taken.
    """
    from holdfast.memory import Memory

    start: str | list[str]
    if isinstance(source, str):
        if not (Path(source).is_file() or Path(source).is_dir()):
            return source  # a pipe is read once only
        start = source
    else:
        start = list(islice((line for line in source if line.strip()), 1))
        source = chain(start, source)
    with Memory.open(":memory:", embedder=None) as trial, suppress(_Enough):

        def look(*, go_on: bool) -> ImportReport:
            return trial.import_(
                start, format=format_, skip_errors=go_on, zone=zone, dry_run=True, progress=_enough
            )  # fmt: skip

        if not look(go_on=True).added and not skip_errors:
            look(go_on=False)
    return source


class _Enough(Exception):
    """So much was read that it is known to be readable."""


def _enough(done: int, total: int) -> None:
    if done > _TRIED_BYTES:
        raise _Enough


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
    stats = memory.stats()
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

    if settings.db.exists():
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
    gone = "would be removed: gone at the source" if report.dry_run else "removed: gone at the source"
    for count, what in (
        (report.unchanged, "there already"),
        (report.removed, gone),
        *((count, f"of those {verdict} by the policy") for verdict, count in report.verdicts.items()),
        (report.forgotten, "left out because they were forgotten here"),
        (len(report.questions), "questions read past; they are not stored"),
        (pending, "without a vector yet, found by their words"),
    ):
        if count:
            show.line(f"{count:,} {what}")
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
