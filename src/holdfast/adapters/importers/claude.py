"""The data export of Claude's apps: ``conversations.json``.

A list of conversations, each with ``chat_messages`` in order. A message has its text twice: as one
string, in which blocks that are not text became a placeholder, and as blocks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.adapters.importers.exports import Chat, ChatExport, Spot
from holdfast.adapters.importers.fields import (
    ROLES,
    digest,
    identity,
    key_of,
    label,
    listing,
    mapping,
    text_in,
)
from holdfast.adapters.importers.links import branch_to, circle_in
from holdfast.adapters.importers.talk import compact, said_in, time_of, tool_turns, turns
from holdfast.errors import InvalidField
from holdfast.model.reports import Turn


class Claude(ChatExport):
    """Reads the conversations of a Claude export."""

    name = "claude"
    description = "Claude export: the zip, or conversations.json"
    field = "chat_messages"
    title = "name"
    began = "created_at"

    def chat_in(self, value: Mapping[str, Any]) -> Chat:
        if not isinstance(value.get("chat_messages"), list):
            raise InvalidField("it has no 'chat_messages'")
        messages = _by_id(listing(value["chat_messages"]))
        order = _order(value, messages)
        given = identity(value.get("uuid"))
        return Chat(
            id=given or digest(str(value.get("created_at")), compact(next(iter(messages.values()), None))),
            messages=[(name, messages[name]) for name in order],
            is_settled=bool(given),
            edited_away=len(messages) - len(order),
        )

    def turns_of(self, message: Mapping[str, Any], spot: Spot) -> list[Turn]:
        gathering = spot.gathering
        role = ROLES.get(str(message.get("sender") or message.get("role")).lower())
        if role is None:
            raise InvalidField(f"it is by {message.get('sender')!r:.60}; expected human or assistant")
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
        when, problem = time_of(message.get("created_at"), spot.zone)
        if problem:
            gathering.skip(spot.place, f"{problem}; it got the time of the message before")
        key = ("claude", spot.chat, spot.message)
        made = turns(
            session=spot.session,
            source=spot.session,
            key=key_of(*key),
            speaker=role,
            text=said.text,
            when_ms=when,
            named=list(dict.fromkeys(said.named)),
        )
        return made + tool_turns(
            said, session=spot.session, source=spot.session, key=key, when_ms=when, gathering=gathering
        )


def _by_id(messages: list[Any]) -> dict[str, object]:
    """The messages by id.

    Raises:
        InvalidField: two that differ have the same id.
    """
    found = dict[str, object]()
    for number, one in enumerate(messages, 1):
        name = identity(mapping(one).get("uuid")) or f"message-{number}"
        if found.get(name, one) != one:
            raise InvalidField(f"two messages have the id {name}")
        found[name] = one
    return found


def _order(value: Mapping[str, Any], messages: Mapping[str, object]) -> list[str]:
    """The messages to take: the branch on the screen where the export says which, else all in order.

    Raises:
        InvalidField: the links between them go round in a circle.
    """
    parents = {
        name: identity(mapping(message).get("parent_message_uuid")) or None for name, message in messages.items()
    }
    circle = circle_in(parents)
    if circle is not None:
        raise InvalidField(f"the links between its messages go round in a circle at {circle:.60}")
    leaf = value.get("current_leaf_message_uuid")
    if not isinstance(leaf, str) or leaf not in messages:
        return list(messages)
    return branch_to(parents, leaf).nodes
