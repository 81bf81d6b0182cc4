"""Holdfast: the memory an AI agent can rely on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.model.erasure import ForgetPreview, ForgetReceipt, Proof, Verification
from holdfast.model.recollection import Hit, Recollection
from holdfast.model.records import CATEGORIES, Kind, Origin, Record, Role, Trust
from holdfast.model.reports import HistoryEntry, ImportReport, Stats, Turn

if TYPE_CHECKING:
    from holdfast.aio import AsyncMemory, AsyncSession
    from holdfast.memory import Memory
    from holdfast.session import Session

__version__ = "0.1.0"
_LAZY = {
    "AsyncMemory": "holdfast.aio",
    "AsyncSession": "holdfast.aio",
    "Memory": "holdfast.memory",
    "Session": "holdfast.session",
}

__all__ = [
    "CATEGORIES",
    "AsyncMemory",
    "AsyncSession",
    "ForgetPreview",
    "ForgetReceipt",
    "HistoryEntry",
    "Hit",
    "ImportReport",
    "Kind",
    "Memory",
    "Origin",
    "Proof",
    "Recollection",
    "Record",
    "Role",
    "Session",
    "Stats",
    "Trust",
    "Turn",
    "Verification",
    "__version__",
]


def __getattr__(name: str) -> Any:
    # numpy and SQLite load when memory is first used, so that importing the package stays cheap.
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'holdfast' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
