"""Sessions, episodes and tiers at the command line."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from holdfast import Memory
from holdfast.surfaces.cli.main import cli


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("HOLDFAST_EMBEDDER", "none")
    monkeypatch.chdir(tmp_path)
    found = tmp_path / "space.db"
    with Memory.open(found, embedder=None) as memory:
        chat = memory.session("chat-1", user="Ada", agent="Fern")
        chat.add("user", "How do generators work in Python?", when="2026-05-05T10:00Z")
        chat.add("user", "I love Python.", when="2026-05-06T10:00Z")
        chat.add("user", "Explain decorators in python, please.", when="2026-05-07T10:00Z")
        error = chat.record("error", "The pool was exhausted.", outcome="failure")
        memory.episodes.resolve(error.id, "Raised the pool.")
        memory.session("chat-2", user="Bo").add("user", "Hello.")
    return found


def run(path, *words, code=0):
    done = CliRunner().invoke(cli, [*words, "--db", str(path)], prog_name="holdfast")
    assert done.exit_code == code, done.output
    return done.stdout


def test_all_times_the_user_asked_are_listed_in_order(path):
    shown = run(path, "episodes", "show me all times the user asked about Python")
    assert shown.index("generators") < shown.index("decorators")
    assert "I love Python" not in shown
    assert "2 episodes" in shown
    found = json.loads(run(path, "episodes", "show me all times the user asked about Python", "--json"))
    assert [one["text"][:10] for one in found] == ["How do gen", "Explain de"]
    assert json.loads(run(path, "episodes", "when did the user ask about COBOL", "--json", code=1)) == []


def test_episodes_are_found_by_conditions_and_likeness(path):
    (error,) = json.loads(run(path, "episodes", "--kind", "error", "--json"))
    assert (error["outcome"], error["resolution"]["text"]) == ("failure", "Raised the pool.")
    assert "resolved: Raised the pool." in run(path, "episodes", "--similar", "pool exhausted")
    assert len(json.loads(run(path, "episodes", "--until", "2026-05-06", "--json"))) == 1
    assert run(path, "episodes", "--full-text", error["id"]).strip() == "The pool was exhausted."
    run(path, "episodes", "all of it", "--kind", "turn", code=2)
    run(path, "episodes", "all of it", "--similar", "x", code=2)


def test_a_context_holds_what_was_said_and_what_is_remembered(path):
    with Memory.open(path, embedder=None) as memory:
        memory.blocks.create("persona", "Brief, kind.")
        memory.remember("Ada teaches Python at school.", subject="Ada")
    shown = run(path, "context", "python at school", "--session", "chat-1", "--budget", "900")
    assert "Brief, kind." in shown
    assert "decorators" in shown
    told = json.loads(run(path, "context", "python at school", "--json"))
    assert "teaches Python" in told["text"]
    assert told["tokens"] <= told["budget_tokens"] == 4_000
    run(path, "context", "--session", "nope", code=3)
    run(path, "context", "--budget", "0", code=2)


def test_sessions_are_listed_searched_and_closed(path):
    listed = json.loads(run(path, "sessions", "--json"))
    assert {one["id"] for one in listed} == {"chat-1", "chat-2"}
    assert [one["id"] for one in json.loads(run(path, "sessions", "--user", "Bo", "--json"))] == ["chat-2"]
    assert json.loads(run(path, "sessions", "generators", "--json"))[0]["session"]["id"] == "chat-1"
    (summary,) = json.loads(run(path, "sessions", "--close", "chat-1", "--json"))
    assert summary["kind"] == "summary"
    assert "closed" in run(path, "sessions", "--closed")
    run(path, "sessions", "--close", "never", code=3)
    run(path, "sessions", "--close", "chat-1", "--user", "Ada", code=2)
    assert json.loads(run(path, "sessions", "--close-idle", "--json")) == []


def test_tiers_of_the_configuration_are_listed_and_swept(path):
    (path.parent / "holdfast.toml").write_text(
        '[tiers.errors]\nkinds = ["error"]\nitems = 1\nkeep_last = 0\neviction = "expire"\nlifetime_s = 0.001\n'
    )
    listed = json.loads(run(path, "tiers", "--json"))
    assert [(one["name"], one["memories"]) for one in listed][-1] == ("errors", 1)
    assert "would leave the tier errors" in run(path, "tiers", "--sweep")
    assert "left the tier errors" in run(path, "tiers", "--sweep", "--apply")
    assert json.loads(run(path, "tiers", "--json"))[-1]["memories"] == 0
    run(path, "tiers", "--apply", code=2)
