"""Transcripts are taken in as they grow: whole lines only, nothing twice or lost, whatever becomes of a file."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from holdfast import Memory
from holdfast.errors import InvalidField
from holdfast.integrations.coding_agents import transcripts
from holdfast.integrations.coding_agents.capturing import Captured, capture_transcript, ways_in
from holdfast.integrations.coding_agents.marks import CLOSE, OPEN, marked, unmarked
from holdfast.integrations.coding_agents.places import Places, project_root
from tests.integrations.coding_agents.scenes import rollout, said


def capture(memory: Memory, path: Path, format_: str = "claude-code") -> Captured:
    return capture_transcript(memory, path, format=format_, state=path.parent / "state")


def held(memory: Memory) -> list[tuple[str | None, str]]:
    return [(record.author, record.text) for record in memory.records()]


def conversation(turns: int) -> str:
    """A session of Claude Code with tools, and what tools answer a line later."""
    lines = list[str]()
    for n in range(turns):
        call = {"type": "tool_use", "id": f"t{n}", "name": "Bash", "input": {"command": f"make {n}"}}
        answer = {"type": "tool_result", "tool_use_id": f"t{n}", "content": f"made {n}, ä ✓"}
        lines += [
            said(f"u{n}", f"Please make {n}."),
            said(f"c{n}", [{"type": "text", "text": f"I make {n}."}, call], kind="assistant"),
            said(f"r{n}", [answer]),
            said(f"d{n}", [{"type": "text", "text": f"{n} is made."}], kind="assistant"),
        ]
    return "".join(lines)


@pytest.mark.parametrize("format_", ["claude-code", "codex"])
@pytest.mark.parametrize("seed", range(2))
def test_a_transcript_taken_in_at_any_moments_is_that_of_one_reading(
    tmp_path: Path, seed: int, format_: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(transcripts, "PIECE_BYTES", 900)
    if format_ == "codex":
        path = tmp_path / "rollout-2026-01-05T10-00-00-s1.jsonl"
        whole = rollout("s1", "/x", *(f"Turn {n} of the talk ✓" for n in range(16))).encode()
    else:
        path, whole = tmp_path / "s1.jsonl", conversation(5).encode()
    with Memory.open(":memory:", embedder=None) as piecewise, Memory.open(":memory:", embedder=None) as at_once:
        at = 0
        chance = random.Random(seed)
        while at < len(whole):
            at = min(at + chance.randrange(1, 700), len(whole))
            path.write_bytes(whole[:at])  # cut anywhere, in the middle of a line or a character
            assert capture(piecewise, path, format_).problems == []
        at_once.import_(path, format=format_)
        assert held(piecewise) == held(at_once)
        again = piecewise.import_(path, format=format_)
        assert (again.added, [one for one in again.skipped if not one.intended]) == (0, [])


def test_a_last_line_without_its_end_waits(tmp_path: Path):
    path, line = tmp_path / "s1.jsonl", said("u2", "The second line.")
    with Memory.open(":memory:", embedder=None) as memory:
        path.write_text(said("u1", "The first line.") + line[:40])
        assert capture(memory, path).added == 1
        assert capture(memory, path).added == 0
        path.write_text(said("u1", "The first line.") + line)
        assert capture(memory, path).added == 1
        assert [text for _, text in held(memory)] == ["The first line.", "The second line."]


def test_a_file_that_was_written_anew_from_the_same_beginning_loses_nothing(tmp_path: Path):
    path, first = tmp_path / "s1.jsonl", said("u0", "x" * 400)
    with Memory.open(":memory:", embedder=None) as memory:
        path.write_text(first + said("u1", "One.") + said("u2", "Two."))
        assert capture(memory, path).added == 3
        path.write_text(first + said("u8", "Eight.") + said("u9", "Nine is longer.") + said("u10", "Ten."))
        assert capture(memory, path).problems == []
        assert {text for _, text in held(memory)} >= {"Eight.", "Nine is longer.", "Ten."}


def test_a_turn_that_goes_on_for_long_is_not_read_anew_with_all_that_comes_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(transcripts, "MOST_BACK_BYTES", 1_000)
    path = tmp_path / "s1.jsonl"
    lines = [said(f"a{n}", [{"type": "text", "text": f"Step {n}."}], kind="assistant") for n in range(40)]
    with Memory.open(":memory:", embedder=None) as memory:
        path.write_text(said("u0", "Work for long.") + "".join(lines[:30]))
        capture(memory, path)
        path.write_text(said("u0", "Work for long.") + "".join(lines))
        captured = capture(memory, path)
        assert (captured.added, captured.unchanged < 8, captured.problems) == (10, True, [])
        assert len(held(memory)) == 41


@pytest.mark.parametrize("then", ["cut", "replaced", "noted wrongly", "forgotten"])
def test_a_file_that_is_not_what_it_was_is_read_from_its_beginning_and_nothing_comes_twice(tmp_path: Path, then: str):
    path = tmp_path / "s1.jsonl"
    with Memory.open(":memory:", embedder=None) as memory:
        path.write_text(said("u1", "One.") + said("u2", "Two."))
        assert capture(memory, path).added == 2
        state = next((tmp_path / "state" / "offsets").iterdir())
        if then == "cut":
            path.write_text(said("u1", "One."))
            assert capture(memory, path).added == 0
            path.write_text(said("u1", "One.") + said("u3", "Three."))
        elif then == "replaced":
            path.write_text('{"type": "summary"}\n' + said("u3", "Three.") + said("u1", "One.") + said("u2", "Two."))
        else:
            state.write_text("{" if then == "forgotten" else state.read_text().replace('"bytes": ', '"bytes": 9'))
            path.write_text(said("u1", "One.") + said("u2", "Two.") + said("u3", "Three."))
        captured = capture(memory, path)
        assert captured.added == 1
        assert sorted(text for _, text in held(memory)) == ["One.", "Three.", "Two."]
        assert capture(memory, path).added == 0


def test_a_dry_run_writes_nothing_and_notes_nothing(tmp_path: Path):
    path = tmp_path / "s1.jsonl"
    path.write_text(conversation(2))
    with Memory.open(":memory:", embedder=None) as memory:
        told = capture_transcript(memory, path, format="claude-code", state=tmp_path / "state", dry_run=True)
        assert (told.added, held(memory)) == (10, [])
        assert capture(memory, path).added == 10


def test_nothing_of_a_transcript_stays_beside_the_space(tmp_path: Path):
    path = tmp_path / "s1.jsonl"
    path.write_text(said("u1", "The word is heliotrope."))
    with Memory.open(":memory:", embedder=None) as memory:
        capture(memory, path)
    left = [file for file in (tmp_path / "state").rglob("*") if file.is_file()]
    assert len(left) == 1
    assert b"heliotrope" not in left[0].read_bytes()


def test_lines_that_are_no_json_are_reported_and_the_rest_is_taken(tmp_path: Path):
    path = tmp_path / "s1.jsonl"
    path.write_text(said("u1", "One.") + "{broken holdfast\n[1]\n" + said("u2", "Two."))
    with Memory.open(":memory:", embedder=None) as memory:
        captured = capture(memory, path)
        assert (captured.added, len(captured.problems)) == (2, 1)


def test_marks_come_off_wherever_they_stand():
    assert unmarked(f"before {OPEN}\nold\n{CLOSE} after") == "before  after"
    assert unmarked(f"{OPEN}a{CLOSE}{OPEN}b{CLOSE}") == ""
    assert unmarked(f"before {OPEN}\nold, cut off") == "before"
    assert unmarked("<memories>\n[1] old\n</memories>\nnew") == "new"
    assert unmarked("plain <b>text</b>") == "plain <b>text</b>"
    assert unmarked("cut <memories>\nRecords of the past, quoted") == "cut"
    assert unmarked("Read the <memories> element first.") == "Read the <memories> element first."
    theirs = "Write\n<memories>\n  <one/>\n</memories>\nto the file, and close <memories>\nas well."
    assert unmarked(theirs) == theirs
    assert unmarked(f"{marked(f'one says {CLOSE} and {OPEN} more')}\nnew") == "new", "no memory ends the mark"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("I prefer tabs over spaces. Now fix the bug.", ["I prefer tabs over spaces."]),
        ("Fix it.\nWe always write tests first", ["We always write tests first"]),
        ("call me Ada", ["call me Ada"]),
        ("In all my projects, commit messages are short.", ["In all my projects, commit messages are short."]),
        ("He said I prefer tea.", []),
        ("Why does it always fail? Always run make.", []),
        ("x" * 30_000 + "\nI prefer tabs.", []),
        ("I prefer " + "very " * 100 + "long sentences.", []),
    ],
)
def test_only_plain_words_about_oneself_are_ways_for_every_project(text: str, found: list[str]):
    assert ways_in(text) == found


def test_a_project_is_its_repository_and_worktrees_are_one(tmp_path: Path):
    places, main = Places(tmp_path / "spaces"), tmp_path / "Main App"
    (main / ".git" / "worktrees" / "side").mkdir(parents=True)
    (main / "src" / "deep").mkdir(parents=True)
    side, module, plain = tmp_path / "side", main / "module", tmp_path / "plain"
    for folder, gitdir in ((side, main / ".git/worktrees/side"), (module, main / ".git/modules/module")):
        folder.mkdir()
        (folder / ".git").write_text(f"gitdir: {gitdir}\n")
    plain.mkdir()
    assert project_root(main / "src" / "deep") == main
    assert project_root(side) == main
    assert project_root(module) == module
    assert project_root(plain) == plain
    (tmp_path / "link").symlink_to(main)
    assert places.project(tmp_path / "link" / "src").space == places.project(main).space
    assert places.project(main).space.name.startswith("main-app-")
    assert places.project(plain).space != places.project(main).space


def test_a_transcript_with_a_line_of_no_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(transcripts, "LONGEST_LINE_BYTES", 5_000)
    monkeypatch.setattr(transcripts, "PIECE_BYTES", 1_000)
    path = tmp_path / "s1.jsonl"
    path.write_text(said("u1", "One.") + json.dumps({"x": "y" * 9_000}))
    with Memory.open(":memory:", embedder=None) as memory:
        for _ in range(2):
            with pytest.raises(InvalidField, match="has a line of more than"):
                capture(memory, path)
        assert [text for _, text in held(memory)] == ["One."], "what came before it is kept"
