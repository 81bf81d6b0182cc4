"""`holdfast doctor`: is everything here that Holdfast needs, and if not, what to do."""

from __future__ import annotations

import os
import platform
import shutil
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from holdfast.errors import InvalidField
from holdfast.surfaces.cli import failure
from holdfast.surfaces.cli.options import end, must_be_a_file, reading, settings_of, show_json, space_options

if TYPE_CHECKING:
    from holdfast.config import Settings
    from holdfast.surfaces.wire import Json

State = Literal["good", "warn", "bad"]

SPACE_LEFT_BYTES = 200_000_000
OLDEST_SQLITE = (3, 51, 3)
"""Before it a write-ahead log that is reset at the wrong moment can damage the file."""
_NETWORK = frozenset(
    ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "fuse.sshfs", "fuse.rclone",
     "fuse.glusterfs", "fuse.s3fs", "davfs", "fuse.davfs2", "ncpfs", "beegfs")
)  # fmt: skip
_SYNCED = ("dropbox", "onedrive", "google drive", "icloud", "mobile documents", "nextcloud")


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the checklist; ``do`` says what to do where it is not good."""

    name: str
    state: State
    detail: str
    do: str | None = None


@click.command("doctor", short_help="Check what Holdfast needs here.")
@space_options
def doctor_command(db: str | None, embedder: str | None, as_: str | None, as_json: bool) -> None:
    """Check what Holdfast needs: Python, SQLite, the model, the space, the disk, the settings."""
    from holdfast.surfaces.cli.screen import one_line, screen

    try:
        settings, broken = settings_of(db, embedder, as_), None
    except InvalidField as error:
        # Without the files, what is left to be wrong is what was said here, which is wrong usage.
        settings, broken = settings_of(db, embedder, as_, files=False), str(error)
    findings = list(examine(settings, broken))
    worst = any(finding.state == "bad" for finding in findings)
    if as_json:
        rows: list[Json] = [
            {"name": one.name, "state": _WORDS[one.state], "detail": one.detail, "do": one.do} for one in findings
        ]
        show_json({"healthy": not worst, "findings": rows})
    else:
        show = screen()
        width = max(len(finding.name) for finding in findings)
        for one in findings:
            show.row([(show.sign_width, show.sign(one.state)), (width, (one.name, "bold"))], one_line(one.detail))
            if one.do:
                show.row([(show.sign_width, ""), (width, "")], ("do: ", "yellow"), one.do)
    if worst:
        end(failure.PROBLEMS)


_WORDS = {"good": "ok", "warn": "warning", "bad": "failed"}


def examine(settings: Settings, broken: str | None = None) -> Iterator[Finding]:
    """Everything there is to say, in order; the space is only read. ``broken`` is what is wrong with the files."""
    yield _python()
    yield _sqlite()
    yield from _configuration(settings, broken)
    yield from _model(settings)
    yield from _place(settings.db)
    yield from _left(settings.db.parent)
    yield from _space(settings)


def _python() -> Finding:
    told = f"{platform.python_implementation()} {platform.python_version()} on {platform.system()} {platform.machine()}"
    return Finding("python", "good", told)


def _sqlite() -> Finding:
    try:
        import apsw
    except ImportError as error:
        return Finding(
            "sqlite", "bad", f"apsw cannot be imported ({error})", "Install Holdfast again: pip install holdfast"
        )
    version = apsw.sqlite_lib_version()
    told = f"SQLite {version} through apsw {apsw.apsw_version()}"
    if tuple(int(part) for part in version.split(".")) < OLDEST_SQLITE:
        return Finding("sqlite", "bad", told, "Upgrade apsw: pip install --upgrade apsw")
    if "ENABLE_FTS5" not in apsw.compile_options:
        return Finding("sqlite", "bad", f"{told}, without FTS5", "Install the apsw of the package index, which has it.")
    return Finding("sqlite", "good", told)


def _configuration(settings: Settings, broken: str | None) -> Iterator[Finding]:
    values = {"db": str(settings.db), "embedder": settings.embedder, "principal": settings.principal}
    told = "; ".join(f"{key} = {value} ({settings.told_by[key]})" for key, value in values.items())
    if broken:
        do = "Mend or remove that file: until then every other command refuses to start."
        yield Finding("settings", "bad", f"{broken} Without configuration files: {told}", do)
        return
    read = ", ".join(map(str, settings.files)) or "no configuration file"
    yield Finding("settings", "good", f"{read}; {told}")


def _model(settings: Settings) -> Iterator[Finding]:
    """Whether the model is found, and whether it really embeds."""
    from holdfast.errors import HoldfastError, NoEmbedder

    try:
        from holdfast.adapters.embed.resolve import find_embedder

        found = find_embedder(None if settings.embedder == "auto" else settings.embedder)
        start = time.perf_counter()
        vector = found.embed_query("Is the model well?")
        took_ms = (time.perf_counter() - start) * 1000
    except NoEmbedder as error:
        if settings.embedder.lower() == "none":
            yield Finding("model", "warn", "switched off: recall is by words only")
        elif settings.embedder == "auto":
            yield Finding("model", "warn", str(error), "pip install holdfast-minilm, or name one with --embedder")
        else:
            yield Finding("model", "bad", str(error), "Name another with --embedder, or none for recall by words only.")
        return
    except HoldfastError as error:
        yield Finding(
            "model", "bad", str(error), "Mend or replace it, or use --embedder none for recall by words only."
        )
        return
    except (ImportError, OSError) as error:
        yield Finding(
            "model", "bad", f"{type(error).__name__}: {error}", "Install Holdfast again: pip install holdfast"
        )
        return
    yield Finding(
        "model", "good", f"{found.fingerprint}, {len(vector)} dimensions, loaded and asked in {took_ms:.0f} ms"
    )


def _place(db: Path) -> Iterator[Finding]:
    """The folder and the disk the space is on."""
    folder = db.parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        yield Finding(
            "folder",
            "bad",
            f"{folder} cannot be written",
            f"Allow writing to {folder}, or name another file with --db.",
        )
    else:
        yield Finding("folder", "good", f"{folder} can be written")
    try:
        left = shutil.disk_usage(folder).free
    except OSError as error:
        yield Finding("disk", "warn", f"the space left is unknown ({error.strerror})")
    else:
        from holdfast.surfaces.cli.screen import size_text

        low = left < SPACE_LEFT_BYTES
        yield Finding("disk", "warn" if low else "good", f"{size_text(left)} left", "Free some space." if low else None)
    yield _filesystem(folder)


def _left(folder: Path) -> Iterator[Finding]:
    """Copies that a killed backup, restore or export left beside the space, which no forget reaches."""
    from holdfast.adapters.sqlite.backup import left_parts

    left = left_parts(folder)
    if left:
        yield Finding(
            "left over", "warn", f"{', '.join(map(str, left[:3]))}: a stopped backup, restore or export left memories",
            "Remove it; the next backup or restore in that folder does.",
        )  # fmt: skip


def _filesystem(folder: Path) -> Finding:
    kind = filesystem_of(folder)
    if kind in _NETWORK:
        return Finding(
            "file system", "warn", f"{kind} is a network file system",
            "SQLite's locks are not dependable there; keep the space on a local disk.",
        )  # fmt: skip
    if synced := next((name for name in _SYNCED if name in str(folder.resolve()).lower()), None):
        return Finding(
            "file system", "warn", f"the folder looks synchronised ({synced})",
            "A copy taken between two writes is damaged; keep the space elsewhere and use holdfast export.",
        )  # fmt: skip
    return Finding("file system", "good", kind or "local, as far as can be told")


def filesystem_of(folder: Path, mounts: Path = Path("/proc/mounts")) -> str | None:
    """The kind of file system a folder is on; None where the system does not say."""
    try:
        lines = mounts.read_text(errors="replace").splitlines()
    except OSError:
        return None
    resolved, best, kind = folder.resolve(), -1, None
    for line in lines:
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = Path(fields[1].replace("\\040", " "))
        if resolved.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), fields[2]
    return kind


def _space(settings: Settings) -> Iterator[Finding]:
    """Whether the space opens, who may read it, and what waits."""
    from holdfast.errors import HoldfastError

    if not settings.db.exists():
        if settings.spaces is not None:
            yield Finding("space", "bad", f"there is no house at {settings.db.parent}", "holdfast house create NAME")
        else:
            yield Finding("space", "good", f"none at {settings.db} yet; the first write makes it")
        return
    from holdfast.surfaces.cli.screen import count_text, size_text

    try:
        must_be_a_file(settings.db)
        with reading(settings) as memory:
            stats, encryption = memory.summary(), memory.storage.encryption()
    except HoldfastError as error:
        yield Finding("space", "bad", str(error), _remedy(error))
        return
    told = f"opens; {count_text(stats.live, 'memory', 'memories')}, {size_text(stats.size_bytes)}"
    yield Finding("space", "good", f"{told}, model {stats.model or 'none yet'}")
    if encryption is not None:
        used = max(encryption.events, encryption.vectors)
        detail = f"encrypted under the key {encryption.key_id}; data key used {used:,} of {encryption.most:,} times"
        do = None if encryption.advice is None else f"holdfast key rotate --data ({encryption.advice})"
        yield Finding("encryption", "good" if do is None else "warn", detail, do)
    yield from _permissions(settings.db)
    waiting = count_text(stats.pending, "memory", "memories")
    if stats.pending:
        yield Finding(
            "backlog",
            "warn",
            f"{waiting} without a vector",
            "The next writing command goes on; holdfast rebuild finishes them now.",
        )
    else:
        yield Finding("backlog", "good", "every memory has its vector")


def _permissions(db: Path) -> Iterator[Finding]:
    if not os.access(db, os.W_OK):
        yield Finding("permissions", "warn", f"{db} is read-only here", f"To write, allow it: chmod u+w {db}")
        return
    mode = stat.S_IMODE(db.stat().st_mode)
    if os.name == "posix" and mode & 0o077:
        yield Finding(
            "permissions", "warn", f"others on this machine may use the file (mode {mode:03o})", f"chmod 600 {db}*"
        )
    else:
        yield Finding("permissions", "good", "only you may read and write it")


def _remedy(error: Exception) -> str:
    from holdfast import errors

    if isinstance(error, errors.NotAllowed):
        return "holdfast house list shows the spaces you may see; its owner grants more."
    if isinstance(error, errors.NotASpace):
        return "Name the file of a space with --db; this one is something else."
    if isinstance(error, errors.NewerSchema):
        return "Upgrade Holdfast: pip install --upgrade holdfast"
    if isinstance(error, errors.Damaged):
        return "Copy the file first, run holdfast check on the copy, and restore a backup or an export."
    if isinstance(error, errors.ModelMismatch):
        return "Name the model the space was made with by --embedder, or --embedder none for recall by words."
    if isinstance(error, errors.KeyNeeded | errors.WrongKey):
        return "Name the keyring it was made with by --keyring; without its key nothing can open it."
    if isinstance(error, errors.NotEncrypted):
        return "holdfast key encrypt encrypts it; --keyring none opens it as it is."
    if isinstance(error, errors.StoreReadOnly):
        return "Check who owns the file and its folder."
    return "Try again; if it stays, report it."
