"""Plain chats in JSON: a message a line, or a conversation a line as for fine-tuning.

Programs agree on little here, so the usual names of each field are tried in turn. Messages without
an id are told apart by what they say and when, or, where they have no time, by the line they are on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import tzinfo
from pathlib import Path
from typing import Any, NamedTuple

from holdfast.adapters.importers.fields import (
    ROLES,
    attributes_of,
    digest,
    first_of,
    identity,
    key_of,
    label,
    listing,
    mapping,
)
from holdfast.adapters.importers.gathering import Gathering, json_values, why_of
from holdfast.adapters.importers.recent import Recent
from holdfast.adapters.importers.shapes import Shape, shapes
from holdfast.adapters.importers.talk import Said, compact, dated, said_in, time_of, tool_text, tool_turns, turns
from holdfast.errors import HoldfastError, InvalidField
from holdfast.model.imports import Batch
from holdfast.model.reports import Turn

_LISTS = ("messages", "conversations", "conversation", "turns", "dialogue", "chat")
_SPEAKERS = ("role", "from", "sender", "author", "speaker")
_TEXTS = ("content", "text", "value", "body", "message", "msg")
_TIMES = ("timestamp", "created_at", "time", "date", "when", "ts", "datetime", "create_time", "created", "sent_at")
_IDS = ("id", "message_id", "uuid")
_SESSIONS = ("conversation_id", "session_id", "thread_id", "chat_id", "conversation", "session", "thread", "channel")
_FOREIGN = frozenset(
    ("mapping", "chat_messages", "payload", "sessionId", "parentUuid", "core_memory", "entries", "entityType",
     "relationType", "memory", "format", "record_type", "instructions")
)  # fmt: skip
"""Fields that other formats have and chats do not."""


class JsonlChats:
    """Reads chats with a message, or a list of messages, in each object."""

    name = "jsonl"
    description = "plain chats: {role, content} or {author, text} a line, or {messages: [...]} as for fine-tuning"

    def recognises(self, path: Path, head: bytes) -> bool:
        found = shapes(head)
        return bool(found) and not any(_FOREIGN & shape.keys() for shape in found) and any(map(_is_chat, found))

    def read(self, path: Path, *, zone: tzinfo) -> Iterator[Batch]:
        gathering = Gathering((path,))
        chats = _Chats(path, gathering, zone)
        with gathering.reading(path) as chunks:
            for place, number, value in json_values(path, chunks, gathering, "message"):
                try:
                    chats.take(mapping(value), place, number)
                except (HoldfastError, RecursionError) as error:
                    gathering.skip(place, f"{why_of(error)}; it was not taken")
                if gathering.full:
                    yield gathering.batch()
        gathering.end_file(path)
        yield gathering.end()


class _Message(NamedTuple):
    """One message, read."""

    speaker: str
    author: str | None
    said: Said
    when: int | None
    problem: str
    values: Mapping[str, Any]
    digest: str


class _Chats:
    """One file being read."""

    def __init__(self, path: Path, gathering: Gathering, zone: tzinfo) -> None:
        self._stem = label(path.stem, 100) or "chat"
        self._gathering = gathering
        self._zone = zone
        self._ids = Recent()
        self._openings = Recent()
        self._last = dict[str, int | None]()

    def take(self, value: Mapping[str, Any], place: str, number: int) -> None:
        listed = next((name for name in _LISTS if isinstance(value.get(name), list)), None)
        if listed is None:
            self._take_message(value, place, number)
        else:
            self._take_conversation(value, listing(value[listed]), place)

    def _take_message(self, value: Mapping[str, Any], place: str, number: int) -> None:
        message = _message(value, self._zone)
        name = identity(first_of(value, *_SESSIONS))
        session = f"{self._stem}/{name}" if name else self._stem
        given = identity(first_of(value, *_IDS))
        if given:
            known = self._ids.get(f"{session}/{given}")
            if known is not None and known != message.digest:
                self._gathering.skip(place, f"the id {given} stands before it with other words; both were taken")
            self._ids.add(f"{session}/{given}", message.digest)
        elif message.when is None:
            given = f"line{number}"
        made = self._turns(message, session, (self._stem, name, given), place)
        made = dated(made, self._last.get(session))
        if made:
            if len(self._last) > 10_000:
                self._last.clear()
            self._last[session] = made[-1].when_ms
        self._gathering.take(session, made, is_log=True)

    def _take_conversation(self, value: Mapping[str, Any], rows: list[Any], place: str) -> None:
        messages, flaws = list[tuple[int, _Message]](), list[tuple[int, str]]()
        for number, row in enumerate(rows, 1):
            try:
                messages.append((number, _message(mapping(row), self._zone)))
            except (HoldfastError, RecursionError) as error:
                flaws.append((number, why_of(error)))
        name = identity(first_of(value, *_IDS, *_SESSIONS)) or self._opening(messages, flaws)
        session = f"{self._stem}/{name}"
        for number, why in flaws:
            self._gathering.flaw(session, f"{place}, message {number}", why)
        made = list[Turn]()
        for number, message in messages:
            made += self._turns(message, session, (self._stem, name, str(number)), f"{place}, message {number}")
        start, _ = time_of(first_of(value, *_TIMES), self._zone)
        self._gathering.take(session, dated(made, start if not made or made[0].when_ms is None else None))

    def _opening(self, messages: list[tuple[int, _Message]], flaws: list[tuple[int, str]]) -> str:
        """A name for a conversation without one: its messages up to the user's first, counted where they recur.

        Raises:
            InvalidField: one of them cannot be read; mended, it would give another name.
        """
        ended = next(
            (number for number, message in messages if message.speaker != "system"), len(messages) + len(flaws) + 1
        )
        if flaws and flaws[0][0] < ended:
            raise InvalidField(f"message {flaws[0][0]}: {flaws[0][1]}")
        opening = [message.digest for number, message in messages if number <= ended]
        name = digest(*opening)[:12]
        count = int(self._openings.get(name) or "0") + 1
        self._openings.add(name, str(count))
        return name if count == 1 else f"{name}-{count}"

    def _turns(self, message: _Message, session: str, where: tuple[str, str, str], place: str) -> list[Turn]:
        for what in message.said.left_out:
            self._gathering.leave_out(what)
        if message.problem:
            self._gathering.skip(place, f"{message.problem}; it got the time of the message before")
        key = ("jsonl", *where, message.digest)
        text, cut = message.said.text, {}
        if message.speaker == "tool":
            text, cut = tool_text(text)
            if cut:
                self._gathering.leave_out("the ends of long tool calls and results")
        made = turns(
            session=session,
            source=session,
            key=key_of(*key),
            speaker=message.speaker,
            author=message.author,
            text=text,
            when_ms=message.when,
            named=message.said.named,
            attributes=attributes_of({**mapping(message.values.get("metadata")), **cut}) or None,
        )
        return made + tool_turns(
            message.said, session=session, source=session, key=key, when_ms=message.when, gathering=self._gathering
        )


def _message(value: Mapping[str, Any], zone: tzinfo) -> _Message:
    inner = mapping(value.get("message"))
    if inner and first_of(inner, *_SPEAKERS) is not None:
        value = {**value, **inner}
        del value["message"]
    speaker, author = _speaker(value)
    said = said_in(first_of(value, *_TEXTS))
    for call in listing(value.get("tool_calls")):
        function = mapping(mapping(call).get("function")) or mapping(call)
        name = label(function.get("name")) or "tool"
        said.calls.append((identity(mapping(call).get("id")), name, compact(function.get("arguments"))))
    called = mapping(value.get("function_call"))
    if called:
        said.calls.append(("", label(called.get("name")) or "function", compact(called.get("arguments"))))
    when, problem = time_of(first_of(value, *_TIMES), zone)
    words = [speaker, author or "", str(when), said.text, "calls", *(part for call in said.calls for part in call)]
    words += ["results", *(part for result in said.results for part in result), "shared", *said.named]
    return _Message(speaker, author, said, when, problem, value, digest(*words))


def _speaker(value: Mapping[str, Any]) -> tuple[str, str | None]:
    """Who said it, as a role or a name, and a name beside the role.

    Raises:
        InvalidField: nobody is named.
    """
    given = first_of(value, *_SPEAKERS)
    inner = mapping(given)
    if inner:
        given = first_of(inner, "role", "name", "username", "id")
    named = label(first_of(inner, "name", "username") or first_of(value, "name", "author_name", "username"))
    if named is None and isinstance(value.get("author"), str) and value["author"] != given:
        named = label(value["author"])
    shown = label(given) or named
    if shown is None:
        raise InvalidField(f"it does not say who speaks; expected one of the fields {', '.join(_SPEAKERS)}")
    role = ROLES.get(shown.lower())
    return (role, named if named != shown else None) if role else (shown, None)


def _is_chat(shape: Shape) -> bool:
    if any(shape.get(name) == "[" for name in _LISTS):
        return "blocks" not in shape and "agents" not in shape
    speaks = any(name in shape and shape[name] != "[" for name in (*_SPEAKERS, "name"))
    says = any(name in shape and (name != "content" or shape[name] != "{") for name in _TEXTS)
    return speaks and says
