"""Taking in the transcripts that were there before Holdfast: each into the space of its project.

Every transcript is read as the hooks read it, from where it was left: whoever stops this, or does it again, loses and
doubles nothing, and the hooks go on from there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from holdfast.errors import EmbedderError, HoldfastError, InvalidField, StoreError
from holdfast.integrations.coding_agents.capturing import Captured, capture_transcript
from holdfast.integrations.coding_agents.opening import open_space, settings_for
from holdfast.integrations.coding_agents.payloads import FORMATS
from holdfast.integrations.coding_agents.places import Places, Project, places_in

if TYPE_CHECKING:
    from holdfast.memory import Memory

_HEAD_LINES = 200
_HEAD_BYTES = 4_000_000
_FOLDERS = {
    "claude": (".claude", "CLAUDE_CONFIG_DIR", ("projects",)),
    "codex": (".codex", "CODEX_HOME", ("sessions", "archived_sessions")),
}


@dataclass(slots=True)
class OfProject:
    """What came of the transcripts of one project."""

    project: Project
    transcripts: int = 0
    captured: Captured = field(default_factory=Captured)


@dataclass(slots=True)
class Backfill:
    """What a backfill did, or with ``dry_run`` what it would do.

    Attributes:
        left: Transcripts that were not taken, and why, in words.
    """

    dry_run: bool
    projects: list[OfProject] = field(default_factory=list[OfProject])
    left: list[str] = field(default_factory=list[str])


def backfill(
    agent: str,
    *,
    environment: Mapping[str, str],
    folder: Path | None = None,
    dry_run: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Backfill:
    """Take in every transcript of an agent.

    Args:
        folder: Where the transcripts are, where that is not the agent's own folder.
        progress: Called with bytes done and bytes in all.

    Raises:
        InvalidField: no such agent, or no folder of transcripts.
        StoreError: a space cannot be written; what was taken in until then is kept.
    """
    if agent not in FORMATS:
        raise InvalidField(f"{agent!r:.60} keeps no transcripts that can be read; expected {' or '.join(FORMATS)}.")
    places, report = places_in(environment), Backfill(dry_run)
    files = sorted({path for root in _roots(agent, environment, folder) for path in root.rglob("*.jsonl")})
    sizes = {path: _size(path) for path in files}
    done, total = 0, sum(sizes.values())
    for project, some in _by_project(files, places, report).items():
        of = OfProject(project)
        report.projects.append(of)
        with ExitStack() as stack:
            opened = _Opening(stack, places, environment, project, dry_run=dry_run)
            for path in some:
                _take(path, agent, opened, places, of, report, dry_run=dry_run)
                done += sizes[path]
                if progress is not None:
                    progress(done, total)
            opened.settle(report)
    return report


class _Opening:
    """Opens the project's space, and the user's when something is for it."""

    def __init__(
        self, stack: ExitStack, places: Places, environment: Mapping[str, str], project: Project, *, dry_run: bool
    ) -> None:
        self._stack = stack
        self._settings = settings_for(environment, project.root, places.folder)
        self._dry_run = dry_run
        self._known: dict[Path, Memory] = {}
        self._user_space = places.user_space
        self._space = project.space

    def project(self) -> Memory:
        """The project's space; in a dry run one in memory where there is none."""
        return self._open(self._space)

    def user(self) -> Memory:
        """The user's space."""
        return self._open(self._user_space)

    def settle(self, report: Backfill) -> None:
        """Make the vectors; a model that fails does no harm."""
        for memory in () if self._dry_run else self._known.values():
            try:
                memory.settle()
            except EmbedderError as error:
                report.left.append(f"vectors, which follow later: {error}")

    def _open(self, path: Path) -> Memory:
        if path not in self._known:
            from holdfast.memory import Memory

            if self._dry_run and not path.exists():
                memory = Memory.open(":memory:", embedder=None, policy=self._settings.policy)
            else:
                memory = open_space(path, self._settings, create=not self._dry_run)
            self._known[path] = self._stack.enter_context(memory)
        return self._known[path]


def _take(
    path: Path, agent: str, opened: _Opening, places: Places, of: OfProject, report: Backfill, *, dry_run: bool
) -> None:
    try:
        captured = capture_transcript(
            opened.project(), path, format=FORMATS[agent], state=places.state, user=opened.user, dry_run=dry_run
        )
    except StoreError:
        raise
    except (HoldfastError, OSError) as error:
        report.left.append(f"{path}: {error}")
        return
    of.transcripts += 1
    of.captured.add(captured)


def _roots(agent: str, environment: Mapping[str, str], folder: Path | None) -> list[Path]:
    if folder is not None:
        if not folder.is_dir():
            raise InvalidField(f"{folder} is no folder with transcripts. Nothing was written.")
        return [folder]
    name, variable, below = _FOLDERS[agent]
    named = environment.get(variable) or str(Path(environment.get("HOME", ""), name))
    roots = [Path(named) / one for one in below if (Path(named) / one).is_dir()]
    if not roots:
        raise InvalidField(f"There are no transcripts in {Path(named) / below[0]}; name their folder with --from.")
    return roots


def _by_project(files: list[Path], places: Places, report: Backfill) -> dict[Project, list[Path]]:
    found = dict[Project, list[Path]]()
    for path in files:
        try:
            cwd = next(_folders_in(path), None)
        except OSError as error:
            report.left.append(f"{path}: it cannot be read ({error.strerror})")
            continue
        if cwd is None:
            report.left.append(f"{path}: it names no project")
            continue
        try:
            project = places.project(Path(cwd))
        except (OSError, ValueError, RuntimeError) as error:
            report.left.append(f"{path}: the folder it names cannot be one ({error})")
            continue
        found.setdefault(project, []).append(path)
    return found


def _folders_in(path: Path) -> Iterator[str]:
    """The folders that the first lines of a transcript name."""
    left = _HEAD_BYTES
    with path.open("rb") as file:
        for _ in range(_HEAD_LINES):
            line = file.readline(left)
            left -= len(line)
            if not line.endswith(b"\n") or left <= 0:
                return
            try:
                record: Any = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if not isinstance(record, dict):
                continue
            told = cast("dict[str, Any]", record)
            payload = told.get("payload")
            for holder in (told, cast("dict[str, Any]", payload) if isinstance(payload, dict) else {}):
                cwd = holder.get("cwd")
                if isinstance(cwd, str) and Path(cwd).is_absolute():
                    yield cwd


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
