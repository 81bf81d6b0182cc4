"""`AsyncMemory`: the same calls with ``await``, on threads of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from holdfast.adapters.keyring import Keyring
from holdfast.grouped_aio import AsyncGrouped
from holdfast.memory import Memory
from holdfast.model.asked import Expectation
from holdfast.model.encryption import FileKey
from holdfast.model.erasure import ForgetPreview, ForgetReceipt, Proof, Verification
from holdfast.model.filters import Where
from holdfast.model.insight import History, Summary, Why
from holdfast.model.intentions import Intention
from holdfast.model.policy import Policy
from holdfast.model.recollection import Recollection
from holdfast.model.records import Origin, Record, Scalar
from holdfast.model.reports import ImportReport
from holdfast.model.tiers import TierSpec
from holdfast.model.times import When
from holdfast.model.tokens import Count
from holdfast.ports.clock import Clock
from holdfast.ports.embedder import Embedder
from holdfast.ports.language_model import LanguageModel
from holdfast.ports.metrics import Metrics
from holdfast.session_aio import AsyncSession as AsyncSession
from holdfast.threads import Threads


class AsyncMemory(AsyncGrouped):
    """`Memory` for asyncio: every call runs on a thread, so the event loop never waits for a disk.

    A call that is cancelled while it runs still completes in the space; give it an idempotency key
    to make a second attempt safe.
    """

    def __init__(self, memory: Memory, threads: Threads) -> None:
        self._memory = memory
        self._threads = threads

    @classmethod
    async def open(
        cls,
        path: str | Path,
        *,
        embedder: Embedder | str | None = "auto",
        as_: str = "owner",
        read_only: bool = False,
        create: bool = True,
        clock: Clock | None = None,
        policy: Policy | None = None,
        touches: bool = True,
        key: bytes | Keyring | FileKey | None = None,
        tokenizer: Count | str | Path | None = None,
        metrics: Metrics | None = None,
        tiers: Iterable[TierSpec] | None = None,
        model: LanguageModel | str | None = None,
    ) -> Self:
        """See `Memory.open`."""
        threads = Threads("holdfast")
        opening = partial(
            Memory.open, path, embedder=embedder, as_=as_, read_only=read_only, create=create, clock=clock,
            policy=policy, touches=touches, key=key, tokenizer=tokenizer, metrics=metrics, tiers=tiers, model=model,
        )  # fmt: skip
        return cls(await threads.opened(opening), threads)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """See `Memory.close`."""
        try:
            await self._threads.run(self._memory.close)
        finally:
            self._threads.shutdown()

    def session(
        self, id: str, *, user: str | None = None, agent: str | None = None, idle_ttl_s: float | None = None  # noqa: A002
    ) -> AsyncSession:  # fmt: skip
        """See `Memory.session`."""
        return AsyncSession(self._memory.session(id, user=user, agent=agent, idle_ttl_s=idle_ttl_s), self._threads)

    async def remember(
        self,
        text: str,
        *,
        category: str | None = None,
        subject: str | None = None,
        predicate: str | None = None,
        object: str | None = None,  # noqa: A002
        source: str | None = None,
        sources: Sequence[str] = (),
        key: str | None = None,
        when: When | None = None,
        until: When | None = None,
        tags: Sequence[str] = (),
        attributes: Mapping[str, Scalar] | None = None,
        confidence: float = 1.0,
        importance: float = 0.5,
        origin: Origin | str = Origin.USER,
        readmit: bool = False,
    ) -> Record:
        """See `Memory.remember`."""
        return await self._threads.run(
            self._memory.remember, text, category=category, subject=subject, predicate=predicate, object=object,
            source=source, sources=sources, key=key, when=when, until=until, tags=tags, attributes=attributes,
            confidence=confidence, importance=importance, origin=origin, readmit=readmit,
        )  # fmt: skip

    async def correct(
        self,
        id: str,  # noqa: A002
        text: str,
        *,
        when: When | None = None,
        version: int | None = None,
        reason: str | None = None,
        origin: Origin | str = Origin.USER,
    ) -> Record:
        """See `Memory.correct`."""
        return await self._threads.run(
            self._memory.correct, id, text, when=when, version=version, reason=reason, origin=origin
        )

    async def revise(
        self,
        id: str,  # noqa: A002
        *,
        version: int | None = None,
        category: str | None = None,
        tags: Sequence[str] | None = None,
        attributes: Mapping[str, Scalar] | None = None,
        confidence: float | None = None,
        importance: float | None = None,
        until: When | None = None,
    ) -> Record:
        """See `Memory.revise`."""
        return await self._threads.run(
            self._memory.revise, id, version=version, category=category, tags=tags, attributes=attributes,
            confidence=confidence, importance=importance, until=until,
        )  # fmt: skip

    async def forget(
        self,
        *ids: str,
        about: str | None = None,
        mentions: bool = False,
        session: str | None = None,
        since: When | None = None,
        until: When | None = None,
        where: Where | None = None,
        query: str | None = None,
        limit: int = 10,
        confirm: str | None = None,
        reason: str | None = None,
    ) -> ForgetReceipt:
        """See `Memory.forget`."""
        return await self._threads.run(
            self._memory.forget, *ids, about=about, mentions=mentions, session=session, since=since, until=until,
            where=where, query=query, limit=limit, confirm=confirm, reason=reason,
        )  # fmt: skip

    async def preview_forget(
        self,
        *ids: str,
        about: str | None = None,
        mentions: bool = False,
        session: str | None = None,
        since: When | None = None,
        until: When | None = None,
        where: Where | None = None,
        query: str | None = None,
        limit: int = 10,
    ) -> ForgetPreview:
        """See `Memory.preview_forget`."""
        return await self._threads.run(
            self._memory.preview_forget, *ids, about=about, mentions=mentions, session=session, since=since,
            until=until, where=where, query=query, limit=limit,
        )  # fmt: skip

    async def receipts(self) -> list[ForgetReceipt]:
        """See `Memory.receipts`."""
        return await self._threads.run(self._memory.receipts)

    async def proof(self) -> Proof:
        """See `Memory.proof`."""
        return await self._threads.run(self._memory.proof)

    async def verify(self, kept: ForgetReceipt | Proof | str) -> Verification:
        """See `Memory.verify`."""
        return await self._threads.run(self._memory.verify, kept)

    async def recall(
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
        at: When | None = None,
    ) -> Recollection:
        """See `Memory.recall`."""
        return await self._threads.run(
            self._memory.recall, query, budget_tokens=budget_tokens, limit=limit, where=where, since=since, until=until,
            now=now, thorough=thorough, min_confidence=min_confidence, at=at,
        )  # fmt: skip

    async def expect(
        self,
        query: str,
        *,
        contains: str | Sequence[str] = (),
        not_contains: str | Sequence[str] = (),
        id: str | None = None,  # noqa: A002
        limit: int = 10,
        where: Where | None = None,
    ) -> Expectation:
        """See `Memory.expect`."""
        return await self._threads.run(
            self._memory.expect, query, contains=contains, not_contains=not_contains, id=id, limit=limit, where=where
        )

    async def intend(
        self, text: str, *, when: When | None = None, event: str | None = None, condition: Where | None = None,
        until: When | None = None, about: str | None = None, session: str | None = None, key: str | None = None,
    ) -> Intention:  # fmt: skip
        """See `Memory.intend`."""
        return await self._threads.run(
            self._memory.intend, text, when=when, event=event, condition=condition, until=until, about=about,
            session=session, key=key,
        )  # fmt: skip

    async def get(self, id: str) -> Record:  # noqa: A002
        """See `Memory.get`."""
        return await self._threads.run(self._memory.get, id)

    async def history(self, id: str) -> History:  # noqa: A002
        """See `Memory.history`."""
        return await self._threads.run(self._memory.history, id)

    async def why(self, id: str) -> Why:  # noqa: A002
        """See `Memory.why`."""
        return await self._threads.run(self._memory.why, id)

    def records(self, *, where: Where | None = None, quarantined: bool = False) -> AsyncIterator[Record]:
        """See `Memory.records`; to be used with ``async for``."""
        return self._threads.stream(self._memory.records(where=where, quarantined=quarantined))

    async def at(self, moment: When | None = None, *, seq: int | None = None) -> AsyncMemory:
        """See `Memory.at`."""
        past = await self._threads.run(self._memory.at, moment, seq=seq)
        return AsyncMemory(past, Threads("holdfast-past"))

    async def summary(self) -> Summary:
        """See `Memory.summary`."""
        return await self._threads.run(self._memory.summary)

    async def import_(
        self,
        source: str | Path | Iterable[str],
        *,
        format: str = "auto",  # noqa: A002
        skip_errors: bool = False,
        zone: str = "UTC",
        dry_run: bool = False,
        confirm_removal: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> ImportReport:
        """See `Memory.import_`; ``progress`` is called on another thread."""
        return await self._threads.run(
            self._memory.import_, source, format=format, skip_errors=skip_errors, zone=zone, dry_run=dry_run,
            confirm_removal=confirm_removal, progress=progress,
        )  # fmt: skip

    def export(
        self, *, superseded: bool = False, about: str | None = None, mentions: bool = False
    ) -> AsyncIterator[str]:
        """See `Memory.export`; to be used with ``async for``."""
        return self._threads.stream(self._memory.export(superseded=superseded, about=about, mentions=mentions))

    async def settle(
        self, timeout_s: float | None = None, *, progress: Callable[[int, int], None] | None = None
    ) -> int:
        """See `Memory.settle`; ``progress`` is called on another thread."""
        return await self._threads.run(self._memory.settle, timeout_s, progress=progress)

    async def check(self) -> list[str]:
        """See `Memory.check`."""
        return await self._threads.run(self._memory.check)
