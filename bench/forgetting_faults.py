"""Faults planted into forgetting, to see that a campaign notices them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from holdfast.adapters.sqlite import tombs
from holdfast.adapters.sqlite.store import SqliteStore
from holdfast.core import decide
from holdfast.memory import Memory
from holdfast.model.holdings import Holding
from holdfast.model.ids import Id
from holdfast.ports.store import Reader
from holdfast.services import forgetting
from holdfast.services.live_index import LiveIndex

Patch = tuple[Any, str, Any]
"""A module or class, a name in it, and what it is to be."""


def plant_fault(plant: str, memory: Memory) -> Callable[[], None]:
    """Break forgetting on purpose; gives what mends it."""
    if plant == "secure-delete-off":
        memory._space.store._plain("PRAGMA secure_delete=OFF")  # type: ignore[attr-defined]
        return lambda: None
    undone = [_patched(*one) for one in _PLANTS[plant]()]
    return lambda: [undo() for undo in undone] and None


def _patched(target: object, name: str, value: object) -> Callable[[], None]:
    real = getattr(target, name)
    setattr(target, name, value)
    return lambda: setattr(target, name, real)


def _only_named(
    view: Reader, records: Iterable[Id], pause: object = None, *, spares: bool = False
) -> tuple[dict[Id, Holding], list[Id]]:
    return {record: one for record, one in view.find_all(tuple(records)).items() if one.receipt is None}, []


def _without(table: str) -> list[Patch]:
    return [(tombs, "_TABLES", tuple(one for one in tombs._TABLES if one != table))]


def _sparing(columns: str, instead: str) -> list[Patch]:
    kept = tombs._ERASED.replace(columns, instead).replace(", NULL", "", 1)
    if kept.count("NULL") + 1 != tombs._ERASED.count("NULL") or columns in kept:
        raise RuntimeError(f"the statement that erases does not name {columns!r} any more")
    return [(tombs, "_ERASED", kept)]


_PLANTS: dict[str, Callable[[], list[Patch]]] = {
    "log-kept": lambda: [(SqliteStore, "truncate_log", lambda self: True)],
    "terms-kept": lambda: _sparing(", terms) =", ") ="),
    "labels-kept": lambda: _sparing(" subject,", ""),
    "payloads-kept": lambda: [(tombs, "_PAYLOADS", tombs._PAYLOADS.replace("(1, 2)", "(9)"))],
    "vectors-kept": lambda: _without("vector"),
    "tags-kept": lambda: _without("tag"),
    "touches-kept": lambda: _without("touch"),
    "no-bars": lambda: [(module, "barring", lambda *_: b'{"bars":[]}') for module in (decide, forgetting)],
    "caches-kept": lambda: [
        (forgetting, "clear_term_cache", lambda: None),
        (forgetting, "clear_name_cache", lambda: None),
        (LiveIndex, "scrub", lambda self, forgotten: 0),
    ],
    "derived-kept": lambda: [(module, "reach", _only_named) for module in (decide, forgetting)],
}
PLANTS = ("secure-delete-off", *_PLANTS)
