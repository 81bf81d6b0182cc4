"""A filter finds exactly what it means: in every store, in recall, in listings, in forget."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.adapters.keyring import GivenKey
from holdfast.adapters.sqlite import filtering
from holdfast.adapters.sqlite.store import SqliteStore
from holdfast.core.codec import readable_content, record_of
from holdfast.core.filter_text import filter_from_text
from holdfast.core.filters import holds
from holdfast.core.proof import genesis
from holdfast.errors import InvalidFilter
from holdfast.model.filters import COLUMNS, EVERYTHING, Condition, Op
from holdfast.services.selecting import matching
from holdfast.testing.reference import ReferenceStore
from holdfast.testing.store_desk import IDENTITY, Desk
from tests.core.made_filters import contents, filters

CHAIN = genesis(IDENTITY.space, IDENTITY.node)
STORES = {
    "reference": lambda path: ReferenceStore(IDENTITY),
    "sqlite": lambda path: SqliteStore(":memory:", IDENTITY, CHAIN),
    "encrypted": lambda path: SqliteStore(str(path), IDENTITY, CHAIN, keys=GivenKey(b"k" * 32)),
}


@pytest.mark.parametrize("kind", STORES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=40)
@given(
    said=st.lists(contents, min_size=1, max_size=8),
    asked=st.lists(filters, min_size=1, max_size=8),
    closed=st.integers(0, 20),
)
def test_every_store_finds_what_the_filter_means_and_nothing_else(kind, tmp_path, said, asked, closed):
    path = tmp_path / "space.db"
    for left in tmp_path.iterdir():
        left.unlink()
    desk = Desk(STORES[kind](path))
    try:
        ids = [desk._take(content) for content in said]
        if closed < len(ids):
            desk.correct(ids[closed], "corrected")
        with desk.store.reading() as reader:
            held = {n: record_of(event, readable_content(event)) for n, (_, event) in reader.current(
                reader.held(0, 100)).items()}  # fmt: skip
            live = set(reader.select(EVERYTHING, None, None))
            for one in asked:
                meant = sorted(n for n, record in held.items() if holds(one, record))
                assert matching(reader, one, None, None, superseded=True, quarantined=True) == meant
                assert matching(reader, one, None, None) == [n for n in meant if n in live]
                later = [n for n in meant if n in live and held[n].valid_from >= 1_500]
                assert matching(reader, one, 1_500, None) == later
    finally:
        desk.store.close()


@pytest.mark.parametrize("kind", STORES)
def test_no_store_takes_a_missing_value_for_an_answer(kind, tmp_path):
    desk = Desk(STORES[kind](tmp_path / "space.db"))
    has, lacks = (desk.n(desk.fact("one", **given)) for given in ({"category": "health", "expires_at": 5}, {}))
    for where, found in (
        ("category = health", [has]), ("category != health", [lacks]), ("not category exists", [lacks]),
        ("expires_at < 2025-01-01", [has]), ("not expires_at < 2025-01-01", [lacks]),
        ("not (category = work or source = form)", [has, lacks]), ("not tag = a", [has, lacks]),
        ("not (category = health and source exists)", [has, lacks]),
        ("not attributes.age > 3 and not category = health", [lacks]),
    ):  # fmt: skip
        with desk.store.reading() as reader:
            assert matching(reader, filter_from_text(where), None, None) == found, where
    desk.store.close()


def test_sql_has_no_value_of_a_caller_in_it():
    for field in COLUMNS:
        for op in (Op.IN, Op.EXISTS):
            values = ("zanzibar", "mauve") if op is Op.IN else ()
            sql, bound = filtering.filter_sql(Condition(field, op, values), lambda field, values: values)
            assert "zanzibar" not in sql
            assert sql.count("?") == len(bound) == len(values)
    with pytest.raises(InvalidFilter):
        filtering.filter_sql(Condition("author) OR 1=1 --", Op.EXISTS), lambda field, values: values)


def test_recall_listing_and_forget_take_the_same_filter(memory):
    young = memory.remember("Ada likes tea.", category="preference", attributes={"age": 3}, tags=["a"])
    old = memory.remember("Ada likes coffee.", category="preference", attributes={"age": 30})
    memory.remember("Ada likes milk.", category="preference", attributes={"age": 10})
    memory.remember("Ada likes Lisbon.", category="place", attributes={"age": 31})
    where = "category = preference and attributes.age > 18 and not tag in (a, b)"
    mapping = {"category": "preference", "attributes.age": {"gt": 18}, "not": {"tag": ["a", "b"]}}
    for asked in (where, mapping):
        assert [hit.id for hit in memory.recall("what does Ada like?", where=asked)] == [old.id]
        assert [record.id for record in memory.records(where=asked)] == [old.id]
        assert [record.id for record in memory.preview_forget(where=asked).selected] == [old.id]
    receipt = memory.forget(where=where)
    assert receipt.forgotten == (old.id,)
    assert memory.get(young.id).text == "Ada likes tea."


def test_a_session_and_a_filter_that_leaves_it_out_select_nothing(memory):
    memory.session("s1").add("Ada", "Hello")
    assert len(memory.preview_forget(session="s1", where="session = s2")) == 0
    assert len(memory.preview_forget(session="s1", where="author = Ada")) == 1


def test_an_empty_filter_is_no_condition_to_forget_by(memory):
    memory.remember("Ada runs.")
    with pytest.raises(InvalidFilter, match="column 1"):
        memory.preview_forget(where="")
