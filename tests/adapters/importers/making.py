"""Files of every format with the same few things said in them, to be spoiled by tests."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

WHEN = "2024-05-03T18:05:00Z"
WHEN_MS = 1_714_759_500_000
SAID = ("alpha one", "beta two", "gamma three")
Values = list[Any]


def chatgpt(texts: Sequence[Any], when: Any = WHEN, name: str = "c") -> Values:
    nodes: dict[str, Any] = {"root": {"id": "root", "message": None, "parent": None}}
    for n, text in enumerate(texts):
        message = {
            "author": {"role": ("user", "assistant")[n % 2]}, "create_time": when,
            "content": {"content_type": "text", "parts": [text]},
        }  # fmt: skip
        nodes[f"m{n}"] = {"id": f"m{n}", "message": message, "parent": f"m{n - 1}" if n else "root"}
    return [{"conversation_id": name, "title": name, "current_node": f"m{len(texts) - 1}", "mapping": nodes}]


def claude(texts: Sequence[Any], when: Any = WHEN, name: str = "c") -> Values:
    messages = [
        {"uuid": f"m{n}", "sender": ("human", "assistant")[n % 2], "text": text, "created_at": when,
         "parent_message_uuid": f"m{n - 1}" if n else None}
        for n, text in enumerate(texts)
    ]  # fmt: skip
    return [{"uuid": name, "name": name, "chat_messages": messages}]


def claude_code(texts: Sequence[Any], when: Any = WHEN, name: str = "s") -> Values:
    return [
        {"type": "user", "uuid": f"{name}{n}", "parentUuid": f"{name}{n - 1}" if n else None, "sessionId": name,
         "timestamp": when, "message": {"role": "user", "content": text}}
        for n, text in enumerate(texts)
    ]  # fmt: skip


def codex(texts: Sequence[Any], when: Any = WHEN, name: str = "s") -> Values:
    rows = [
        {"timestamp": when, "type": "response_item", "payload": {"type": "message", "role": "user", "content": text}}
        for text in texts
    ]
    return [{"timestamp": WHEN, "type": "session_meta", "payload": {"id": name}}, *rows]


def letta(texts: Sequence[Any], when: Any = WHEN, name: str = "a") -> Values:
    messages = [{"role": "user", "content": text, "created_at": when} for text in texts]
    return [{"agents": [{"name": name, "messages": messages}], "blocks": []}]


def mem0(texts: Sequence[Any], when: Any = WHEN, name: str = "m") -> Values:
    return [{"id": f"{name}{n}", "memory": text, "user_id": "ada", "created_at": when} for n, text in enumerate(texts)]


def mcp_memory(texts: Sequence[Any], when: Any = WHEN, name: str = "n") -> Values:
    return [
        {
            "type": "entity",
            "name": f"{name}{n}",
            "entityType": "x",
            "observations": [{"content": text, "timestamp": when}],
        }
        for n, text in enumerate(texts)
    ]


def jsonl(texts: Sequence[Any], when: Any = WHEN, name: str = "m") -> Values:
    return [{"id": f"{name}{n}", "role": "user", "content": text, "timestamp": when} for n, text in enumerate(texts)]


def tuning(texts: Sequence[Any], when: Any = WHEN, name: str = "c") -> Values:
    """Chats with a conversation an object, which is whole or absent."""
    return [{"id": name, "messages": [{"role": "user", "content": text, "timestamp": when} for text in texts]}]


MAKERS: dict[str, tuple[str, Callable[..., Values], bool]] = {
    "chatgpt": ("conversations.json", chatgpt, True),
    "claude": ("conversations.json", claude, True),
    "claude-code": ("s.jsonl", claude_code, False),
    "codex": ("rollout-s.jsonl", codex, False),
    "letta": ("a.af", letta, True),
    "mem0": ("mem0.json", mem0, True),
    "mcp-memory": ("memory.jsonl", mcp_memory, False),
    "jsonl": ("chat.jsonl", jsonl, False),
    "tuning": ("tuning.jsonl", tuning, False),
}
"""By format, or sort of it: a file's name, what makes its objects, and whether they stand in a list."""
FORMS = tuple(MAKERS)
LOGS = ("claude-code", "codex", "jsonl")
"""Formats a line of which is whole by itself."""


def form_of(kind: str) -> str:
    """The importer's name."""
    return "jsonl" if kind == "tuning" else kind


def objects(kind: str, texts: Sequence[Any], **more: Any) -> Values:
    return MAKERS[kind][1](texts, **more)


def text_of(kind: str, values: Values) -> str:
    """The text of a file with these objects, as the format writes it."""
    if kind == "letta":
        return json.dumps(values[0])
    if MAKERS[kind][2]:
        return "[" + ",\n".join(json.dumps(value) for value in values) + "]\n"
    return "".join(json.dumps(value) + "\n" for value in values)


def made(kind: str, folder: Path, values: Values) -> Path:
    """A file with these objects."""
    path = folder / MAKERS[kind][0]
    path.write_text(text_of(kind, values))
    return path
