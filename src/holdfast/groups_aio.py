"""The groups of `holdfast.groups` with ``await``."""

from __future__ import annotations

import builtins
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from pathlib import Path

from holdfast.adapters.keyring import Keyring
from holdfast.groups import Admission, Expectations, Recalls, Storage
from holdfast.model.asked import Expectation, KeptRecall, Outcome, Replay
from holdfast.model.encryption import Encryption
from holdfast.model.explanation import Explanation
from holdfast.model.filters import Where
from holdfast.model.moving import BackupReport, MarkdownReport
from holdfast.model.policy import Policy
from holdfast.model.recollection import Recollection
from holdfast.model.records import Record
from holdfast.model.reports import AuditReport, ImportReport, MendReport
from holdfast.model.snapshots import CompactReport, PruneReport, SnapshotReport
from holdfast.model.times import When
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

    async def mend(self) -> MendReport:
        """See `Storage.mend`."""
        return await self._threads.run(self._group.mend)

    async def backup(
        self,
        path: str | Path,
        *,
        replace: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> BackupReport:
        """See `Storage.backup`."""
        return await self._threads.run(self._group.backup, path, replace=replace, progress=progress)

    async def export_markdown(
        self, folder: str | Path, *, about: str | None = None, mentions: bool = False, replace: bool = False
    ) -> MarkdownReport:
        """See `Storage.export_markdown`."""
        return await self._threads.run(
            self._group.export_markdown, folder, about=about, mentions=mentions, replace=replace
        )

    def journal(self) -> AsyncIterator[str]:
        """See `Storage.journal`."""
        return self._threads.stream(self._group.journal())

    async def merge(
        self,
        source: str | Path | Iterable[str],
        *,
        dry_run: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> ImportReport:
        """See `Storage.merge`."""
        return await self._threads.run(self._group.merge, source, dry_run=dry_run, progress=progress)

    async def encryption(self) -> Encryption | None:
        """See `Storage.encryption`."""
        return await self._threads.run(self._group.encryption)

    async def encrypt(self, key: bytes | Keyring) -> Encryption:
        """See `Storage.encrypt`."""
        return await self._threads.run(self._group.encrypt, key)

    async def rotate_key(self, key: bytes | None = None, *, data: bool = False) -> Encryption:
        """See `Storage.rotate_key`."""
        return await self._threads.run(self._group.rotate_key, key, data=data)

    async def snapshot(self) -> SnapshotReport:
        """See `Storage.snapshot`."""
        return await self._threads.run(self._group.snapshot)

    async def prune(
        self,
        *,
        before: When | None = None,
        keep_days: float | None = None,
        superseded: bool = False,
        dry_run: bool = True,
    ) -> PruneReport:
        """See `Storage.prune`."""
        return await self._threads.run(
            self._group.prune, before=before, keep_days=keep_days, superseded=superseded, dry_run=dry_run
        )

    async def compact(self) -> CompactReport:
        """See `Storage.compact`."""
        return await self._threads.run(self._group.compact)

    async def digest(self) -> str:
        """See `Storage.digest`."""
        return await self._threads.run(self._group.digest)


class AsyncRecalls:
    """`Recalls` for asyncio."""

    def __init__(self, group: Recalls, threads: Threads) -> None:
        self._group = group
        self._threads = threads

    async def explain(
        self,
        query: str,
        *,
        id: str | None = None,  # noqa: A002
        budget_tokens: int | None = None,
        limit: int | None = None,
        where: Where | None = None,
        since: When | None = None,
        until: When | None = None,
        now: When | None = None,
        min_confidence: float = 0.0,
    ) -> Explanation:
        """See `Recalls.explain`."""
        return await self._threads.run(
            self._group.explain, query, id=id, budget_tokens=budget_tokens, limit=limit, where=where, since=since,
            until=until, now=now, min_confidence=min_confidence,
        )  # fmt: skip

    async def keep(
        self,
        query: str,
        *,
        budget_tokens: int | None = None,
        limit: int | None = None,
        where: Where | None = None,
        since: When | None = None,
        until: When | None = None,
        now: When | None = None,
        thorough: bool = False,
        min_confidence: float = 0.0,
    ) -> Recollection:
        """See `Recalls.keep`."""
        return await self._threads.run(
            self._group.keep, query, budget_tokens=budget_tokens, limit=limit, where=where, since=since, until=until,
            now=now, thorough=thorough, min_confidence=min_confidence,
        )  # fmt: skip

    async def list(self) -> builtins.list[KeptRecall]:
        """See `Recalls.list`."""
        return await self._threads.run(self._group.list)

    async def replay(self, id: str | None = None) -> Replay:  # noqa: A002
        """See `Recalls.replay`."""
        return await self._threads.run(self._group.replay, id)


class AsyncExpectations:
    """`Expectations` for asyncio."""

    def __init__(self, group: Expectations, threads: Threads) -> None:
        self._group = group
        self._threads = threads

    async def add(
        self,
        query: str,
        *,
        contains: str | Sequence[str] = (),
        not_contains: str | Sequence[str] = (),
        id: str | None = None,  # noqa: A002
        limit: int = 10,
        where: Where | None = None,
    ) -> Expectation:
        """See `Expectations.add`."""
        return await self._threads.run(
            self._group.add, query, contains=contains, not_contains=not_contains, id=id, limit=limit, where=where
        )

    async def list(self) -> builtins.list[Expectation]:
        """See `Expectations.list`."""
        return await self._threads.run(self._group.list)

    async def remove(self, id: str) -> None:  # noqa: A002
        """See `Expectations.remove`."""
        await self._threads.run(self._group.remove, id)

    async def run(self) -> builtins.list[Outcome]:
        """See `Expectations.run`."""
        return await self._threads.run(self._group.run)
