"""The coding agents that Holdfast knows: their files, what is put into them, and which versions read that.

What stands here was read from the agents' documentation and sources, see `docs/how-to/use-with-coding-agents.md`.
"""

from __future__ import annotations

import difflib
import os
import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from holdfast.errors import InvalidField
from holdfast.integrations.coding_agents.edits import Edit, JsonHooks, JsonServer, TomlServer, WholeFile

SCOPES = ("user", "project")
TIMEOUT_S = 5
"""After so long an agent ends a hook itself; the hook ends long before."""
PLUGIN = "holdfast.js"
PLUGIN_MARK = "// Holdfast for OpenCode."
_CLAUDE = {
    "SessionStart": "session-start", "UserPromptSubmit": "prompt", "Stop": "stop", "PreCompact": "pre-compact",
    "SessionEnd": "session-end",
}  # fmt: skip
_CODEX = {"SessionStart": "session-start", "UserPromptSubmit": "prompt", "Stop": "stop", "PreCompact": "pre-compact"}
_CURSOR = {
    "sessionStart": "session-start", "beforeSubmitPrompt": "prompt", "afterAgentResponse": "said",
    "preCompact": "pre-compact",
}  # fmt: skip
_OPENCODE_SCHEMA = {"$schema": "https://opencode.ai/config.json"}


@dataclass(frozen=True, slots=True)
class Change:
    """One file and what is to be put into it.

    Attributes:
        what: In words.
        start: What a new file holds beside it.
    """

    path: Path
    edit: Edit
    what: str
    start: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Where:
    """For whom to install.

    Attributes:
        scope: ``user`` or ``project``.
        home: The user's home folder.
        root: The project's, for its scope.
        version: Of the agent, as far as known.
    """

    scope: str
    home: Path
    root: Path
    environment: Mapping[str, str]
    version: tuple[int, ...] | None = None

    def folder(self, name: str, variable: str | None = None) -> Path:
        """The agent's folder of settings."""
        if self.scope == "project":
            return self.root / name
        named = self.environment.get(variable, "") if variable else ""
        return Path(named) if Path(named).is_absolute() else self.home / name


@dataclass(frozen=True, slots=True)
class Agent:
    """A coding agent.

    Attributes:
        title: What it is called.
        programs: Its commands, to ask for its version.
        oldest: The first version that reads what is written here.
        newest: The last major version that is known to.
        after: What is left for the user to do.
    """

    name: str
    title: str
    programs: tuple[str, ...]
    oldest: tuple[int, ...]
    newest: int
    changes: Callable[[Where], list[Change]]
    after: str


def agent_named(name: str) -> Agent:
    """The agent of a name.

    Raises:
        InvalidField: there is none.
    """
    found = AGENTS.get(name)
    if found is None:
        near = difflib.get_close_matches(name[:40], list(AGENTS), n=1)
        hint = f"; did you mean {near[0]}?" if near else "."
        raise InvalidField(f"{name!r:.60} is no agent that is known: {', '.join(AGENTS)}{hint}")
    return found


def hook_command(agent: str, event: str) -> str:
    """The command of a hook: the interpreter of this installation, without what it would load by itself.

    It ends with 0 even where the installation is gone: an interpreter that finds no file ends with 2, which agents
    take for an order to stop.
    """
    file = str(Path(__file__).with_name("hook.py"))
    if sys.platform == "win32":
        return f'"{sys.executable}" "{file}" {agent} {event}'
    return f"{shlex.join([sys.executable, '-I', '-S', file, agent, event])} || true"


def server_command() -> list[str]:
    """The command of the MCP server, which finds the project by the folder it is started in."""
    return [sys.executable, "-P", "-m", "holdfast.integrations.coding_agents.serving"]


def _nested(agent: str, events: Mapping[str, str]) -> dict[str, dict[str, object]]:
    """Entries as Claude Code and Codex take them."""
    return {
        named: {"hooks": [{"type": "command", "command": hook_command(agent, event), "timeout": TIMEOUT_S}]}
        for named, event in events.items()
    }


def _server(path: tuple[str, ...], entry: Mapping[str, object], start: Mapping[str, object] | None = None) -> Edit:
    return JsonServer(path, entry, start or {})


def _stdio() -> dict[str, object]:
    command, *arguments = server_command()
    return {"type": "stdio", "command": command, "args": arguments, "env": {}}


def _claude(where: Where) -> list[Change]:
    folder = where.folder(".claude", "CLAUDE_CONFIG_DIR")
    if where.scope == "project":
        # The local file is not shared with others: the command names an interpreter of this machine.
        hooks, servers = folder / "settings.local.json", where.root / ".mcp.json"
    else:
        named = Path(where.environment.get("CLAUDE_CONFIG_DIR", ""))
        hooks = folder / "settings.json"
        servers = (named if named.is_absolute() else where.home) / ".claude.json"
    return [
        Change(hooks, JsonHooks(_nested("claude", _CLAUDE), {}), "hooks", {}),
        Change(servers, _server(("mcpServers",), _stdio()), "MCP server", {}),
    ]


def _codex(where: Where) -> list[Change]:
    folder, command = where.folder(".codex", "CODEX_HOME"), server_command()
    return [
        Change(folder / "hooks.json", JsonHooks(_nested("codex", _CODEX), {}), "hooks", {}),
        Change(folder / "config.toml", TomlServer(command[0], command[1:]), "MCP server", {}),
    ]


def _cursor(where: Where) -> list[Change]:
    folder, start = where.folder(".cursor"), {"version": 1}
    entries = {named: {"command": hook_command("cursor", event)} for named, event in _CURSOR.items()}
    entry = {name: value for name, value in _stdio().items() if name != "type"}
    return [
        Change(folder / "hooks.json", JsonHooks(entries, start), "hooks", start),
        Change(folder / "mcp.json", _server(("mcpServers",), entry), "MCP server", {}),
    ]


def _opencode(where: Where) -> list[Change]:
    base = where.environment.get("XDG_CONFIG_HOME", "")
    if where.scope == "project":
        folder, plugins = where.root, where.root / ".opencode" / "plugins"
    else:
        folder = (Path(base) if Path(base).is_absolute() else where.home / ".config") / "opencode"
        plugins = folder / "plugins"
    spare = folder / "opencode.jsonc"
    settings = spare if spare.exists() else folder / "opencode.json"
    entry: dict[str, object] = {"type": "local", "command": server_command()}
    is_second = where.version is None or where.version[0] >= 2
    path = ("mcp", "servers") if is_second else ("mcp",)
    if not is_second:
        entry["enabled"] = True
    content = Path(__file__).with_name("opencode_plugin.js").read_text("utf-8")
    command = "[" + ", ".join(_js(one) for one in _plugin_command()) + "]"
    return [
        Change(
            plugins / PLUGIN, WholeFile(content.replace('["holdfast-hook"]', command), PLUGIN_MARK), "plugin", {}
        ),
        Change(settings, _server(path, entry, _OPENCODE_SCHEMA), "MCP server", _OPENCODE_SCHEMA),
    ]  # fmt: skip


def _plugin_command() -> list[str]:
    return [sys.executable, "-I", "-S", os.fspath(Path(__file__).with_name("hook.py")), "opencode"]


def _js(text: str) -> str:
    import json

    return json.dumps(text)


AGENTS: Mapping[str, Agent] = {
    agent.name: agent
    for agent in (
        Agent(
            "claude", "Claude Code", ("claude",), (1, 0, 85), 2, _claude,
            "Start a new session; /hooks and /mcp show what is in force.",
        ),
        Agent(
            "codex", "Codex", ("codex",), (0, 130), 0, _codex,
            "Start codex and look at /hooks: it runs new or changed hooks only after you trusted them there.",
        ),
        Agent(
            "cursor", "Cursor", ("cursor-agent", "cursor"), (2, 4), 3, _cursor,
            "Open a new chat; the tab Hooks in the settings shows every run.",
        ),
        Agent(
            "opencode", "OpenCode", ("opencode",), (1, 18, 29), 2, _opencode,
            "Start opencode again: plugins are loaded at its start.",
        ),
    )
}  # fmt: skip
"""By name."""
