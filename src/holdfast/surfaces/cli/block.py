"""`holdfast block`: bounded texts that stand in the prompt."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from holdfast.surfaces.cli.options import (
    given_text,
    reading,
    settings_of,
    show_json,
    space_options,
    write_new,
    writing,
)

if TYPE_CHECKING:
    from holdfast.config import Settings
    from holdfast.memory import Memory
    from holdfast.model.blocks import Block

_CUT = 80
_version_option = click.option(
    "--version", type=int, help="The version you have read: where another one holds, nothing is written."
)
_limits = (
    click.option("--limit-chars", type=int, metavar="N", help="The most characters, up to 100000; 2000 by default."),
    click.option("--limit-tokens", type=int, metavar="N", help="The most tokens instead, up to 100000."),
    click.option(
        "--writer", "writers", multiple=True, metavar="NAME", help="Who may edit it, beside owner; repeatable."
    ),
)


def limit_options(command: Callable[..., None]) -> Callable[..., None]:
    """``--limit-chars``, ``--limit-tokens``, ``--writer``."""
    for option in reversed(_limits):
        command = option(command)
    return command


@click.group("block", short_help="Bounded texts that stand in the prompt.")
def block_command() -> None:
    """Bounded texts that stand in the prompt: each has a label, a limit and a history."""


@block_command.command("list", short_help="List the blocks.")
@space_options
def list_command(db: str | None, embedder: str | None, as_: str | None, as_json: bool) -> None:
    """List the blocks by label, with how full they are."""
    from holdfast.surfaces.blocks_wire import block_to_wire
    from holdfast.surfaces.cli.screen import one_line, screen

    with reading(settings_of(db, embedder or "none", as_)) as memory:
        found = memory.blocks.list()
    if as_json:
        show_json([block_to_wire(one) for one in found])
    elif found:
        rows = [(one.label, str(one.version), _fullness(one), one_line(one.text, _CUT)) for one in found]
        screen().table(("label", "version", "holds", "text"), rows, right=(1,))
    else:
        screen().line("There is no block yet; `holdfast block create` makes one.")


@block_command.command("show", short_help="Show what stands in a block.")
@click.argument("label")
@space_options
def show_command(label: str, db: str | None, embedder: str | None, as_: str | None, as_json: bool) -> None:
    """Show the text of block LABEL, and nothing else; --json shows all of it."""
    from holdfast.surfaces.blocks_wire import block_to_wire
    from holdfast.surfaces.cli.screen import screen

    with reading(settings_of(db, embedder or "none", as_)) as memory:
        block = memory.blocks.get(label)
    if as_json:
        show_json(block_to_wire(block))
        return
    for line in block.text.splitlines():
        screen().line(line)


@block_command.command("create", short_help="Make a block.")
@click.argument("label")
@click.argument("text", default="")
@click.option("--description", default="", help="What it is for, in words for whoever edits it.")
@limit_options
@space_options
def create_command(
    label: str,
    text: str,
    description: str,
    limit_chars: int | None,
    limit_tokens: int | None,
    writers: tuple[str, ...],
    db: str | None,
    embedder: str | None,
    as_: str | None,
    as_json: bool,
) -> None:
    """Make block LABEL with TEXT in it (- for standard input; empty by default)."""
    said = given_text(text)

    def create(memory: Memory) -> Block:
        return memory.blocks.create(
            label, said, description=description, limit_chars=limit_chars, limit_tokens=limit_tokens,
            writers=writers or None,
        )  # fmt: skip

    write_new(settings_of(db, embedder or "none", as_), create, lambda block: _show(block, as_json=as_json))


@block_command.command("write", short_help="Put another text into a block.")
@click.argument("label")
@click.argument("text", required=False)
@_version_option
@space_options
def write_command(
    label: str,
    text: str | None,
    version: int | None,
    db: str | None,
    embedder: str | None,
    as_: str | None,
    as_json: bool,
) -> None:
    """Put TEXT, or standard input, in the place of what stands in block LABEL."""
    said = given_text(text)
    _edit(settings_of(db, embedder or "none", as_), lambda m: m.blocks.write(label, said, version=version), as_json)


@block_command.command("append", short_help="Add a line to a block.")
@click.argument("label")
@click.argument("text", required=False)
@_version_option
@space_options
def append_command(
    label: str,
    text: str | None,
    version: int | None,
    db: str | None,
    embedder: str | None,
    as_: str | None,
    as_json: bool,
) -> None:
    """Add TEXT, or standard input, as a further line of block LABEL."""
    said = given_text(text)
    _edit(settings_of(db, embedder or "none", as_), lambda m: m.blocks.append(label, said, version=version), as_json)


@block_command.command("replace", short_help="Replace a part of a block.")
@click.argument("label")
@click.argument("old")
@click.argument("new")
@_version_option
@space_options
def replace_command(
    label: str,
    old: str,
    new: str,
    version: int | None,
    db: str | None,
    embedder: str | None,
    as_: str | None,
    as_json: bool,
) -> None:
    """Replace OLD, which must stand in block LABEL exactly once, by NEW."""
    where = settings_of(db, embedder or "none", as_)
    _edit(where, lambda memory: memory.blocks.replace(label, old, new, version=version), as_json)


@block_command.command("history", short_help="Show every version of a block.")
@click.argument("label")
@space_options
def history_command(label: str, db: str | None, embedder: str | None, as_: str | None, as_json: bool) -> None:
    """Show every version of block LABEL, oldest first."""
    from holdfast.surfaces.blocks_wire import block_to_wire
    from holdfast.surfaces.cli.screen import one_line, screen
    from holdfast.surfaces.wire import when_to_wire

    with reading(settings_of(db, embedder or "none", as_)) as memory:
        found = memory.blocks.history(label)
    if as_json:
        show_json([block_to_wire(one) for one in found])
        return
    rows = [(str(one.version), when_to_wire(one.at_ms) or "", one.actor, one_line(one.text, _CUT)) for one in found]
    screen().table(("version", "when", "who", "text"), rows, right=(0,))


@block_command.command("revert", short_help="Write an earlier version again.")
@click.argument("label")
@click.argument("version", type=int)
@space_options
def revert_command(
    label: str, version: int, db: str | None, embedder: str | None, as_: str | None, as_json: bool
) -> None:
    """Write what stood in VERSION of block LABEL again, as a further version."""
    _edit(settings_of(db, embedder or "none", as_), lambda memory: memory.blocks.revert(label, version), as_json)


@block_command.command("revise", short_help="Change what is noted about a block.")
@click.argument("label")
@click.option("--description", help="What it is for, in words for whoever edits it.")
@limit_options
@click.option("--everyone", is_flag=True, help="From now on everybody may edit it.")
@space_options
def revise_command(
    label: str,
    description: str | None,
    limit_chars: int | None,
    limit_tokens: int | None,
    writers: tuple[str, ...],
    everyone: bool,
    db: str | None,
    embedder: str | None,
    as_: str | None,
    as_json: bool,
) -> None:
    """Change the description, the limit or the writers of block LABEL, never its text."""

    def revise(memory: Memory) -> Block:
        return memory.blocks.revise(
            label, description=description, limit_chars=limit_chars, limit_tokens=limit_tokens,
            writers=writers or None, everyone=everyone,
        )  # fmt: skip

    _edit(settings_of(db, embedder or "none", as_), revise, as_json)


@block_command.command("remove", short_help="Forget a block with all its versions.")
@click.argument("label")
@space_options
def remove_command(label: str, db: str | None, embedder: str | None, as_: str | None, as_json: bool) -> None:
    """Forget block LABEL with all its versions, for good."""
    from holdfast.surfaces.cli.screen import screen

    with writing(settings_of(db, embedder or "none", as_)) as memory:
        memory.blocks.remove(label)
    if as_json:
        show_json({"removed": label})
    else:
        screen().line(f"Removed {label}.")


def _edit(where: Settings, edit: Callable[[Memory], Block], as_json: bool) -> None:
    with writing(where) as memory:
        block = edit(memory)
    _show(block, as_json=as_json)


def _show(block: Block, *, as_json: bool) -> None:
    from holdfast.surfaces.blocks_wire import block_to_wire
    from holdfast.surfaces.cli.screen import screen

    if as_json:
        show_json(block_to_wire(block))
    else:
        screen().line(f"{block.label} is at version {block.version} and holds {_fullness(block)}.")


def _fullness(block: Block) -> str:
    return f"{block.size:,} of {block.limit:,} {block.unit}"
