"""The memory tool answers as the SDK's own tool over local folders, command by command, side by side."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from anthropic import Anthropic, AsyncAnthropic
from anthropic.lib.tools import ToolError
from anthropic.lib.tools._beta_builtin_memory_tool import BetaLocalFilesystemMemoryTool
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from holdfast import AsyncMemory, Memory
from holdfast.errors import NotFound
from holdfast.integrations.anthropic_memory import AsyncHoldfastMemoryTool, HoldfastMemoryTool
from holdfast.model.policy import Action, Policy, Sensitive
from tests.conftest import NIGHTLY
from tests.scripted_server import Reply, ScriptedServer, scripted_server

NAMES = ["a", "b.txt", "c.md", ".hidden", "é"]
PATHS = st.one_of(
    st.lists(st.sampled_from(NAMES), min_size=0, max_size=3).map(lambda parts: "/".join(["/memories", *parts])),
    st.sampled_from(
        ["/memories/", "/memories/a/", "/memories//b.txt", "/memories/a/../b.txt", "/memories/../x", "/etc/passwd",
         "memories/a", "", "/memories/./a", "/memories/a/../../../etc/passwd", "/memories/%2e%2e/x", "/memories/a b"]
    ),
)  # fmt: skip
PIECES = st.sampled_from(["", "x", "x\n", "one\ntwo\nthree", "one\r\ntwo\r\n", "\n\n", "é", "x x", "y" * 1500])
TEXTS = st.lists(PIECES, max_size=3).map("".join)
RANGES = st.one_of(st.none(), st.lists(st.integers(-3, 6), min_size=1, max_size=3))


def alike(answer: str) -> str:
    """An answer without the sizes of folders, which on a disk are those of its blocks."""
    if not answer.startswith("Here're the files"):
        return answer
    header, own, *rest = answer.split("\n")
    rows = [re.sub(r"^\S+", "-", row) if row.endswith("/") else row for row in rest]
    return "\n".join([header, re.sub(r"^\S+", "-", own), *rows])


class SideBySide(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.theirs = BetaLocalFilesystemMemoryTool(str(self.folder))
        self.memory = Memory.open(":memory:", embedder=None)
        self.ours = HoldfastMemoryTool(self.memory)

    def teardown(self) -> None:
        self.memory.close()
        shutil.rmtree(self.folder)

    def both(self, **command: Any) -> None:
        (self.folder / "memories").mkdir(exist_ok=True)
        error: Exception | None = None
        expected = ""
        try:
            expected = str(self.theirs.call(command))
        except (ToolError, OSError) as raised:
            error = raised
        self.prune()
        if error is None:
            assert alike(str(self.ours.call(command))) == alike(expected)
            return
        with pytest.raises(ToolError) as refused:
            self.ours.call(command)
        if isinstance(error, ToolError):
            assert str(refused.value) == str(error)

    def prune(self) -> None:
        """A folder without files is none here."""
        for found in sorted((self.folder / "memories").rglob("*"), reverse=True):
            if found.is_dir() and not any(found.iterdir()):
                found.rmdir()

    @rule(path=PATHS, text=TEXTS)
    def create(self, path: str, text: str) -> None:
        self.both(command="create", path=path, file_text=text)

    @rule(path=PATHS, view_range=RANGES)
    def view(self, path: str, view_range: list[int] | None) -> None:
        self.both(command="view", path=path, **({} if view_range is None else {"view_range": view_range}))

    @rule(path=PATHS, old=PIECES, new=PIECES)
    def str_replace(self, path: str, old: str, new: str) -> None:
        self.both(command="str_replace", path=path, old_str=old, new_str=new)

    @rule(path=PATHS, line=st.integers(-1, 5), text=PIECES)
    def insert(self, path: str, line: int, text: str) -> None:
        self.both(command="insert", path=path, insert_line=line, insert_text=text)

    @rule(path=PATHS)
    def delete(self, path: str) -> None:
        self.both(command="delete", path=path)

    @rule(old=PATHS, new=PATHS)
    def rename(self, old: str, new: str) -> None:
        self.both(command="rename", old_path=old, new_path=new)

    @invariant()
    def the_same_files_hold_the_same(self) -> None:
        root = self.folder / "memories"
        theirs = {
            found.relative_to(root).as_posix(): found.read_bytes().decode()
            for found in root.rglob("*")
            if found.is_file()
        }
        assert {one.path: one.text for one in self.memory.files.list()} == theirs


SideBySide.TestCase.settings = settings(
    max_examples=300 if NIGHTLY else 20, stateful_step_count=40 if NIGHTLY else 25, deadline=None
)
test_every_command_answers_as_the_tool_over_local_folders = SideBySide.TestCase


@pytest.fixture
def tool():
    with Memory.open(":memory:", embedder=None) as memory:
        yield HoldfastMemoryTool(memory)


SCRIPT: list[dict[str, Any]] = [
    {"command": "view", "path": "/memories"},
    {"command": "create", "path": "/memories/ada.md", "file_text": "Ada\nlives in Lisbon\n"},
    {"command": "create", "path": "/memories/ada.md", "file_text": "again"},
    {"command": "view", "path": "/memories/ada.md", "view_range": [2, 2]},
    {"command": "str_replace", "path": "/memories/ada.md", "old_str": "Lisbon", "new_str": "Porto"},
    {"command": "str_replace", "path": "/memories/ada.md", "old_str": "Lisbon", "new_str": "Porto"},
    {"command": "insert", "path": "/memories/ada.md", "insert_line": 2, "insert_text": "likes tea"},
    {"command": "insert", "path": "/memories/ada.md", "insert_line": 99, "insert_text": "x"},
    {"command": "view", "path": "/memories/ada.md"},
    {"command": "rename", "old_path": "/memories/ada.md", "new_path": "/memories/people/ada.md"},
    {"command": "view", "path": "/memories"},
    {"command": "delete", "path": "/memories/people"},
    {"command": "delete", "path": "/memories/people"},
]


def test_the_tool_with_await_answers_the_same(tool):
    def answer(command: dict[str, Any]) -> str:
        try:
            return str(tool.call(command))
        except ToolError as error:
            return f"error: {error}"

    async def answers() -> list[str]:
        said = []
        async with await AsyncMemory.open(":memory:", embedder=None) as memory:
            one = AsyncHoldfastMemoryTool(memory)
            for command in SCRIPT:
                try:
                    said.append(str(await one.call(command)))
                except ToolError as error:
                    said.append(f"error: {error}")
            await one.call({"command": "create", "path": "/memories/x", "file_text": "x"})
            assert await one.clear_all_memory() == "All memory cleared"
            assert await memory.files.list() == []
        return said

    said = [answer(command) for command in SCRIPT]
    assert said == asyncio.run(answers())
    assert said[4].endswith("     1\tAda\n     2\tlives in Porto\n     3\t")
    assert said[10].endswith("\n24B\t/memories/people/\n24B\t/memories/people/ada.md".replace("24B", "29B"))
    assert sum(one.startswith("error: ") for one in said) == 4


@pytest.mark.parametrize(
    "path", ["/memoriesx/a", "/memories/..", "/memories/../memories/a", "C:\\memories", "/", "..", "\0"]
)
def test_no_path_leads_out_of_the_memories(tool, path):
    for command in (
        {"command": "view", "path": path},
        {"command": "create", "path": path, "file_text": "x"},
        {"command": "delete", "path": path},
        {"command": "rename", "old_path": path, "new_path": "/memories/b"},
        {"command": "rename", "old_path": "/memories/b", "new_path": path},
    ):
        with pytest.raises(ToolError):
            tool.call(command)
    assert tool._memory.files.list() == []


def test_two_spellings_of_a_path_are_one_file():
    with Memory.open(":memory:", embedder=None) as memory:
        tool = HoldfastMemoryTool(memory, folder="cafe\u0301")
        for spelling, other in (("e\u0301", "\u00e9"), ("\u00e9", "e\u0301")):
            tool.call({"command": "create", "path": f"/memories/{spelling}", "file_text": "x"})
            assert str(tool.call({"command": "view", "path": f"/memories/{spelling}"})).endswith("\tx")
            edit = {"command": "str_replace", "path": f"/memories/{other}", "old_str": "x", "new_str": "y"}
            assert "edited" in str(tool.call(edit))
            with pytest.raises(ToolError, match="already exists"):
                tool.call({"command": "create", "path": f"/memories/{other}", "file_text": "x"})
            tool.call({"command": "delete", "path": f"/memories/{other}"})
        assert memory.files.list() == []


def test_the_answers_word_for_word(tool):
    tool.call({"command": "create", "path": "/memories/a", "file_text": "x\ny\nx\nz"})
    with pytest.raises(ToolError) as refused:
        tool.call({"command": "str_replace", "path": "/memories/a", "old_str": "x", "new_str": "w"})
    assert str(refused.value) == (
        "No replacement was performed. Multiple occurrences of old_str `x` in lines: 1, 3. Please ensure it is unique"
    )
    assert tool.call({"command": "view", "path": "/memories/a", "view_range": [3, -1]}) == (
        "Here's the content of /memories/a with line numbers:\n     3\tx\n     4\tz"
    )
    insert = {"command": "insert", "path": "/memories/a", "insert_line": 1, "insert_text": "new\n\n"}
    assert tool.call(insert) == "The file /memories/a has been edited."
    assert tool._memory.files.get("a").text == "x\nnew\ny\nx\nz\n"


ODD = st.one_of(st.none(), st.integers(), st.text(max_size=20), st.lists(st.integers(), max_size=3), st.booleans())


def test_whatever_a_model_makes_up_is_answered_or_refused_in_words(tool):
    names = (
        "path",
        "old_path",
        "new_path",
        "file_text",
        "old_str",
        "new_str",
        "insert_text",
        "insert_line",
        "view_range",
    )
    verbs = st.sampled_from(["view", "create", "str_replace", "insert", "delete", "rename"])

    @given(verbs, st.dictionaries(st.sampled_from(names), ODD), st.sampled_from(["", "/memories", "/memories/"]))
    @settings(max_examples=3_000 if NIGHTLY else 150, deadline=None)
    def holds(verb: str, arguments: dict[str, Any], prefix: str) -> None:
        if isinstance(arguments.get("path"), str):
            arguments["path"] = prefix + arguments["path"]
        with suppress(ToolError):
            assert isinstance(tool.call({"command": verb, **arguments}), str)

    holds()


def test_agents_with_a_folder_of_their_own_do_not_see_each_other():
    with Memory.open(":memory:", embedder=None) as memory:
        one, other = HoldfastMemoryTool(memory, folder="one"), HoldfastMemoryTool(memory, folder="two")
        one.call({"command": "create", "path": "/memories/a.md", "file_text": "mine"})
        assert "a.md" in str(one.call({"command": "view", "path": "/memories"}))
        assert "a.md" not in str(other.call({"command": "view", "path": "/memories"}))
        for path in ("/memories/../one/a.md", "/memories/a.md"):
            with pytest.raises(ToolError):
                other.call({"command": "view", "path": path})
        assert other.clear_all_memory() == one.clear_all_memory()
        assert memory.files.list() == []


def test_edits_of_several_threads_are_all_kept(tmp_path):
    with Memory.open(tmp_path / "space.db", embedder=None) as memory:
        tool = HoldfastMemoryTool(memory)
        tool.call({"command": "create", "path": "/memories/log", "file_text": ""})

        def write(name: str) -> None:
            for number in range(8):
                tool.call(
                    {"command": "insert", "path": "/memories/log", "insert_line": 0, "insert_text": f"{name}{number}"}
                )

        threads = [threading.Thread(target=write, args=(name,)) for name in "abc"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        lines = memory.files.get("log").text.split()
        assert sorted(lines) == sorted(f"{name}{number}" for name in "abc" for number in range(8))


STRICT = Policy(actions={Sensitive.CREDENTIAL: Action.REFUSE})


def test_what_a_policy_refuses_is_a_tool_error_that_says_so():
    with Memory.open(":memory:", embedder=None, policy=STRICT) as memory:
        tool = HoldfastMemoryTool(memory)
        with pytest.raises(ToolError, match="Nothing was"):
            tool.call({"command": "create", "path": "/memories/k", "file_text": "Use ghp_" + "a1B2" * 9})
        with pytest.raises(NotFound):
            memory.files.get("k")


def message(*content: dict[str, Any], stop: str) -> Reply:
    body = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "stop_sequence": None,
        "content": list(content), "stop_reason": stop, "usage": {"input_tokens": 1, "output_tokens": 1},
    }  # fmt: skip
    return Reply(body=body, headers={"Content-Type": "application/json"})


def tool_use(number: int, **command: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": f"toolu_{number}", "name": "memory", "input": command}


def results(server: ScriptedServer, place: int) -> Any:
    return server.received[place].body["messages"][-1]["content"][0]


def test_a_model_keeps_a_note_in_one_conversation_and_reads_it_in_the_next(tmp_path):
    with scripted_server() as server, Memory.open(tmp_path / "space.db", embedder=None) as memory:
        client = Anthropic(api_key="none", base_url=server.url, max_retries=0)
        server.then(
            message(tool_use(1, command="create", path="/memories/ada.md", file_text="likes tea"), stop="tool_use"),
            message({"type": "text", "text": "Noted."}, stop="end_turn"),
        )

        def ask(text: str) -> Any:
            runner = client.beta.messages.tool_runner(
                model="claude", max_tokens=100, tools=[HoldfastMemoryTool(memory)],
                messages=[{"role": "user", "content": text}],
            )  # fmt: skip
            return runner.until_done()

        assert ask("I like tea.").content[0].text == "Noted."
        assert server.received[0].body["tools"] == [{"type": "memory_20250818", "name": "memory"}]
        assert "File created successfully" in json.dumps(results(server, 1))

        async def ask_again() -> str:
            asked = AsyncAnthropic(api_key="none", base_url=server.url, max_retries=0)
            async with asked, await AsyncMemory.open(tmp_path / "space.db", embedder=None) as other:
                runner = asked.beta.messages.tool_runner(
                    model="claude", max_tokens=100, tools=[AsyncHoldfastMemoryTool(other)],
                    messages=[{"role": "user", "content": "What do I like?"}],
                )  # fmt: skip
                return (await runner.until_done()).content[0].text

        server.then(
            message(tool_use(2, command="view", path="/memories/ada.md"), stop="tool_use"),
            message({"type": "text", "text": "Tea."}, stop="end_turn"),
        )
        assert asyncio.run(ask_again()) == "Tea."
        assert "1\\tlikes tea" in json.dumps(results(server, 3))
        client.close()
