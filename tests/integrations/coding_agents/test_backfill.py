"""Backfill: each transcript into the space of its project; nothing twice; what was refused and left is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from holdfast.errors import InvalidField
from holdfast.integrations.coding_agents.backfilling import backfill
from tests.integrations.coding_agents.scenes import Person, rollout, said

SECRET = "AKIA" + "Q3EGR7XKZ4TYMNBW"


@pytest.fixture
def user(tmp_path: Path) -> Person:
    return Person(tmp_path, tmp_path)


def test_transcripts_go_to_their_projects_once_and_the_report_says_what_became_of_them(user: Person):
    one, two = user.project("one"), user.project("two")
    folder = user.home / ".claude/projects"
    for name, root, text in (("-a", one, "We build a parser."), ("-b", two, f"The key is {SECRET} here.")):
        (folder / name).mkdir(parents=True)
        lines = [
            json.dumps({"type": "summary", "summary": "x", "leafUuid": "y"}) + "\n",
            said(f"u{name}", text, session=name, cwd=str(root / "src")),
            said(f"v{name}", "And a lexer.", session=name, cwd=str(root)),
        ]
        (folder / name / f"{name}.jsonl").write_text("".join(lines))
    (folder / "-a" / "broken.jsonl").write_text("{\n")
    (folder / "-a" / "hostile.jsonl").write_text(said("h1", "Hello.", cwd="/tmp/\0") + said("h2", "x", cwd="/\ud800"))
    seen = list[tuple[int, int]]()
    dry = backfill("claude", environment=user.environment, dry_run=True)
    assert [of.captured.added for of in dry.projects] == [2, 1]
    assert not user.space(one).exists()
    done = backfill("claude", environment=user.environment, progress=lambda at, of: seen.append((at, of)))
    assert [(of.project.root.name, of.captured.added, of.captured.refused) for of in done.projects] == [
        ("one", 2, 0), ("two", 1, 1),
    ]  # fmt: skip
    assert done.projects[0].captured.left == {"lines of type summary": 1}
    assert len(done.left) == 2
    assert "broken.jsonl: it names no project" in done.left[0]
    assert "hostile.jsonl: the folder it names cannot be one" in done.left[1]
    assert seen[-1][0] < seen[-1][1], "what names no project is not read"
    assert user.texts(user.space(one)) == ["We build a parser.", "And a lexer."]
    assert user.texts(user.space(two)) == ["And a lexer."]
    again = backfill("claude", environment=user.environment)
    assert sum(of.captured.added for of in again.projects) == 0


def test_what_was_stopped_goes_on(user: Person):
    root = user.project("one")
    folder = user.home / ".codex/sessions/2026/01/05"
    folder.mkdir(parents=True)
    for name in ("s1", "s2", "s3"):
        (folder / f"rollout-2026-01-05T10-00-00-{name}.jsonl").write_text(
            rollout(name, str(root), f"Talk {name}.", "Ok.")
        )

    class Stopped(Exception):
        pass

    def stop(done: int, total: int) -> None:
        if done > total / 2:
            raise Stopped

    with pytest.raises(Stopped):
        backfill("codex", environment=user.environment, progress=stop)
    assert 0 < len(user.texts(user.space(root))) < 6
    report = backfill("codex", environment=user.environment)
    assert sorted(user.texts(user.space(root))) == ["Ok.", "Ok.", "Ok.", "Talk s1.", "Talk s2.", "Talk s3."]
    assert report.projects[0].captured.added == 2


def test_the_command_shows_a_report_and_where_there_is_nothing_says_so(user: Person):
    root = user.project("one")
    folder = user.home / "talks"
    folder.mkdir()
    (folder / "s.jsonl").write_text(said("u1", "We build a parser.", cwd=str(root)))
    with pytest.raises(InvalidField, match="There are no transcripts in"):
        backfill("claude", environment=user.environment)
    shown = user.run("backfill", "claude", "--from", str(folder), "--dry-run")
    assert "1 memory would be added" in shown
    assert "Nothing was written." in shown
    told = json.loads(user.run("backfill", "claude", "--from", str(folder), "--json"))
    assert [(one["added"], one["transcripts"]) for one in told["projects"]] == [(1, 1)]
    with pytest.raises(InvalidField, match="keeps no transcripts"):
        backfill("cursor", environment=user.environment)
