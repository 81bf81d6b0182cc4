"""What the pages to start from tell to type is what the commands take."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from holdfast.surfaces.cli.main import cli

PAGES = Path(__file__).resolve().parents[2] / "docs" / "start"
AGENTS = {"claude-code": "claude", "codex": "codex", "cursor": "cursor", "opencode": "opencode"}
_TYPED = re.compile(r"^holdfast (.+)$", re.MULTILINE)


def typed(page: str) -> list[list[str]]:
    return [line.split() for line in _TYPED.findall((PAGES / f"{page}.md").read_text("utf-8"))]


@pytest.mark.parametrize("page", AGENTS)
def test_a_page_of_an_agent_names_commands_and_options_that_there_are(page: str, tmp_path: Path, monkeypatch):
    for variable in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "CODEX_HOME", "CLAUDE_CONFIG_DIR"):
        monkeypatch.setenv(variable, str(tmp_path))
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    commands = typed(page)
    assert ["install", AGENTS[page], "--dry-run"] in commands
    assert ["uninstall", AGENTS[page]] in commands
    for arguments in commands:
        shown = CliRunner().invoke(cli, [*arguments, "--help"])
        assert shown.exit_code == 0, shown.output
    done = CliRunner().invoke(cli, ["install", AGENTS[page], "--dry-run", "--any-version"])
    assert done.exit_code == 0, done.output
    assert "Nothing was written" in done.output
    assert sorted(tmp_path.rglob("*")) == before
