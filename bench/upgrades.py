"""Kill the opening of old files at every statement, and look for a file that does not open or lacks something.

    python -m bench.upgrades --seed 7

For each file that a released schema left (`tests.adapters.sqlite.fixtures`), plain and encrypted: a process opens a
copy with today's library and is killed with SIGKILL before its first statement, before its second, and so on to the
end, so at every statement of every migration, and of what is made again afterwards. Half of the copies are killed once
more on the way to the next opening, at a random statement. Then the copy is opened: it must be of the old schema or the
new one before, of the new one after; every memory must read as it was written, what was superseded and forgotten must
be, the chains must end where they did, and ``check()`` must find nothing.

The exit code is 1 when one of these is broken. ``--plant`` breaks the promise on purpose, to see that this notices:
``no-transaction`` carries out each statement of a migration by itself.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import apsw

from bench.campaign import begin, end, options
from holdfast.adapters.sqlite.migrate import migrations
from holdfast.errors import Gone, HoldfastError
from holdfast.memory import Memory
from tests.adapters.sqlite.fixtures import OldSpace, old_spaces

PLANTS = ("no-transaction",)


def opening(path: Path, key: bytes | None, die_at: int | None, plant: str | None) -> int:
    """Open a file in a process that kills itself before a statement; gives how many it came to."""
    ours, theirs = os.pipe()
    process = os.fork()
    if process == 0:
        try:
            apsw.connection_hooks.append(_killing(theirs, die_at))
            if plant:
                _plant_no_transaction()
            Memory.open(path, embedder=None, key=key).close()
        finally:
            os._exit(0)
    os.close(theirs)
    with os.fdopen(ours, "rb") as pipe:
        count = len(pipe.read())
    os.waitpid(process, 0)
    return count


def _killing(pipe: int, die_at: int | None) -> Callable[[apsw.Connection], None]:
    count = 0

    def trace(*_: object) -> bool:
        nonlocal count
        count += 1
        os.write(pipe, b".")
        if count == die_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return True

    return lambda connection: connection.set_exec_trace(trace)


def _plant_no_transaction() -> None:
    """Each statement of a migration by itself, in this process."""
    from holdfast.adapters.sqlite import migrate

    class Plain:
        def __init__(self, connection: apsw.Connection) -> None:
            self._connection = connection

        def execute(self, sql: str, *values: object) -> object:
            if sql.startswith("BEGIN") or sql in ("COMMIT", "ROLLBACK"):
                return self._connection.execute("SELECT 1")
            return self._connection.execute(sql, *values)

        def __getattr__(self, name: str) -> object:
            return getattr(self._connection, name)

    from holdfast.adapters.sqlite import store

    sound = migrate.migrate
    store.migrate = lambda connection, *rest: sound(Plain(connection), *rest)  # type: ignore[attr-defined,arg-type]


def version(path: Path) -> int:
    """The schema of a file that nobody has open."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        return connection.execute("PRAGMA user_version").get
    finally:
        connection.close()


def judge(old: OldSpace, path: Path) -> list[str]:
    """Open what a kill left and hold it against what was written."""
    newest = migrations()[-1][0]
    wrong = list[str]()
    if (found := version(path)) not in (old.schema, newest):
        wrong.append(f"schema {found}, neither {old.schema} nor {newest}")
    try:
        with Memory.open(path, embedder=None, key=old.key) as memory:
            wrong += memory.check()
            held = {record.id: record.text for record in memory.records()}
            if held != old.records:
                wrong.append(f"{len(held)} memories, not the {len(old.records)} that were written")
            for one, by in old.superseded.items():
                if memory.get(one).superseded_by != by:
                    wrong.append(f"{one} was superseded and is not")
            wrong += [f"{one} was forgotten and is not" for one in old.forgotten if not _is_gone(memory, one)]
            if [list(head) for head in memory.proof().heads] != old.heads:
                wrong.append("the chains end elsewhere")
            memory.remember("written by today's library")
    except HoldfastError as error:
        return [*wrong, f"{type(error).__name__}: {error}"]
    if version(path) != newest:
        wrong.append("not of today's schema once it was opened")
    return wrong


def _is_gone(memory: Memory, record: str) -> bool:
    try:
        memory.get(record)
    except Gone:
        return True
    return False


def main(arguments: list[str] | None = None) -> int:
    """Run a campaign and print what came of it."""
    parser = options("upgrades", __doc__, PLANTS)
    parser.add_argument("--most", type=int, default=None, help="only the first so many: the migrations are among 40")
    given = parser.parse_args(arguments)
    seed, folder = begin(given)
    chance, start_s, kills, files, broken = random.Random(seed), time.monotonic(), 0, 0, list[str]()
    for old in old_spaces():
        files += 1
        path = folder / "old.db"
        path.write_bytes(old.content)
        statements = opening(path, old.key, None, given.plant)
        for place in range(1, min(statements, given.most or statements) + 1):
            if given.plant and broken:
                break
            for file in folder.iterdir():
                file.unlink()
            path.write_bytes(old.content)
            places = [place, chance.randint(1, statements)] if chance.random() < 0.5 else [place]
            for die_at in places:
                kills += opening(path, old.key, die_at, given.plant) == die_at
            broken += [f"{old.name}, killed at statement {places}: {line}" for line in judge(old, path)]
        for file in folder.iterdir():
            file.unlink()
        print(f"{old.name}: {statements} statements to open it", flush=True)
    took_s = time.monotonic() - start_s
    print(f"files {files}  kills {kills}  wrong {len(broken)}  seed {seed}  {took_s:.0f} s")
    return end(given, folder, broken)


if __name__ == "__main__":
    sys.exit(main())
