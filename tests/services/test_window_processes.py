"""Windows of processes that ask at once, or that are killed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from holdfast import Kind, Memory

TALK = """
import sys
from holdfast import Memory
memory = Memory.open(sys.argv[1], embedder=None)
chat = memory.session("chat-1")
print("ready", flush=True)
sys.stdin.readline()
"""
ASK = f"""{TALK}
import json
window = chat.window(600)
print(json.dumps([window.messages, window.evicted]), flush=True)
"""
LOOP = f"""{TALK}
for n in range(10_000):
    chat.add("user", f"Message {{n}} is about the plan for Lisbon, the budget of {{n}} euros and the ship.")
    chat.window(300)
    print(n, flush=True)
"""


def child(code: str, path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def pieces(memory):
    return [one for one in memory._space.inspecting.records(None, aside=True) if one.kind is Kind.WINDOW]


def test_two_processes_that_ask_at_once_show_the_same_and_make_one_summary(tmp_path):
    path = tmp_path / "space.db"
    with Memory.open(path, embedder=None) as memory:
        for n in range(60):
            memory.session("chat-1").add("user", f"Message {n} is about the plan for Lisbon and the budget.")
    asking = [child(ASK, path), child(ASK, path)]
    for process in asking:
        process.stdin.write("go\n")
        process.stdin.flush()
    told = [json.loads(process.communicate(timeout=60)[0]) for process in asking]
    assert told[0] == told[1]
    with Memory.open(path, embedder=None) as memory:
        made = pieces(memory)
        assert all(one.version == 1 for one in made)
        places = [tuple(json.loads(one.body)[name] for name in ("level", "index")) for one in made]
        assert len(set(places)) == len(places)
        window = memory.session("chat-1").window(600)
        assert [window.messages, window.evicted] == told[0]
        assert memory.check() == []


def test_a_process_that_is_killed_leaves_a_window_that_goes_on(tmp_path):
    path = tmp_path / "space.db"
    process = child(LOOP, path)
    process.stdin.write("go\n")
    process.stdin.flush()
    for line in process.stdout:
        if int(line) == 60:
            process.kill()
            break
    process.communicate()
    with Memory.open(path, embedder=None) as memory, Memory.open(path, embedder=None) as other:
        window = memory.session("chat-1").window(300)
        assert window == other.session("chat-1").window(300)
        assert window.tokens <= 300
        assert window.evicted + len(window.memories) == len(memory.session("chat-1").turns()) >= 61
        before = {one.id: one.text for one in pieces(memory)}
        for n in range(10):
            memory.session("chat-1").add("user", f"After the kill, {n}.")
        memory.session("chat-1").window(300)
        assert before.items() <= {one.id: one.text for one in pieces(memory)}.items()
        assert memory.check() == []
