"""Explanations, kept recalls and expectations as JSON values; see `holdfast.surfaces.wire`."""

from __future__ import annotations

from holdfast.model.asked import Expectation, KeptRecall, Outcome, Replay
from holdfast.model.explanation import Explanation, SignalShare, WhyNot
from holdfast.surfaces.wire import JsonObject, hit_to_wire, when_to_wire


def explanation_to_wire(found: Explanation) -> JsonObject:
    """A recall, explained."""
    return {
        "query": found.query,
        "candidates": found.candidates,
        "confidence": found.confidence,
        "withheld": found.withheld,
        "hits": [
            {**hit_to_wire(one.hit), "place": one.place, "shares": [_share(share) for share in one.signals]}
            for one in found.hits
        ],
        "why_not": None if found.why_not is None else why_not_to_wire(found.why_not),
    }


def why_not_to_wire(told: WhyNot) -> JsonObject:
    """Why a memory was not returned."""
    return {
        "id": told.id,
        "reason": told.reason,
        "words": told.words,
        "failing": list(told.failing),
        "place": told.place,
        "score": told.score,
        "needed": told.needed,
        "places": dict(told.places),
        "shares": [_share(share) for share in told.signals],
    }


def kept_to_wire(kept: KeptRecall) -> JsonObject:
    """A recall that was kept."""
    return {
        "id": kept.id,
        "query": kept.query,
        "at": when_to_wire(kept.at_ms),
        "now": when_to_wire(kept.now_ms),
        "space": kept.space,
        "node": kept.node,
        "seq": kept.seq,
        "hits": [{"id": one, "score": score} for one, score in kept.hits],
        "model": kept.model,
        "engine": kept.engine,
        "degraded": kept.degraded,
        "limit": kept.limit,
        "budget_tokens": kept.budget_tokens,
        "where": dict(kept.where),
        "since": when_to_wire(kept.since_ms),
        "until": when_to_wire(kept.until_ms),
        "thorough": kept.thorough,
        "min_confidence": kept.min_confidence,
        "altered": kept.altered,
    }


def replay_to_wire(replay: Replay) -> JsonObject:
    """A kept recall that was asked again."""
    return {
        "same": replay.same,
        "differences": list(replay.differences),
        "causes": list(replay.causes),
        "hits": [{"id": one, "score": score} for one, score in replay.hits],
        "kept": kept_to_wire(replay.kept),
    }


def expectation_to_wire(expected: Expectation) -> JsonObject:
    """What a question must bring back."""
    return {
        "id": expected.id,
        "query": expected.query,
        "contains": list(expected.contains),
        "not_contains": list(expected.not_contains),
        "memory": expected.memory,
        "limit": expected.limit,
        "where": dict(expected.where),
    }


def outcome_to_wire(outcome: Outcome) -> JsonObject:
    """What became of an expectation."""
    return {
        "met": outcome.met,
        "problems": list(outcome.problems),
        "hits": list(outcome.hits),
        "expectation": expectation_to_wire(outcome.expectation),
    }


def _share(share: SignalShare) -> JsonObject:
    return {
        "name": share.name,
        "value": share.value,
        "weights": dict(share.weights),
        "place": share.place,
        "gives": share.gives,
    }
