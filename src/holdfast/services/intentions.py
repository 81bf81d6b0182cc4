"""Intentions: noted, asked for, taken exactly once, put off and closed; each change is decided where it is written.

A store decides on one write after the other, over all processes that have it open. So of several that take what is
due at the same time one has it, and a process that dies in the middle has taken it or has not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from holdfast.core import border, intentions
from holdfast.core.codec import decode_content, record_of
from holdfast.core.decide import Revise, revise
from holdfast.core.intentions import Facts
from holdfast.core.moments import moment
from holdfast.core.policy.admit import admit_words
from holdfast.core.view import View
from holdfast.errors import Gone, InvalidField, KeyReused, NotFound, Refused
from holdfast.model.events import Draft, Event
from holdfast.model.filters import Where
from holdfast.model.ids import Id, id_text, parse_id
from holdfast.model.intentions import Intention, IntentionState
from holdfast.model.records import Content, Kind
from holdfast.model.times import When, parse_when
from holdfast.services.aside import Aside
from holdfast.services.ledger import Ledger
from holdfast.services.remembering import Remembering
from holdfast.services.touches import Touches

MOST_TAKEN = 1_000
"""Intentions that one call takes, at most; what is due longest comes first."""


class Intentions:
    """The intentions of one space, for one principal.

    Args:
        now: Milliseconds since the epoch.
    """

    def __init__(
        self, ledger: Ledger, aside: Aside, remembering: Remembering, touches: Touches, now: Callable[[], int]
    ) -> None:
        self._ledger = ledger
        self._aside = aside
        self._remembering = remembering
        self._touches = touches
        self._now = now
        self._known = dict[str, Intention]()
        aside.when_forgotten(self._let_go)

    def add(
        self,
        text: str,
        *,
        when: When | None,
        event: str | None,
        condition: Where | None,
        until: When | None,
        about: str | None,
        session: str | None,
        key: str | None,
    ) -> Intention:
        now_ms = self._now()
        trigger = intentions.trigger_of(when, event, condition, until, now_ms)
        content = intentions.intention_content(text, trigger, about, now_ms, self._remembering.actor, session)

        def as_asked(one: Content) -> Content:
            return intentions.as_asked(one, trigger)

        command = self._remembering.keyed("intend", key, content, timeless=True, asked=as_asked)
        if command.content.quarantined:
            raise Refused(
                "The policy would set this apart, and an intention is brought up as it is. Nothing was written.",
                command.reasons,
            )
        intentions.check_kept(command.content, content)
        try:
            ((record, _),) = self._remembering.take_all([command])
        except KeyReused:
            raise KeyReused(
                f"This key already noted the intention {id_text(command.record)} from other arguments. Nothing was "
                "written; use a new key for a new one, or cancel() that one."
            ) from None
        return intentions.as_of(intentions.intention_of(record), now_ms)

    def get(self, memory: str) -> Intention:
        """One intention, as it stands now.

        Raises:
            NotFound, Gone.
        """
        with self._ledger.store.reading() as reader:
            return intentions.as_of(_held(reader, parse_id(memory), self._now()), self._now())

    def all(self, state: IntentionState | str | None) -> list[Intention]:
        """Every intention, or those in a state, oldest first; without those that a policy set apart."""
        wanted = None if state is None else _state(state)
        now_ms = self._now()
        found = [intentions.as_of(one, now_ms) for one in self._stored() if not one.quarantined]
        return [one for one in found if wanted in (None, one.state)]

    def due(self, now: When | None, facts: Mapping[str, object] | None) -> list[Intention]:
        """What is to be brought up, longest due first; nothing is marked."""
        now_ms, known = self._moment(now), intentions.facts_of(facts)
        return self._due(self._stored(), now_ms, known)

    def take(
        self, now: When | None, facts: Mapping[str, object] | None, session: str | None, limit: int | None
    ) -> list[Intention]:
        """What is due, marked as fired; and what this session took before and did not close."""
        now_ms, known = self._moment(now), intentions.facts_of(facts)
        taker = self._taker(session)
        most = MOST_TAKEN if limit is None else border.check_count(limit, "limit", MOST_TAKEN)
        while True:
            stored = self._stored()
            again = [one for one in stored if taker is not None and _is_held_by(one, taker)]
            again = sorted(again, key=lambda one: one.fired_ms or 0)[:most]
            due = self._due(stored, now_ms, known)[: most - len(again)]
            over = [one for one in stored if intentions.as_of(one, now_ms) is not one][:MOST_TAKEN]
            if not due and not over:
                return again
            wanted = [parse_id(one.id) for one in (*due, *over)]
            held_ms = self._now()
            changed = self._write(
                lambda view, wanted=wanted, held_ms=held_ms: _taking(
                    [_find(view, record, held_ms) for record in wanted], now_ms, known, taker
                )
            )
            taken = [one for one in changed if one.state is IntentionState.FIRED]
            if again or taken or not due:
                return [*again, *taken]
            # Others were quicker with all of it; something else may be due, and each round leaves less.

    def fire(self, event: str) -> list[Intention]:
        """An event happened: what waits for it is due from now on. Gives what was not due before."""
        name, now_ms = border.check_label(event, "event"), self._now()
        waiting = [parse_id(one.id) for one in self._stored() if _waits_for(one, name, now_ms)]
        if not waiting:
            return []

        def met(view: View) -> list[Intention]:
            found = (_find(view, record, now_ms) for record in waiting)
            held = [one for one in found if one and _waits_for(one, name, now_ms)]
            return [intentions.met(one, now_ms) for one in held]

        return self._write(met)

    def snooze(self, memory: str, until: When) -> Intention:
        now_ms = self._now()
        until_ms = moment(until, now_ms, "moment to snooze until")[0]
        return self._one(memory, lambda one: intentions.snoozed(one, until_ms, now_ms))

    def close(self, memory: str, state: IntentionState) -> Intention:
        """Done or cancelled."""
        now_ms = self._now()
        return self._one(memory, lambda one: intentions.closed(one, state, now_ms))

    def _one(self, memory: str, change: Callable[[Intention], Intention]) -> Intention:
        record = parse_id(memory)
        (changed,) = self._write(lambda view: [change(_held(view, record, self._now()))])
        return changed

    def _write(self, decide: Callable[[View], Sequence[Intention]]) -> list[Intention]:
        """Write what intentions become, decided on the newest state; gives them as they are then."""

        now_ms = self._now()

        def decision(view: View, secret: bytes) -> tuple[Sequence[Draft], list[Intention]]:
            drafts, kept = list[Draft](), list[Intention]()
            for one in decide(view):
                record = parse_id(one.id)
                body = intentions.body_of(one)
                if body != intentions.body_of(_held(view, record, now_ms)):
                    drafts += revise(view, Revise(record, {"body": body}, self._remembering.actor), secret)[0]
                kept.append(one)
            return drafts, kept

        kept, events = self._ledger.write_events(decision)
        if events:
            self._touches.written(len(events))
        written = {id_text(event.header.record): event for event in events}
        return [_written(one, written.get(one.id)) for one in kept]

    def _due(self, stored: Sequence[Intention], now_ms: int, facts: Facts | None) -> list[Intention]:
        found = [one for one in stored if intentions.is_due(one, now_ms, facts)]
        return sorted(found, key=lambda one: intentions.due_ms(one, now_ms))  # else in the order they were noted

    def _stored(self) -> list[Intention]:
        """Every intention in the state that is stored; each version is read once."""
        now_ms, known = self._now(), self._known
        found = dict[str, Intention]()
        for record in self._aside.all(Kind.INTENTION):
            if record.expires_at is not None and record.expires_at <= now_ms:
                continue
            held = known.get(record.id)
            is_same = held and (held.version, held.changed_ms) == (record.version, record.recorded_at)
            found[record.id] = held if held and is_same else intentions.intention_of(record)
        self._known = found
        return list(found.values())

    def _taker(self, session: str | None) -> str | None:
        """Who takes, as a policy lets it be noted; the same each time, so that what was taken is found again."""
        taker, policy = border.optional_label(session, "session"), self._remembering.policy
        return taker if taker is None or policy is None else admit_words(taker, policy)

    def _let_go(self, forgotten: Sequence[Id]) -> None:
        for record in forgotten:
            self._known.pop(id_text(record), None)

    def _moment(self, now: When | None) -> int:
        return self._now() if now is None else parse_when(now)


def _taking(
    wanted: Sequence[Intention | None], now_ms: int, facts: Facts | None, session: str | None
) -> list[Intention]:
    """What these become, of those that nobody took meanwhile: fired where they are due, else expired."""
    found = list[Intention]()
    for one in wanted:
        if one is None or one.quarantined:
            continue
        if intentions.is_due(one, now_ms, facts):
            found.append(intentions.taken(one, now_ms, session))
        elif intentions.as_of(one, now_ms) is not one:
            found.append(intentions.as_of(one, now_ms))
    return found


def _written(one: Intention, event: Event | None) -> Intention:
    """What was written of an intention; itself where nothing was to be."""
    content = decode_content(event) if event else None
    return intentions.intention_of(record_of(event, content)) if event and content else one


def _is_held_by(one: Intention, session: str) -> bool:
    return one.state is IntentionState.FIRED and one.taken_by == session and not one.quarantined


def _waits_for(one: Intention, event: str, now_ms: int) -> bool:
    is_waiting = intentions.as_of(one, now_ms).state is IntentionState.PENDING
    return is_waiting and one.event == event and one.met_ms is None


def _find(view: View, record: Id, now_ms: int) -> Intention | None:
    """An intention in the state that is stored; None where there is none any more, or the time to keep it is over."""
    held = view.find(record)
    event = view.event(held.seq) if held and held.seq and not held.receipt else None
    content = decode_content(event) if event else None
    if event is None or content is None or content.kind is not Kind.INTENTION:
        return None
    if content.expires_at is not None and content.expires_at <= now_ms:
        return None
    return intentions.intention_of(record_of(event, content))


def _held(view: View, record: Id, now_ms: int) -> Intention:
    found = _find(view, record, now_ms)
    if found is None:
        held = view.find(record)
        if held is not None and held.receipt:
            raise Gone(f"The intention {id_text(record)} was forgotten. Nothing was written.")
        raise NotFound(f"There is no intention {id_text(record)} in this space. Nothing was written.")
    return found


def _state(given: object) -> IntentionState:
    if given in list(IntentionState):
        return IntentionState(given)
    raise InvalidField(f"{given!r:.60} is no state of an intention; expected one of: {', '.join(IntentionState)}.")
