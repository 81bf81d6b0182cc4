"""`HoldfastStore`: the long-term memory of LangGraph in a space."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Literal, cast

from langgraph.store.base import (
    BaseStore,
    GetOp,
    Item,
    ListNamespacesOp,
    MatchCondition,
    Op,
    PutOp,
    Result,
    SearchItem,
    SearchOp,
    TTLConfig,
    get_text_at_path,
    tokenize_path,
    validate_op_namespace,
)

from holdfast.errors import InvalidField, NotAllowed
from holdfast.integrations.langgraph.matching import is_meant, meets
from holdfast.integrations.langgraph.running import running
from holdfast.integrations.langgraph.saver import HoldfastSaver
from holdfast.integrations.langgraph.waiting import Name, Put, Task
from holdfast.memory import Memory
from holdfast.model import items as model
from holdfast.model import limits
from holdfast.model.items import ItemChange

_OPS = (GetOp, SearchOp, ListNamespacesOp, PutOp)
WHOLE = "$"
"""The field that means the whole value."""


class HoldfastStore(BaseStore):
    """Keeps what graphs put under namespaces and keys in a space, durably, and finds it by meaning and by words.

    Several changes of one `batch` are one transaction: all of them or none. With ``saver``, what a task of a graph puts
    waits until what the task wrote is saved, and both are one transaction: after a crash there is neither or both, so a
    task that runs again starts from what it started from. Meanwhile the thread of that graph reads what waits, and
    nobody else does. Without it, or in a graph with another checkpointer, a put is durable when it returns.

    A lifetime is made longer by a reading once a twentieth of it has passed. What has outlived its own is never given
    back, and erased by `sweep_ttl`. What is found and how is the space's own: it has its model, and needs none here.

    Args:
        memory: An open space; it may hold anything else too.
        saver: The checkpointer of the same graphs, over the same memory.
        index: The fields that a search looks at, as ``{"fields": ["text", "notes[*]"]}``; the whole value where None.
            False for none but those named by a put.
        ttl: Lifetimes in minutes, as for the other stores of LangGraph.
    """

    supports_ttl = True

    def __init__(
        self,
        memory: Memory,
        *,
        saver: HoldfastSaver | None = None,
        index: Mapping[str, Any] | Literal[False] | None = None,
        ttl: TTLConfig | None = None,
    ) -> None:
        self._memory = memory
        self._saver = saver
        self.ttl_config = ttl
        self._fields = _fields_of(index)
        if saver is not None and not saver.is_over(memory):
            raise InvalidField("The saver is over another memory. Give both the same, so that they commit together.")

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Carry out operations: first what reads, then all changes in one transaction, of one key the last.

        Raises:
            ValueError: an operation, a label or an operator of a filter that LangGraph does not know.
            InvalidField, InvalidText: a value that is no JSON, or is too long.
            Gone, Rejected: words that were forgotten or corrected.
            Refused: the policy does not let it be kept.
        """
        given, results, changes = list(ops), list[Result](), dict[Name, ItemChange]()
        for op in given:
            if not isinstance(op, _OPS):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise ValueError(f"Unknown operation type: {type(op)}")  # noqa: TRY004 - as the other stores do
            validate_op_namespace(op)
        task = self._task()
        waiting = self._saver.waiting.seen(task.thread) if task and self._saver else {}
        for op in given:
            match op:
                case GetOp():
                    results.append(self._get(op, waiting))
                case SearchOp():
                    results.append(cast("Result", self._search(op, waiting)))
                case ListNamespacesOp():
                    results.append(cast("Result", self._namespaces(op, waiting)))
                case _:
                    name = (tuple(op.namespace), op.key)
                    changes.pop(name, None)
                    changes[name] = self._change(op)
                    results.append(None)
        if changes:
            self._write(task, changes)
        return results

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """See `batch`; runs on a thread."""
        return await asyncio.to_thread(self.batch, list(ops))

    def sweep_ttl(self) -> int:
        """Erase every item whose lifetime is over; gives how many."""
        return self._memory.items.sweep()

    # Writing

    def _task(self) -> Task | None:
        """The task that calls, where the saver will save it."""
        found = running() if self._saver is not None else None
        if found is None or self._saver is None:
            return None
        task, checkpointer = found
        shares = isinstance(checkpointer, HoldfastSaver) and checkpointer.waiting is self._saver.waiting
        return task if shares else None

    def _write(self, task: Task | None, changes: Mapping[Name, ItemChange]) -> None:
        if task is None or self._saver is None:
            self._memory.items.apply(list(changes.values()))
            return
        for change in changes.values():
            self._memory.items.check(change)  # the node learns of it now, and not when it is done
        self._saver.waiting.add(task, changes, datetime.now(UTC))

    def _change(self, op: PutOp) -> ItemChange:
        namespace = tuple(op.namespace)
        if op.value is None:
            return ItemChange(namespace, op.key, None)
        if not isinstance(op.value, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidField(f"The value is {op.value!r:.80}; expected a dict. Nothing was written.")
        value = dict(op.value)
        ttl_s = None if op.ttl is None else op.ttl * 60
        return ItemChange(namespace, op.key, value, self._texts(op, value), ttl_s)

    def _texts(self, op: PutOp, value: dict[str, Any]) -> list[str] | None:
        if op.index is False:
            return []
        fields = self._fields if op.index is None else _tokenized(op.index)
        if not value or fields == [WHOLE]:
            return None
        texts = list[str]()
        for field in fields:
            if field == WHOLE:
                texts += get_text_at_path(value, WHOLE)
            else:
                texts += get_text_at_path(value, field)
        return texts

    # Reading

    def _get(self, op: GetOp, waiting: Mapping[Name, Put]) -> Item | None:
        name = (tuple(op.namespace), op.key)
        held = self._memory.items.get(*name)
        if name in waiting:
            return _waiting_item(name, waiting[name], held)
        if held is not None and op.refresh_ttl:
            held = self._renewed([held]).get(held.id, held)
        return None if held is None else Item(**_fields(held))

    def _renewed(self, items: Iterable[model.Item]) -> dict[str, model.Item]:
        """Items that had a lifetime, by id, with a longer one; as they were where the caller may only read."""
        lasting = [one for one in items if one.ttl_s is not None]
        try:
            return {one.id: one for one in self._memory.items.refresh(lasting)} if lasting else {}
        except NotAllowed:
            return {}

    def _search(self, op: SearchOp, waiting: Mapping[Name, Put]) -> list[SearchItem]:
        prefix = tuple(op.namespace_prefix)
        if min(op.offset, op.limit) < 0:
            raise InvalidField(f"The limit is {op.limit} and the offset {op.offset}; neither may be below 0.")
        until = op.offset + op.limit
        hidden = {name: put for name, put in waiting.items() if name[0][: len(prefix)] == prefix}
        found = islice(self._candidates(op, prefix, hidden), op.offset, until)
        page = list(found)
        if not op.refresh_ttl:
            return [item for item, _ in page]
        later = self._renewed(held for _, held in page if held is not None)
        return [
            SearchItem(**_fields(later[held.id]), score=item.score) if held is not None and held.id in later else item
            for item, held in page
        ]

    def _candidates(
        self, op: SearchOp, prefix: tuple[str, ...], hidden: Mapping[Name, Put]
    ) -> Iterator[tuple[SearchItem, model.Item | None]]:
        """What meets a search, best first: what is found by the question, then the others without a score."""
        scored = set[str]()

        def is_wanted(value: Mapping[str, Any]) -> bool:
            return not op.filter or meets(value, op.filter)

        if op.query and op.query.strip() and op.limit:
            most = limits.LIMIT_HITS if op.filter or hidden else min(op.offset + op.limit, limits.LIMIT_HITS)
            for one in self._memory.items.search(prefix, op.query, limit=max(1, most)):
                if (one.item.namespace, one.item.key) not in hidden and is_wanted(one.item.value):
                    scored.add(one.item.id)
                    yield SearchItem(**_fields(one.item), score=one.score), one.item
        for item in self._memory.items.list(prefix):
            if item.id not in scored and (item.namespace, item.key) not in hidden and is_wanted(item.value):
                yield SearchItem(**_fields(item)), item
        for name, put in hidden.items():
            item = _waiting_item(name, put, self._memory.items.get(*name))
            if item is not None and is_wanted(item.value):
                fields = (item.namespace, item.key, item.value, item.created_at, item.updated_at)
                yield SearchItem(*fields), None

    def _namespaces(self, op: ListNamespacesOp, waiting: Mapping[Name, Put]) -> list[tuple[str, ...]]:
        found = set(self._memory.items.namespaces())
        if waiting:
            held = {(one.namespace, one.key) for one in self._memory.items.list()}
            held -= {name for name, put in waiting.items() if put.change.value is None}
            held |= {name for name, put in waiting.items() if put.change.value is not None}
            found = {namespace for namespace, _ in held}
        conditions: Sequence[MatchCondition] = op.match_conditions or ()
        wanted = {one for one in found if all(is_meant(one, condition) for condition in conditions)}
        cut = sorted({one[: op.max_depth] for one in wanted} if op.max_depth is not None else wanted)
        return cut[op.offset : op.offset + op.limit]


def _fields_of(index: Mapping[str, Any] | Literal[False] | None) -> list[Any]:
    if index is False:
        return []
    if index is None:
        return [WHOLE]
    if not isinstance(index, Mapping) or index.keys() - {"fields"}:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidField(
            f"The index is {index!r:.120}; expected {{'fields': [...]}}. The space has its own model: give it to "
            "Memory.open as embedder."
        )
    return _tokenized(index.get("fields") or [WHOLE])


def _tokenized(fields: Any) -> list[Any]:
    if isinstance(fields, str) or not all(isinstance(one, str) for one in fields):
        raise InvalidField(f"The fields to index are {fields!r:.80}; expected a list of paths. Nothing was written.")
    return [one if one == WHOLE else tokenize_path(one) for one in fields]


def _fields(item: model.Item) -> dict[str, Any]:
    return {
        "value": item.value, "key": item.key, "namespace": item.namespace, "created_at": _time(item.created_ms),
        "updated_at": _time(item.updated_ms),
    }  # fmt: skip


def _waiting_item(name: Name, put: Put, held: model.Item | None) -> Item | None:
    """What a name means for whoever sees what waits."""
    if put.change.value is None:
        return None
    created = put.at if held is None else _time(held.created_ms)
    return Item(
        value=dict(put.change.value), key=name[1], namespace=name[0], created_at=created, updated_at=put.at
    )  # fmt: skip


def _time(moment_ms: int) -> datetime:
    return datetime.fromtimestamp(moment_ms / 1_000, UTC)
