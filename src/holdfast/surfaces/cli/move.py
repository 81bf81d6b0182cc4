"""Moving memories in and out: import, export."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from holdfast.surfaces.cli import failure
from holdfast.surfaces.cli.options import end, reading, settings_of, show_json, space_options, writing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from holdfast.memory import Memory
    from holdfast.model.reports import ImportReport

SHOWN_LINES = 20


@click.command("import", short_help="Take in conversations or an export (JSON lines).")
@click.argument("file", metavar="FILE")
@click.option("--skip-errors", is_flag=True, help="Go on after a line that cannot be taken, and report it.")
@click.option("--zone", default="UTC", show_default=True, help="Offset for times that have none, such as +01:00.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["auto", "conversation", "records"]),
    default="auto",
    show_default=True,
    help="What the lines are.",
)
@click.option("--no-embed", is_flag=True, help="Leave the vectors to the next command that writes.")
@space_options
def import_command(
    file: str,
    skip_errors: bool,
    zone: str,
    format_: Literal["auto", "conversation", "records"],
    no_embed: bool,
    db: str | None,
    embedder: str | None,
    as_: str | None,
    as_json: bool,
) -> None:
    """Take in FILE: conversations or an export, one JSON object a line; - is standard input.

    Importing the same file again adds nothing twice.
    """
    from holdfast.errors import EmbedderError
    from holdfast.surfaces import wire
    from holdfast.surfaces.cli.screen import progress

    settings = settings_of(db, embedder, as_)
    source = _lines_of_input() if file == "-" else _readable(file)
    with writing(settings, create=True, embed=not no_embed) as memory:
        with progress("Importing") as bar:
            report = memory.import_(source, format=format_, skip_errors=skip_errors, zone=zone, progress=bar)
        if not no_embed:
            try:
                with progress("Embedding") as bar:
                    memory.settle(progress=bar)
            except EmbedderError as error:
                failure.warn(f"imported, and found by their words; vectors follow later: {error}")
        pending = memory.stats().pending
    if as_json:
        show_json(wire.report_to_wire(report) | {"pending": pending})
    else:
        _show_report(report, pending)
    if report.skipped:
        end(failure.PROBLEMS)


@click.command("export", short_help="Write every live memory as JSON lines.")
@click.option("-o", "--output", metavar="FILE", help="Write to a file, whole or not at all; standard output otherwise.")
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


def _readable(file: str) -> str:
    """The path, if there is such a file: a space is not made for a name that was mistyped."""
    from holdfast.errors import InvalidInput

    path = Path(file)
    if not path.exists():
        raise InvalidInput(f"There is no file {file}. Nothing was written.")
    if path.is_dir():
        raise InvalidInput(f"{file} is a folder; expected a file of JSON lines. Nothing was written.")
    return file


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
    show.line((count_text(report.added, "memory", "memories"), "bold"), " added")
    for count, what in (
        (report.unchanged, "there already"),
        (report.forgotten, "left out because they were forgotten here"),
        (len(report.questions), "questions read past; they are not stored"),
        (pending, "without a vector yet, found by their words"),
    ):
        if count:
            show.line(f"{count:,} {what}")
    if report.skipped:
        show.line((f"{count_text(len(report.skipped), 'line')} skipped:", "bold red"))
        for skipped in report.skipped[:SHOWN_LINES]:
            show.line(f"line {skipped.line}: {skipped.why}", indent=2)
        if len(report.skipped) > SHOWN_LINES:
            show.line(f"and {len(report.skipped) - SHOWN_LINES:,} more; --json lists all", indent=2)
