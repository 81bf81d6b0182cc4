"""The one wire form of everything Holdfast gives back: used by every ``--json``, and by servers.

Keys have a fixed order and are always there, with null where there is nothing. Times are ISO 8601 in
UTC, enums are lower-case names, ids are dashed UUID text. Keys ending in ``_ms`` or ``_bytes`` are numbers.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

    from holdfast.model.erasure import ForgetPreview, ForgetReceipt, Proof, Verification
    from holdfast.model.insight import Access, History, HistoryEntry, Linked, Reads, Summary, Why
    from holdfast.model.moving import BackupReport, RestoreReport
    from holdfast.model.recollection import Hit, Recollection
    from holdfast.model.records import Record
    from holdfast.model.reports import AuditReport, ImportReport

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
"""What JSON can say."""
JsonObject = dict[str, Json]

_UNSAFE = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def record_to_wire(record: Record) -> JsonObject:
    """One version of a memory."""
    return {
        "id": record.id,
        "version": record.version,
        "kind": record.kind.name.lower(),
        "text": record.text,
        "author": record.author,
        "role": record.role.name.lower(),
        "session": record.session,
        "caption": record.caption,
        "subject": record.subject,
        "predicate": record.predicate,
        "object": record.object,
        "category": record.category,
        "tags": list(record.tags),
        "attributes": dict(record.attributes),
        "source": record.source,
        "sources": list(record.sources),
        "origin": record.origin.name.lower(),
        "trust": record.trust.name.lower(),
        "actor": record.actor,
        "confidence": record.confidence,
        "importance": record.importance,
        "valid_from": when_to_wire(record.valid_from),
        "valid_to": when_to_wire(record.valid_to),
        "recorded_at": when_to_wire(record.recorded_at),
        "superseded_by": record.superseded_by,
        "superseded_at": when_to_wire(record.superseded_at),
        "marks": list(record.marks),
        "quarantined": record.quarantined,
        "expires_at": when_to_wire(record.expires_at),
        "replaces": record.replaces,
    }


def hit_to_wire(hit: Hit) -> JsonObject:
    """One memory that was recalled; its signals sum to its score."""
    return {
        "score": hit.score,
        "signals": dict(hit.signals),
        "reasons": list(hit.reasons),
        "sources": list(hit.sources),
        "record": record_to_wire(hit.record),
    }


def recollection_to_wire(found: Recollection) -> JsonObject:
    """What one recall gave, best first."""
    return {
        "query": found.query,
        "confidence": found.confidence,
        "degraded": found.degraded,
        "pending": found.pending,
        "took_ms": round(found.took_ms, 3),
        "tokens": found.tokens,
        "text": found.text,
        "kept": found.kept,
        "hits": [hit_to_wire(hit) for hit in found.hits],
    }


def receipt_to_wire(receipt: ForgetReceipt) -> JsonObject:
    """What a forget erased."""
    return {
        "id": receipt.id,
        "at": when_to_wire(receipt.at_ms),
        "actor": receipt.actor,
        "reason": receipt.reason,
        "forgotten": list(receipt.forgotten),
        "derived": list(receipt.derived),
        "already": list(receipt.already),
        "payloads": receipt.payloads,
        "vectors": receipt.vectors,
        "surfaces": _counts(receipt.surfaces),
        "space": receipt.space,
        "node": receipt.node,
        "node_seq": receipt.node_seq,
        "chain": receipt.chain,
        "recorded_again": receipt.recorded_again,
        "pending": receipt.pending,
        "residue": {"found": receipt.residue[0], "looked_for": receipt.residue[1]},
        "index_vectors": receipt.index_vectors,
    }


def preview_to_wire(preview: ForgetPreview) -> JsonObject:
    """What a forget would erase."""
    return {
        "selected": [record_to_wire(record) for record in preview.selected],
        "derived": [record_to_wire(record) for record in preview.derived],
        "mentions": [record_to_wire(record) for record in preview.mentions],
        "questions": [record_to_wire(record) for record in preview.questions],
        "by_kind": _counts(preview.by_kind),
        "needs_confirmation": preview.needs_confirmation,
        "token": preview.token,
    }


def verification_to_wire(found: Verification) -> JsonObject:
    """Whether what was kept still holds."""
    return {
        "holds": found.holds,
        "problems": list(found.problems),
        "pending": found.pending,
        "checked": _counts(found.checked),
        "limits": list(found.limits),
    }


def proof_to_wire(proof: Proof) -> JsonObject:
    """The heads of the journal's chains."""
    heads: list[Json] = [{"node": node, "node_seq": number, "chain": chain} for node, number, chain in proof.heads]
    return {"space": proof.space, "heads": heads}


def kept_from_wire(value: Any) -> ForgetReceipt | Proof:
    """A receipt or a proof from what `receipt_to_wire` or `proof_to_wire` gave.

    Raises:
        ValueError: it is neither.
    """
    from holdfast.model.erasure import ForgetReceipt, Proof
    from holdfast.model.times import parse_when

    try:
        if "heads" in value:
            heads = tuple((str(h["node"]), int(h["node_seq"]), str(h["chain"])) for h in value["heads"])
            return Proof(str(value["space"]), heads)
        same = ("id", "space", "node", "node_seq", "actor", "reason", "payloads", "vectors", "chain")
        fields: dict[str, Any] = {name: value[name] for name in same}
        fields |= {name: tuple(map(str, value[name])) for name in ("forgotten", "derived", "already")}
        surfaces = {str(name): int(count) for name, count in value.get("surfaces", {}).items()}
        return ForgetReceipt(**fields, at_ms=parse_when(value["at"]), surfaces=surfaces)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"it lacks or misplaces {error}") from None


def history_entry_to_wire(entry: HistoryEntry) -> JsonObject:
    """One event in the life of a memory."""
    return {
        "seq": entry.seq,
        "at": when_to_wire(entry.at_ms),
        "what": entry.what,
        "version": entry.version,
        "actor": entry.actor,
        "other": entry.other,
        "reason": entry.reason,
        "record": record_to_wire(entry.record) if entry.record else None,
    }


def history_to_wire(history: History) -> JsonObject:
    """The life of a memory, oldest event first, and who read it."""
    return {
        "id": history.id,
        "entries": [history_entry_to_wire(entry) for entry in history],
        "reads": [reads_to_wire(reads) for reads in history.reads],
        "supersedes": list(history.supersedes),
    }


def reads_to_wire(reads: Reads) -> JsonObject:
    """How often a principal was given one memory."""
    return {
        "principal": reads.principal,
        "count": reads.count,
        "first": when_to_wire(reads.first_ms),
        "last": when_to_wire(reads.last_ms),
    }


def access_to_wire(access: Access) -> JsonObject:
    """How much a principal used a space."""
    return {
        "principal": access.principal,
        "reads": access.reads,
        "listed": access.listed,
        "writes": access.writes,
        "first": when_to_wire(access.first_ms),
        "last": when_to_wire(access.last_ms),
    }


def why_to_wire(why: Why) -> JsonObject:
    """Why a memory is held, or no longer."""
    return {
        "id": why.id,
        "state": why.state,
        "words": dict(why.words),
        "recorded": when_to_wire(why.recorded_ms),
        "record": record_to_wire(why.record) if why.record else None,
        "sources": [_linked(one) for one in why.sources],
        "supersedes": [_linked(one) for one in why.supersedes],
        "superseded_by": _linked(why.superseded_by) if why.superseded_by else None,
        "falls": [_linked(one) for one in why.falls],
        "reads": [reads_to_wire(reads) for reads in why.reads],
        "receipt": receipt_to_wire(why.receipt) if why.receipt else None,
    }


def _linked(one: Linked) -> JsonObject:
    return {
        "id": one.id,
        "depth": one.depth,
        "via": one.via,
        "record": record_to_wire(one.record) if one.record else None,
    }


def summary_to_wire(summary: Summary) -> JsonObject:
    """What is kept in a space, where it came from, who used it, and how much room it takes."""
    return {
        "space": summary.space,
        "live": summary.live,
        "superseded": summary.superseded,
        "quarantined": summary.quarantined,
        "expired": summary.expired,
        "forgotten": summary.forgotten,
        "receipts": summary.receipts,
        "by_kind": _counts(summary.by_kind),
        "by_category": _counts(summary.by_category),
        "by_author": _counts(summary.by_author),
        "by_source": _counts(summary.by_source),
        "more_sources": summary.more_sources,
        "sessions": summary.sessions,
        "oldest": when_to_wire(summary.oldest_ms),
        "newest": when_to_wire(summary.newest_ms),
        "first_recorded": when_to_wire(summary.first_recorded_ms),
        "last_recorded": when_to_wire(summary.last_recorded_ms),
        "accesses": [access_to_wire(access) for access in summary.accesses],
        "events": summary.events,
        "pending": summary.pending,
        "model": summary.model,
        "breaker": summary.breaker,
        "model_failure": summary.model_failure,
        "size_bytes": summary.size_bytes,
        "sizes": {
            "total_bytes": summary.sizes.total,
            "texts_bytes": summary.sizes.texts,
            "index_bytes": summary.sizes.index,
            "vectors_bytes": summary.sizes.vectors,
            "log_bytes": summary.sizes.log,
        },
    }


def admitted_to_wire(record: Record) -> JsonObject:
    """A memory that was just written, with what the policy decided; null where there is none."""
    said = record_to_wire(record)
    said["verdict"] = record.verdict.name.lower() if record.verdict else None
    said["reasons"] = list(record.reasons)
    return said


def audit_to_wire(report: AuditReport) -> JsonObject:
    """What a policy changes of what is held."""
    return {
        "examined": report.examined,
        "verdicts": _counts(report.verdicts),
        "changes": [
            {"id": one.id, "verdict": one.verdict, "reasons": list(one.reasons), "replaced_by": one.replaced_by}
            for one in report.changes
        ],
        "receipts": list(report.receipts),
        "dry_run": report.dry_run,
    }


def report_to_wire(report: ImportReport) -> JsonObject:
    """What an import did."""
    return {
        "added": report.added,
        "unchanged": report.unchanged,
        "forgotten": report.forgotten,
        "removed": report.removed,
        "format": report.format,
        "dry_run": report.dry_run,
        "corrected": report.corrected,
        "forget_pending": report.forget_pending,
        "verdicts": _counts(report.verdicts),
        "skipped": [
            {"place": skipped.place, "why": skipped.why, "line": skipped.line, "intended": skipped.intended}
            for skipped in report.skipped
        ],
        "questions": [dict(cast("Mapping[str, Json]", question)) for question in report.questions],
    }


def backup_to_wire(report: BackupReport) -> JsonObject:
    """A backup that was written."""
    heads: list[Json] = [{"node": node, "node_seq": number, "chain": chain} for node, number, chain in report.heads]
    return {
        "path": report.path,
        "space": report.space,
        "seq": report.seq,
        "at": None if report.at_ms is None else when_to_wire(report.at_ms),
        "heads": heads,
        "digest": report.digest,
        "bytes": report.bytes,
        "duration_s": round(report.duration_s, 3),
    }


def restore_to_wire(report: RestoreReport) -> JsonObject:
    """A space that was restored, or would be."""
    known, lost = report.forgets_known_until_ms, report.lost
    return {
        "path": report.path,
        "space": report.space,
        "node": report.node,
        "seq": report.seq,
        "backup_seq": report.backup_seq,
        "memories": report.memories,
        "forgotten_again": report.forgotten_again,
        "receipts_again": list(report.receipts_again),
        "forgets_known_until": None if known is None else when_to_wire(known),
        "lost": {
            "events": lost.events,
            "by_what": _counts(lost.by_what),
            "memories": list(lost.memories),
            "pruned": lost.pruned,
        },
        "bytes": report.bytes,
        "duration_s": round(report.duration_s, 3),
        "dry_run": report.dry_run,
    }


def error_to_wire(error: Exception, message: str | None = None) -> JsonObject:
    """An error: its class in snake case, its message (or that one), and whether trying again may help."""
    return {
        "error": {
            "code": error_code(type(error)),
            "message": str(error) if message is None else message,
            "retryable": bool(getattr(error, "retryable", False)),
        }
    }


def error_code(kind: type[Exception]) -> str:
    """The name of an error on the wire: ``StoreBusy`` is ``store_busy``, ``NotASpace`` is ``not_a_space``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()


def when_to_wire(ms: int | None) -> str | None:
    """ISO 8601 in UTC for milliseconds since the epoch."""
    from holdfast.model.times import format_when

    return None if ms is None else format_when(ms)


def to_json(value: Json, *, indent: int | None = None) -> str:
    """JSON text that is safe to show: what could drive a terminal or reorder a line is written as an escape."""
    return safe_json(json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent))


def safe_json(text: str) -> str:
    """The same JSON with characters that could drive a terminal or reorder a line as ``\\uXXXX`` escapes.

    Such characters stand inside strings only, where JSON reads the escape as the same character.
    """
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _counts(counts: Mapping[str, int]) -> JsonObject:
    """Counts by name, greatest first, then by name."""
    return {name: counts[name] for name in sorted(counts, key=lambda name: (-counts[name], name))}
