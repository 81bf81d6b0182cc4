"""Verbs of a `Memory` that belong together, under one name each: ``memory.admission``, ``memory.storage``."""

from __future__ import annotations

from holdfast.model.policy import Policy
from holdfast.model.records import Record
from holdfast.model.reports import AuditReport
from holdfast.wiring import Space


class Admission:
    """What may be kept in a space: see `holdfast.Policy`."""

    def __init__(self, space: Space) -> None:
        self._space = space

    def audit(self, policy: Policy | None = None, *, dry_run: bool = True) -> AuditReport:
        """Apply a policy, or the one given at `open`, to what is held; forget what was kept for a while and is due.

        A dry run only says what would change. What is redacted is erased, and held as a new memory.
        """
        return self._space.auditing.audit(policy, dry_run=dry_run)

    def release(self, id: str, *, reason: str | None = None) -> Record:  # noqa: A002
        """Let a memory out of quarantine, into recall; `InvalidField` where it is in none."""
        self._space.auditing.release(id, reason)
        return self._space.inspecting.get(id)


class Storage:
    """What a space is kept in."""

    def __init__(self, space: Space) -> None:
        self._space = space

    def rebuild(self) -> str:
        """Make everything that follows from the journal again; gives the digest of the result."""
        return self._space.inspecting.rebuild()

    def digest(self) -> str:
        """SHA-256 over what is held: equal where the same events arrived, in any order."""
        return self._space.inspecting.digest()
