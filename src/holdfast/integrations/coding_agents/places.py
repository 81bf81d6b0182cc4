"""Where things are: the project a folder belongs to, its space and the user's, and what the hooks note beside them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from holdfast.errors import InvalidField
from holdfast.integrations.coding_agents.hook import hooks_folder

USER = "user.db"
_NAME_CHARS = 40
_GITDIR_BYTES = 4_096


@dataclass(frozen=True, slots=True)
class Project:
    """A project and its space.

    Attributes:
        root: The top level of its repository, or the folder itself.
        space: The file of its space, whether it is there or not.
    """

    root: Path
    space: Path

    @property
    def name(self) -> str:
        return self.root.name or "root"


@dataclass(frozen=True, slots=True)
class Places:
    """The folder with the spaces of coding agents.

    Attributes:
        folder: ``projects/`` with a space for each project, ``user.db``, and ``state/`` with what the hooks note.
    """

    folder: Path

    @property
    def user_space(self) -> Path:
        """The space of what holds for this user in every project."""
        return self.folder / USER

    @property
    def state(self) -> Path:
        """Reasons for failures, offsets in transcripts, what was installed; nothing that was said."""
        return self.folder / "state"

    def project(self, cwd: Path) -> Project:
        """The project that a folder belongs to.

        The worktrees of a repository are one project; what is outside of any repository is one by its folder.
        """
        root = project_root(cwd)
        name = re.sub(r"[^a-z0-9]+", "-", root.name.lower()).strip("-")[:_NAME_CHARS] or "project"
        digest = hashlib.sha256(str(root).encode("utf-8", "surrogateescape")).hexdigest()[:10]
        return Project(root, self.folder / "projects" / f"{name}-{digest}.db")


def places_in(environment: Mapping[str, str]) -> Places:
    """The folder that an environment names.

    Raises:
        InvalidField: there is no home folder and none was named.
    """
    folder = hooks_folder(dict(environment))
    if folder is None:
        raise InvalidField("There is no home folder to keep spaces in; name a folder with HOLDFAST_HOOKS_FOLDER.")
    return Places(Path(folder))


def project_root(cwd: Path) -> Path:
    """The top level of the repository around a folder, the main one of a worktree; the folder itself outside of any."""
    folder = cwd.resolve()
    for candidate in (folder, *folder.parents):
        marker = candidate / ".git"
        try:
            if marker.is_dir():
                return candidate
            if marker.is_file():
                return _main_of(marker) or candidate
        except OSError:
            continue
    return folder


def _main_of(marker: Path) -> Path | None:
    """The repository that a worktree belongs to; None for a submodule, which is a project of its own."""
    with marker.open("rb") as file:
        text = file.read(_GITDIR_BYTES).decode("utf-8", "replace").strip()
    gitdir = Path(text.removeprefix("gitdir:").strip())
    gitdir = gitdir if gitdir.is_absolute() else marker.parent / gitdir
    if gitdir.parent.name != "worktrees" or gitdir.parent.parent.name != ".git":
        return None
    main = gitdir.parent.parent.parent.resolve()
    return main if (main / ".git").is_dir() else None
