"""Promises of single formats that the golden files do not show."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from holdfast.model.reports import Turn
from tests.adapters.importers.reading import Whole, read_whole


def read_lines(form: str, path: Path, *rows: Any) -> Whole:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return read_whole(form, path)


def sessions(whole: Whole) -> list[str | None]:
    return [item.session for item in whole.items if isinstance(item, Turn)]


def test_chats_that_open_alike_are_conversations_of_their_own(tmp_path: Path):
    rows = [
        {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": str(n)}]} for n in range(3)
    ]
    whole = read_lines("jsonl", tmp_path / "chat.jsonl", *rows)
    assert len(set(sessions(whole))) == 3
    assert len(set(whole.keys)) == 6


def test_a_conversation_that_grew_keeps_its_session_and_its_keys(tmp_path: Path):
    said = [{"role": ("user", "assistant")[n % 2], "content": f"word {n}"} for n in range(6)]
    before = read_lines("jsonl", tmp_path / "chat.jsonl", {"messages": said[:4]})
    after = read_lines("jsonl", tmp_path / "chat.jsonl", {"messages": said}, {"messages": said[1:]})
    assert after.items[:4] == before.items
    assert len(set(sessions(after))) == 2


def test_whole_numbers_are_seconds_or_parts_of_them_by_their_size(tmp_path: Path):
    given = (200_000_000, 200_000_000_000, 200_000_000_000_000, 2 * 10**17)
    rows = [{"role": "user", "content": str(at), "time": at} for at in given]
    assert [item.when_ms for item in read_lines("jsonl", tmp_path / "c.jsonl", *rows).items] == [200_000_000_000] * 4


def test_what_chatgpt_never_showed_is_left_out_and_counted(tmp_path: Path):
    def node(name: str, parent: str | None, **message: Any) -> dict[str, Any]:
        content = {"content_type": "text", "parts": [name]}
        return {"parent": parent, "message": {"author": {"role": "user"}, "content": content, **message}}

    tree = {
        "a": node("a", None, weight=0.0),
        "b": node("b", "a", metadata={"is_visually_hidden_from_conversation": True}),
        "c": node("c", "b"),
    }
    whole = read_lines("chatgpt", tmp_path / "c.json", {"id": "x", "current_node": "c", "mapping": tree})
    assert whole.texts == ["c"]
    assert "2 left out: hidden messages" in whole.reasons


def test_a_resumed_session_adds_only_what_is_new(tmp_path: Path):
    def line(name: str, session: str) -> dict[str, Any]:
        return {"type": "user", "uuid": name, "sessionId": session, "message": {"role": "user", "content": name}}

    for session, names in (("s1", "ab"), ("s2", "abc")):
        rows = (json.dumps(line(name, session)) for name in names)
        (tmp_path / f"{session}.jsonl").write_text("\n".join(rows) + "\n")
    whole = read_whole("claude-code", tmp_path)
    assert whole.texts == ["a", "b", "c"]
    assert sessions(whole) == ["claude-code/s1", "claude-code/s1", "claude-code/s2"]
    assert "2 left out: lines repeated" in whole.reasons


def test_a_long_tool_result_is_cut_and_its_length_kept(tmp_path: Path):
    block = {"type": "tool_result", "tool_use_id": "t", "content": "x" * 10_000}
    row = {"type": "user", "uuid": "u", "sessionId": "s", "message": {"role": "user", "content": [block]}}
    whole = read_lines("claude-code", tmp_path / "s.jsonl", row)
    (item,) = whole.items
    assert len(item.text) == 4_000
    assert item.attributes == {"whole_chars": 10_000}
    assert "the ends of long tool calls and results" in whole.reasons


def test_an_edited_memory_of_mem0_has_a_new_key_in_the_same_document(tmp_path: Path):
    def read(text: str) -> Whole:
        return read_lines("mem0", tmp_path / "m.json", {"id": "m", "memory": text, "created_at": "2024-05-03"})

    before, same, after = read("lives in Lisbon"), read("lives in Lisbon"), read("lives in Porto")
    assert before.items == same.items
    assert before.items[0].source == after.items[0].source == "mem0/m"
    assert before.keys != after.keys
    assert after.batches[-1].present == {"mem0/m": frozenset(after.keys)}


def test_secrets_of_an_agent_file_are_never_read(tmp_path: Path):
    agent = {"name": "a", "tool_exec_environment_variables": {"KEY": "s3cret"}, "messages": [], "block_ids": []}
    whole = read_lines(
        "letta", tmp_path / "a.af", {"agents": [agent], "blocks": [{"id": "b", "label": "x", "value": "y"}]}
    )
    assert whole.texts == ["y"]
    assert "s3cret" not in repr(whole)


def test_ids_of_any_length_give_keys_that_may_be_stored(tmp_path: Path):
    rows = [{"id": "x" * 5_000 + str(n), "role": "user", "content": f"n{n}"} for n in range(2)]
    whole = read_lines("jsonl", tmp_path / "chat.jsonl", *rows)
    assert len(set(whole.keys)) == 2
    assert all(len(key or "") < 500 for key in whole.keys)
