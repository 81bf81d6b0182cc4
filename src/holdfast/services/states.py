"""What is stored of the threads of graphs, read back: parts found by their names and joined."""

from __future__ import annotations

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from holdfast.core import checkpoints as core
from holdfast.core.checkpoints import State, state_name
from holdfast.core.codec import decode_content
from holdfast.core.naming import generation, named_id
from holdfast.core.view import View
from holdfast.errors import Damaged
from holdfast.model.checkpoints import Blob, Checkpoint, SavedCheckpoint, TaskWrite
from holdfast.model.filters import having
from holdfast.model.ids import Id
from holdfast.model.records import Kind
from holdfast.ports.store import Reader

THREADS = 64
"""Threads of which it is remembered what they have."""
VALUES = 256
"""Values of channels that one listing has at hand."""
_PAGE = 200
_KINDS = (Kind.CHECKPOINT, Kind.CHANNEL, Kind.TASK_WRITES)
Values = dict[tuple[str, str, str], Blob | None]
"""Values that were read already, by namespace, channel and version."""


@dataclass(slots=True)
class Thread:
    """What a thread has: local numbers of first parts, by what they are known by."""

    seq: int = -1
    known: dict[int, tuple[Kind, str, tuple[str, ...]]] = field(
        default_factory=dict[int, tuple[Kind, str, tuple[str, ...]]]
    )

    def ids(self, namespace: str) -> list[str]:
        return [
            names[0] for kind, where, names in self.known.values() if kind is Kind.CHECKPOINT and where == namespace
        ]

    def tasks(self) -> dict[tuple[str, str], list[str]]:
        """The tasks that wrote after a checkpoint, by its namespace and id."""
        found = defaultdict[tuple[str, str], list[str]](list)
        for kind, where, names in self.known.values():
            if kind is Kind.TASK_WRITES:
                found[where, names[0]].append(names[1])
        return found


class States:
    """The states of one space's threads.

    Args:
        secret: Of the space: gives the ids of what has a name.
    """

    def __init__(self, secret: Callable[[], bytes]) -> None:
        self._secret = secret
        self._lock = threading.Lock()
        self._threads: OrderedDict[str, Thread] = OrderedDict()

    def ids(self, kind: Kind, name: str) -> Callable[[int], Id]:
        return lambda number: named_id(self._secret(), kind, name, number)

    def threads(self, reader: Reader) -> list[str]:
        ns = reader.select(having({"kind": [int(Kind.CHECKPOINT)]}), None, None, aside=True)
        return list(dict.fromkeys(one.thread for _, one in _parts(reader, ns)))

    def all_of(self, reader: Reader, thread: str) -> dict[Id, State]:
        """Everything that a thread has, by record."""
        wanted = having({"kind": list(map(int, _KINDS)), "session": [thread]})
        return dict(_parts(reader, reader.select(wanted, None, None, aside=True)))

    def thread(self, reader: Reader, thread: str) -> Thread:
        """What a thread has, level with the journal; only what is new is read."""
        seq = reader.head().seq
        with self._lock:
            held = self._threads.pop(thread, None) or Thread()
            if held.seq != seq:
                wanted = having({"kind": [int(Kind.CHECKPOINT), int(Kind.TASK_WRITES)], "session": [thread]})
                ns = set(reader.select(wanted, None, None, aside=True))
                known = {n: one for n, one in held.known.items() if n in ns}
                fresh = sorted(ns - held.known.keys())
                for n, one in _numbered(reader, fresh):
                    known[n] = (one.kind, one.namespace, one.names)
                # A later part says what the first says, so it changes nothing that it is known by.
                held = Thread(seq, known)
            self._threads[thread] = held
            while len(self._threads) > THREADS:
                self._threads.popitem(last=False)
            return held

    def saved(
        self,
        reader: Reader,
        thread: str,
        namespace: str,
        named: str,
        tasks: Mapping[tuple[str, str], Sequence[str]],
        values: Values,
    ) -> SavedCheckpoint | None:
        checkpoint = self.checkpoint(reader, thread, namespace, named)
        if checkpoint is None:
            return None
        found = self.values(reader, thread, namespace, checkpoint.versions, values)
        wrote = self.writes(reader, thread, namespace, named, dict.fromkeys(tasks.get((namespace, named), ())))
        return SavedCheckpoint(checkpoint, found, wrote)

    def checkpoint(self, reader: Reader, thread: str, namespace: str, named: str) -> Checkpoint | None:
        first = State(Kind.CHECKPOINT, thread, namespace, (named,), 0, 1, "")
        value = self.value(reader, Kind.CHECKPOINT, thread, namespace, (named,))
        return None if value is None else _read(first, lambda: core.checkpoint_of(first, value))

    def writes(
        self, reader: Reader, thread: str, namespace: str, named: str, tasks: Iterable[str]
    ) -> tuple[TaskWrite, ...]:
        found = list[TaskWrite]()
        for task in tasks:
            value = self.value(reader, Kind.TASK_WRITES, thread, namespace, (named, task))
            first = State(Kind.TASK_WRITES, thread, namespace, (named, task), 0, 1, "")
            found += _read(first, lambda task=task, value=value: core.writes_of(task, value or ()))
        return core.in_order(found)

    def values(
        self,
        reader: Reader,
        thread: str,
        namespace: str,
        versions: Mapping[str, str],
        known: Values,
    ) -> dict[str, Blob]:
        """The values of channels in these versions; a channel without one is left out."""
        found = dict[str, Blob]()
        for channel, version in versions.items():
            place = (namespace, channel, version)
            if place not in known:
                if len(known) >= VALUES:
                    known.clear()
                value = self.value(reader, Kind.CHANNEL, thread, namespace, (channel, version))
                first = State(Kind.CHANNEL, thread, namespace, (channel, version), 0, 1, "")
                known[place] = None if value is None else _read(first, lambda value=value: core.read_blob(value))
            blob = known[place]
            if blob is not None:
                found[channel] = blob
        return found

    def value(self, view: View, kind: Kind, thread: str, namespace: str, names: tuple[str, ...]) -> Any:
        """What is stored under a name; None where nothing is."""
        parts = list[State]()
        while not parts or len(parts) < parts[0].parts:
            name = state_name(thread, namespace, names, len(parts))
            record, version = generation(view, self.ids(kind, name))
            held = view.find(record) if version else None
            content = decode_content(view.event(held.seq)) if held else None
            if content is None:
                return None
            parts.append(core.state_of(content))
        return _read(parts[0], lambda: core.joined(parts))

    def checkpoints(self, reader: Reader, thread: str) -> list[Checkpoint]:
        held = self.thread(reader, thread)
        places = [(where, names[0]) for kind, where, names in held.known.values() if kind is Kind.CHECKPOINT]
        found = (self.checkpoint(reader, thread, *place) for place in dict.fromkeys(places))
        return [one for one in found if one is not None]


def _numbered(reader: Reader, ns: Sequence[int]) -> Iterator[tuple[int, State]]:
    for start in range(0, len(ns), _PAGE):
        current = reader.current(ns[start : start + _PAGE])
        for n in sorted(current):
            content = decode_content(current[n][1])
            if content is not None:
                yield n, core.state_of(content)


def _parts(reader: Reader, ns: Sequence[int]) -> Iterator[tuple[Id, State]]:
    for start in range(0, len(ns), _PAGE):
        for held, event in reader.current(ns[start : start + _PAGE]).values():
            content = decode_content(event)
            if content is not None:
                yield held.id, core.state_of(content)


def _read(of: State, read: Callable[[], Any]) -> Any:
    try:
        return read()
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise Damaged(
            f"What is kept of the thread {of.thread!r:.60} as {of.kind.name.lower()} {' '.join(of.names)!r:.80} cannot "
            f"be read ({error!r}). Run `holdfast check`."
        ) from None
