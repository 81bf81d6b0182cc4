"""ChatGPT's data export: ``conversations.json``, one or several.

A list of conversations. Each holds a tree of messages by id, since editing a question or asking for
another answer starts a new branch; ``current_node`` is the last message of the branch on the screen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.adapters.importers.exports import Chat, ChatExport, Spot
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
from holdfast.adapters.importers.gathering import Gathering
from holdfast.adapters.importers.links import branch_to
from holdfast.adapters.importers.talk import CALL, time_of, tool_text, turns
from holdfast.errors import InvalidField
from holdfast.model.reports import Turn

_NEVER = {
    "thoughts": "thinking of the model",
    "reasoning_recap": "thinking of the model",
    "user_editable_context": "custom instructions",
    "model_editable_context": "saved memories shown to the model",
    "system_error": "error messages of ChatGPT",
    "app_pairing_content": "bookkeeping",
}
_ANSWERS = ("execution_output", "tether_quote", "tether_browsing_display", "sonic_webpage", "computer_output")


class ChatGPT(ChatExport):
    """Reads the conversations of a ChatGPT export."""

    name = "chatgpt"
    description = "ChatGPT export: the zip, or conversations.json"
    field = "mapping"
    title = "title"
    began = "create_time"

    def chat_in(self, value: Mapping[str, Any]) -> Chat:
        nodes = value.get("mapping")
        if not is_mapping(nodes):
            raise InvalidField("it has no 'mapping' of messages")
        tree = {name: mapping(node) for name, node in nodes.items()}
        remarks = list[str]()
        leaf = _leaf(value, tree, remarks)
        branch = branch_to({name: _parent(node) for name, node in tree.items()}, leaf)
        if branch.missing is not None:
            remarks.append(f"its beginning is not in the export (message {branch.missing:.60}); the rest was taken")
        for name in branch.nodes:
            _check_node(nodes[name], name)
        given = identity(value.get("conversation_id")) or identity(value.get("id"))
        return Chat(
            id=given or digest(str(value.get("create_time")), branch.nodes[0]),
            messages=[(name, said) for name in branch.nodes if (said := tree[name].get("message")) is not None],
            edited_away=len(tree) - len(branch.nodes),
            remarks=remarks,
        )

    def turns_of(self, message: Mapping[str, Any], spot: Spot) -> list[Turn]:
        gathering = spot.gathering
        author, content = mapping(message.get("author")), mapping(message.get("content"))
        role = ROLES.get(str(author.get("role")).lower())
        kind = str(content.get("content_type") or "text")
        if _hidden(message, role, kind, gathering):
            return []
        if role is None:
            gathering.leave_out(f"messages by {label(author.get('role'), 40)}, which is no known role")
            return []
        text, named = _text(content, kind, gathering)
        files = [file for part in listing(mapping(message.get("metadata")).get("attachments"))
                 if (file := label(mapping(part).get("name")))]  # fmt: skip
        when, problem = time_of(message.get("create_time"), spot.zone)
        if problem:
            gathering.skip(spot.place, f"{problem}; it got the time of the message before")
        recipient, tags, attributes, speaker = label(message.get("recipient")) or "all", (), {}, role
        named_author = None
        if role == "assistant" and (recipient != "all" or kind == "code"):
            tool = recipient if recipient != "all" else "code"
            text, attributes = tool_text(text)
            text, tags = f"{tool}: {text}" if text else "", (CALL,)
        elif role == "tool" or kind in _ANSWERS:
            speaker, named_author = "tool", label(author.get("name"))
            text, attributes = tool_text(text)
        if attributes:
            gathering.leave_out("the ends of long tool calls and results")
        return turns(
            session=spot.session,
            source=spot.session,
            key=key_of("chatgpt", spot.chat, spot.message),
            speaker=speaker,
            author=named_author,
            text=text,
            when_ms=when,
            named=files or named,
            tags=tags,
            attributes=attributes or None,
        )


def _check_node(node: object, name: str) -> None:
    """Refuse what would end a branch before its beginning without a word.

    Raises:
        InvalidField.
    """
    if not is_mapping(node):
        raise InvalidField(f"message {name:.40} is {type(node).__name__}, not a JSON object")
    parent = node.get("parent")
    if parent is not None and not isinstance(parent, str):
        raise InvalidField(f"message {name:.40} names {parent!r:.40} as the one before it; expected an id")


def _parent(node: Mapping[str, Any]) -> str | None:
    parent = node.get("parent")
    return parent if isinstance(parent, str) else None


def _leaf(value: Mapping[str, Any], tree: Mapping[str, Mapping[str, Any]], remarks: list[str]) -> str:
    """The last message of the branch on the screen, or of the latest one where the export does not say.

    Raises:
        InvalidField: there is none.
    """
    current = value.get("current_node")
    if isinstance(current, str) and current in tree:
        return current
    if not tree:
        raise InvalidField("it has no messages")
    inner = {_parent(node) for node in tree.values()}
    leaves = [name for name in tree if name not in inner]
    if not leaves:
        raise InvalidField("the links between its messages go round in a circle")
    if len(leaves) > 1 or current is not None:
        remarks.append("it does not name its current message; its latest branch was taken")
    return max(enumerate(leaves), key=lambda pair: (_created(tree[pair[1]]), pair[0]))[1]


def _created(node: Mapping[str, Any]) -> float:
    created = mapping(node.get("message")).get("create_time")
    return float(created) if isinstance(created, int | float) and abs(created) < 1e15 else 0.0


def _hidden(message: Mapping[str, Any], role: str | None, kind: str, gathering: Gathering) -> bool:
    """Whether the message was never on the screen; counted where it says something."""
    metadata = mapping(message.get("metadata"))
    if kind in _NEVER:
        gathering.leave_out(_NEVER[kind])
        return True
    if metadata.get("is_user_system_message"):
        gathering.leave_out(_NEVER["user_editable_context"])
        return True
    if metadata.get("is_visually_hidden_from_conversation") or message.get("weight") == 0:
        parts = listing(mapping(message.get("content")).get("parts"))
        if any(text_in(part) for part in parts):
            gathering.leave_out("hidden system messages" if role == "system" else "hidden messages")
        return True
    return False


def _text(content: Mapping[str, Any], kind: str, gathering: Gathering) -> tuple[str, list[str]]:
    """The text of a message and the names of what is shared with it."""
    texts, named = list[str](), list[str]()
    for part in listing(content.get("parts")):
        if isinstance(part, str):
            texts += [part] if part.strip() else []
            continue
        block = mapping(part)
        spoken = text_in(block.get("text"))
        if spoken:
            texts.append(spoken)
            continue
        shown = label(block.get("content_type"), 40) or "unknown"
        gathering.leave_out(f"parts of type {shown}: their content is not in the file or no text")
        if "image" in shown:
            named.append("image")
        elif "audio" not in shown and "video" not in shown:
            named.append(shown)
    for field in ("text", "result", "summary", "content"):
        if not texts and text_in(content.get(field)):
            texts.append(content[field])
    if not texts and not named and not content.get("parts") and kind not in ("text", "multimodal_text", "code"):
        gathering.leave_out(f"messages of type {label(kind, 40)} without text")
    return "\n\n".join(texts), named
