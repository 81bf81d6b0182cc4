"""What running tasks put into the store, until it is committed with what they wrote.

LangGraph runs a step as tasks, and saves what each one wrote when it is done: a task that was saved does not run again
after a crash, one that was not runs from its start. So what a task puts waits for that moment, and is read meanwhile by
its own thread. Saves run in the background and may overtake each other; a checkpoint therefore takes along what the
tasks it rests on have put and nobody saved yet, and a value never replaces a later one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from holdfast.model.items import ItemChange

LOCKS = 64
"""Threads of graphs share so many locks."""
Name = tuple[tuple[str, ...], str]
"""A namespace and a key."""


@dataclass(frozen=True, slots=True)
class Task:
    """A task of a graph, as its configuration names it.

    Attributes:
        namespace: Of the task: of the graph it runs in, and itself.
        rests_on: By namespace of each graph it runs in, the checkpoint after which it runs.
        at_exit: The graph saves nothing before it ends.
    """

    thread: str
    id: str
    namespace: str
    rests_on: Mapping[str, str]
    at_exit: bool


@dataclass(frozen=True, slots=True)
class Put:
    """One change that waits, and when it was asked for."""

    change: ItemChange
    order: int
    at: datetime


@dataclass(slots=True)
class _Puts:
    task: Task
    by_name: dict[Name, Put] = field(default_factory=dict[Name, Put])


class Waiting:
    """The changes that wait, of all threads. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tasks: dict[tuple[str, str], _Puts] = {}
        self._order = 0
        self._taking = [threading.Lock() for _ in range(LOCKS)]

    def add(self, task: Task, changes: Mapping[Name, ItemChange], at: datetime) -> None:
        """Let changes wait for a task."""
        with self._lock:
            held = self._tasks.setdefault((task.thread, task.id), _Puts(task))
            for name, change in changes.items():
                self._order += 1
                held.by_name[name] = Put(change, self._order, at)

    def seen(self, thread: str) -> dict[Name, Put]:
        """What waits in a thread, the last change of each name."""
        with self._lock:
            return self._newest(one for (where, _), one in self._tasks.items() if where == thread)

    def drop(self, thread: str) -> None:
        """Let go of what waits in a thread: its tasks will not be saved any more."""
        with self._taking[hash(thread) % LOCKS], self._lock:
            for place in [place for place in self._tasks if place[0] == thread]:
                del self._tasks[place]

    @contextmanager
    def of_task(self, thread: str, task: str) -> Generator[Sequence[ItemChange]]:
        """What a task put, and those within it: committed when the ``with`` ends well, waiting on otherwise."""
        within = f":{task}"
        with self._committing(thread, lambda one: one.id == task or within in one.namespace) as changes:
            yield changes

    @contextmanager
    def before(
        self, thread: str, namespace: str, parent: str | None, *, at_exit: bool
    ) -> Generator[Sequence[ItemChange]]:
        """What tasks put that ran after a checkpoint and are done when the next one of that namespace is kept."""

        def is_done(one: Task) -> bool:
            if at_exit or one.at_exit:
                return namespace in one.rests_on
            return parent is not None and one.rests_on.get(namespace) == parent

        with self._committing(thread, is_done) as changes:
            yield changes

    @contextmanager
    def _committing(self, thread: str, wanted: Callable[[Task], bool]) -> Generator[Sequence[ItemChange]]:
        with self._lock:
            waits = any(where == thread for where, _ in self._tasks)
        if not waits:
            yield ()
            return
        # One at a time in a thread: what was taken first must not be committed last.
        with self._taking[hash(thread) % LOCKS]:
            with self._lock:
                found = [one for (where, _), one in self._tasks.items() if where == thread and wanted(one.task)]
                taken = self._newest(found)
            yield [put.change for put in taken.values()]
            self._committed(thread, taken)

    def _committed(self, thread: str, taken: Mapping[Name, Put]) -> None:
        with self._lock:
            for place, one in list(self._tasks.items()):
                if place[0] != thread:
                    continue
                # What was put there earlier and not saved yet must not come after it.
                kept = {
                    name: put for name, put in one.by_name.items()
                    if name not in taken or put.order > taken[name].order
                }  # fmt: skip
                if kept:
                    one.by_name = kept
                else:
                    del self._tasks[place]

    @staticmethod
    def _newest(found: Any) -> dict[Name, Put]:
        newest = dict[Name, Put]()
        for one in found:
            for name, put in one.by_name.items():
                if name not in newest or newest[name].order < put.order:
                    newest[name] = put
        return newest
