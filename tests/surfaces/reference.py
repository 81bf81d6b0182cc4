"""Writes the page about the command line from the command line itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import click

from holdfast.surfaces.cli.failure import EXIT_CODES
from holdfast.surfaces.cli.main import cli

_HEAD = """\
# The command line

This page is written from the commands themselves; a test compares the two.

Every command takes `--json`, before or behind its name: the result is then one JSON value on standard output, with
the same keys in the same order always, times as ISO 8601 in UTC, and characters that could drive a terminal as
escapes. Progress, questions and errors go to standard error. In a terminal the output has colour and tables;
elsewhere it is plain.
`holdfast` alone shows the help on standard error and ends with 2.

A command that writes a few memories tells their ids as soon as they are durable, and then waits a second at most for
their vectors; the next command that writes goes on with what is left.

## Which space

`--db FILE` names the file of the space; without it `HOLDFAST_DB`, then `db` in a configuration file, then
`holdfast/holdfast.db` in your data folder (`$XDG_DATA_HOME`, or `~/.local/share`; on macOS
`~/Library/Application Support`; on Windows `%LOCALAPPDATA%`). The first command that writes makes it, with its
folder. Commands that read never write, and end with 5 where there is no space yet. `:memory:` is refused: such a
space would end with the command.

In a house, a folder of many spaces ([how](../how-to/share-memory.md)), `--space NAME` names a space instead, and
`--house FOLDER`, `HOLDFAST_HOUSE` or `house` in a configuration file names the house. Without `--space` a file is used,
whatever house is named. A file and a space cannot both be named. A command in a house acts as the principal of `--as`,
and its grants decide; that is your own word, since whoever can read the folder can read the spaces. A space that is not
there and one that you may not use are told apart by nothing: same words, same exit code. A command that only reads may
finish there what a crash left undone.

## Settings

| key | option | variable | built in |
|---|---|---|---|
| `db` | `--db` | `HOLDFAST_DB` | the file above |
| `embedder` | `--embedder` | `HOLDFAST_EMBEDDER` | `auto` |
| `principal` | `--as` | `HOLDFAST_PRINCIPAL` | `owner` |
| `house` | `--house` | `HOLDFAST_HOUSE` | none |

An option wins over a variable, a variable over a file. The file is called holdfast.toml and is looked for in the
working folder, then in `$XDG_CONFIG_HOME/holdfast` (or `~/.config/holdfast`; on macOS
`~/Library/Application Support/holdfast`; on Windows `%APPDATA%\\holdfast`); the first one that sets a key wins. A
relative path in it starts at its folder. Unknown keys are refused. A file in the working folder may not name a
service as embedder, since it may have come with the folder, and memories would be sent there.

The table `[policy]` says what may be kept ([how](../explanation/admission.md)). Where both files have one, of each
setting the stricter one holds. Without any, everything is kept as it is said. In a house it holds in every space,
beside the policy that a space has of its own (`holdfast house restrict`): again the stricter of each setting.

The table `[hooks]` of your own file says what the hooks of
[coding agents](../how-to/use-with-coding-agents.md) may do; `HOLDFAST_HOOKS=off` switches them off, and
`HOLDFAST_HOOKS_FOLDER` names the folder of their spaces.

`touches = false` in a file switches off that who reads what is [counted](../how-to/see-what-is-kept.md).

`embedder` is `auto` (the model that is installed), `none` (recall by words only), a folder with a model,
`openai:MODEL[@https://host/v1]` or `ollama:MODEL[@http://host:11434]`.

## Ids

Where a command takes an ID, at least six digits of the start or the end of one are enough if they name one memory
only; recall shows the last eight. A forgotten memory is named by its whole id.

## Errors and exit codes

An error is one line on standard error, `holdfast: error: ...`; with `--json` it is
`{"error": {"code": ..., "message": ..., "retryable": ...}}`.

"""


def reference() -> str:
    """The page."""
    return _HEAD + "".join(_exit_codes()) + "".join(_commands())


def _exit_codes() -> Iterator[str]:
    yield "| code | meaning |\n|---|---|\n"
    for code, meaning in EXIT_CODES.items():
        yield f"| {code} | {meaning} |\n"


def _commands() -> Iterator[str]:
    yield "\n## Commands\n\n"
    context = click.Context(cli, info_name="holdfast", **cli.context_settings)
    contexts = list[click.Context]()
    for name in cli.list_commands(context):
        found = cli.get_command(context, name)
        assert found is not None
        contexts += _leaves(click.Context(found, info_name=name, parent=context))
    shared = set[str].intersection(*(set(_options(one)) for one in contexts))
    told = ("| `--db", "| `--house", "| `--space", "| `--embedder", "| `--as")
    space = {row for row in _options(contexts[1]) if row.startswith(told)}
    yield "Every command takes these:\n\n" + "".join(_table(row for row in _options(contexts[0]) if row in shared))
    yield "\nEvery command that uses a space takes these too (`demo`, `bench`, `completion`, those of `house`, "
    yield "`key list`, `key destroy` and `procedure example` do not, nor do `install`, `uninstall`, `backfill` and "
    yield "`hook`, which find the spaces of coding agents by themselves):\n\n"
    yield "".join(_table(row for row in _options(contexts[1]) if row in space))
    for one in contexts:
        yield from _command(one, shared, space)


def _leaves(context: click.Context) -> list[click.Context]:
    """A command, or those behind it where it is a group."""
    group = context.command
    if not isinstance(group, click.Group):
        return [context]
    return [click.Context(group.commands[name], info_name=name, parent=context) for name in group.commands]


def _command(context: click.Context, shared: set[str], space: set[str]) -> Iterator[str]:
    found, rows = context.command, _options(context)
    uses_space = space <= set(rows)
    name = context.command_path.removeprefix("holdfast ")
    yield f"\n### {name}\n\n    holdfast {name} {' '.join(found.collect_usage_pieces(context))}\n\n"
    for paragraph in (found.help or "").split("\n\n"):
        yield " ".join(paragraph.split()) + "\n\n"
    others = ("demo", "bench", "completion", "key list", "key destroy", "procedure example")
    is_other = name in (*others, "install", "uninstall", "backfill", "hook") or name.startswith("house ")
    assert uses_space or is_other, f"{name} lacks an option of the space"
    own = [row for row in rows if row not in shared and not (uses_space and row in space)]
    yield "".join(_table(own)) if own else "No options of its own.\n"


def _options(context: click.Context) -> list[str]:
    rows = list[str]()
    for parameter in context.command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and isinstance(parameter, click.Option):
            option, told = (" ".join(text.split()).replace("|", "\\|") for text in record)
            rows.append(f"| `{option}` | {told} |\n")
    return rows


def _table(rows: Iterable[str]) -> Iterator[str]:
    yield "| option | meaning |\n|---|---|\n"
    yield from rows
