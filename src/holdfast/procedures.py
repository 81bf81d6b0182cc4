"""``memory.procedures``: how-tos that are kept, found by what triggers them, filled in, tried and learned."""

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
from holdfast.space import Space


class Procedures:
    """The procedures of a memory, by name. ``procedures["explain"]`` is the one that holds."""

    def __init__(self, space: Space) -> None:
        self._space = space

    def __getitem__(self, name: str) -> Procedure:
        return self.get(name)

    def add(
        self, procedure: Procedure | Mapping[str, Any] | str | Path, *, version: int | Procedure | None = None
    ) -> Procedure:
        """Keep a procedure, or a further version of the one of its name; durable when this returns.

        The same again is no further version. Needs ``pip install 'holdfast[procedures]'``.

        Args:
            procedure: A `Procedure`, a mapping as YAML would give it, YAML itself, or the path of a file of it.
            version: Compare and set: the version you have seen, 0 for none, or the `Procedure` that you read; where
                another one holds, nothing is written.

        Raises:
            InvalidField, InvalidText: it says what no procedure can; the place is named. Nothing was written.
            VersionConflict: another version holds.
            Refused: the policy does not let it be kept as it is, or would set it apart.
        """
        if isinstance(procedure, Path):
            from holdfast.adapters.procedure_files import read_file

            procedure = read_file(procedure)
        return self._space.procedures.add(procedure, version=version)

    def get(self, name: str, version: int | None = None) -> Procedure:
        """A procedure as it is now, or as it was in a version.

        Raises:
            NotFound.
        """
        return self._space.procedures.get(name, version)

    def list(self, state: ProcedureState | str | None = None) -> builtins.list[Procedure]:
        """Every procedure, or those that are ``active`` or ``proposed``, by name."""
        return self._space.procedures.all(state)

    def match(self, text: str, *, limit: int = 3, tools: Sequence[str] | None = None) -> ProcedureMatches:
        """Procedures that apply to what is said, the best first; the same each time.

        One that is named, or of which a phrase is said, comes before one whose keywords or meaning match. How well it
        matches is weighed by the lower bound of how often it went well: 95 of 100 comes before 1 of 1. Proposed ones
        are left out.

        Args:
            text: What somebody said, or wants.
            limit: The most that are given, 1 to 1,000.
            tools: Tools that are being used.

        Raises:
            InvalidText, InvalidField.
        """
        return self._space.procedures.match(text, limit=limit, tools=tools)

    def render(
        self, name: str, inputs: Mapping[str, Any] | None = None, *, version: int | None = None
    ) -> RenderedProcedure:
        """The steps of a procedure with its inputs filled in. Needs ``pip install 'holdfast[procedures]'``.

        Raises:
            NotFound.
            InvalidField: an input is missing, unknown or of another type, or a step comes to too much text or work.
            Refused: a policy that came later set the procedure apart.
        """
        return self._space.procedures.render(name, inputs, version)

    def record_outcome(
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
        """Record how one use of a procedure went; durable when this returns.

        Args:
            seconds, cost: What it took, from 0 on; the currency of a cost is yours.
            note: What is worth noting, up to 10,000 characters.
            version: The version that was used; the one that holds by default.
            session: The session it was used in; forgotten with it.
            sources: Ids of the memories that tell of it; it is forgotten with any of them, and with the procedure.
            key: Idempotency key: the same call again records nothing.

        Raises:
            NotFound, Gone, InvalidField, InvalidText, KeyReused, Refused. Nothing was written.
        """
        return self._space.procedures.record_outcome(
            name, success, seconds=seconds, cost=cost, note=note, version=version, session=session, sources=sources,
            key=key,
        )  # fmt: skip

    def success(self, name: str, version: int | None = None) -> Success:
        """How often a version went well, and every other version with the same inputs and steps.

        Raises:
            NotFound.
        """
        return self._space.procedures.success(name, version)

    def trials(self, name: str, version: int | None = None) -> builtins.list[Trial]:
        """Trials of a procedure, or of one of its versions, oldest first."""
        return self._space.procedures.trials(name, version)

    def versions(self, name: str) -> builtins.list[Procedure]:
        """Every version of a procedure, oldest first, as far back as the history of the space goes.

        Raises:
            NotFound.
        """
        return self._space.procedures.versions(name)

    def compare(self, name: str, before: int, after: int | None = None) -> ProcedureComparison:
        """What differs between two versions, and how each went; ``after`` is the one that holds by default.

        Raises:
            NotFound.
        """
        return self._space.procedures.compare(name, before, after)

    def rollback(self, name: str, version: int) -> Procedure:
        """Write an earlier version again, as a further one.

        Raises:
            NotFound: there is no such procedure or version.
            Refused.
        """
        return self._space.procedures.rollback(name, version)

    def learn(self, *, min_runs: int = 3, limit: int = 20) -> builtins.list[Procedure]:
        """Propose procedures from what went well several times: the same tools, called in the same order.

        A run is a stretch of tool calls in a session that ended in an outcome ``success``, or each of which did. What
        was proposed waits until it is approved, is forgotten with any of the episodes that it came from, and does not
        come back once it was removed. No model is asked. Gives what is newly proposed.

        Args:
            min_runs: Runs in which a sequence must be, 2 to 1,000.
            limit: The most that are proposed, those of the most runs first, up to 1,000.
        """
        return self._space.procedures.learn(min_runs=min_runs, limit=limit)

    def approve(self, name: str) -> Procedure:
        """Let a proposed procedure be matched from now on; of one that is active, nothing changes.

        Raises:
            NotFound.
        """
        return self._space.procedures.approve(name)

    def remove(self, name: str) -> None:
        """Forget a procedure with its versions and trials, for good; its name can be used again.

        Raises:
            NotFound.
        """
        self._space.procedures.remove(name)

    def to_yaml(self, name: str, version: int | None = None) -> str:
        """The YAML of a procedure, which adds it back as it is. Needs ``pip install 'holdfast[procedures]'``.

        Raises:
            NotFound.
        """
        return self._space.procedures.to_yaml(name, version)

    def example(self, name: str = "explain") -> str:
        """The YAML of a procedure that comes with Holdfast, to be added as it is or after an edit.

        Raises:
            NotFound: none of that name comes with it.
        """
        from holdfast.adapters.procedure_files import example

        return example(name)
