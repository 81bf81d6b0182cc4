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

from holdfast.disk import sync
from holdfast.errors import HoldfastError, InvalidField, KeyNeeded, KeyringUnusable
from holdfast.model.encryption import KEY_BYTES, KeyEntry, key_id_of
from holdfast.model.ids import Id, id_text, parse_id
from holdfast.ports.keys import SpaceKeys

try:
    import fcntl
except ImportError:  # pragma: no cover - not on this platform; one process at a time may change the keyring there
    fcntl = None

_FORMAT = "holdfast keyring 1"
_PENDING = "replaces"
"""What a key has that was made for a change not known to be complete: the id of the key it replaces, or nothing."""
_FILE_BYTES = 64 << 20
_ID_BYTES = 16
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

    def create(self, space: Id, key: bytes | None = None, *, replaces: str | None = None) -> bytes:
        made = self._keys[0] if key is None else checked_key(key)
        self._keys = [made, *(one for one in self._keys if one != made)]
        return made

    def is_pending(self, space: Id) -> bool:
        return len(self._keys) > 1

    def settle(self, space: Id, key_id: str) -> None:
        self._keys = [key for key in self._keys if key_id_of(key) == key_id]

    def withdraw(self, space: Id, key_id: str) -> None:
        self._keys = [key for key in self._keys if key_id_of(key) != key_id] or self._keys

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
            InvalidField: the path is none.
        """
        keyring = cls(_checked_path(path))
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
        """Whether a space is known to be under a key, or was until that was destroyed; one that is pending is none."""
        held, name = self._read(), id_text(space)
        used = [row for row in held["keys"] if _PENDING not in row]
        return any(row["space"] == name for row in used + held["destroyed"])

    def find(self, space: Id) -> Sequence[bytes]:
        held, name = self._read(), id_text(space)
        rows = [row for row in reversed(held["keys"]) if row["space"] == name]
        # What is sealed anew goes under the first: never under a key whose settling takes another with it.
        rows.sort(key=lambda row: _PENDING in row)
        found = [bytes.fromhex(row["key"]) for row in rows if _is_whole(row)]
        if found:
            return found
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

    def create(self, space: Id, key: bytes | None = None, *, replaces: str | None = None) -> bytes:
        made = os.urandom(KEY_BYTES) if key is None else checked_key(key)
        row = {"space": id_text(space), "id": key_id_of(made), "key": made.hex(), "created": _now()}
        if replaces is not None:
            row[_PENDING] = replaces

        def add(held: dict[str, Any]) -> None:
            twin = _row(held, space, row["id"])
            if replaces is not None and twin is not None and twin.get(_PENDING) != replaces:
                raise InvalidField(
                    f"The key given is in {self.path} for the space {row['space']} already. Nothing was changed; give "
                    "a new one, or none to have one made."
                )
            held["keys"] = [one for one in held["keys"] if one is not twin]
            held["keys"].append(row)

        self._change(add)
        return made

    def is_pending(self, space: Id) -> bool:
        return any(row["space"] == id_text(space) and _PENDING in row for row in self._read()["keys"])

    def settle(self, space: Id, key_id: str) -> None:
        def end(held: dict[str, Any]) -> None:
            row = _row(held, space, key_id)
            if row is not None and (replaced := row.pop(_PENDING, "")):
                held["keys"] = [one for one in held["keys"] if one is not _row(held, space, replaced)]

        if _PENDING in (_row(self._read(), space, key_id) or {}):
            self._change(end)

    def withdraw(self, space: Id, key_id: str) -> None:
        def drop(held: dict[str, Any]) -> None:
            row = _row(held, space, key_id)
            held["keys"] = [one for one in held["keys"] if one is not row or _PENDING not in one]

        self._change(drop)

    def drop(self, space: Id, key_id: str) -> None:
        """Destroy one key of a space, where it is there."""
        with self.changing():
            if (row := _row(self._read(), space, key_id)) is not None:
                self._destroy(id_text(space), [row["id"]])

    def destroy(self, space: str | bytes) -> int:
        """Destroy every key of a space for good; gives how many there were.

        No copy of the space can be opened any more by whoever has no copy of the keyring: neither a backup, nor
        another file that became the same space. A program that has it open keeps its key in memory until it closes
        the space.

        Args:
            space: Its id.

        Raises:
            KeyNeeded: the keyring has no key of that space.
            InvalidField: that is no id.
        """
        name = _checked_space(space)
        with self.changing():
            going = [row["id"] for row in self._read()["keys"] if row["space"] == name]
            if not going:
                raise KeyNeeded(f"{self.path} has no key of the space {name}. Nothing was destroyed.")
            self._destroy(name, going)
        return len(going)

    def _destroy(self, name: str, ids: Sequence[str]) -> None:
        """Destroy keys of a space; with the last that was in use it is noted that the space is gone."""
        held = self._read()
        going = [row for row in held["keys"] if row["space"] == name and row["id"] in ids]
        self._blank([row["key"] for row in going])
        held["keys"] = [row for row in held["keys"] if row not in going]
        if any(_PENDING not in row for row in going) and not any(row["space"] == name for row in held["keys"]):
            held["destroyed"] = [row for row in held["destroyed"] if row["space"] != name]
            held["destroyed"].append({"space": name, "at": _now()})
        self._write(held)

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
                if not isinstance(row.get(_PENDING, ""), str):  # pyright: ignore[reportUnnecessaryIsInstance]
                    raise TypeError(f"what the key {row['id']!r:.20} replaces is no id")
        except (ValueError, KeyError, TypeError, RecursionError, HoldfastError) as error:
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
                sync(self.path.parent)
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


def _checked_path(path: str | Path) -> Path:
    try:
        return Path(path).expanduser().absolute().resolve()
    except (TypeError, ValueError, RuntimeError, OSError) as error:
        raise InvalidField(f"{path!r:.200} is no path to a keyring ({error}). Nothing was made.") from None


def _checked_space(space: str | bytes) -> str:
    if isinstance(space, str):
        return id_text(parse_id(space))
    if isinstance(space, bytes) and len(space) == _ID_BYTES:  # pyright: ignore[reportUnnecessaryIsInstance]
        return id_text(Id(space))
    raise InvalidField(f"{space!r:.80} is no id of a space, such as Keyring.entries() gives. Nothing was destroyed.")


def _row(held: dict[str, Any], space: Id, key_id: str) -> dict[str, str] | None:
    """The key of that id of a space, where it is there."""
    name, rows = id_text(space), cast("list[dict[str, str]]", held["keys"])
    return next((row for row in rows if (row["space"], row["id"]) == (name, key_id)), None)


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


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
