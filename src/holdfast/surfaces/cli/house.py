"""`holdfast house`: many spaces in one folder, who may use them, how much they may hold, and what may be kept."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from holdfast.surfaces.cli import failure
from holdfast.surfaces.cli.house_arguments import NO_BOUND, bound, house_options, name_argument
from holdfast.surfaces.cli.house_rights import (
    audit_command,
    check_command,
    grant_command,
    grants_command,
    receipts_command,
    revoke_command,
    verify_command,
)
from holdfast.surfaces.cli.options import end, show_json
from holdfast.surfaces.cli.place import house_settings, opened_house

if TYPE_CHECKING:
    from holdfast.house import Holdfast
    from holdfast.model.access import SpaceEntry
    from holdfast.model.house import DropPreview, DropReceipt


@click.group("house", short_help="Many spaces in one folder, and who may use them.")
def house_command() -> None:
    """Many spaces in one folder, with principals, grants, bounds and policies.

    A house is named with --house FOLDER, HOLDFAST_HOUSE, or `house` in holdfast.toml. Every other command
    uses a space of it with --space NAME. Who acts is named with --as: your own word, since whoever can read the
    folder can read the spaces.
    """


# Spaces


@house_command.command("create", short_help="Make a space, and the house with the first one.")
@name_argument
@click.option("--policy", metavar="FILE", help="TOML file whose table [policy] says what may be kept in it.")
@house_options
def create_command(name: str, policy: str | None, as_: str | None, as_json: bool) -> None:
    """Make the space NAME, such as acme/ada; the house is made with its first space."""
    from holdfast.config import policy_file
    from holdfast.core.names import check_name, check_principal
    from holdfast.model.access import OWNER
    from holdfast.surfaces import house_wire

    settings = house_settings(as_)
    kept = None if policy is None else policy_file(Path(policy))
    # Looked at before a folder is made for it.
    check_name(name, "space")
    if not settings.db.exists() and check_principal(settings.principal) != OWNER:
        raise failure.NoSpace(f"There is no house in {settings.house} yet; its owner makes it. Nothing was done.")
    with opened_house(settings, create=True) as house:
        entry = house.create(name, policy=kept)
    if as_json:
        show_json(house_wire.space_to_wire(entry))
    else:
        click.echo(entry.name)


@house_command.command("list", short_help="The spaces that you may see.")
@house_options
def list_command(as_: str | None, as_json: bool) -> None:
    """The spaces that the principal may see, with what it may do there."""
    from holdfast.surfaces import house_wire
    from holdfast.surfaces.cli.house_show import show_spaces

    with opened_house(house_settings(as_)) as house:
        entries = house.spaces()
    if as_json:
        show_json([house_wire.space_to_wire(entry) for entry in entries])
    elif entries:
        show_spaces(entries)
    if not entries:
        failure.warn("there is no space here that you may see")
        end(failure.PROBLEMS)


@house_command.command("rename", short_help="Give a space another name.")
@name_argument
@click.argument("to", metavar="TO")
@house_options
def rename_command(name: str, to: str, as_: str | None, as_json: bool) -> None:
    """Give the space NAME the name TO; its memories, grants, bounds and policy stay."""
    from holdfast.surfaces import house_wire

    with opened_house(house_settings(as_)) as house:
        entry = house.rename(name, to)
    if as_json:
        show_json(house_wire.space_to_wire(entry))
    else:
        click.echo(entry.name)


@house_command.command("drop", short_help="Erase a space with everything in it, for good.")
@name_argument
@click.option("--dry-run", is_flag=True, help="Show what would go; erase nothing.")
@click.option("--confirm", metavar="TOKEN", help="Token of a dry run: the space as that showed it.")
@click.option("--reason", help="Why, in your words; recorded in the receipt, where it stays.")
@click.option("--yes", is_flag=True, help="Do not ask. Needed where nobody can be asked.")
@house_options
def drop_command(
    name: str, dry_run: bool, confirm: str | None, reason: str | None, yes: bool, as_: str | None, as_json: bool
) -> None:
    """Erase the space NAME with everything in it, for good; you are asked to type its name."""
    from holdfast.surfaces import house_wire
    from holdfast.surfaces.cli.house_show import show_drop, show_drop_preview

    if not (yes or dry_run or confirm) and not sys.stdin.isatty():
        raise failure.WrongUsage("Dropping a space cannot be undone; give --yes where nobody can be asked.")
    with opened_house(house_settings(as_)) as house:
        if dry_run:
            preview = house.preview_drop(name)
            if as_json:
                show_json(house_wire.drop_preview_to_wire(preview))
            else:
                show_drop_preview(preview)
            return
        receipt = _dropped(house, name, confirm, reason, yes=yes)
    if receipt is None:
        failure.warn("nothing was erased")
        end(failure.PROBLEMS)
    elif as_json:
        show_json(house_wire.drop_receipt_to_wire(receipt))
    else:
        show_drop(receipt)


def _dropped(house: Holdfast, name: str, confirm: str | None, reason: str | None, *, yes: bool) -> DropReceipt | None:
    from holdfast.core.names import check_name

    if confirm is None and not yes:
        preview = house.preview_drop(name)
        if not _typed(preview):
            return None
        confirm = preview.token
    elif confirm is not None and check_name(confirm, "token") == check_name(name, "space"):
        raise failure.WrongUsage("--confirm takes the token of a dry run; --yes needs none. Nothing was erased.")
    return house.drop(name, confirm=confirm or name, reason=reason)


def _typed(preview: DropPreview) -> bool:
    """Show what would go and have the name typed, on standard error."""
    from holdfast.core.names import name_key
    from holdfast.surfaces.cli.house_show import drop_preview_lines

    for line in drop_preview_lines(preview):
        click.echo(line, err=True)
    typed = click.prompt("Type the name of the space to erase it for good", default="", show_default=False, err=True)
    return name_key(str(typed).strip()) == name_key(preview.space)


# Bounds and policies


@house_command.command("limit", short_help="Bounds of a space beside what it holds, or set them.")
@name_argument
@click.option("--memories", metavar="N", callback=bound, help="The most live memories, or none.")
@click.option("--bytes", "bytes_", metavar="N", callback=bound, help="The most bytes in use, or none.")
@click.option("--writes-a-minute", metavar="N", callback=bound, help="The most writes in 60 seconds, or none.")
@house_options
def limit_command(
    name: str,
    memories: int | str | None,
    bytes_: int | str | None,
    writes_a_minute: int | str | None,
    as_: str | None,
    as_json: bool,
) -> None:
    """Show what the space NAME holds beside its bounds; with options, set those bounds first and keep the others.

    What is over a new bound stays; only further writes are refused.
    """
    from holdfast.model.access import Quota
    from holdfast.surfaces import house_wire
    from holdfast.surfaces.cli.house_show import show_usage

    given = {"memories": memories, "bytes": bytes_, "writes_a_minute": writes_a_minute}
    stated = {key: None if bound == NO_BOUND else bound for key, bound in given.items() if bound is not None}
    with opened_house(house_settings(as_)) as house:
        entry = _entry(house, name)
        if stated:
            bounds: Any = {key: getattr(entry.quota, key) for key in given} | stated
            entry = house.limit(name, Quota(**bounds))
        usage = house.usage(name)
    if as_json:
        show_json(house_wire.usage_to_wire(entry, usage))
    else:
        show_usage(entry, usage)


@house_command.command("restrict", short_help="What may be kept in a space, or set it.")
@name_argument
@click.option("--policy", metavar="FILE", help="TOML file whose table [policy] is to hold; none for no policy.")
@house_options
def restrict_command(name: str, policy: str | None, as_: str | None, as_json: bool) -> None:
    """Show the policy that the space NAME has of its own, or set it.

    It holds for everyone who writes there, beside the [policy] of holdfast.toml: the stricter of each setting.
    """
    from holdfast.config import policy_file
    from holdfast.surfaces import house_wire
    from holdfast.surfaces.cli.house_show import show_policy

    kept = None if policy is None or policy == NO_BOUND else policy_file(Path(policy))
    with opened_house(house_settings(as_)) as house:
        entry = _entry(house, name) if policy is None else house.restrict(name, kept)
    if as_json:
        show_json(house_wire.space_to_wire(entry))
    else:
        show_policy(entry)


def _entry(house: Holdfast, name: str) -> SpaceEntry:
    """The entry of a space that the principal may see.

    Raises:
        NotAllowed: there is none, or the principal may not see it.
    """
    from holdfast.core.names import check_name, name_key
    from holdfast.errors import NotAllowed

    key = name_key(check_name(name, "space"))
    for entry in house.spaces():
        if name_key(entry.name) == key:
            return entry
    house.usage(name)  # refused, in the words of every refusal
    raise NotAllowed


for _command in (
    grant_command, revoke_command, grants_command, check_command, audit_command, receipts_command, verify_command
):  # fmt: skip
    house_command.add_command(_command)
