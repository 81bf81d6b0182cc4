"""Rollouts of Codex: one file of JSON lines for a session, below ``~/.codex/sessions``.

Each line is ``{timestamp, type, payload}``. Messages and tool calls are ``response_item``; an
``event_msg`` says the same again for the screen and is taken only where a file has no messages.
Files from before August 2025 hold the session's description in the first line and bare items after it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import tzinfo
from itertools import islice
from pathlib import Path
from typing import Any

from holdfast.adapters.importers.fields import ROLES, identity, key_of, label, listing, mapping, text_in, word
from holdfast.adapters.importers.files import files_at, files_below, head_inside
from holdfast.adapters.importers.gathering import Gathering, read_logs, why_of
from holdfast.adapters.importers.recent import Recent
from holdfast.adapters.importers.shapes import Shape, shapes
from holdfast.adapters.importers.talk import CALL, compact, dated, flat, said_in, time_of, tool_text, turns
from holdfast.errors import HoldfastError
from holdfast.model.imports import Batch
from holdfast.model.reports import Turn

_TYPES = frozenset(("session_meta", "response_item", "event_msg", "turn_context", "compacted", "world_state"))
_ITEMS = frozenset(
    ("message", "reasoning", "function_call", "function_call_output", "local_shell_call", "custom_tool_call",
     "custom_tool_call_output", "web_search_call")
)  # fmt: skip
_EVENTS = {"user_message": "user", "agent_message": "assistant"}
_INJECTED = (
    "<environment_context>", "<user_instructions>", "<user_action>", "<permissions instructions>", "<turn_aborted>",
    "<collaboration_mode>", "<skill", "<model_switch>", "<subagent_notification>", "<INSTRUCTIONS>",
    "# AGENTS.md instructions", "<personality_spec>",
)  # fmt: skip
"""How texts begin that stand in a user's message and were not written by a person."""
_WAITING = 10_000
"""Events of a file that are kept for the case that no message follows."""


class Codex:
    """Reads a rollout, or every rollout in a folder."""

    name = "codex"
    description = "Codex rollouts: a .jsonl file, or the folder ~/.codex/sessions"

    def recognises(self, path: Path, head: bytes) -> bool:
        if path.is_dir():
            first = islice(files_below(path, _is_rollout), 3)
            return any(self.recognises(file, head_inside(file)) for file in first)
        found = shapes(head)
        return any(_is_line(shape) for shape in found) or _is_old(found)

    def read(self, path: Path, *, zone: tzinfo) -> Iterator[Batch]:
        files = files_at(path, _is_rollout, "rollouts (rollout-*.jsonl)")
        return read_logs(files, lambda file, gathering: _Rollout(file, gathering, zone))


class _Rollout:
    """One file being read."""

    def __init__(self, file: Path, gathering: Gathering, zone: tzinfo) -> None:
        self._file = file
        self._gathering = gathering
        self._zone = zone
        self._session = file.stem
        self._told = False
        self._has_messages = False
        self._waiting = list[Turn]()
        self._tools = Recent()
        self._last_ms: int | None = None

    def take(self, number: int, value: object) -> None:
        line, place = mapping(value), f"{self._file.name}, line {number:,}"
        payload, kind = mapping(line.get("payload")), word(line.get("type"))
        when, problem = time_of(line.get("timestamp"), self._zone)
        if problem:
            self._gathering.skip(place, f"{problem}; it got the time of the line before")
        if kind == "session_meta" or (not kind and "id" in line):
            self._describe(payload or line, when)
            return
        try:
            if kind == "response_item":
                made = self._item(payload, number, when)
            elif kind in _ITEMS:
                made = self._item(line, number, when)
            elif kind == "event_msg" and word(payload.get("type")) in _EVENTS:
                self._wait(payload, number, when)
                return
            else:
                shown = label(payload.get("type") if kind == "event_msg" else kind, 40)
                self._gathering.leave_out(f"lines of type {shown}" if shown else "lines that are no record of Codex")
                return
        except (HoldfastError, RecursionError) as error:
            self._gathering.skip(place, f"{why_of(error)}; the line was not taken")
            return
        self._give(made)

    def end(self) -> None:
        if not self._has_messages:
            self._give(self._waiting)
        self._waiting.clear()

    def _describe(self, meta: Mapping[str, Any], when: int | None) -> None:
        if self._told:
            self._gathering.leave_out("descriptions of sessions this one continues")
            return
        self._told = True
        self._session = identity(meta.get("id")) or self._session
        started, _ = time_of(meta.get("timestamp"), self._zone)
        self._last_ms = when if started is None else started

    def _give(self, made: list[Turn]) -> None:
        if made:
            made = dated(made, self._last_ms)
            self._last_ms = made[-1].when_ms
            self._gathering.take(f"codex/{self._session}", made, is_log=True)

    def _wait(self, event: Mapping[str, Any], number: int, when: int | None) -> None:
        if self._has_messages:
            return
        text = text_in(event.get("message"))
        if len(self._waiting) < _WAITING and not text.lstrip().startswith(_INJECTED):
            self._waiting += self._turn(number, when, _EVENTS[event["type"]], text)

    def _item(self, item: Mapping[str, Any], number: int, when: int | None) -> list[Turn]:
        kind = word(item.get("type"))
        if kind == "message":
            return self._message(item, number, when)
        call = identity(item.get("call_id")) or identity(item.get("id"))
        if kind in ("function_call", "custom_tool_call", "local_shell_call", "web_search_call"):
            name = label(item.get("name")) or kind.removesuffix("_call")
            self._tools.add(call, name)
            arguments = compact(next((item[part] for part in ("arguments", "input", "action") if item.get(part)), None))
            text, cut = tool_text(arguments)
            return self._turn(number, when, "assistant", f"{name}: {text}" if text else name, cut=cut, tags=(CALL,))
        if kind in ("function_call_output", "custom_tool_call_output"):
            text, cut = tool_text(_answer(item.get("output")))
            return self._turn(number, when, "tool", text, cut=cut, author=self._tools.get(call))
        shown = "thinking of the model" if kind == "reasoning" else f"items of type {label(kind, 40)}"
        self._gathering.leave_out(shown)
        return []

    def _message(self, item: Mapping[str, Any], number: int, when: int | None) -> list[Turn]:
        role = ROLES.get(str(item.get("role")).lower())
        if role not in ("user", "assistant"):
            self._gathering.leave_out("instructions to the model")
            return []
        said = said_in(item.get("content"))
        texts = [text for text in said.texts if role != "user" or not text.lstrip().startswith(_INJECTED)]
        if len(texts) < len(said.texts):
            self._gathering.leave_out("texts put in by the program", len(said.texts) - len(texts))
        for what in said.left_out:
            self._gathering.leave_out(what)
        if texts or said.named:
            self._has_messages = True
            self._waiting.clear()
        return self._turn(number, when, role, "\n\n".join(texts), named=said.named)

    def _turn(
        self,
        number: int,
        when: int | None,
        speaker: str,
        text: str,
        *,
        author: str | None = None,
        cut: Mapping[str, Any] | None = None,
        named: list[str] | None = None,
        tags: tuple[str, ...] = (),
    ) -> list[Turn]:
        if cut:
            self._gathering.leave_out("the ends of long tool calls and results")
        session = f"codex/{self._session}"
        return turns(
            session=session,
            source=session,
            key=key_of("codex", self._session, str(number)),
            speaker=speaker,
            author=author,
            text=text,
            when_ms=when,
            named=named or (),
            tags=tags,
            attributes=cut or None,
        )


def _answer(output: object) -> str:
    """What a tool printed: the output itself, or the one inside the JSON it is wrapped in."""
    inner = mapping(output)
    if text_in(inner.get("content")) or listing(inner.get("content")):
        return flat(inner["content"])
    return flat(output)


def _is_rollout(name: str) -> bool:
    return name.startswith("rollout-") and name.endswith(".jsonl")


def _is_line(shape: Shape) -> bool:
    return shape.get("type") in _TYPES and shape.get("payload") == "{"


def _is_old(found: Sequence[Shape]) -> bool:
    """Whether the first lines are those of a rollout from before August 2025."""
    if not found or "type" in found[0] or not {"id", "timestamp"} <= found[0].keys():
        return False
    return "instructions" in found[0] or any(
        shape.get("type") in _ITEMS or "record_type" in shape for shape in found[1:]
    )
