"""The groups of `holdfast.groups` with ``await``."""

from __future__ import annotations

from holdfast.groups import Admission, Storage
from holdfast.model.policy import Policy
from holdfast.model.records import Record
from holdfast.model.reports import AuditReport
from holdfast.threads import Threads


class AsyncAdmission:
    """`Admission` for asyncio."""

    def __init__(self, group: Admission, threads: Threads) -> None:
        self._group = group
        self._threads = threads

    async def audit(self, policy: Policy | None = None, *, dry_run: bool = True) -> AuditReport:
        """See `Admission.audit`."""
        return await self._threads.run(self._group.audit, policy, dry_run=dry_run)

    async def release(self, id: str, *, reason: str | None = None) -> Record:  # noqa: A002
        """See `Admission.release`."""
        return await self._threads.run(self._group.release, id, reason=reason)


class AsyncStorage:
    """`Storage` for asyncio."""

    def __init__(self, group: Storage, threads: Threads) -> None:
        self._group = group
        self._threads = threads

    async def rebuild(self) -> str:
        """See `Storage.rebuild`."""
        return await self._threads.run(self._group.rebuild)

    async def digest(self) -> str:
        """See `Storage.digest`."""
        return await self._threads.run(self._group.digest)
