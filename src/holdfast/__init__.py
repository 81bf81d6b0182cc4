"""Holdfast: the memory an AI agent can rely on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.model.erasure import ForgetPreview, ForgetReceipt, Proof, Verification
from holdfast.model.insight import Access, History, HistoryEntry, Linked, Reads, Sizes, Summary, Why
from holdfast.model.policy import Action, Keep, Policy, Retention, Sensitive
from holdfast.model.recollection import Hit, Recollection
from holdfast.model.records import CATEGORIES, Kind, Origin, Record, Role, Trust
from holdfast.model.reports import Audited, AuditReport, ImportReport, Turn
from holdfast.model.verdict import Verdict

if TYPE_CHECKING:
    from holdfast.adapters.keyring import Keyring
    from holdfast.aio import AsyncMemory, AsyncSession
    from holdfast.house import Holdfast
    from holdfast.house_aio import AsyncHoldfast
    from holdfast.memory import Memory
    from holdfast.model.access import AuditEntry, Grant, Quota, Right, SpaceEntry, Usage
    from holdfast.model.encryption import Encryption, FileKey
    from holdfast.model.house import DropPreview, DropReceipt, HouseHit, HouseRecollection
    from holdfast.model.moving import BackupReport, Lost, MarkdownReport, RestoreReport
    from holdfast.recovery import restore
    from holdfast.session import Session

__version__ = "0.1.0"
_LAZY = {
    "AsyncHoldfast": "holdfast.house_aio",
    "AsyncMemory": "holdfast.aio",
    "AsyncSession": "holdfast.aio",
    "AuditEntry": "holdfast.model.access",
    "BackupReport": "holdfast.model.moving",
    "DropPreview": "holdfast.model.house",
    "DropReceipt": "holdfast.model.house",
    "Encryption": "holdfast.model.encryption",
    "FileKey": "holdfast.model.encryption",
    "Grant": "holdfast.model.access",
    "Holdfast": "holdfast.house",
    "HouseHit": "holdfast.model.house",
    "HouseRecollection": "holdfast.model.house",
    "Keyring": "holdfast.adapters.keyring",
    "Lost": "holdfast.model.moving",
    "MarkdownReport": "holdfast.model.moving",
    "Memory": "holdfast.memory",
    "Quota": "holdfast.model.access",
    "RestoreReport": "holdfast.model.moving",
    "Right": "holdfast.model.access",
    "Session": "holdfast.session",
    "SpaceEntry": "holdfast.model.access",
    "Usage": "holdfast.model.access",
    "restore": "holdfast.recovery",
}

__all__ = [
    "CATEGORIES",
    "Access",
    "Action",
    "AsyncHoldfast",
    "AsyncMemory",
    "AsyncSession",
    "AuditEntry",
    "AuditReport",
    "Audited",
    "BackupReport",
    "DropPreview",
    "DropReceipt",
    "Encryption",
    "FileKey",
    "ForgetPreview",
    "ForgetReceipt",
    "Grant",
    "History",
    "HistoryEntry",
    "Hit",
    "Holdfast",
    "HouseHit",
    "HouseRecollection",
    "ImportReport",
    "Keep",
    "Keyring",
    "Kind",
    "Linked",
    "Lost",
    "MarkdownReport",
    "Memory",
    "Origin",
    "Policy",
    "Proof",
    "Quota",
    "Reads",
    "Recollection",
    "Record",
    "RestoreReport",
    "Retention",
    "Right",
    "Role",
    "Sensitive",
    "Session",
    "Sizes",
    "SpaceEntry",
    "Summary",
    "Trust",
    "Turn",
    "Usage",
    "Verdict",
    "Verification",
    "Why",
    "__version__",
    "restore",
]


def __getattr__(name: str) -> Any:
    # numpy and SQLite load when memory is first used, so that importing the package stays cheap.
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'holdfast' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
