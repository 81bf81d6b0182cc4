"""The protocol's SDK, loaded once and only as far as a server needs it.

The packages ``mcp`` and ``mcp.server`` import their clients and frameworks too, a quarter of the time to start. While
the server's modules load, empty packages stand in their place; afterwards they are gone, and whoever imports ``mcp``
later gets all of it. Should the SDK not load that way, it is loaded as it is.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Final

_PACKAGES: Final = ("mcp", "mcp.server")
_NEEDED: Final = ("mcp_types", "mcp.server.lowlevel.server", "mcp.server.stdio", "mcp.shared.exceptions")


def load() -> None:
    """Load what a server over standard input and output needs.

    Raises:
        ModuleNotFoundError: the SDK, or something it needs, is not installed.
    """
    before = set(sys.modules)
    if any(name in before for name in _PACKAGES):
        _all()
        return
    try:
        with _empty_packages(), _without_collection():
            _all()
    except (ImportError, AttributeError):
        for name in set(sys.modules) - before:
            if name.partition(".")[0] == _PACKAGES[0]:
                del sys.modules[name]
        _all()


def _all() -> None:
    for name in _NEEDED:
        import_module(name)


@contextmanager
def _without_collection() -> Generator[None]:
    # Thousands of classes are made here and none of them is garbage.
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


@contextmanager
def _empty_packages() -> Generator[None]:
    found = find_spec(_PACKAGES[0])
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError("No module named 'mcp'", name="mcp")
    folder = found.submodule_search_locations[0]
    empty = {name: ModuleType(name) for name in _PACKAGES}
    for name, package in empty.items():
        package.__path__ = ["/".join((folder, *name.split(".")[1:]))]
        sys.modules[name] = package
    try:
        yield
    finally:
        for name, package in empty.items():
            if sys.modules.get(name) is package:
                del sys.modules[name]
