"""What every store of a space promises, as tests that anybody's store can run with pytest.

    from holdfast.testing.store_contract import StoreContract

    class TestMine(StoreContract):
        @pytest.fixture
        def store_factory(self):
            return lambda identity: MyStore(identity)

Each test gets a fresh space from the ``store_factory`` fixture. A store that outlives its process inherits
`DurableStoreContract` instead, whose factory is called with the same identity again to open the space again.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from holdfast.core.proof import chain_problems
from holdfast.errors import StoreReadOnly
from holdfast.testing.store_desk import (
    IDENTITY,
    MODEL,
    Desk,
    StoreFactory,
    readable,
    three_memories,
    vectors_for,
)
from holdfast.testing.store_reading import ProjectionContract, SelectionContract
from holdfast.testing.store_uses import UsesContract, used
from holdfast.testing.store_vectors import VectorContract
from holdfast.testing.store_writing import JournalContract, WholeContract


class StoreContract(
    JournalContract, ProjectionContract, SelectionContract, VectorContract, UsesContract, WholeContract
):
    """Inherit, override the `store_factory` fixture, and run with pytest."""


class DurableStoreContract(StoreContract):
    """For stores that outlive the process: the factory opens the same space again."""

    def test_everything_is_there_after_closing_and_opening(self, store_factory: StoreFactory) -> None:
        desk = Desk(store_factory(IDENTITY))
        ids = three_memories(desk)
        desk.bind()
        desk.embed(*ids.values())
        desk.store.add_uses(used(desk.n(ids["reply"])))
        desk.correct(ids["fact"], "Ada may have penicillin")
        desk.forget(ids["turn"])
        before = readable(desk)
        desk.store.close()
        again = Desk(store_factory(replace(IDENTITY, secret=b"x" * 32)))
        try:
            assert again.store.identity == IDENTITY
            assert readable(again) == before
            assert again.store.problems() == []
            assert again.store.size_bytes() > 0
        finally:
            again.store.close()

    def test_two_stores_of_one_space_see_each_other(self, store_factory: StoreFactory) -> None:
        first, second = Desk(store_factory(IDENTITY)), Desk(store_factory(IDENTITY))
        second.clock.advance(1_000)
        try:
            for number in range(3):
                for desk in (first, second):
                    desk.clock.advance(10_000)
                    desk.fact(f"fact {number} of {id(desk)}")
            assert readable(first) == readable(second)
            events = first.read(lambda r: list(r.events(0, 10)))
            assert [event.seq for event in events] == [1, 2, 3, 4, 5, 6]
            assert chain_problems(events) == []
        finally:
            first.store.close()
            second.store.close()

    def test_an_open_view_does_not_move(self, desk: Desk, store_factory: StoreFactory) -> None:
        desk.fact("one")
        other = Desk(store_factory(IDENTITY))
        other.clock.advance(1_000)
        try:
            with desk.store.reading() as reader:
                assert reader.count() == 1
                other.fact("two")
                assert reader.count() == 1
                assert reader.head().seq == 1
            assert desk.read(lambda r: r.count()) == 2
        finally:
            other.store.close()

    def test_a_read_only_store_reads_and_refuses_to_write(self, desk: Desk, store_factory: StoreFactory) -> None:
        record = desk.fact("one")
        reader = Desk(store_factory(IDENTITY, read_only=True))
        try:
            assert reader.store.read_only
            assert reader.held(record).live
            before = readable(desk)
            for write in (
                lambda: reader.fact("two"),
                lambda: reader.forget(record),
                lambda: reader.store.drop_vectors([1]),
                lambda: reader.store.add_uses(used(1)),
                lambda: reader.store.put_vectors([], [], [], vectors_for([]), MODEL),
                lambda: reader.ledger.rebuild(),
            ):
                with pytest.raises(StoreReadOnly):
                    write()
            assert readable(desk) == before
            desk.fact("three")
            assert reader.read(lambda r: r.count()) == 2
        finally:
            reader.store.close()
