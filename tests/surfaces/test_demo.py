"""The main job: `holdfast demo` shows what it says it shows, and fails where it does not hold."""

from __future__ import annotations

import json
import os
import re
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from holdfast.memory import Memory
from holdfast.surfaces.cli import failure
from holdfast.surfaces.cli.demo import Outcome
from holdfast.surfaces.cli.demo_child import Death, import_and_die, occurrences
from holdfast.surfaces.cli.demo_show import demo_to_wire
from holdfast.surfaces.cli.demo_steps import Answer, Survival
from holdfast.surfaces.cli.demo_story import STORY, read_story
from tests.surfaces.shell import Shell

KILLED = -signal.SIGKILL if os.name == "posix" else 1
OWN: dict[str, Any] = {
    "conversation": "mine",
    "entries": [
        {"id": "1", "when": "2024-03-01T10:00:00Z", "author": "Bo", "text": "My bicycle is green and has a bell."},
        {"id": "2", "when": "2024-03-01T10:01:00Z", "author": "Bo", "text": "The alarm code is 99-KESTREL-4."},
        {"id": "3", "when": "2024-03-02T10:00:00Z", "author": "Bo", "text": "Supper was soup with bread."},
    ],
}
CORRECT = {
    "entry": "1",
    "text": "Bo's bicycle is blue.",
    "ask": "What colour is the bicycle?",
    "expect": "blue",
    "reject": "green",
}
FORGET = {"entry": "2", "ask": "What is the alarm code?", "canary": "99-KESTREL-4"}


def own(folder: Path, **keys: Any) -> Path:
    path = folder / "own.jsonl"
    path.write_text(json.dumps(OWN | keys) + "\n")
    return path


@pytest.fixture
def temporary(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which a demo makes its own; empty again when the demo has cleaned up."""
    folder = shell.folder / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", None)
    return folder


# The story that comes with it


def test_everything_the_demo_promises_is_in_the_space_it_leaves(shell: Shell, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("HOLDFAST_EMBEDDER")
    story = read_story(STORY)
    told = shell.json("demo", "--db", "kept.db")
    assert told["failed"] == []
    assert (told["holds"], told["lost"], told["check"], told["exit_code_of_importer"]) == (True, 0, [], KILLED)
    assert told["acknowledged"] == told["entries"] == len(story.entries) >= 250
    assert (len(told["questions"]), story.sessions >= 12) == (6, True)
    if told["degraded"] is None:
        assert 0 < told["vectors_at_kill"] < told["entries"]
        complete = [row["met"] == len(row["expected"]) > 0 for row in told["questions"]]
        assert sum(complete) >= 5
    assert told["forget"]["found_in_files_before"] > 0
    assert told["forget"]["found_in_files_after"] == 0
    assert story.correction is not None
    assert story.erasure is not None
    # Seen from outside: the space as it was left.
    files = b"".join(path.read_bytes() for path in shell.folder.glob("kept.db*"))
    assert (b"Headingley" in files, story.erasure.canary.encode() in files) == (True, False)
    with Memory.open(shell.folder / "kept.db", embedder=None) as memory:
        assert memory.check() == []
        texts = [record.text for record in memory.records()]
    assert story.correction.text in texts
    assert sum(entry.text in texts for entry in story.entries) == len(story.entries) - 2
    assert not any(story.erasure.canary in text for text in texts)


def test_the_demo_is_plain_and_the_same_each_time_when_piped(shell: Shell, temporary: Path):
    pages = [shell.process("demo") for _ in range(2)]
    assert [page.returncode for page in pages] == [0, 0], pages[0].stdout.decode()
    first, second = (_stable(page.stdout.decode()) for page in pages)
    assert first == second
    assert "\x1b" not in first
    for part in ("1. Remember", "2. Open", "3. Ask 6 questions", "4. Correct", "5. Forget", "Summary"):
        assert f"\n{part}" in first
    assert "By words only" in first
    assert len(re.findall(r"confidence <n> · <n> ms · evidence \d of \d in the top 10", first)) == 6
    assert "302 of 302 entries are there, word for word" in first
    assert "now 0 found" in first
    assert first.rstrip().endswith("Everything shown here holds.")
    assert list(temporary.iterdir()) == []
    assert not shell.space.exists()


@pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are POSIX")
def test_the_demo_has_colour_and_signs_in_a_terminal(shell: Shell):
    code, shown = shell.terminal("demo")
    assert code == 0, shown
    for sign in ("✓", "★", "╭", "\x1b["):
        assert sign in shown
    assert "Holdfast demo" in shown
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert max(len(line) for line in plain.replace("\r", "\n").split("\n")) <= 100


def test_the_space_of_the_demo_is_kept_when_asked(shell: Shell, temporary: Path):
    shown = shell.process("demo", "--keep").stdout.decode()
    (named,) = re.findall(r"^  kept +(.*)$", shown, re.MULTILINE)
    kept = Path(named)
    assert kept.is_relative_to(temporary)
    assert shell.json("stats", "--db", str(kept))["live"] == 301


# A file of one's own


def test_an_own_file_is_asked_corrected_and_forgotten_in(shell: Shell, temporary: Path):
    questions = [{"question": "What is on the bicycle?", "evidence": ["1"]}, {"question": "Who is the mayor?"}]
    own(shell.folder, questions=questions, correct=CORRECT, forget=FORGET)
    told = shell.json("demo", "--from", "own.jsonl")
    assert (told["holds"], told["acknowledged"], told["exit_code_of_importer"]) == (True, 3, KILLED)
    assert [row["met"] for row in told["questions"]] == [1, 0]
    assert told["correct"]["record"]["text"] == CORRECT["text"]
    assert told["forget"]["imported_again"]["forgotten"] == 1
    assert list(temporary.iterdir()) == []


def test_parts_an_own_file_does_not_name_are_skipped_and_said_so(shell: Shell):
    own(shell.folder)
    shown = shell.ok("demo", "--from", "own.jsonl")
    assert shown.count("Skipped: the file has no") == 2
    assert "The file has no questions" in shown
    assert "your conversations (mine): 3 entries" in shown


def test_questions_without_evidence_show_what_was_recalled(shell: Shell):
    own(shell.folder, questions=[{"question": "bicycle?"}])
    shown = shell.ok("demo", "--from", "own.jsonl")
    assert "My bicycle is green" in shown
    assert "evidence" not in shown


def test_many_questions_are_all_asked_and_ten_are_shown(shell: Shell):
    own(shell.folder, questions=[{"question": f"bicycle {n}?", "evidence": ["1"]} for n in range(25)])
    shown = shell.ok("demo", "--from", "own.jsonl")
    assert ("Q10 " in shown, "Q11 " in shown, "and 15 more questions" in shown) == (True, False, True)
    assert "all of it for 25 of 25 questions" in shown


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ({"forget": FORGET | {"canary": "Supper"}}, "what was forgotten is still held"),
        ({"forget": FORGET | {"canary": "Supper"}}, "the forgotten bytes stand in the files 1 times"),
        (
            {"forget": FORGET | {"canary": "never said"}},
            "the bytes to forget could not be found in the files beforehand",
        ),
        ({"correct": CORRECT | {"expect": "purple"}}, "the correction is not recalled"),
        ({"correct": CORRECT | {"reject": "Supper"}}, "the rejected value is still recalled"),
    ],
)
def test_the_demo_fails_where_what_it_shows_does_not_hold(shell: Shell, keys: dict[str, Any], fault: str):
    own(shell.folder, **keys)
    done = shell("demo", "--from", "own.jsonl")
    assert done.exit_code == failure.PROBLEMS
    assert f"FAILED {fault}" in done.stdout
    assert "Everything shown here holds." not in done.stdout
    assert fault in shell.json("demo", "--from", "own.jsonl", code=1)["failed"]


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"questions": [{"question": "x", "evidence": ["9"]}]}, "names entry '9'"),
        ({"questions": ["x"]}, "question 1 is 'x'"),
        ({"questions": {"question": "x"}}, "expected a list"),
        ({"correct": {"entry": "1"}}, "correct: 'text' is None"),
        ({"forget": FORGET | {"entry": "7"}}, "forget names entry '7'"),
        ({"entries": [{"author": "Bo", "text": " "}]}, "'text' is ' '"),
        ({"entries": [{"text": "nobody said it"}]}, "'author'"),
        ({"entries": [{"author": "Bo", "text": "x", "when": "some day"}]}, "'some day' is not a time"),
        ({"entries": []}, "holds no conversation"),
        ({"entries": 3}, "is no conversation"),
    ],
)
def test_a_malformed_own_file_is_refused_in_one_line(shell: Shell, temporary: Path, keys: dict[str, Any], told: str):
    own(shell.folder, **keys)
    code, line = shell.error("demo", "--from", "own.jsonl")
    assert (code, told in line) == (failure.USAGE, True), line
    assert list(temporary.iterdir()) == []


def test_a_line_that_is_not_json_is_named(shell: Shell):
    path = own(shell.folder)
    path.write_text(path.read_text() + "{oops\n")
    assert "Line 2 of own.jsonl is not JSON" in shell.error("demo", "--from", "own.jsonl")[1]
    assert "There is no file" in shell.error("demo", "--from", "nowhere.jsonl")[1]


def test_the_demo_never_uses_a_space_that_is_there(shell: Shell):
    shell.ok("add", "mine")
    before = shell.space.read_bytes()
    assert shell.error("demo", "--db", "space.db")[0] == failure.CONFLICT
    own(shell.folder)
    shell.ok("demo", "--from", "own.jsonl")
    assert shell.space.read_bytes() == before


# Its parts


def test_the_importing_process_dies_of_the_kill_and_leaves_what_it_acknowledged(shell: Shell):
    path = own(shell.folder)
    death = import_and_die(shell.space, path, None, lambda done, total: None)
    assert (death.acknowledged, death.code, death.killed) == (3, KILLED, True)
    with Memory.open(shell.space, embedder=None) as memory:
        assert [record.text for record in memory.records()] == [entry["text"] for entry in OWN["entries"]]


def test_a_needle_across_two_blocks_is_counted_once(tmp_path: Path):
    file = tmp_path / "file"
    block = 1 << 20
    file.write_bytes(b"x" * (block - 3) + b"needle" + b"y" * (block - 6) + b"needle" + b"needl")
    assert occurrences(file, b"needle") == 2
    assert occurrences(file, b"x") == block - 3
    assert occurrences(file, b"z") == 0


def test_each_thing_that_does_not_hold_is_named(shell: Shell):
    told = shell.process("demo", "--db", "kept.db", "--json")
    assert told.returncode == 0
    story = read_story(STORY)
    count = len(story.entries)
    outcome = Outcome(story, Death(count, 1.0, KILLED, 1), Survival({}, 0, 0, ()))
    assert outcome.failed() == []
    with Memory.open(shell.folder / "kept.db", embedder=None) as memory:
        found = memory.recall("Leeds", limit=1)
    missed = Answer(story.questions[0], found, frozenset(("not recalled",)))
    assert (missed.met, missed.complete) == (0, False)
    for change, fault in (
        ({"death": replace(outcome.death, code=0)}, "was not killed"),
        ({"death": replace(outcome.death, acknowledged=count - 1)}, f"{count - 1} of {count} entries"),
        ({"survival": replace(outcome.survival, lost=2)}, "2 acknowledged entries are not there"),
        ({"survival": replace(outcome.survival, problems=("a chain is broken",))}, "a chain is broken"),
        ({"problems": ("a row is missing",)}, "a row is missing"),
        ({"answers": [missed, missed]}, "the evidence of 2 questions"),
    ):
        worse = replace(outcome, **change)
        assert len(worse.failed()) == 1
        assert fault in worse.failed()[0]
        assert demo_to_wire(worse, None)["holds"] is False
    assert replace(outcome, answers=[missed]).failed() == []


def _stable(shown: str) -> str:
    shown = re.sub(r"process \d+", "process <n>", shown)
    shown = re.sub(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b[0-9a-f]{8,16}\b", "<id>", shown)
    shown = re.sub(r"\b20(?!2[45])\d\d-\d\d-\d\d\b", "<today>", shown)
    return re.sub(r"\b\d+\.\d+\b|\b\d+(?= ms\b)", "<n>", shown)
