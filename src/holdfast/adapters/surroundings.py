"""What a folder stands on: mount, room, how long a synced write takes. For a look at it, never for a decision to write.

Nothing is left behind, and nothing that is there is changed.
"""

from __future__ import annotations

import os
import stat
import tempfile
import time
from pathlib import Path

from holdfast.model.diagnosis import FileSeen, Mount, Place

SYNCS = 5
"""Synced writes that are timed."""
LONGEST_S = 2.0
"""No further one is begun after so long."""
_SYNCED = ("dropbox", "onedrive", "google drive", "icloud", "mobile documents", "nextcloud", "syncthing", "pcloud")
_BLOCK = 4096


def place_of(wanted: Path, left: tuple[str, ...] = (), *, mounts: Path = Path("/proc/self/mountinfo")) -> Place:
    """A folder as it is, or the nearest above it that is there.

    Args:
        left: See `Place`.
        mounts: Where the system lists what is mounted.
    """
    folder = wanted
    while not is_there(folder) and folder != folder.parent:
        folder = folder.parent
    writable = is_there(folder) and folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
    free_bytes, free_files = _left(folder)
    return Place(
        folder=str(folder),
        exists=folder == wanted,
        writable=writable,
        mode=_mode(folder),
        free_bytes=free_bytes,
        free_files=free_files,
        mount=mount_of(folder, mounts),
        synced_by=next((name for name in _SYNCED if name in str(folder.resolve()).lower()), None),
        sync_s=sync_times(folder) if writable else (),
        left=left,
    )


def is_there(path: Path) -> bool:
    """Whether a file or folder is there, as far as one may look."""
    try:
        return path.exists()
    except OSError:
        return False


def mount_of(folder: Path, mounts: Path = Path("/proc/self/mountinfo")) -> Mount | None:
    """The mount that a folder is on; None where the system does not say.

    The format is that of proc_pid_mountinfo(5): six fields, optional ones, a hyphen, type, source, options.
    """
    try:
        lines = mounts.read_text(errors="replace").splitlines()
    except OSError:
        return None
    resolved, deepest, found = folder.resolve(), -1, None
    for line in lines:
        before, hyphen, after = line.partition(" - ")
        fields, kinds = before.split(" "), after.split(" ")
        if not hyphen or len(fields) < 6 or len(kinds) < 3:
            continue
        point = Path(_unescaped(fields[4]))
        # Of several mounts on one point the last one hides the others.
        if resolved.is_relative_to(point) and len(point.parts) >= deepest:
            deepest = len(point.parts)
            options = frozenset(fields[5].split(",")) | _of_system(kinds[2])
            found = Mount(str(point), kinds[0], _unescaped(kinds[1]), options)
    return found


def sync_times(folder: Path) -> tuple[float, ...]:
    """Seconds that small synced writes to a file without a name took; empty where none could be made."""
    times = list[float]()
    began = time.perf_counter()
    try:
        with tempfile.TemporaryFile(dir=folder, prefix=".holdfast-", buffering=0) as file:
            for _ in range(SYNCS):
                file.seek(0)
                file.write(os.urandom(_BLOCK))
                start = time.perf_counter()
                os.fsync(file.fileno())
                times.append(time.perf_counter() - start)
                if time.perf_counter() - began > LONGEST_S:
                    break
    except OSError:
        return ()
    return tuple(times)


def file_seen(path: Path) -> FileSeen | None:
    """A file from outside; None where there is none, or it may not be looked at."""
    try:
        state = path.stat()
    except OSError:
        return None
    log = path.with_name(path.name + "-wal")
    try:
        log_bytes = log.stat().st_size
    except OSError:
        log_bytes = 0
    return FileSeen(
        path=str(path),
        size_bytes=state.st_size,
        mode=stat.S_IMODE(state.st_mode) if os.name == "posix" else 0o600,
        mine=os.name != "posix" or state.st_uid == os.geteuid(),
        writable=os.access(path, os.W_OK),
        is_link=path.is_symlink(),
        links=state.st_nlink,
        log_bytes=log_bytes,
    )


def others_may_write(path: Path) -> bool:
    """Whether anybody but its owner may write a file."""
    return os.name == "posix" and bool(_mode(path) & 0o022)


def memory_bytes() -> int | None:
    """Of the whole machine, or of the container where that is bounded; None where it is unknown."""
    try:
        whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None
    for bound in (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes")):
        try:
            return min(whole, int(bound.read_text()))
        except (OSError, ValueError):
            continue  # none there, or "max"
    return whole


def open_files() -> int | None:
    """The most files this process may open; None for no bound or unknown."""
    try:
        import resource
    except ImportError:  # not on this platform
        return None
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return None if most == resource.RLIM_INFINITY else most


def _left(folder: Path) -> tuple[int | None, int | None]:
    """Bytes and files that can still be written; a file system that counts no files has no bound of them."""
    try:
        state = os.statvfs(folder)
    except (AttributeError, OSError):
        return None, None
    return state.f_frsize * state.f_bavail, state.f_favail if state.f_files else None


def _of_system(words: str) -> frozenset[str]:
    # A file system that is read-only below a mount for writing cannot be written either.
    return frozenset(words.split(","))


def _mode(path: Path) -> int:
    try:
        return stat.S_IMODE(path.stat().st_mode) if os.name == "posix" else 0o700
    except OSError:
        return 0o700


def _unescaped(text: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text
