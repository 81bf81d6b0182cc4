"""The processes a demo starts: one imports and is killed without warning, one looks for bytes in files.

Bytes are read by a process of their own because closing a file gives up every lock this process
holds on it (POSIX), those of an open space included.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

DIES_AFTER_S = 0.02
"""How long the dying process goes on after a third of the vectors were made."""
DIES_AT_LAST_S = 2.0
"""How long it goes on where the model does not get so far."""
KILL = getattr(signal, "SIGKILL", signal.SIGTERM)
"""The signal nothing can catch; on Windows any signal ends a process so."""
TOLD_EVERY_S = 0.05
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Death:
    """What was left by the process that imported.

    Attributes:
        acknowledged: Entries it said were durable.
        took_ms: From the start of the import to that acknowledgement.
        code: Its exit code: minus the signal that ended it.
        process: Its id.
    """

    acknowledged: int
    took_ms: float
    code: int
    process: int

    @property
    def killed(self) -> bool:
        return self.code == -int(KILL) if os.name == "posix" else self.code != 0


def import_and_die(db: Path, file: Path, embedder: str | None, progress: Callable[[int, int], None]) -> Death:
    """Import a file in another process, which is then killed by itself, and wait for its end.

    Raises:
        HoldfastError: the import failed, with the error it failed with.
    """
    noise, report = list[str](), None
    command = _command("import", str(db), str(file), embedder or "")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout is not None
    try:
        for raw in process.stdout:
            line = raw.decode(errors="backslashreplace").rstrip()
            told = _parsed(line)
            if told is None:
                noise.append(line)
            elif "error" in told:
                raise _error(told)
            elif "progress" in told:
                done, total = cast("list[int]", told["progress"])
                progress(done, total)
            else:
                report = told
        code = process.wait()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stdout.close()
    if report is None:
        from holdfast.errors import ImportStopped

        raise ImportStopped(f"The importing process ended with {code} before it was done: {' '.join(noise[-3:])}")
    return Death(cast("int", report["acknowledged"]), cast("float", report["took_ms"]), code, process.pid)


def count_bytes(db: Path, needles: Sequence[str]) -> int:
    """How often any of the texts stands in the files of a space, counted by another process."""
    command = _command("scan", str(db))
    asked = json.dumps(list(needles)).encode()
    done = subprocess.run(command, input=asked, stdout=subprocess.PIPE, check=True)
    return int(done.stdout)


def _command(*arguments: str) -> list[str]:
    # -P: modules in the working folder must not take the place of ours.
    return [sys.executable, "-P", "-m", "holdfast.surfaces.cli.demo_child", *arguments]


def _parsed(line: str) -> dict[str, object] | None:
    try:
        told: object = json.loads(line)
    except ValueError:
        return None
    return cast("dict[str, object]", told) if isinstance(told, dict) else None


def _error(told: dict[str, object]) -> Exception:
    from holdfast import errors
    from holdfast.surfaces import wire

    body = cast("dict[str, object]", told["error"])
    kinds = {wire.error_code(kind): kind for kind in vars(errors).values() if isinstance(kind, type)}
    kind = kinds.get(str(body["code"]), errors.HoldfastError)
    return kind(str(body["message"]))


# In the other process


def run_import(db: str, file: str, embedder: str) -> int:
    """Import, say so, and die while the vectors are being made."""
    from holdfast.errors import HoldfastError
    from holdfast.memory import Memory
    from holdfast.surfaces import wire

    told = 0.0

    def tell(done: int, total: int) -> None:
        nonlocal told
        if time.monotonic() - told >= TOLD_EVERY_S:
            told = time.monotonic()
            _say({"progress": [done, total]})

    try:
        memory = Memory.open(db, embedder=embedder or None)
        start = time.perf_counter()
        report = memory.import_(file, progress=tell)
    except HoldfastError as error:
        _say(cast("dict[str, object]", wire.error_to_wire(error)))
        return 1
    took_ms = (time.perf_counter() - start) * 1000
    _say({"acknowledged": report.added + report.unchanged + report.forgotten, "took_ms": round(took_ms, 3)})
    if not embedder:
        _die()
    _die_in(DIES_AT_LAST_S)
    # The parent opens the space itself and says what is wrong with a model that fails.
    with contextlib.suppress(HoldfastError):
        memory.settle(progress=lambda done, total: _die_in(DIES_AFTER_S) if done > total // 3 else None)
    _die()
    return 0


def run_scan(db: str) -> int:
    """Count texts given on standard input in the files of a space."""
    needles = [str(needle).encode() for needle in cast("list[str]", json.load(sys.stdin))]
    path = Path(db)
    files = [file for file in path.parent.iterdir() if file.name.startswith(path.name) and file.is_file()]
    found = sum(occurrences(file, needle) for file in files for needle in needles)
    sys.stdout.write(f"{found}\n")
    return 0


def occurrences(file: Path, needle: bytes) -> int:
    """How often bytes stand in a file, read in blocks that overlap by all but one of them."""
    found, kept = 0, b""
    with file.open("rb") as source:
        while block := source.read(_BLOCK_BYTES):
            window = kept + block
            found += window.count(needle)
            kept = window[-(len(needle) - 1) :] if len(needle) > 1 else b""
    return found


def _die_in(seconds: float) -> None:
    timer = threading.Timer(seconds, _die)
    timer.daemon = True
    timer.start()


def _die() -> None:
    os.kill(os.getpid(), KILL)


def _say(told: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _task, *_arguments = sys.argv[1:]
    sys.exit(run_import(*_arguments) if _task == "import" else run_scan(*_arguments))
