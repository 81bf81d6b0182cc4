"""`holdfast block`, `intend` and `intentions` at the command line."""

from __future__ import annotations

from dataclasses import fields

from holdfast.model.blocks import Block
from holdfast.model.intentions import Intention
from tests.surfaces.shell import UNKNOWN


def test_a_block_is_made_edited_shown_and_removed(shell):
    assert "There is no block" in (shell.ok("add", "A fact."), shell.ok("block", "list"))[1]
    shell.ok("block", "create", "persona", "Brief.", "--description", "who", "--limit-chars", "40")
    assert shell.ok("block", "append", "persona", given="Kind.\n") == (
        "persona is at version 2 and holds 12 of 40 characters.\n"
    )
    assert shell.ok("block", "show", "persona") == "Brief.\nKind.\n"
    assert "12 of 40 characters  Brief. Kind." in shell.ok("block", "list")
    told = shell.json("block", "replace", "persona", "Kind", "Warm", "--version", "2")
    assert (told["text"], told["version"], told["left"], told["writers"]) == ("Brief.\nWarm.", 3, 28, None)
    assert [one["version"] for one in shell.json("block", "history", "persona")] == [1, 2, 3]
    assert "owner" in shell.ok("block", "history", "persona")
    assert shell.json("block", "revert", "persona", "1")["text"] == "Brief."
    assert shell.json("block", "write", "persona", "")["size"] == 0
    assert shell.json("--json", "block", "show", "persona")["text"] == ""
    revised = shell.json("block", "revise", "persona", "--limit-tokens", "9", "--writer", "ann", "--writer", "bo")
    assert (revised["unit"], revised["limit"], revised["writers"]) == ("tokens", 9, ["ann", "bo"])
    assert shell.json("block", "revise", "persona", "--everyone")["writers"] is None
    assert shell.json("block", "remove", "persona") == {"removed": "persona"}
    assert shell.json("block", "list") == []


def test_what_a_block_does_not_take_is_told_in_one_line(shell):
    assert shell.error("block", "create", "../x", "y")[0] == 2
    assert not shell.space.exists()
    shell.ok("block", "create", "persona", "Brief.", "--limit-chars", "10", "--writer", "ann")
    code, line = shell.error("block", "write", "persona", "much too long")
    assert (code, "3 too many" in line) == (2, True)
    code, line = shell.error("block", "write", "persona", "Long.", "--version", "7")
    assert (code, "'Brief.'" in line, "'Long.'" in line) == (4, True, True)
    code, line = shell.error("block", "write", "persona", "x", "--as", "bo")
    assert (code, "written by ann" in line) == (3, True)
    assert shell.error("block", "show", "human")[0] == 3
    assert shell.error("block", "create", "persona")[0] == 4


def test_an_intention_is_noted_told_back_taken_and_done(shell):
    noted = shell.json("intend", "Ask about the visa", "--when", "in two weeks", "--about", "Ada", "--key", "k")
    assert (noted["state"], noted["said"], noted["about"]) == ("pending", "in two weeks", "Ada")
    shell.ok("intend", "Call Sarah", "--when", "2024-05-03")
    shell.ok("intend", "Tell Ben", "--event", "deploy finished")
    shell.ok("intend", "Escalate", "--if", "open_tickets > 3", "--until", "2099-01-01")
    assert "if open_tickets > 3, until 2099-01-01T00:00:00Z" in shell.ok("intend", "x", "--if", "open_tickets > 3",
                                                                         "--until", "2099-01-01")  # fmt: skip
    assert "in two weeks" in shell.ok("intentions", "list", "--state", "pending")
    due = shell.ok("intentions", "due", "--fact", "open_tickets=4", "--fact", "note=a b")
    assert ("Call Sarah" in due, "Escalate" in due, "Tell Ben" in due) == (True, True, False)
    assert [one["text"] for one in shell.json("intentions", "fire", "deploy finished")] == ["Tell Ben"]
    assert shell.ok("intentions", "fire", "deploy finished") == "Nothing waits for it.\n"
    taken = shell.json("intentions", "take", "--session", "chat-1", "--limit", "1")
    assert [(one["text"], one["state"], one["taken_by"]) for one in taken] == [("Call Sarah", "fired", "chat-1")]
    assert [one["text"] for one in shell.json("intentions", "take", "--session", "chat-2")] == ["Tell Ben"]
    assert "snoozed until 2098" in shell.ok("intentions", "snooze", taken[0]["id"][-8:], "2098-01-01")
    assert "is done" in shell.ok("intentions", "done", taken[0]["id"][:18])
    assert shell.json("intentions", "cancel", noted["id"])["state"] == "cancelled"
    assert shell.ok("intentions", "due") == "Nothing is due.\n"
    assert shell.json("intentions", "due", "--now", "2098-01-01") == []


def test_what_is_no_intention_is_told_in_one_line(shell):
    assert shell.error("intend", "x")[0] == 2
    assert shell.error("intend", "x", "--when", "whenever")[0] == 2
    assert not shell.space.exists()
    shell.ok("intend", "x", "--when", "tomorrow")
    assert shell.error("intentions", "done", UNKNOWN)[0] == 3
    assert shell.error("intentions", "done", "deadbeef")[0] == 3
    assert shell.error("intentions", "due", "--fact", "a")[0] == 2
    assert shell.error("intentions", "take", "--limit", "0")[0] == 2
    one = shell.json("intentions", "list")[0]["id"]
    shell.ok("intentions", "done", one)
    assert shell.error("intentions", "cancel", one)[0] == 4


def test_json_tells_every_field(shell):
    block = shell.json("block", "create", "persona")
    assert set(block) == {one.name.removesuffix("_ms") for one in fields(Block)} | {"left"}
    one = shell.json("intend", "x", "--when", "tomorrow")
    told = {name.removesuffix("_at") for name in one}
    assert told == {one.name.removesuffix("_ms") for one in fields(Intention)}
