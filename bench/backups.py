"""Back a space up while two processes write to it, restore it, and look for anything that is not as it was.

    python -m bench.backups --rounds 50 --seed 7

Two processes write to one space: turns, facts, corrections and forgets. In each round a backup is taken meanwhile and
restored twice: whole, and cut at a random event. Every event of the backup and of the cut must be, in order, the one
of the living space, by its header, commitment and chain; what was there before the backup began must be in it; a
restored space must pass ``check()``, go on under a node of its own, and hold nothing that was forgotten by then. At
the end of each space an old backup is restored over it, and every receipt must verify.

The exit code is 1 when anything was wrong. ``--plant`` breaks a promise on purpose, to see that this notices:
``raw-copy`` copies the file's bytes instead of the database, ``skip-forgets`` does not forget again what was forgotten
after the backup, ``same-node`` goes on under the name of the node that wrote the backup.

    python -m bench.backups --delays 40000 --seed 7

compares how long writes take while a space is copied in steps, and by ``VACUUM INTO``.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from holdfast.adapters.sqlite.backup import SqliteFiles
from holdfast.adapters.sqlite.connection import connect
from holdfast.errors import HoldfastError
from holdfast.memory import Memory
from holdfast.model.erasure import ForgetReceipt
from holdfast.model.events import Event
from holdfast.model.ids import id_text, parse_id
from holdfast.model.moving import BackupReport
from holdfast.model.reports import Turn
from holdfast.ports.spacefiles import Place, Tell
from holdfast.recovery import restore
from holdfast.services import restoring
from holdfast.services.paging import all_events

WRITERS = 2
ROUNDS_PER_SPACE = 5
VERIFIED = 10
"""Receipts of each restored space that are verified; all of them are compared."""
PAUSE_S = 0.01
"""Between two writes of one writer, so that a round does not grow with the machine."""
WINDOW_S = 0.25
"""How long the writers go on between two backups, at most."""
DELAY_COPIES = 5
PLANTS = ("raw-copy", "skip-forgets", "same-node")


# The writers


def write(path: Path, seed: str, log: Path) -> None:
    """Write until standard input ends; note when each write began and how long it took."""
    stop = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
    chance, mine, spans = random.Random(seed), list[str](), list[tuple[float, float]]()
    with Memory.open(path, embedder=None) as memory:
        count = 0
        while not stop.is_set():
            count += 1
            began_s = time.time()
            with suppress(HoldfastError):  # what fell with its source cannot be corrected
                _one_write(memory, chance, mine, f"{seed} {count}")
            spans.append((began_s, time.time() - began_s))
            stop.wait(PAUSE_S)
    log.write_text(json.dumps(spans))


def _one_write(memory: Memory, chance: random.Random, mine: list[str], mark: str) -> None:
    act = chance.choices(("turn", "fact", "derived", "correct", "forget"), (5, 3, 2, 1, 2))[0]
    some = chance.choice(mine) if mine else None
    match act:
        case "turn":
            mine.append(memory.session(mark[:8]).add("user", f"I said {mark}").id)
        case "derived" if some:
            mine.append(memory.remember(f"Noted {mark}", sources=[some]).id)
        case "correct" if some:
            mine.append(memory.correct(some, f"Rather {mark}").id)
        case "forget" if some:
            mine.remove(some)
            memory.forget(some)
        case _:
            mine.append(memory.remember(f"Known {mark}", subject="Ada").id)


@contextmanager
def writing(path: Path, seed: str, folder: Path, spans: list[tuple[float, float]]) -> Iterator[None]:
    """Two processes that write for the time of a ``with``; gives their spans when they have ended."""
    logs = [folder / f"spans-{number}.json" for number in range(WRITERS)]
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "bench.backups", "--writer", str(path), f"{seed}-{number}", str(log)],
            stdin=subprocess.PIPE,
        )
        for number, log in enumerate(logs)
    ]
    try:
        yield
    finally:
        codes = [_ended(process) for process in running]
    if any(codes):
        raise RuntimeError(f"a writer ended with {codes}")
    for log in logs:
        spans.extend((began, took) for began, took in json.loads(log.read_text()))


def _ended(process: subprocess.Popen[bytes]) -> int:
    if process.stdin is not None:
        process.stdin.close()
    return process.wait(timeout=60)


# What is looked at


def events_of(memory: Memory) -> list[Event]:
    """The whole journal of a space."""
    with memory._space.store.reading() as reader:
        return list(all_events(reader))


def marks(events: Iterable[Event]) -> list[tuple[object, bytes, bytes]]:
    """What of events can never change."""
    return [(event.header, event.commitment, event.chain) for event in events]


@dataclass
class Campaign:
    """Rounds of backups and restores, and what went wrong in them."""

    seed: int
    plant: str | None
    folder: Path
    problems: list[str] = field(default_factory=list[str])
    backups: int = 0
    restored: int = 0
    forgotten: int = 0
    nodes: set[bytes] = field(default_factory=set[bytes])
    spans: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])
    during: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])

    def run(self, rounds: int) -> None:
        for first in range(0, rounds, ROUNDS_PER_SPACE):
            self._one_space(first, min(ROUNDS_PER_SPACE, rounds - first))

    def _one_space(self, first: int, rounds: int) -> None:
        folder = self.folder / f"space-{first}"
        folder.mkdir()
        path, chance = folder / "ada.db", random.Random(f"{self.seed}/{first}")
        Memory.open(path, embedder=None).close()
        kept: Path | None = None
        with planted(self.plant):
            with writing(path, f"{self.seed}-{first}", folder, self.spans):
                _wait_for_events(path, 20)
                for number in range(first, first + rounds):
                    time.sleep(chance.uniform(0, WINDOW_S))
                    taken = self._round(path, folder, number, chance)
                    kept = kept or taken
            self._over_the_living(path, kept)
        shutil.rmtree(folder)

    def _round(self, path: Path, folder: Path, number: int, chance: random.Random) -> Path | None:
        """One backup, restored whole and cut; gives the backup's file."""
        target = folder / f"{number}.bak"
        with Memory.open(path, embedder=None, read_only=True) as memory:
            before = memory.summary().events
            began_s = time.time()
            try:
                report = memory.storage.backup(target)
            except HoldfastError as error:
                self._wrong(number, f"the backup failed: {error}")
                return None
            self.during.append((began_s, time.time()))
            if report.seq < before:
                self._wrong(number, f"{before - report.seq} events from before the backup are not in it")
        self.backups += 1
        time.sleep(chance.uniform(0, WINDOW_S))
        with Memory.open(path, embedder=None, read_only=True) as memory:
            receipts, living = memory.receipts(), events_of(memory)
        with Memory.open(target, embedder=None, read_only=True) as memory:
            if marks(events_of(memory)) != marks(living[: report.seq]):
                self._wrong(number, "the backup is no prefix of the journal")
        self._restored(number, target, receipts, living, report, None)
        self._restored(number, target, receipts, living, report, chance.randint(1, report.seq))
        return target

    def _restored(
        self,
        number: int,
        target: Path,
        receipts: Sequence[ForgetReceipt],
        living: Sequence[Event],
        report: BackupReport,
        seq: int | None,
    ) -> None:
        """Restore a backup where nothing is, and look at what comes of it."""
        place = target.with_suffix(".db" if seq is None else ".cut.db")
        what = "restored" if seq is None else f"cut at {seq}"
        try:
            done = restore(target, place, receipts=receipts, seq=seq)
        except HoldfastError as error:
            self._wrong(number, f"{what}: {error}")
            return
        with Memory.open(place, embedder=None) as memory:
            memory.remember("It goes on.")
            events = events_of(memory)
            if marks(events[: done.seq]) != marks(living[: done.seq]):
                self._wrong(number, f"{what}: it is no prefix of the journal")
            nodes = {event.header.node for event in events[done.seq :]}
            if nodes & (self.nodes | {event.header.node for event in living}):
                self._wrong(number, f"{what}: it goes on under a node that writes elsewhere")
            self.nodes |= nodes
            self._nothing_back(number, what, memory, receipts)
        self.restored += 1
        for file in place.parent.glob(place.name + "*"):
            file.unlink()

    def _nothing_back(self, number: int, what: str, memory: Memory, receipts: Sequence[ForgetReceipt]) -> None:
        gone = {one for receipt in receipts for one in (*receipt.forgotten, *receipt.derived)}
        self.forgotten += len(gone)
        back = gone & {record.id for record in memory.records(quarantined=True)}
        held = [event for event in events_of(memory) if id_text(event.header.record) in gone and _has_words(event)]
        if back or held:
            self._wrong(
                number, f"{what}: {len(back)} forgotten memories are back, {len(held)} payloads of such are held"
            )
        if problems := memory.check():
            self._wrong(number, f"{what}: {problems[:2]}")
        if {receipt.id for receipt in receipts} - {receipt.id for receipt in memory.receipts()}:
            self._wrong(number, f"{what}: receipts are missing")
        some = receipts[-VERIFIED:]
        unverified = [receipt.id for receipt in some if memory.verify(receipt).problems][:3] if not back else []
        if unverified:
            self._wrong(number, f"{what}: receipts {unverified} do not verify")

    def _over_the_living(self, path: Path, kept: Path | None) -> None:
        """Put the oldest backup in place of the space it was taken of."""
        if kept is None:
            return
        with Memory.open(path, embedder=None) as memory:
            receipts = memory.receipts()
        restore(kept, path, replace=True)
        with Memory.open(path, embedder=None) as memory:
            self._nothing_back(-1, "restored over the space", memory, receipts)

    def _wrong(self, number: int, what: str) -> None:
        self.problems.append(f"round {number}: {what}")

    def delays(self) -> dict[str, float]:
        """How long a write took that met a backup, and one that met none, in milliseconds."""
        met = [took for began, took in self.spans if any(a < began + took and began < b for a, b in self.during)]
        free = [took for began, took in self.spans if all(began + took <= a or b <= began for a, b in self.during)]
        some = (("met", sorted(met)), ("free", sorted(free)))
        shares = (("median", 0.5), ("p95", 0.95), ("longest", 1.0))
        return {
            f"{name}_{what}_ms": round(1_000 * took[int(share * (len(took) - 1))], 1)
            for name, took in some
            if took
            for what, share in shares
        }


def _has_words(event: Event) -> bool:
    return event.header.type in (1, 2) and event.payload is not None


def _wait_for_events(path: Path, least: int) -> None:
    while True:
        with Memory.open(path, embedder=None, read_only=True) as memory:
            if memory.summary().events >= least:
                return
        time.sleep(0.02)


# Two ways to copy


def compare_delays(memories: int, seed: int) -> dict[str, object]:
    """How long a write takes of two processes while the file is copied in steps, by VACUUM INTO, or not at all."""
    with tempfile.TemporaryDirectory(prefix="holdfast-backups-") as name:
        folder = Path(name)
        path, spans = folder / "ada.db", list[tuple[float, float]]()
        with Memory.open(path, embedder=None) as memory:
            for first in range(0, memories, 1_000):
                turns = [
                    Turn(speaker="user", text=f"{n} " + "words of some length " * 10)
                    for n in range(first, first + 1_000)
                ]
                memory.session("s").add_many(turns)
        size = path.stat().st_size
        found = dict[str, list[tuple[float, float]]]()
        with writing(path, str(seed), folder, spans):
            _wait_for_events(path, memories + 10)
            for number in range(DELAY_COPIES):
                for how, copy in (("steps", _by_steps), ("vacuum", _by_vacuum), ("none", lambda *_: time.sleep(1.0))):
                    began_s = time.time()
                    copy(path, folder / f"{how}-{number}")
                    found.setdefault(how, []).append((began_s, time.time()))
        told: dict[str, object] = {"seed": seed, "megabytes": round(size / 1e6, 1)}
        for how, whiles in found.items():
            took = sorted(took for began, took in spans if any(a < began + took and began < b for a, b in whiles))
            told[how] = {
                "copy_s": round(sum(b - a for a, b in whiles) / len(whiles), 2),
                "writes": len(took),
                "median_ms": round(1_000 * took[len(took) // 2], 1),
                "p95_ms": round(1_000 * took[int(0.95 * (len(took) - 1))], 1),
                "longest_ms": round(1_000 * took[-1], 1),
            }
    return told


def _by_steps(source: Path, target: Path) -> None:
    SqliteFiles().copy(source, target, as_backup=True, tell=None)


def _by_vacuum(source: Path, target: Path) -> None:
    with closing(connect(str(source), writable=False)) as connection:
        connection.execute("VACUUM INTO ?", (str(target),)).fetchall()


# Broken on purpose


@contextmanager
def planted(what: str | None) -> Iterator[None]:
    """Break one promise for the time of a ``with``."""
    match what:
        case "raw-copy":
            with mock.patch.object(SqliteFiles, "copy", _raw_copy):
                yield
        case "skip-forgets":
            with (
                mock.patch.object(restoring, "carry_out", return_value=((), ())),
                mock.patch.object(restoring.receipts, "left_of", return_value=()),
            ):
                yield
        case "same-node":
            with mock.patch.object(restoring, "time_ordered_id", return_value=_SAME_NODE):
                yield
        case _:
            yield


_SAME_NODE = parse_id("01a1f83c-0000-7000-8000-000000000001")
"""One name for every restored space: two of them then write two histories under it."""
_real_copy = SqliteFiles.copy


def _raw_copy(self: SqliteFiles, source: Path, target: Path, *, as_backup: bool, tell: Tell | None) -> Place:
    """What ``cp`` does, slowly, with the place a backup would name."""
    place = _real_copy(self, source, target, as_backup=as_backup, tell=tell)
    # Another process, so that no lock is lost here.
    script = "import sys, time; from pathlib import Path; a, b = map(Path, sys.argv[1:]); one = a.open('rb'); "
    script += "head = one.read(50_000); time.sleep(0.4); b.write_bytes(head + one.read())"
    subprocess.run([sys.executable, "-c", script, str(source), str(target)], check=True)
    return place


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--plant", choices=PLANTS)
    parser.add_argument("--delays", type=int, metavar="MEMORIES", help="Compare two ways to copy, and end.")
    parser.add_argument("--writer", nargs=3, metavar=("PATH", "SEED", "LOG"), help=argparse.SUPPRESS)
    given: Any = parser.parse_args(arguments)
    if given.writer:
        write(Path(given.writer[0]), given.writer[1], Path(given.writer[2]))
        return 0
    seed = random.SystemRandom().randrange(10**6) if given.seed is None else given.seed
    if given.delays:
        print(json.dumps(compare_delays(given.delays, seed), indent=1))
        return 0
    print(f"seed {seed}", flush=True)
    began_s = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="holdfast-backups-") as folder:
        campaign = Campaign(seed, given.plant, Path(folder))
        campaign.run(given.rounds)
    print(json.dumps(
        {"rounds": given.rounds, "backups": campaign.backups, "restored": campaign.restored,
         "forgotten_looked_for": campaign.forgotten, "writes": len(campaign.spans), "wrong": len(campaign.problems),
         **campaign.delays(), "duration_s": round(time.perf_counter() - began_s, 1)}, indent=1
    ))  # fmt: skip
    for problem in campaign.problems[:20]:
        print(problem)
    return 1 if campaign.problems else 0


if __name__ == "__main__":
    sys.exit(main())
