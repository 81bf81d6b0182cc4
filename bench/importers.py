"""How fast transcripts are imported: ``python -m bench.importers [MEGABYTES]``.

Makes the same transcripts each time in a temporary folder, 50 MB of each format unless told otherwise, and
prints entries and megabytes a second of reading alone, then entries a second of reading and writing them to a
space in a file, durably and without embedding, the same for a second of processor time, which a busy machine
changes less, and of importing the same again. An entry is a turn or a fact; what a transcript holds beside
them (bookkeeping, thinking, the ends of long tool results) is read and left out, as in real ones. The exit
code is 1 where a format is stored slower than it must be.
"""

from __future__ import annotations

import json
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from holdfast.adapters.importers import find_importer
from holdfast.memory import Memory

MEGABYTES = 50
MOST_AGENT_BYTES = 30_000_000
"""An agent file is one document, and a document has less than 32 MiB."""
START = datetime(2025, 1, 1, tzinfo=UTC)
SYLLABLES = tuple(a + b for a in "bdfgklmnprst" for b in "aeiou")


class Talk:
    """Makes up words, always the same ones."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._words = ["".join(self._chance.choices(SYLLABLES, k=self._chance.randint(1, 4))) for _ in range(5_000)]

    def text(self, most: int) -> str:
        """Some words, now and then with a line break or a quotation."""
        words = self._chance.choices(self._words, k=self._chance.randint(3, most))
        return " ".join(words).replace(" ba ", '\n"ba" ')

    def number(self, most: int) -> int:
        return self._chance.randrange(most)


def chat_lines(talk: Talk) -> Iterator[Any]:
    """A message a line."""
    for n in count():
        when = (START + timedelta(seconds=n)).isoformat()
        yield {"id": n, "role": ("user", "assistant")[n % 2], "content": talk.text(40), "timestamp": when}


def code_lines(talk: Talk) -> Iterator[Any]:
    """A session of a coding agent: every fourth line is bookkeeping, tool results are long."""
    shared = {
        "isSidechain": False,
        "cwd": "/src/app",
        "sessionId": "session-1",
        "version": "2.0.1",
        "gitBranch": "main",
    }
    for n in count():
        kind = ("user", "assistant", "result", "progress")[n % 4]
        line = {"parentUuid": f"u{n - 1}" if n else None, **shared, "uuid": f"u{n}"}
        line["timestamp"] = (START + timedelta(seconds=n)).isoformat().replace("+00:00", "Z")
        if kind == "user":
            line |= {"type": "user", "message": {"role": "user", "content": talk.text(30)}}
        elif kind == "assistant":
            blocks = [
                {"type": "text", "text": talk.text(60)},
                {"type": "tool_use", "id": f"t{n}", "name": "Bash", "input": {"command": talk.text(8)}},
            ]
            line |= {"type": "assistant", "message": {"role": "assistant", "content": blocks}}
        elif kind == "result":
            block = {"type": "tool_result", "tool_use_id": f"t{n - 1}", "content": talk.text(300)}
            line |= {"type": "user", "message": {"role": "user", "content": [block]}, "toolUseResult": {"n": n}}
        else:
            line |= {"type": "progress", "data": {"text": talk.text(10)}}
        yield line


def rollout_lines(talk: Talk) -> Iterator[Any]:
    """A rollout: what is said, said again as an event, and tool calls."""
    yield {"timestamp": START.isoformat(), "type": "session_meta", "payload": {"id": "rollout-1", "cwd": "/src/app"}}
    for n in count():
        when = (START + timedelta(seconds=n)).isoformat()
        said = talk.text(40)
        role = ("user", "assistant")[n % 2]
        item: dict[str, Any] = {"type": "message", "role": role, "content": [{"type": "input_text", "text": said}]}
        yield {"timestamp": when, "type": "response_item", "payload": item}
        yield {"timestamp": when, "type": "event_msg", "payload": {"type": f"{role}_message", "message": said}}
        if n % 2:
            item = {"type": "function_call_output", "call_id": f"c{n}", "output": talk.text(200)}
            yield {"timestamp": when, "type": "response_item", "payload": item}


def chatgpt_conversations(talk: Talk) -> Iterator[Any]:
    """Conversations as trees of twenty messages, one of them on a branch that was edited away."""
    for n in count():
        nodes: dict[str, Any] = {"root": {"id": "root", "message": None, "parent": None, "children": ["m0"]}}
        for m in range(20):
            parent = "root" if m == 0 else f"m{m - 2 if m == 7 else m - 1}"
            message = {
                "id": f"m{m}", "author": {"role": ("user", "assistant")[m % 2], "name": None, "metadata": {}},
                "create_time": START.timestamp() + n * 100 + m, "status": "finished_successfully", "weight": 1.0,
                "content": {"content_type": "text", "parts": [talk.text(60)]}, "metadata": {}, "recipient": "all",
            }  # fmt: skip
            nodes[f"m{m}"] = {"id": f"m{m}", "message": message, "parent": parent, "children": []}
        yield {"title": talk.text(4), "create_time": START.timestamp(), "conversation_id": f"c{n}", "mapping": nodes,
               "current_node": "m19"}  # fmt: skip


def claude_conversations(talk: Talk) -> Iterator[Any]:
    """Conversations of twenty messages, each with its text twice, as a string and as blocks."""
    for n in count():
        messages = list[Any]()
        for m in range(20):
            said, when = talk.text(60), (START + timedelta(seconds=n * 100 + m)).isoformat().replace("+00:00", "Z")
            messages.append(
                {"uuid": f"c{n}-m{m}", "text": said, "sender": ("human", "assistant")[m % 2], "created_at": when,
                 "content": [{"type": "text", "text": said, "citations": []}], "attachments": [], "files": []}
            )  # fmt: skip
        yield {"uuid": f"c{n}", "name": talk.text(4), "created_at": START.isoformat(), "chat_messages": messages}


def mem0_memories(talk: Talk) -> Iterator[Any]:
    """Short facts about ten people."""
    for n in count():
        yield {"id": f"m{n}", "memory": talk.text(20), "user_id": f"user-{n % 10}", "hash": f"{n:032x}",
               "metadata": {"type": "preference"}, "categories": ["work"], "created_at": START.isoformat()}  # fmt: skip


def graph_lines(talk: Talk) -> Iterator[Any]:
    """Entities with five observations, and a relation after each."""
    for n in count():
        said = [talk.text(20) for _ in range(5)]
        yield {"type": "entity", "name": f"entity {n}", "entityType": "thing", "observations": said}
        yield {"type": "relation", "from": f"entity {n}", "to": f"entity {n // 2}", "relationType": talk.text(4)[:200]}


def agent_messages(talk: Talk) -> Iterator[Any]:
    """Messages of one agent, which speaks by calling a tool."""
    for n in count():
        when = (START + timedelta(seconds=n)).isoformat()
        if n % 2:
            call = {
                "id": f"t{n}",
                "function": {"name": "send_message", "arguments": json.dumps({"message": talk.text(60)})},
            }
            yield {"role": "assistant", "content": talk.text(20), "tool_calls": [call], "created_at": when}
        else:
            yield {"role": "user", "content": [{"type": "text", "text": talk.text(30)}], "created_at": when}


def written_agent(path: Path, talk: Talk, size: int) -> Path:
    """An agent file of a size, at most what one may have; what is larger is left out when it is imported."""
    messages, done = list[str](), 0
    for message in agent_messages(talk):
        messages.append(json.dumps(message))
        done += len(messages[-1]) + 2
        if done >= min(size, MOST_AGENT_BYTES):
            break
    path.write_text(f'{{"agents": [{{"name": "ada", "messages": [{", ".join(messages)}]}}], "blocks": []}}')
    return path


def written_notes(folder: Path, talk: Talk, size: int) -> Path:
    """A folder of Markdown of a size, with four sections a file."""
    folder.mkdir()
    done = 0
    for n in count():
        text = "".join(f"# Section {m}\n\n{talk.text(60)}\n\n" for m in range(4))
        (folder / f"{n}.md").write_text(text, encoding="utf-8")
        done += len(text)
        if done >= size:
            break
    return folder


def written(path: Path, values: Iterator[Any], size: int, *, as_list: bool = False) -> Path:
    """Write values until the file has a size."""
    between = ",\n" if as_list else "\n"
    with path.open("w", encoding="utf-8") as file:
        file.write("[" if as_list else "")
        done = 0
        for value in values:
            line = json.dumps(value, ensure_ascii=False)
            file.write(line if done == 0 else between + line)
            done += len(line)
            if done >= size:
                break
        file.write("]\n" if as_list else "\n")
    return path


def measured(path: Path) -> tuple[str, int, float, int]:
    """The format, the entries read, the seconds it took and the places left out."""
    importer = find_importer(path)
    entries = left_out = 0
    start = time.perf_counter()
    for batch in importer.read(path, zone=UTC):
        entries += len(batch.items)
        left_out += len(batch.skipped)
    return importer.name, entries, time.perf_counter() - start, left_out


class Stored(NamedTuple):
    """Seconds to read and write a file into a new space, of the processor for that, and to import it again."""

    first_s: float
    first_cpu_s: float
    again_s: float


def stored(path: Path) -> Stored:
    with Memory.open(path.with_suffix(".db"), embedder=None) as memory:
        start, start_cpu = time.perf_counter(), time.process_time()
        memory.import_(path)
        first_s, first_cpu_s = time.perf_counter() - start, time.process_time() - start_cpu
        start = time.perf_counter()
        memory.import_(path)
        again_s = time.perf_counter() - start
    for file in path.parent.glob(f"{path.stem}.db*"):
        file.unlink()
    return Stored(first_s, first_cpu_s, again_s)


FILES: tuple[tuple[str, Callable[[Talk], Iterator[Any]], bool], ...] = (
    ("chat.jsonl", chat_lines, False),
    ("session.jsonl", code_lines, False),
    ("rollout-1.jsonl", rollout_lines, False),
    ("conversations.json", chatgpt_conversations, True),
)
"""Formats of transcripts: a file's name, what makes its objects, and whether they stand in one list."""
MORE: tuple[tuple[str, Callable[[Talk], Iterator[Any]], bool], ...] = (
    ("claude.json", claude_conversations, True),
    ("mem0.json", mem0_memories, True),
    ("memory.jsonl", graph_lines, False),
)
"""The other formats that are lists of objects."""
LEAST_PER_S = 3_000
"""Entries that must be read and written in a second, without embedding."""


def sources(folder: Path, size: int) -> Iterator[Path]:
    """A file, or a folder, of every format."""
    for seed, (name, values, as_list) in enumerate((*FILES, *MORE), 1):
        yield written(folder / name, values(Talk(seed)), size, as_list=as_list)
    yield written_agent(folder / "ada.af", Talk(20), size)
    yield written_notes(folder / "notes", Talk(21), size)


def size_of(path: Path) -> int:
    return sum(file.stat().st_size for file in path.iterdir()) if path.is_dir() else path.stat().st_size


def main() -> None:
    size = int(sys.argv[1]) if len(sys.argv) > 1 else MEGABYTES
    read = f"{'format':<12} {'MB':>6} {'entries':>9} {'seconds':>8} {'entries/s':>10} {'MB/s':>6}"
    print(f"{read} {'stored/s':>9} {'per cpu s':>9} {'again/s':>8}")
    slowest = LEAST_PER_S * 1_000.0
    with tempfile.TemporaryDirectory() as folder:
        for path in sources(Path(folder), size * 1_000_000):
            megabytes = size_of(path) / 1e6
            form, entries, seconds, _ = measured(path)
            rate = f"{entries / seconds:>10,.0f} {megabytes / seconds:>6.0f}"
            took = stored(path)
            slowest = min(slowest, entries / took.first_s)
            print(
                f"{form:<12} {megabytes:>6.0f} {entries:>9,} {seconds:>8.2f} {rate} "
                f"{entries / took.first_s:>9,.0f} {entries / took.first_cpu_s:>9,.0f} {entries / took.again_s:>8,.0f}",
                flush=True,
            )
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    print(f"slowest {slowest:,.0f} entries/s stored; at least {LEAST_PER_S:,} wanted")
    sys.exit(0 if slowest >= LEAST_PER_S else 1)


if __name__ == "__main__":
    main()
