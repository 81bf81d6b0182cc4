"""Holdfast: the memory an AI agent can rely on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.model.erasure import ForgetPreview, ForgetReceipt, Proof, Verification
from holdfast.model.policy import Action, Keep, Policy, Retention, Sensitive
from holdfast.model.recollection import Hit, Recollection
from holdfast.model.records import CATEGORIES, Kind, Origin, Record, Role, Trust
from holdfast.model.reports import Audited, AuditReport, HistoryEntry, ImportReport, Stats, Turn
from holdfast.model.verdict import Verdict

if TYPE_CHECKING:
    from holdfast.aio import AsyncMemory, AsyncSession
    from holdfast.house import Holdfast
    from holdfast.house_aio import AsyncHoldfast
    from holdfast.memory import Memory
    from holdfast.model.access import AuditEntry, Grant, Quota, Right, SpaceEntry
    from holdfast.model.house import DropReceipt, HouseHit, HouseRecollection
    from holdfast.session import Session

__version__ = "0.1.0"
_LAZY = {
    "AsyncHoldfast": "holdfast.house_aio",
    "AsyncMemory": "holdfast.aio",
    "AsyncSession": "holdfast.aio",
    "AuditEntry": "holdfast.model.access",
    "DropReceipt": "holdfast.model.house",
    "Grant": "holdfast.model.access",
    "Holdfast": "holdfast.house",
    "HouseHit": "holdfast.model.house",
    "HouseRecollection": "holdfast.model.house",
    "Memory": "holdfast.memory",
    "Quota": "holdfast.model.access",
    "Right": "holdfast.model.access",
    "Session": "holdfast.session",
    "SpaceEntry": "holdfast.model.access",
}

__all__ = [
    "CATEGORIES",
    "Action",
    "AsyncHoldfast",
    "AsyncMemory",
    "AsyncSession",
    "AuditEntry",
    "AuditReport",
    "Audited",
    "DropReceipt",
    "ForgetPreview",
    "ForgetReceipt",
    "Grant",
    "HistoryEntry",
    "Hit",
    "Holdfast",
    "HouseHit",
    "HouseRecollection",
    "ImportReport",
    "Keep",
    "Kind",
    "Memory",
    "Origin",
    "Policy",
    "Proof",
    "Quota",
    "Recollection",
    "Record",
    "Retention",
    "Right",
    "Role",
    "Sensitive",
    "Session",
    "SpaceEntry",
    "Stats",
    "Trust",
    "Turn",
    "Verdict",
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
