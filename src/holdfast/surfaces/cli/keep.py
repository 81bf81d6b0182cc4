"""Keeping a space well: check, rebuild; and the shell's completion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from holdfast.surfaces.cli import failure
from holdfast.surfaces.cli.options import end, json_option, reading, settings_of, show_json, space_options, writing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from holdfast.config import Settings
    from holdfast.surfaces.wire import Json


@click.command("check", short_help="Look for what is wrong with the space.")
@click.option("--fix", is_flag=True, help="Make again what follows from the journal; never the journal itself.")
@space_options
def check_command(fix: bool, db: str | None, embedder: str | None, as_: str | None, as_json: bool) -> None:
    """Look for what is wrong with the space: every payload, the chain, and all that follows from them.

    With --fix, rows, what they are searched by, vectors and SQLite's indexes are made again from the journal, all in
    one transaction. A journal that is damaged itself is left as it is: restore a backup.
    """
    from holdfast.errors import Damaged

    if fix:
        _fix(settings_of(db, embedder, as_), as_json=as_json)
        return
    try:
        with reading(settings_of(db, embedder or "none", as_)) as memory:
            problems = memory.check()
    except Damaged as error:
        problems = [str(error)]
    show_problems(problems, as_json=as_json)


def _fix(settings: Settings, *, as_json: bool) -> None:
    from holdfast.errors import Damaged
    from holdfast.model.reports import MendReport
    from holdfast.surfaces.cli.screen import count_text, screen

    try:
        with writing(settings) as memory:
            report = memory.storage.mend()
    except Damaged as error:
        report = MendReport((str(error),), (), (str(error),), "It cannot be opened for writing: restore a backup.")
    show = screen()
    if as_json:
        shown: dict[str, Json] = {
            "problems": [*report.problems], "done": [*report.done], "left": [*report.left], "advice": report.advice,
        }  # fmt: skip
        show_json(shown)
    else:
        for problem in report.problems:
            show.mark("good" if report.done and problem not in report.left else "bad", problem, indent=0)
        for done in report.done:
            show.line(f"  {done[0].upper()}{done[1:]}.")
        for problem in report.left if report.done else ():
            show.mark("bad", f"still: {problem}", indent=0)
        if report.advice:
            show.line(report.advice)
        if not report.problems:
            show.mark("good", "Nothing is wrong, and nothing was changed.", indent=0)
        elif report.left:
            show.line((count_text(len(report.left), "problem"), "bold red"), " left")
        else:
            show.mark("good", "Nothing is wrong any more.", indent=0)
    if report.left:
        end(failure.PROBLEMS)


def show_problems(problems: Sequence[str], *, as_json: bool) -> None:
    """What a check found; ends the command with 1 where it found something."""
    from holdfast.surfaces.cli.screen import count_text, screen

    show = screen()
    if as_json:
        listed: list[Json] = [*problems]
        show_json({"problems": listed})
    elif problems:
        for problem in problems:
            show.mark("bad", problem, indent=0)
        show.line((count_text(len(problems), "problem"), "bold red"), " found")
    else:
        show.mark("good", "Nothing is wrong.", indent=0)
    if problems:
        end(failure.PROBLEMS)


@click.command("rebuild", short_help="Make what follows from the journal again.")
@click.option("--no-embed", is_flag=True, help="Do not make missing vectors afterwards.")
@space_options
def rebuild_command(no_embed: bool, db: str | None, embedder: str | None, as_: str | None, as_json: bool) -> None:
    """Make everything that follows from the journal again, and the vectors that are missing."""
    from holdfast.errors import EmbedderError
    from holdfast.surfaces.cli.screen import count_text, progress, screen

    with writing(settings_of(db, embedder, as_), embed=not no_embed) as memory:
        digest = memory.storage.rebuild()
        if not no_embed:
            try:
                with progress("Embedding") as bar:
                    memory.settle(progress=bar)
            except EmbedderError as error:
                failure.warn(f"rebuilt; vectors follow later: {error}")
        pending = memory.summary().pending
    if as_json:
        show_json({"digest": digest, "pending": pending})
        return
    show = screen()
    show.mark("good", "Rebuilt from the journal.", indent=0)
    show.line(("digest ", "dim"), digest)
    if pending:
        show.line(f"{count_text(pending, 'memory', 'memories')} without a vector yet, found by their words")


@click.command("completion", short_help="The script that completes holdfast in a shell.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@json_option
def completion_command(shell: str, as_json: bool) -> None:
    """The script that completes `holdfast` in your shell.

    For bash: holdfast completion bash > ~/.local/share/bash-completion/completions/holdfast
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None
    completer = kind(click.get_current_context().find_root().command, {}, "holdfast", "_HOLDFAST_COMPLETE")
    script = completer.source_template % completer.source_vars()
    if as_json:
        show_json({"shell": shell, "script": script})
    else:
        click.echo(script)
