"""The resident process: answers hooks of one user over a socket, and ends when nobody needs it for a while.

There is one for each folder of spaces: whoever holds the lock beside the socket. Another version of Holdfast makes it
give way. It reads and writes spaces like any other process, by SQLite's log, and closes what it does not use.
"""

from __future__ import annotations

import os
import queue
import socket
import sys
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.integrations.coding_agents import hook

if TYPE_CHECKING:
    from holdfast.integrations.coding_agents.events import Event, Handling

_READ_S = 2.0
_LOOK_S = 0.2
_WAIT_S = 3.0
"""How long a new version waits for the one before to end."""
_MOST_AT_ONCE = 16
_FIELDS = 4
"""Identity, agent, event and folder; variables follow."""
_MOST_WAITING = 1_000
_PENDING_S = 5.0, 60.0
"""What was left is looked for again after so long, the longer the more often that failed."""
_MOST_LEFT = 3
_OLDEST_NS = 7 * 86_400 * 10**9
"""What could not be taken in for so long is given up."""


class Resident:
    """Serves one folder of spaces.

    Args:
        listening: The socket, bound and listening.
        path: Where it is bound; where that is gone or is another's, nobody can reach this process any more.
    """

    def __init__(self, folder: Path, listening: socket.socket, path: str) -> None:
        self._folder = folder
        self._listening = listening
        self._path, self._inode = path, _inode(path)
        self._identity = hook.identity()
        self._last = time.monotonic()
        self._idle_s = 1_800.0
        self._is_over = False
        self._places = threading.BoundedSemaphore(_MOST_AT_ONCE)
        self._captures: queue.Queue[bytes | None] = queue.Queue(_MOST_WAITING)
        self._is_capturing = False
        self._handling: Handling | None = None
        self._loading = threading.Lock()

    def serve(self) -> None:
        """Answer until idle, or until another version comes."""
        worker = threading.Thread(target=self._capture_all, name="capture")
        worker.start()
        self._listening.settimeout(_LOOK_S)
        while not self._is_over and (self._busy() or time.monotonic() - self._last < self._idle_s):
            try:
                wire, _ = self._listening.accept()
            except TimeoutError:
                self._is_over = self._is_over or not self.is_reachable()
                if self._handling is not None:
                    from holdfast.integrations.coding_agents.events import OPEN_S

                    self._handling.close(unused_s=OPEN_S)
                continue
            except OSError:
                time.sleep(_LOOK_S)  # too many files are open; that passes
                continue
            self._last = time.monotonic()
            if not self._places.acquire(timeout=_READ_S):
                wire.close()
                continue
            threading.Thread(target=self._answer, args=(wire,), daemon=True).start()
        self._listening.close()
        self._captures.put(None)
        worker.join()
        if self._handling is not None:
            self._handling.close()

    def is_reachable(self) -> bool:
        """Whether its socket still is where hooks look for it."""
        return _inode(self._path) == self._inode

    def _busy(self) -> bool:
        return self._is_capturing or not self._captures.empty()

    def _answer(self, wire: socket.socket) -> None:
        try:
            with wire:
                wire.settimeout(_READ_S)
                if hook.peer_user(wire) in (None, os.getuid()):
                    self._told(wire)
        except (OSError, queue.Full):
            return  # the hook did not wait for it, or keeps it for later
        finally:
            self._places.release()

    def _told(self, wire: socket.socket) -> None:
        head = _part(wire)
        fields = [os.fsdecode(field) for field in head.split(b"\0")]
        if len(fields) < _FIELDS:
            return
        if fields[0] != self._identity:
            self._is_over = True
            wire.sendall(hook.ANOTHER)
            return
        payload = _part(wire)
        if fields[2] == "end":
            self._is_over = True
            wire.sendall(hook.OK)
        elif fields[2] in hook.CAPTURES:
            self._captures.put_nowait(_message(head, payload))
            wire.sendall(hook.OK)
        else:
            told, done = self._handler().answered(_event(fields, payload))
            wire.sendall(hook.OK + told)
            done()

    def _handler(self) -> Handling:
        with self._loading:
            if self._handling is None:
                from holdfast.config import load_settings
                from holdfast.errors import InvalidField
                from holdfast.integrations.coding_agents.events import Handling
                from holdfast.integrations.coding_agents.places import Places

                self._handling = Handling(os.environ, Places(self._folder))
                with suppress(InvalidField):  # each event tells it
                    self._idle_s = load_settings(folder=self._folder).hooks.idle_minutes * 60.0
            return self._handling

    def _capture_all(self) -> None:
        """Take in what hooks left when nobody listened, and then whatever comes, one after the other."""
        from holdfast.integrations.coding_agents.capturing import sweep

        state = self._folder / "state"
        sweep(state)
        wait_s = self._take_pending(_PENDING_S[0])
        while True:
            try:
                message = self._captures.get(timeout=wait_s)
            except queue.Empty:
                wait_s = self._take_pending(wait_s)
                continue
            if message is None:
                return
            self._is_capturing = True
            if not self._handler().taken(_parsed(message)):
                with suppress(OSError):
                    hook.leave(str(self._folder), _without_secrets(message))
            self._is_capturing = False
            self._last = time.monotonic()

    def _take_pending(self, wait_s: float) -> float:
        """Take up what was left; gives after how long to look again."""
        (shortest, longest), left = _PENDING_S, 0
        for file in sorted((self._folder / "state" / "pending").glob("[0-9]*"))[: hook.MOST_PENDING]:
            if file.suffix:
                continue
            try:
                event = _parsed(file.read_bytes())
            except (OSError, ValueError, IndexError):
                is_taken = True  # nothing that could be read
            else:
                secrets = {name: value for name, value in os.environ.items() if name.endswith(hook.SECRET)}
                is_taken = self._handler().taken(replace(event, environment={**secrets, **event.environment}))
            if is_taken or _is_old(file):
                with suppress(OSError):
                    file.unlink(missing_ok=True)
                continue
            left += 1
            if left == _MOST_LEFT:
                break  # each of them waits for a space that is busy
        return min(wait_s * 2, longest) if left else shortest


def _inode(path: str) -> int | None:
    try:
        return os.stat(path).st_ino  # noqa: PTH116
    except OSError:
        return None


def _part(wire: socket.socket) -> bytes:
    size = int.from_bytes(_exactly(wire, 4), "big")
    if size > hook.PAYLOAD_BYTES + (1 << 20):
        raise OSError("too long")
    return _exactly(wire, size)


def _exactly(wire: socket.socket, size: int) -> bytes:
    parts, left = list[bytes](), size
    while left:
        part = wire.recv(min(left, 1 << 20))
        if not part:
            raise OSError("cut off")
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _is_old(file: Path) -> bool:
    made_ns = file.name.partition("-")[0]
    return not made_ns.isdigit() or time.time_ns() - int(made_ns) > _OLDEST_NS


def _without_secrets(message: bytes) -> bytes:
    """An event as it may stand in a file."""
    size = int.from_bytes(message[:4], "big")
    fields = message[4 : 4 + size].split(b"\0")
    variables = (os.fsdecode(field).partition("=") for field in fields[_FIELDS:])
    kept = hook.without_secrets({name: value for name, _, value in variables})
    head = b"\0".join([*fields[:_FIELDS], *(os.fsencode(f"{name}={value}") for name, value in kept.items())])
    return _message(head, message[8 + size :])


def _message(head: bytes, payload: bytes) -> bytes:
    return len(head).to_bytes(4, "big") + head + len(payload).to_bytes(4, "big") + payload


def _parsed(message: bytes) -> Event:
    size = int.from_bytes(message[:4], "big")
    fields = [os.fsdecode(field) for field in message[4 : 4 + size].split(b"\0")]
    return _event(fields, message[8 + size :])


def _event(fields: list[str], payload: bytes) -> Event:
    from holdfast.integrations.coding_agents.events import Event

    environment = {name: value for name, _, value in (field.partition("=") for field in fields[4:])}
    return Event(fields[1], fields[2], fields[3], environment, payload)


def main() -> None:
    """Serve the folder that is named, unless somebody does already."""
    import fcntl

    folder = sys.argv[1]
    path = hook.socket_path(folder, dict(os.environ))
    if path is None:
        return
    os.chdir("/")
    os.umask(0o077)
    with open(f"{path}.lock", "w") as lock:  # noqa: PTH123 a plain file of a folder that was just looked at
        ends = time.monotonic() + (_WAIT_S if len(sys.argv) > 2 else 0.0)
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if time.monotonic() >= ends:
                    return
                time.sleep(0.02)
        with suppress(FileNotFoundError):
            os.unlink(path)  # noqa: PTH108
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listening.bind(path)
        listening.listen(256)
        resident = Resident(Path(folder), listening, path)
        try:
            resident.serve()
        finally:
            if resident.is_reachable():
                os.unlink(path)  # noqa: PTH108


if __name__ == "__main__":
    main()
