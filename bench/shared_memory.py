"""Failing the memory that processes share: the calls of the system behind it, since no VFS of Python sees them."""

from __future__ import annotations

import ctypes
import errno
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bench.recorder import Recorder

try:
    import fcntl
except ImportError:  # not on this platform; the other kinds of failure are tried all the same
    fcntl = None

SHM_KINDS = ("shm map", "shm lock", "shm write") if fcntl and Path("/proc/self/fd").is_dir() else ()
"""Mapping it, locking a part of it, and making its file longer."""
_FAILED = ctypes.c_void_p(-1).value
_Map = ctypes.CFUNCTYPE(
    ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_int64,
    use_errno=True,
)  # fmt: skip
_Control = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_void_p, use_errno=True)
_Write = ctypes.CFUNCTYPE(
    ctypes.c_ssize_t, ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int64, use_errno=True
)


class SharedMemoryFaults:
    """Fails these calls as a recorder's `Faults` say, for the time of a ``with``.

    SQLite may make them while an error of Python is on its way, which no function of Python may be called in; so this
    is for faults of these kinds alone, which are no such errors.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._kept: list[Any] = []

    def __enter__(self) -> Self:
        if fcntl is None:
            return self
        self._replace("mmap", _Map, "shm map", _FAILED, lambda *given: _is_shm(given[4]))
        self._replace(
            "fcntl", _Control, "shm lock", -1, lambda *given: _locks(given[1], given[2]) and _is_shm(given[0])
        )
        for name in ("pwrite", "pwrite64"):
            self._replace(name, _Write, "shm write", -1, lambda *given: _is_shm(given[0]))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._recorder.xSetSystemCall(None, 0)

    def _replace(self, name: str, form: Any, kind: str, failed: int | None, concerns: Callable[..., bool]) -> None:
        at = self._recorder.xGetSystemCall(name)
        if at is None:
            return
        sound = form(at)

        @form
        def call(*given: Any) -> Any:
            if self._recorder.tape is not None and concerns(*given) and self._recorder.faults.hit(kind):
                ctypes.set_errno(errno.ENOSPC if kind == "shm write" else errno.EIO)
                return failed
            return sound(*given)

        self._kept.append(call)
        self._recorder.xSetSystemCall(name, ctypes.cast(call, ctypes.c_void_p).value or 0)


def _locks(command: int, wanted: int) -> bool:
    """Whether a lock is taken; letting go of one never fails on a disk of the machine's own."""
    return command == fcntl.F_SETLK and ctypes.c_short.from_address(wanted).value != fcntl.F_UNLCK


def _is_shm(descriptor: int) -> bool:
    return Path(f"/proc/self/fd/{descriptor}").readlink().name.endswith("-shm")
