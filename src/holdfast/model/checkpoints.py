"""Checkpoints: where the threads of a graph stood after each step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Blob:
    """A value that whoever gave it has serialised; Holdfast keeps the bytes and looks at none of them.

    Attributes:
        type: What it was serialised as, in the caller's words.
    """

    type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class TaskWrite:
    """What a task wrote to a channel after a checkpoint.

    Attributes:
        task, path: The task, and where it stands among those of its step.
        index: Its place among what the task wrote, from 0; below 0 what is kept once a task and replaced, as an error.
    """

    task: str
    path: str
    index: int
    channel: str
    value: Blob


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where a thread stood after a step.

    Attributes:
        thread, namespace: The thread, and the part of the graph in it: ``""`` for the outermost.
        id: Greater than that of any checkpoint before it in the same thread and namespace, compared as texts.
        parent: Id of the one it followed, None for the first.
        run: Id of the run that made it; see `Checkpoints.forget_runs`.
        state, metadata: What the caller keeps of it beside the values of its channels.
        versions: In which version each channel stood, as a text.
        deltas: Channels whose values follow from what was written since an earlier checkpoint, so that `prune` leaves
            the way there.
    """

    thread: str
    namespace: str
    id: str
    state: Blob
    metadata: Blob
    parent: str | None = None
    run: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict[str, str])
    deltas: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class SavedCheckpoint:
    """A checkpoint with what belongs to it.

    Attributes:
        values: Of the channels that have one in their version of then.
        writes: What tasks wrote after it, in the order of their paths, tasks and indices.
    """

    checkpoint: Checkpoint
    values: Mapping[str, Blob]
    writes: tuple[TaskWrite, ...] = ()
