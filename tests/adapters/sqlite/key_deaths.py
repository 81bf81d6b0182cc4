"""Changes of key that die after every step: run as a program, since it forks.

Usage: python -m tests.adapters.sqlite.key_deaths FOLDER CHANGE, with CHANGE one of encrypt, rewrap, rotate.

A step is a statement of SQLite's, a sync, or a file put in place. The change is begun anew in a fork, which ends
itself without another instruction at the first step, then at the second, until it comes to its end. After each death
the space must open with what the keyring has, hold what it held, and, once it is under the new key and was opened,
show no plain byte, with the old key gone.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from holdfast import Keyring, Memory
from holdfast.adapters.sqlite import store
from holdfast.adapters.sqlite.database import Database
from holdfast.errors import NotEncrypted

TEXT = "Quillon keeps the Vexworth ledger in a drawer."
DIED = 9
LEAST = {"encrypt": 50, "rewrap": 12, "rotate": 50}
"""Steps that each change has at least."""


def change_and_die(folder: Path, change: str, at_step: int) -> None:
    """In a fork: do a change of key, and end the process at a step."""
    step = 0

    def count(*_: object) -> bool:
        nonlocal step
        step += 1
        if step == at_step:
            os._exit(DIED)
        return True

    ring = Keyring.open(folder / "keys" / "ring.json")
    memory = Memory.open(folder / "space.db", embedder=None, key=None if change == "encrypt" else ring)
    fsync, replace, pwrite = os.fsync, Path.replace, os.write
    os.fsync = lambda descriptor: (count(), fsync(descriptor), None)[-1]
    os.write = lambda descriptor, content: (count(), pwrite(descriptor, content))[-1]
    Path.replace = lambda self, target: (count(), replace(self, target))[-1]  # type: ignore[method-assign]
    trace_every_connection(memory, count)
    if change == "encrypt":
        memory.storage.encrypt(ring)
    else:
        memory.storage.rotate_key(data=change == "rotate")
    os._exit(0)


def trace_every_connection(memory: Memory, count: Callable[..., bool]) -> None:
    """Count the statements of the connection there is, and of every one that a change opens in its place."""
    connect = store.connect

    def traced(*given: Any, **named: Any) -> Database:
        connection = connect(*given, **named)
        connection.set_exec_trace(count)
        return connection

    store.connect = traced
    memory._space.store._connection.set_exec_trace(count)


def campaign(folder: Path, change: str) -> int:
    """Deaths until the change came to its end; gives how many."""
    made, tried = folder / "made", folder / "tried"
    (made / "keys").mkdir(parents=True)
    ring = Keyring.open(made / "keys" / "ring.json")
    with Memory.open(made / "space.db", embedder=None, key=None if change == "encrypt" else ring) as memory:
        for number in range(5):
            memory.remember(f"{TEXT} {number}", tags=["zanzibar"], source="obelisk")
        digest = memory.storage.digest()
    first = {entry.key_id for entry in ring.entries()}
    code, deaths, sealed = DIED, 0, 0
    while code == DIED:
        shutil.rmtree(tried, ignore_errors=True)
        shutil.copytree(made, tried)
        child = os.fork()
        if child == 0:
            try:
                change_and_die(tried, change, deaths + 1)
            except BaseException as error:  # noqa: BLE001 - a fork must not go on as if it were the campaign
                sys.stderr.write(f"the change failed: {error!r}\n")
                sys.stderr.flush()
            os._exit(1)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        deaths += code == DIED
        sealed += after_death(tried, change, digest, first, f"after step {deaths} of {change}")
    assert code == 0, f"the change ended with {code}"
    assert deaths >= LEAST[change], f"only {deaths} deaths: the change itself is no longer looked at"
    assert sealed > 0, "no death came after the change was durable"
    return deaths


def after_death(folder: Path, change: str, digest: str, first: set[str | None], where: str) -> bool:
    """Look at what a death left; whether the space is encrypted now."""
    path = folder / "space.db"
    ring = Keyring.open(folder / "keys" / "ring.json")
    try:
        memory = Memory.open(path, embedder=None, key=ring)
    except NotEncrypted:
        assert change == "encrypt", where
        memory = Memory.open(path, embedder=None)
    with memory:
        state = memory.storage.encryption()
        assert memory.storage.digest() == digest, where
        assert memory.check() == [], where
        memory.remember("Written afterwards.")
    left = {entry.key_id for entry in ring.entries()}
    if state is None:
        return False
    if state.key_id in first:
        assert len(left) <= 2, where
        return False
    assert left == {state.key_id}, f"{where}: the key that was replaced is gone, and no other was made"
    held = b"".join(file.read_bytes() for file in folder.glob("space.db*"))
    assert not [word for word in (b"Quillon", b"zanzibar", b"obelisk") if word in held], where
    return True


if __name__ == "__main__":
    sys.stdout.write(f"deaths {campaign(Path(sys.argv[1]), sys.argv[2])}\n")
