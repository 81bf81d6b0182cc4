"""`holdfast key`: the keys of encrypted spaces: which there are, changing them, and destroying them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from holdfast.surfaces.cli import failure
from holdfast.surfaces.cli.options import json_option, show_json, space_options, writing
from holdfast.surfaces.cli.place import keyring_of, keyring_option, settings_of

if TYPE_CHECKING:
    from holdfast.adapters.keyring import Keyring
    from holdfast.config import Settings
    from holdfast.model.encryption import Encryption
    from holdfast.surfaces.wire import Json


@click.group("key", short_help="The keys of encrypted spaces.")
def key_command() -> None:
    """The keys of encrypted spaces, in a keyring: a file apart from the spaces, readable by you alone.

    A keyring is named with --keyring FILE, HOLDFAST_KEYRING, or `keyring` in your own holdfast.toml. With one, a
    command that makes a space makes an encrypted one. Keep a copy of the keyring: without it, spaces cannot be read.
    """


@key_command.command("list", short_help="The keys in a keyring.")
@json_option
@keyring_option
def list_command(as_json: bool) -> None:
    """The keys in the keyring: which space each is for, its id, and when it was made. Never the keys themselves."""
    from holdfast.surfaces.cli.screen import screen

    entries = _keyring(settings_of(None)).entries()
    if as_json:
        rows: list[Json] = [
            {"space": one.space, "key": one.key_id, "at": one.at, "destroyed": one.destroyed} for one in entries
        ]
        show_json({"keys": rows})
        return
    show = screen()
    for one in entries:
        state = ("destroyed", "red") if one.destroyed else ("key", "dim")
        show.row([(36, one.space), (9, state), (16, one.key_id or "")], one.at)
    if not entries:
        show.line("The keyring is empty.")


@key_command.command("encrypt", short_help="Encrypt a space that is not.")
@space_options
def encrypt_command(db: str | None, embedder: str | None, as_: str | None, as_json: bool) -> None:
    """Encrypt a space in place, under a new key that is put into the keyring first.

    Nobody else may have the space open. What was plain in its files is overwritten; backups and exports are not.
    """
    from dataclasses import replace

    settings = settings_of(db, embedder, as_)
    keyring = keyring_of(settings, create=True)
    given = keyring or settings.key
    if given is None:
        raise failure.WrongUsage("Name the keyring the key is to be put into, with --keyring or HOLDFAST_KEYRING.")
    # A space of a house goes by the house's own keyring; a file is plain until it is encrypted.
    opened = settings if settings.spaces is not None else replace(settings, keyring=None, key=None)
    with writing(opened, embed=False) as memory:
        state = memory.storage.encrypt(given)
    _show("Encrypted.", state, as_json=as_json)


@key_command.command("rotate", short_help="Put an encrypted space under a new key.")
@click.option("--data", is_flag=True, help="Change the data key too: encrypt everything anew.")
@space_options
def rotate_command(data: bool, db: str | None, embedder: str | None, as_: str | None, as_json: bool) -> None:
    """Put an encrypted space under a new key; the old one is destroyed when the change is durable.

    Without --data this takes an instant, and whoever had the old key can still read old copies of the space.
    """
    settings = settings_of(db, embedder, as_)
    if settings.keyring is None:
        raise failure.WrongUsage("A new key needs a place: name the keyring with --keyring or HOLDFAST_KEYRING.")
    with writing(settings, embed=False) as memory:
        state = memory.storage.rotate_key(data=data)
    _show("Under a new key.", state, as_json=as_json)


@key_command.command("destroy", short_help="Destroy the key of a space for good.")
@click.argument("space", metavar="SPACE")
@click.option("--confirm", metavar="SPACE", help="The id of the space once more.")
@json_option
@keyring_option
def destroy_command(space: str, confirm: str | None, as_json: bool) -> None:
    """Destroy the key of the space with the id SPACE, as `holdfast key list` shows it.

    Nothing can open the space any more: neither its file, nor a copy or backup of it. A copy of the keyring can.
    """
    from holdfast.errors import ConfirmationNeeded
    from holdfast.model.ids import parse_id

    keyring, wanted = _keyring(settings_of(None)), parse_id(space)
    if confirm is None or parse_id(confirm) != wanted:
        raise ConfirmationNeeded(
            f"Everything in the space {space} would be lost, in every copy. Nothing was destroyed; give --confirm "
            f"{space} if that is meant."
        )
    count = keyring.destroy(wanted)
    if as_json:
        show_json({"space": space, "destroyed": count})
        return
    from holdfast.surfaces.cli.screen import screen

    screen().mark("good", "Destroyed: nothing can open the space any more.", indent=0)


def _keyring(settings: Settings) -> Keyring:
    """The keyring that is named.

    Raises:
        WrongUsage: there is none.
    """
    keyring = keyring_of(settings)
    if keyring is None:
        raise failure.WrongUsage("Name a keyring with --keyring, HOLDFAST_KEYRING, or `keyring` in your holdfast.toml.")
    return keyring


def _show(said: str, state: Encryption, *, as_json: bool) -> None:
    from holdfast.surfaces.cli.screen import screen

    if as_json:
        show_json({"space": state.space, "key": state.key_id, "events": state.events, "vectors": state.vectors})
        return
    show = screen()
    show.mark("good", said, indent=0)
    show.line(("space ", "dim"), state.space, ("  key ", "dim"), state.key_id)
