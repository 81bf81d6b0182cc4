"""Holdfast for LangGraph: a store and a checkpointer that share one space.

```python
from holdfast import Memory
from holdfast.integrations.langgraph import HoldfastSaver, HoldfastStore

with Memory.open("agent.db") as memory:
    saver = HoldfastSaver(memory)
    graph = builder.compile(checkpointer=saver, store=HoldfastStore(memory, saver=saver))
```

Needs the extra ``langgraph``. What a task puts into the store is committed in one transaction with what the task wrote,
where the store knows the saver; see `HoldfastStore`.
"""

from __future__ import annotations

from holdfast.integrations.langgraph.saver import HoldfastSaver
from holdfast.integrations.langgraph.store import HoldfastStore

__all__ = ["HoldfastSaver", "HoldfastStore"]
