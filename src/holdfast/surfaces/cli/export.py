"""Taking memories out: export, as lines, as the whole journal, or as pages to read and edit."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from holdfast.surfaces.cli import failure
from holdfast.surfaces.cli.options import reading, settings_of, show_json, space_options

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from holdfast.config import Settings

RECORDS, JOURNAL, MARKDOWN = "records", "journal", "markdown"


@click.command("export", short_help="Write memories out: as JSON lines, whole, or as pages.")
@click.argument("folder", metavar="[FOLDER]", required=False)
@click.option(
    "--format", "format_", type=click.Choice((RECORDS, JOURNAL, MARKDOWN)), default=RECORDS, show_default=True,
    help="records: live memories; journal: the whole space; markdown: pages in FOLDER.",
)  # fmt: skip
@click.option("--lossless", is_flag=True, help="The same as --format journal.")
@click.option(
    "--about", metavar="NAME", help="Only, and all, of what was said by or noted about NAME, with its origin."
)
@click.option("--mentions", is_flag=True, help="With --about, also what only names it.")
@click.option(
    "-o", "--output", metavar="FILE", help="Write to a file, whole or not at all; standard output otherwise, and for -."
)
@click.option("--force", is_flag=True, help="Replace the file, or the pages of an earlier export.")
@click.option("--superseded", is_flag=True, help="Superseded memories too.")
@space_options
def export_command(
    folder: str | None,
    format_: str,
    lossless: bool,
    about: str | None,
    mentions: bool,
    output: str | None,
    force: bool,
    superseded: bool,
    db: str | None,
    embedder: str | None,
    as_: str | None,
    as_json: bool,
) -> None:
    """Write memories out; `holdfast import` reads each format back.

    A journal holds everything that is not erased, and the secret of the space: keep it as you keep the space.
    Pages of Markdown can be edited: importing the folder corrects, forgets and adds what was changed there.
    """
    format_ = JOURNAL if lossless else format_
    _refuse_mixed(format_, folder, about, output, mentions=mentions, superseded=superseded)
    settings = settings_of(db, embedder or "none", as_)
    if format_ == MARKDOWN:
        _export_pages(settings, str(folder or output), about, mentions=mentions, force=force, as_json=as_json)
        return
    output = None if output == "-" else output
    if output is not None and not force and Path(output).exists():
        raise failure.FileExists(f"{output} is there already; --force replaces it. Nothing was written.")
    if output is not None and _same_space(Path(output), settings):
        raise failure.WrongUsage(f"{output} belongs to the space itself. Nothing was written.")
    with reading(settings) as memory:
        if format_ == JOURNAL:
            lines = memory.storage.journal()
        else:
            lines = memory.export(superseded=superseded, about=about, mentions=mentions)
        if output is None:
            _echo(lines)
            return
        beside = 2 if format_ == JOURNAL else 1 if about is not None else 0
        written = _write_whole(Path(output), _safe(lines), force=force) - beside
    _tell(output, written, "event" if format_ == JOURNAL else "memory", as_json=as_json)


def _refuse_mixed(
    format_: str, folder: str | None, about: str | None, output: str | None, *, mentions: bool, superseded: bool
) -> None:
    """Raise `WrongUsage` for options that do not go together."""
    if format_ == MARKDOWN and (folder is None) == (output is None):
        raise failure.WrongUsage("Pages go into one folder: holdfast export --format markdown FOLDER.")
    if format_ != MARKDOWN and folder is not None:
        raise failure.WrongUsage("FOLDER goes with --format markdown; -o FILE names the file for lines of JSON.")
    if format_ == JOURNAL and (about is not None or superseded):
        raise failure.WrongUsage("A journal is whole: --about and --superseded do not go with it.")
    if mentions and about is None:
        raise failure.WrongUsage("--mentions goes with --about NAME.")


def _export_pages(
    settings: Settings, folder: str, about: str | None, *, mentions: bool, force: bool, as_json: bool
) -> None:
    from holdfast.surfaces.cli.screen import count_text

    with reading(settings) as memory:
        report = memory.storage.export_markdown(folder, about=about, mentions=mentions, replace=force)
    if as_json:
        show_json({"folder": report.path, "files": list(report.files), "memories": report.memories})
    else:
        memories = count_text(report.memories, "memory", "memories")
        failure.warn(f"{memories} written to {count_text(len(report.files), 'file')} in {report.path}")


def _tell(output: str, written: int, what: str, *, as_json: bool) -> None:
    from holdfast.surfaces.cli.screen import count_text

    several = "memories" if what == "memory" else f"{what}s"
    if as_json:
        show_json({"file": str(Path(output).absolute()), several: written})
    else:
        failure.warn(f"{count_text(written, what, several)} written to {output}")


def _echo(lines: Iterable[str]) -> None:
    for line in _safe(lines):
        click.echo(line)


def _safe(lines: Iterable[str]) -> Iterator[str]:
    from holdfast.surfaces import wire

    return (wire.safe_json(line) for line in lines)


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


def _same_space(output: Path, settings: Settings) -> bool:
    db = settings.db
    if settings.spaces is not None:
        return output.resolve().parent == db.parent.resolve()  # the folder of a house is for its spaces alone
    files = [db.with_name(db.name + suffix).resolve() for suffix in ("", "-wal", "-shm", "-journal")]
    return output.resolve() in files
