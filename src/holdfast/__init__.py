"""Holdfast: the memory an AI agent can rely on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.model.erasure import ForgetPreview, ForgetReceipt, Proof, Verification
from holdfast.model.insight import Access, History, HistoryEntry, Linked, Reads, Sizes, Summary, Why
from holdfast.model.policy import Action, Keep, Policy, Retention, Sensitive
from holdfast.model.recollection import Hit, Recollection
from holdfast.model.records import CATEGORIES, Kind, Origin, Record, Role, Trust
from holdfast.model.reports import Audited, AuditReport, ImportReport, MendReport, Turn
from holdfast.model.verdict import Verdict

if TYPE_CHECKING:
    from holdfast.adapters.keyring import Keyring
    from holdfast.adapters.metrics.opentelemetry import OpenTelemetryMetrics
    from holdfast.adapters.metrics.prometheus import PrometheusMetrics
    from holdfast.aio import AsyncMemory
    from holdfast.house import Holdfast
    from holdfast.house_aio import AsyncHoldfast
    from holdfast.memory import Memory
    from holdfast.model.access import AuditEntry, Grant, Quota, Right, SpaceEntry, Usage
    from holdfast.model.encryption import Encryption, FileKey
    from holdfast.model.episodes import Episode
    from holdfast.model.house import DropPreview, DropReceipt, HouseHit, HouseRecollection
    from holdfast.model.messages import Messages
    from holdfast.model.moving import BackupReport, Lost, MarkdownReport, RestoreReport
    from holdfast.model.procedures import (
        CallStep,
        Procedure,
        ProcedureInput,
        ProcedureMatch,
        ProcedureMatches,
        PromptStep,
        Triggers,
    )
    from holdfast.model.sessions import SessionFound, SessionInfo
    from holdfast.model.snapshots import CompactReport, PruneReport, SnapshotReport
    from holdfast.model.tiers import Eviction, Retrieval, TierSpec
    from holdfast.model.window import Window
    from holdfast.model.working import Working
    from holdfast.recovery import restore
    from holdfast.session import Session
    from holdfast.session_aio import AsyncSession

__version__ = "0.1.0"
_LAZY = {
    "AsyncHoldfast": "holdfast.house_aio",
    "AsyncMemory": "holdfast.aio",
    "AsyncSession": "holdfast.session_aio",
    "AuditEntry": "holdfast.model.access",
    "BackupReport": "holdfast.model.moving",
    "CallStep": "holdfast.model.procedures",
    "CompactReport": "holdfast.model.snapshots",
    "DropPreview": "holdfast.model.house",
    "DropReceipt": "holdfast.model.house",
    "Encryption": "holdfast.model.encryption",
    "Episode": "holdfast.model.episodes",
    "Eviction": "holdfast.model.tiers",
    "FileKey": "holdfast.model.encryption",
    "Grant": "holdfast.model.access",
    "Holdfast": "holdfast.house",
    "HouseHit": "holdfast.model.house",
    "HouseRecollection": "holdfast.model.house",
    "Keyring": "holdfast.adapters.keyring",
    "Lost": "holdfast.model.moving",
    "MarkdownReport": "holdfast.model.moving",
    "Memory": "holdfast.memory",
    "Messages": "holdfast.model.messages",
    "OpenTelemetryMetrics": "holdfast.adapters.metrics.opentelemetry",
    "Procedure": "holdfast.model.procedures",
    "ProcedureInput": "holdfast.model.procedures",
    "ProcedureMatch": "holdfast.model.procedures",
    "ProcedureMatches": "holdfast.model.procedures",
    "PrometheusMetrics": "holdfast.adapters.metrics.prometheus",
    "PromptStep": "holdfast.model.procedures",
    "PruneReport": "holdfast.model.snapshots",
    "Quota": "holdfast.model.access",
    "RestoreReport": "holdfast.model.moving",
    "Retrieval": "holdfast.model.tiers",
    "Right": "holdfast.model.access",
    "Session": "holdfast.session",
    "SessionFound": "holdfast.model.sessions",
    "SessionInfo": "holdfast.model.sessions",
    "SnapshotReport": "holdfast.model.snapshots",
    "SpaceEntry": "holdfast.model.access",
    "TierSpec": "holdfast.model.tiers",
    "Triggers": "holdfast.model.procedures",
    "Usage": "holdfast.model.access",
    "Window": "holdfast.model.window",
    "Working": "holdfast.model.working",
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
    "CallStep",
    "CompactReport",
    "DropPreview",
    "DropReceipt",
    "Encryption",
    "Episode",
    "Eviction",
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
    "MendReport",
    "Messages",
    "OpenTelemetryMetrics",
    "Origin",
    "Policy",
    "Procedure",
    "ProcedureInput",
    "ProcedureMatch",
    "ProcedureMatches",
    "PrometheusMetrics",
    "PromptStep",
    "Proof",
    "PruneReport",
    "Quota",
    "Reads",
    "Recollection",
    "Record",
    "RestoreReport",
    "Retention",
    "Retrieval",
    "Right",
    "Role",
    "Sensitive",
    "Session",
    "SessionFound",
    "SessionInfo",
    "Sizes",
    "SnapshotReport",
    "SpaceEntry",
    "Summary",
    "TierSpec",
    "Triggers",
    "Trust",
    "Turn",
    "Usage",
    "Verdict",
    "Verification",
    "Why",
    "Window",
    "Working",
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
