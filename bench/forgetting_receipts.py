"""Tamperings with a journal and its receipts, against heads that were kept."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import apsw

from holdfast.core.proof import commitment, genesis, link
from holdfast.errors import HoldfastError
from holdfast.memory import Memory
from holdfast.model.erasure import ForgetReceipt, Proof
from holdfast.model.events import EventType, Header
from holdfast.model.ids import Id
from holdfast.services import chains
from holdfast.testing.faults import SteppedClock

PLANTS = ("chains-unchecked", "heads-unchecked")
_FIELDS = (
    "seq",
    "node_seq",
    "hlc",
    "type",
    "n",
    "record",
    "version",
    "other",
    "commitment",
    "chain",
    "salt",
    "payload",
)
_EVENTS = f"SELECT {', '.join(_FIELDS)} FROM event ORDER BY seq"
_FOUND_LATER = ("pending", "residue", "recorded_again", "index_vectors")
"""What a receipt says that is not recorded."""
Row = dict[str, Any]


@dataclass
class Kept:
    """A space, and what somebody keeps of it elsewhere."""

    path: Path
    proof: Proof
    receipts: list[ForgetReceipt]


def made(folder: Path) -> Kept:
    """A space with memories of every sort and some forgets."""
    path = folder / "kept.db"
    with Memory.open(path, embedder=None, clock=SteppedClock(1_750_000_000_000)) as memory:
        facts = [memory.remember(f"Fact {number} of many.", key=f"key {number}") for number in range(24)]
        derived = memory.remember("Made of two.", sources=[facts[0].id, facts[1].id])
        memory.correct(facts[2].id, "What is right.", reason="so they say")
        memory.revise(facts[3].id, importance=0.9)
        turns = [memory.session("s").add("user", f"Turn {number}.") for number in range(12)]
        receipts = [memory.forget(one.id, reason=f"reason {number}") for number, one in enumerate(facts[4:10])]
        receipts += [memory.forget(facts[0].id), memory.forget(turns[0].id, turns[1].id)]
        memory.remember("Fact 4 of many.", readmit=True)
        if derived.id not in receipts[6].derived:
            raise RuntimeError("what was derived did not fall")
        return Kept(path, memory.proof(), receipts)


class Journal:
    """The rows of a journal, as somebody with the file and the code may rewrite them."""

    def __init__(self, path: Path) -> None:
        self._connection = apsw.Connection(str(path))
        self.rows: list[Row] = [dict(zip(_FIELDS, row, strict=True)) for row in self._connection.execute(_EVENTS)]
        meta = dict(self._connection.execute("SELECT key, value FROM meta"))
        self.space = Id(meta["space"])
        self.node = Id(self._connection.execute("SELECT id FROM node WHERE ref = 1").get)

    def receipts(self) -> list[Row]:
        """Those that record a receipt."""
        return [row for row in self.rows if row["type"] == EventType.RECEIPT]

    def rechain(self) -> None:
        """Number the events again and make every commitment and chain value fit."""
        chain = genesis(self.space, self.node)
        for number, row in enumerate(self.rows, 1):
            row["seq"] = row["node_seq"] = number
            if row["payload"] is not None:
                row["commitment"] = commitment(row["salt"], row["payload"])
            kind, other = EventType(row["type"]), row["other"]
            header = Header(
                self.space, self.node, number, row["hlc"], kind, Id(row["record"]), row["version"], other and Id(other)
            )
            row["chain"] = chain = link(chain, header, row["commitment"])

    def write(self, *, heads: bool) -> None:
        """Put the rows back.

        Args:
            heads: Make the node's head fit as well.
        """
        run = self._connection.execute
        run("BEGIN IMMEDIATE").fetchall()
        run("DELETE FROM event").fetchall()
        for row in self.rows:
            values = [row[name] for name in _FIELDS]
            run("INSERT INTO event VALUES (?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values).fetchall()
        if heads and self.rows:
            last = self.rows[-1]
            run(
                "UPDATE node SET (node_seq, chain) = (?, ?) WHERE ref = 1", (last["node_seq"], last["chain"])
            ).fetchall()
        run("COMMIT").fetchall()

    def close(self) -> None:
        """Let go of the file, so that its log is folded in."""
        self._connection.close()


def edit_header(journal: Journal, chance: random.Random) -> None:
    row = chance.choice(journal.rows)
    name = chance.choice(("hlc", "type", "record", "version", "other"))
    if name == "record" or name == "other":
        row[name] = chance.randbytes(16)
    elif name == "type":
        row[name] = chance.choice([kind for kind in (1, 2, 3, 4, 7) if kind != row["type"]])
    else:
        row[name] += chance.randint(1, 1000)


def edit_chain(journal: Journal, chance: random.Random) -> None:
    row, name = chance.choice(journal.rows), chance.choice(("chain", "commitment"))
    row[name] = chance.randbytes(32)


def edit_payload(journal: Journal, chance: random.Random) -> None:
    row = chance.choice([row for row in journal.rows if row["payload"]])
    payload = bytearray(row["payload"])
    payload[chance.randrange(len(payload))] ^= 1 << chance.randrange(7)
    row["payload"] = bytes(payload)


def edit_receipt(journal: Journal, chance: random.Random) -> None:
    """What a receipt says, with a commitment that fits."""
    row = chance.choice(journal.receipts())
    for name, value in (("actor", b'"actor":"mallory"'), ("reason", b'"reason":"another"')):
        if chance.random() < 0.5 or name == "reason":
            before = row["payload"]
            start = before.index(f'"{name}":'.encode())
            end = before.index(b',"', start)
            row["payload"] = before[:start] + value + before[end:]
            break
    row["commitment"] = commitment(row["salt"], row["payload"])


def erase_receipt(journal: Journal, chance: random.Random) -> None:
    row = chance.choice(journal.receipts())
    row["payload"] = row["salt"] = None


def drop(journal: Journal, chance: random.Random) -> None:
    journal.rows.remove(chance.choice(journal.rows))


def drop_receipt(journal: Journal, chance: random.Random) -> None:
    journal.rows.remove(chance.choice(journal.receipts()))


def reorder(journal: Journal, chance: random.Random) -> None:
    """Two events change places, in the order of arrival or in their numbers too."""
    one, other = chance.sample(journal.rows, 2)
    for name in ("seq", "node_seq") if chance.random() < 0.5 else ("seq",):
        one[name], other[name] = other[name], one[name]
    journal.rows.sort(key=lambda row: row["seq"])


def truncate(journal: Journal, chance: random.Random) -> None:
    del journal.rows[-chance.randint(1, len(journal.rows) - 1) :]


def insert(journal: Journal, chance: random.Random) -> None:
    """An event that never was: a copy of another with an id of its own."""
    row = dict(chance.choice([row for row in journal.rows if row["payload"]]))
    row["record"], row["n"] = chance.randbytes(16), 0
    place = chance.randrange(len(journal.rows))
    journal.rows.insert(place, row)
    for number, each in enumerate(journal.rows, 1):
        each["seq"] = number


Tampering = Callable[[Journal, random.Random], None]
TAMPERINGS: tuple[Tampering, ...] = (
    edit_header, edit_chain, edit_payload, edit_receipt, erase_receipt, drop, drop_receipt, reorder, truncate, insert,
)  # fmt: skip


def seen(path: Path, proof: Proof) -> str | None:
    """How a tampering shows against the kept heads alone; None where it does not."""
    try:
        with Memory.open(path, embedder=None) as memory:
            return "told" if memory.verify(proof).problems else None
    except HoldfastError as error:
        return type(error).__name__


def forged(kept: Kept, chance: random.Random) -> str | None:
    """Change a receipt that was given out; gives what was changed where the space does not notice."""
    receipt = chance.choice(kept.receipts)
    name = chance.choice([one.name for one in fields(receipt) if one.name not in _FOUND_LATER])
    value = getattr(receipt, name)
    match value:
        case int():
            other: Any = value + 1
        case tuple():
            other = (*value, "01a1f83c-0000-7000-8000-000000000000")
        case None | str():
            other = ("0" if not str(value).startswith("0") else "1") + str(value)[1:]
        case _:
            other = {**value, "rows": 99}
    with Memory.open(kept.path, embedder=None) as memory:
        try:
            return None if memory.verify(replace(receipt, **{name: other})).problems else name
        except HoldfastError:
            return None


def campaign(folder: Path, seed: int, count: int, plant: str | None) -> tuple[Counter[str], list[str]]:
    """Tamper so many times; gives how it showed, and which went unseen."""
    chance, kept = random.Random(seed), made(folder)
    shown, unseen = Counter[str](), list[str]()
    undo = plant_fault(plant) if plant else (lambda: None)
    try:
        if seen(kept.path, kept.proof) or not _all_hold(kept):
            unseen.append("an unaltered space does not verify")
        for number in range(count):
            if number % (len(TAMPERINGS) + 1) == len(TAMPERINGS):
                missed = forged(kept, chance)
                shown["forged receipt unseen" if missed else "forged receipt told"] += 1
                unseen += [f"{number}: {missed} of a receipt"] if missed else []
                continue
            tamper = TAMPERINGS[number % (len(TAMPERINGS) + 1)]
            # Whoever has the file and the code makes everything after the change fit again, as often as not.
            consistent = chance.random() < 0.5 and tamper is not edit_chain
            path = folder / "tampered.db"
            shutil.copy(kept.path, path)
            journal = Journal(path)
            tamper(journal, chance)
            if consistent:
                journal.rechain()
            journal.write(heads=consistent)
            journal.close()
            how = seen(path, kept.proof)
            shown[how or "unseen"] += 1
            if how is None:
                unseen.append(f"{number}: {tamper.__name__}{', made to fit' if consistent else ''}")
    finally:
        undo()
    return shown, unseen


def _all_hold(kept: Kept) -> bool:
    with Memory.open(kept.path, embedder=None) as memory:
        return all(memory.verify(one).holds for one in (kept.proof, *kept.receipts))


def plant_fault(plant: str) -> Callable[[], None]:
    """Break the checks on purpose; gives what mends them."""
    if plant == "heads-unchecked":
        from holdfast.core.receipts import Heads

        real = Heads.problems
        Heads.problems = lambda self, anchors=None: []  # type: ignore[method-assign]
        return lambda: setattr(Heads, "problems", real)

    def unchecked(events: Any, *_: object, **__: object) -> list[str]:
        for _ in events:
            pass
        return []

    real_chains = chains.chain_problems
    chains.chain_problems = unchecked  # type: ignore[assignment]
    return lambda: setattr(chains, "chain_problems", real_chains)
