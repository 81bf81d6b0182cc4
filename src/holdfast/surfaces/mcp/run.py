"""Serving a memory until the client, or whoever started it, ends it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import anyio

from holdfast.surfaces.mcp.server import Serving

if TYPE_CHECKING:
    from holdfast.memory import Memory
    from holdfast.surfaces.mcp.http import Address
    from holdfast.surfaces.mcp.offer import Offer

KINDS: Final = ("memory",)
"""Servers that can be stood in for."""


def offered(compat: str | None, *, read_only: bool) -> Offer:
    """What is offered: everything, or what another server offers; without the tools that write where asked."""
    if compat is None:
        from holdfast.surfaces.mcp.standard import standard

        offer = standard()
    else:
        from holdfast.surfaces.mcp.graph_tools import reference_memory

        offer = reference_memory()
    if read_only:
        offer = replace(offer, tools={name: tool for name, tool in offer.tools.items() if tool.reads})
    return offer


def serve_stdio(memory: Memory, offer: Offer) -> None:
    """Serve one client over standard input and output; see `holdfast.surfaces.mcp.stdio`."""
    from holdfast.surfaces.mcp import stdio

    _to_standard_error()
    try:
        anyio.run(stdio.serve, Serving(memory, offer).server())
    except BaseExceptionGroup as errors:
        # The client is gone: it closed its end before it read every answer.
        if not all(isinstance(error, OSError) for error in _leaves(errors)):
            raise


def serve_http(memory: Memory, offer: Offer, where: Address, listening: Callable[[str], None]) -> None:
    """Serve any number of clients over HTTP; see `holdfast.surfaces.mcp.http`."""
    from holdfast.surfaces.mcp import http

    _to_standard_error()
    anyio.run(http.serve, Serving(memory, offer).server(), where, listening)


def _to_standard_error() -> None:
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="holdfast: %(levelname)s: %(message)s")


def _leaves(errors: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in errors.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)  # pyright: ignore[reportUnknownArgumentType] a group's members are not known
        else:
            yield error
