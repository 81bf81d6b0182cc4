"""The part of the store contract about commits, the journal and the space as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from holdfast.core import decide
from holdfast.core.apply import replay
from holdfast.core.codec import decode_content
from holdfast.core.proof import chain_problems, genesis
from holdfast.errors import AlreadyThere, Closed, Damaged, NotFound
from holdfast.model.events import EventType
from holdfast.model.ids import Id
from holdfast.ports.store import Commit, Identity, Reader
from holdfast.testing.store_desk import (
    IDENTITY,
    MODEL,
    NOWHERE,
    RIVAL,
    Desk,
    PlannedFailure,
    StoreFixtures,
    readable,
    three_memories,
    vectors_for,
)


class JournalContract(StoreFixtures):
    """Commits are whole, and the journal gives back what they stored."""

    def test_a_new_space_is_empty_and_has_the_identity_it_was_given(self, desk: Desk) -> None:
        assert desk.store.identity == IDENTITY
        assert not desk.store.read_only
        head = desk.read(lambda r: r.head())
        assert (head.space, head.node, head.node_seq, head.hlc, head.seq) == (IDENTITY.space, IDENTITY.node, 0, 0, 0)
        assert desk.read(lambda r: (r.count(), list(r.events(0, 10)), r.model(), r.backlog_size())) == (0, [], None, 0)
        assert desk.store.problems() == []

    def test_an_empty_space_takes_on_another_identity(self, desk: Desk) -> None:
        other = Identity(Id(b"another space..."), Id(b"another node 1.."), bytes(reversed(range(32))))
        desk.store.adopt(other, genesis(other.space, other.node))
        assert desk.store.identity == other
        record = desk.fact("Ada lives in Lisbon")
        events = desk.read(lambda r: list(r.events(0, 10)))
        assert [(event.header.space, event.header.node) for event in events] == [(other.space, other.node)]
        assert chain_problems(events) == []
        assert desk.held(record).live

    def test_an_identity_is_taken_on_with_what_is_written_or_not_at_all(self, desk: Desk) -> None:
        other = Identity(Id(b"another space..."), Id(b"another node 1.."), bytes(reversed(range(32))))
        adopts = other, genesis(other.space, other.node)

        def failing(_: object) -> Commit[None]:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            desk.store.commit(failing)
        assert desk.store.identity == IDENTITY
        assert desk.store.commit(lambda _: Commit((), "told", adopts=adopts)) == "told"
        assert desk.store.identity == other
        desk.fact("one")
        with pytest.raises(AlreadyThere):
            desk.store.commit(lambda _: Commit((), None, adopts=(IDENTITY, adopts[1])))
        assert desk.store.identity == other

    def test_a_space_with_events_only_takes_on_another_node(self, desk: Desk) -> None:
        desk.fact("one")
        before = desk.read(lambda r: (r.digest(), dict(r.node_heads())))
        other = replace(IDENTITY, space=Id(b"another space..."))
        with pytest.raises(AlreadyThere):
            desk.store.adopt(other, genesis(other.space, other.node))
        assert desk.store.identity == IDENTITY
        desk.store.adopt(RIVAL, genesis(RIVAL.space, RIVAL.node))
        assert desk.read(lambda r: (r.digest(), dict(r.node_heads()))) == before
        desk.fact("two")
        desk.store.adopt(IDENTITY, genesis(IDENTITY.space, IDENTITY.node))
        desk.fact("three")
        events = desk.read(lambda r: list(r.events(0, 10)))
        assert [(event.header.node, event.header.node_seq) for event in events] == [
            (IDENTITY.node, 1), (RIVAL.node, 1), (IDENTITY.node, 2),
        ]  # fmt: skip
        assert chain_problems(events) == []
        assert [event.header.stamp for event in events] == sorted(event.header.stamp for event in events)

    def test_a_commit_returns_its_result_and_is_seen_by_the_next_reader(self, desk: Desk) -> None:
        record = desk.fact("Ada lives in Lisbon")
        held = desk.held(record)
        assert held.live
        assert (held.n, held.version, held.seq) == (1, 1, 1)
        assert desk.store.commit(lambda reader: Commit((), reader.count())) == 1

    def test_a_decision_that_raises_leaves_nothing(self, desk: Desk) -> None:
        desk.fact("before")
        before = readable(desk)

        def fail(_: Reader) -> Commit[None]:
            raise PlannedFailure

        with pytest.raises(PlannedFailure):
            desk.store.commit(fail)
        assert readable(desk) == before
        desk.fact("after")
        assert desk.read(lambda r: r.count()) == 2

    def test_a_refused_command_leaves_nothing(self, desk: Desk) -> None:
        record = desk.fact("Ada lives in Lisbon")
        before = readable(desk)
        with pytest.raises(NotFound):
            desk.forget(record, NOWHERE)
        assert readable(desk) == before

    def test_a_decision_sees_what_was_committed_before_it(self, desk: Desk) -> None:
        seen = [desk.store.commit(lambda reader: Commit((), reader.count()))]
        for text in ("one", "two"):
            desk.fact(text)
            seen.append(desk.store.commit(lambda reader: Commit((), reader.count())))
        assert seen == [0, 1, 2]

    def test_events_are_numbered_without_gaps_and_chained(self, desk: Desk) -> None:
        for text in ("one", "two", "three"):
            desk.fact(text)
        events = desk.read(lambda r: list(r.events(0, 10)))
        assert [event.seq for event in events] == [1, 2, 3]
        assert chain_problems(events) == []
        head = desk.read(lambda r: r.head())
        assert (head.seq, head.node_seq, head.chain) == (3, 3, events[-1].chain)
        assert head.hlc == events[-1].header.hlc
        assert desk.read(lambda r: r.node_heads())[IDENTITY.node] == (3, events[-1].chain)

    def test_events_come_back_as_they_were_written(self, desk: Desk) -> None:
        record = desk.fact("Ada lives in Lisbon", tags=("home",), attributes={"sure": True})
        (event,) = desk.read(lambda r: list(r.events(0, 10)))
        assert desk.read(lambda r: r.event(1)) == event
        assert (event.header.type, event.header.record, event.header.version) == (EventType.REMEMBERED, record, 1)
        content = decode_content(event)
        assert content is not None
        assert (content.text, content.tags, dict(content.attributes)) == (
            "Ada lives in Lisbon",
            ("home",),
            {"sure": True},
        )

    def test_events_are_paged_by_number(self, desk: Desk) -> None:
        for number in range(5):
            desk.fact(f"fact {number}")
        assert [e.seq for e in desk.read(lambda r: list(r.events(1, 2)))] == [2, 3]
        assert [e.seq for e in desk.read(lambda r: list(r.events(4, 2)))] == [5]
        assert desk.read(lambda r: list(r.events(5, 2))) == []

    def test_an_event_that_is_not_there_is_damage(self, desk: Desk) -> None:
        desk.fact("one")
        for seq in (0, 2, -1):
            with pytest.raises(Damaged):
                desk.read(lambda r, seq=seq: r.event(seq))

    def test_the_events_of_a_memory_are_its_own_oldest_first(self, desk: Desk) -> None:
        first, second = desk.fact("one"), desk.fact("two")
        desk.revise(first, importance=0.9)
        replacement = desk.correct(first, "uno")
        kinds = desk.read(lambda r: [event.header.type for event in r.events_of(first)])
        assert kinds == [EventType.REMEMBERED, EventType.REVISED, EventType.SUPERSEDED]
        assert desk.read(lambda r: len(r.events_of(second))) == 1
        assert desk.read(lambda r: len(r.events_of(replacement))) == 1
        assert desk.read(lambda r: list(r.events_of(NOWHERE))) == []

    def test_an_event_about_no_memory_belongs_to_none(self, desk: Desk) -> None:
        desk.bind()
        assert desk.read(lambda r: (list(r.events_of(decide.NO_RECORD)), r.find(decide.NO_RECORD))) == ([], None)


class WholeContract(StoreFixtures):
    """Rebuilding, digests, exchange between nodes, closing."""

    def test_rebuilding_changes_nothing_that_can_be_read(self, desk: Desk) -> None:
        ids = three_memories(desk)
        desk.bind()
        desk.embed(*ids.values())
        desk.correct(ids["fact"], "Ada may have penicillin")
        desk.forget(ids["turn"])
        desk.revise(ids["reply"], importance=0.9)
        before = readable(desk)
        assert desk.ledger.rebuild() == desk.read(lambda r: r.digest())
        assert readable(desk) == before

    def test_a_rebuild_keeps_the_vector_of_a_memory_that_once_said_something_else(self, desk: Desk) -> None:
        record = desk.fact("one")
        desk.revise(record, caption="a photo")
        desk.revise(record, caption=None)
        desk.bind()
        desk.embed(record)
        desk.ledger.rebuild()
        assert desk.read(lambda r: (r.backlog_size(), r.vectors(0).ns.tolist())) == (0, [desk.n(record)])

    def test_a_rebuild_that_fails_leaves_everything(self, desk: Desk) -> None:
        desk.fact("one")
        desk.fact("two")
        before = readable(desk)

        def broken(events: Iterator[Any]) -> Iterator[Any]:
            yield next(replay(events, IDENTITY.secret))
            raise PlannedFailure

        with pytest.raises(PlannedFailure):
            desk.store.rebuild(broken)
        assert readable(desk) == before

    def test_the_digest_follows_what_is_held(self, desk: Desk) -> None:
        seen = {desk.read(lambda r: r.digest())}
        record = desk.fact("one", tags=("a",))
        seen.add(desk.read(lambda r: r.digest()))
        desk.revise(record, tags=("b",))
        seen.add(desk.read(lambda r: r.digest()))
        replacement = desk.correct(record, "uno")
        seen.add(desk.read(lambda r: r.digest()))
        desk.forget(replacement)
        seen.add(desk.read(lambda r: r.digest()))
        assert len(seen) == 5
        assert {len(digest) for digest in seen} == {32}

    def test_vectors_are_outside_the_digest(self, desk: Desk) -> None:
        record = desk.fact("one")
        desk.bind()
        before = desk.read(lambda r: r.digest())
        desk.embed(record)
        assert desk.read(lambda r: r.digest()) == before

    def test_two_nodes_that_exchange_events_hold_the_same(self, desk: Desk, rival: Desk) -> None:
        first, second = desk.fact("here", tags=("a", "b")), rival.fact("there")
        rival.bind()
        for receiver, sender in ((desk, rival), (rival, desk)):
            assert receiver.ledger.merge(sender.read(lambda r: list(r.events(0, 100)))) > 0
        desk.forget(second)
        rival.ledger.merge(desk.read(lambda r: list(r.events(0, 100))))
        assert desk.read(lambda r: r.digest()) == rival.read(lambda r: r.digest())
        for each in (desk, rival):
            assert each.read(lambda r: [h.id for h in r.live(0, 10)]) == [first]
            assert each.read(lambda r: r.model()) == MODEL
            assert set(each.read(lambda r: r.node_heads())) == {IDENTITY.node, RIVAL.node}
        assert desk.ledger.merge(rival.read(lambda r: list(r.events(0, 100)))) == 0

    def test_a_memory_keeps_its_number_for_good(self, desk: Desk) -> None:
        records = [desk.fact(f"fact {number}") for number in range(4)]
        numbers = [desk.n(record) for record in records]
        assert numbers == sorted(set(numbers))
        desk.forget(*records[:2])
        desk.ledger.rebuild()
        assert [desk.n(record) for record in records] == numbers
        assert desk.n(desk.fact("one more")) > numbers[-1]

    def test_the_log_can_be_let_go(self, desk: Desk) -> None:
        desk.forget(desk.fact("one"))
        assert desk.store.truncate_log() is True
        assert desk.store.size_bytes() >= 0

    def test_a_closed_store_refuses_everything_and_closes_twice(self, desk: Desk) -> None:
        desk.fact("one")
        desk.store.close()
        desk.store.close()
        for use in (
            lambda: desk.fact("two"),
            lambda: desk.read(lambda r: r.count()),
            lambda: desk.store.drop_vectors([1]),
            lambda: desk.store.put_vectors([], [], [], vectors_for([]), MODEL),
            lambda: desk.ledger.rebuild(),
        ):
            with pytest.raises(Closed):
                use()
