"""``memory.checkpoints``: where the threads of graphs stood after each step, beside what is remembered."""

from __future__ import annotations

import builtins
from collections.abc import Collection, Iterator, Mapping, Sequence

from holdfast.items import items_of
from holdfast.model.checkpoints import Blob, Checkpoint, SavedCheckpoint, TaskWrite
from holdfast.model.items import ItemChange
from holdfast.services.checkpoints import Checkpoints as Serving
from holdfast.space import Space


class Checkpoints:
    """The checkpoints of a memory, for engines that run graphs in steps.

    What is kept here is not looked at: no policy judges it, and no recall finds it. It is part of the space all the
    same: journaled, encrypted, exported, and erased by `Memory.forget` with the thread as ``session``.
    """

    def __init__(self, space: Space) -> None:
        self._checkpoints = Serving(space.ledger, space.remembering, space.forgetting, items_of(space))

    def put(self, checkpoint: Checkpoint, values: Mapping[str, Blob], *, also: Sequence[ItemChange] = ()) -> None:
        """Keep a checkpoint with the values of the channels that changed, in one durable write.

        Args:
            values: By channel, each in the version that the checkpoint names; a version is stored once.
            also: Changes of items that are carried out with it, or not at all.

        Raises:
            InvalidField: something is not acceptable.
            OverLimit: the checkpoint, or one of the values, has more than 30,720,000 characters, as base64.
        """
        self._checkpoints.put(checkpoint, values, list(also))

    def put_writes(
        self,
        thread: str,
        namespace: str,
        checkpoint: str,
        writes: Sequence[TaskWrite],
        *,
        also: Sequence[ItemChange] = (),
    ) -> None:
        """Keep what tasks wrote after a checkpoint, in one durable write.

        A write whose place, its task and index, is taken changes nothing; with an index below 0 it is replaced.

        Args:
            also: Changes of items that are carried out with it, or not at all.

        Raises:
            InvalidField, OverLimit: see `put`.
        """
        self._checkpoints.put_writes(thread, namespace, checkpoint, list(writes), list(also))

    def get(self, thread: str, namespace: str = "", id: str | None = None) -> SavedCheckpoint | None:  # noqa: A002
        """A checkpoint with its values and writes: the newest of a thread and namespace where no id is given."""
        return self._checkpoints.get(thread, namespace, id)

    def find(self, thread: str, namespace: str, id: str) -> Checkpoint | None:  # noqa: A002
        """A checkpoint without values and writes."""
        return self._checkpoints.find(thread, namespace, id)

    def value(self, thread: str, namespace: str, channel: str, version: str) -> Blob | None:
        """The value of a channel in one version; None where it has none."""
        return self._checkpoints.value(thread, namespace, channel, version)

    def writes(self, thread: str, namespace: str, id: str) -> tuple[TaskWrite, ...]:  # noqa: A002
        """What tasks wrote after a checkpoint, in the order in which a step applies it."""
        return self._checkpoints.writes(thread, namespace, id)

    def list(
        self, thread: str | None = None, *, namespace: str | None = None, before: str | None = None
    ) -> Iterator[SavedCheckpoint]:
        """Checkpoints of a thread, or of all; the greatest id first, read as they are asked for.

        Args:
            before: Only those with a smaller id.
        """
        return self._checkpoints.list(thread, namespace, before)

    def threads(self) -> builtins.list[str]:
        """Every thread that has a checkpoint, sorted."""
        return self._checkpoints.threads()

    def copy(self, source: str, target: str) -> int:
        """Copy all that a thread has to another, in one durable write; gives how many checkpoints.

        What the other has under the same ids gets a further version.
        """
        return self._checkpoints.copy(source, target)

    def forget_thread(self, thread: str) -> int:
        """Erase all checkpoints of a thread for good; gives how many. What was said in it stays."""
        return self._checkpoints.forget_thread(thread)

    def forget_runs(self, runs: Collection[str]) -> int:
        """Erase the checkpoints that runs made, in every thread; gives how many.

        A channel whose value follows from what such a run wrote loses that part of it.
        """
        return self._checkpoints.forget_runs(runs)

    def prune(self, threads: Collection[str]) -> int:
        """Erase all but the newest checkpoint of each namespace of these threads; gives how many.

        Those before it stay that its channels follow from, see `Checkpoint.deltas`.
        """
        return self._checkpoints.prune(threads)
