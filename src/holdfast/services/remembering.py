"""Taking in turns and facts, correcting and revising them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from holdfast.core import border
from holdfast.core.codec import content_dict, decode_content, record_of
from holdfast.core.decide import Correct, Revise, Take, Taken, correct, key_reused, revise, take
from holdfast.core.secrets import arguments_digest, subkey
from holdfast.core.view import View
from holdfast.errors import Damaged, Gone, InvalidField, InvalidTime, KeyReused, NotFound
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
        some = list(islice(turns, limits.BATCH + 1))
        if len(some) > limits.BATCH:
            raise InvalidField(
                f"More than {limits.BATCH:,} turns were given at once; give them in parts. Nothing was written."
            )
        commands = [self.turn_command(border.check_turn(turn).session or session, names, turn, now) for turn in some]
        return [record for record, _ in self.take_all(commands)]

    def turn_command(
        self, session: str, names: Mapping[Role, str], turn: Turn, now_ms: int, operation: str = "add"
    ) -> Take:
        """What one turn asks for, checked.

        Raises:
            InvalidInput.
        """
        speaker = border.check_label(turn.speaker, "speaker")
        role = border.SPEAKERS.get(speaker, Role.NONE)
        named = turn.author or names.get(role)
        border.check_moment(turn.when_ms)
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
            author=border.check_label(named, "author") if named else speaker,
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
            sources=border.check_sources(sources),
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

        def decide(view: View, secret: bytes) -> tuple[Sequence[Draft], int]:
            drafts, number = revise(view, command, secret)
            if (end := changes.get("valid_to")) is not None:
                _in_order(self._content(view, command.record).valid_from, end)
            return drafts, number

        self._ledger.write(decide)
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
        # Who acts is no argument, and whoever imports a file a second time imports the same memories.
        arguments.pop("actor", None)
        if timeless:
            del arguments["valid_from"]
        principal = "" if operation == "import" else self._actor
        record = keyed_id(subkey(secret, "ids"), principal, operation, border.check_label(key, "key"))
        digest = arguments_digest(secret, arguments)
        return Take(replace(content, arguments=digest), record, keyed=True, readmit=readmit)

    def take_all(self, commands: Sequence[Take], *, imported: bool = False) -> list[tuple[Record, bool]]:
        """Write all of them in one commit, or on any error none; gives each record and whether it is new.

        Args:
            imported: Sources may be absent.

        Raises:
            Gone, Rejected, KeyReused, NotFound.
        """

        def decide(view: View, secret: bytes) -> tuple[list[Draft], list[Taken]]:
            drafts, taken, made = list[Draft](), list[Taken](), dict[Id, Take]()
            for command in commands:
                twin = made.get(command.record)
                if twin:
                    if not _same(twin.content, command.content):
                        raise key_reused(command.record)
                    taken.append(Taken(command.record, is_new=False))
                    continue
                some, result = take(view, command, secret)
                if some and command.content.sources:
                    # Only what is really taken in needs its sources; a retry is answered without them.
                    command = _trusted(view, command, made, imported=imported)
                    some, result = take(view, command, secret)
                if not result.is_new and not _same(self._content(view, command.record), command.content):
                    raise key_reused(command.record)
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
            content = decode_content(event) if event and command.content.sources else command.content
            record = record_of(event, content) if event and content else self._read(result.record)
            records.append((record, result.is_new))
        return records

    def refuse_reused_keys(self, commands: Sequence[Take]) -> None:
        """Raise `KeyReused` where two of them, or one of them and what is held, have one id and differ."""
        first = dict[Id, Take]()
        with self._ledger.store.reading() as reader:
            for place, command in enumerate(commands, 1):
                twin = first.setdefault(command.record, command)
                held = reader.find(command.record) if twin is command else None
                said = decode_content(reader.event(held.seq)) if held and held.seq else twin.content
                if said and not _same(said, command.content):
                    raise KeyReused(f"Entry {place}: {key_reused(command.record)}")

    def _content(self, view: View, record: Id) -> Content:
        """What a memory that is held says."""
        held = view.find(record)
        content = decode_content(view.event(held.seq)) if held and held.seq else None
        if content is None:
            raise Damaged(f"Memory {id_text(record)} has lost its text. Run `holdfast check`.")
        return content

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


def _trusted(view: View, command: Take, made: Mapping[Id, Take], *, imported: bool) -> Take:
    """A derived memory has no more trust than the least trusted of its sources.

    Args:
        made: What is taken in along with it.
        imported: Sources may be absent, since an export leaves out what was superseded.
    """
    trust = command.content.trust
    for source in command.content.sources:
        if beside := made.get(parse_id(source)):
            trust = min(trust, beside.content.trust)
            continue
        held = view.find(parse_id(source))
        if imported and held and held.receipt:
            raise Gone(f"It was derived from {source}, which was forgotten here. Nothing was written.")
        if held is None or not held.seq:
            if imported:
                continue
            raise NotFound(f"The source {source} is not in this space, or was forgotten. Nothing was written.")
        content = decode_content(view.event(held.seq))
        trust = min(trust, content.trust if content else Trust.NONE)
    return replace(command, content=replace(command.content, trust=trust))


def _same(held: Content, given: Content) -> bool:
    """Whether two contents of one id are the same call; words under an id never change, all else may be revised."""
    return held.arguments == given.arguments and held.text == given.text


def _in_order(start: int, end: int | None) -> None:
    if end is not None and end <= start:
        raise InvalidTime(
            f"It ends at {format_when(end)}, not after it begins at {format_when(start)}. Nothing was written."
        )


def _version(value: int | None) -> int | None:
    return None if value is None else border.check_count(value, "version", 2**31 - 1)
