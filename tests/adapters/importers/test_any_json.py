"""Whatever JSON a file holds, an importer reads it the same way twice and gives only what can be stored."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.adapters.importers import IMPORTERS, find_importer
from holdfast.errors import HoldfastError
from tests.adapters.importers.reading import check_storable, importer_named, read_whole

FIELDS = (
    "id", "uuid", "role", "content", "text", "author", "name", "messages", "message", "type", "timestamp", "created_at",
    "create_time", "mapping", "parent", "children", "current_node", "conversation_id", "title", "parts", "content_type",
    "metadata", "recipient", "weight", "chat_messages", "sender", "parent_message_uuid", "current_leaf_message_uuid",
    "attachments", "file_name", "extracted_content", "sessionId", "parentUuid", "isSidechain", "agentId", "input",
    "tool_use_id", "payload", "call_id", "arguments", "output", "action", "memory", "results", "relations", "source",
    "relationship", "target", "user_id", "categories", "updated_at", "entityType", "observations", "from", "to",
    "relationType", "entities", "agents", "blocks", "block_ids", "core_memory", "agent_type", "value", "label",
    "tool_calls", "function", "tool_call_id", "conversations", "isMeta", "cwd",
)  # fmt: skip
WORDS = (
    "user", "assistant", "tool", "system", "human", "text", "tool_use", "tool_result", "thinking", "code", "all",
    "a", "b", "multimodal_text", "message", "function_call", "function_call_output", "session_meta", "response_item",
    "event_msg", "user_message", "entity", "relation", "send_message", "2024-05-03", "never", "",
    "\0", "\ud800", "x\ny", " ",
)  # fmt: skip
names = st.sampled_from(FIELDS)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.sampled_from(WORDS)
    | st.sampled_from((0, 1, -5, 1.5, 1714759500, 1714759500000, 10**30, 1e300))
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names | st.sampled_from(("a", "b")), inner, max_size=6),
    max_leaves=25,
)
rows = st.lists(st.dictionaries(names, values, max_size=8), min_size=1, max_size=4)
KINDS: dict[str, dict[str, Any]] = {
    "jsonl": {"role": "user"},
    "chatgpt": {"mapping": {"a": {"parent": "b"}, "b": {"parent": None}}, "current_node": "a"},
    "claude": {"chat_messages": []},
    "claude-code": {"type": "user", "sessionId": "s"},
    "codex": {"type": "response_item"},
    "mem0": {"memory": "m"},
    "mcp-memory": {"type": "entity", "name": "n"},
    "letta": {"agents": [], "blocks": []},
}
words = st.sampled_from(
    ("hello there", "ok", '{"message": "packed"}', "<system-reminder>x", "two\nlines", "\0", "\ud800")
)
blocks = st.fixed_dictionaries(
    {"type": st.sampled_from(("text", "input_text", "tool_use", "tool_result", "thinking", "image", "odd"))},
    optional={
        "text": words, "id": st.sampled_from(("t1", "t2")), "tool_use_id": st.sampled_from(("t1", "t2")), "name": words,
        "input": values, "content": words | values, "file_name": words,
    },
)  # fmt: skip
contents = words | blocks | st.lists(blocks | words | values, max_size=3)
calls = st.fixed_dictionaries(
    {
        "id": st.sampled_from(("t1", "t2")),
        "function": st.fixed_dictionaries({"name": words, "arguments": words | values}),
    }
)
messages = st.fixed_dictionaries(
    {"role": st.sampled_from(("user", "assistant", "tool", "system", "nobody")), "content": contents},
    optional={
        "id": values, "created_at": values, "tool_calls": st.lists(calls | values, max_size=2), "tool_call_id": words,
        "name": words, "attachments": st.lists(blocks, max_size=2),
        "type": st.sampled_from(("message", "function_call")),
        "recipient": words, "weight": st.sampled_from((0, 1)), "metadata": values, "arguments": words | values,
        "value": words, "label": words, "memory": words, "categories": values, "source": words, "target": words,
        "relationship": words, "observations": st.lists(contents, max_size=3), "from": words, "to": words,
    },
)  # fmt: skip
inners = st.lists(messages | messages | messages | values, max_size=4)
every = pytest.mark.parametrize("form", KINDS)


def read_rows(form: str, some: list[dict[str, Any]], *, in_list: bool = False) -> list[Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "chat.jsonl"
        path.write_text(json.dumps(some) if in_list else "".join(json.dumps(row) + "\n" for row in some))
        try:
            whole = read_whole(form, path)
            again = read_whole(form, path)
        except HoldfastError:
            return []
    assert whole == again
    for item in whole.items:
        check_storable(item)
    return list(whole.items)


@every
@given(some=rows, in_list=st.booleans())
@settings(deadline=None, max_examples=150)
def test_any_json_is_read_or_refused_in_words(form: str, some: list[dict[str, Any]], in_list: bool):
    read_rows(
        form,
        [{**row, **KINDS[form]} if n % 2 else {**KINDS[form], **row} for n, row in enumerate(some)],
        in_list=in_list,
    )


@every
@given(inner=inners)
@settings(deadline=None, max_examples=150)
def test_messages_with_any_json_in_them_are_read_or_refused_in_words(form: str, inner: list[Any]):
    read_rows(form, framed(form, inner))


@every
def test_most_of_these_messages_are_taken(form: str):
    taken = list[bool]()

    @given(inner=inners)
    @settings(deadline=None, max_examples=60, derandomize=True, database=None)
    def read(inner: list[Any]) -> None:
        taken.append(bool(read_rows(form, framed(form, inner))))

    read()
    assert sum(taken) > len(taken) // 4


def framed(form: str, inner: list[Any]) -> list[dict[str, Any]]:
    """Messages where a format has them."""
    said = [one.get("content") if isinstance(one, dict) else one for one in inner]
    if form == "jsonl":
        return [{"messages": inner}, *({"role": "user", "content": one} for one in said)]
    if form == "chatgpt":
        kinds = ("text", "multimodal_text", "code", "execution_output")
        tree = dict[str, Any]()
        for n, one in enumerate(inner):
            given_ = one if isinstance(one, dict) else {}
            content = {"content_type": kinds[n % 4], "parts": said[n], "text": said[n]}
            message = {**given_, "author": {"role": given_.get("role")}, "content": content}
            tree[str(n)] = {"parent": str(n - 1) if n else None, "message": message}
        bare = {str(n): {"parent": None, "message": one} for n, one in enumerate(inner)}
        return [{"id": "c", "current_node": str(len(inner) - 1), "mapping": tree}, {"id": "d", "mapping": bare}]
    if form == "claude":
        rows_ = [
            {**(one if isinstance(one, dict) else {}), "sender": "human", "uuid": str(n)} for n, one in enumerate(inner)
        ]
        return [{"uuid": "c", "chat_messages": rows_}, {"uuid": "d", "chat_messages": inner}]
    if form == "claude-code":
        return [
            {
                "type": ("user", "assistant")[n % 2],
                "uuid": str(n),
                "sessionId": "s",
                "message": one,
                "isSidechain": n > 2,
            }
            for n, one in enumerate(inner)
        ]
    if form == "codex":
        items = [{**one, "type": "message"} if isinstance(one, dict) and n % 3 else one for n, one in enumerate(inner)]
        spoken = [{"type": "message", "role": "user", "content": one} for one in said]
        return [{"type": "response_item", "timestamp": 1714759500, "payload": one} for one in [*items, *spoken]]
    if form == "mem0":
        return [{"results": inner, "relations": inner}, *({"id": "a", "memory": "m", "metadata": one} for one in said)]
    if form == "mcp-memory":
        return [{"type": "entity", "name": "n", "observations": said}, {"entities": inner, "relations": inner}]
    agent = {"name": "a", "messages": inner, "block_ids": ["b"], "memory_blocks": inner}
    return [{"agents": [agent], "blocks": inner}, {"agent_type": "x", "core_memory": inner, "messages": inner}]


@given(st.binary(max_size=300))
@settings(deadline=None)
def test_any_bytes_are_read_or_refused_in_words(data: bytes):
    with tempfile.TemporaryDirectory() as folder:
        for name in ("chat.jsonl", "note.md"):
            path = Path(folder) / name
            path.write_bytes(data)
            for importer in IMPORTERS:
                try:
                    find_importer(path)
                    for item in read_whole(importer, path).items:
                        check_storable(item)
                except HoldfastError:
                    continue


@given(st.text(max_size=400, alphabet=st.sampled_from("ab #[]|!-:`~\"'\n\t{}>*_/0123456789éé\u2028")))
@settings(deadline=None, max_examples=300)
def test_any_markdown_is_read(text: str):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "note.md"
        path.write_text("---\n" + text, "utf-8")
        whole = read_whole("markdown", path)
        assert whole.batches[-1].items == read_whole("markdown", path).batches[-1].items
        for item in whole.items:
            check_storable(item)
        assert len(set(whole.keys)) == len(whole.items)


message = st.fixed_dictionaries(
    {"role": st.sampled_from(("user", "assistant")), "content": st.sampled_from(("hi", "ok", "one", "two"))},
    optional={"id": st.integers(1, 9), "timestamp": st.integers(1714759500, 1714759510)},
)


@given(st.lists(message, max_size=12), st.lists(message, max_size=6), st.integers(0, 2))
@settings(deadline=None)
def test_entries_added_at_the_end_change_no_key(before: list[Any], after: list[Any], group: int):
    def lines(some: list[Any]) -> list[Any]:
        if group == 0:
            return some
        return [{"messages": some[n : n + 2]} for n in range(0, len(some) - len(some) % 2, 2)]

    first = read_rows("jsonl", lines(before)) if before else []
    if group and len(before) % 2:
        before = before[:-1]
    both = read_rows("jsonl", lines(before + after)) if before + after else []
    assert both[: len(first)] == first


@pytest.mark.parametrize("form", ["chatgpt", "claude", "claude-code", "codex", "mem0", "mcp-memory"])
def test_growing_files_keep_the_keys_of_what_was_there(form: str, tmp_path: Path):
    def row(n: int) -> dict[str, Any]:
        message = {"id": "m", "author": {"role": "user"}, "content": {"content_type": "text", "parts": [f"words {n}"]}}
        return {
            "chatgpt": {"id": f"c{n}", "current_node": "m", "mapping": {"m": {"parent": None, "message": message}}},
            "claude": {"uuid": f"c{n}", "chat_messages": [{"uuid": "m", "sender": "human", "text": f"words {n}"}]},
            "claude-code": {"type": "user", "uuid": f"u{n}", "sessionId": "s", "message": {"content": f"words {n}"}},
            "codex": {"type": "response_item", "payload": {"type": "message", "role": "user", "content": f"words {n}"}},
            "mem0": {"id": f"m{n}", "memory": f"words {n}"},
            "mcp-memory": {"type": "entity", "name": f"n{n}", "entityType": "x", "observations": [f"words {n}"]},
        }[form]

    kept = list[Any]()
    for size in (1, 3, 8):
        found = read_rows(importer_named(form).name, [row(n) for n in range(size)])
        assert len(found) == size
        assert found[: len(kept)] == kept
        kept = found
