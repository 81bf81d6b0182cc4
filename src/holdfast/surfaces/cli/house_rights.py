"""`holdfast house`: who may use a space, and whether the house is as it should be."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from holdfast.surfaces.cli import failure
from holdfast.surfaces.cli.house_arguments import RIGHTS, house_options, name_argument, principal_argument
from holdfast.surfaces.cli.options import end, show_json
from holdfast.surfaces.cli.place import house_settings, opened_house

if TYPE_CHECKING:
    from holdfast.house import Holdfast
    from holdfast.model.house import DropReceipt

# Grants


@click.command("grant", short_help="Let a principal use a space.")
@principal_argument
@name_argument
@click.argument("right", type=click.Choice(RIGHTS))
@house_options
def grant_command(principal: str, name: str, right: str, as_: str | None, as_json: bool) -> None:
    """Let PRINCIPAL read, write, share or admin the space NAME; each right includes those before it."""
    from holdfast.surfaces import house_wire

    with opened_house(house_settings(as_)) as house:
        grant = house.grant(principal, name, right)
    if as_json:
        show_json(house_wire.grant_to_wire(grant))
    else:
        click.echo(f"{grant.principal} may {grant.right.name.lower()} in {grant.space}")


@click.command("revoke", short_help="Take a right on a space away.")
@principal_argument
@name_argument
@click.argument("right", type=click.Choice(RIGHTS), default="read")
@house_options
def revoke_command(principal: str, name: str, right: str, as_: str | None, as_json: bool) -> None:
    """Take RIGHT, with those that include it, from PRINCIPAL in the space NAME; read, the default, takes everything."""
    from holdfast.core.names import check_principal

    with opened_house(house_settings(as_)) as house:
        left = house.revoke(principal, name, right)
    who = check_principal(principal)
    if as_json:
        show_json({"principal": who, "space": name, "right": None if left is None else left.name.lower()})
    else:
        click.echo(f"{who} may {'do nothing' if left is None else left.name.lower()} in {name}")


@click.command("grants", short_help="Who may do what in a space.")
@name_argument
@house_options
def grants_command(name: str, as_: str | None, as_json: bool) -> None:
    """Who may do what in the space NAME; whoever administers the house may do everything and is not listed."""
    from holdfast.surfaces import house_wire
    from holdfast.surfaces.cli.house_show import show_grants

    with opened_house(house_settings(as_)) as house:
        grants = house.grants(name)
    if as_json:
        show_json([house_wire.grant_to_wire(grant) for grant in grants])
    elif grants:
        show_grants(grants)
    else:
        failure.warn("nobody was granted anything there")


# Keeping


@click.command("check", short_help="Look for what is wrong with the house, and say what to do.")
@click.option("--inside", is_flag=True, help="Look inside every space too.")
@house_options
def check_command(inside: bool, as_: str | None, as_json: bool) -> None:
    """Look for what is wrong: the registry, its audit, and whether spaces and files belong together."""
    from holdfast.surfaces.cli.house_show import problems_inside
    from holdfast.surfaces.cli.keep import show_problems

    with opened_house(house_settings(as_)) as house:
        problems = house.check()
        if inside:
            problems += problems_inside(house)
    show_problems(problems, as_json=as_json)


@click.command("audit", short_help="Every change of spaces, grants, bounds and policies.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Only the last so many changes.")
@house_options
def audit_command(limit: int | None, as_: str | None, as_json: bool) -> None:
    """Every change of spaces, grants, bounds and policies, oldest first; spaces stand there by id."""
    from holdfast.surfaces import house_wire
    from holdfast.surfaces.cli.house_show import show_audit

    with opened_house(house_settings(as_)) as house:
        entries = house.audit()[-limit if limit else 0 :]
    if as_json:
        show_json([house_wire.audit_entry_to_wire(entry) for entry in entries])
    else:
        show_audit(entries)


@click.command("receipts", short_help="The receipts of dropped spaces.")
@house_options
def receipts_command(as_: str | None, as_json: bool) -> None:
    """The receipt of every dropped space, oldest first."""
    from holdfast.surfaces import house_wire
    from holdfast.surfaces.cli.house_show import show_receipts

    with opened_house(house_settings(as_)) as house:
        receipts = house.receipts()
    if as_json:
        show_json([house_wire.drop_receipt_to_wire(receipt) for receipt in receipts])
    elif receipts:
        show_receipts(receipts)
    else:
        failure.warn("no space was dropped here")


@click.command("verify", short_help="Check that the receipt of a dropped space still holds.")
@click.argument("kept", metavar="RECEIPT|FILE")
@house_options
def verify_command(kept: str, as_: str | None, as_json: bool) -> None:
    """Check that a space is gone as its receipt says.

    RECEIPT is the id of one; who administers the house may look it up. FILE is what `house drop --json` wrote; -
    reads it from standard input.
    """
    from holdfast.surfaces import wire
    from holdfast.surfaces.cli.forget import show_verification

    settings = house_settings(as_)
    wanted = _receipt_in(kept)
    with opened_house(settings) as house:
        found = house.verify(wanted or _recorded(house, kept))
    if as_json:
        show_json(wire.verification_to_wire(found))
    else:
        show_verification(found)
    if not found.holds:
        end(failure.PROBLEMS)


def _receipt_in(kept: str) -> DropReceipt | None:
    """The receipt in a file, or on standard input; None where an id was given."""
    from holdfast.errors import InvalidField
    from holdfast.surfaces import house_wire

    if kept != "-" and "." not in kept and "/" not in kept:
        return None
    try:
        text = sys.stdin.read() if kept == "-" else Path(kept).read_text("utf-8")
        return house_wire.drop_receipt_from_wire(json.loads(text))
    except OSError as error:
        raise InvalidField(f"{kept} cannot be read ({error.strerror}).") from None
    except ValueError as error:
        raise InvalidField(f"{kept} holds no receipt of a dropped space ({error}).") from None


def _recorded(house: Holdfast, receipt: str) -> DropReceipt:
    from holdfast.errors import NotFound

    for one in house.receipts():
        if one.id == receipt:
            return one
    raise NotFound(f"No receipt {receipt!r:.80} is recorded here; `holdfast house receipts` shows them.")
