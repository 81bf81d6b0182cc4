"""The data export of Claude's apps: ``conversations.json``.

A list of conversations, each with ``chat_messages`` in order. A message has its text twice: as one
string, in which blocks that are not text became a placeholder, and as blocks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import tzinfo
from pathlib import Path
from typing import Any

from holdfast.adapters.importers.chatgpt import conversation_files
from holdfast.adapters.importers.fields import (
    ROLES,
    digest,
    identity,
    is_mapping,
    key_of,
    label,
    listing,
    mapping,
    text_in,
)
from holdfast.adapters.importers.files import head_of
from holdfast.adapters.importers.gathering import Gathering, read_documents
from holdfast.adapters.importers.links import branch_to, circle_in
from holdfast.adapters.importers.shapes import shapes
from holdfast.adapters.importers.talk import compact, dated, said_in, time_of, tool_turns, turns
from holdfast.errors import InvalidField
from holdfast.model.imports import Batch
from holdfast.model.reports import Turn


class Claude:
    """Reads the conversations of a Claude export."""

    name = "claude"
    description = "Claude export: conversations.json"

    def recognises(self, path: Path, head: bytes) -> bool:
        if path.is_dir():
            return any(self.recognises(file, head_of(file)) for file in conversation_files(path)[:1])
        return any("chat_messages" in shape for shape in shapes(head))

    def read(self, path: Path, *, zone: tzinfo) -> Iterator[Batch]:
        seen = set[str]()

        def take(value: Mapping[str, Any], place: str, gathering: Gathering) -> None:
            _take(value, place, gathering, zone, seen)

        return read_documents(conversation_files(path), "conversation", take)


def _take(value: Mapping[str, Any], place: str, gathering: Gathering, zone: tzinfo, seen: set[str]) -> None:
    if not isinstance(value.get("chat_messages"), list):
        raise InvalidField("it has no 'chat_messages'")
    messages = _by_id(listing(value["chat_messages"]))
    chat = identity(value.get("uuid"))
    chat = chat or digest(str(value.get("created_at")), compact(next(iter(messages.values()), None)))
    title = label(value.get("name"), 80)
    where = f"{place} ({title})" if title else place
    if chat in seen:
        gathering.skip(where, f"a conversation with the id {chat} stands before it in the export")
        return
    made = list[Turn]()
    for name in _order(value, messages, where, gathering):
        made += _turns(messages[name], name, chat, where, gathering, zone)
    start, _ = time_of(value.get("created_at"), zone)
    seen.add(chat)
    gathering.take(f"claude/{chat}", dated(made, start if not made or made[0].when_ms is None else None))


def _by_id(messages: list[Any]) -> dict[str, Mapping[str, Any]]:
    """The messages by id.

    Raises:
        InvalidField: one is no object, or two that differ have the same id.
    """
    found = dict[str, Mapping[str, Any]]()
    for number, one in enumerate(messages, 1):
        if not is_mapping(one):
            raise InvalidField(f"message {number} is {type(one).__name__}, not a JSON object")
        name = identity(one.get("uuid")) or f"message-{number}"
        if found.get(name, one) != one:
            raise InvalidField(f"two messages have the id {name}")
        found[name] = one
    return found


def _order(
    value: Mapping[str, Any], messages: Mapping[str, Mapping[str, Any]], where: str, gathering: Gathering
) -> list[str]:
    """The messages to take: the branch on the screen where the export says which, else all in order.

    Raises:
        InvalidField: the links between them go round in a circle.
    """
    parents = {name: identity(message.get("parent_message_uuid")) or None for name, message in messages.items()}
    circle = circle_in(parents)
    if circle is not None:
        raise InvalidField(f"the links between its messages go round in a circle at {circle:.60}")
    leaf = value.get("current_leaf_message_uuid")
    if not isinstance(leaf, str) or leaf not in messages:
        return list(messages)
    branch = branch_to(parents, leaf).nodes
    if len(branch) < len(messages):
        gathering.leave_out("messages on branches that were edited away", len(messages) - len(branch))
    return branch


def _turns(
    message: Mapping[str, Any], name: str, chat: str, where: str, gathering: Gathering, zone: tzinfo
) -> list[Turn]:
    role = ROLES.get(str(message.get("sender") or message.get("role")).lower())
    if role is None:
        raise InvalidField(f"message {name} is by {message.get('sender')!r:.60}; expected human or assistant")
    said = said_in(message.get("content"))
    if not said.texts and not said.calls and not said.results and text_in(message.get("text")):
        said.texts.append(message["text"])
    for listed in ("attachments", "files"):
        for shared in listing(message.get(listed)):
            said.named.append(label(mapping(shared).get("file_name")) or "pasted text")
            if text_in(mapping(shared).get("extracted_content")):
                gathering.leave_out("contents of attachments")
    for what in said.left_out:
        gathering.leave_out(what)
    when, problem = time_of(message.get("created_at"), zone)
    if problem:
        gathering.skip(f"{where}, message {name:.40}", f"{problem}; it got the time of the message before")
    session = f"claude/{chat}"
    made = turns(
        session=session,
        source=session,
        key=key_of("claude", chat, name),
        speaker=role,
        text=said.text,
        when_ms=when,
        named=list(dict.fromkeys(said.named)),
    )
    return made + tool_turns(said, session=session, source=session, key=("claude", chat, name), when_ms=when,
                             gathering=gathering)  # fmt: skip
