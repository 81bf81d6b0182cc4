"""Letta's agent files (``.af``): agents with their memory blocks and messages.

Today's files list agents and blocks apart; the first ones held a single agent with ``core_memory``.
Ids in a file are numbered anew at each export, so a message is known by its time and its words. An
agent of the MemGPT kind speaks through a call of ``send_message``; the text beside it is its thinking.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import tzinfo
from pathlib import Path
from typing import Any

from holdfast.adapters.importers.fields import (
    digest,
    first_of,
    identity,
    is_mapping,
    key_of,
    label,
    listing,
    mapping,
    mended,
    text_in,
    word,
)
from holdfast.adapters.importers.gathering import Gathering, read_documents, why_of
from holdfast.adapters.importers.shapes import shapes
from holdfast.adapters.importers.talk import Said, compact, dated, pieces, said_in, time_of, tool_turns, turns
from holdfast.errors import HoldfastError, InvalidField
from holdfast.model.imports import Batch, Note
from holdfast.model.records import Origin
from holdfast.model.reports import Turn

_EVENTS = frozenset(("heartbeat", "login", "system_alert", "bootup"))


class Letta:
    """Reads agent files."""

    name = "letta"
    description = "Letta agent files: .af"

    def recognises(self, path: Path, head: bytes) -> bool:
        found = shapes(head)
        if not found:
            return False
        keys = found[0].keys()
        if {"agent_type", "core_memory"} <= keys or {"agents", "blocks"} <= keys:
            return True
        return path.suffix == ".af" and bool({"agents", "agent_type", "core_memory"} & keys)

    def read(self, path: Path, *, zone: tzinfo) -> Iterator[Batch]:
        def take(value: Mapping[str, Any], place: str, gathering: Gathering) -> None:
            _take(value, gathering, zone)

        return read_documents((path,), "agent file", take)


def _take(value: Mapping[str, Any], gathering: Gathering, zone: tzinfo) -> None:
    agents = [mapping(agent) for agent in listing(value.get("agents"))]
    if not agents and ("core_memory" in value or "agent_type" in value):
        agents = [value]
    if not agents:
        raise InvalidField("it has no agents")
    blocks = {identity(mapping(block).get("id")): mapping(block) for block in listing(value.get("blocks"))}
    names, owned = set[str](), set[str]()
    # Everything is read before anything is handed on, so that a file is taken whole or not at all.
    found = list[tuple[str, list[Turn], list[Note]]]()
    for number, agent in enumerate(agents, 1):
        name = (label(agent.get("name"), 100) or "agent").replace("#", "%23")
        name = f"{name}-{number}" if name in names else name
        names.add(name)
        ids = [identity(one) for one in listing(agent.get("block_ids"))]
        owned |= set(ids)
        own = [blocks[one] for one in ids if one in blocks]
        own += [mapping(block) for field in ("memory_blocks", "core_memory") for block in listing(agent.get(field))]
        found.append((name, _messages(agent, name, gathering, zone), _notes(own, name)))
    shared = [block for one, block in blocks.items() if one not in owned]
    found.append(("shared", [], _notes(shared, "shared")))
    for name, made, notes in found:
        gathering.take(f"letta/{name}", made)
        gathering.take(f"letta/{name}/blocks", notes)
        if notes:
            gathering.follow(f"letta/{name}/blocks", (note.key for note in notes))
    for field in ("tools", "files", "sources", "groups", "mcp_servers"):
        if listing(value.get(field)):
            gathering.leave_out(f"{field.replace('_', ' ')} of the agent file", len(listing(value[field])))


def _notes(blocks: list[Mapping[str, Any]], agent: str) -> list[Note]:
    notes = list[Note]()
    for block in blocks:
        text, name = text_in(block.get("value")), label(block.get("label"), 100) or "block"
        notes += [
            Note(
                text=part,
                key=key_of("letta", agent, name, digest(text), str(number)),
                source=f"letta/{agent}/blocks#{name}",
                subject=agent,
                predicate=name,
                attributes={"block": name},
                origin=Origin.AGENT,
            )
            for number, part in pieces(mended(text))
        ]
    return notes


def _messages(agent: Mapping[str, Any], name: str, gathering: Gathering, zone: tzinfo) -> list[Turn]:
    made, names, again = list[Turn](), dict[str, str](), dict[str, int]()
    for number, given in enumerate(listing(agent.get("messages")), 1):
        place = f"agent {name}, message {number:,}"
        try:
            if not is_mapping(given):
                raise InvalidField(f"it is {type(given).__name__}, not a JSON object")
            made += _message(given, name, place, gathering, zone, names, again)
        except (HoldfastError, RecursionError) as error:
            gathering.flaw(f"letta/{name}", place, why_of(error))
    start, _ = time_of(agent.get("created_at"), zone)
    return dated(made, start if not made or made[0].when_ms is None else None)


def _message(
    message: Mapping[str, Any],
    agent: str,
    place: str,
    gathering: Gathering,
    zone: tzinfo,
    names: dict[str, str],
    again: dict[str, int],
) -> list[Turn]:
    role = word(message.get("role"))
    if role not in ("user", "assistant", "tool"):
        gathering.leave_out(f"messages of role {label(role, 40) or 'unknown'}")
        return []
    said = said_in(first_of(message, "content", "text"))
    for what in said.left_out:
        gathering.leave_out(what)
    if _calls(message, said, names):
        gathering.leave_out("thinking of the model")
    when, problem = time_of(message.get("created_at"), zone)
    if problem:
        gathering.skip(place, f"{problem}; it got the time of the message before")
    state = digest(role, str(message.get("created_at")), said.text, *(part for call in said.calls for part in call))
    again[state] = again.get(state, 0) + 1
    return _turns(message, said, role, ("letta", agent, state, str(again[state])), when, gathering, names)


def _calls(message: Mapping[str, Any], said: Said, names: dict[str, str]) -> bool:
    """Take the tool calls of a message; gives whether its own text was only thinking."""
    spoken = list[str]()
    for given in listing(message.get("tool_calls")):
        call = mapping(given)
        function = mapping(call.get("function")) or call
        tool, arguments = label(function.get("name")) or "tool", function.get("arguments")
        names[identity(call.get("id"))] = tool
        if tool == "send_message":
            spoken.append(text_in(_inner(arguments).get("message")))
        else:
            said.calls.append((identity(call.get("id")), tool, compact(arguments)))
    if not said.calls and not spoken:
        return False
    thought = bool(said.texts)
    said.texts = [text for text in spoken if text]
    return thought


def _turns(
    message: Mapping[str, Any],
    said: Said,
    role: str,
    key: tuple[str, ...],
    when: int | None,
    gathering: Gathering,
    names: Mapping[str, str],
) -> list[Turn]:
    session = f"letta/{key[1]}"
    text = said.text
    if role == "user":
        packed = _inner(text)
        if word(packed.get("type")) in _EVENTS:
            gathering.leave_out("events of the program")
            return []
        text = text_in(packed.get("message")) or text
    elif role == "tool":
        call = identity(message.get("tool_call_id"))
        if names.get(call) == "send_message":
            gathering.leave_out("receipts of messages that were sent")
            return []
        if text:
            said.results.append((call, text_in(_inner(text).get("message")) or text))
        text = ""
    made = turns(
        session=session, source=session, key=key_of(*key), speaker=role, text=text, when_ms=when, named=said.named,
        author=label(message.get("name")) if role == "user" else None,
    )  # fmt: skip
    return made + tool_turns(
        said, session=session, source=session, key=key, when_ms=when, gathering=gathering, names=names
    )


def _inner(text: object) -> Mapping[str, Any]:
    """The JSON object a text holds, or an empty one."""
    if is_mapping(text):
        return text
    if not isinstance(text, str) or not text.lstrip().startswith("{"):
        return {}
    try:
        return mapping(json.loads(text))
    except (ValueError, RecursionError):
        return {}
