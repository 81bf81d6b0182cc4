"""Whether a principal may do something in a space: one table, one function, refused by default."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from holdfast.model.access import Quota, Right, Standing, Usage

VERBS: Final[Mapping[str, Right]] = MappingProxyType(
    {
        "Memory.session": Right.READ,
        "Memory.recall": Right.READ,
        "Memory.recalls": Right.READ,
        "Recalls.explain": Right.READ,
        "Recalls.keep": Right.WRITE,
        "Recalls.list": Right.READ,
        "Recalls.replay": Right.READ,
        "Memory.expectations": Right.READ,
        "Memory.expect": Right.WRITE,
        "Expectations.add": Right.WRITE,
        "Expectations.list": Right.READ,
        "Expectations.remove": Right.WRITE,
        "Expectations.run": Right.READ,
        "Memory.get": Right.READ,
        "Memory.history": Right.READ,
        "Memory.why": Right.READ,
        "Memory.records": Right.READ,
        "Memory.at": Right.READ,
        "Memory.summary": Right.READ,
        "Memory.export": Right.READ,
        "Memory.settle": Right.READ,
        "Memory.check": Right.READ,
        "Memory.preview_forget": Right.READ,
        "Memory.receipts": Right.READ,
        "Memory.proof": Right.READ,
        "Memory.verify": Right.READ,
        "Memory.remember": Right.WRITE,
        "Memory.correct": Right.WRITE,
        "Memory.revise": Right.WRITE,
        "Memory.forget": Right.WRITE,
        "Memory.import_": Right.WRITE,
        "Memory.admission": Right.READ,
        "Admission.audit": Right.ADMIN,
        "Admission.release": Right.ADMIN,
        "Memory.storage": Right.READ,
        "Storage.backup": Right.ADMIN,
        "Storage.export_markdown": Right.READ,
        "Storage.journal": Right.ADMIN,
        "Storage.merge": Right.ADMIN,
        "Storage.digest": Right.READ,
        "Storage.encryption": Right.READ,
        "Storage.encrypt": Right.ADMIN,
        "Storage.rotate_key": Right.ADMIN,
        "Storage.rebuild": Right.ADMIN,
        "Storage.snapshot": Right.ADMIN,
        "Storage.prune": Right.ADMIN,
        "Storage.compact": Right.ADMIN,
        "Storage.mend": Right.ADMIN,
        "Memory.blocks": Right.READ,
        "Blocks.create": Right.WRITE,
        "Blocks.get": Right.READ,
        "Blocks.list": Right.READ,
        "Blocks.write": Right.WRITE,
        "Blocks.append": Right.WRITE,
        "Blocks.replace": Right.WRITE,
        "Blocks.history": Right.READ,
        "Blocks.revert": Right.WRITE,
        "Blocks.revise": Right.WRITE,
        "Blocks.remove": Right.WRITE,
        "Memory.files": Right.READ,
        "Files.create": Right.WRITE,
        "Files.get": Right.READ,
        "Files.list": Right.READ,
        "Files.write": Right.WRITE,
        "Files.history": Right.READ,
        "Files.move": Right.WRITE,
        "Files.remove": Right.WRITE,
        "Memory.procedures": Right.READ,
        "Procedures.add": Right.WRITE,
        "Procedures.get": Right.READ,
        "Procedures.list": Right.READ,
        "Procedures.match": Right.READ,
        "Procedures.render": Right.READ,
        "Procedures.record_outcome": Right.WRITE,
        "Procedures.success": Right.READ,
        "Procedures.trials": Right.READ,
        "Procedures.versions": Right.READ,
        "Procedures.compare": Right.READ,
        "Procedures.rollback": Right.WRITE,
        "Procedures.learn": Right.WRITE,
        "Procedures.approve": Right.WRITE,
        "Procedures.remove": Right.WRITE,
        "Procedures.to_yaml": Right.READ,
        "Procedures.example": Right.READ,
        "Memory.items": Right.READ,
        "Items.put": Right.WRITE,
        "Items.apply": Right.WRITE,
        "Items.check": Right.WRITE,
        "Items.delete": Right.WRITE,
        "Items.refresh": Right.WRITE,
        "Items.sweep": Right.WRITE,
        "Items.get": Right.READ,
        "Items.list": Right.READ,
        "Items.search": Right.READ,
        "Items.namespaces": Right.READ,
        "Memory.checkpoints": Right.READ,
        "Checkpoints.put": Right.WRITE,
        "Checkpoints.put_writes": Right.WRITE,
        "Checkpoints.copy": Right.WRITE,
        "Checkpoints.forget_thread": Right.WRITE,
        "Checkpoints.forget_runs": Right.WRITE,
        "Checkpoints.prune": Right.WRITE,
        "Checkpoints.get": Right.READ,
        "Checkpoints.find": Right.READ,
        "Checkpoints.value": Right.READ,
        "Checkpoints.writes": Right.READ,
        "Checkpoints.list": Right.READ,
        "Checkpoints.threads": Right.READ,
        "Memory.intentions": Right.READ,
        "Memory.intend": Right.WRITE,
        "Intentions.add": Right.WRITE,
        "Intentions.get": Right.READ,
        "Intentions.list": Right.READ,
        "Intentions.due": Right.READ,
        "Intentions.take": Right.WRITE,
        "Intentions.fire": Right.WRITE,
        "Intentions.snooze": Right.WRITE,
        "Intentions.done": Right.WRITE,
        "Intentions.cancel": Right.WRITE,
        "Memory.context": Right.READ,
        "Memory.tools": Right.READ,
        "AgentTools.names": Right.READ,
        "AgentTools.definitions": Right.READ,
        "AgentTools.call": Right.WRITE,
        "AgentTools.handle": Right.WRITE,
        "ReadingTools.names": Right.READ,
        "ReadingTools.definitions": Right.READ,
        "ReadingTools.call": Right.READ,
        "ReadingTools.handle": Right.READ,
        "Session.context": Right.WRITE,
        "Session.tools": Right.READ,
        "Session.id": Right.READ,
        "Session.turns": Right.READ,
        "Session.add": Right.WRITE,
        "Session.add_many": Right.WRITE,
        "Session.add_message": Right.WRITE,
        "Session.add_messages": Right.WRITE,
        "Session.messages": Right.READ,
        "Session.window": Right.WRITE,
        "Session.record": Right.WRITE,
        "Session.scratch": Right.READ,
        "Session.working": Right.READ,
        "Session.close": Right.WRITE,
        "Scratch.put": Right.WRITE,
        "Scratch.get": Right.READ,
        "Scratch.delete": Right.WRITE,
        "Scratch.keys": Right.READ,
        "Memory.sessions": Right.READ,
        "Sessions.list": Right.READ,
        "Sessions.search": Right.READ,
        "Sessions.get": Right.READ,
        "Sessions.close_idle": Right.WRITE,
        "Memory.episodes": Right.READ,
        "Episodes.list": Right.READ,
        "Episodes.similar": Right.READ,
        "Episodes.said": Right.READ,
        "Episodes.resolve": Right.WRITE,
        "Episodes.full_text": Right.READ,
        "Memory.tiers": Right.READ,
        "Tiers.list": Right.READ,
        "Tiers.read": Right.READ,
        "Tiers.sweep": Right.ADMIN,
        "Holdfast.space": Right.READ,
        "Holdfast.spaces": Right.READ,
        "Holdfast.usage": Right.READ,
        "Holdfast.grants": Right.SHARE,
        "Holdfast.grant read": Right.SHARE,
        "Holdfast.grant write": Right.SHARE,
        "Holdfast.grant share": Right.ADMIN,
        "Holdfast.grant admin": Right.ADMIN,
        "Holdfast.revoke read": Right.SHARE,
        "Holdfast.revoke write": Right.SHARE,
        "Holdfast.revoke share": Right.ADMIN,
        "Holdfast.revoke admin": Right.ADMIN,
        "Holdfast.preview_drop": Right.ADMIN,
        "Holdfast.drop": Right.ADMIN,
    }
)
"""What is needed for each verb in a space. A verb that is not listed is refused to everyone."""

HOUSE_VERBS: Final = frozenset(
    f"Holdfast.{verb}" for verb in ("create", "rename", "limit", "restrict", "audit", "receipts", "check")
)
"""What only those do who administer the house, whatever they may do in a space."""

NOT_OFFERED: Final = frozenset({"Memory.open"})
"""Verbs of a memory that make no sense inside a house, and are refused there."""

FREE: Final = frozenset({"Memory.close"})
"""Verbs that let go of something and need no right."""


def allows(verb: str, standing: Standing) -> bool:
    """Whether a principal who stands like that to a space may do a verb there.

    The one place where this is decided. Without a space nothing is allowed except what is of the house itself.
    """
    if verb in HOUSE_VERBS:
        return standing.administers
    needed = VERBS.get(verb)
    if needed is None or standing.space is None:
        return False
    return standing.administers or (standing.right is not None and standing.right >= needed)


def right_of(standing: Standing) -> Right:
    """What a principal may do in a space that it may see."""
    return Right.ADMIN if standing.administers else standing.right or Right.READ


def over_quota(quota: Quota, usage: Usage, memories: int, size_bytes: int, writes: int) -> tuple[str, bool] | None:
    """Why a write would exceed a quota, and whether it may succeed later; None when it would not.

    Args:
        usage: What the space holds now.
        memories, size_bytes, writes: What the write would add.
    """
    if quota.memories is not None and memories > 0 and usage.memories + memories > quota.memories:
        return f"it holds {usage.memories:,} of at most {quota.memories:,} memories", False
    if quota.bytes is not None and size_bytes > 0 and usage.bytes + size_bytes > quota.bytes:
        return f"it fills {usage.bytes:,} of at most {quota.bytes:,} bytes", False
    if quota.writes_a_minute is not None and writes > 0 and usage.writes + writes > quota.writes_a_minute:
        # More at once than a minute allows never succeeds.
        later = writes <= quota.writes_a_minute
        return f"it took {usage.writes:,} of at most {quota.writes_a_minute:,} writes a minute", later
    return None


def link(previous: bytes, *entry: str | int | None) -> bytes:
    """The chain value of an audit entry."""
    return hashlib.sha256(previous + json.dumps(entry, ensure_ascii=True).encode()).digest()


def quota_text(quota: Quota) -> str:
    """A quota in one line, such as ``memories=100``; ``none`` without bounds."""
    fields = (("memories", quota.memories), ("bytes", quota.bytes), ("writes_a_minute", quota.writes_a_minute))
    return " ".join(f"{name}={bound}" for name, bound in fields if bound is not None) or "none"
