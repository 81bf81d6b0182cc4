"""Installing: what is there stays byte for byte, what is broken is not touched, and taking out gives all of it back."""

from __future__ import annotations

import importlib.util
import json
import os
import random
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, cast

import pytest

from holdfast.errors import InvalidField, StoreReadOnly
from holdfast.integrations.coding_agents import installing, jsonc
from holdfast.integrations.coding_agents.agents import AGENTS
from holdfast.integrations.coding_agents.edits import JsonHooks, JsonServer, TomlServer
from holdfast.integrations.coding_agents.installing import Report, install, uninstall
from tests.integrations.coding_agents.scenes import snapshot

MADE = {
    "claude": [".claude.json", ".claude/settings.json"],
    "codex": [".codex/config.toml", ".codex/hooks.json"],
    "cursor": [".cursor/hooks.json", ".cursor/mcp.json"],
    "opencode": [".config/opencode/opencode.json", ".config/opencode/plugins/holdfast.js"],
}
SETTINGS = {
    ".claude/settings.json": '{\n\t"model": "opus",\r\n\t"hooks": {"Stop": [{"hooks": []}]}\n}',
    ".claude.json": '{"numStartups":12,"mcpServers":{"other":{"command":"x"}}}',
    ".codex/config.toml": '# mine\nmodel = "gpt" # best\n\n[mcp_servers.other]\ncommand = "x"\n\n\n[tui]\na = 1',
    ".codex/hooks.json": '{\n  "hooks": {}\n}\n',
    ".cursor/hooks.json": '{\n    "version": 1,\n    "hooks": {\n        "stop": [{"command": "say"}]\n    }\n}\n',
    ".cursor/mcp.json": "{}",
    ".config/opencode/opencode.jsonc": (
        '{\n  // my theme\n  "theme": "x", // dark\n  "mcp": {\n    "servers": {},\n  },\n}\n'
    ),
}


class Home:
    def __init__(self, folder: Path) -> None:
        self.folder = folder / "home"
        self.root = folder / "project"
        self.environment = {"HOME": str(self.folder), "XDG_DATA_HOME": str(folder / "data")}
        self.folder.mkdir()
        (self.root / ".git").mkdir(parents=True)

    def install(self, agent: str, **options: Any) -> Report:
        return install(agent, environment=self.environment, cwd=self.root, **options)

    def uninstall(self, agent: str, **options: Any) -> Report:
        return uninstall(agent, environment=self.environment, cwd=self.root, **options)

    def write(self, settings: dict[str, str]) -> dict[str, bytes]:
        for name, text in settings.items():
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_bytes(text.encode())
        return snapshot(self.folder)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setattr(shutil, "which", lambda _: None)  # no agent of this machine is asked
    return Home(tmp_path)


@pytest.mark.parametrize("agent", AGENTS)
def test_where_nothing_was_two_installations_are_one_and_taking_out_leaves_nothing(home: Home, agent: str):
    before = snapshot(home.folder)
    assert {step.did for step in home.install(agent, dry_run=True).steps} == {"made"}
    assert snapshot(home.folder) == before
    home.install(agent)
    once = snapshot(home.folder)
    assert sorted(once) == sorted(MADE[agent])
    assert {step.did for step in home.install(agent).steps} == {"as it was"}
    assert snapshot(home.folder) == once
    home.uninstall(agent)
    assert snapshot(home.folder) == before


@pytest.mark.parametrize("agent", AGENTS)
def test_settings_that_are_there_stay_and_come_back_byte_for_byte(home: Home, agent: str):
    before = home.write(SETTINGS)
    report = home.install(agent)
    changed = snapshot(home.folder)
    for name, text in SETTINGS.items():
        words = {word.strip("{}[]") for word in text.replace(",", " ").split()}
        assert all(word.encode() in changed[name] for word in words), f"{name} lost something"
    for step in report.steps:
        if step.backup is not None:
            assert step.backup.read_bytes() == before[os.path.relpath(step.path, home.folder)]
    assert sum(step.did == "changed" for step in report.steps) == (1 if agent == "opencode" else 2)
    home.uninstall(agent)
    assert snapshot(home.folder) == before


@pytest.mark.parametrize("agent", AGENTS)
def test_what_the_user_changed_meanwhile_stays_when_holdfast_goes(home: Home, agent: str):
    home.write(SETTINGS)
    home.install(agent)
    touched = 0
    for step in home.install(agent).steps:
        text = step.path.read_text()
        if step.path.suffix == ".toml":
            step.path.write_text("added = 1\n" + text)
        elif step.what != "plugin":
            step.path.write_text(text.replace("{", '{"added": 1,', 1))
        touched += step.what != "plugin"
    home.uninstall(agent)
    for name in SETTINGS:
        after = (home.folder / name).read_text()
        assert "holdfast" not in after.lower()
    assert sum("added" in (home.folder / name).read_text() for name in SETTINGS) == touched


def test_installing_again_after_a_change_of_the_user_keeps_that_change(home: Home):
    home.write(SETTINGS)
    home.install("claude")
    settings = home.folder / ".claude/settings.json"
    mine = settings.read_text().replace('"opus"', '"haiku"').replace("claude stop", "claude stopped")
    settings.write_text(mine)
    assert home.install("claude").steps[0].did == "changed"
    home.uninstall("claude")
    assert json.loads(settings.read_text())["model"] == "haiku"


@pytest.mark.parametrize(
    ("agent", "name", "text"),
    [
        ("claude", ".claude/settings.json", '{"a": 1'),
        ("claude", ".claude/settings.json", "[1]"),
        ("claude", ".claude/settings.json", ""),
        ("claude", ".claude/settings.json", '{"hooks": [1]}'),
        ("claude", ".claude/settings.json", '{"hooks": {"Stop": "x"}}'),
        ("claude", ".claude.json", '{"mcpServers": 7}'),
        ("codex", ".codex/config.toml", "a = \n"),
        ("codex", ".codex/config.toml", 'mcp_servers = {other = {command = "x"}}'),
        ("codex", ".codex/config.toml", 'mcp_servers.holdfast.command = "x"\n'),
        ("codex", ".codex/config.toml", '[mcp_servers.holdfast]\ncommand = "mine"\n'),
        ("claude", ".claude.json", '{"mcpServers": {"holdfast": {"command": "holdfast", "args": ["mcp"]}}}'),
        ("claude", ".claude/settings.json", '{"\\q": 1}'),
        ("codex", ".codex/hooks.json", "not json"),
        ("cursor", ".cursor/mcp.json", '{"mcpServers": {},,}'),
        ("opencode", ".config/opencode/opencode.json", '{"mcp": []}'),
        ("opencode", ".config/opencode/plugins/holdfast.js", "somebody else's"),
    ],
)
def test_a_broken_or_foreign_file_is_named_and_nothing_at_all_is_changed(home: Home, agent: str, name: str, text: str):
    before = home.write({name: text})
    with pytest.raises(InvalidField, match="Nothing was changed") as raised:
        home.install(agent)
    assert str(home.folder / name) in str(raised.value)
    assert snapshot(home.folder) == before


def test_a_file_that_is_not_utf_8_is_not_touched(home: Home):
    file = home.folder / ".claude/settings.json"
    file.parent.mkdir()
    file.write_bytes(b'{"a": "\xff"}')
    with pytest.raises(InvalidField, match="not UTF-8"):
        home.install("claude")
    assert file.read_bytes() == b'{"a": "\xff"}'


@pytest.mark.parametrize(
    ("version", "says"),
    [("0.2.9 (Claude Code)", "does not read"), ("9.0.1", "newer than"), ("nightly", "cannot be read"), ("", None)],
)
def test_a_version_that_is_not_known_is_refused_unless_that_is_wanted(home: Home, version: str, says: str | None):
    if says is not None:
        with pytest.raises(InvalidField, match=says):
            home.install("claude", version=version)
        assert snapshot(home.folder) == {}
    assert home.install("claude", version=version, any_version=True).steps[0].did == "made"


def test_an_unknown_agent_or_a_missing_home_is_said_plainly(home: Home):
    with pytest.raises(InvalidField, match="did you mean claude"):
        home.install("clade")
    home.environment["HOME"] = str(home.folder / "nowhere")
    with pytest.raises(InvalidField, match="There is no home folder"):
        home.install("claude")
    assert home.install("claude", scope="project").steps[0].did == "made"


def test_the_version_is_asked_of_the_agent_itself(home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    program = tmp_path / "opencode"
    program.write_text("#!/bin/sh\necho 1.19.2\n")
    program.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda _: str(program))
    assert home.install("opencode").version == "1.19.2"
    settings = json.loads((home.folder / ".config/opencode/opencode.json").read_text())
    assert settings["mcp"]["holdfast"]["enabled"] is True
    home.uninstall("opencode")
    assert snapshot(home.folder) == {}


def test_rights_and_links_stay(home: Home):
    home.write(SETTINGS)
    settings, real = home.folder / ".claude/settings.json", home.folder / "dotfiles.json"
    settings.rename(real)
    real.chmod(0o640)
    settings.symlink_to(real)
    home.install("claude")
    assert settings.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    assert b"hook.py" in real.read_bytes()
    settings.unlink()
    settings.symlink_to(home.folder / "gone.json")
    with pytest.raises(InvalidField, match="where there is nothing"):
        home.install("claude")


def test_a_link_that_leads_out_of_a_project_is_not_followed(home: Home):
    outside = home.folder / "outside.json"
    outside.write_text("{}")
    (home.root / ".mcp.json").symlink_to(outside)
    with pytest.raises(InvalidField, match="leads out of the project"):
        home.install("claude", scope="project")
    assert (outside.read_text(), sorted(snapshot(home.root))) == ("{}", [".mcp.json"])


def test_where_one_file_cannot_be_written_the_others_are_as_they_were(home: Home):
    before = home.write(SETTINGS | {".codex/hooks.json": '{"mine": 1}'})
    (home.folder / ".cursor").rename(home.folder / "cursor")
    (home.folder / ".cursor").write_text("a file where a folder should be")
    with pytest.raises(StoreReadOnly, match="Nothing was changed"):
        home.install("cursor")
    real, count = installing._write, iter(range(100))

    def failing(path: Path, content: bytes | None, mode: int | None = None) -> None:
        if path.name == "config.toml" and next(count) == 0:
            raise PermissionError(13, "Permission denied", str(path))
        real(path, content, mode)

    installing._write = failing  # pyright: ignore[reportPrivateUsage]
    try:
        with pytest.raises(StoreReadOnly, match="Permission denied"):
            home.install("codex")
    finally:
        installing._write = real  # pyright: ignore[reportPrivateUsage]
    after = snapshot(home.folder)
    assert after[".codex/hooks.json"] == before[".codex/hooks.json"]
    assert after[".codex/config.toml"] == before[".codex/config.toml"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_file_without_the_right_to_write_is_not_replaced(home: Home):
    before = home.write(SETTINGS)
    (home.folder / ".claude/settings.json").chmod(0o400)
    with pytest.raises(StoreReadOnly, match="Permission denied"):
        home.install("claude")
    assert snapshot(home.folder) == before


def test_the_command_that_is_installed_ends_with_0_even_where_holdfast_is_gone(home: Home):
    home.install("claude")
    settings = json.loads((home.folder / ".claude/settings.json").read_text())
    command = settings["hooks"]["UserPromptSubmit"][0]["hooks"][0]["command"]
    assert shlex.split(command)[0] == sys.executable
    gone = command.replace("hook.py", "gone.py")
    for one in (command, gone):
        done = subprocess.run(
            ["/bin/sh", "-c", one], input=b"{}", capture_output=True, timeout=30, check=False,
            env=home.environment | {"PATH": "/usr/bin:/bin", "HOLDFAST_HOOKS": "off"},
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (0, b"")


HOOKS = JsonHooks(
    {"Stop": {"hooks": [{"type": "command", "command": "x holdfast-hook"}]}, "New": {"command": "holdfast-hook"}}, {}
)
SERVER = JsonServer(("mcp", "servers"), {"command": "x"}, {})
TOML = TomlServer("/a b/python", ["-m", 'quo"te\\'])


@pytest.mark.parametrize("edit", [HOOKS, SERVER])
@pytest.mark.parametrize(
    "text",
    [
        "{}", "{}\n", "{ }", '{"a":1}', '{"a": [1, 2], "b": {}}\n', '{\n  "a": 1\n}\n',
        '{\n\t"a": {\n\t\t"b": 1\n\t}\n}',
        '{\r\n  "a": "ä ✓ \\u00e4 // no comment"\r\n}\r\n', '\ufeff{\n  "a": 1\n}\n', '{"mcp":{"servers":{"o":{}}}}',
        '{\n  "hooks": {\n    "Stop": [\n      {"command": "mine"}\n    ],\n    "Z": []\n  }\n}\n',
        '// top\n{\n  "a": 1, // one\n  /* two */\n  "hooks": {"Stop": [{"x": 1}]} // three\n}\n// end\n',
        '{\n  "a": 1,\n}\n', '{\n  "a": [\n    1,\n  ],\n}\n',
    ],
)  # fmt: skip
def test_json_with_comments_is_changed_in_place_and_changed_back(text: str, edit: JsonHooks | JsonServer):
    made = edit.put_in(text)
    assert made != text
    assert edit.put_in(made) == made
    for comment in ("// top", "// one", "/* two */", "// three", "// end"):
        assert (comment in made) is (comment in text)
    assert edit.taken_out(made).replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize(
    "text",
    [
        "", "a = 1\n", "# c\n[x]\ny = 1 # k\n", '[mcp_servers.other]\ncommand = "x"\n',
        "a = '''\n[mcp_servers.holdfast]\n'''\n",
        "[x]\r\ny = 1\r\n", "[[points]]\nx = 1\n\n\n",
    ],
)  # fmt: skip
def test_toml_keeps_comments_and_order_and_is_changed_back(text: str):
    made = TOML.put_in(text)
    assert made.startswith(text)
    assert tomllib.loads(made)["mcp_servers"]["holdfast"] == {"command": "/a b/python", "args": ["-m", 'quo"te\\']}
    assert TOML.put_in(made) == made
    assert TOML.taken_out(made) == text


def test_a_server_of_an_earlier_installation_is_replaced_with_all_that_is_below_it():
    command = '"old holdfast.integrations.coding_agents.serving"'
    ours = f'[mcp_servers.holdfast]\ncommand = {command}\n\n[mcp_servers.holdfast.env]\nA = "1"\n'
    text = f"a = 1\n\n{ours}\n# next\n[z]\nq = 1\n"
    made = TOML.put_in(text)
    assert tomllib.loads(made)["mcp_servers"]["holdfast"]["command"] == "/a b/python"
    assert "env" not in tomllib.loads(made)["mcp_servers"]["holdfast"]
    assert "# next\n[z]\nq = 1\n" in made


def test_a_server_that_somebody_put_there_by_hand_stays_when_holdfast_goes(home: Home):
    mine = {".codex/config.toml": '[mcp_servers.holdfast]\ncommand = "mine"\n', ".cursor/mcp.json": "{}"}
    mine[".claude.json"] = '{"mcpServers": {"holdfast": {"command": "holdfast", "args": ["mcp"]}}}'
    before = home.write(mine)
    for agent in ("codex", "claude"):
        assert {step.did for step in home.uninstall(agent).steps} == {"as it was"}
    assert snapshot(home.folder) == before


def test_another_name_of_the_same_file_stays_one(home: Home):
    before = home.write(SETTINGS)
    other = home.folder / "dotfiles.json"
    other.hardlink_to(home.folder / ".claude/settings.json")
    home.install("claude")
    assert b"hook.py" in other.read_bytes()
    home.uninstall("claude")
    assert other.samefile(home.folder / ".claude/settings.json")
    assert other.read_bytes() == before[".claude/settings.json"]


def test_what_the_mcp_server_needs_is_told_where_it_is_missing(home: Home, monkeypatch: pytest.MonkeyPatch):
    assert home.install("cursor").needs is None
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert "pip install 'holdfast[mcp]'" in (home.install("cursor", dry_run=True).needs or "")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        # A comment behind the part before ours, and somebody's part behind ours.
        ('{"a": 1, // mine\n"Stop": OURS, "b": 2}', '{"a": 1, // mine\n"b": 2}'),
        ('{"a": 1, // mine\n"Stop": OURS}', '{"a": 1 // mine\n}'),
        ('{"a": 1, // mine\n"Stop": OURS,}', '{"a": 1 // mine\n,}'),
        ('{/* mine */ "Stop": OURS}', "{/* mine */ }"),
    ],
)
def test_comments_of_the_user_outlive_what_stood_beside_them(before: str, after: str):
    ours = '[{"command": "holdfast-hook"}]'
    text = f'{{"x": 1, "hooks": {before}}}'.replace("OURS", ours)
    assert HOOKS.taken_out(text) == f'{{"x": 1, "hooks": {after}}}'


@pytest.mark.parametrize("edit", [HOOKS, SERVER])
def test_json_of_any_shape_is_changed_and_changed_back_or_refused(edit: JsonHooks | JsonServer):
    for seed in range(60):
        text = shaped(random.Random(seed))
        made = edit.put_in(text)
        back = edit.taken_out(made)
        for comment in ("// c,{", "/* d\n */"):
            assert made.count(comment) == text.count(comment) == back.count(comment), f"seed {seed}: {text!r}"
        assert without_empty(jsonc.parsed(back).data) == without_empty(jsonc.parsed(text).data), (
            f"seed {seed}: {text!r}"
        )


def shaped(chance: random.Random, depth: int = 0) -> str:
    """An object with comments, spare commas, and members of the names that are changed."""

    def space() -> str:
        return chance.choice(["", " ", "\n  ", "\t", "\r\n", " // c,{\n", "/* d\n */"])

    parts = list[str]()
    for name in chance.sample(["a", "b", "hooks", "Stop", "mcp", "servers"], chance.randrange(5)):
        value = shaped(chance, depth + 1) if name in ("hooks", "mcp", "servers") and depth < 3 else '["// no", {}]'
        value = "{}" if name in ("hooks", "mcp", "servers") and depth == 3 else value
        parts.append(f'{space()}"{name}"{space()}:{space()}{value}{space()}')
    spare = "," + space() if parts and chance.random() < 0.3 else ""
    return "{" + space() + ",".join(parts) + spare + "}"


def without_empty(value: Any) -> Any:
    """A value without members that are empty objects: one that was there for us goes with us."""
    if not isinstance(value, dict):
        return value
    made = {key: without_empty(one) for key, one in cast("dict[str, Any]", value).items()}
    return {key: one for key, one in made.items() if one != {}}
