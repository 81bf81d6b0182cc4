"""The tools for what stands in the prompt: context, blocks and intentions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from holdfast.errors import NotFound
from holdfast.model import limits
from holdfast.surfaces.blocks_wire import block_to_wire
from holdfast.surfaces.context_wire import context_to_wire
from holdfast.surfaces.intentions_wire import intention_to_wire
from holdfast.surfaces.mcp import gives
from holdfast.surfaces.mcp.lean import lean
from holdfast.surfaces.mcp.offer import Answer, Tool
from holdfast.surfaces.mcp.shapes import arguments, choice, text, whole
from holdfast.surfaces.wire import when_to_wire

if TYPE_CHECKING:
    from holdfast.memory import Memory
    from holdfast.model.blocks import Block
    from holdfast.model.context import Context
    from holdfast.model.intentions import Intention
    from holdfast.surfaces.wire import JsonObject

_LABEL: Final = limits.LABEL_CHARS
_BLOCK_CHARS: Final = 100_000
_BLOCK_LABEL: Final = 64
_INTENTION_CHARS: Final = 10_000
WRITES: Final = ("replace_all", "append", "replace_part")


def _context(memory: Memory, given: Mapping[str, Any]) -> Answer:
    asked = (int(given["budget_tokens"]), given.get("about"))
    session = given.get("session")
    found = memory.context(*asked) if session is None else memory.session(str(session)).context(*asked)
    return Answer(context_text(found), _context_values(found))


def context_text(found: Context) -> str:
    """A context for the prompt, and the id behind each number."""
    if not found.parts:
        # An empty space and a small budget look the same here, so that neither is claimed.
        return f"There is nothing to put into the prompt within {found.budget_tokens:,} tokens."
    ids = " ".join(f"[{place}] {memory}" for place, memory in enumerate(found.memories, 1))
    return f"{found.text}\nids: {ids}" if ids else found.text


def _context_values(found: Context) -> JsonObject:
    said = context_to_wire(found)
    parts = [cast("JsonObject", lean(part)) for part in cast("list[JsonObject]", said["parts"])]
    rest = cast("JsonObject", lean(said))
    return {"text": found.text, "tokens": found.tokens, **rest, "parts": [*parts]}


def _note_intention(memory: Memory, given: Mapping[str, Any]) -> Answer:
    noted = memory.intend(**given)
    if noted.when_ms is not None:
        told = f"Noted as {noted.id}, for {when_to_wire(noted.when_ms)}."
    else:
        told = f"Noted as {noted.id}, for when {noted.event or 'its condition'} comes about."
    return Answer(told, _intention(noted))


def _close_intention(memory: Memory, given: Mapping[str, Any]) -> Answer:
    close = memory.intentions.done if given["outcome"] == "done" else memory.intentions.cancel
    closed = close(str(given["id"]))
    return Answer(f"{closed.id} is {closed.state.value}.", _intention(closed))


def _intention(one: Intention) -> JsonObject:
    said = intention_to_wire(one)
    return {name: said[name] for name in ("id", "text", "state")} | cast("JsonObject", lean(said))


def _block_read(memory: Memory, given: Mapping[str, Any]) -> Answer:
    label = given.get("label")
    blocks = memory.blocks.list() if label is None else [memory.blocks.get(str(label))]
    told = "\n\n".join(f"{_heading(block)}\n{block.text}" for block in blocks) or "There are no blocks yet."
    return Answer(told, {"blocks": [_block(block) for block in blocks]})


def _block_write(memory: Memory, given: Mapping[str, Any]) -> Answer:
    label, said = str(given["label"]), str(given["text"])
    version, mode = given.get("version"), given["mode"]
    try:
        if mode == "append":
            made = memory.blocks.append(label, said, version=version)
        elif mode == "replace_part":
            made = memory.blocks.replace(label, str(given.get("old", "")), said, version=version)
        else:
            made = memory.blocks.write(label, said, version=version)
    except NotFound:
        if mode == "replace_part" or version is not None:
            raise
        of = {name: given[name] for name in ("description", "limit_chars") if name in given}
        made = memory.blocks.create(label, said, **of)
    return Answer(f"Written: {_heading(made)}", _block(made))


def _heading(block: Block) -> str:
    about = f" ({block.description})" if block.description else ""
    return f"{block.label}{about}, version {block.version}, {block.size:,} of {block.limit:,} {block.unit}"


def _block(block: Block) -> JsonObject:
    said = block_to_wire(block)
    return {"label": block.label, "text": block.text, "version": block.version} | cast("JsonObject", lean(said))


TOOLS: Final = (
    Tool(
        name="context",
        title="Context",
        says="Everything worth having in the prompt now, within a token budget: blocks, what is known about the topic, "
        "and what is due to be brought up. Call it at the start of a conversation or a task.",
        takes=arguments(
            {
                "about": text("The topic or the user's message; without it, what holds in general.",
                              limits.QUERY_CHARS),
                "budget_tokens": whole("The most tokens.", 50, 100_000, 2_000),
                "session": text("The conversation it is for: what was said last there comes too.", _LABEL),
            }
        ),
        gives=gives.CONTEXT,
        run=_context,
        reads=True,
        repeats=True,
    ),
    Tool(
        name="note_intention",
        title="Note an intention",
        says="Note something to bring up later: at a time, after a named event, or when a condition holds. Exactly one "
        "of when, event and condition. The tool context brings it up when it is due.",
        takes=arguments(
            {
                "text": text("What to bring up.", _INTENTION_CHARS),
                "when": text("A time, or words such as next Friday or in two weeks (UTC).", _LABEL),
                "event": text("The name of an event.", _LABEL),
                "condition": text("A condition over named facts, such as: open_tickets > 3.", 10_000),
                "until": text("From then on it is not wanted any more. ISO 8601.", _LABEL),
                "about": text("Whom or what it concerns.", _LABEL),
                "session": text("The conversation it came up in.", _LABEL),
                "key": text("The same key again gives the same intention: makes a retry safe.", _LABEL),
            },
            ("text",),
        ),
        gives=gives.INTENTION,
        run=_note_intention,
    ),
    Tool(
        name="close_intention",
        title="Close an intention",
        says="Say that an intention was brought up and is settled, or is not wanted any more.",
        takes=arguments(
            {
                "id": text("The intention.", 36),
                "outcome": choice("What became of it.", ("done", "cancelled"), "done"),
            },
            ("id",),
        ),
        gives=gives.INTENTION,
        run=_close_intention,
        repeats=True,
    ),
    Tool(
        name="block_read",
        title="Read blocks",
        says="Read a block, a bounded text that stands in every prompt, such as persona or user; without a label all.",
        takes=arguments({"label": text("Which block; all of them without it.", _BLOCK_LABEL)}),
        gives=gives.BLOCKS,
        run=_block_read,
        reads=True,
        repeats=True,
    ),
    Tool(
        name="block_write",
        title="Write a block",
        says="Edit a block, or make it where there is none of that label. Earlier versions stay in its history. Keep "
        "blocks short: they stand in every prompt.",
        takes=arguments(
            {
                "label": text("Letters, digits, dots, hyphens and underscores.", _BLOCK_LABEL),
                "text": text("The new text.", _BLOCK_CHARS, least=0),
                "mode": choice("Whether the text replaces everything, is a further line, or replaces the part old.",
                               WRITES, "replace_all"),
                "old": text("With replace_part: the part, which must stand in the block exactly once.", _BLOCK_CHARS),
                "version": whole("The version you have read: another one is a conflict.", 1, 2**31),
                "description": text("For a new block: what it is for.", 2_000),
                "limit_chars": whole("For a new block: the most it may hold; 2,000 by default.", 1, _BLOCK_CHARS),
            },
            ("label", "text"),
        ),
        gives=gives.BLOCK,
        run=_block_write,
    ),
)  # fmt: skip
