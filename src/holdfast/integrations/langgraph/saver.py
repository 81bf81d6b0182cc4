"""`HoldfastSaver`: the checkpoints of LangGraph in a space."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    DeltaChannelHistory,
    PendingWrite,
    get_checkpoint_id,
    get_checkpoint_metadata,
)
from langgraph.checkpoint.serde.base import SerializerProtocol

from holdfast.errors import InvalidField
from holdfast.integrations.langgraph.matching import value_at
from holdfast.integrations.langgraph.running import is_at_exit
from holdfast.integrations.langgraph.waiting import Waiting
from holdfast.memory import Memory
from holdfast.model import checkpoints as model
from holdfast.model.checkpoints import Blob, SavedCheckpoint, TaskWrite

DELTAS = "counters_since_delta_snapshot"
"""The field of the metadata that names the channels whose values follow from their history."""


class HoldfastSaver(BaseCheckpointSaver[str]):
    """Keeps the checkpoints of graphs in a space, durably, each channel's value once a version.

    Use it from several threads and processes as you like, with ``invoke`` and ``ainvoke`` alike: what is asynchronous
    runs on a thread. Close the memory when done, the saver needs nothing. Checkpoints of a thread are what
    ``memory.forget(session=thread_id)`` erases.

    Args:
        memory: An open space; it may hold anything else too.
        serde: LangGraph's own by default. One that falls back to pickle is refused: who can write to the file could
            run code in your process.
    """

    def __init__(self, memory: Memory, *, serde: SerializerProtocol | None = None) -> None:
        super().__init__(serde=serde)
        _refuse_pickle(self.serde)
        self._memory = memory
        self.waiting = Waiting()

    def is_over(self, memory: Memory) -> bool:
        """Whether the checkpoints are kept in this memory."""
        return self._memory is memory

    # Writing

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Keep a checkpoint with the channels that changed and what its tasks put into the store, in one transaction.

        Raises:
            OverLimit: a channel's value has more than about 23 MB serialised; nothing was written.
            InvalidField: the thread's id cannot be one.
        """
        thread, namespace = _place(config)
        configurable = _configurable(config)
        values = checkpoint["channel_values"]
        bare = {name: value for name, value in checkpoint.items() if name != "channel_values"}
        noted = cast("dict[str, Any]", get_checkpoint_metadata(config, metadata))
        versions = checkpoint["channel_versions"]
        changed = {
            channel: self._blob(values[channel])
            for channel, version in new_versions.items()
            if channel in values and versions.get(channel) == version
        }
        parent, run = configurable.get("checkpoint_id"), noted.get("run_id")
        one = model.Checkpoint(
            thread, namespace, checkpoint["id"], self._blob(bare), self._blob(noted), parent,
            str(run) if run else None, {channel: json.dumps(version) for channel, version in versions.items()},
            tuple(cast("Mapping[str, Any]", noted.get(DELTAS) or {})),
        )  # fmt: skip
        with self.waiting.before(thread, namespace, parent, at_exit=is_at_exit(configurable)) as puts:
            self._memory.checkpoints.put(one, changed, also=puts)
        return _config(thread, namespace, checkpoint["id"])

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Keep what a task wrote, with what it put into the store, in one transaction."""
        thread, namespace = _place(config)
        made = [
            TaskWrite(task_id, task_path, WRITES_IDX_MAP.get(channel, at), channel, self._blob(value))
            for at, (channel, value) in enumerate(writes)
        ]
        with self.waiting.of_task(thread, task_id) as puts:
            self._memory.checkpoints.put_writes(
                thread, namespace, str(_configurable(config)["checkpoint_id"]), made, also=puts
            )

    # Reading

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """The checkpoint that a configuration names, or the newest of its thread and namespace."""
        thread, namespace = _place(config)
        found = self._memory.checkpoints.get(thread, namespace, get_checkpoint_id(config) or None)
        return None if found is None else self._tuple(found)

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """Checkpoints of a thread, or of all where no configuration is given, newest first.

        Args:
            filter: Fields of the metadata, or ones within by names with dots, and what they are to be equal to.
            before: Only checkpoints older than this one.
        """
        thread = namespace = wanted = None
        if config is not None:
            thread, wanted = _place(config)[0], get_checkpoint_id(config)
            namespace = _configurable(config).get("checkpoint_ns")
        left = limit
        before_id = get_checkpoint_id(before) if before else None
        for one in self._memory.checkpoints.list(thread, namespace=namespace, before=before_id):
            if left is not None and left <= 0:
                return
            if wanted and one.checkpoint.id != wanted:
                continue
            metadata = self._value(one.checkpoint.metadata)
            if filter and not all(value_at(metadata, name) == value for name, value in filter.items()):
                continue
            left = None if left is None else left - 1
            yield self._tuple(one)

    def get_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """What was written to channels on the way to a checkpoint, since each one's value was last kept whole."""
        thread, namespace = _place(config)
        read, remaining = self._memory.checkpoints, dict.fromkeys(channels)
        named = get_checkpoint_id(config)
        at = None
        if channels:
            newest = read.get(thread, namespace) if not named else None
            at = read.find(thread, namespace, named) if named else newest and newest.checkpoint
        writes: dict[str, list[PendingWrite]] = {channel: [] for channel in channels}
        seeds: dict[str, Any] = {}
        seen = {at.id} if at else set[str]()
        # A checkpoint that was put again under another parent may lead back to where the walk has been.
        while remaining and at is not None and at.parent and at.parent not in seen:
            seen.add(at.parent)
            at = read.find(thread, namespace, at.parent)
            if at is None:
                break
            for one in reversed(read.writes(thread, namespace, at.id)):
                if one.channel in remaining:
                    writes[one.channel].append((one.task, one.channel, self._value(one.value)))
            for channel in list(remaining):
                version = at.versions.get(channel)
                blob = None if version is None else read.value(thread, namespace, channel, version)
                if blob is not None:
                    seeds[channel] = self._value(blob)
                    del remaining[channel]
        return {
            channel: cast(
                "DeltaChannelHistory",
                {"writes": writes[channel][::-1], **({"seed": seeds[channel]} if channel in seeds else {})},
            )
            for channel in channels
        }

    # Copying and forgetting

    def delete_thread(self, thread_id: str) -> None:
        """Erase every checkpoint of a thread for good, and what its tasks put into the store and nobody saved."""
        self.waiting.drop(str(thread_id))
        self._memory.checkpoints.forget_thread(str(thread_id))

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Erase the checkpoints that runs made, in every thread."""
        self._memory.checkpoints.forget_runs([str(one) for one in run_ids])

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Copy everything that a thread has to another, its whole history, in one transaction."""
        self._memory.checkpoints.copy(str(source_thread_id), str(target_thread_id))

    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Erase all but the newest checkpoint of each namespace, or with ``delete`` everything.

        Those before it stay that a `DeltaChannel` without a whole value of its own still follows from.

        Raises:
            InvalidField: another strategy.
        """
        threads = [str(one) for one in thread_ids]
        if strategy == "keep_latest":
            self._memory.checkpoints.prune(threads)
        elif strategy == "delete":
            for thread in threads:
                self._memory.checkpoints.forget_thread(thread)
        else:
            raise InvalidField(
                f"The strategy is {strategy!r:.60}; expected 'keep_latest' or 'delete'. Nothing was erased."
            )

    def get_next_version(self, current: str | None, channel: None) -> str:
        """A version after another one, as a text that sorts; two branches of a thread never make the same."""
        number = 0 if current is None else int(str(current).split(".")[0])
        return f"{number + 1:032}.{random.getrandbits(53) / 2**53:016}"

    # With await

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """See `get_tuple`."""
        return await asyncio.to_thread(self.get_tuple, config)

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """See `list`."""
        found = self.list(config, filter=filter, before=before, limit=limit)
        while (one := await asyncio.to_thread(next, found, None)) is not None:
            yield one

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """See `put`."""
        return await asyncio.to_thread(self.put, config, checkpoint, metadata, new_versions)

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """See `put_writes`."""
        await asyncio.to_thread(self.put_writes, config, writes, task_id, task_path)

    async def aget_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """See `get_delta_channel_history`."""
        return await asyncio.to_thread(self.get_delta_channel_history, config=config, channels=channels)

    async def adelete_thread(self, thread_id: str) -> None:
        """See `delete_thread`."""
        await asyncio.to_thread(self.delete_thread, thread_id)

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        """See `delete_for_runs`."""
        await asyncio.to_thread(self.delete_for_runs, run_ids)

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """See `copy_thread`."""
        await asyncio.to_thread(self.copy_thread, source_thread_id, target_thread_id)

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """See `prune`."""
        await asyncio.to_thread(self.prune, thread_ids, strategy=strategy)

    # Values

    def _blob(self, value: Any) -> Blob:
        type_, data = self.serde.dumps_typed(value)
        return Blob(type_, bytes(data))

    def _value(self, blob: Blob) -> Any:
        return self.serde.loads_typed((blob.type, blob.data))

    def _tuple(self, saved: SavedCheckpoint) -> CheckpointTuple:
        one = saved.checkpoint
        values = {channel: self._value(blob) for channel, blob in saved.values.items()}
        return CheckpointTuple(
            config=_config(one.thread, one.namespace, one.id),
            checkpoint=cast("Checkpoint", {**self._value(one.state), "channel_values": values}),
            metadata=self._value(one.metadata),
            parent_config=_config(one.thread, one.namespace, one.parent) if one.parent else None,
            pending_writes=[(write.task, write.channel, self._value(write.value)) for write in saved.writes],
        )


def _configurable(config: RunnableConfig) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", config.get("configurable") or {})


def _place(config: RunnableConfig) -> tuple[str, str]:
    configurable = _configurable(config)
    thread = configurable.get("thread_id")
    if thread is None:
        raise InvalidField(
            "The configuration names no thread: expected {'configurable': {'thread_id': '...'}}. Nothing was written."
        )
    return str(thread), str(configurable.get("checkpoint_ns") or "")


def _config(thread: str, namespace: str, checkpoint: str) -> RunnableConfig:
    return {"configurable": {"thread_id": thread, "checkpoint_ns": namespace, "checkpoint_id": checkpoint}}


def _refuse_pickle(serde: Any) -> None:
    """Refuse a serializer, or one inside it, that would read pickles."""
    while serde is not None:
        if getattr(serde, "pickle_fallback", False):
            raise InvalidField(
                "The serializer falls back to pickle, and reading a pickle runs what stands in it. Use one without "
                "pickle_fallback."
            )
        serde = getattr(serde, "serde", None)
