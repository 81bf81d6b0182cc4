"""The MCP server of a coding agent: `holdfast mcp` on the space of the project it is started in."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from holdfast.integrations.coding_agents.places import places_in

_FOLDERS = ("CLAUDE_PROJECT_DIR", "CURSOR_PROJECT_DIR", "WORKSPACE_FOLDER_PATHS")
"""Variables in which agents name the project."""


def space_here(environment: Mapping[str, str], cwd: Path) -> Path:
    """The file of the project's space.

    Raises:
        InvalidField: there is no home folder.
    """
    named = (environment.get(name, "").split(os.pathsep)[0] for name in _FOLDERS)
    folder = next((Path(one) for one in named if one and Path(one).is_dir()), cwd)
    return places_in(environment).project(folder).space


def main() -> None:
    """Become the server."""
    space = space_here(os.environ, Path.cwd())
    space.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    command = ["-P", "-m", "holdfast.surfaces.cli.main", "mcp", "--db", str(space), *sys.argv[1:]]
    if sys.platform == "win32":
        # There exec would leave the agent with a process that has ended.
        import subprocess

        sys.exit(subprocess.call([sys.executable, *command]))
    os.execv(sys.executable, [sys.executable, *command])


if __name__ == "__main__":
    main()
