"""Kill a space while it is pruned and compacted, and look for anything that is lost.

    python -m bench.prune_kill --kills 100 --seed 7

A space lives a random life for a while. Then, again and again, one process prunes it and compacts it while another
writes, revises and forgets; each is killed with SIGKILL at a random moment after it has the space open. The space is
opened: every acknowledged write must be there, with its last acknowledged revision or one that was under way, every
acknowledged forget hold, receipts verify, the check find nothing, and a rebuild give the same digest. In the end a
pruning that nobody disturbs must leave nothing to prune. A process that ends by itself counts as no kill: what it
failed at is told, and so is a campaign in which nothing was acknowledged or pruned.
"""

from __future__ import annotations

import json
import os
import random
import select
import signal
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bench.campaign import begin, end, options, replaced
from bench.histories import Life
from holdfast.adapters.clock import SystemClock
from holdfast.adapters.sqlite import snapshots
from holdfast.adapters.sqlite.store import SqliteStore
from holdfast.core.pruning import pruned
from holdfast.errors import Gone, HoldfastError, StoreBusy
from holdfast.memory import Memory
from holdfast.model.snapshots import Snapshot
from holdfast.services import pruning
from holdfast.services.ledger import Ledger

PLANTS = ("drops-first", "drops-revisions", "raw-vacuum", "fails")
MOST_MS = 400
MOST_OPENING_S = 20.0
"""How long is waited for a process to open the space; where it does not, it is killed then, and that is told."""
KILLS_PER_SPACE = 20


@dataclass
class Promised:
    """What the writers of a space were told.

    Attributes:
        there: Memories, with the importance that was acknowledged last.
        under_way: What they may have as well: a revision was announced and never acknowledged.
        going: Forgets that were announced.
        gone: Those that were acknowledged.
        pruned: Events that prunings reported.
    """

    there: dict[str, float | None] = field(default_factory=dict[str, float | None])
    under_way: dict[str, float] = field(default_factory=dict[str, float])
    going: set[str] = field(default_factory=set[str])
    gone: set[str] = field(default_factory=set[str])
    pruned: int = 0

    def hear(self, what: str, one: str, value: float | None) -> None:
        """Take in one line."""
        if what == "there":
            self.there[one] = value
        elif what == "revising" and value is not None:
            self.under_way[one] = value
        elif what == "revised":
            self.there[one] = value
            self.under_way.pop(one, None)
        elif what == "going":
            self.going.add(one)
        elif what == "gone":
            self.gone.add(one)
        elif what == "pruned":
            self.pruned += int(value or 0)

    def settle(self, one: str, importance: float | None) -> None:
        """What is found after a kill is what must be found from then on."""
        self.there[one] = importance
        self.under_way.pop(one, None)


def _writer(path: Path, told: int, seed: str) -> None:
    """Write, revise and forget until killed; what was acknowledged is told on a pipe."""
    chance, mine = random.Random(seed), list[str]()
    with Memory.open(path, embedder=None) as memory:
        _tell(told, "open")
        number = 0
        while True:
            number += 1
            act = chance.random()
            if act < 0.4 or not mine:
                record = memory.remember(f"{seed} {number}", key=f"{seed} {number}")
                mine.append(record.id)
                _tell(told, "there", record.id, record.importance)
            elif act < 0.85:
                one, value = chance.choice(mine), chance.random()
                _tell(told, "revising", one, value)
                memory.revise(one, importance=value)
                _tell(told, "revised", one, value)
            else:
                one = mine.pop(chance.randrange(len(mine)))
                _tell(told, "going", one)
                memory.forget(one)
                _tell(told, "gone", one)


def _pruner(path: Path, told: int) -> None:
    with Memory.open(path, embedder=None) as memory:
        _tell(told, "open")
        while True:
            # The other may hold the space for longer than is waited for; that is told as such, and tried again.
            with suppress(StoreBusy):
                memory.storage.snapshot()
                report = memory.storage.prune(keep_days=0, superseded=True, dry_run=False)
                _tell(told, "pruned", value=report.pruned)
                memory.storage.compact()


def _tell(pipe: int, what: str, one: str = "", value: float | None = None) -> None:
    os.write(pipe, (json.dumps([what, one, value]) + "\n").encode())


@dataclass
class Child:
    """A forked process and the end of its pipe."""

    process: int
    pipe: int

    @classmethod
    def start(cls, work: Callable[[int], None]) -> Child:
        """Fork a process. Nothing of SQLite is open in this process at that moment."""
        ours, theirs = os.pipe()
        process = os.fork()
        if process == 0:
            os.close(ours)
            try:
                work(theirs)
            except BaseException as error:  # noqa: BLE001 - the edge of the process: told to the parent, which fails
                with suppress(OSError):
                    _tell(theirs, "failed", repr(error))
            finally:
                os._exit(1)
        os.close(theirs)
        return cls(process, ours)

    def wait_until_open(self) -> None:
        """Until it says its first word, or has ended, or is too long about it."""
        select.select([self.pipe], [], [], MOST_OPENING_S)

    def kill(self) -> tuple[list[Any], str | None]:
        """Kill it; gives what it said, and why that was no kill."""
        os.kill(self.process, signal.SIGKILL)
        _, status = os.waitpid(self.process, 0)
        with os.fdopen(self.pipe, encoding="utf-8") as pipe:
            lines = [json.loads(line) for line in pipe if line.endswith("\n")]
        failures = [one for what, one, _ in lines if what == "failed"]
        if failures or not os.WIFSIGNALED(status):
            return lines, f"a process failed: {failures or 'without a word'}"
        return lines, None if lines else f"a process did not open the space within {MOST_OPENING_S:.0f} s"


def _killed(path: Path, chance: random.Random, seed: str, promised: Promised) -> list[str]:
    """Let both run and kill them; gives what failed, in words."""
    children = [
        Child.start(lambda told: _writer(path, told, seed)),
        Child.start(lambda told: _pruner(path, told)),
    ]
    failed = list[str]()
    for child in children:
        child.wait_until_open()
    chance.shuffle(children)
    for child in children:
        time.sleep(chance.uniform(0, MOST_MS / 1_000))
        lines, why = child.kill()
        failed += [why] if why else []
        for what, one, value in lines:
            promised.hear(what, one, value)
    return failed


def rounds(folder: Path, kills: int, seed: int) -> list[str]:
    """So many kills; what was broken, in words."""
    broken, path, promised = list[str](), folder / "none.db", Promised()
    acknowledged = dropped = 0
    for number in range(kills):
        chance = random.Random(f"{seed}/{number}")
        if number % KILLS_PER_SPACE == 0:
            path, promised = folder / f"space-{number}.db", Promised()
            with Memory.open(path, embedder=None) as memory:
                Life(memory, _still(), chance).live(60)
        before = len(promised.there), promised.pruned
        found = _killed(path, chance, f"{seed}/{number}", promised)
        acknowledged, dropped = acknowledged + len(promised.there) - before[0], dropped + promised.pruned - before[1]
        with Memory.open(path, embedder=None) as memory:
            found += _looked_at(memory, promised)
        broken += [f"kill {seed}/{number}: {line}" for line in found]
    if not acknowledged or not dropped:
        broken.append(f"{acknowledged} writes were acknowledged and {dropped} events pruned: nothing was shown")
    with Memory.open(path, embedder=None) as memory:
        time.sleep(0.01)
        memory.storage.prune(keep_days=0, dry_run=False)
        if left := memory.storage.prune(keep_days=0).pruned:
            broken.append(f"{left} events are left to prune")
    return broken


def _looked_at(memory: Memory, promised: Promised) -> list[str]:
    broken = memory.check()
    held = {record.id: record.importance for record in memory.records()}
    for one in promised.going:
        promised.there.pop(one, None)
    for one, importance in list(promised.there.items()):
        if one not in held:
            broken.append(f"memory {one} was acknowledged and is not there")
            continue
        allowed = [importance, *([promised.under_way[one]] if one in promised.under_way else [])]
        if held[one] not in allowed:
            broken.append(f"memory {one} has the importance {held[one]}, and {allowed} was acknowledged or under way")
        promised.settle(one, held[one])
    for one in promised.gone:
        with suppress(Gone):
            memory.get(one)
            broken.append(f"memory {one} was forgotten and is there")
    before = memory.storage.digest()
    if memory.storage.rebuild() != before:
        broken.append("a rebuild gives another digest")
    broken += [f"receipt {one.id} does not verify" for one in memory.receipts()[-2:] if not memory.verify(one).holds]
    return broken


def _still() -> Any:
    """The machine's clock, for a life that would set it."""

    class Still(SystemClock):
        now = 0

        def advance(self, _milliseconds: int) -> None: ...

    return Still()


def planted(plant: str | None) -> Any:
    """A fault for the time of a ``with``."""
    if plant == "drops-first":
        return replaced(pruning, "prune_to", _drops_first)
    if plant == "drops-revisions":
        return replaced(snapshots, "_KEPT", snapshots._KEPT.replace("place = 1 OR", ""))
    if plant == "fails":
        return replaced(sys.modules[__name__], "_writer", _fails)
    if plant == "raw-vacuum":
        return replaced(SqliteStore, "compact", _raw)
    return nullcontext()


def _drops_first(ledger: Ledger, snapshot: Snapshot) -> int:
    """Events go before the journal says that it begins later."""
    store = ledger.store
    with store.reading() as reader:
        below = [event.seq for event in reader.events(0, snapshot.seq) if event.seq <= snapshot.seq]
    gone = [(seq,) for seq in set(below) - set(snapshot.kept)]
    for one in gone:
        store.write(lambda connection, one=one: connection.execute("DELETE FROM event WHERE seq = ?", one).fetchall())
    time.sleep(0.05)  # as if there were many
    ledger.keep_snapshot(replace(snapshot, is_horizon=True), pruned(snapshot))
    return len(gone)


def _fails(*_: object, **__: object) -> None:
    raise RuntimeError("planted")


def _raw(store: SqliteStore) -> bool:
    """Compacting into another file that takes the place of the first, whoever has it open."""
    beside = Path(store.path + ".new")
    beside.unlink(missing_ok=True)
    with store.reading() as reader:
        reader.connection.execute("COMMIT").fetchall()
        reader.connection.execute("VACUUM INTO ?", (str(beside),)).fetchall()
        reader.connection.execute("BEGIN").fetchall()
    beside.replace(store.path)
    return True


def main() -> int:
    parser = options("prune_kill", __doc__, PLANTS)
    parser.add_argument("--kills", type=int, default=100)
    given = parser.parse_args()
    seed, folder = begin(given)
    with planted(given.plant):
        try:
            broken = rounds(folder, given.kills, seed)
        except HoldfastError as error:
            broken = [repr(error)]
    print(f"{given.kills:,} kills, {len(broken)} promises broken")
    return end(given, folder, broken)


if __name__ == "__main__":
    raise SystemExit(main())
