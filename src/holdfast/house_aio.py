"""`AsyncHoldfast`: the calls of `Holdfast` with ``await``, on threads of their own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from holdfast.adapters.keyring import Keyring
from holdfast.aio import AsyncMemory
from holdfast.house import Holdfast
from holdfast.model.access import OWNER, AuditEntry, Grant, Quota, Right, SpaceEntry, Usage
from holdfast.model.erasure import Verification
from holdfast.model.filters import Where
from holdfast.model.house import DropPreview, DropReceipt, HouseRecollection
from holdfast.model.policy import Policy
from holdfast.model.tiers import TierSpec
from holdfast.model.times import When
from holdfast.model.tokens import Count
from holdfast.ports.clock import Clock
from holdfast.ports.embedder import Embedder
from holdfast.ports.language_model import LanguageModel
from holdfast.ports.metrics import Metrics
from holdfast.threads import Threads


class AsyncHoldfast:
    """`Holdfast` for asyncio: every call runs on a thread, so the event loop never waits for a disk."""

    def __init__(self, house: Holdfast, threads: Threads) -> None:
        self._house = house
        self._threads = threads

    @classmethod
    async def open(
        cls,
        folder: str | Path,
        *,
        as_: str = OWNER,
        embedder: Embedder | str | None = "auto",
        create: bool = True,
        clock: Clock | None = None,
        policy: Policy | None = None,
        keyring: Keyring | None = None,
        touches: bool = True,
        tokenizer: Count | str | Path | None = None,
        metrics: Metrics | None = None,
        tiers: Iterable[TierSpec] | None = None,
        model: LanguageModel | str | None = None,
    ) -> Self:
        """See `Holdfast.open`."""
        threads = Threads("holdfast-house")
        try:
            house = await threads.run(
                Holdfast.open,
                folder,
                as_=as_,
                embedder=embedder,
                create=create,
                clock=clock,
                policy=policy,
                keyring=keyring,
                touches=touches,
                tokenizer=tokenizer,
                metrics=metrics,
                tiers=tiers,
                model=model,
            )
        except BaseException:
            threads.shutdown()
            raise
        return cls(house, threads)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """See `Holdfast.close`."""
        await self._threads.run(self._house.close)
        self._threads.shutdown()

    async def create(self, name: str, *, policy: Policy | None = None, by: str | None = None) -> SpaceEntry:
        """See `Holdfast.create`."""
        return await self._threads.run(self._house.create, name, policy=policy, by=by)

    async def spaces(self, *, as_: str | None = None) -> list[SpaceEntry]:
        """See `Holdfast.spaces`."""
        return await self._threads.run(self._house.spaces, as_=as_)

    async def space(self, name: str, *, as_: str | None = None) -> AsyncMemory:
        """See `Holdfast.space`. An iterator is checked again for every page it reads ahead."""
        memory = await self._threads.run(self._house.space, name, as_=as_)
        return AsyncMemory(memory, Threads("holdfast-space"))

    async def rename(self, name: str, to: str, *, by: str | None = None) -> SpaceEntry:
        """See `Holdfast.rename`."""
        return await self._threads.run(self._house.rename, name, to, by=by)

    async def limit(self, name: str, quota: Quota, *, by: str | None = None) -> SpaceEntry:
        """See `Holdfast.limit`."""
        return await self._threads.run(self._house.limit, name, quota, by=by)

    async def usage(self, name: str, *, as_: str | None = None) -> Usage:
        """See `Holdfast.usage`."""
        return await self._threads.run(self._house.usage, name, as_=as_)

    async def restrict(self, name: str, policy: Policy | None, *, by: str | None = None) -> SpaceEntry:
        """See `Holdfast.restrict`."""
        return await self._threads.run(self._house.restrict, name, policy, by=by)

    async def preview_drop(self, name: str, *, as_: str | None = None) -> DropPreview:
        """See `Holdfast.preview_drop`."""
        return await self._threads.run(self._house.preview_drop, name, as_=as_)

    async def drop(self, name: str, *, confirm: str, as_: str | None = None, reason: str | None = None) -> DropReceipt:
        """See `Holdfast.drop`."""
        return await self._threads.run(self._house.drop, name, confirm=confirm, as_=as_, reason=reason)

    async def receipts(self, *, as_: str | None = None) -> list[DropReceipt]:
        """See `Holdfast.receipts`."""
        return await self._threads.run(self._house.receipts, as_=as_)

    async def verify(self, receipt: DropReceipt) -> Verification:
        """See `Holdfast.verify`."""
        return await self._threads.run(self._house.verify, receipt)

    async def grant(self, principal: str, space: str, right: Right | str, *, by: str | None = None) -> Grant:
        """See `Holdfast.grant`."""
        return await self._threads.run(self._house.grant, principal, space, right, by=by)

    async def revoke(
        self, principal: str, space: str, right: Right | str = Right.READ, *, by: str | None = None
    ) -> Right | None:
        """See `Holdfast.revoke`."""
        return await self._threads.run(self._house.revoke, principal, space, right, by=by)

    async def grants(self, space: str, *, as_: str | None = None) -> list[Grant]:
        """See `Holdfast.grants`."""
        return await self._threads.run(self._house.grants, space, as_=as_)

    async def recall(
        self,
        query: str,
        *,
        spaces: Sequence[str] | None = None,
        as_: str | None = None,
        budget_tokens: int | None = None,
        limit: int | None = None,
        where: Where | None = None,
        since: When | None = None,
        until: When | None = None,
        now: When | None = None,
        min_confidence: float = 0.0,
    ) -> HouseRecollection:
        """See `Holdfast.recall`."""
        return await self._threads.run(
            self._house.recall, query, spaces=spaces, as_=as_, budget_tokens=budget_tokens, limit=limit, where=where,
            since=since, until=until, now=now, min_confidence=min_confidence,
        )  # fmt: skip

    async def audit(self, *, as_: str | None = None) -> list[AuditEntry]:
        """See `Holdfast.audit`."""
        return await self._threads.run(self._house.audit, as_=as_)

    async def check(self, *, as_: str | None = None) -> list[str]:
        """See `Holdfast.check`."""
        return await self._threads.run(self._house.check, as_=as_)
