"""Random interleavings of forgets with all that could bring something back; nothing may."""

from __future__ import annotations

import json
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from holdfast.adapters.sqlite.reader import SqliteReader
from holdfast.core import sync
from holdfast.core.receipts import ERASABLE
from holdfast.core.tombstones import Forgets
from holdfast.errors import ConfirmationNeeded, Gone, HoldfastError, KeyReused, NotFound
from holdfast.memory import Memory
from holdfast.model.erasure import ForgetReceipt
from holdfast.model.ids import id_text, parse_id
from holdfast.recovery import restore
from holdfast.services import ledger, restoring
from holdfast.services.ledger import Ledger
from holdfast.testing.faults import SteppedClock

STEPS = 24
NODES = 2
ON_DISK = 10
"""One interleaving in so many uses files, and so backups and restores; the others are in memory."""
START_MS = 1_750_000_000_000
ACTS = ("say", "state", "derive", "import", "forget", "retry", "again", "merge", "rebuild", "backup", "restore")
WEIGHTS = (3, 4, 3, 2, 5, 3, 2, 4, 1, 2, 2)
WHEN = "2024-06-01"


def imported(number: int) -> str:
    """A file that is imported now and then, always the same."""
    entries = [{"author": "Ada", "text": f"Imported line {line} of {number}."} for line in range(4)]
    return json.dumps({"conversation": f"talk {number}", "entries": entries})


@dataclass
class Node:
    """One device that holds the space.

    Attributes:
        path: Its file; None in memory.
        gone: What was forgotten here, or that a forget was heard of here.
        words: Words of facts that were forgotten here.
        keys: Keys that were used here, with their words.
        backups: Files of earlier states.
    """

    memory: Memory
    path: Path | None
    clock: SteppedClock
    gone: set[str] = field(default_factory=set[str])
    words: set[str] = field(default_factory=set[str])
    keys: dict[str, str] = field(default_factory=dict[str, str])
    backups: list[Path] = field(default_factory=list[Path])


class World:
    """Two devices with one space, and what may be done to it."""

    def __init__(self, folder: Path, chance: random.Random, *, on_disk: bool) -> None:
        self.folder, self.chance, self.on_disk = folder, chance, on_disk
        self.counts = Counter[str]()
        self.made = 0
        self.nodes: list[Node] = []
        for number in range(NODES):
            path = folder / f"{number}.db" if on_disk else None
            # Times and ids follow from the seed, so that what a seed found it finds again.
            clock = SteppedClock(START_MS + chance.randrange(10_000), seed=chance.randrange(1 << 30))
            self.nodes.append(Node(self._open(path, clock), path, clock))
        self.nodes[0].memory.remember("The first fact.", key="first")
        for node in self.nodes[1:]:
            node.memory.storage.merge(self.nodes[0].memory.storage.journal())

    def _open(self, path: Path | None, clock: SteppedClock) -> Memory:
        return Memory.open(path or ":memory:", embedder=None, touches=False, clock=clock)

    def close(self) -> None:
        """Let go of everything."""
        for node in self.nodes:
            node.memory.close()

    def step(self) -> str:
        """Do something at random; gives what."""
        what = self.chance.choices(ACTS, WEIGHTS)[0]
        node = self.chance.choice(self.nodes)
        node.clock.advance(self.chance.randrange(-500, 5_000))
        with suppress(NotFound, Gone):  # a source that fell meanwhile, a key or words that are gone
            getattr(self, f"_{what}")(node)
        self.counts[what] += 1
        return what

    def _text(self) -> str:
        self.made += 1
        return f"Statement {self.made}."

    def _held(self, node: Node) -> list[str]:
        return [record.id for record in node.memory.records()]

    def _say(self, node: Node) -> None:
        node.memory.session(f"s{self.chance.randrange(2)}").add("user", self._text(), when=WHEN)

    def _state(self, node: Node) -> None:
        text, key = self._text(), f"key {self.made}"
        node.memory.remember(text, key=key, subject=f"thing {self.made % 3}", when=WHEN)
        node.keys[key] = text

    def _derive(self, node: Node) -> None:
        if held := self._held(node):
            sources = self.chance.sample(held, min(len(held), self.chance.randint(1, 2)))
            node.memory.remember(f"Derived: {self._text()}", sources=sources, when=WHEN)

    def _import(self, node: Node) -> None:
        node.memory.import_([imported(self.chance.randrange(3))])

    def _forget(self, node: Node) -> None:
        held = self._held(node)
        if not held:
            return
        kind = self.chance.randrange(4)
        texts = {record.id: record.text for record in node.memory.records() if record.session is None}
        if kind == 0:
            receipt = self._go(node, where={"subject": f"thing {self.chance.randrange(3)}"})
        elif kind == 1:
            receipt = self._go(node, session=f"s{self.chance.randrange(2)}")
        else:
            receipt = node.memory.forget(*self.chance.sample(held, min(len(held), self.chance.randint(1, 3))))
        going = (*receipt.forgotten, *receipt.derived)
        node.gone.update(going)
        node.words.update(texts[one] for one in going if one in texts)
        if not node.memory.verify(receipt).holds:
            raise AssertionError(f"receipt {receipt.id} does not hold")

    def _go(self, node: Node, **conditions: Any) -> ForgetReceipt:
        try:
            return node.memory.forget(**conditions)
        except ConfirmationNeeded:  # it is all that the space holds
            return node.memory.forget(**conditions, confirm=node.memory.preview_forget(**conditions).token)

    def _retry(self, node: Node) -> None:
        keys = {key: text for one in self.nodes for key, text in one.keys.items()}
        if keys:
            key = self.chance.choice(sorted(keys))
            node.memory.remember(keys[key], key=key, subject=f"thing {int(key.split()[1]) % 3}", when=WHEN)
            node.keys[key] = keys[key]

    def _again(self, node: Node) -> None:
        """The words of a forgotten fact, said once more on the node that forgot it."""
        if node.words:
            text = self.chance.choice(sorted(node.words))
            try:
                node.memory.remember(text)
            except Gone:
                return
            raise AssertionError(f"{text!r} was forgotten and was learned again")

    def _merge(self, node: Node) -> None:
        other = self.chance.choice([one for one in self.nodes if one is not node])
        node.memory.storage.merge(list(other.memory.storage.journal()))
        node.gone |= other.gone

    def _rebuild(self, node: Node) -> None:
        before = node.memory.storage.digest()
        if node.memory.storage.rebuild() != before:
            raise AssertionError("a rebuild gives another digest")

    def _backup(self, node: Node) -> None:
        if node.path is not None:
            self.made += 1
            backup = self.folder / f"backup {self.made}.db"
            node.memory.storage.backup(backup)
            node.backups.append(backup)

    def _restore(self, node: Node) -> None:
        if node.path is None or not node.backups:
            return
        node.memory.close()
        try:
            restore(self.chance.choice(node.backups), node.path, replace=True, clock=node.clock)
        finally:
            node.memory = self._open(node.path, node.clock)
        # What was only heard of since, and whose memory never came here, is known to the others and comes back with
        # the next merge; what was forgotten here is.

    def returned(self) -> Iterator[str]:
        """What was forgotten and is there."""
        for number, node in enumerate(self.nodes):
            live = {record.id for record in node.memory.records(quarantined=True)}
            yield from (f"node {number} lists {one}" for one in sorted(live & node.gone))
            with node.memory._space.store.reading() as reader:
                held = reader.find_all([parse_id(one) for one in node.gone])
                for event in reader.events(0, 100_000):
                    about = id_text(event.header.record)
                    if event.header.type in ERASABLE and event.payload is not None and about in node.gone:
                        yield f"node {number} holds the payload of {about}"
                fallen = {id_text(record) for record, one in held.items() if one.receipt}
            yield from (f"node {number} does not know that {one} is gone" for one in sorted(node.gone - fallen))
            derived = (record.id for record in node.memory.records(quarantined=True) if set(record.sources) & node.gone)
            yield from (f"node {number} holds {one}, made of what is gone" for one in derived)

    def converge(self) -> None:
        """Everybody hears of everything."""
        for _ in range(2):
            for node in self.nodes:
                self._merge(node)


def interleaving(folder: Path, seed: str, *, on_disk: bool) -> tuple[list[str], Counter[str]]:
    """One of them; gives what came back, with the steps that led there, and what was done."""
    world, steps = World(folder, random.Random(seed), on_disk=on_disk), list[str]()
    try:
        for _ in range(STEPS):
            steps.append(world.step())
            if found := list(world.returned()):
                return [f"{seed}: {found[0]} after {' '.join(steps)}"], world.counts
        world.converge()
        found = [f"{seed}: {one} after all was merged" for one in world.returned()]
        digests = {node.memory.storage.digest() for node in world.nodes}
        found += [f"{seed}: the nodes differ"] if len(digests) > 1 else []
        for node in world.nodes:
            found += [f"{seed}: {problem}" for problem in node.memory.check()]
        return found, world.counts
    except (AssertionError, KeyReused) as error:
        return [f"{seed}: {error} after {' '.join(steps)}"], world.counts
    except HoldfastError as error:
        return [f"{seed}: {type(error).__name__}: {error} after {' '.join(steps)}"], world.counts
    finally:
        world.close()


def campaign(
    folder: Path, seed: int, count: int, plant: str | None, every: int = ON_DISK
) -> tuple[list[str], Counter[str]]:
    """So many interleavings, one in ``every`` on disk; gives what came back, and what was done in all."""
    returned, counts = list[str](), Counter[str]()
    undo = plant_fault(plant) if plant else (lambda: None)
    try:
        for number in range(count):
            on_disk = number % every == 0
            place = folder / str(number)
            place.mkdir()
            found, done = interleaving(place, f"{seed}.{number}", on_disk=on_disk)
            returned += found
            counts += done
            counts["on disk"] += on_disk
            shutil.rmtree(place)
    finally:
        undo()
    return returned, counts


def plant_fault(plant: str) -> Callable[[], None]:
    """Break a promise on purpose; gives what mends it."""
    target, name, value = _PLANTS[plant]
    real = getattr(target, name)
    setattr(target, name, value)
    return lambda: setattr(target, name, real)


def _admit_all(events: Any, space: Any, heads: Any, is_forgotten: Any, secret: bytes, now_ms: int) -> Any:
    return sync.admit(events, space, heads, lambda record: False, secret, now_ms)


def _no_forgets(*_: object, **__: object) -> Forgets:
    return Forgets({}, {})


_PLANTS: dict[str, tuple[Any, str, Any]] = {
    "merge-ignores-tombstones": (ledger, "admit", _admit_all),
    "merge-keeps-derived": (Ledger, "forget_orphans", lambda self, actor: 0),
    "restore-skips-tombstones": (restoring, "gather", _no_forgets),
    "bars-ignored": (SqliteReader, "bar", lambda self, digest: None),
}
PLANTS = tuple(_PLANTS)
