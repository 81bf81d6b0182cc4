"""`holdfast.procedures` with ``await``."""

from __future__ import annotations

import builtins
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from holdfast.model.procedures import (
    Procedure,
    ProcedureComparison,
    ProcedureMatches,
    ProcedureState,
    RenderedProcedure,
    Success,
    Trial,
)
from holdfast.procedures import Procedures
from holdfast.threads import Threads


class AsyncProcedures:
    """`Procedures` for asyncio."""

    def __init__(self, group: Procedures, threads: Threads) -> None:
        self._group = group
        self._threads = threads

    async def add(
        self, procedure: Procedure | Mapping[str, Any] | str | Path, *, version: int | Procedure | None = None
    ) -> Procedure:
        """See `Procedures.add`."""
        return await self._threads.run(self._group.add, procedure, version=version)

    async def get(self, name: str, version: int | None = None) -> Procedure:
        """See `Procedures.get`."""
        return await self._threads.run(self._group.get, name, version)

    async def list(self, state: ProcedureState | str | None = None) -> builtins.list[Procedure]:
        """See `Procedures.list`."""
        return await self._threads.run(self._group.list, state)

    async def match(self, text: str, *, limit: int = 3, tools: Sequence[str] | None = None) -> ProcedureMatches:
        """See `Procedures.match`."""
        return await self._threads.run(self._group.match, text, limit=limit, tools=tools)

    async def render(
        self, name: str, inputs: Mapping[str, Any] | None = None, *, version: int | None = None
    ) -> RenderedProcedure:
        """See `Procedures.render`."""
        return await self._threads.run(self._group.render, name, inputs, version=version)

    async def record_outcome(
        self,
        name: str,
        success: bool,
        *,
        seconds: float | None = None,
        cost: float | None = None,
        note: str | None = None,
        version: int | None = None,
        session: str | None = None,
        sources: Sequence[str] = (),
        key: str | None = None,
    ) -> Trial:
        """See `Procedures.record_outcome`."""
        return await self._threads.run(
            self._group.record_outcome, name, success, seconds=seconds, cost=cost, note=note, version=version,
            session=session, sources=sources, key=key,
        )  # fmt: skip

    async def success(self, name: str, version: int | None = None) -> Success:
        """See `Procedures.success`."""
        return await self._threads.run(self._group.success, name, version)

    async def trials(self, name: str, version: int | None = None) -> builtins.list[Trial]:
        """See `Procedures.trials`."""
        return await self._threads.run(self._group.trials, name, version)

    async def versions(self, name: str) -> builtins.list[Procedure]:
        """See `Procedures.versions`."""
        return await self._threads.run(self._group.versions, name)

    async def compare(self, name: str, before: int, after: int | None = None) -> ProcedureComparison:
        """See `Procedures.compare`."""
        return await self._threads.run(self._group.compare, name, before, after)

    async def rollback(self, name: str, version: int) -> Procedure:
        """See `Procedures.rollback`."""
        return await self._threads.run(self._group.rollback, name, version)

    async def learn(self, *, min_runs: int = 3, limit: int = 20) -> builtins.list[Procedure]:
        """See `Procedures.learn`."""
        return await self._threads.run(self._group.learn, min_runs=min_runs, limit=limit)

    async def approve(self, name: str) -> Procedure:
        """See `Procedures.approve`."""
        return await self._threads.run(self._group.approve, name)

    async def remove(self, name: str) -> None:
        """See `Procedures.remove`."""
        await self._threads.run(self._group.remove, name)

    async def to_yaml(self, name: str, version: int | None = None) -> str:
        """See `Procedures.to_yaml`."""
        return await self._threads.run(self._group.to_yaml, name, version)

    async def example(self, name: str = "explain") -> str:
        """See `Procedures.example`."""
        return await self._threads.run(self._group.example, name)
