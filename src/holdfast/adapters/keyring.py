"""Keys in a file of their own, and keys that a caller holds.

A keyring is JSON, readable by its owner alone, kept away from the data: whoever has both can read everything,
and a space whose key is gone is gone with every copy of it. A change is written to a new file that takes the
old one's place when it is on the disk; the old one is then overwritten.
"""

from __future__ import annotations

import json
import os
import stat
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self, cast

from holdfast.errors import HoldfastError, InvalidField, KeyNeeded, KeyringUnusable
from holdfast.model.encryption import KEY_BYTES, KeyEntry, key_id_of
from holdfast.model.ids import Id, id_text, parse_id
from holdfast.ports.keys import SpaceKeys

try:
    import fcntl
except ImportError:  # pragma: no cover - not on this platform; one process at a time may change the keyring there
    fcntl = None

_FORMAT = "holdfast keyring 1"
_FILE_BYTES = 64 << 20
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def checked_key(key: object, name: str = "key") -> bytes:
    """A key of 32 bytes.

    Raises:
        InvalidField: it is not one; the message does not repeat it.
    """
    if not isinstance(key, bytes | bytearray):
        raise InvalidField(f"The {name} is a {type(key).__name__}; expected {KEY_BYTES} random bytes.")
    if len(key) != KEY_BYTES:
        raise InvalidField(f"The {name} has {len(key)} bytes; expected {KEY_BYTES}, such as secrets.token_bytes(32).")
    if not any(key):
        raise InvalidField(f"The {name} is nothing but zeros; expected {KEY_BYTES} random bytes.")
    return bytes(key)


class GivenKey:
    """`SpaceKeys` of one key that the caller keeps."""

    def __init__(self, key: bytes) -> None:
        self._keys = [checked_key(key)]

    def find(self, space: Id) -> Sequence[bytes]:
        return tuple(self._keys)

    def create(self, space: Id, key: bytes | None = None) -> bytes:
        if key is not None:
            self._keys.insert(0, checked_key(key))
        return self._keys[0]

    def keep_only(self, space: Id, key_id: str) -> None:
        if key_id:  # one key for whatever space: it is not let go of with the space that it opened before
            self._keys = [key for key in self._keys if key_id_of(key) == key_id]

    @contextmanager
    def changing(self) -> Generator[None]:
        yield


def keys_of(key: bytes | Keyring | None) -> SpaceKeys | None:
    """Where the keys of a space come from, by what a caller gives.

    Raises:
        InvalidField: it is no key.
    """
    return key if key is None or isinstance(key, Keyring) else GivenKey(key)


class Keyring:
    """The keys of many spaces in one file. Safe to use from several threads; from several processes with ``flock``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._held = 0
        self._lock_file = -1

    @classmethod
    def open(cls, path: str | Path, *, create: bool = True) -> Self:
        """Open a keyring, making an empty one where there is none.

        Raises:
            KeyringUnusable: it is not there, others may read it, or it is not a keyring.
        """
        keyring = cls(Path(path).expanduser().absolute().resolve())
        if keyring.path.exists():
            keyring._read()
        elif create:
            with keyring.changing():
                # Another process may have made it meanwhile.
                if not keyring.path.exists():
                    keyring._write({"keys": [], "destroyed": []})
        else:
            raise KeyringUnusable(f"There is no keyring at {keyring.path}. Nothing was made.")
        return keyring

    def __repr__(self) -> str:
        return f"Keyring({str(self.path)!r})"

    def entries(self) -> list[KeyEntry]:
        """Every key, without the key itself, and every space whose keys were destroyed."""
        held = self._read()
        keys = [KeyEntry(row["space"], row["id"], row["created"], destroyed=not _is_whole(row)) for row in held["keys"]]
        return keys + [KeyEntry(row["space"], None, row["at"], destroyed=True) for row in held["destroyed"]]

    def holds(self, space: Id) -> bool:
        """Whether there is a key for a space, or was one until it was destroyed."""
        return any(entry.space == id_text(space) for entry in self.entries())

    def find(self, space: Id) -> Sequence[bytes]:
        held, name = self._read(), id_text(space)
        rows = [row for row in held["keys"] if row["space"] == name]
        found = [bytes.fromhex(row["key"]) for row in rows if _is_whole(row)]
        if found:
            return found[::-1]
        if rows:
            raise KeyNeeded(
                f"The key of the space {name} in {self.path} was overwritten: nothing opens the space, unless a "
                "copy of the keyring has the key."
            )
        for row in held["destroyed"]:
            if row["space"] == name:
                raise KeyNeeded(f"The key of the space {name} was destroyed on {row['at']}: nothing can open it again.")
        raise KeyNeeded(
            f"The space {name} is encrypted and {self.path} has no key for it. The file was not changed; "
            "name the keyring it was made with."
        )

    def create(self, space: Id, key: bytes | None = None) -> bytes:
        made = os.urandom(KEY_BYTES) if key is None else checked_key(key)
        row = {"space": id_text(space), "id": key_id_of(made), "key": made.hex(), "created": _now()}

        def add(held: dict[str, Any]) -> None:
            held["keys"] = [one for one in held["keys"] if (one["space"], one["id"]) != (row["space"], row["id"])]
            held["keys"].append(row)

        self._change(add)
        return made

    def keep_only(self, space: Id, key_id: str) -> None:
        name = id_text(space)

        def drop(held: dict[str, Any]) -> None:
            held["keys"] = [row for row in held["keys"] if row["space"] != name or row["id"] == key_id]

        if any(row["space"] == name and row["id"] != key_id for row in self._read()["keys"]):
            self._change(drop)

    def drop(self, space: Id) -> None:
        """`destroy` the keys of a space where there are some."""
        if any(row["space"] == id_text(space) for row in self._read()["keys"]):
            self.destroy(space)

    def destroy(self, space: str | bytes) -> int:
        """Destroy every key of a space for good; gives how many there were.

        No copy of the space can be opened any more, backups too, by whoever has no copy of the keyring. A
        program that has it open keeps its key in memory until it closes the space.

        Args:
            space: Its id.

        Raises:
            KeyNeeded: the keyring has no key of that space.
        """
        name = id_text(parse_id(space) if isinstance(space, str) else Id(space))
        with self.changing():
            held = self._read()
            going = [row for row in held["keys"] if row["space"] == name]
            if not going:
                raise KeyNeeded(f"{self.path} has no key of the space {name}. Nothing was destroyed.")
            self._blank([row["key"] for row in going])
            held["keys"] = [row for row in held["keys"] if row["space"] != name]
            held["destroyed"] = [row for row in held["destroyed"] if row["space"] != name]
            held["destroyed"].append({"space": name, "at": _now()})
            self._write(held)
        return len(going)

    @contextmanager
    def changing(self) -> Generator[None]:
        """Keep other threads and processes from changing the keyring; may be nested."""
        with self._lock:
            if self._held == 0 and fcntl is not None:
                self._lock_file = self._open_lock()
                fcntl.flock(self._lock_file, fcntl.LOCK_EX)
            self._held += 1
            try:
                yield
            finally:
                self._held -= 1
                if self._held == 0 and self._lock_file >= 0:
                    os.close(self._lock_file)
                    self._lock_file = -1

    def _change(self, change: Callable[[dict[str, Any]], None]) -> None:
        with self.changing():
            held = self._read()
            change(held)
            self._write(held)

    def _open_lock(self) -> int:
        try:
            return os.open(f"{self.path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise KeyringUnusable(
                f"{self.path} cannot be changed ({error.strerror}). Its keys are as they were."
            ) from error

    def _read(self) -> dict[str, Any]:
        content = self._bytes()
        try:
            held = json.loads(content)
            if held["format"] != _FORMAT:
                raise ValueError(f"its format is {held['format']!r:.40}")
            keys, destroyed = (
                _rows(held["keys"], "space", "id", "key", "created"),
                _rows(held["destroyed"], "space", "at"),
            )
            for row in keys:
                parse_id(row["space"])
                if len(bytes.fromhex(row["key"])) != KEY_BYTES:
                    raise ValueError(f"the key {row['id']!r:.20} is not {KEY_BYTES} bytes long")
        except (ValueError, KeyError, TypeError, HoldfastError) as error:
            raise KeyringUnusable(
                f"{self.path} is damaged or no keyring ({error}). Restore it from a backup."
            ) from None
        return {"keys": keys, "destroyed": destroyed}

    def _bytes(self) -> bytes:
        """What is in the file; read again where a change took its place while it was read."""
        try:
            while True:
                with self.path.open("rb") as file:
                    state = os.fstat(file.fileno())
                    if os.name == "posix" and state.st_mode & _OTHERS:
                        raise KeyringUnusable(
                            f"Others on this machine may use {self.path} (mode {stat.S_IMODE(state.st_mode):03o}). "
                            f"Nothing was read; make it yours alone: chmod 600 {self.path}"
                        )
                    if state.st_size > _FILE_BYTES:
                        raise KeyringUnusable(f"{self.path} is larger than {_FILE_BYTES:,} bytes, so it is no keyring.")
                    content = file.read()
                if _file_id(self.path.stat()) == _file_id(state):
                    return content
        except OSError as error:
            raise KeyringUnusable(f"{self.path} cannot be read ({error.strerror}).") from error

    def _write(self, held: dict[str, Any]) -> None:
        """Put a new file in the place of the old one, and overwrite that."""
        content = json.dumps({"format": _FORMAT, **held}, indent=1).encode() + b"\n"
        beside = self.path.with_name(f"{self.path.name}.new")
        try:
            if beside.exists():  # a change was killed half-way
                with beside.open("r+b", buffering=0) as file:
                    _overwrite(file.fileno())
                beside.unlink()
            before = os.open(self.path, os.O_RDWR) if os.name == "posix" and self.path.exists() else -1
            try:
                with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                beside.replace(self.path)
                _sync_folder(self.path.parent)
                if before >= 0:
                    _overwrite(before)
            finally:
                if before >= 0:
                    os.close(before)
        except OSError as error:
            raise KeyringUnusable(
                f"{self.path} cannot be written ({error.strerror}). Nothing was done under a key that is not kept."
            ) from error

    def _blank(self, keys: Sequence[str]) -> None:
        """Overwrite keys where they stand: they are gone even if the file is not replaced any more."""
        with self.path.open("r+b", buffering=0) as file:
            content = file.read()
            for key in keys:
                place = content.find(key.encode())
                if place >= 0:
                    file.seek(place)
                    file.write(b"0" * len(key))
            os.fsync(file.fileno())


def _is_whole(row: dict[str, str]) -> bool:
    """Whether a key is still the one of its id; one that is being destroyed is not."""
    return key_id_of(bytes.fromhex(row["key"])) == row["id"]


def _overwrite(descriptor: int) -> None:
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, bytes(os.fstat(descriptor).st_size))
    os.fsync(descriptor)


def _rows(value: object, *names: str) -> list[dict[str, str]]:
    if not isinstance(value, list):
        raise TypeError("a list is missing")
    rows = cast("list[dict[str, str]]", value)
    for row in rows:
        if not all(isinstance(row[name], str) for name in names):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ValueError(f"an entry lacks one of {', '.join(names)}")
    return rows


def _file_id(state: os.stat_result) -> tuple[int, int]:
    return state.st_dev, state.st_ino


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
