"""Taking in turns and facts, correcting and revising them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any

from holdfast.core import border
from holdfast.core.codec import decode_content, record_of
from holdfast.core.decide import Correct, Revise, Take, correct, key_reused, revise
from holdfast.core.policy.admit import Admission, admit, admit_revision, admit_words
from holdfast.core.retries import arguments_of, same_call
from holdfast.core.secrets import subkey
from holdfast.core.view import View
from holdfast.errors import Damaged, InvalidField, InvalidTime, KeyReused, NotFound, Refused
from holdfast.model import limits
from holdfast.model.events import Draft, Event
from holdfast.model.ids import Id, id_text, keyed_id, parse_id
from holdfast.model.policy import Policy
from holdfast.model.records import TRUST_OF_ORIGIN, Content, Kind, Origin, Record, Role, Scalar
from holdfast.model.reports import Turn
from holdfast.model.times import When, format_when, parse_when
from holdfast.services.ledger import Ledger
from holdfast.services.taking import content_of, deciding
from holdfast.services.touches import Touches

_ORIGIN_OF_ROLE = {Role.ASSISTANT: Origin.AGENT, Role.TOOL: Origin.TOOL}


class Remembering:
    """Every way in which a memory comes to be or to change.

    Args:
        actor: The principal noted with what is written.
        touches: Told of each write, so that it is counted and vectors follow.
        policy: What may be kept; None keeps everything as it was said.
    """

    def __init__(self, ledger: Ledger, actor: str, touches: Touches, policy: Policy | None = None) -> None:
        self._ledger = ledger
        self._actor = actor
        self._touches = touches
        self.policy = policy

    @property
    def actor(self) -> str:
        """The principal noted with what is written."""
        return self._actor

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
        before: Callable[[], str | None] = lambda: None,
    ) -> Record:
        when_ms = None if when is None else parse_when(when)
        turn = Turn(
            speaker=speaker, text=text, when_ms=when_ms, author=author, caption=caption, source=source, key=key,
            tags=border.check_tags(tags), attributes=attributes,
        )  # fmt: skip
        return self.add_many(session, names, (turn,), before)[0]

    def add_many(
        self,
        session: str,
        names: Mapping[Role, str],
        turns: Iterable[Turn],
        before: Callable[[], str | None] = lambda: None,
    ) -> list[Record]:
        """Take in turns, with what their words refer to when they are said; ``before`` gives what was said last."""
        from holdfast.core.episodes import body_of
        from holdfast.core.mentions import referred

        now = self._ledger.clock.now_ms()
        some = list(islice(turns, limits.BATCH + 1))
        if len(some) > limits.BATCH:
            raise InvalidField(
                f"More than {limits.BATCH:,} turns were given at once; give them in parts. Nothing was written."
            )

        def refers(text: str, said_ms: int) -> str | None:
            return body_of(**referred(text, said_ms, before, names.values()))

        commands, body = list[Take](), refers if len(some) <= limits.TALK else None
        for place, turn in enumerate(some, 1):
            try:
                talk = border.check_turn(turn).session or session
                commands.append(self.turn_command(talk, names, turn, now, body=body))
                before = partial(str, turn.text)
            except Refused as error:
                raise (Refused(f"Turn {place}: {error}", error.reasons) if len(some) > 1 else error) from None
        return [record for record, _ in self.take_all(commands)]

    def turn_command(
        self,
        session: str,
        names: Mapping[Role, str],
        turn: Turn,
        now_ms: int,
        operation: str = "add",
        *,
        kind: Kind = Kind.TURN,
        body: Callable[[str, int], str | None] | None = None,
    ) -> Take:
        """What one turn asks for, checked; ``body`` gives what is kept beside a text said at a time.

        Raises:
            InvalidInput, Refused.
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
        text, said_ms = border.check_text(turn.text), now_ms if turn.when_ms is None else turn.when_ms
        content = Content(
            kind=kind,
            body=body(text, said_ms) if body else None,
            text=text,
            valid_from=said_ms,
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
        border.check_order(content.valid_from, content.valid_to)
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
        judged = list[Admission]()

        def kept(content: Content) -> Content:
            judged[:] = self._judged(content)
            return judged[0].content if judged else content

        because = None if reason is None else border.check_text(reason, "reason", limits.LABEL_CHARS)
        command = Correct(
            record=parse_id(memory),
            text=border.check_text(text),
            replacement=self._ledger.new_id(),
            valid_from=self._ledger.clock.now_ms() if when is None else parse_when(when),
            actor=self._actor,
            origin=border.check_origin(origin),
            version=_version(version),
            reason=admit_words(because, self.policy) if because and self.policy else because,
            admit=kept,
        )
        _, events = self._ledger.write_events(lambda view, secret: correct(view, command, secret))
        self._touches.written(1)
        record = _written_record(events, command.replacement)
        return replace(record, verdict=judged[0].verdict, reasons=judged[0].reasons) if judged else record

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
            if self.policy and changes.keys() & {"category", "tags", "attributes"}:
                noted = admit_revision(content_of(view, command.record), changes, self.policy, self._now())
                drafts, number = revise(view, replace(command, changes=noted), secret)
            if (end := changes.get("valid_to")) is not None:
                border.check_order(content_of(view, command.record).valid_from, end)
            return drafts, number

        _, events = self._ledger.write_events(decide)
        self._touches.written(1)
        return _written_record(events, command.record)

    def check_session(self, session: str) -> str:
        return border.check_label(session, "session")

    def check_name(self, name: str) -> str:
        return border.check_label(name, "name")

    def keyed(
        self,
        operation: str,
        key: str | None,
        content: Content,
        *,
        timeless: bool,
        readmit: bool = False,
        mark: str = "",
        asked: Callable[[Content], Content] = lambda content: content,
    ) -> Take:
        """A `Take` whose id follows from the idempotency key, where there is one.

        Args:
            timeless: The time was not the caller's; a retry later is still the same call.
            mark: Stands before the digest of the arguments.
            asked: Gives a content as the caller said it, where what is kept was worked out at the time.
        """
        if key is None:
            return self.judged(Take(content, self._ledger.new_id(), readmit=readmit))
        secret = self._ledger.secret
        command = self.judged(Take(content, self.keyed_record(operation, key), keyed=True, readmit=readmit))
        # What is stored beside a text follows from what was kept of it, so that nothing else can be guessed from it.
        kept = replace(command.content, arguments=mark + arguments_of(secret, asked(command.content), timeless))
        if command.verdict is None:
            return Take(kept, command.record, keyed=True, readmit=readmit)
        said = command.said
        said = said and replace(said, arguments=mark + arguments_of(secret, asked(said), timeless))
        return replace(command, content=kept, said=said)

    def judged(self, command: Take) -> Take:
        """The same command with what the policy lets be kept.

        Raises:
            Refused.
        """
        for one in self._judged(command.content):
            said = None if one.content == command.content else command.content
            return replace(command, content=one.content, said=said, verdict=one.verdict, reasons=one.reasons)
        return command

    def _judged(self, content: Content) -> list[Admission]:
        """The policy's judgement, where there is a policy."""
        return [admit(content, self.policy, self._now())] if self.policy else []

    def _now(self) -> int:
        return self._ledger.clock.now_ms()

    def keyed_record(self, operation: str, key: str) -> Id:
        """The id that a key gives; whoever imports a file a second time imports the same memories."""
        principal = "" if operation == "import" else self._actor
        return keyed_id(subkey(self._ledger.secret, "ids"), principal, operation, border.check_label(key, "key"))

    def is_there(self, operation: str, key: str) -> bool:
        """Whether a key made a memory already, held or forgotten."""
        with self._ledger.store.reading() as reader:
            return reader.find(self.keyed_record(operation, key)) is not None

    def take_all(self, commands: Sequence[Take], *, imported: bool = False) -> list[tuple[Record, bool]]:
        """Write all of them in one commit, or on any error none; gives each record and whether it is new.

        Args:
            imported: Sources may be absent.

        Raises:
            Gone, Rejected, KeyReused, NotFound.
        """
        taken, events = self._ledger.write_events(deciding(commands, imported=imported))
        self._touches.written(sum(result.is_new for result in taken))
        written = {event.header.record: event for event in events}
        records = list[tuple[Record, bool]]()
        for command, result in zip(commands, taken, strict=True):
            event = written.get(result.record)
            content = decode_content(event) if event and command.content.sources else command.content
            record = record_of(event, content) if event and content else self._read(result.record)
            if command.verdict is not None and result.is_new:
                record = replace(record, verdict=command.verdict, reasons=command.reasons)
            records.append((record, result.is_new))
        return records

    def admit(self, commands: Sequence[Take], *, imported: bool, dry_run: bool) -> list[bool]:
        """As `take_all`, giving only which of them are new; a dry run raises and gives the same and writes nothing."""
        decide = deciding(commands, imported=imported)
        if dry_run:
            with self._ledger.store.reading() as reader:
                return [result.is_new for result in decide(reader, self._ledger.secret)[1]]
        taken = self._ledger.write(decide)
        self._touches.written(sum(result.is_new for result in taken))
        return [result.is_new for result in taken]

    def refuse_reused_keys(self, commands: Sequence[Take]) -> None:
        """Raise `KeyReused` where two of them, or one of them and what is held, have one id and differ."""
        first = dict[Id, Take]()
        with self._ledger.store.reading() as reader:
            for place, command in enumerate(commands, 1):
                twin = first.setdefault(command.record, command)
                held = reader.find(command.record) if twin is command else None
                said = decode_content(reader.event(held.seq)) if held and held.seq else twin.content
                if said and not same_call(said, command):
                    raise KeyReused(f"Entry {place}: {key_reused(command.record)}")

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


def _written_record(events: Sequence[Event], record: Id) -> Record:
    """The record that was just written: read from its event, since it may be superseded or gone by now."""
    for event in events:
        if event.header.record == record and (content := decode_content(event)):
            return record_of(event, content)
    raise NotFound(f"There is no memory {id_text(record)} in this space.")


def _version(value: int | None) -> int | None:
    return None if value is None else border.check_count(value, "version", 2**31 - 1)
