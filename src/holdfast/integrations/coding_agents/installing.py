"""Putting Holdfast into an agent's settings, and taking it out again.

All files are read and all changes made in memory first, so that a file that cannot be read or changed leaves the
others as they are. What was there is kept in a backup; taking out gives it back byte for byte where nobody else
changed the file since, and otherwise takes out what is ours and nothing else.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from holdfast.errors import AlreadyThere, InvalidField, StoreReadOnly
from holdfast.integrations.coding_agents.agents import SCOPES, Agent, Change, Where, agent_named
from holdfast.integrations.coding_agents.edits import is_empty
from holdfast.integrations.coding_agents.places import Places, places_in, project_root
from holdfast.integrations.coding_agents.problems import read_json, write_json

_FILE_BYTES = 50_000_000
_ASK_S = 10
NEEDS_MCP = "the MCP server needs more: pip install 'holdfast[mcp]'. The hooks work without it."
NOTHING_CHANGED = " Nothing was changed."


@dataclass(frozen=True, slots=True)
class Step:
    """What is done, or would be, with one file.

    Attributes:
        what: ``hooks``, ``MCP server`` or ``plugin``.
        did: ``made``, ``changed``, ``removed``, ``restored``, or ``as it was``.
        backup: Where the file as it was is kept; None where there was none.
    """

    path: Path
    what: str
    did: str
    backup: Path | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What an installation or its removal did.

    Attributes:
        version: Of the agent; None where it was not found, and its newest known format was written.
        left: What is left for the user to do.
        needs: What the MCP server needs and is not installed; None where nothing is missing.
    """

    agent: Agent
    scope: str
    steps: tuple[Step, ...]
    dry_run: bool
    version: str | None = None
    left: str = ""
    needs: str | None = None


@dataclass(frozen=True, slots=True)
class _Planned:
    change: Change
    target: Path
    before: bytes | None
    after: bytes | None
    did: str
    note: dict[str, Any] | None


def install(
    agent_name: str,
    *,
    scope: str = "user",
    environment: Mapping[str, str],
    cwd: Path,
    version: str | None = None,
    any_version: bool = False,
    dry_run: bool = False,
) -> Report:
    """Put hooks and the MCP server into an agent's settings; what is there already stays.

    Args:
        version: Of the agent; asked of it by default.
        any_version: Also where that version is not known to read what is written.

    Raises:
        InvalidField: no such agent or scope, no home folder, a version that does not read this, or a file that is
            broken or cannot be changed safely. Nothing was changed.
        StoreReadOnly: a file may not be written. Nothing was changed.
        AlreadyThere: somebody changed a file meanwhile. Nothing was changed.
    """
    agent = agent_named(agent_name)
    found = version or _asked(agent)
    numbers = _numbers(found)
    if not any_version:
        _check_version(agent, found, numbers)
    where, places = _where(agent, scope, environment, cwd, numbers), places_in(environment)
    notes = read_json(places.state / "installs.json")
    planned = [_put_in(change, where, notes) for change in agent.changes(where)]
    steps = _done(planned, places, notes, dry_run=dry_run)
    needs = None if importlib.util.find_spec("mcp") else NEEDS_MCP
    return Report(agent, scope, steps, dry_run, found, agent.after, needs)


def uninstall(
    agent_name: str, *, scope: str = "user", environment: Mapping[str, str], cwd: Path, dry_run: bool = False
) -> Report:
    """Take out what `install` put in, whatever version of it did; see there for what it raises."""
    agent = agent_named(agent_name)
    where, places = _where(agent, scope, environment, cwd, None), places_in(environment)
    notes = read_json(places.state / "installs.json")
    changes = agent.changes(where)
    if agent.name == "opencode":
        first = agent.changes(replace(where, version=(1,)))[1]
        changes.append(replace(first, what="MCP server of version 1"))
    planned = list[_Planned]()
    for change in changes:
        if any(one.change.path == change.path and one.did != "as it was" for one in planned):
            continue
        planned.append(_taken_out(change, where, notes))
    return Report(agent, scope, _done(planned, places, notes, dry_run=dry_run), dry_run)


def _where(
    agent: Agent, scope: str, environment: Mapping[str, str], cwd: Path, version: tuple[int, ...] | None
) -> Where:
    if scope not in SCOPES:
        raise InvalidField(f"{scope!r:.40} is no scope; expected user or project.{NOTHING_CHANGED}")
    named = environment.get("HOME") or environment.get("USERPROFILE") or os.path.expanduser("~")  # noqa: PTH111
    home = Path(named)
    if scope == "user" and not (home.is_absolute() and home.is_dir()):
        raise InvalidField(
            f"There is no home folder at {named!r:.200} to find the settings of {agent.title} in; set HOME, or install "
            f"for a project with --project.{NOTHING_CHANGED}"
        )
    return Where(scope, home, project_root(cwd), environment, version)


def _asked(agent: Agent) -> str | None:
    """The version that an agent's command tells; None where there is no such command, or it tells none."""
    for program in agent.programs:
        path = shutil.which(program)
        if path is None:
            continue
        try:
            told = subprocess.run(
                [path, "--version"],
                capture_output=True, text=True, timeout=_ASK_S, stdin=subprocess.DEVNULL, check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired):
            return "unknown"
        return told.stdout.strip()[:100] or "unknown"
    return None


def _numbers(version: str | None) -> tuple[int, ...] | None:
    found = re.search(r"\d+(?:\.\d+)+", version or "")
    return tuple(int(part) for part in found[0].split(".")) if found else None


def _check_version(agent: Agent, version: str | None, numbers: tuple[int, ...] | None) -> None:
    if version is None:
        return
    oldest = ".".join(map(str, agent.oldest))
    known = f"Known are versions from {oldest} to {agent.newest}.x."
    if numbers is None:
        raise InvalidField(
            f"{agent.title} says its version is {version!r:.80}, which cannot be read. {known} Say which it is with "
            f"--agent-version, or install all the same with --any-version.{NOTHING_CHANGED}"
        )
    if numbers < agent.oldest or numbers[0] > agent.newest:
        what = "does not read these settings" if numbers < agent.oldest else "is newer than what is known"
        raise InvalidField(
            f"{agent.title} {'.'.join(map(str, numbers))} {what}. {known} Upgrade it or Holdfast, or install all the "
            f"same with --any-version.{NOTHING_CHANGED}"
        )


def _put_in(change: Change, where: Where, notes: Mapping[str, Any]) -> _Planned:
    target, before = _read(change.path, where)
    after = _edited(change, before, put_in=True)
    assert after is not None
    known = _note(notes, target)
    if after == before:
        return _Planned(change, target, before, after, "as it was", known)
    if known is not None and before is not None and known.get("after") == _digest(before):
        backup = known.get("backup")  # what was there before the first installation still is
    elif before is None:
        backup = None
    else:
        plain = _edited(change, before, put_in=False)
        backup = "new"
        before_us = before if plain is None else plain
        note = {"after": _digest(after), "backup": backup, "content": before_us}
        return _Planned(change, target, before, after, "changed", note)
    note = {"after": _digest(after), "backup": backup}
    return _Planned(change, target, before, after, "made" if before is None else "changed", note)


def _taken_out(change: Change, where: Where, notes: Mapping[str, Any]) -> _Planned:
    target, before = _read(change.path, where)
    known = _note(notes, target)
    if before is None:
        return _Planned(change, target, None, None, "as it was", None)
    if known is not None and known.get("after") == _digest(before):
        backup = known.get("backup")
        if backup is None:
            return _Planned(change, target, before, None, "removed", None)
        kept = _bytes_of(Path(str(backup)))
        if kept is not None:
            return _Planned(change, target, before, kept, "restored", None)
    after = _edited(change, before, put_in=False)
    if after == before:
        return _Planned(change, target, before, before, "as it was", None)
    if after is not None and is_empty(after.decode("utf-8", "replace"), change.start) and known is not None:
        after = None if known.get("backup") is None else after
    if after == b"":
        after = None
    return _Planned(change, target, before, after, "removed" if after is None else "changed", None)


def _edited(change: Change, before: bytes | None, *, put_in: bool) -> bytes | None:
    """The content after a change.

    Raises:
        InvalidField: the file is broken, or cannot be changed safely.
    """
    try:
        text = None if before is None else before.decode("utf-8")
        if text is not None and text.startswith("\ufeff") and change.path.suffix == ".toml":
            raise InvalidField("it begins with a byte order mark, which TOML does not know")
        made = change.edit.put_in(text) if put_in or text is None else change.edit.taken_out(text)
        return made.encode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidField(f"{change.path} is not UTF-8 (byte {error.start}).{NOTHING_CHANGED}") from None
    except UnicodeEncodeError:
        raise InvalidField(
            f"{sys.executable!r} holds bytes that are no text, which {change.path} cannot name.{NOTHING_CHANGED}"
        ) from None
    except InvalidField as error:
        raise InvalidField(
            f"{change.path} cannot be changed: {error}. Mend it first; it is as it was.{NOTHING_CHANGED}"
        ) from None


def _read(path: Path, where: Where) -> tuple[Path, bytes | None]:
    """The file behind a path, links followed, and what is in it; None where there is none yet.

    Raises:
        InvalidField: it is no file, too long, or a link that leads out of the project.
        StoreReadOnly: it may not be read.
    """
    try:
        target = path.resolve()
        if where.scope == "project" and not target.is_relative_to(where.root.resolve()):
            raise InvalidField(f"{path} leads out of the project, to {target}.{NOTHING_CHANGED}")
        if path.is_symlink() and not target.exists():
            raise InvalidField(f"{path} is a link to {target}, where there is nothing.{NOTHING_CHANGED}")
        if not target.exists():
            return target, None
        if not target.is_file() or target.stat().st_size > _FILE_BYTES:
            raise InvalidField(f"{target} is no file of settings.{NOTHING_CHANGED}")
        return target, target.read_bytes()
    except (OSError, RuntimeError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise StoreReadOnly(f"{path} cannot be read ({why}).{NOTHING_CHANGED}") from None


def _done(planned: Sequence[_Planned], places: Places, notes: dict[str, Any], *, dry_run: bool) -> tuple[Step, ...]:
    """Write what was planned, all of it or nothing."""
    steps, written = list[Step](), list[_Planned]()
    try:
        for one in planned:
            backup = _backed_up(one, places, dry_run=dry_run)
            steps.append(Step(one.target, one.change.what, one.did, backup))
            if dry_run or one.did == "as it was":
                continue
            if _bytes_of(one.target) != one.before:
                raise AlreadyThere(f"{one.target} was changed by another program meanwhile; try again.")
            written.append(one)
            _write(one.target, one.after)
            if one.note is None:
                notes.pop(str(one.target), None)
            else:
                notes[str(one.target)] = {"after": one.note["after"], "backup": str(backup) if backup else None}
        if not dry_run and written:
            write_json(places.state / "installs.json", notes)
    except (OSError, AlreadyThere) as error:
        for one in reversed(written):
            if _bytes_of(one.target) == one.after:
                _write(one.target, one.before)
        if isinstance(error, AlreadyThere):
            raise
        named = error.filename or planned[len(steps) - 1].target
        raise StoreReadOnly(f"{named} cannot be written ({error.strerror}).{NOTHING_CHANGED}") from None
    return tuple(steps)


def _backed_up(one: _Planned, places: Places, *, dry_run: bool) -> Path | None:
    """Where the file as it was is kept, which is seen to."""
    backup = None if one.note is None else one.note.get("backup")
    if one.note is None or backup is None:
        return None
    if backup != "new":
        return Path(str(backup))
    content: bytes = one.note["content"]
    digest = hashlib.sha256(os.fsencode(one.target) + b"\0" + content).hexdigest()[:16]
    path = places.state / "backups" / f"{digest}-{one.target.name}"
    if not dry_run and not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(path, content, mode=0o600)
    return path


def _write(path: Path, content: bytes | None, mode: int | None = None) -> None:
    """Put content in place of a file, whole or not at all, with the rights it had; None removes it."""
    if content is None:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    known = path.stat() if path.exists() else None
    if mode is None:
        mode = stat.S_IMODE(known.st_mode) if known else 0o600
    if known and not os.access(path, os.W_OK):
        raise PermissionError(13, "Permission denied", str(path))
    if known and known.st_nlink > 1:
        _write_in_place(path, content)
        return
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if known and sys.platform != "win32" and (known.st_uid, known.st_gid) != (os.geteuid(), os.getegid()):
            os.chown(part, known.st_uid, known.st_gid)
        os.chmod(part, mode)  # noqa: PTH101
        Path(part).replace(path)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise


def _write_in_place(path: Path, content: bytes) -> None:
    """Write a file that has other names, which are to stay names of it; its backup is there already."""
    with path.open("r+b") as file:
        file.write(content)
        file.truncate()
        file.flush()
        os.fsync(file.fileno())


def _bytes_of(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _note(notes: Mapping[str, Any], target: Path) -> dict[str, Any] | None:
    found = notes.get(str(target))
    return cast("dict[str, Any]", found) if isinstance(found, dict) else None


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
