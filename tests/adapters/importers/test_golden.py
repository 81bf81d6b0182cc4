"""Each format, on files made after its documentation: what is taken, what is left out, and why.

``python -m tests.adapters.importers.test_golden`` writes what is expected anew; read the difference.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from holdfast.adapters.importers import IMPORTERS, find_importer
from holdfast.adapters.importers.files import head_of
from holdfast.errors import UnknownFormat
from tests.adapters.importers.reading import GOLDEN, check_storable, read_whole, shown_whole

FILES = {
    "chats.jsonl": "jsonl",
    "fine_tuning.jsonl": "jsonl",
    "chatgpt": "chatgpt",
    "chatgpt/conversations.json": "chatgpt",
    "claude": "claude",
    "claude/conversations.json": "claude",
    "claude_code": "claude-code",
    "claude_code/-src-app/11111111-2222-4333-8444-555555555555.jsonl": "claude-code",
    "codex": "codex",
    "codex/2025/10/29/rollout-2025-10-29T00-59-38-0199aaaa-0000-7000-8000-000000000001.jsonl": "codex",
    "codex_old/rollout-2025-06-01T10-00-00-old.jsonl": "codex",
    "codex_events/rollout-2025-12-01T10-00-00-ev.jsonl": "codex",
    "mem0.json": "mem0",
    "memory.jsonl": "mcp-memory",
    "mcp_graph.json": "mcp-memory",
    "agent.af": "letta",
    "agent_v1.af": "letta",
    "vault": "markdown",
    "vault/Porto.md": "markdown",
}
EXPECTED = {
    name: form
    for name, form in FILES.items()
    if not (name.count("/") and (GOLDEN / name).is_file() and name.split("/")[0] in FILES)
}
files = pytest.mark.parametrize(("name", "form"), FILES.items(), ids=FILES.keys())


def expected_file(name: str) -> Path:
    return GOLDEN / "expected" / f"{name.replace('/', '_')}.json"


@pytest.mark.parametrize(("name", "form"), EXPECTED.items(), ids=EXPECTED.keys())
def test_a_file_gives_what_is_written_down(name: str, form: str):
    expected = json.loads(expected_file(name).read_text("utf-8"))
    assert json.loads(json.dumps(shown_whole(read_whole(form, GOLDEN / name)))) == expected


@files
def test_exactly_one_importer_recognises_a_file(name: str, form: str):
    path = GOLDEN / name
    head = head_of(path)
    assert [importer.name for importer in IMPORTERS if importer.recognises(path, head)] == [form]
    assert find_importer(path).name == form
    assert find_importer(path, format=form).name == form


@files
def test_every_item_may_be_stored_and_no_two_have_one_key(name: str, form: str):
    whole = read_whole(form, GOLDEN / name)
    assert whole.items
    for item in whole.items:
        check_storable(item)
    assert len(set(whole.keys)) == len(whole.items)


@files
def test_reading_twice_gives_the_same_and_all_bytes_are_counted(name: str, form: str):
    whole = read_whole(form, GOLDEN / name)
    assert whole == read_whole(form, GOLDEN / name)
    assert whole.batches[-1].done_bytes == whole.batches[-1].total_bytes > 0


@files
def test_any_importer_refuses_or_reports_a_file_of_another_format(name: str, form: str):
    for importer in IMPORTERS:
        path = GOLDEN / name
        if importer.name == form or (path.is_dir() and importer.name in ("jsonl", "mem0", "mcp-memory", "letta")):
            continue
        try:
            whole = read_whole(importer, path)
        except UnknownFormat:
            continue
        for item in whole.items:
            check_storable(item)


if __name__ == "__main__":
    for each, its_form in EXPECTED.items():
        target = expected_file(each)
        target.parent.mkdir(exist_ok=True)
        found = shown_whole(read_whole(its_form, GOLDEN / each))
        target.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", "utf-8")
