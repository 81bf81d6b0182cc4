"""Which space or house a command uses: options, settings, and opening a house.

A space is in a file of its own, or in a house. What the options of a house say is kept beside the command, so that
no command but those of a house knows where its space is.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import click

from holdfast.surfaces.cli.completing import KEPT, folder_names, principal_names, space_names
from holdfast.surfaces.cli.failure import NoSpace, WrongUsage

if TYPE_CHECKING:
    from holdfast.adapters.keyring import Keyring
    from holdfast.config import Settings
    from holdfast.house import Holdfast
    from holdfast.memory import Memory

Command = TypeVar("Command", bound=Callable[..., object])

REGISTRY = "house.db"
"""The file of a house's registry in its folder; named here, so that the house need not be loaded for it."""


def as_option(command: Command) -> Command:
    """``--as``."""
    return click.option(
        "--as", "as_", metavar="NAME", shell_complete=principal_names,
        help="Principal who acts: your own word, noted with what is written; in a house its grants decide.",
    )(command)  # fmt: skip


def house_option(command: Command) -> Command:
    """``--house``, kept for `settings_of` and `house_settings`."""
    return click.option(
        "--house", metavar="FOLDER", expose_value=False, callback=_keep, shell_complete=folder_names,
        help="Folder of a house.",
    )(command)  # fmt: skip


def space_option(command: Command) -> Command:
    """``--space``, kept for `settings_of`."""
    return click.option(
        "--space", metavar="NAME", multiple=True, expose_value=False, callback=_keep, shell_complete=space_names,
        help="Use this space of a house instead of a file.",
    )(command)  # fmt: skip


def keyring_option(command: Command) -> Command:
    """``--keyring``, kept for `settings_of` and `house_settings`."""
    return click.option(
        "--keyring", metavar="FILE", expose_value=False, callback=_keep,
        help="File with the keys of encrypted spaces; none uses none.",
    )(command)  # fmt: skip


def all_spaces_option(command: Command) -> Command:
    """``--all-spaces``, kept for `settings_of`."""
    return click.option(
        "--all-spaces", is_flag=True, expose_value=False, callback=_keep,
        help="Ask every space of the house that the principal may read; --space, repeated, asks some of them.",
    )(command)  # fmt: skip


def settings_of(
    db: str | None,
    embedder: str | None = None,
    as_: str | None = None,
    *,
    files: bool = True,
    several: bool = False,
) -> Settings:
    """The settings that hold, with what the command line says on top.

    Args:
        files: Whether configuration files are read.
        several: Whether the command can use several spaces of a house at once.

    Raises:
        WrongUsage: a file and a house are both named, or a house without a space, or a space without a house.
        InvalidField: see `holdfast.config.load_settings`.
    """
    from holdfast.config import load_settings

    db = _db_before() if db is None else db
    house, names, everywhere = _kept("house"), tuple(_kept("space") or ()), bool(_kept("all_spaces"))
    given = {"db": db, "embedder": embedder, "principal": as_, "house": house, "keyring": _kept("keyring")}
    settings = load_settings(given, files=files)
    if not names and not everywhere:
        if house is not None:
            raise WrongUsage("Name a space of the house with --space; `holdfast house list` shows them.")
        return settings
    if db is not None:
        raise WrongUsage("--db names a file and --space a space of a house; give one of them.")
    if names and everywhere:
        raise WrongUsage("--all-spaces goes without --space.")
    if len(names) > 1 and not several:
        raise WrongUsage("This command uses one space; give --space once.")
    return _in_house(settings, names)


def house_alone() -> bool:
    """Whether the command line names a house and none of its spaces."""
    return _kept("house") is not None and not _kept("space") and not _kept("all_spaces")


def house_settings(as_: str | None, embedder: str | None = "none", *, files: bool = True) -> Settings:
    """The settings for a command about a house itself.

    Raises:
        WrongUsage: no house is named, or a file is.
        InvalidField: see `holdfast.config.load_settings`.
    """
    from holdfast.config import load_settings

    if _db_before() is not None:
        raise WrongUsage("--db names the file of one space; a house is named with --house FOLDER.")
    given = {"principal": as_, "house": _kept("house"), "embedder": embedder, "keyring": _kept("keyring")}
    return _in_house(load_settings(given, files=files), ())


def _db_before() -> str | None:
    context = click.get_current_context(silent=True)
    return context.find_root().params.get("space") if context else None


def _in_house(settings: Settings, spaces: tuple[str, ...]) -> Settings:
    if settings.house is None:
        raise WrongUsage("Name the folder of a house with --house, HOLDFAST_HOUSE, or `house` in holdfast.toml.")
    told_by = {**settings.told_by, "db": settings.told_by["house"]}
    return replace(settings, db=settings.house / REGISTRY, spaces=spaces, told_by=told_by)


@contextmanager
def opened_house(settings: Settings, *, create: bool = False, embed: bool = True) -> Generator[Holdfast]:
    """The house, for the principal of the settings.

    Args:
        create: Make it where there is none.
        embed: False leaves the vectors to a later command.

    Raises:
        NoSpace: there is none and ``create`` is not set.
        NotASpace, NewerSchema, Damaged, StoreReadOnly, StoreError: it cannot be used.
    """
    from holdfast.house import Holdfast

    assert settings.house is not None
    if not create and not settings.house.exists():
        raise NoSpace(
            f"There is no house in {settings.house} yet. `holdfast house create` makes one with its first space; "
            "--house or HOLDFAST_HOUSE names another folder."
        )
    embedder = embedder_argument(settings.embedder) if embed else None
    if settings.key is not None:
        raise WrongUsage("HOLDFAST_KEY is the key of one space; a house takes a keyring (--keyring, HOLDFAST_KEYRING).")
    keyring = keyring_of(settings, create=create)
    with Holdfast.open(
        settings.house, as_=settings.principal, embedder=embedder, create=create, policy=settings.policy,
        keyring=keyring, touches=settings.touches, tiers=settings.tiers or None, model=model_argument(settings.model),
    ) as house:  # fmt: skip
        yield house


@contextmanager
def space_of_house(settings: Settings, *, embed: bool = True) -> Generator[Memory]:
    """The only space that the settings name, for their principal.

    Raises:
        NotAllowed: the house has none of that name for the principal.
        NoSpace, StoreError: see `opened_house`.
    """
    assert settings.spaces is not None
    (name,) = settings.spaces
    with opened_house(settings, embed=embed) as house:
        yield house.space(name)


def keyring_of(settings: Settings, *, create: bool = False) -> Keyring | None:
    """The keyring that the settings name.

    Raises:
        KeyringUnusable: it cannot be used, or is not there and ``create`` is not set.
    """
    if settings.keyring is None:
        return None
    from holdfast.adapters.keyring import Keyring

    return Keyring.open(settings.keyring, create=create)


def key_argument(settings: Settings, *, create: bool = False) -> bytes | Keyring | None:
    """What `Memory.open` takes for a ``key``; see `keyring_of`."""
    return keyring_of(settings, create=create) or settings.key


def embedder_argument(embedder: str) -> str | None:
    """What `Memory.open` takes for an ``embedder`` setting."""
    return None if embedder.lower() == "none" else embedder


def model_argument(model: str) -> str | None:
    """What `Memory.open` takes for a ``model`` setting."""
    return None if model.lower() == "none" else model


def _keep(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
    # Not passed to the commands: which space they use is decided here alone.
    context.meta[f"{KEPT}{parameter.name}"] = value
    return value


def _kept(name: str) -> Any:
    context = click.get_current_context(silent=True)
    return context.meta.get(f"{KEPT}{name}") if context else None
