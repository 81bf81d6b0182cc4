"""Options and arguments of the commands about a house."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import click

from holdfast.surfaces.cli.completing import principal_names, space_names
from holdfast.surfaces.cli.options import json_option
from holdfast.surfaces.cli.place import as_option, house_option, keyring_option

Command = TypeVar("Command", bound=Callable[..., object])
NO_BOUND = "none"
RIGHTS = ("read", "write", "share", "admin")


def house_options(command: Command) -> Command:
    """The options of every command about a house."""
    for option in (json_option, as_option, keyring_option, house_option):
        command = option(command)
    return command


def name_argument(command: Command) -> Command:
    """The name of a space."""
    return click.argument("name", metavar="NAME", shell_complete=space_names)(command)


def principal_argument(command: Command) -> Command:
    """The name of a principal."""
    return click.argument("principal", metavar="PRINCIPAL", shell_complete=principal_names)(command)


def bound(context: click.Context, parameter: click.Parameter, value: str | None) -> int | str | None:
    """A bound that was given: 0 or more, or ``none``."""
    if value is None or value == NO_BOUND:
        return value
    if value.isascii() and value.isdigit():
        return int(value)
    raise click.BadParameter(f"{value!r} is no bound; write a number, 0 or more, or none.", context, parameter)
