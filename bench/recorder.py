"""A VFS that writes down what SQLite asks of the disk, and a disk that keeps of it what a power cut leaves.

`Recorder` becomes SQLite's default VFS and passes every call on to the machine's own; what is written, cut, synced,
made and deleted in one folder goes on a `Tape`. It can also be told to fail a call (`Faults`). `Platter` plays a tape
to a point and gives what may be on the disk when the power goes there: all that was synced, and of the rest nothing,
all, a beginning, any part in any order, or pieces of sectors.
"""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import apsw

VFS = "holdfast-recorder"
SECTORS = (512, 4096)
WAYS = ("dropped", "kept", "beginning", "reordered", "torn")
"""What may become of writes that were not synced."""
_SYNCS_ITS_FOLDER = apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_SUPER_JOURNAL
"""Files whose first sync after each opening, if that may make them, syncs their folder too (``unixSync``)."""


class Act(NamedTuple):
    """One thing that was asked of the disk.

    ``what`` is write, cut, synced, unsynced (the sync failed), made, deleted or listed (the folder was synced);
    ``at`` an offset, or the size after a cut.
    """

    what: str
    file: int
    at: int = 0
    data: bytes = b""
    name: str = ""


class Faults:
    """Which calls fail: of the kinds that are counted the one with a number, and where it lasts every later one.

    Attributes:
        count: Calls of those kinds so far.
        hits: How many of them failed.
        silent: Failed syncs are reported as done: the fault that a campaign plants in itself.
    """

    def __init__(self) -> None:
        self.silent = False
        self._lock = threading.Lock()
        self.plan(())

    def plan(
        self, kinds: tuple[str, ...], fail_at: int = 0, *, lasting: bool = False, error: type[apsw.Error] = apsw.IOError
    ) -> None:
        """Count calls of some kinds from now on; the one with the number ``fail_at`` fails (0: none does)."""
        with self._lock:
            self.kinds, self.fail_at, self.lasting, self.error = kinds, fail_at, lasting, error
            self.count = self.hits = 0

    def hit(self, kind: str) -> bool:
        """Count a call; whether it is one that fails."""
        with self._lock:
            if kind not in self.kinds:
                return False
            self.count += 1
            fails = bool(self.fail_at) and (self.count == self.fail_at or (self.lasting and self.count > self.fail_at))
            self.hits += fails
            return fails

    def call(self, kind: str) -> None:
        """Count a call, and fail it where it is one that does."""
        if self.hit(kind):
            raise self.error(f"planned failure of {kind}")


class Tape:
    """What was asked of the disk for the files of one folder, in order."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self._lock = threading.Lock()
        self._numbers: dict[str, int] = {}
        self._made = 0
        self.acts: list[Act] = []

    @property
    def length(self) -> int:
        """How many acts it holds: a place to cut at."""
        return len(self.acts)

    def covers(self, path: str) -> bool:
        """Whether a file is in the folder."""
        return path.startswith(self._folder)

    def add(self, act: Act) -> None:
        """Write an act down; only after it was done."""
        with self._lock:
            self.acts.append(act)

    def opened(self, path: str) -> int:
        """The number of a file; a new one where there is none of that name."""
        with self._lock:
            if path not in self._numbers:
                self._made += 1
                self._numbers[path] = self._made
                self.acts.append(Act("made", self._made, name=Path(path).name))
            return self._numbers[path]

    def take_in(self, path: Path) -> None:
        """Begin with a file that is on the disk already; nobody has it open."""
        number = self.opened(str(path))
        for act in (Act("write", number, 0, path.read_bytes()), Act("synced", number), Act("listed", 0)):
            self.add(act)

    def deleted(self, path: str) -> None:
        """A name was taken from the folder; a file of that name is another one from now on."""
        with self._lock:
            number = self._numbers.pop(path, 0)
            if number:
                self.acts.append(Act("deleted", number, name=Path(path).name))


class Recorder(apsw.VFS):
    """The recording VFS: SQLite's default from the moment it is made until it is unregistered."""

    def __init__(self) -> None:
        self._base = next(name for name in apsw.vfs_names() if not name.startswith("holdfast"))
        self.tape: Tape | None = None
        self.faults = Faults()
        super().__init__(VFS, self._base, makedefault=True)

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        tape = self.tape
        if tape is None or path is None or not tape.covers(path):
            return super().xOpen(name, flags)
        if flags[0] & apsw.SQLITE_OPEN_READWRITE:
            self._fail_open()
        return RecordedFile(self._base, name, flags, path, tape, self.faults)

    def _fail_open(self) -> None:
        if self.faults.hit("open"):
            raise apsw.CantOpenError("planned failure of open")

    def xSleep(self, microseconds: int) -> int:  # noqa: N802
        # SQLite waits some seconds for a lock on shared memory that never comes; a planned one never does.
        return microseconds if self.faults.fail_at else super().xSleep(microseconds)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        tape = self.tape
        if tape is None or not tape.covers(filename):
            super().xDelete(filename, syncdir)
            return
        self.faults.call("delete")
        super().xDelete(filename, syncdir)
        tape.deleted(filename)
        if syncdir:
            tape.add(Act("listed", 0))


class RecordedFile(apsw.VFSFile):
    """A file whose changes go on the tape."""

    def __init__(
        self,
        base: str,
        name: str | apsw.URIFilename | None,
        flags: list[int],
        path: str,
        tape: Tape,
        faults: Faults,
    ) -> None:
        super().__init__(base, name, flags)
        self._tape, self._faults = tape, faults
        self._number = tape.opened(path)
        self._lists = bool(flags[0] & apsw.SQLITE_OPEN_CREATE and flags[0] & _SYNCS_ITS_FOLDER)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        if self._faults.hit("short write"):
            part = bytes(data)[: len(data) // 2]
            super().xWrite(part, offset)
            self._tape.add(Act("write", self._number, offset, part))
            raise apsw.FullError("planned failure: half of it was written")
        self._faults.call("write")
        super().xWrite(data, offset)
        self._tape.add(Act("write", self._number, offset, bytes(data)))

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        self._faults.call("truncate")
        super().xTruncate(newsize)
        self._tape.add(Act("cut", self._number, newsize))

    def xSync(self, flags: int) -> None:  # noqa: N802
        if self._faults.hit("sync"):
            self._tape.add(Act("unsynced", self._number))
            if self._faults.silent:
                return
            raise self._faults.error("planned failure of sync")
        super().xSync(flags)
        self._tape.add(Act("synced", self._number))
        if self._lists:
            self._lists = False
            self._tape.add(Act("listed", 0))

    def xLock(self, level: int) -> None:  # noqa: N802
        self._faults.call("lock")
        super().xLock(level)


# What a power cut leaves


@dataclass
class _File:
    durable: bytearray = field(default_factory=bytearray)
    pending: list[Act] = field(default_factory=list)


class Platter:
    """A disk that plays a tape."""

    def __init__(self) -> None:
        self._files: dict[int, _File] = {}
        self._listed: dict[str, int] = {}
        self._unlisted: list[Act] = []
        self._played = 0

    def play(self, acts: list[Act], until: int) -> None:
        """Play the acts of a tape up to a place; from where it stopped before."""
        for act in acts[self._played : until]:
            self._play(act)
        self._played = max(self._played, until)

    def _play(self, act: Act) -> None:
        match act.what:
            case "made":
                self._files[act.file] = _File()
                self._unlisted.append(act)
            case "deleted":
                self._unlisted.append(act)
            case "listed":
                _list(self._listed, self._unlisted)
                self._unlisted.clear()
            case "synced":
                file = self._files[act.file]
                for pending in file.pending:
                    _carry_out(file.durable, pending)
                file.pending.clear()
            case "unsynced":
                # A kernel may drop what it could not write and call it clean; a later sync does not bring it back.
                self._files[act.file].pending.clear()
            case _:
                self._files[act.file].pending.append(act)

    def left(self, way: str, chance: random.Random) -> dict[str, bytes]:
        """What is on the disk after the power went: the bytes of each file by its name.

        Args:
            way: One of `WAYS`, for the writes and the names that were not synced.
        """
        listed = dict(self._listed)
        _list(listed, _some(self._unlisted, way, chance))
        return {name: _content(self._files[number], way, chance) for name, number in listed.items()}


def _list(listed: dict[str, int], acts: list[Act]) -> None:
    for act in acts:
        if act.what == "made":
            listed[act.name] = act.file
        elif listed.get(act.name) == act.file:
            del listed[act.name]


def _some(acts: list[Act], way: str, chance: random.Random) -> list[Act]:
    match way:
        case "dropped":
            return []
        case "kept":
            return acts
        case "beginning":
            return acts[: chance.randint(0, len(acts))]
        case _:
            # Of names each is there or not; their order is that of the folder's own log.
            return [act for act in acts if chance.random() < 0.5]


def _content(file: _File, way: str, chance: random.Random) -> bytes:
    if not file.pending or way == "dropped":
        return bytes(file.durable)
    content = bytearray(file.durable)
    kept = _some(file.pending, way, chance)
    if way == "torn":
        sector = chance.choice(SECTORS)
        kept = [piece for act in file.pending for piece in _pieces(act, sector, chance)]
    if way in ("reordered", "torn"):
        chance.shuffle(kept)
    for act in kept:
        _carry_out(content, act, chance)
    longest = max((act.at + len(act.data) for act in file.pending if act.what == "write"), default=0)
    if way in ("reordered", "torn") and longest > len(content) and chance.random() < 0.3:
        # The new size is there and what belongs into it is not.
        _carry_out(content, Act("cut", 0, longest), chance)
    return bytes(content)


def _pieces(act: Act, sector: int, chance: random.Random) -> list[Act]:
    """The sectors of a write that got to the disk, some of them in part."""
    if act.what != "write":
        return [act] if chance.random() < 0.5 else []
    kept: list[Act] = []
    start = act.at
    end = act.at + len(act.data)
    while start < end:
        stop = min(end, (start // sector + 1) * sector)
        if chance.random() < 0.5:
            whole = chance.random() < 0.8
            until = stop if whole else chance.randint(start, stop)
            kept.append(Act("write", act.file, start, act.data[start - act.at : until - act.at]))
        start = stop
    return kept


def _carry_out(content: bytearray, act: Act, chance: random.Random | None = None) -> None:
    """Write or cut; what lies between the old end of a file and the new is zeros, or what was there on the disk."""
    until = act.at
    if act.what == "cut":
        del content[until:]
    if len(content) < until:
        gap = until - len(content)
        is_old = chance is not None and chance.random() < 0.3
        content.extend(chance.randbytes(gap) if is_old and chance is not None else bytes(gap))
    if act.what == "write":
        content[until : until + len(act.data)] = act.data
