"""What a shell offers while a command is typed: folders, and names of spaces and principals of the house that is named.

It shows a principal no more than `holdfast house list` does, makes nothing, and offers nothing where anything is wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from holdfast.house import Holdfast

KEPT = "holdfast.surfaces.cli."
"""Before the names under which options are kept beside a command."""
_MOST_SPACES = 200
"""How many spaces are asked for the names of principals."""


def folder_names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Folders; the shell itself knows them."""
    return [CompletionItem(incomplete, type="dir")]


def space_names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of spaces that the principal may see."""
    return _offered(context, incomplete, lambda house: {entry.name for entry in house.spaces()})


def principal_names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of principals with a grant on a space whose grants the principal may see."""
    return _offered(context, incomplete, _principals)


def _principals(house: Holdfast) -> set[str]:
    from holdfast.model.access import Right

    shared = [entry.name for entry in house.spaces() if entry.right >= Right.SHARE][:_MOST_SPACES]
    return {grant.principal for name in shared for grant in house.grants(name)}


def _offered(context: click.Context, incomplete: str, names: Callable[[Holdfast], set[str]]) -> list[CompletionItem]:
    from holdfast.config import load_settings
    from holdfast.errors import HoldfastError
    from holdfast.house import Holdfast

    with suppress(HoldfastError, OSError):
        named = {"house": context.meta.get(f"{KEPT}house"), "principal": context.params.get("as_")}
        settings = load_settings(named)
        if settings.house is not None:
            with Holdfast.open(settings.house, as_=settings.principal, embedder=None, create=False) as house:
                return [CompletionItem(name) for name in sorted(names(house)) if name.startswith(incomplete)]
    return []
