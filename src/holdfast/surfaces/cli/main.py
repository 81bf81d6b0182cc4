"""The `holdfast` command: which commands there are, and the edge where errors become exit codes.

A command's module is imported when it is used, and what it needs when it runs, so that ``--version``
and ``--help`` answer at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click

from holdfast import __version__
from holdfast.surfaces.cli import failure

COMMANDS = {
    "demo": "demo",
    "add": "write",
    "chat-log": "chat",
    "sessions": "session",
    "window": "window",
    "context": "context",
    "episodes": "episodes",
    "tiers": "session",
    "recall": "read",
    "explain": "asked",
    "replay": "asked",
    "expect": "asked",
    "block": "block",
    "procedure": "procedure",
    "intend": "intention",
    "intentions": "intention",
    "import": "move",
    "export": "export",
    "backup": "backup",
    "restore": "backup",
    "correct": "write",
    "forget": "forget",
    "receipts": "forget",
    "verify": "forget",
    "proof": "forget",
    "list": "look",
    "show": "look",
    "history": "account",
    "why": "account",
    "stats": "stats",
    "check": "keep",
    "rebuild": "keep",
    "prune": "trim",
    "compact": "trim",
    "snapshot": "trim",
    "house": "house",
    "audit": "admission",
    "release": "admission",
    "key": "key",
    "mcp": "mcp",
    "install": "install",
    "uninstall": "install",
    "backfill": "backfill",
    "hook": "hook",
    "doctor": "doctor",
    "bench": "bench",
    "completion": "keep",
}
"""Commands in the order of the help page, and the module each is in."""
GROUPS = frozenset({"block", "expect", "house", "intentions", "key", "procedure"})
"""Those with commands of their own behind them."""


class HoldfastGroup(click.Group):
    """Loads commands late and turns every error into one line and a documented exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"holdfast.surfaces.cli.{COMMANDS[cmd_name]}")
        found = getattr(module, cmd_name.replace("-", "_") + "_command")
        assert isinstance(found, click.Command)
        return found

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            # Left alone, click would end with 1 here, which means something else.
            raise failure.PipeClosed from error

    def main(  # pyright: ignore[reportIncompatibleMethodOverride] click's overloads only name what it returns
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any
    ) -> Any:
        given = _json_behind(sys.argv[1:] if args is None else list(args))
        as_json = "--json" in (given[: given.index("--")] if "--" in given else given)
        extra.pop("standalone_mode", None)
        try:
            code = super().main(given, prog_name or "holdfast", standalone_mode=False, **extra) or failure.OK
            sys.stdout.flush()
        except click.exceptions.NoArgsIsHelpError as error:
            click.echo(error.ctx.get_help() if error.ctx else error.format_message(), err=True)
            code = failure.USAGE
        except (click.Abort, failure.Interrupted) as error:
            click.echo("holdfast: interrupted" + (f"; {error}" if str(error) else ""), err=True)
            code = failure.INTERRUPTED
            failure.give_output_up()
        except (BrokenPipeError, failure.PipeClosed):
            failure.silence_output()
            code = failure.PIPE_CLOSED
        except Exception as error:
            if os.environ.get("HOLDFAST_DEBUG") == "1":
                raise
            code = failure.report(error, as_json=as_json)
            failure.give_output_up()
        sys.exit(code)


def _json_behind(given: list[str]) -> list[str]:
    """The arguments with a ``--json`` that stands before the command behind it, where every command takes it."""
    place, rest, wanted = 0, list(given), False
    while place < len(rest) and rest[place].startswith("-") and rest[place] != "--":
        if rest[place] == "--json":
            wanted = True
            del rest[place]
        else:
            place += 2 if rest[place] == "--db" else 1
    if wanted and place < len(rest):
        rest.insert(place + (2 if rest[place] in GROUPS else 1), "--json")
    return rest


@click.group(
    cls=HoldfastGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes, settings and every option: docs/reference/cli.md",
)
@click.version_option(__version__, message="holdfast %(version)s")
@click.option("--db", "space", metavar="FILE", help="File of the space, for any command.")
def cli(space: str | None) -> None:
    """The memory an AI agent can rely on, in one file.

    `holdfast demo` shows what it does. A space is named with --db FILE, HOLDFAST_DB, or `db` in
    holdfast.toml; without any it is holdfast.db in your data folder. --space NAME names one of a house instead.
    """


def run() -> None:
    """The entry point: never a traceback, whatever happens and whatever the output can encode."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        # A stream the caller closed; opened in this order, each also takes the free descriptor.
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
    try:
        cli()
    except KeyboardInterrupt:
        sys.exit(failure.INTERRUPTED)
    except BrokenPipeError:
        failure.silence_output()
        sys.exit(failure.PIPE_CLOSED)
    except OSError:
        # Not even the error could be written.
        failure.silence_output()
        sys.exit(failure.UNUSABLE)


if __name__ == "__main__":
    run()
