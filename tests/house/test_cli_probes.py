"""The same question through the command line: of what may not be used, nothing tells whether it is there.

Each command is given as a principal who may not, once for a space that is there and once for one that never was, and
standard output, standard error and exit code are compared, the two names apart.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from holdfast.adapters.keyring import Keyring
from holdfast.errors import NotAllowed
from holdfast.services import sharing
from holdfast.surfaces.cli.house import house_command
from holdfast.surfaces.cli.main import COMMANDS, cli

THERE, AWAY = "team/0", "team/9"
_MEASURED = re.compile(r"[\d.,]+ (µs|ms|GB|more|durable)\b")
UNKNOWN = "0192f3c4-5a6b-7c8d-9e0f-112233445566"
PROBES = 1_000
LEVELS = {"stranger": 0, "reader": 1, "writer": 2, "sharer": 3, "admin": 4, "owner": 5}
"""What each principal may do in the space that is there; 5 administers the house."""

IN_A_SPACE: dict[tuple[str, ...], int] = {
    ("recall", "launch"): 1, ("recall", "launch", "--why"): 1, ("recall", "launch", "--text"): 1,
    ("history", UNKNOWN): 1, ("stats",): 1, ("export",): 1, ("check",): 1, ("check", "--fix"): 4, ("receipts",): 1,
    ("proof",): 1, ("mcp",): 1,
    ("why", UNKNOWN): 1, ("show", UNKNOWN): 1, ("list",): 1, ("list", "--since", "2024-01-01"): 1,
    ("verify", UNKNOWN): 1, ("chat-log",): 1, ("chat-log", "s"): 1, ("window", "s"): 2, ("context", "launch"): 1,
    ("context", "--session", "s"): 2, ("release",): 1,
    ("forget", UNKNOWN, "--yes"): 1, ("forget", "--about", "Ada", "--dry-run"): 1,
    ("add", "A note."): 2, ("add", "A note.", "--key", "k", "--category", "plan"): 2,
    ("chat-log", "s", "Hello.", "--add", "user"): 2, ("import", "talk.jsonl"): 2,
    ("import", "talk.jsonl", "--dry-run"): 2,
    ("prune", "--keep-days", "9"): 4, ("prune", "--keep-days", "9", "--apply"): 4, ("compact",): 4, ("snapshot",): 4,
    ("rebuild", "--no-embed"): 4, ("audit", "--apply"): 4, ("key", "encrypt", "--keyring", "keys"): 4,
    ("key", "rotate", "--keyring", "keys"): 4, ("backup", "copy.db"): 4, ("export", "--lossless"): 4,
    ("export", "pages", "--format", "markdown"): 1, ("explain", "launch"): 1,
    ("explain", "launch", "--why-not", UNKNOWN): 1, ("replay",): 1, ("replay", "--list"): 1, ("replay", UNKNOWN): 1,
    ("sessions",): 1, ("sessions", "launch"): 1, ("sessions", "--close", "s"): 2, ("sessions", "--close-idle"): 2,
    ("episodes",): 1, ("episodes", "when did the user ask about the launch"): 1, ("episodes", "--similar", "launch"): 1,
    ("episodes", "--full-text", UNKNOWN): 1, ("tiers",): 1, ("tiers", "--sweep"): 4, ("tiers", "--sweep", "--apply"): 4,
    ("recall", "launch", "--keep"): 2, ("expect", "list"): 1, ("expect", "add", "launch", "--contains", "May"): 2,
    ("expect", "remove", UNKNOWN): 2,
    ("procedure", "list"): 1, ("procedure", "show", "plan"): 1, ("procedure", "match", "plan it"): 1,
    ("procedure", "render", "plan"): 1, ("procedure", "versions", "plan"): 1, ("procedure", "add", "plan.yaml"): 2,
    ("procedure", "outcome", "plan", "success"): 2, ("procedure", "rollback", "plan", "1"): 2,
    ("procedure", "learn"): 2, ("procedure", "approve", "plan"): 2, ("procedure", "remove", "plan"): 2,
    ("block", "list"): 1, ("block", "show", "persona"): 1, ("block", "history", "persona"): 1,
    ("block", "create", "human", "Ada."): 2, ("block", "write", "persona", "Ada."): 2,
    ("block", "append", "persona", "Ada."): 2, ("block", "replace", "persona", "a", "b"): 2,
    ("block", "revert", "persona", "1"): 2, ("block", "revise", "persona", "--everyone"): 2,
    ("block", "remove", "persona"): 2, ("intend", "Ask.", "--when", "tomorrow"): 2, ("intentions", "list"): 1,
    ("intentions", "due", "--fact", "a=1"): 1, ("intentions", "take"): 2, ("intentions", "fire", "e"): 2,
    ("intentions", "snooze", UNKNOWN, "tomorrow"): 2, ("intentions", "done", UNKNOWN): 2,
    ("intentions", "cancel", UNKNOWN): 2,
}  # fmt: skip
"""Commands in a space, with the right that the least of what they do needs."""
OF_THE_HOUSE: dict[tuple[str, ...], int] = {
    ("limit", "NAME"): 1, ("restrict", "NAME"): 1, ("grants", "NAME"): 3, ("grant", "bo", "NAME", "read"): 3,
    ("revoke", "bo", "NAME", "write"): 3, ("grant", "bo", "NAME", "admin"): 4, ("drop", "NAME", "--dry-run"): 4,
    ("drop", "NAME", "--yes"): 4, ("drop", "NAME", "--confirm", "0" * 16): 4, ("limit", "NAME", "--memories", "9"): 5,
    ("restrict", "NAME", "--policy", "none"): 5, ("rename", "NAME", "NAME"): 5,
}  # fmt: skip


@pytest.fixture
def shared(opened, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A house with one space, and a principal for each right in it."""
    house = opened()
    house.create(THERE)
    house.space(THERE).remember("The launch is on the ninth of May.")
    for who, right in (("reader", "read"), ("writer", "write"), ("sharer", "share"), ("admin", "admin")):
        house.grant(who, THERE, right)
    house.close()
    Keyring.open(folder.parent / "keys", create=True)
    monkeypatch.chdir(folder.parent)
    monkeypatch.setenv("HOME", str(folder.parent))
    monkeypatch.setenv("HOLDFAST_EMBEDDER", "none")
    monkeypatch.setenv("HOLDFAST_HOUSE", str(folder))
    line = {"conversation": "c", "entries": [{"author": "Ada", "text": "Hi."}]}
    (folder.parent / "plan.yaml").write_text("name: plan\ndescription: Plan.\nsteps: [{prompt: Plan.}]\n")
    (folder.parent / "talk.jsonl").write_text(json.dumps(line) + "\n")
    return folder


def told(words: tuple[str, ...], name: str, who: str, *, as_json: bool) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command about a space, without the space's name."""
    given = [name if word == "NAME" else word for word in words]
    where = [] if words[0] == "house" else ["--space", name]
    done = CliRunner().invoke(
        cli, [*given, *where, "--as", who, *(["--json"] if as_json else [])], prog_name="holdfast", input=""
    )
    # What a sync takes and how much is left on the disk differ from call to call; `doctor` shows them.
    shown = _MEASURED.sub("N", done.stdout) if words == ("doctor",) else done.stdout
    return done.exit_code, shown.replace(name, "NAME"), done.stderr.replace(name, "NAME")


def campaign(probes: int, seed: int) -> tuple[list[str], int]:
    """Refusals that differ from those of a space that never was, and how many were compared."""
    chance, different, compared = random.Random(seed), [], 0
    commands = [*IN_A_SPACE.items(), *((("house", *words), needed) for words, needed in OF_THE_HOUSE.items())]
    for _ in range(probes):
        words, needed = chance.choice(commands)
        who = chance.choice([who for who, level in LEVELS.items() if level < needed])
        as_json = chance.random() < 0.5 and "--text" not in words
        of_it, of_nothing = (told(words, name, who, as_json=as_json) for name in (THERE, AWAY))
        compared += 1
        may_look = words[:2] == ("house", "restrict") or words[:2] == ("house", "limit")
        if of_it[0] != 3 or (of_it != of_nothing and not (may_look and LEVELS[who])):
            different.append(f"{who} {' '.join(words)}: {of_it} but of an absent space {of_nothing}")
    return different, compared


def test_no_command_tells_absent_from_forbidden(shared):
    different, compared = campaign(PROBES, 1)
    print(f"seed 1: {compared} refusals compared")  # noqa: T201
    assert different == []


def test_the_campaign_notices_a_refusal_that_says_which(shared, monkeypatch):
    permit = sharing.Sharing._permit

    def telling(self, view, verb, principal, name, space=None):
        try:
            return permit(self, view, verb, principal, name, space)
        except NotAllowed:
            if name in [held.name for held in view.spaces()]:
                raise NotAllowed(f"{principal!r} may not use {name!r}.") from None
            raise

    monkeypatch.setattr(sharing.Sharing, "_permit", telling)
    assert campaign(40, 2)[0]


def in_a_space(name: str) -> Iterator[tuple[str, ...]]:
    """A command, or those behind it, in so far as they take ``--space``."""
    command = cli.get_command(click.Context(cli), name)
    leaves = command.commands.items() if isinstance(command, click.Group) else [("", command)]
    for below, leaf in leaves:
        if any("--space" in parameter.opts for parameter in leaf.params):
            yield tuple(filter(None, (name, below)))


def test_every_command_about_a_space_is_probed():
    # Asked below; and restoring, which makes a file and refuses to work in a house.
    below = {("doctor",), ("correct",), ("restore",)}
    for leaf in {leaf for name in COMMANDS for leaf in in_a_space(name)} - below:
        assert any(words[: len(leaf)] == leaf for words in IN_A_SPACE), f"{leaf} wants a line in IN_A_SPACE"
    of_all = {"create", "list", "check", "audit", "receipts", "verify"}
    assert {words[0] for words in OF_THE_HOUSE} == set(house_command.commands) - of_all


def test_doctor_and_correct_say_the_same_of_both(shared):
    for words in (("doctor",), ("correct", UNKNOWN, "Other words.")):
        of_it, of_nothing = (told(words, name, "stranger", as_json=False) for name in (THERE, AWAY))
        assert of_it == of_nothing
        assert "NAME" in of_it[1] + of_it[2]
