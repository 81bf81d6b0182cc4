"""Which task of a graph calls, as LangChain's context tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from langchain_core.runnables.config import var_child_runnable_config
from langgraph.checkpoint.base import BaseCheckpointSaver

from holdfast.integrations.langgraph.waiting import Task

# The names under which LangGraph tells a node about itself; `tests/integrations/langgraph` holds them to those it has.
TASK_ID = "__pregel_task_id"
CHECKPOINTER = "__pregel_checkpointer"
DURABILITY = "__pregel_durability"
CHECKPOINT_MAP = "checkpoint_map"
AT_EXIT = "exit"


def running() -> tuple[Task, BaseCheckpointSaver[Any]] | None:
    """The task that calls and the checkpointer that will save it; None outside a graph, or where nobody saves it."""
    config = var_child_runnable_config.get()
    configurable = cast("Mapping[str, Any]", (config or {}).get("configurable") or {})
    saver, thread, task = (configurable.get(name) for name in (CHECKPOINTER, "thread_id", TASK_ID))
    if not isinstance(saver, BaseCheckpointSaver) or thread is None or not isinstance(task, str):
        return None
    return Task(
        str(thread), task, str(configurable.get("checkpoint_ns") or ""), dict(configurable.get(CHECKPOINT_MAP) or {}),
        is_at_exit(configurable),
    ), cast("BaseCheckpointSaver[Any]", saver)  # fmt: skip


def is_at_exit(configurable: Mapping[str, Any]) -> bool:
    """Whether a graph that is configured like this saves only when it ends."""
    return configurable.get(DURABILITY) == AT_EXIT
