"""Points about where a space is kept: folder, disk, file system, files."""

from __future__ import annotations

from statistics import median

from holdfast.core.amounts import size_text
from holdfast.core.diagnosis.telling import note, ok, problem, warning, without
from holdfast.model.diagnosis import Facts, Told

LOW_BYTES = 200_000_000
NONE_LEFT_BYTES = 20_000_000
FEW_NAMES = 1_000
LONG_LOG_BYTES = 64_000_000
"""The log is folded into the file from some megabytes on; it only grows further while a reader stays."""
LIE_S = 20e-6
"""No medium that keeps what it is given is known to answer a sync sooner; memory does."""
SLOW_SYNC_S = 0.05
FREE_SHARE, FREE_BYTES = 0.25, 10_000_000

NETWORK = frozenset(
    ("nfs", "nfs4", "cifs", "smb2", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "davfs", "ncpfs",
     "beegfs", "gfs2", "ocfs2", "orangefs", "fuse.sshfs", "fuse.rclone", "fuse.glusterfs", "fuse.s3fs", "fuse.davfs2",
     "fuse.ceph", "fuse.gcsfuse", "fuse.goofys", "fuse.mount-s3", "fuse.juicefs", "prl_fs", "vboxsf", "drvfs",
     "virtiofs")
)  # fmt: skip
"""File systems on another machine, or shared with one: their locks and syncs are not a local disk's."""
MEMORY = frozenset(("tmpfs", "ramfs", "devtmpfs"))
LAYERS = frozenset(("overlay", "aufs", "overlayfs", "unionfs"))
_LOCAL_FUSE = frozenset(("fuseblk", "fuse.ntfs-3g", "fuse.exfat"))
_UNKNOWN = "the system does not say what it is on"


def folder(facts: Facts) -> Told:
    place = facts.place
    if not place.writable:
        return problem(
            f"{place.folder} cannot be written", f"Allow writing to {place.folder}, or name another file with --db."
        )
    return ok(f"{place.folder} can be written" + ("" if place.exists else "; the folder in it is made when needed"))


def folder_rights(facts: Facts) -> Told:
    # A sticky folder such as /tmp lets nobody remove what is another's.
    if facts.place.mode & 0o022 and not facts.place.mode & 0o1000:
        return warning(
            f"others on this machine may replace files in {facts.place.folder} (mode {facts.place.mode & 0o7777:03o})",
            f"chmod go-w {facts.place.folder}",
        )
    return ok("nobody else may replace files in it")


def disk(facts: Facts) -> Told:
    left = facts.place.free_bytes
    if left is None:
        return without("the system does not say how much is left")
    told = f"{size_text(left)} left"
    if left < NONE_LEFT_BYTES:
        return problem(told, "Free some space: the next writes will be refused, and nothing of them kept.")
    return warning(told, "Free some space.") if left < LOW_BYTES else ok(told)


def room(facts: Facts) -> Told:
    left, file = facts.place.free_bytes, facts.file
    if left is None or file is None:
        return without("there is no space yet, or the room is unknown")
    if left < 1.2 * (file.size_bytes + file.log_bytes):
        return note(
            f"{size_text(left)} left, and the space takes {size_text(file.size_bytes)}",
            "A copy of it finds no room here: put backups on another disk, and free some before encrypting it.",
        )
    return ok("for a copy of the whole space")


def file_names(facts: Facts) -> Told:
    left = facts.place.free_files
    if left is None:
        return without("the file system has no such bound")
    if left < FEW_NAMES:
        return warning(f"{left:,} more files can be made", "Remove files: SQLite makes some beside the space.")
    return ok(f"{left:,} more can be made")


def network(facts: Facts) -> Told:
    mount = facts.place.mount
    if mount is None:
        return without(_UNKNOWN)
    if mount.kind in NETWORK:
        return warning(
            f"{mount.kind} is a network file system ({mount.source})",
            "Its locks and syncs are not dependable: keep the space on a local disk.",
        )
    return ok(f"{mount.kind}, local")


def memory(facts: Facts) -> Told:
    mount = facts.place.mount
    if mount is None:
        return without(_UNKNOWN)
    if mount.kind in MEMORY:
        return warning(
            f"{mount.point} is in memory ({mount.kind}): it is gone when the machine stops", "Keep the space on a disk."
        )
    return ok("on a disk, not in memory")


def layers(facts: Facts) -> Told:
    mount = facts.place.mount
    if mount is None:
        return without(_UNKNOWN)
    if mount.kind in LAYERS:
        return warning(
            f"{mount.point} is the layer of a container ({mount.kind}): it goes with the container",
            "Keep the space on a volume that outlives it.",
        )
    return ok("not the layer of a container")


def user_space(facts: Facts) -> Told:
    mount = facts.place.mount
    if mount is None:
        return without(_UNKNOWN)
    if mount.kind in NETWORK or not mount.kind.startswith("fuse") or mount.kind in _LOCAL_FUSE:
        return ok("the file system is the kernel's own, or named above")
    return warning(
        f"{mount.kind} is a program of its own (FUSE)",
        "Whether it locks and syncs as a disk does is its own affair: keep the space elsewhere if you do not know.",
    )


def mounted(facts: Facts) -> Told:
    mount = facts.place.mount
    if mount is None:
        return without(_UNKNOWN)
    if "ro" in mount.options:
        return problem(f"{mount.point} is mounted read-only", "Mount it for writing, or name another file with --db.")
    return ok("for writing")


def barriers(facts: Facts) -> Told:
    mount = facts.place.mount
    if mount is None:
        return without(_UNKNOWN)
    if taken := sorted(mount.options & {"nobarrier", "barrier=0", "barrier=none", "noflush", "sync=disabled"}):
        return warning(
            f"{mount.point} is mounted with {', '.join(taken)}: the disk is not told to keep what is synced",
            "Mount it without, unless the disk keeps its cache through a power cut.",
        )
    return ok("the disk is told to keep what is synced")


def sync_kept(facts: Facts) -> Told:
    place = facts.place
    if not place.sync_s or (place.mount is not None and place.mount.kind in MEMORY):
        return without("nothing could be synced there" if not place.sync_s else "it is in memory")
    told = f"a synced write takes {_span(median(place.sync_s))}"
    if median(place.sync_s) < LIE_S:
        return warning(
            f"{told}: sooner than a disk can keep anything",
            "Something answers before it has written (a write cache, a virtual disk): a power cut may take what was "
            "acknowledged. Have the disk write through, or keep backups on another one.",
        )
    return ok(f"{told}: long enough to be true; a disk that lies more slowly is not told by this")


def sync_speed(facts: Facts) -> Told:
    times, mount = facts.place.sync_s, facts.place.mount
    if not times or (mount is not None and mount.kind in MEMORY):
        return without("it is in memory" if times else "nothing could be synced there")
    if median(times) > SLOW_SYNC_S:
        return warning(
            f"a synced write takes {_span(median(times))}",
            "Every write waits for one: write in batches (add_many), or keep the space on a quicker disk.",
        )
    return ok(f"about {round(1 / max(median(times), 1e-6)):,} durable writes a second, one at a time")


def synchronised(facts: Facts) -> Told:
    if facts.place.synced_by:
        return warning(
            f"the folder looks synchronised ({facts.place.synced_by})",
            "A copy taken between two writes is damaged; keep the space elsewhere and use holdfast export.",
        )
    return ok("not the folder of a program that copies it to other machines, as far as its name tells")


def left_over(facts: Facts) -> Told:
    left = facts.place.left
    if left:
        return warning(
            f"{', '.join(left[:3])}: a stopped backup, restore or export left memories",
            "Remove it; the next backup or restore in that folder does.",
        )
    return ok("nothing that a killed backup, restore or export left")


def names(facts: Facts) -> Told:
    if facts.file is None:
        return without("there is no file")
    if facts.file.links > 1:
        return warning(
            f"the file has {facts.file.links} names (hard links)",
            "Opened by two of them it is damaged: SQLite keeps its log beside the name. Remove all but one.",
        )
    if facts.file.is_link:
        return ok("the file has one name, to which a symbolic link leads")
    return ok("the file has one name")


def permissions(facts: Facts) -> Told:
    file = facts.file
    if file is None:
        return without("there is no file")
    if file.mode & 0o077:
        return warning(f"others on this machine may use the file (mode {file.mode:03o})", f"chmod 600 {file.path}*")
    return ok("only you may read and write it")


def owner(facts: Facts) -> Told:
    if facts.file is None:
        return without("there is no file")
    if not facts.file.mine:
        return note(
            f"{facts.file.path} belongs to another user",
            "Files that SQLite makes beside it will be yours; run Holdfast as its owner.",
        )
    return ok("you")


def may_write(facts: Facts) -> Told:
    if facts.file is None:
        return without("there is no file")
    if not facts.file.writable:
        return warning(f"{facts.file.path} is read-only here", f"To write, allow it: chmod u+w {facts.file.path}")
    return ok("the file can be written")


def log(facts: Facts) -> Told:
    if facts.file is None:
        return without("there is no file")
    if facts.file.log_bytes > LONG_LOG_BYTES:
        return warning(
            f"{size_text(facts.file.log_bytes)} in the log beside the file",
            "A reader that stays keeps it from being folded into the file: end long readings and views of the past.",
        )
    return ok(f"{size_text(facts.file.log_bytes)} in the log beside the file")


def free_pages(facts: Facts) -> Told:
    if facts.space is None or not facts.space.inside.pages:
        return without("no space is open")
    inside = facts.space.inside
    free = inside.free_pages * inside.page_bytes
    told = f"{size_text(free)} of {size_text(inside.pages * inside.page_bytes)} hold nothing"
    if inside.free_pages > FREE_SHARE * inside.pages and free > FREE_BYTES:
        return note(told, "What is written next goes there; holdfast compact gives it back to the disk.")
    return ok(told)


def _span(seconds: float) -> str:
    return f"{seconds * 1e6:.0f} µs" if seconds < 1e-3 else f"{seconds * 1e3:.1f} ms"
