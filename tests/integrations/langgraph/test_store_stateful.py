"""The same operations give the same on this store and on LangGraph's own in memory, except scores and times."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from langgraph.store.base import GetOp, PutOp, SearchOp
from langgraph.store.memory import InMemoryStore

from holdfast import Memory
from holdfast.integrations.langgraph import HoldfastStore

labels = st.sampled_from(["a", "b", "users", "ключ", "a/b", "*x"])
namespaces = st.lists(labels, min_size=1, max_size=3).map(tuple)
prefixes = st.lists(labels, max_size=2).map(tuple)
keys = st.sampled_from(["k1", "k2", "K1", "", "k 1", "'; --"])
leaves = st.one_of(st.integers(-9, 9), st.booleans(), st.none(), st.sampled_from(["x", "y", "é"]))
values = st.dictionaries(
    st.sampled_from(["n", "t", "in"]),
    st.one_of(leaves, st.lists(leaves, max_size=2), st.dictionaries(st.sampled_from(["n", "t"]), leaves, max_size=2)),
    max_size=3,
)
numbers = st.integers(-9, 9)
filters = st.one_of(
    st.none(),
    st.dictionaries(st.sampled_from(["n", "t", "in"]), leaves, max_size=2),
    st.builds(lambda value: {"in": {"n": value}}, leaves),
    st.builds(lambda sign, value: {"t": {sign: value}}, st.sampled_from(["$eq", "$ne"]), leaves),
)
indices = st.sampled_from([None, False, ["t"], ["in.n", "t"]])


def shown(item: Any) -> Any:
    return None if item is None else (item.namespace, item.key, item.value)


def as_set(found: list[Any]) -> list[str]:
    return sorted(json.dumps(shown(item), sort_keys=True) for item in found)


class SameAsInMemory(RuleBasedStateMachine):
    @initialize()
    def opened(self) -> None:
        self.memory = Memory.open(":memory:", embedder=None)
        self.ours, self.reference = HoldfastStore(self.memory), InMemoryStore()

    @rule(namespace=namespaces, key=keys, value=values, index=indices)
    def put(self, namespace, key, value, index):
        for store in (self.ours, self.reference):
            store.put(namespace, key, value, index)

    @rule(namespace=namespaces, key=keys)
    def delete(self, namespace, key):
        for store in (self.ours, self.reference):
            store.delete(namespace, key)

    @rule(namespace=namespaces, key=keys)
    def get(self, namespace, key):
        assert shown(self.ours.get(namespace, key)) == shown(self.reference.get(namespace, key))

    @rule(prefix=prefixes, where=filters, query=st.sampled_from([None, "x", "what is y?"]))
    def search(self, prefix, where, query):
        ours = self.ours.search(prefix, filter=where, query=query, limit=1_000)
        reference = self.reference.search(prefix, filter=where, query=query, limit=1_000)
        assert as_set(ours) == as_set(reference)

    @rule(prefix=prefixes, limit=st.integers(0, 4), offset=st.integers(0, 4))
    def page(self, prefix, limit, offset):
        """Pages are parts of the whole, in its order; which order that is, is each store's own."""
        whole = self.ours.search(prefix, limit=1_000)
        page = self.ours.search(prefix, limit=limit, offset=offset)
        assert [shown(one) for one in page] == [shown(one) for one in whole][offset : offset + limit]
        assert len(page) == len(self.reference.search(prefix, limit=limit, offset=offset))

    @rule(
        prefix=st.one_of(st.none(), prefixes),
        suffix=st.one_of(st.none(), prefixes),
        depth=st.sampled_from([None, 1, 2]),
    )
    def list_namespaces(self, prefix, suffix, depth):
        asked = {"prefix": prefix, "suffix": suffix, "max_depth": depth, "limit": 1_000}
        # The reference goes on listing what is empty by now, and what was only asked for.
        for namespace in [one for one, held in self.reference._data.items() if not held]:
            del self.reference._data[namespace]
        assert self.ours.list_namespaces(**asked) == self.reference.list_namespaces(**asked)

    @rule(namespace=namespaces, changes=st.lists(st.tuples(keys, st.one_of(st.none(), values)), max_size=4), key=keys)
    def batch(self, namespace, changes, key):
        ops = [PutOp(namespace, named, value) for named, value in changes]
        ops = [*ops[:2], GetOp(namespace, key), *ops[2:], SearchOp(namespace, limit=1_000)]
        ours, reference = self.ours.batch(ops), self.reference.batch(ops)
        for op, mine, theirs in zip(ops, ours, reference, strict=True):
            if isinstance(op, SearchOp):
                assert as_set(mine) == as_set(theirs)
            else:
                assert shown(mine) == shown(theirs)

    def teardown(self) -> None:
        if hasattr(self, "memory"):
            assert self.memory.check() == []
            self.memory.close()


TestSameAsInMemory = SameAsInMemory.TestCase
TestSameAsInMemory.settings = settings(max_examples=12, stateful_step_count=15, deadline=None)
