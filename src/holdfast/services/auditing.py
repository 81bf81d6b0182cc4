"""Applying a policy to what is held already, ending what was kept for a while, and lifting a quarantine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from holdfast.core import border
from holdfast.core.codec import canonical, decode_content, encode_content
from holdfast.core.decide import Revise, Take, revise, take
from holdfast.core.erasing import falling
from holdfast.core.policy.admit import admit, in_order
from holdfast.core.policy.settings import span_text
from holdfast.core.secrets import subkey
from holdfast.core.view import View
from holdfast.errors import Damaged, Gone, InvalidField, InvalidInput, Refused, Rejected
from holdfast.model import limits
from holdfast.model.events import Draft, EventType
from holdfast.model.holdings import Holding
from holdfast.model.ids import Id, id_text, keyed_id, parse_id
from holdfast.model.policy import Policy
from holdfast.model.records import Content
from holdfast.model.reports import Audited, AuditReport
from holdfast.model.verdict import RELEASED
from holdfast.ports.store import Reader
from holdfast.services.forgetting import Forgetting
from holdfast.services.ledger import Ledger
from holdfast.services.paging import PAGE

ACTOR = "policy"
"""Who forgets what a policy does not let be kept."""
_NOTED = ("marks", "quarantined", "expires_at")
_SAID = ("text", "caption", "subject", "predicate", "object", "source", "tags", "attributes", "body")


@dataclass(frozen=True, slots=True)
class _Found:
    """One memory that changes.

    Attributes:
        kept: What is kept of it, where something is.
        receipt_says: Why what it said is erased; empty where it stays.
    """

    record: Id
    audited: Audited
    kept: Content | None = None
    receipt_says: str = ""


@dataclass(slots=True)
class _Audit:
    """What an audit has found so far."""

    examined: int = 0
    found: list[_Found] = field(default_factory=list[_Found])


class Auditing:
    """Judges what is held in one space.

    Args:
        policy: The one the space was opened with.
        written: Called after each write, so that vectors follow.
    """

    def __init__(
        self,
        ledger: Ledger,
        forgetting: Forgetting,
        actor: str,
        policy: Policy | None,
        written: Callable[[], None],
    ) -> None:
        self._ledger = ledger
        self._forgetting = forgetting
        self._actor = actor
        self.policy = policy
        self._written = written

    def audit(self, policy: Policy | None, *, dry_run: bool) -> AuditReport:
        """Judge every memory; without any policy, only end what was kept for a while."""
        audit = self._look(policy or self.policy)
        receipts = list[str]()
        if not dry_run:
            audit.found[:] = list(self._carry_out(audit.found, receipts))
        return AuditReport(
            examined=audit.examined,
            verdicts=dict(Counter(found.audited.verdict for found in audit.found)),
            changes=tuple(found.audited for found in audit.found),
            receipts=tuple(receipts),
            dry_run=dry_run,
        )

    def release(self, memory: str, reason: str | None) -> Id:
        """Let a memory out of quarantine; gives its id.

        Raises:
            NotFound, Gone, InvalidField.
        """
        record = parse_id(memory)
        because = None if reason is None else border.check_text(reason, "reason", limits.LABEL_CHARS)
        beside = {} if because is None else {"because": because}

        def decide(view: View, secret: bytes) -> tuple[Sequence[Draft], None]:
            drafts, _ = revise(view, Revise(record, {}, self._actor), secret)
            held = _content(view, record)
            if not held.quarantined:
                raise InvalidField(f"Memory {memory} is not in quarantine. Nothing was written.")
            out = replace(held, quarantined=False, marks=in_order((*held.marks, RELEASED)), actor=self._actor)
            return [replace(draft, payload=encode_content(out, **beside)) for draft in drafts], None

        self._ledger.write(decide)
        self._written()
        return record

    def _look(self, policy: Policy | None) -> _Audit:
        audit, after = _Audit(), 0
        now = self._ledger.clock.now_ms()
        # Pages are read in a view each, so that judging does not hold the log.
        while True:
            with self._ledger.store.reading() as reader:
                ns = reader.held(after, PAGE)
                rows = list(_rows(reader, ns))
            if not ns:
                return audit
            after = ns[-1]
            audit.examined += len(rows)
            for record, content, begun_ms in rows:
                audit.found.extend(_judged(record, content, policy, begun_ms, now))

    def _carry_out(self, found: Sequence[_Found], receipts: list[str]) -> Iterator[_Found]:
        """Change what is held; gives what was done. Done again after a crash, it goes on where it stopped."""
        for start in range(0, len(found), PAGE):
            part = found[start : start + PAGE]
            replaced = self._ledger.write(lambda view, secret, part=part: self._keep(view, secret, part))
            self._written()
            for reason in dict.fromkeys(one.receipt_says for one in part if one.receipt_says):
                going = [one.record for one in part if one.receipt_says == reason]
                receipt = self._forgetting.erase(going, actor=ACTOR, reason=reason)
                if receipt.chain:
                    receipts.append(receipt.id)
            for one in part:
                new = replaced.get(one.record)
                yield replace(one, audited=replace(one.audited, replaced_by=id_text(new))) if new else one

    def _keep(self, view: View, secret: bytes, part: Sequence[_Found]) -> tuple[Sequence[Draft], dict[Id, Id]]:
        """Write what is kept, before what was said is erased; gives the new memory of each that is redacted."""
        drafts, changes = list[Draft](), dict[Id, dict[str, Any]]()
        redacted = {one.record: one for one in part if one.kept and one.receipt_says}
        replaced = {record: _successor(secret, record, one) for record, one in redacted.items()}
        for record, one in redacted.items():
            held = view.find(record)
            if held is None or not held.seq or not one.kept:
                del replaced[record]
            elif view.find(replaced[record]) is None:
                try:
                    drafts += _replacement(view, secret, held, one.kept, replaced)
                except (Gone, Rejected):
                    del replaced[record]  # what would be left of it was forgotten before
        for one in part:
            if one.kept and not one.receipt_says and _is_held(view, one.record):
                noted = {name: getattr(one.kept, name) for name in _NOTED}
                changes.setdefault(one.record, {}).update(noted)
                if one.kept.quarantined:
                    for below in falling(view, [one.record]):
                        changes.setdefault(below, {})["quarantined"] = True
        for record in replaced:
            for below in view.derived_from([record]):
                sources = _pointed(_content(view, below.id).sources, replaced)
                changes.setdefault(below.id, {})["sources"] = sources
        for record, changed in changes.items():
            drafts += revise(view, Revise(record, changed, self._actor), secret)[0]
        return drafts, replaced


def _rows(reader: Reader, ns: Sequence[int]) -> Iterator[tuple[Id, Content, int]]:
    """Id, content, and when it was first recorded."""
    current = reader.current(ns)
    for n in ns:
        if n in current:
            held, event = current[n]
            first = event if held.version == 1 else reader.events_of(held.id)[0]
            content = decode_content(event)
            if content is not None:
                yield held.id, content, first.header.at_ms


def _judged(record: Id, content: Content, policy: Policy | None, begun_ms: int, now_ms: int) -> Iterator[_Found]:
    """What changes of one memory, if anything does."""

    def found(verdict: str, reasons: tuple[str, ...], kept: Content | None = None, says: str = "") -> _Found:
        return _Found(record, Audited(id_text(record), verdict, reasons), kept, says)

    def expired(ends: int) -> _Found:
        reason = f"kept for {span_text(ends - begun_ms)} only"
        return found("expired", (f"Its time is up: {reason}.",), says=reason)

    if content.expires_at is not None and content.expires_at <= now_ms:
        yield expired(content.expires_at)
        return
    if policy is None:
        return
    try:
        admission = admit(content, policy, begun_ms, released=True)
    except (Refused, InvalidInput) as error:
        reasons = error.reasons if isinstance(error, Refused) else (str(error),)
        yield found("refused", reasons, says="the policy keeps nothing of it")
        return
    kept = admission.content
    if kept.expires_at is not None and kept.expires_at <= now_ms:
        yield expired(kept.expires_at)
    elif any(getattr(kept, name) != getattr(content, name) for name in _SAID):
        yield found("redacted", admission.reasons, kept, "redacted under a changed policy")
    elif kept.quarantined and not content.quarantined:
        yield found("quarantined", admission.reasons, kept)
    elif any(getattr(kept, name) != getattr(content, name) for name in _NOTED):
        yield found("stored", admission.reasons, kept)


def _successor(secret: bytes, record: Id, found: _Found) -> Id:
    """The id of what takes a memory's place: of a named one the next that its name means."""
    from holdfast.core.bodies import name_of
    from holdfast.core.naming import next_generation

    name = name_of(found.kept.kind, found.kept.body) if found.kept else None
    following = next_generation(secret, found.kept.kind, name, record) if found.kept and name else None
    return following or keyed_id(subkey(secret, "ids"), "", "audit", record.hex())


def _replacement(view: View, secret: bytes, held: Holding, kept: Content, replaced: Mapping[Id, Id]) -> Iterator[Draft]:
    """The redacted memory, superseded if the one it replaces is."""
    now = _content(view, held.id)
    said = {name: getattr(kept, name) for name in (*_SAID, *_NOTED)}
    content = replace(now, **said, sources=_pointed(now.sources, replaced), arguments=None, replaces=id_text(held.id))
    drafts, taken = take(view, Take(content, replaced[held.id]), secret)
    yield from drafts
    if held.closed_by:
        successor = replaced.get(held.closed_by, held.closed_by)
        yield Draft(EventType.SUPERSEDED, taken.record, 1, canonical({}), successor)


def _pointed(sources: Sequence[str], replaced: Mapping[Id, Id]) -> tuple[str, ...]:
    return tuple(id_text(replaced.get(parse_id(one), parse_id(one))) for one in sources)


def _is_held(view: View, record: Id) -> bool:
    held = view.find(record)
    return held is not None and held.seq > 0


def _content(view: View, record: Id) -> Content:
    held = view.find(record)
    content = decode_content(view.event(held.seq)) if held and held.seq else None
    if content is None:
        raise Damaged(f"Memory {id_text(record)} has lost its text. Run `holdfast check`.")
    return content
