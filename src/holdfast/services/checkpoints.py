"""Checkpoints of the threads of graphs: kept, found, copied and forgotten.

A checkpoint names the version in which each channel stood; the value of a version is stored once, whatever number of
checkpoints stand on it. So a thread grows by what changes, step by step.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from holdfast.core import checkpoints as core
from holdfast.core.checkpoints import State
from holdfast.core.naming import Write, write
from holdfast.core.view import View
from holdfast.errors import InvalidField
from holdfast.model.checkpoints import Blob, Checkpoint, SavedCheckpoint, TaskWrite
from holdfast.model.events import Draft
from holdfast.model.ids import Id
from holdfast.model.items import ItemChange
from holdfast.model.records import Kind
from holdfast.services.forgetting import Forgetting
from holdfast.services.items import Items
from holdfast.services.ledger import Ledger
from holdfast.services.remembering import Remembering
from holdfast.services.states import States, Values

FORGOTTEN = "thread forgotten"
"""The reason in the receipt of the checkpoints of a thread."""
PRUNED = "checkpoints pruned"
RUN_FORGOTTEN = "run forgotten"


class Checkpoints:
    """The checkpoints of one space, for one principal."""

    def __init__(self, ledger: Ledger, remembering: Remembering, forgetting: Forgetting, items: Items) -> None:
        self._ledger = ledger
        self._remembering = remembering
        self._forgetting = forgetting
        self._items = items
        self._stored = States(lambda: ledger.secret)

    # Writing

    def put(self, checkpoint: Checkpoint, values: Mapping[str, Blob], also: Sequence[ItemChange]) -> None:
        if not isinstance(checkpoint, Checkpoint):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidField(f"{checkpoint!r:.80} was given; expected a Checkpoint. Nothing was written.")
        thread, namespace = self._where(checkpoint.thread, checkpoint.namespace)
        named = core.check_name(checkpoint.id, "id of the checkpoint")
        unknown = sorted(values.keys() - checkpoint.versions.keys())
        if unknown:
            raise InvalidField(f"There are values of {unknown!r:.120} and no versions of them. Nothing was written.")
        parts = [
            part
            for channel, value in values.items()
            for part in core.states(
                Kind.CHANNEL, thread, namespace, (channel, checkpoint.versions[channel]), core.blob_value(value)
            )
        ]
        parts += core.states(Kind.CHECKPOINT, thread, namespace, (named,), core.checkpoint_value(checkpoint))
        self._write(lambda view: parts, also)

    def put_writes(
        self, thread: str, namespace: str, checkpoint: str, writes: Sequence[TaskWrite], also: Sequence[ItemChange]
    ) -> None:
        thread, namespace = self._where(thread, namespace)
        named = core.check_name(checkpoint, "id of the checkpoint")
        by_task = defaultdict[str, list[TaskWrite]](list)
        for one in writes:
            by_task[core.check_name(one.task, "task")].append(one)
        core.writes_value(writes)  # checked before anything is looked at

        def parts(view: View) -> list[State]:
            made = list[State]()
            for task, given in by_task.items():
                names = (named, task)
                held = core.writes_of(task, self._stored.value(view, Kind.TASK_WRITES, thread, namespace, names) or ())
                value = core.writes_value(core.with_writes(held, given))
                made += core.states(Kind.TASK_WRITES, thread, namespace, names, value)
            return made

        self._write(parts, also)

    def _write(self, parts: Callable[[View], Sequence[State]], also: Sequence[ItemChange]) -> None:
        now, actor = self._ledger.clock.now_ms(), self._remembering.actor

        def drafts(view: View, secret: bytes) -> list[Draft]:
            made = list[Draft]()
            for one in parts(view):
                command = Write(one.name, self._stored.ids(one.kind, one.name), core.state_content(one, now, actor))
                made += write(view, command, secret)[0]
            return made

        self._items.apply(also, drafts)

    def copy(self, source: str, target: str) -> int:
        """Copy everything that a thread has to another, in one durable write; gives how many checkpoints."""
        old, new = core.check_thread(source), core.check_thread(target)
        if old == new:
            raise InvalidField(f"The thread {old!r:.80} cannot be copied to itself. Nothing was written.")
        with self._ledger.store.reading() as reader:
            parts = [core.moved(one, new) for one in self._stored.all_of(reader, old).values()]
        if parts:
            self._write(lambda view: parts, ())
        return sum(one.kind is Kind.CHECKPOINT and one.part == 0 for one in parts)

    # Reading

    def get(self, thread: str, namespace: str, named: str | None) -> SavedCheckpoint | None:
        thread, namespace = self._where(thread, namespace)
        with self._ledger.store.reading() as reader:
            held = self._stored.thread(reader, thread)
            wanted = max(held.ids(namespace), default=None) if named is None else core.check_name(named, "id")
            return None if wanted is None else self._stored.saved(reader, thread, namespace, wanted, held.tasks(), {})

    def list(self, thread: str | None, namespace: str | None, before: str | None) -> Iterator[SavedCheckpoint]:
        """Checkpoints, the greatest id first, read as they are asked for."""
        found, tasks = list[tuple[str, str, str]](), dict[str, dict[tuple[str, str], list[str]]]()
        with self._ledger.store.reading() as reader:
            for one in self._stored.threads(reader) if thread is None else [core.check_thread(thread)]:
                held = self._stored.thread(reader, one)
                tasks[one] = held.tasks()
                found += [
                    (names[0], where, one) for kind, where, names in held.known.values() if kind is Kind.CHECKPOINT
                ]
        wanted = {
            one for one in found if (namespace is None or one[1] == namespace) and (before is None or one[0] < before)
        }
        values = dict[str, Values]()
        for named, where, one in sorted(wanted, reverse=True):
            with self._ledger.store.reading() as reader:
                saved = self._stored.saved(reader, one, where, named, tasks[one], values.setdefault(one, {}))
            if saved is not None:
                yield saved

    def find(self, thread: str, namespace: str, named: str) -> Checkpoint | None:
        """One checkpoint alone, without values and writes."""
        thread, namespace = self._where(thread, namespace)
        with self._ledger.store.reading() as reader:
            return self._stored.checkpoint(reader, thread, namespace, named)

    def value(self, thread: str, namespace: str, channel: str, version: str) -> Blob | None:
        """The value of a channel in one version, where it has one."""
        thread, namespace = self._where(thread, namespace)
        with self._ledger.store.reading() as reader:
            return self._stored.values(reader, thread, namespace, {channel: version}, {}).get(channel)

    def writes(self, thread: str, namespace: str, named: str) -> tuple[TaskWrite, ...]:
        """What tasks wrote after a checkpoint, in order."""
        thread, namespace = self._where(thread, namespace)
        with self._ledger.store.reading() as reader:
            tasks = self._stored.thread(reader, thread).tasks()[namespace, named]
            return self._stored.writes(reader, thread, namespace, named, tasks)

    def threads(self) -> list[str]:
        """Every thread that has a checkpoint, sorted."""
        with self._ledger.store.reading() as reader:
            return sorted(self._stored.threads(reader))

    # Forgetting

    def forget_thread(self, thread: str) -> int:
        """Erase everything that a thread has; gives how many checkpoints that were."""
        named = core.check_thread(thread)
        with self._ledger.store.reading() as reader:
            states = self._stored.all_of(reader, named)
        return self._erase(states, states, FORGOTTEN)

    def forget_runs(self, runs: Collection[str]) -> int:
        """Erase the checkpoints of runs, with what tasks wrote after them and values that nothing else stands on."""
        wanted = {core.check_name(one, "id of the run") for one in runs}
        gone = 0
        if not wanted:
            return gone
        for thread in self.threads():
            with self._ledger.store.reading() as reader:
                states, found = self._stored.all_of(reader, thread), self._stored.checkpoints(reader, thread)
            keep = {(one.namespace, one.id) for one in found if one.run not in wanted}
            if len(keep) < len(found):
                gone += self._erase(states, self._without(states, found, keep), RUN_FORGOTTEN)
        return gone

    def prune(self, threads: Collection[str]) -> int:
        """Erase all but the newest checkpoint of each namespace, and what that one's channels still need."""
        gone = 0
        for thread in map(core.check_thread, threads):
            with self._ledger.store.reading() as reader:
                states, found = self._stored.all_of(reader, thread), self._stored.checkpoints(reader, thread)
            newest = dict[str, Checkpoint]()
            for one in found:
                if one.namespace not in newest or newest[one.namespace].id < one.id:
                    newest[one.namespace] = one
            keep = {place for one in newest.values() for place in _needed(one, found, states.values())}
            if len(keep) < len(found):
                gone += self._erase(states, self._without(states, found, keep), PRUNED)
        return gone

    def _without(
        self, states: Mapping[Id, State], found: Sequence[Checkpoint], keep: Collection[tuple[str, str]]
    ) -> dict[Id, State]:
        """What is left over where only these checkpoints of a thread stay."""
        used = {
            (one.namespace, channel, version)
            for one in found
            if (one.namespace, one.id) in keep
            for channel, version in one.versions.items()
        }

        def stays(one: State) -> bool:
            if one.kind is Kind.CHANNEL:
                return (one.namespace, *one.names) in used
            return (one.namespace, one.names[0]) in keep

        return {record: one for record, one in states.items() if not stays(one)}

    def _erase(self, states: Mapping[Id, State], gone: Mapping[Id, State], reason: str) -> int:
        if gone:
            self._forgetting.erase(list(gone), actor=self._remembering.actor, reason=reason, bars=False)
        return sum(one.kind is Kind.CHECKPOINT and one.part == 0 for one in gone.values())

    def _where(self, thread: str, namespace: str) -> tuple[str, str]:
        return core.check_thread(thread), core.check_name(namespace, "namespace", empty=True)


def _needed(newest: Checkpoint, found: Sequence[Checkpoint], states: Iterable[State]) -> Iterator[tuple[str, str]]:
    """The places of a checkpoint and of those before it that the values of its channels still follow from."""
    valued = {(one.namespace, *one.names) for one in states if one.kind is Kind.CHANNEL}
    by_id = {one.id: one for one in found if one.namespace == newest.namespace}
    open_ = {name for name in newest.deltas if (newest.namespace, name, newest.versions.get(name, "")) not in valued}
    at: Checkpoint | None = newest
    seen = set[str]()
    yield newest.namespace, newest.id
    while open_ and at is not None and at.id not in seen:
        seen.add(at.id)
        at = by_id.get(at.parent or "")
        if at is not None:
            yield at.namespace, at.id
            open_ -= {name for name in open_ if (at.namespace, name, at.versions.get(name, "")) in valued}
