"""What agents write to a hook and read from it, each in its own format."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

FORMATS = {"claude": "claude-code", "codex": "codex"}
"""Agents that write transcripts, and the importer of each."""
PROJECT_FOLDERS = ("CLAUDE_PROJECT_DIR", "CURSOR_PROJECT_DIR")
"""Variables in which agents tell their hooks the project."""


def answer_in_format(agent: str, name: str, text: str) -> bytes:
    """A text as an agent takes it from a hook; nothing stays nothing."""
    if not text:
        return b""
    told: dict[str, object]
    if agent in FORMATS:
        named = "SessionStart" if name == "session-start" else "UserPromptSubmit"
        told = {"hookSpecificOutput": {"hookEventName": named, "additionalContext": text}}
    elif agent == "cursor":
        told = (
            {"additional_context": text} if name == "session-start" else {"continue": True, "additional_context": text}
        )
    else:
        told = {"context": text}
    return json.dumps(told, ensure_ascii=False).encode() + b"\n"


def transcript_of(agent: str, payload: Mapping[str, Any], environment: Mapping[str, str]) -> Path | None:
    """The transcript of the conversation; None where there is none (yet)."""
    named = payload.get("transcript_path")
    if isinstance(named, str) and named:
        found = Path(named).expanduser()
        return found if found.is_file() else None
    session = session_of(payload)
    if agent != "codex" or not session.replace("-", "").isalnum():
        return None
    home = Path(environment.get("CODEX_HOME") or Path(environment.get("HOME", ""), ".codex"))
    return max((home / "sessions").glob(f"**/rollout-*{session}.jsonl"), default=None)


def turns_in(event: str, payload: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The turns that an agent hands with an event."""
    if event == "said":
        return [{"role": "assistant", "text": payload.get("text"), "id": payload.get("generation_id")}]
    handed = payload.get("messages")
    some = cast("list[Any]", handed) if isinstance(handed, list) else []
    return [cast("Mapping[str, Any]", one) for one in some if isinstance(one, dict)]


def said_of(agent: str, payload: bytes) -> dict[str, Any]:
    """What the agent said.

    Raises:
        ValueError: it is no JSON object.
    """
    try:
        told = json.loads(payload.decode("utf-8-sig", "replace") or "{}")
    except ValueError as error:
        raise ValueError(f"what {agent} wrote to standard input is not JSON ({error})") from None
    if not isinstance(told, dict):
        raise ValueError(  # noqa: TRY004 what stands there is wrong, not what was passed
            f"what {agent} wrote to standard input is no JSON object"
        )
    return cast("dict[str, Any]", told)


def folder_of(payload: Mapping[str, Any], environment: Mapping[str, str], cwd: str) -> str:
    """The folder that an agent was started for, else the one it works in: that may change within a conversation."""
    for name in PROJECT_FOLDERS:
        if Path(environment.get(name, "")).is_absolute():
            return environment[name]
    roots = payload.get("workspace_roots")
    first = cast("list[Any]", roots)[0] if isinstance(roots, list) and roots else None
    named = payload.get("cwd") or first
    return named if isinstance(named, str) and Path(named).is_absolute() else cwd


def session_of(payload: Mapping[str, Any]) -> str:
    """The conversation, as the agent names it."""
    for name in ("session_id", "conversation_id", "sessionID"):
        told = payload.get(name)
        if isinstance(told, str) and told:
            return told[:200]
    return "unknown"
