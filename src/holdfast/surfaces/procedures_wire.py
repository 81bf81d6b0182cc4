"""Procedures, their trials and matches as JSON values; see `holdfast.surfaces.wire`."""

from __future__ import annotations

from typing import cast

from holdfast.model.procedures import (
    Procedure,
    ProcedureComparison,
    ProcedureMatch,
    ProcedureMatches,
    PromptStep,
    RenderedProcedure,
    Step,
    Success,
    Trial,
)
from holdfast.surfaces.wire import Json, JsonObject, when_to_wire


def procedure_to_wire(one: Procedure) -> JsonObject:
    """One version of a procedure."""
    return {
        "name": one.name,
        "version": one.version,
        "edition": one.edition,
        "description": one.description,
        "when": {
            "phrases": list(one.when.phrases),
            "examples": list(one.when.examples),
            "keywords": list(one.when.keywords),
            "tools": list(one.when.tools),
        },
        "inputs": [
            {
                "name": field.name,
                "type": field.type.value,
                "required": field.required,
                "default": cast("Json", field.default),
                "description": field.description,
            }
            for field in one.inputs
        ],
        "steps": [_step_to_wire(step) for step in one.steps],
        "state": one.state.value,
        "same_as": one.same_as,
        "sources": list(one.sources),
        "actor": one.actor,
        "at": when_to_wire(one.at_ms),
        "id": one.id,
        "quarantined": one.quarantined,
    }


def trial_to_wire(one: Trial) -> JsonObject:
    """How one use went."""
    return {
        "procedure": one.procedure,
        "version": one.version,
        "success": one.success,
        "seconds": one.seconds,
        "cost": one.cost,
        "note": one.note,
        "actor": one.actor,
        "at": when_to_wire(one.at_ms),
        "id": one.id,
    }


def success_to_wire(one: Success) -> JsonObject:
    """How often something went well."""
    return {
        "successes": one.successes,
        "trials": one.trials,
        "lower": one.lower,
        "seconds": one.seconds,
        "cost": one.cost,
    }


def matches_to_wire(found: ProcedureMatches) -> JsonObject:
    """What applies, the best first."""
    return {"matches": [_match_to_wire(one) for one in found], "degraded": found.degraded}


def rendered_to_wire(one: RenderedProcedure) -> JsonObject:
    """A procedure with its inputs filled in."""
    return {
        "name": one.name,
        "version": one.version,
        "steps": [
            {
                "name": step.name,
                "prompt": step.prompt,
                "call": step.tool,
                "arguments": cast("Json", dict(step.arguments)),
            }
            for step in one.steps
        ],
    }


def comparison_to_wire(one: ProcedureComparison) -> JsonObject:
    """Two versions, what differs, and how each went."""
    return {
        "before": one.before.version,
        "after": one.after.version,
        "differences": [
            {"where": found.where, "before": cast("Json", found.before), "after": cast("Json", found.after)}
            for found in one.differences
        ],
        "before_success": success_to_wire(one.before_success),
        "after_success": success_to_wire(one.after_success),
    }


def _match_to_wire(one: ProcedureMatch) -> JsonObject:
    return {
        "procedure": procedure_to_wire(one.procedure),
        "score": one.score,
        "matched": one.matched,
        "why": list(one.why),
        "success": success_to_wire(one.success),
    }


def _step_to_wire(step: Step) -> JsonObject:
    if isinstance(step, PromptStep):
        return {"name": step.name, "prompt": step.prompt}
    return {"name": step.name, "call": step.tool, "arguments": cast("Json", dict(step.arguments))}
