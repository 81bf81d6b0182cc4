"""`holdfast procedure` at the command line."""

from __future__ import annotations

from dataclasses import fields

from holdfast.model.procedures import Procedure, ProcedureMatch, Success, Trial

WORSE = "name: explain\ndescription: Explain it at once.\nwhen: {phrases: [explain]}\nsteps:\n  - prompt: Explain it.\n"


def test_the_shipped_example_is_added_matched_rendered_and_tried(shell):
    example = shell.ok("procedure", "example")
    assert shell.json("procedure", "example") == {"name": "explain", "yaml": example}
    assert shell.ok("procedure", "add", "-", given=example) == "explain is at version 1, active, with 3 steps.\n"
    assert shell.ok("procedure", "show", "explain", "--yaml").splitlines()[0] == "name: explain"
    shown = shell.ok("procedure", "show", "explain")
    assert "version 1, active" in shell.ok("procedure", "add", "-", given=shown)
    matched = shell.ok("procedure", "match", "please explain recursion", "--embedder", "none")
    assert "the phrase 'explain'" in matched
    assert "Degraded: " in matched
    assert shell.ok("procedure", "match", "good morning", "--embedder", "none").startswith("None applies.")
    rendered = shell.ok("procedure", "render", "explain", "--input", "topic=recursion")
    assert rendered.startswith("1. idea\n   Say in two sentences what recursion is")
    assert "3. limits" in rendered
    told = shell.ok("procedure", "outcome", "explain", "success", "--seconds", "2", "--note", "quick")
    assert told == "explain (version 1) went well 1 of 1 times.\n"
    assert "1 of 1" in shell.ok("procedure", "list")
    assert shell.json("procedure", "list", "--state", "proposed") == []


def test_versions_are_compared_and_rolled_back(shell):
    shell.ok("procedure", "add", "-", given=shell.ok("procedure", "example"))
    shell.ok("procedure", "add", "-", "--version", "1", given=WORSE)
    shell.ok("procedure", "outcome", "explain", "failure")
    compared = shell.ok("procedure", "versions", "explain", "--compare", "1", "2")
    assert "Version 2 went well 0 of 1 times." in compared
    assert "steps[1].prompt" in compared
    assert [one["version"] for one in shell.json("procedure", "versions", "explain")] == [1, 2]
    assert shell.json("procedure", "versions", "explain", "--compare", "1", "1")["differences"] == []
    assert shell.ok("procedure", "versions", "explain", "--compare", "1", "1").endswith("They say the same.\n")
    assert shell.json("procedure", "rollback", "explain", "1")["same_as"] == 1
    assert "again version 1" in shell.ok("procedure", "versions", "explain")
    assert shell.json("procedure", "show", "explain", "--version", "2")["description"] == "Explain it at once."
    assert shell.json("procedure", "remove", "explain") == {"removed": "explain"}
    assert "no procedure yet" in shell.ok("procedure", "list")
    assert shell.ok("procedure", "learn") == "Nothing new went well that often.\n"


def test_what_is_wrong_is_told_in_one_line(shell):
    code, line = shell.error("procedure", "add", "-", given="name: x\ncolour: red\n")
    assert (code, "unknown key 'colour'" in line) == (2, True)
    assert not shell.space.exists()
    (shell.folder / "bomb.yaml").write_text("a: &a [x]\nb: *a\n")
    code, line = shell.error("procedure", "add", str(shell.folder / "bomb.yaml"))
    assert (code, "anchor or alias" in line) == (2, True)
    assert shell.error("procedure", "add", str(shell.folder / "none.yaml"))[0] == 3
    shell.ok("procedure", "add", "-", given=shell.ok("procedure", "example"))
    code, line = shell.error("procedure", "render", "explain")
    assert (code, "needs the input 'topic'" in line) == (2, True)
    assert shell.error("procedure", "render", "explain", "--input", "topic")[0] == 2
    assert shell.error("procedure", "add", "-", "--version", "0", given=WORSE)[0] == 4
    assert shell.error("procedure", "approve", "other")[0] == 3
    assert shell("procedure", "show", "explain", "--yaml", "--json").exit_code == 2
    assert shell.error("procedure", "example", "other")[0] == 3


def test_json_tells_every_field(shell):
    shell.ok("procedure", "add", "-", given=shell.ok("procedure", "example"))
    one = shell.json("procedure", "show", "explain")
    assert set(one) == {field.name.removesuffix("_ms") for field in fields(Procedure)} | {"success"}
    assert set(one["success"]) == {field.name for field in fields(Success)}
    trial = shell.json("procedure", "outcome", "explain", "success")
    assert set(trial) == {field.name.removesuffix("_ms") for field in fields(Trial)}
    found = shell.json("procedure", "match", "explain it", "--embedder", "none")
    assert set(found["matches"][0]) == {field.name for field in fields(ProcedureMatch)}
    rendered = shell.json("procedure", "render", "explain", "--input", "topic=x")
    assert [step["name"] for step in rendered["steps"]] == ["idea", "example", "limits"]
