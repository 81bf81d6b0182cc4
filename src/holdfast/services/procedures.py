"""Procedures: kept under their names with every version, found by what triggers them, filled in, and tried."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from functools import cache
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from holdfast.core import border
from holdfast.core.codec import canonical
from holdfast.core.procedure_inputs import inputs_for
from holdfast.core.procedure_rank import folded, meant, ranked, success_of, worded
from holdfast.core.procedure_trials import trial_content, trial_of
from holdfast.core.procedures import (
    check_procedure_name,
    check_state,
    differences,
    plain,
    procedure_content,
    procedure_from,
    procedure_of,
    read_procedure,
    steps_digest,
    templates_of,
)
from holdfast.errors import InvalidField, KeyReused, NotFound, Refused, VersionConflict
from holdfast.model import limits
from holdfast.model.ids import id_text
from holdfast.model.procedures import (
    Procedure,
    ProcedureComparison,
    ProcedureMatch,
    ProcedureMatches,
    ProcedureState,
    PromptStep,
    RenderedProcedure,
    RenderedStep,
    Step,
    Success,
    Trial,
)
from holdfast.model.records import Content, Kind, Origin, Record
from holdfast.ports.templates import ProcedureFiles, Templates
from holdfast.services.aside import Aside, as_apart
from holdfast.services.embedding import Embedding
from holdfast.services.ledger import Ledger
from holdfast.services.model_calls import MODEL_FAILURES
from holdfast.services.procedure_table import Row, Table
from holdfast.services.remembering import Remembering

REMOVED: Final = "procedure removed"
"""The reason in the receipt of a procedure that was removed."""
EXPIRED: Final = "the procedure's time was up"
_WHOLE: Final = r"\s*\{\{\s*([A-Za-z]\w*)\s*\}\}\s*"
"""A template that is nothing but one input."""


class Procedures:
    """The procedures of one space, for one principal.

    Args:
        now: Milliseconds since the epoch.
        templates, files: Made when first used: they need packages that not everybody has.
    """

    def __init__(
        self,
        ledger: Ledger,
        aside: Aside,
        remembering: Remembering,
        embedding: Embedding,
        now: Callable[[], int],
        templates: Callable[[], Templates],
        files: Callable[[], ProcedureFiles],
    ) -> None:
        self._ledger = ledger
        self._aside = aside
        self._remembering = remembering
        self._embedding = embedding
        self._now = now
        self._templates = cache(templates)
        self._files = cache(files)
        self._table = Table(aside)
        aside.when_forgotten(self._table.let_go)

    # Writing

    def add(self, given: object, *, version: object) -> Procedure:
        """Keep a procedure, or a further version of the one of its name."""
        one = self._checked(given)
        seen = None if version is None else _check_seen(version)

        def make(old: Record | None) -> Content:
            held = 0 if old is None else old.version
            if seen is not None and seen != held:
                raise VersionConflict(
                    f"The procedure {one.name!r} is at version {held}, not {seen}. Nothing was written; read it again, "
                    "compare, and decide."
                )
            return self._content(one, old)

        return self._changed(one.name, make)

    def rollback(self, name: str, version: object) -> Procedure:
        """Write an earlier version again, as a further one."""
        wanted = self.get(name, border.check_count(version, "version", 2**62))
        back = replace(
            wanted, state=ProcedureState.ACTIVE, same_as=wanted.same_as or wanted.version, sources=()
        )  # fmt: skip
        self._check_templates(back)

        def make(old: Record | None) -> Content:
            if self._held(wanted.name, old).id != wanted.id:
                raise NotFound(f"The procedure {name!r} was forgotten meanwhile. Nothing was written.")
            return self._content(back, old)

        return self._changed(wanted.name, make)

    def approve(self, name: str) -> Procedure:
        """Let a proposed procedure be matched."""
        checked = check_procedure_name(name)

        def make(old: Record | None) -> Content:
            held = self._held(checked, old)
            one = procedure_of(held)
            return self._content(replace(one, state=ProcedureState.ACTIVE), held, origin=held.origin)

        return self._changed(checked, make)

    def learn(self, *, min_runs: int, limit: int) -> list[Procedure]:
        """Propose what went well several times; gives what is newly proposed."""
        from holdfast.services.procedure_learning import Learning

        return Learning(self._ledger, self._aside, self._remembering).learn(min_runs, limit)

    def remove(self, name: str) -> None:
        """Erase a procedure with all its versions and trials; what was learned does not come back by itself."""
        checked = check_procedure_name(name)
        held = self._held(checked, self._aside.find(Kind.PROCEDURE, checked))
        trials = [one.id for one, _ in self._table.trials(checked, self._now())]
        self._aside.forget([held.id, *trials], REMOVED)

    def record_outcome(
        self,
        name: str,
        success: object,
        *,
        seconds: object,
        cost: object,
        note: object,
        version: object,
        session: object,
        sources: Sequence[str],
        key: str | None,
    ) -> Trial:
        one = self.get(name, version)
        if one.state is ProcedureState.PROPOSED:
            raise InvalidField(
                f"The procedure {one.name!r} is proposed, and nobody has approved it. Nothing was written; approve it "
                "first."
            )
        content = trial_content(
            one, success=success, seconds=seconds, cost=cost, note=note, session=session, sources=sources,
            at_ms=self._now(), actor=self._remembering.actor,
        )  # fmt: skip
        unsaid = {} if version is not None else {"version": 0, "of": ""}

        def as_asked(said: Content) -> Content:
            return replace(said, body=canonical({**json.loads(said.body or "{}"), **unsaid}).decode())

        command = self._remembering.keyed("outcome", key, content, timeless=True, asked=as_asked)
        try:
            ((record, _),) = self._remembering.take_all([command])
        except KeyReused:
            raise KeyReused(
                f"This key already recorded the trial {id_text(command.record)} from other arguments. Nothing was "
                "written; use a new key for another trial."
            ) from None
        return trial_of(record)[0]

    # Reading

    def get(self, name: str, version: object = None) -> Procedure:
        checked = check_procedure_name(name)
        held = self._held(checked, self._aside.find(Kind.PROCEDURE, checked))
        if version is None:
            return procedure_of(held)
        wanted = border.check_count(version, "version", 2**62)
        if wanted == held.version:
            return procedure_of(held)
        found = self._aside.versions(Kind.PROCEDURE, checked)
        for record in reversed(found):  # two devices may have made one number each; the one that came last holds
            if record.version == wanted:
                return procedure_of(record)
        raise NotFound(
            f"The procedure {checked!r} has no version {wanted}; it has {found[0].version} to {found[-1].version}."
        )

    def all(self, state: object) -> list[Procedure]:
        """Every procedure by its name, or those in a state, without those that a policy set apart."""
        wanted = None if state is None else check_state(state)
        found = [row.procedure for row in self._table.rows(self._now())]
        return [one for one in found if not one.quarantined and wanted in (None, one.state)]

    def versions(self, name: str) -> list[Procedure]:
        """Every version, oldest first."""
        checked = check_procedure_name(name)
        self._held(checked, self._aside.find(Kind.PROCEDURE, checked))
        return [procedure_of(record) for record in self._aside.versions(Kind.PROCEDURE, checked)]

    def trials(self, name: str, version: object) -> list[Trial]:
        """Trials of a version, or of all, oldest first."""
        checked = check_procedure_name(name)
        number = None if version is None else self.get(checked, version).version
        found = self._table.trials(checked, self._now())
        return [one for one, _ in found if number in (None, one.version)]

    def success(self, name: str, version: object) -> Success:
        """How the steps of a version went, in every version that has them."""
        one = self.get(name, version)
        rows = self._table.rows(self._now()) if version is None else ()
        return next((row.success for row in rows if row.procedure == one), None) or self._success(one)

    def compare(self, name: str, before: object, after: object) -> ProcedureComparison:
        one, other = self.get(name, before), self.get(name, after)
        return ProcedureComparison(one, other, differences(one, other), self._success(one), self._success(other))

    def to_yaml(self, name: str, version: object) -> str:
        """The YAML that adds a version back as it is."""
        return self._files().write(plain(self.get(name, version)))

    # Use

    def match(
        self, text: str, *, limit: int, tools: Sequence[str] | None, vector: NDArray[np.float32] | None = None
    ) -> ProcedureMatches:
        """Procedures that apply to what is said, the best first.

        Args:
            vector: Of the text, where it was made already.
        """
        most = border.check_count(limit, "limit", limits.LIMIT_HITS)
        said = folded(border.check_text(text, "query", limits.QUERY_CHARS))
        used = frozenset(border.check_tags(tools or ()))
        rows = self._table.active(self._now())
        meaning, degraded = self._meaning(text, rows, vector)
        found = list[ProcedureMatch]()
        for row, cosine in zip(rows, meaning, strict=True):
            matched, why = worded(said, row.wording, used)
            by_meaning = meant(cosine)
            if by_meaning > 0:
                near = f"its meaning is near ({cosine:.2f})"
                why = [near, *why] if by_meaning > matched else [*why, near]
                matched = max(matched, by_meaning)
            if matched > 0:
                score = ranked(matched, row.success)
                found.append(ProcedureMatch(row.procedure, score, tuple(why), row.success, matched))
        found.sort(key=lambda one: (-one.score, one.procedure.name))
        return ProcedureMatches(tuple(found[:most]), degraded)

    def records(self, text: str, limit: int) -> list[Record]:
        """The records of the procedures that apply, the best first."""
        found = self.match(text, limit=limit, tools=None)
        return [self._aside.get(Kind.PROCEDURE, one.procedure.name) for one in found]

    def render(self, name: str, inputs: object, version: object) -> RenderedProcedure:
        one = self.get(name, version)
        if self._aside.get(Kind.PROCEDURE, one.name).quarantined:
            raise Refused(f"A policy set the procedure {one.name!r} apart, so its steps are not for use.")
        values = inputs_for(one, inputs)
        steps = list[RenderedStep]()
        for number, step in enumerate(one.steps, 1):
            try:
                steps.append(self._filled(step, values))
            except InvalidField as error:
                raise InvalidField(f"Step {number} of the procedure {one.name!r}: {error}") from None
        return RenderedProcedure(one.name, one.version, tuple(steps))

    def _filled(self, step: Step, values: Mapping[str, Any]) -> RenderedStep:
        fill = self._templates().fill
        if isinstance(step, PromptStep):
            return RenderedStep(step.name, prompt=fill(step.prompt, values))

        def filled(value: Any) -> Any:
            if isinstance(value, str):
                whole = re.fullmatch(_WHOLE, value)
                return values[whole[1]] if whole and whole[1] in values else fill(value, values)
            if isinstance(value, list):
                return [filled(one) for one in cast("list[Any]", value)]
            if isinstance(value, Mapping):
                return {key: filled(one) for key, one in cast("Mapping[str, Any]", value).items()}
            return value

        return RenderedStep(step.name, tool=step.tool, arguments=filled(step.arguments))

    def _meaning(
        self, text: str, rows: Sequence[Row], vector: NDArray[np.float32] | None
    ) -> tuple[list[float], str | None]:
        """For each procedure the greatest cosine of what is said with what it means; or why there is none."""
        nothing = [0.0] * len(rows)
        if self._embedding.embedder is None:
            return nothing, self._embedding.why_none or "no embedding model: matched by words only"
        if not rows:
            return nothing, None
        try:
            asked = self._embedding.query_vector(text) if vector is None else vector
            assert asked is not None  # there is a model
            # What people say is compared with what people might say, so both are made in the same way.
            stacked, owners = self._table.vectors(rows, self._embedding.query_vector)
        except MODEL_FAILURES as error:
            return nothing, f"the embedding model failed: {error}"
        best = np.full(len(rows), -1.0, np.float32)
        np.maximum.at(best, owners, stacked @ asked)
        return best.tolist(), None

    # What it needs

    def _checked(self, given: object) -> Procedure:
        """A procedure that may be kept, from YAML, a file of it, a mapping, or Python.

        Raises:
            InvalidField, InvalidText.
        """
        form = self._files().parse(border.check_text(given, "procedure")) if isinstance(given, str) else given
        one = procedure_from(form)
        self._check_templates(one)
        return one

    def _check_templates(self, one: Procedure) -> None:
        known = [field.name for field in one.inputs]
        for where, template in templates_of(one):
            if strange := sorted(self._templates().names(template) - set(known)):
                raise InvalidField(
                    f"In {where} the procedure {one.name!r} uses {strange[0]!r:.60}, which is none of its inputs "
                    f"({', '.join(known) or 'it has none'}). Nothing was written."
                )

    def _content(self, one: Procedure, old: Record | None, origin: Origin = Origin.AGENT) -> Content:
        """A version as what is stored: the very same where it says the same as the one before."""
        if old is not None and not self._is_over(old):
            held = procedure_of(old)
            if (plain(held), held.state) == (plain(one), one.state):
                return Content(**{field.name: getattr(old, field.name) for field in fields(Content)})
            # An earlier version may hold what came of a source, so whatever follows goes with it.
            one = replace(one, sources=held.sources)
        content = procedure_content(one, self._now(), self._remembering.actor, origin)
        return replace(content, trust=min(content.trust, old.trust)) if old is not None and one.sources else content

    def _changed(self, name: str, make: Callable[[Record | None], Content]) -> Procedure:
        was_apart = False

        def made(old: Record | None) -> Content:
            nonlocal was_apart
            was_apart = old is not None and old.quarantined
            content = make(old)
            return content if old is None else as_apart(content, old)

        def check(kept: Content) -> None:
            if kept.quarantined and not was_apart:
                raise Refused(
                    "The policy would set this apart, and a procedure is followed as it is. Nothing was written.",
                    tuple(f"{mark} content" for mark in kept.marks),
                )
            one = read_procedure(kept.body)[0]
            if one.name != name:
                raise Refused(f"The policy would change the name {name!r}. Nothing was written; take another name.")
            self._check_templates(one)

        held = self._aside.find(Kind.PROCEDURE, name)
        if held is not None and self._is_over(held):
            self._aside.forget([held.id], EXPIRED)
        return procedure_of(self._aside.change(Kind.PROCEDURE, name, made, check))

    def _success(self, one: Procedure) -> Success:
        steps = steps_digest(one)
        return success_of(trial for trial, of in self._table.trials(one.name, self._now()) if of == steps)

    def _held(self, name: str, record: Record | None) -> Record:
        if record is None or self._is_over(record):
            raise NotFound(f"There is no procedure {name!r} in this space. Nothing was written; add it first.")
        return record

    def _is_over(self, record: Record) -> bool:
        return record.expires_at is not None and record.expires_at <= self._now()


def _check_seen(version: object) -> int:
    """The version that a caller has seen, 0 for none; of a procedure that was read its own."""
    if isinstance(version, Procedure):
        return version.version
    return 0 if version == 0 and not isinstance(version, bool) else border.check_count(version, "version", 2**62)
