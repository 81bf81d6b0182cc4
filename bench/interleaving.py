"""Hold the embedding model in the middle of a call, change the memories it is embedding, and let it go on.

    python -m bench.interleaving --count 1000 --seed 7

In each interleaving some memories wait for their vectors. At every call the model stops at a gate, with the texts in
its hands; meanwhile memories are forgotten, corrected, revised, added, remembered again after a forget, the space is
rebuilt, and what happened on another node is merged, by an order that the seed decides. Nothing waits for time: the
model goes on when the changes are done. In the end

- every memory is held as it was left, and what was forgotten is gone, also from recall;
- every live memory has the vector of its text, bit by bit, a superseded one that or none, and there is no other vector;
- no byte of a forgotten text or of its vector is in the file once the space is closed;
- `check` finds nothing, and a rebuild changes neither the digest nor the vectors.

The exit code is 1 when any of this is broken. ``--plant`` breaks it on purpose: ``blind`` stores what the model made
whatever became of the memory, ``careless`` takes everything that the model was given for embedded.
"""

from __future__ import annotations

import queue
import random
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from bench.campaign import begin, end, options, replaced
from holdfast.adapters.sqlite import store as store_module
from holdfast.adapters.sqlite.connection import blocks
from holdfast.adapters.sqlite.rows import pack_vector
from holdfast.adapters.sqlite.vectors import store_vectors
from holdfast.core.vectors import quantise
from holdfast.errors import Gone
from holdfast.memory import Memory
from holdfast.model.ids import parse_id
from holdfast.ports.embedder import Vectors
from holdfast.testing.embedders import HashEmbedder
from holdfast.testing.faults import SteppedClock

PLANTS = ("blind", "careless")
PER_SPACE = 10
"""Interleavings in one space: what an earlier one left must not be hurt by a later one."""
WAIT_S = 120.0
"""A model or a caller that is not heard of for so long hangs, which is a failure."""
DONE = "done"


class GatedEmbedder(HashEmbedder):
    """A model that tells of every call, and goes on with it when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: queue.Queue[str] = queue.Queue()
        self.go = threading.Semaphore(0)
        self.is_open = False

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder.embed`."""
        made = super().embed(texts)
        if not self.is_open:
            self.heard.put(f"{len(texts)} texts")
            if not self.go.acquire(timeout=WAIT_S):
                raise TimeoutError("nobody let the model go on")
        return made

    def embed_query(self, text: str) -> Any:
        """See `Embedder.embed_query`."""
        return HashEmbedder.embed(self, [text])[0]


@dataclass
class Left:
    """What a space must hold, by what was done to it."""

    texts: dict[str, str] = field(default_factory=dict[str, str])
    """Of what is live, by id."""
    superseded: set[str] = field(default_factory=set[str])
    forgotten: dict[str, str] = field(default_factory=dict[str, str])
    said: int = 0

    def fresh(self, mark: str) -> str:
        """A text that was never said."""
        self.said += 1
        return f"{mark} number {self.said} stands in the hall of {mark[::-1]}."


@dataclass
class Script:
    """Changes by chance, to one space, by either of two memories over it."""

    chance: random.Random
    left: Left
    memories: tuple[Memory, ...]
    folder: Path
    mark: str
    acts: dict[str, int] = field(default_factory=dict[str, int])

    def change(self) -> None:
        """One change."""
        ways = (self.forget, self.correct, self.revise, self.add, self.again, self.rebuild, self.merge)
        way = self.chance.choices(ways, (4, 4, 3, 3, 2, 1, 1))[0]
        way(self.chance.choice(self.memories))
        self.acts[way.__name__] = self.acts.get(way.__name__, 0) + 1

    def _one(self) -> str | None:
        """A live memory, mostly one of those that the model may have in its hands."""
        ours = sorted(one for one, text in self.left.texts.items() if self.mark in text)
        held = ours if ours and self.chance.random() < 0.8 else sorted(self.left.texts)
        return self.chance.choice(held) if held else None

    def forget(self, memory: Memory) -> None:
        if (target := self._one()) is not None:
            memory.forget(target)
            self.left.forgotten[target] = self.left.texts.pop(target)

    def correct(self, memory: Memory) -> None:
        if (target := self._one()) is not None:
            text = self.left.fresh(self.mark)
            new = memory.correct(target, text)
            del self.left.texts[target]
            self.left.superseded.add(target)
            self.left.texts[new.id] = text

    def revise(self, memory: Memory) -> None:
        if (target := self._one()) is not None:
            memory.revise(target, tags=[f"t{self.chance.randrange(100)}"])

    def add(self, memory: Memory) -> None:
        text = self.left.fresh(self.mark)
        added = memory.session(self.mark).add("user", text) if self.chance.random() < 0.5 else memory.remember(text)
        self.left.texts[added.id] = text

    def again(self, memory: Memory) -> None:
        """Forget, and remember the same words as another memory: they have the same vector, by right."""
        if (target := self._one()) is not None:
            memory.forget(target)
            text = self.left.texts.pop(target)
            new = memory.remember(text, readmit=True)
            self.left.forgotten[target] = ""
            self.left.texts[new.id] = text

    def rebuild(self, memory: Memory) -> None:
        memory.storage.rebuild()

    def merge(self, memory: Memory) -> None:
        """What another node did with its copy."""
        path = self.folder / f"{self.mark}-{self.left.said}-{self.chance.randrange(10**9)}.db"
        there = SteppedClock(seed=self.chance.randrange(10**9))
        with Memory.open(path, embedder=None, clock=there) as other:
            other.storage.merge(list(memory.storage.journal()))
            here, self.memories = self.memories, (other,)
            for way in self.chance.choices((self.forget, self.correct, self.revise, self.add), k=2):
                way(other)
            self.memories = here
            memory.storage.merge(list(other.storage.journal()))
        for file in path.parent.glob(f"{path.name}*"):
            file.unlink()


def interleave(path: Path, left: Left, seed: str) -> dict[str, int]:
    """One interleaving; gives how often each kind of change was made."""
    chance, clock, gate = random.Random(seed), SteppedClock(seed=crc32(seed.encode())), GatedEmbedder()
    mark = f"m{chance.getrandbits(48):012x}"
    with Memory.open(path, embedder=None, clock=clock, touches=False) as plain:
        for _ in range(chance.randint(2, 10)):
            text = left.fresh(mark)
            left.texts[plain.remember(text).id] = text
        # Its background asks for the oldest of them as soon as it is open.
        with Memory.open(path, embedder=gate, clock=clock, touches=False) as embedded:
            script = Script(chance, left, (plain, embedded), path.parent, mark)
            settling = threading.Thread(target=_settle, args=(embedded, gate.heard), daemon=True)
            heard, changes, begun = gate.heard.get(timeout=WAIT_S), chance.randint(1, 8), False
            while heard != DONE:
                for _ in range(min(changes, chance.randint(1, 3))):
                    script.change()
                    changes -= 1
                if not begun:
                    settling.start()
                    begun = True
                gate.go.release()
                heard = gate.heard.get(timeout=WAIT_S)
            settling.join()
            gate.is_open = True
            _recall(embedded, left, mark)
    return script.acts


def _settle(memory: Memory, heard: queue.Queue[str]) -> None:
    try:
        memory.settle()
    finally:
        heard.put(DONE)


def _recall(memory: Memory, left: Left, mark: str) -> None:
    found = memory.recall(f"What of {mark} stands in the hall?", limit=1000)
    wrong = [hit.text for hit in found if left.texts.get(hit.id) != hit.text]
    if wrong or found.pending:
        raise Broken(f"recall gave {wrong[:2]}, with {found.pending} that have no vector")


class Broken(AssertionError):
    """A promise was not kept."""


def judged(path: Path, left: Left) -> Iterator[str]:
    """What is wrong with a space that is closed."""
    with Memory.open(path, embedder=None) as memory:
        yield from _judged(memory, left)
        digest = memory.storage.digest()
        if memory.storage.rebuild() != digest:
            yield "a rebuild gives another digest"
        yield from (f"after a rebuild: {why}" for why in _judged(memory, left))
        yield from memory.check()
    content = b"".join(part for part in blocks(path, 1 << 20))
    for text in left.forgotten.values():
        if text and (text.encode() in content or _code(text).tobytes() in content):
            yield f"bytes of {text!r}, which was forgotten, are in the file"


def _judged(memory: Memory, left: Left) -> Iterator[str]:
    held = {record.id: record for record in memory.records()}
    if {one: record.text for one, record in held.items()} != left.texts:
        lost, extra = left.texts.keys() - held.keys(), held.keys() - left.texts.keys()
        yield f"{len(lost)} memories were lost and {len(extra)} came back, or other texts are held"
    for one in left.forgotten:
        with suppress(Gone):
            yield f"{memory.get(one).text!r} was forgotten and came back"
    old = {one: memory.get(one) for one in left.superseded - left.forgotten.keys()}
    yield from (f"{record.text!r} was corrected and holds again" for record in old.values() if not record.superseded_by)
    with memory._space.store.reading() as reader:
        stored, waiting = reader.vectors(0), reader.backlog_size()
        places = {found.n: one for one in held | old if (found := reader.find(parse_id(one))) is not None}
    codes = dict(zip(stored.ns.tolist(), stored.values, strict=True))
    missing = {n for n, one in places.items() if one in held} - codes.keys()
    if waiting or missing or codes.keys() - places.keys():
        other = len(codes.keys() - places.keys())
        yield f"{len(missing)} memories have no vector ({waiting} wait), {other} vectors are of nothing that is held"
    for n, one in places.items():
        if n in codes and not np.array_equal(codes[n], _code((held | old)[one].entry)):
            yield f"the vector of {(held | old)[one].text!r} is that of another text"


def _code(text: str) -> Any:
    return quantise(HashEmbedder().embed([text]))[0][0]


# Faults


def planted(plant: str | None) -> AbstractContextManager[None]:
    """The named fault, for the time of a ``with``."""
    if plant == "blind":
        return replaced(store_module, "store_vectors", _stored_blindly)
    if plant == "careless":
        return replaced(store_module, "store_vectors", _taken_for_stored)
    return nullcontext()


def _stored_blindly(connection: Any, border: Any, revision: int, ns: Any, seqs: Any, entries: Any, vectors: Any) -> int:
    for place, n in enumerate(ns):
        data = pack_vector(n, vectors.values[place], float(vectors.scales[place]))
        connection.execute("DELETE FROM vector WHERE n = ?", (n,))
        connection.execute(
            "INSERT INTO vector (n, entry, data) VALUES (?, ?, ?)", (n, border.entry(*entries[place]), data)
        )
        connection.execute("DELETE FROM backlog WHERE n = ?", (n,))
    return len(ns)


def _taken_for_stored(connection: Any, border: Any, revision: int, ns: Any, *rest: Any) -> int:
    stored = store_vectors(connection, border, revision, ns, *rest)
    connection.executemany("DELETE FROM backlog WHERE n = ?", [(n,) for n in ns])
    return stored


def main(arguments: list[str] | None = None) -> int:
    """Run a campaign and print what came of it."""
    parser = options("interleaving", __doc__, PLANTS)
    parser.add_argument("--count", type=int, default=1000)
    given = parser.parse_args(arguments)
    seed, folder = begin(given)
    start, broken, acts = time.monotonic(), list[str](), dict[str, int]()
    with planted(given.plant):
        for space in range(0, given.count, PER_SPACE):
            path, left = folder / f"{space}.db", Left()
            for number in range(space, min(space + PER_SPACE, given.count)):
                try:
                    for act, times in interleave(path, left, f"{seed}.{number}").items():
                        acts[act] = acts.get(act, 0) + times
                except Broken as error:
                    broken.append(f"interleaving {number}: {error}")
            found = [f"interleavings {space} to {space + PER_SPACE - 1}: {why}" for why in judged(path, left)]
            broken += found
            if not found:
                for file in folder.glob(f"{path.name}*"):
                    file.unlink()
            if len(broken) > 100:
                break
    print("  ".join(f"{act} {times}" for act, times in sorted(acts.items())))
    print(f"interleavings {given.count}  broken {len(broken)}  seed {seed}  {time.monotonic() - start:.0f} s")
    return end(given, folder, broken)


if __name__ == "__main__":
    sys.exit(main())
