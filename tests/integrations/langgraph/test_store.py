"""`HoldfastStore`: what LangGraph's stores do, and what only this one does."""

from __future__ import annotations

import asyncio

import pytest
from langgraph.store.base import GetOp, InvalidNamespaceError, ListNamespacesOp, MatchCondition, PutOp, SearchOp

from holdfast import Holdfast, Memory, Policy, Sensitive
from holdfast.errors import Gone, InvalidField, NotAllowed, Refused
from holdfast.integrations.langgraph import HoldfastSaver, HoldfastStore
from holdfast.model.policy import Action
from holdfast.testing.embedders import HashEmbedder
from holdfast.testing.faults import SteppedClock

DOCS = ("docs",)


@pytest.fixture
def memory(tmp_path):
    with Memory.open(tmp_path / "a.db", embedder=HashEmbedder(), clock=SteppedClock()) as opened:
        yield opened


@pytest.fixture
def store(memory):
    return HoldfastStore(memory)


def keys(found):
    return [one.key for one in found]


def test_a_batch_reads_first_and_then_changes_of_one_key_the_last(store):
    store.put(DOCS, "a", {"n": 1})
    results = store.batch(
        [
            PutOp(DOCS, "a", {"n": 2}), GetOp(DOCS, "a"), SearchOp(DOCS), ListNamespacesOp(),
            PutOp(DOCS, "b", {"n": 3}), PutOp(DOCS, "a", {"n": 4}), PutOp(DOCS, "b", None), GetOp(DOCS, "b"),
        ]
    )  # fmt: skip
    assert (results[1].value, keys(results[2]), results[3], results[7]) == ({"n": 1}, ["a"], [DOCS], None)
    assert [results[at] for at in (0, 4, 5, 6)] == [None] * 4
    assert store.get(DOCS, "a").value == {"n": 4}
    assert store.get(DOCS, "b") is None


def test_a_batch_that_fails_changes_nothing(memory, store):
    before = memory.proof()
    with pytest.raises(InvalidField):
        store.batch([PutOp(DOCS, "a", {"n": 1}), PutOp(DOCS, "b", {"n": {1, 2}})])
    with pytest.raises(ValueError, match="operation"):
        store.batch([PutOp(DOCS, "a", {"n": 1}), "put"])
    with pytest.raises(InvalidNamespaceError):
        store.batch([PutOp(DOCS, "a", {"n": 1}), PutOp(("a.b",), "b", {})])
    assert memory.proof() == before


def test_a_question_finds_what_fits_best_first_and_the_others_after(store):
    store.put(DOCS, "tea", {"text": "green tea from Japan"})
    store.put(DOCS, "car", {"text": "a red car with four doors"})
    store.put(DOCS, "none", {"text": "green tea, never looked for"}, index=False)
    found = store.search(DOCS, query="green tea")
    assert keys(found) == ["tea", "car", "none"]
    assert found[0].score > found[1].score
    assert found[2].score is None
    assert keys(store.search(DOCS, query="green tea", limit=1, offset=1)) == ["car"]
    assert keys(store.search(DOCS, query="green tea", filter={"text": {"$ne": "green tea from Japan"}})) == [
        "car",
        "none",
    ]
    assert store.search(("other",), query="green tea") == []


def test_only_the_fields_of_the_index_are_looked_at(memory):
    store = HoldfastStore(memory, index={"fields": ["title", "parts[*].text"]})
    store.put(DOCS, "a", {"title": "violin", "parts": [{"text": "strings"}, {"text": "bow"}], "note": "cello"})
    store.put(DOCS, "b", {"note": "violin strings"})
    store.put(DOCS, "c", {"note": "cello"}, index=["note"])
    assert sorted(record.text for record in memory.records()) == ["bow", "cello", "strings", "violin"]
    assert keys(store.search(DOCS, query="cello"))[0] == "c"
    assert store.search(DOCS, query="violin")[2].score is None
    whole = HoldfastStore(memory, index=False)
    whole.put(("w",), "x", {"note": "piano"})
    assert whole.search(("w",), query="piano")[0].score is None


def test_what_the_store_holds_is_recalled_by_the_memory_too(memory, store):
    store.put(("users", "ada"), "food", {"text": "Ada is allergic to peanuts."}, index=["text"])
    (hit,) = memory.recall("what is Ada allergic to?")
    assert hit.text == "Ada is allergic to peanuts."
    memory.forget(hit.id)
    assert store.get(("users", "ada"), "food") is None
    with pytest.raises(Gone):
        store.put(("users", "ada"), "food", {"text": "Ada is allergic to peanuts."}, index=["text"])


def test_operators_compare_numbers_and_dates_and_say_what_they_do_not_know(store):
    store.put(DOCS, "a", {"n": 5, "on": "2026-01-05", "in": {"deep": True, "tags": ["x", "y"]}, "nothing": None})
    store.put(DOCS, "b", {"n": "7.5", "on": "2026-02-01", "in": {"deep": False}})
    wanted = {
        "a": [
            {"n": 5}, {"n": {"$lt": 6}}, {"n": {"$gte": 5, "$lte": 5.0}}, {"on": {"$lt": "2026-01-31"}},
            {"in": {"deep": True}}, {"in": {"tags": ["x", "y"]}}, {"in.tags": ["x", "y"]}, {"n": {"$eq": 5}},
        ],
        "b": [{"n": {"$gt": 6}}, {"n": {"$ne": 5}}, {"in": {"deep": {"$eq": False}}}, {"on": {"$gt": "2026-01-31"}}],
        "": [{"n": {"$gt": "x"}}, {"nope": {"$gt": 1}}, {"in": {"tags": ["x"]}}, {"nothing": {"deep": 1}}],
    }  # fmt: skip
    for key, filters in wanted.items():
        for one in filters:
            assert keys(store.search(DOCS, filter=one)) == ([key] if key else []), one
    for wrong in ({"n": {"$in": [5]}}, {"n": {"$gt": 1, "$regex": "x"}}):
        with pytest.raises(ValueError, match="operator"):
            store.search(DOCS, filter=wrong)


def test_namespaces_are_listed_by_their_ends_and_down_to_a_depth(store):
    for one in (("a", "b", "c"), ("a", "b", "d"), ("a", "x"), ("z", "b", "c"), ("ab",)):
        store.put(one, "k", {})
    assert store.list_namespaces(prefix=("a",)) == [("a", "b", "c"), ("a", "b", "d"), ("a", "x")]
    assert store.list_namespaces(suffix=("c",)) == [("a", "b", "c"), ("z", "b", "c")]
    assert store.list_namespaces(prefix=("*", "b"), suffix=("c",)) == [("a", "b", "c"), ("z", "b", "c")]
    assert store.list_namespaces(max_depth=1) == [("a",), ("ab",), ("z",)]
    assert store.list_namespaces(max_depth=2, offset=1, limit=2) == [("a", "x"), ("ab",)]
    store.delete(("ab",), "k")
    assert ("ab",) not in store.list_namespaces()
    with pytest.raises(ValueError, match="match type"):
        store.batch([ListNamespacesOp((MatchCondition("infix", ("a",)),))])


def test_lifetimes_end_and_reading_makes_them_longer_unless_told_otherwise(tmp_path):
    clock = SteppedClock()
    with Memory.open(tmp_path / "t.db", embedder=None, clock=clock) as memory:
        store = HoldfastStore(memory, ttl={"default_ttl": 1, "refresh_on_read": True})
        for key in ("got", "searched", "left", "peeked"):
            store.put(DOCS, key, {"k": key})
        store.put(DOCS, "kept", {"k": "kept"}, ttl=None)
        clock.advance(40_000)
        store.get(DOCS, "got")
        store.search(DOCS, filter={"k": "searched"})
        store.get(DOCS, "peeked", refresh_ttl=False)
        store.search(DOCS, filter={"k": "peeked"}, refresh_ttl=False)
        clock.advance(40_000)
        assert sorted(keys(store.search(DOCS))) == ["got", "kept", "searched"]
        assert store.get(DOCS, "left") is None
        assert store.sweep_ttl() == 2
        clock.advance(70_000)
        assert keys(store.search(DOCS)) == ["kept"]


def test_a_policy_refuses_at_the_put(tmp_path):
    with Memory.open(
        tmp_path / "p.db", embedder=None, policy=Policy(actions={Sensitive.PAYMENT: Action.REFUSE})
    ) as memory:
        store = HoldfastStore(memory)
        with pytest.raises(Refused):
            store.put(DOCS, "card", {"text": "my card is 4111 1111 1111 1111"})
        assert store.get(DOCS, "card") is None


def test_awaited_calls_do_what_the_others_do(store):
    async def drive():
        await asyncio.gather(*(store.aput(DOCS, f"k{n}", {"n": n}) for n in range(20)))
        assert (await store.aget(DOCS, "k7")).value == {"n": 7}
        await store.adelete(DOCS, "k7")
        assert await store.alist_namespaces() == [DOCS]
        return await store.asearch(DOCS, limit=100)

    assert len(asyncio.run(drive())) == 19


def test_another_model_another_memory_and_strange_fields_are_refused(memory, store, tmp_path):
    for wrong in ({"dims": 3, "embed": len}, {"fields": "text"}, {"fields": [1]}, 5):
        with pytest.raises(InvalidField):
            HoldfastStore(memory, index=wrong)
    with Memory.open(tmp_path / "other.db", embedder=None) as other, pytest.raises(InvalidField, match="same"):
        HoldfastStore(memory, saver=HoldfastSaver(other))
    with pytest.raises(InvalidField):
        store.search(DOCS, limit=-1)
    with pytest.raises(InvalidField):
        store.put(DOCS, "k", [1])
    with pytest.raises(InvalidField):
        store.put(DOCS, "k", {"a": 1}, index="text")


def test_times_are_those_of_the_first_and_the_last_put(tmp_path):
    clock = SteppedClock()
    with Memory.open(tmp_path / "c.db", embedder=None, clock=clock) as memory:
        store = HoldfastStore(memory)
        store.put(DOCS, "a", {"n": 1})
        first = store.get(DOCS, "a")
        clock.advance(5_000)
        store.put(DOCS, "a", {"n": 2})
        second = store.get(DOCS, "a")
        assert second.created_at == first.created_at == first.updated_at
        assert (second.updated_at - first.updated_at).total_seconds() == 5


def test_who_may_only_read_searches_and_makes_no_lifetime_longer(tmp_path):
    clock = SteppedClock()
    with Holdfast.open(tmp_path / "house", clock=clock) as house:
        house.create("team")
        owner = house.space("team")
        HoldfastStore(owner).put(DOCS, "k", {"text": "red apple"}, ttl=10)
        house.grant("bob", "team", "read")
        store = HoldfastStore(house.space("team", as_="bob"))
        clock.advance(120_000)
        before = owner.items.get(DOCS, "k")
        assert store.get(DOCS, "k").value == {"text": "red apple"}
        assert keys(store.search(DOCS)) == keys(store.search(DOCS, query="apple")) == ["k"]
        with pytest.raises(NotAllowed):
            store.put(DOCS, "k", {"text": "green apple"})
        assert owner.items.get(DOCS, "k") == before
        HoldfastStore(owner).get(DOCS, "k")
        assert owner.items.get(DOCS, "k").expires_ms == before.expires_ms + 120_000
