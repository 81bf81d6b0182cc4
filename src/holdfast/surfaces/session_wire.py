"""Sessions, episodes and tiers as JSON values; see `holdfast.surfaces.wire`."""

from __future__ import annotations

from typing import cast

from holdfast.model.episodes import Episode
from holdfast.model.sessions import SessionFound, SessionInfo
from holdfast.model.tiers import SweepReport, TierHolding
from holdfast.model.window import Window
from holdfast.surfaces.wire import Json, JsonObject, hit_to_wire, record_to_wire, when_to_wire


def session_to_wire(info: SessionInfo) -> JsonObject:
    """What is known of a session."""
    return {
        "id": info.id,
        "user": info.user,
        "agent": info.agent,
        "idle_ttl_s": info.idle_ttl_s,
        "closed": info.is_closed,
        "turns": info.turns,
        "first": when_to_wire(info.first_ms),
        "last": when_to_wire(info.last_ms),
        "closed_at": when_to_wire(info.closed_ms),
        "summaries": list(info.summaries),
    }


def found_to_wire(found: SessionFound) -> JsonObject:
    """A session in which something was found."""
    return {
        "session": session_to_wire(found.session),
        "score": found.score,
        "hits": [hit_to_wire(hit) for hit in found.hits],
    }


def window_to_wire(window: Window) -> JsonObject:
    """What of a session fits into a prompt."""
    return {
        "session": window.session,
        "shape": window.shape,
        "messages": cast("list[Json]", window.messages),
        "system": window.system,
        "tokens": window.tokens,
        "max_tokens": window.max_tokens,
        "memories": list(window.memories),
        "evicted": window.evicted,
        "summary": window.summary,
        "by": list(window.by),
        "shortened": list(window.shortened),
        "degraded": window.degraded,
        "left_out": list(window.left_out),
    }


def episode_to_wire(episode: Episode) -> JsonObject:
    """An episode with what belongs to it."""
    return {
        **record_to_wire(episode.record),
        "user": episode.user,
        "agent": episode.agent,
        "input": episode.input,
        "output": episode.output,
        "outcome": episode.outcome,
        "sentiment": episode.sentiment,
        "times": [[when_to_wire(start), when_to_wire(end)] for start, end in episode.times],
        "it": episode.it,
        "resolves": episode.resolves,
        "resolution": None if episode.resolution is None else episode_to_wire(episode.resolution),
        "score": episode.score,
    }


def tier_to_wire(holding: TierHolding) -> JsonObject:
    """A tier as it was declared, and how much it holds."""
    spec = holding.spec
    return {
        "name": spec.name,
        "kinds": [kind.name.lower() for kind in sorted(spec.kinds)],
        "items": spec.items,
        "tokens": spec.tokens,
        "lifetime_s": spec.lifetime_s,
        "key_ttl_s": spec.key_ttl_s,
        "retrieval": spec.retrieval.value,
        "eviction": spec.eviction.value,
        "keep_last": spec.keep_last,
        "compress_at": spec.compress_at,
        "backend": spec.backend.split("@")[-1],  # a password stays out
        "where": spec.where,
        "memories": holding.memories,
    }


def sweep_to_wire(report: SweepReport) -> JsonObject:
    """What left its tier."""
    return {
        "dry_run": report.dry_run,
        "left": {name: list(ids) for name, ids in report.left.items()},
        "kept": dict(report.kept),
        "receipts": list(report.receipts),
    }
