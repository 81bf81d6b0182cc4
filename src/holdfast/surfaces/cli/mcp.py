"""`holdfast mcp`: the memory as a server of the Model Context Protocol."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from holdfast.surfaces.cli import failure
from holdfast.surfaces.cli.options import reading, settings_of, space_options, writing

if TYPE_CHECKING:
    from holdfast.surfaces.mcp.http import Address

TOKEN = "HOLDFAST_MCP_TOKEN"
"""The bearer token of the HTTP server; other programs of the user can read it, so a file is better."""
_TOKEN_BYTES = 10_000


@click.command("mcp", short_help="Serve the memory to agents over MCP.")
@click.option("--http", "listen", metavar="HOST:PORT", help="Serve over HTTP at this address, port 0 for a free one.")
@click.option("--token-file", metavar="FILE", type=Path, help="File with the bearer token that HTTP clients show.")
@click.option("--allow-host", "hosts", metavar="NAME", multiple=True, help="Let requests in that name this host.")
@click.option(
    "--compat",
    type=click.Choice(["memory"]),
    is_flag=False,
    flag_value="memory",
    metavar="[memory]",
    help="Offer the nine tools of the reference memory server instead.",
)
@click.option("--read-only", is_flag=True, help="Offer only what reads; never write.")
@space_options
def mcp_command(
    listen: str | None,
    token_file: Path | None,
    hosts: tuple[str, ...],
    compat: str | None,
    read_only: bool,
    db: str | None,
    embedder: str | None,
    as_: str | None,
    as_json: bool,
) -> None:
    """Serve the memory over the Model Context Protocol, until the client closes standard input.

    With --http it serves any number of clients until it is told to end, at http://HOST:PORT/mcp. Beyond this machine it
    wants a bearer token, from --token-file or HOLDFAST_MCP_TOKEN. What goes wrong is said on standard error, and so is
    the address, with --json as an object with its url.
    """
    if listen is None and (token_file is not None or hosts):
        raise failure.WrongUsage("--token-file and --allow-host go with --http.")
    settings = settings_of(db, embedder, as_)
    _load_sdk(whole=listen is not None)
    from holdfast.surfaces.mcp import run

    where = None if listen is None else _address(listen, token_file, hosts)
    offer = run.offered(compat, read_only=read_only)
    with reading(settings) if read_only else writing(settings, create=True) as memory:
        if where is None:
            run.serve_stdio(memory, offer)
        else:
            run.serve_http(memory, offer, where, partial(_listening, as_json=as_json))


def _load_sdk(*, whole: bool) -> None:
    """Load the SDK: for HTTP the whole of it.

    Raises:
        WrongUsage: it is not installed.
    """
    from importlib import import_module

    from holdfast.surfaces.mcp import sdk

    try:
        if whole:
            import_module("mcp.server")
        sdk.load()
    except ModuleNotFoundError as error:
        raise failure.WrongUsage(
            f"The MCP server needs the protocol's SDK ({error.name} is missing): pip install 'holdfast[mcp]'."
        ) from None


def _address(listen: str, token_file: Path | None, hosts: tuple[str, ...]) -> Address:
    from holdfast.surfaces.mcp.http import address

    token = os.environ.get(TOKEN) or None
    if token_file is not None:
        try:
            with token_file.open("rb") as file:
                token = file.read(_TOKEN_BYTES).decode("latin-1").strip()
        except OSError as error:
            raise failure.WrongUsage(
                f"The file with the token cannot be read: {error.strerror}: {token_file}"
            ) from None
    return address(listen, hosts=hosts, token=token)


def _listening(url: str, *, as_json: bool) -> None:
    from holdfast.surfaces.wire import to_json

    click.echo(to_json({"url": url}) if as_json else f"holdfast: listening on {url}", err=True)
