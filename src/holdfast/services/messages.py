"""Messages of any provider: taken in as they are, and given back in the shape that is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from holdfast.core import border
from holdfast.core.codec import readable_content
from holdfast.core.decide import Take
from holdfast.core.episodes import body_of, read_episode
from holdfast.core.gist import VERBOSE_CHARS, gist
from holdfast.core.mentions import referred
from holdfast.core.message_shapes import Kept, shaped
from holdfast.core.message_text import is_verbose, readable, text_of
from holdfast.core.messages import Result, Said, Text, check_shape, message_json, read_message, shape_of
from holdfast.errors import HoldfastError, InvalidField, NotFound, Refused
from holdfast.model import limits
from holdfast.model.messages import Message, Messages, Shape
from holdfast.model.records import Content, Kind, Record, Role
from holdfast.model.reports import Turn
from holdfast.model.times import When, parse_when
from holdfast.services.inspecting import Inspecting
from holdfast.services.ledger import Ledger
from holdfast.services.remembering import Remembering

_BEHIND = 64
"""Memories of a session that are read at a time in search of the call that a result belongs to."""


class Messaging:
    """The messages of the sessions of one space."""

    def __init__(self, ledger: Ledger, remembering: Remembering, inspecting: Inspecting) -> None:
        self._ledger = ledger
        self._remembering = remembering
        self._inspecting = inspecting

    def add_messages(
        self,
        session: str,
        names: Mapping[Role, str],
        messages: Iterable[Message],
        *,
        shape: str | None,
        when: When | None,
        key: str | None,
        tags: Sequence[str],
        before: Callable[[], str | None],
    ) -> list[Record]:
        """Take in providers' messages in one durable write: all of them or, on any error, none.

        Raises:
            InvalidInput: naming the message.
            NotFound: a tool's result without its call.
        """
        given = list(messages)
        if len(given) > limits.BATCH:
            raise InvalidField(f"{len(given):,} messages were given at once; at most {limits.BATCH:,} are taken.")
        checked = None if shape is None else check_shape(shape)
        now = self._ledger.clock.now_ms()
        when_ms = None if when is None else parse_when(when)
        calls, commands = dict[str, str](), list[Take]()
        for place, message in enumerate(given, 1):
            try:
                found = checked or shape_of(message)
                said = read_message(message, found)
                calls.update((call.id, call.name) for call in said.calls)
                self._find_calls(session, said, calls)
                turn = Turn(
                    speaker=_speaker(said), text=readable(said, calls), when_ms=when_ms,
                    author=said.name, key=None if key is None else key if len(given) == 1 else f"{key}/{place}",
                    tags=border.check_tags(tags),
                )  # fmt: skip
                commands.append(self._command(session, names, turn, now, found, message, said, before))
                before = partial(str, turn.text)
            except Refused as error:
                raise (Refused(f"Message {place}: {error}", error.reasons) if len(given) > 1 else error) from None
            except HoldfastError as error:
                raise (type(error)(f"Message {place}: {error}") if len(given) > 1 else error) from None
        return [record for record, _ in self._remembering.take_all(commands)]

    def _command(
        self, session: str, names: Mapping[Role, str], turn: Turn, now: int, shape: Shape, message: Message, said: Said,
        before: Callable[[], str | None],
    ) -> Take:  # fmt: skip
        spoken = "\n".join(part.text for part in said.parts if isinstance(part, Text))
        fields: dict[str, Any] = {}
        if spoken.strip():
            fields = referred(spoken, now if turn.when_ms is None else turn.when_ms, before, names.values())
        if not _is_plain(message, turn.text):
            message_json(message)  # refuses what JSON cannot say
            fields.update(message=dict(message), shape=shape)
        kind = Kind.TOOL_CALL if said.calls or said.results else Kind.TURN
        body = body_of(**fields)
        return self._remembering.turn_command(session, names, turn, now, kind=kind, body=lambda _text, _said_ms: body)

    def _find_calls(self, session: str, said: Said, calls: dict[str, str]) -> None:
        """See to it that every result in a message has its call, in this batch or in what is held of the session."""
        lost = {result.id for result in said.results} - calls.keys()
        if lost:
            with self._ledger.store.reading() as reader:
                ns = reader.session(session)[::-1]
                for start in range(0, len(ns), _BEHIND):
                    for _, event in reader.current(ns[start : start + _BEHIND]).values():
                        content = readable_content(event)
                        if content is not None and content.kind is Kind.TOOL_CALL:
                            calls.update((call.id, call.name) for call in kept_of("", content).said.calls)
                    if lost <= calls.keys():
                        return
            raise NotFound(
                f"The result of the tool call {', '.join(sorted(lost - calls.keys())):.120} came without that call, "
                f"which is not in the session {session!r:.80}. Nothing was written; first add what makes that call."
            )

    def messages(self, session: str, shape: str, limit: int | None, *, full: bool, strict: bool) -> Messages:
        """What was said in a session, as messages in one shape; see `holdfast.session.Session.messages`."""
        wanted = check_shape(shape)
        most = None if limit is None else border.check_count(limit, "limit", 10_000_000)
        turns = self._inspecting.turns(session, None if most is None else most + _BEHIND)
        kept = [kept_of(turn.id, turn) for turn in turns]
        first = 0 if most is None else max(0, len(kept) - most)
        while first > 0 and _lacks_calls(kept[first:]):
            first -= 1  # a result is never without its call
        chosen = kept[first:]
        found = shaped(chosen if full else [_by_gist(one) for one in chosen], wanted)
        if strict and found.left_out:
            raise InvalidField(
                f"{len(found.left_out):,} things cannot be said in the shape {wanted}; the first is of "
                f"{found.left_out[0]:.200}. Ask without strict to have them left out."
            )
        return found

    def full_text(self, memory: str) -> str:
        """The whole text of an episode: of a tool's long result too, of which the text has its gist.

        Raises:
            NotFound, Gone.
        """
        record = self._inspecting.get(memory)
        if record.body is None or not record.kind.is_episode:
            return record.text
        kept = kept_of(record.id, record)
        if kept.message is None:
            return record.text
        names = dict[str, str]()
        with suppress(NotFound):  # a call that was forgotten has no name any more
            self._find_calls(record.session or "", kept.said, names)
        return readable(kept.said, names, full=True)


def kept_of(id_: str, content: Content) -> Kept:
    """A turn as a message."""
    fields = read_episode(content.body)
    if "message" in fields:
        shape = check_shape(fields["shape"])
        return Kept(id_, read_message(fields["message"], shape), fields["message"], shape)
    role = content.role.name.lower()
    if content.role is Role.NONE:
        return Kept(id_, Said("user", (Text(f"{content.author}: {content.text}"),)))
    if content.role is Role.TOOL:
        return Kept(id_, Said("user", (Text(f"[tool] {content.text}"),)))
    return Kept(id_, Said(role, (Text(content.text),)))


def _by_gist(kept: Kept) -> Kept:
    """The same, with a tool's long results by their gist and the id under which they are in full."""
    if not is_verbose(kept.said):
        return kept

    def short(result: Result) -> Result:
        text = text_of(result.parts)
        if len(text) <= VERBOSE_CHARS:
            return result
        return replace(result, parts=(Text(f"{gist(text)}\n[in full: memory {kept.id}]"),))

    parts = tuple(short(part) if isinstance(part, Result) else part for part in kept.said.parts)
    return Kept(kept.id, replace(kept.said, parts=parts))


def _lacks_calls(kept: Sequence[Kept]) -> bool:
    known = set[str]()
    for one in kept:
        if any(result.id not in known for result in one.said.results):
            return True
        known.update(call.id for call in one.said.calls)
    return False


def _is_plain(message: Message, text: str) -> bool:
    """It says no more than its role and one text, in that order: nothing need be kept beside the text."""
    if list(message) != ["role", "content"]:
        return False
    return message["role"] in border.SPEAKERS and message["role"] != "tool" and message["content"] == text


def _speaker(said: Said) -> str:
    return {"developer": "system", "function": "tool"}.get(said.role, said.role) if not said.results else "tool"
