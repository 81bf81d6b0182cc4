"""Why a memory is held, in sentences for a person: pure words about what was looked up."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.core.policy.judge import LABELS
from holdfast.core.policy.settings import span_text
from holdfast.model.insight import Linked, Why
from holdfast.model.policy import Policy, Sensitive
from holdfast.model.records import TRUST_OF_ORIGIN, Kind, Origin, Record
from holdfast.model.times import format_when
from holdfast.model.verdict import RELEASED

_CUT = 120
_FROM = {
    Origin.USER: "the user",
    Origin.AGENT: "an agent",
    Origin.TOOL: "a tool",
    Origin.DOCUMENT: "a document",
    Origin.INFERRED: "a conclusion",
    Origin.RECALLED: "text that was recalled",
}
_STATE = {
    "live": "It is held, and recalled where it fits a question.",
    "aside": "It stands beside the memories: it is held and can be forgotten, but is never recalled or listed.",
    "quarantined": "It is kept apart: it is held, but never recalled and not listed unless that is asked for.",
}


def words_of(why: Why, reason: str | None, policy: Policy | None) -> dict[str, str]:
    """Sentences by what they are about; a subject of which there is nothing to say is left out.

    Args:
        reason: Why it replaced another, in the caller's words.
        policy: The one in force now.
    """
    record = why.record
    if record is None:
        return {"state": _gone(why)}
    said = {
        "state": _state(why, record),
        "origin": _origin(why, record),
        "sources": _sources(why.sources),
        "trust": _trust(why, record),
        "policy": _policy(record, policy),
        "keeping": _keeping(record, why.recorded_ms, policy),
        "supersedes": _supersedes(why.supersedes, reason),
        "falls": _falls(why.falls),
        "use": _use(why),
    }
    return {about: words for about, words in said.items() if words}


def _gone(why: Why) -> str:
    came = f"It was taken in at {format_when(why.recorded_ms)}"
    if why.receipt is None:
        return f"{came} and forgotten. What it said is erased."
    because = f", because: {_cut(why.receipt.reason)}" if why.receipt.reason else ""
    return (
        f"{came} and forgotten at {format_when(why.receipt.at_ms)} by {why.receipt.actor}{because}. "
        f"What it said, where it came from and who read it are erased; receipt {why.receipt.id} stays."
    )


def _state(why: Why, record: Record) -> str:
    if why.state == "due":
        return (
            f"Its time was up at {format_when(record.expires_at or 0)}: it is no longer recalled; an audit forgets it."
        )
    if why.superseded_by is None:
        return _STATE[why.state]
    now = f": {_quoted(why.superseded_by)}" if why.superseded_by.record else ", which was forgotten since"
    when = f" at {format_when(record.superseded_at)}" if record.superseded_at is not None else ""
    return f"It was superseded{when} by {why.superseded_by.id}{now}. It is kept in history and not recalled."


def _origin(why: Why, record: Record) -> str:
    moment = format_when(record.valid_from)
    where = f" in session {record.session}" if record.session else ""
    if record.kind is Kind.TURN:
        told = f"{record.author or 'Somebody'} said it{where} at {moment}."
    elif record.kind.is_episode or record.kind.is_aside:
        what = record.kind.name.lower().replace("_", " ")
        told = f"It is {'an' if what[0] in 'aeio' else 'a'} {what}{where} of {moment}."
    else:
        until = f" until {format_when(record.valid_to)}" if record.valid_to is not None else ""
        told = f"It is a fact that came from {_FROM[record.origin]}, true from {moment}{until}."
    source = f" Its source is noted as: {_cut(record.source)}." if record.source else ""
    versions = f"; this is version {record.version}, of {format_when(record.recorded_at)}" if record.version > 1 else ""
    redacted = f" It is what a changed policy left of {record.replaces}." if record.replaces else ""
    return f"{told}{source} It was recorded at {format_when(why.recorded_ms)} by {record.actor}{versions}.{redacted}"


def _sources(sources: Sequence[Linked]) -> str:
    if not sources:
        return ""
    lost = sum(one.record is None for one in sources)
    first = [one for one in sources if one.record and not one.record.sources]
    told = "; ".join(_quoted(one) for one in first[:3])
    more = f"; and {len(first) - 3:,} more" if len(first) > 3 else ""
    begins = f" It all begins with {told}{more}." if told else ""
    gone = f" {_memories(lost)} of them cannot be shown, being forgotten or not here." if lost else ""
    nearest = sum(one.depth == 1 for one in sources)
    through = "it" if nearest == 1 else "them"
    steps = f", and through {through} from {len(sources) - nearest:,} more" if len(sources) > nearest else ""
    return f"It was derived from {_memories(nearest)}{steps}.{begins}{gone}"


def _trust(why: Why, record: Record) -> str:
    trust, own = record.trust.name.lower(), TRUST_OF_ORIGIN[record.origin]
    because = f"what comes from {_FROM[record.origin]} has {own.name.lower()} trust"
    if record.trust >= own:
        return f"Its trust is {trust}: {because}."
    held = [one for one in (*why.sources, *why.supersedes) if one.record and one.record.trust <= record.trust]
    if held:
        role = "was derived from" if held[0] in why.sources else "corrected"
        return f"Its trust is {trust}, no more than that of {held[0].id}, which it {role}; {because} at most."
    return f"Its trust is {trust}, as that of what it was made from; {because} at most."


def _policy(record: Record, policy: Policy | None) -> str:
    parts = list[str]()
    for mark in record.marks:
        if mark == RELEASED:
            parts.append("it was let out of quarantine by hand")
        else:
            out = LABELS[Sensitive(mark)] in record.entry if mark in set(Sensitive) else False
            parts.append(f"{mark} content was found in it and {'taken out' if out else 'noted'}")
    if record.quarantined:
        parts.append("it is kept apart, for what was found in it or in what it was derived from")
    if not parts:
        return (
            "A policy is in force and found nothing in it." if policy else "No policy is set here: kept as it was said."
        )
    rules = [f"{mark} = {policy.action(Sensitive(mark))}" for mark in record.marks if policy and mark in set(Sensitive)]
    now = f" The rules now: {', '.join(rules)}." if rules else ""
    return f"When it was judged: {'; '.join(parts)}.{now}"


def _keeping(record: Record, recorded_ms: int, policy: Policy | None) -> str:
    if record.expires_at is None:
        return "It is kept until somebody forgets it."
    ends = format_when(record.expires_at)
    rule = policy.retention(record.category) if policy else None
    what = f"of category {record.category}" if record.category else "without a category"
    if rule and rule.ttl_ms is not None and rule.ttl_ms == record.expires_at - recorded_ms:
        return f"It is kept until {ends}: memories {what} are kept for {span_text(rule.ttl_ms)}."
    return f"It is kept until {ends}, as was decided when it came or by what it was derived from."


def _supersedes(supersedes: Sequence[Linked], reason: str | None) -> str:
    if not supersedes:
        return ""
    because = f" The reason given: {_cut(reason)}." if reason else ""
    return f"It replaced {'; '.join(_quoted(one) for one in supersedes[:3])}.{because}"


def _falls(falls: Sequence[Linked]) -> str:
    if not falls:
        return "Nothing was derived from it: forgetting it takes nothing else along."
    return f"{_memories(len(falls))} derived from it would be forgotten with it."


def _use(why: Why) -> str:
    if not why.reads:
        return "Nobody has been given it, as far as was counted."
    told = [
        f"{one.principal} {one.count:,} {'time' if one.count == 1 else 'times'}, last at {format_when(one.last_ms)}"
        for one in why.reads[:5]
    ]
    more = f"; and {len(why.reads) - 5:,} others" if len(why.reads) > 5 else ""
    return f"It was given to {'; '.join(told)}{more}."


def _quoted(one: Linked) -> str:
    if one.record is None:
        return one.id
    where = f", session {one.record.session}" if one.record.session else ""
    return f"\u201c{_cut(one.record.entry)}\u201d ({format_when(one.record.valid_from)}{where})"


def _memories(count: int) -> str:
    return f"{count:,} {'memory' if count == 1 else 'memories'}"


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _CUT else f"{line[: _CUT - 1].rstrip()}…"
