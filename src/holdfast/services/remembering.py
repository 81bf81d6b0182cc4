"""Taking in turns and facts, correcting and revising them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from holdfast.core import border
from holdfast.core.codec import content_dict, decode_content, record_of
from holdfast.core.decide import Correct, Revise, Take, Taken, correct, key_reused, revise, take
from holdfast.core.secrets import arguments_digest, subkey
from holdfast.core.view import View
from holdfast.errors import Damaged, InvalidField, InvalidTime, NotFound
from holdfast.model import limits
from holdfast.model.events import Draft
from holdfast.model.ids import Id, id_text, keyed_id, parse_id
from holdfast.model.records import TRUST_OF_ORIGIN, Content, Kind, Origin, Record, Role, Scalar, Trust
from holdfast.model.reports import Turn
from holdfast.model.times import When, format_when, parse_when
from holdfast.services.ledger import Ledger

_ORIGIN_OF_ROLE = {Role.ASSISTANT: Origin.AGENT, Role.TOOL: Origin.TOOL}


class Remembering:
    """Every way in which a memory comes to be or to change.

    Args:
        actor: The principal noted with what is written.
        written: Called after each write, so that vectors follow.
    """

    def __init__(self, ledger: Ledger, actor: str, written: Callable[[], None]) -> None:
        self._ledger = ledger
        self._actor = actor
        self._written = written

    # Turns

    def add(
        self,
        session: str,
        names: Mapping[Role, str],
        speaker: str,
        text: str,
        *,
        when: When | None,
        author: str | None,
        caption: str | None,
        source: str | None,
        key: str | None,
        tags: Sequence[str],
        attributes: Mapping[str, Scalar] | None,
    ) -> Record:
        when_ms = None if when is None else parse_when(when)
        turn = Turn(
            speaker=speaker, text=text, when_ms=when_ms, author=author, caption=caption, source=source, key=key,
            tags=border.check_tags(tags), attributes=attributes,
        )  # fmt: skip
        return self.add_many(session, names, (turn,))[0]

    def add_many(self, session: str, names: Mapping[Role, str], turns: Iterable[Turn]) -> list[Record]:
        now = self._ledger.clock.now_ms()
        commands = [self.turn_command(turn.session or session, names, turn, now) for turn in turns]
        if len(commands) > limits.BATCH:
            raise InvalidField(
                f"{len(commands):,} turns were given at once; at most {limits.BATCH:,} are taken. Nothing was written."
            )
        return [record for record, _ in self.take_all(commands)]

    def turn_command(
        self, session: str, names: Mapping[Role, str], turn: Turn, now_ms: int, operation: str = "add"
    ) -> Take:
        """What one turn asks for, checked.

        Raises:
            InvalidInput.
        """
        role = border.SPEAKERS.get(turn.speaker, Role.NONE)
        named = turn.author or names.get(role)
        if turn.when_ms is not None and turn.when_ms > now_ms + limits.FUTURE_MS:
            raise InvalidTime(
                f"A turn cannot have been said at {format_when(turn.when_ms)}, more than a day after now "
                f"({format_when(now_ms)}). Nothing was written."
            )
        content = Content(
            kind=Kind.TURN,
            text=border.check_text(turn.text),
            valid_from=now_ms if turn.when_ms is None else turn.when_ms,
            role=role,
            author=border.check_label(named or turn.speaker, "speaker"),
            session=border.check_label(session, "session"),
            caption=None if turn.caption is None else border.check_text(turn.caption, "caption"),
            source=border.optional_label(turn.source, "source"),
            tags=border.check_tags(turn.tags),
            attributes=border.check_attributes(turn.attributes),
            origin=_ORIGIN_OF_ROLE.get(role, Origin.USER),
            trust=TRUST_OF_ORIGIN[_ORIGIN_OF_ROLE.get(role, Origin.USER)],
            actor=self._actor,
        )
        return self.keyed(operation, turn.key, content, timeless=turn.when_ms is None)

    # Facts

    def remember(
        self,
        text: str,
        *,
        category: str | None,
        subject: str | None,
        predicate: str | None,
        object_: str | None,
        source: str | None,
        sources: Sequence[str],
        key: str | None,
        when: When | None,
        until: When | None,
        tags: Sequence[str],
        attributes: Mapping[str, Scalar] | None,
        confidence: float,
        importance: float,
        origin: Origin | str,
        readmit: bool,
    ) -> Record:
        checked = border.check_origin(origin)
        content = Content(
            kind=Kind.FACT,
            text=border.check_text(text),
            valid_from=self._ledger.clock.now_ms() if when is None else parse_when(when),
            valid_to=None if until is None else parse_when(until),
            category=border.check_category(category),
            subject=border.optional_label(subject, "subject"),
            predicate=border.optional_label(predicate, "predicate"),
            object=border.optional_label(object_, "object"),
            source=border.optional_label(source, "source"),
            sources=_ids(sources),
            tags=border.check_tags(tags),
            attributes=border.check_attributes(attributes),
            confidence=border.check_unit(confidence, "confidence"),
            importance=border.check_unit(importance, "importance"),
            origin=checked,
            trust=TRUST_OF_ORIGIN[checked],
            actor=self._actor,
        )
        _in_order(content.valid_from, content.valid_to)
        command = self.keyed("remember", key, content, timeless=when is None, readmit=readmit)
        return self.take_all([command])[0][0]

    def correct(
        self,
        memory: str,
        text: str,
        *,
        when: When | None,
        version: int | None,
        reason: str | None,
        origin: Origin | str,
    ) -> Record:
        command = Correct(
            record=parse_id(memory),
            text=border.check_text(text),
            replacement=self._ledger.new_id(),
            valid_from=self._ledger.clock.now_ms() if when is None else parse_when(when),
            actor=self._actor,
            origin=border.check_origin(origin),
            version=_version(version),
            reason=None if reason is None else border.check_text(reason, "reason", limits.LABEL_CHARS),
        )
        replacement = self._ledger.write(lambda view, secret: correct(view, command, secret))
        self._written()
        return self._read(replacement)

    def revise(
        self,
        memory: str,
        *,
        version: int | None,
        category: str | None,
        tags: Sequence[str] | None,
        attributes: Mapping[str, Scalar] | None,
        confidence: float | None,
        importance: float | None,
        until: When | None,
    ) -> Record:
        changes: dict[str, Any] = {}
        if category is not None:
            changes["category"] = border.check_category(category)
        if tags is not None:
            changes["tags"] = border.check_tags(tags)
        if attributes is not None:
            changes["attributes"] = border.check_attributes(attributes)
        if confidence is not None:
            changes["confidence"] = border.check_unit(confidence, "confidence")
        if importance is not None:
            changes["importance"] = border.check_unit(importance, "importance")
        if until is not None:
            changes["valid_to"] = parse_when(until)
        if not changes:
            raise InvalidField("No field to revise was given. Nothing was written.")
        command = Revise(parse_id(memory), changes, self._actor, _version(version))
        self._ledger.write(lambda view, secret: revise(view, command, secret))
        self._written()
        return self._read(command.record)

    # Shared

    def check_session(self, session: str) -> str:
        return border.check_label(session, "session")

    def check_name(self, name: str) -> str:
        return border.check_label(name, "name")

    def keyed(
        self, operation: str, key: str | None, content: Content, *, timeless: bool, readmit: bool = False
    ) -> Take:
        """A `Take` whose id follows from the idempotency key, where there is one.

        Args:
            timeless: The time was not the caller's; a retry later is still the same call.
        """
        if key is None:
            return Take(content, self._ledger.new_id(), readmit=readmit)
        secret = self._ledger.secret
        arguments = content_dict(content)
        if timeless:
            del arguments["valid_from"]
        # Whoever imports a file a second time imports the same memories.
        principal = "" if operation == "import" else self._actor
        record = keyed_id(subkey(secret, "ids"), principal, operation, border.check_label(key, "key"))
        digest = arguments_digest(secret, arguments)
        return Take(replace(content, arguments=digest), record, keyed=True, readmit=readmit)

    def take_all(self, commands: Sequence[Take]) -> list[tuple[Record, bool]]:
        """Write all of them in one commit, or on any error none; gives each record and whether it is new.

        Raises:
            Gone, Rejected, KeyReused, NotFound.
        """

        def decide(view: View, secret: bytes) -> tuple[list[Draft], list[Taken]]:
            drafts, taken, made = list[Draft](), list[Taken](), dict[Id, Take]()
            for command in commands:
                twin = made.get(command.record)
                if twin:
                    if twin.content.arguments != command.content.arguments:
                        raise key_reused(command.record)
                    taken.append(Taken(command.record, is_new=False))
                    continue
                some, result = take(view, _trusted(view, command), secret)
                made[command.record] = command
                drafts.extend(some)
                taken.append(result)
            return drafts, taken

        taken, events = self._ledger.write_events(decide)
        self._written()
        written = {event.header.record: event for event in events}
        records = list[tuple[Record, bool]]()
        for command, result in zip(commands, taken, strict=True):
            event = written.get(result.record)
            record = record_of(event, command.content) if event else self._read(result.record)
            records.append((record, result.is_new))
        return records

    def _read(self, record: Id) -> Record:
        with self._ledger.store.reading() as reader:
            held = reader.find(record)
            if held is None or not held.seq:
                raise NotFound(f"There is no memory {id_text(record)} in this space.")
            event = reader.event(held.seq)
        content = decode_content(event)
        if content is None:
            raise Damaged(f"Memory {id_text(record)} has lost its text. Run `holdfast check`.")
        return record_of(event, content, held.closed_by, held.closed_ms)


def _trusted(view: View, command: Take) -> Take:
    """A derived memory has no more trust than the least trusted of its sources."""
    if not command.content.sources:
        return command
    trust = command.content.trust
    for source in command.content.sources:
        held = view.find(parse_id(source))
        if held is None or not held.seq:
            raise NotFound(f"The source {source} is not in this space, or was forgotten. Nothing was written.")
        content = decode_content(view.event(held.seq))
        trust = min(trust, content.trust if content else Trust.NONE)
    return replace(command, content=replace(command.content, trust=trust))


def _ids(values: Sequence[str]) -> tuple[str, ...]:
    if isinstance(values, str):
        raise InvalidField(f"The sources are one string {values!r:.60}; expected a list of ids. Nothing was written.")
    if len(values) > limits.SOURCES:
        raise InvalidField(
            f"{len(values)} sources were given; at most {limits.SOURCES} are taken. Nothing was written."
        )
    return tuple(dict.fromkeys(id_text(parse_id(value)) for value in values))


def _in_order(start: int, end: int | None) -> None:
    if end is not None and end <= start:
        raise InvalidTime(
            f"It ends at {format_when(end)}, not after it begins at {format_when(start)}. Nothing was written."
        )


def _version(value: int | None) -> int | None:
    return None if value is None else border.check_count(value, "version", 2**31 - 1)
