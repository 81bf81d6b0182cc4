"""The part of the store contract about the projection: what holds now, and how it is found."""

from __future__ import annotations

import pytest

from holdfast.core.proof import chain_problems
from holdfast.core.secrets import text_digest
from holdfast.errors import InvalidFilter
from holdfast.model.erasure import SURFACES
from holdfast.model.events import BarReason
from holdfast.model.filters import EVERYTHING, having
from holdfast.model.ids import Id, id_text
from holdfast.model.records import Kind, Origin, Role
from holdfast.testing.store_desk import (
    IDENTITY,
    NOWHERE,
    Desk,
    StoreFixtures,
    three_memories,
)


class ProjectionContract(StoreFixtures):
    """Memories, bars, what was derived."""

    def test_what_is_unknown_is_not_found(self, desk: Desk) -> None:
        assert desk.read(lambda r: r.find(NOWHERE)) is None
        assert desk.read(lambda r: dict(r.current([1, 2]))) == {}
        assert desk.read(lambda r: r.bar(b"\0" * 16)) is None

    def test_a_revision_is_a_further_version_under_the_same_number(self, desk: Desk) -> None:
        record = desk.fact("Ada lives in Lisbon")
        n = desk.n(record)
        assert desk.revise(record, importance=0.9) == 2
        held = desk.held(record)
        assert (held.n, held.version, held.seq, held.live) == (n, 2, 2, True)

    def test_a_correction_closes_one_memory_and_opens_another(self, desk: Desk) -> None:
        record = desk.fact("Ada lives in Lisbon")
        replacement = desk.correct(record, "Ada lives in Porto")
        old, new = desk.held(record), desk.held(replacement)
        assert (old.live, old.closed_by, old.closed_ms) == (False, replacement, desk.clock.now_ms())
        assert new.live
        assert desk.read(lambda r: [h.id for h in r.live(0, 10)]) == [replacement]

    def test_rejected_and_forgotten_words_are_barred(self, desk: Desk) -> None:
        rejected, forgotten = desk.fact("Ada lives in Lisbon"), desk.fact("the code is 7306")
        assert not desk.read(lambda r: r.has_bars())
        desk.correct(rejected, "Ada lives in Porto")
        desk.forget(forgotten)

        def bar(text: str) -> BarReason | None:
            return desk.read(lambda r: r.bar(text_digest(IDENTITY.secret, text)))

        assert desk.read(lambda r: r.has_bars())
        assert bar("Ada lives in Lisbon") is BarReason.REJECTED
        assert bar("the code is 7306") is BarReason.FORGOTTEN
        assert bar("Ada lives in Porto") is None

    def test_a_lifted_bar_is_none(self, desk: Desk) -> None:
        first = desk.fact("Ada lives in Lisbon")
        desk.correct(desk.correct(first, "Ada lives in Porto"), "Ada lives in Lisbon")
        assert desk.read(lambda r: r.bar(text_digest(IDENTITY.secret, "Ada lives in Lisbon"))) is None

    def test_forgetting_erases_payload_and_salt_and_keeps_the_chain(self, desk: Desk) -> None:
        record = desk.fact("the code is 7306")
        desk.revise(record, importance=0.9)
        desk.fact("something else")
        receipt = desk.forget(record)
        held = desk.held(record)
        assert (held.receipt, held.live, held.seq, held.version) == (receipt, False, 0, 0)
        about = desk.read(lambda r: list(r.events_of(record)))
        erased = [(event.payload is None, event.salt is None) for event in about]
        assert erased == [(True, True), (True, True), (False, False)]
        events = desk.read(lambda r: list(r.events(0, 100)))
        assert chain_problems(events) == []
        assert not any(b"7306" in (event.payload or b"") for event in events)

    def test_erasable_counts_what_a_forget_would_take(self, desk: Desk) -> None:
        source, other = desk.fact("one", tags=("a", "b"), marks=("medical",), expires_at=9_000), desk.fact("two")
        derived = desk.fact("three", sources=(id_text(source), id_text(other)))
        desk.revise(source, importance=0.9)
        desk.bind()
        desk.embed(source)

        def counted(*records: Id) -> dict[str, int]:
            return {name: count for name, count in desk.read(lambda r: r.erasable(records)).items() if count}

        of_source = {"payloads": 2, "vectors": 1, "rows": 1, "terms": 1, "tags": 2, "marks": 1, "expiries": 1}
        assert counted(source) == of_source
        assert counted(derived) == {"payloads": 1, "rows": 1, "terms": 1, "derivations": 2, "waiting": 1}
        assert counted(source, other, NOWHERE) == of_source | {"payloads": 3, "rows": 2, "terms": 2, "waiting": 1}
        assert tuple(desk.read(lambda r: r.erasable([source]))) == SURFACES
        desk.forget(source)
        assert counted(source) == {}
        assert set(desk.read(lambda r: r.find_all([source, other, NOWHERE]))) == {source, other}

    def test_a_receipt_is_found_by_its_id(self, desk: Desk) -> None:
        first, second = desk.forget(desk.fact("one")), desk.forget(desk.fact("two"))
        for receipt in (first, second):
            event = desk.read(lambda r, receipt=receipt: r.receipt(receipt))
            assert event is not None
            assert event.header.other == receipt
            assert event in desk.read(lambda r: list(r.receipts()))
        assert desk.read(lambda r: r.receipt(NOWHERE)) is None

    def test_what_was_derived_is_found_by_its_source(self, desk: Desk) -> None:
        source, other = desk.fact("source"), desk.fact("other")
        first = desk.fact("first", sources=(id_text(source),))
        second = desk.fact("second", sources=(id_text(other), id_text(source)))

        def derived(record: Id) -> set[Id]:
            return set(desk.read(lambda r: [h.id for h in r.derived_from([record])]))

        assert derived(source) == {first, second}
        assert derived(other) == {second}
        assert derived(first) == set()
        desk.revise(second, sources=(id_text(other),))
        assert derived(source) == {first}
        desk.forget(first)
        assert derived(source) == set()

    def test_current_gives_held_memories_with_their_newest_event(self, desk: Desk) -> None:
        old, gone = desk.fact("one"), desk.fact("two")
        new = desk.correct(old, "uno")
        desk.revise(new, importance=0.9)
        numbers = [desk.n(record) for record in (old, gone, new)]
        desk.forget(gone)
        found = desk.read(lambda r: dict(r.current([*numbers, 99, *numbers])))
        assert set(found) == {numbers[0], numbers[2]}
        held, event = found[numbers[2]]
        assert (held.id, held.version, event.seq) == (new, 2, held.seq)
        assert found[numbers[0]][0].closed_by == new

    def test_many_numbers_may_be_asked_for_at_once(self, desk: Desk) -> None:
        record = desk.fact("one")
        asked = [*range(2, 2_500), 1]
        assert list(desk.read(lambda r: dict(r.current(asked)))) == [1]
        assert list(desk.read(lambda r: r.columns(asked)).n) == [desk.n(record)]
        assert len(desk.read(lambda r: r.vectors_of(asked)).ns) == 0


class SelectionContract(StoreFixtures):
    """Filters, listings, sessions, columns, counts."""

    @pytest.mark.parametrize(
        ("where", "expected"),
        [
            ({}, "fact turn reply"),
            ({"author": ["Ada"]}, "turn"),
            ({"author": ["Ada", "Ben"]}, "turn reply"),
            ({"role": [int(Role.ASSISTANT)]}, "reply"),
            ({"session": ["s1"]}, "turn reply"),
            ({"kind": [int(Kind.FACT)]}, "fact"),
            ({"category": ["health"]}, "fact"),
            ({"subject": ["Ada"]}, "fact"),
            ({"source": ["form"]}, "fact"),
            ({"origin": [int(Origin.TOOL)]}, "fact"),
            ({"tag": ["red"]}, "fact turn"),
            ({"tag": ["red", "blue"]}, "fact turn"),
            ({"tag": ["blue"], "author": ["Ada"]}, "turn"),
            ({"author": ["Ada"], "kind": [int(Kind.FACT)]}, ""),
            ({"author": ["nobody"]}, ""),
            ({"author": []}, ""),
            ({"author": ["' OR 1=1 --"]}, ""),
        ],
        ids=str,
    )
    def test_select_and_count_find_what_matches_every_field(
        self, desk: Desk, where: dict[str, list[str | int]], expected: str
    ) -> None:
        ids = three_memories(desk)
        numbers = [desk.n(ids[name]) for name in expected.split()]
        assert desk.read(lambda r: r.select(having(where), None, None)) == numbers
        assert desk.read(lambda r: r.count(having(where))) == len(numbers)

    def test_select_bounds_the_time_from_the_first_and_before_the_second(self, desk: Desk) -> None:
        ids = three_memories(desk)
        fact, turn, reply = (desk.n(ids[name]) for name in ("fact", "turn", "reply"))
        assert desk.read(lambda r: r.select(EVERYTHING, 2_000, None)) == [turn, reply]
        assert desk.read(lambda r: r.select(EVERYTHING, None, 2_000)) == [fact]
        assert desk.read(lambda r: r.select(EVERYTHING, 1_000, 3_000)) == [fact, turn]
        assert desk.read(lambda r: r.select(having({"author": ["Ben"]}), 1_000, 3_000)) == []

    def test_live_facts_are_found_by_how_their_source_begins(self, desk: Desk) -> None:
        section = desk.fact("one", source="notes@1/a_b.md#Top")
        whole = desk.fact("two", source="notes@1/a_b.md")
        other = desk.fact("three", source="notes@1/aXb.md")
        for text, source in (("four", "Notes@1/a_b.md"), ("five", "my notes@1/"), ("six", None), ("%", "%")):
            desk.fact(text, source=source)
        desk.turn("seven", source="notes@1/a_b.md")
        desk.forget(desk.fact("eight", source="notes@1/a_b.md"))
        replacement = desk.correct(desk.fact("nine", source="notes@1/é/🫠.md"), "ten")

        def found(prefix: str) -> list[tuple[Id, str]]:
            return desk.read(lambda r: r.sourced(prefix))

        assert found("notes@1/a_b.md") == [(section, "notes@1/a_b.md#Top"), (whole, "notes@1/a_b.md")]
        assert [record for record, _ in found("notes@1/")] == [section, whole, other, replacement]
        assert found("notes@1/é/🫠") == [(replacement, "notes@1/é/🫠.md")]
        assert found("notes@%") == found("notes@1/a_b.md#Top and more") == []
        assert [source for _, source in found("%")] == ["%"]
        assert len(found("")) == 7

    def test_an_unknown_field_is_refused(self, desk: Desk) -> None:
        desk.fact("one")
        for name in ("colour", "n", "tags", "1=1 OR author", "text", "attributes.age"):
            with pytest.raises(InvalidFilter):
                desk.read(lambda r, name=name: r.select(having({name: ["red"]}), None, None))
            with pytest.raises(InvalidFilter):
                desk.read(lambda r, name=name: r.count(having({name: ["red"]})))

    def test_only_live_memories_are_selected_counted_and_listed(self, desk: Desk) -> None:
        kept, closed, gone = (desk.fact(text) for text in ("kept", "closed", "gone"))
        replacement = desk.correct(closed, "replacement")
        desk.forget(gone)
        expected = [desk.n(kept), desk.n(replacement)]
        assert desk.read(lambda r: r.select(EVERYTHING, None, None)) == expected
        assert desk.read(lambda r: [h.n for h in r.live(0, 10)]) == expected
        assert list(desk.read(lambda r: r.columns(None)).n) == expected
        assert desk.read(lambda r: r.count()) == 2
        assert desk.read(lambda r: r.held(0, 10)) == sorted([desk.n(kept), desk.n(closed), desk.n(replacement)])

    def test_what_is_quarantined_is_held_and_not_live_until_it_is_released(self, desk: Desk) -> None:
        kept, apart = desk.fact("kept"), desk.fact("obey me", quarantined=True, marks=("injection",))
        desk.bind()
        assert desk.held(apart).quarantined
        assert not desk.held(kept).quarantined
        live, both = [desk.n(kept)], [desk.n(kept), desk.n(apart)]

        def listed() -> list[list[int]]:
            return desk.read(
                lambda r: [
                    r.select(EVERYTHING, None, None),
                    [h.n for h in r.live(0, 9)],
                    list(r.columns(None).n),
                    list(r.columns(both).n),
                    [h.n for h in r.backlog(9)],
                    list(r.moved(0).changed),
                ]
            )

        assert listed() == [live] * 6
        assert desk.read(lambda r: r.select(EVERYTHING, None, None, quarantined=True)) == both
        assert desk.read(lambda r: (r.count(), r.count(quarantined=True))) == (1, 2)
        assert desk.read(lambda r: r.select(having({"mark": ["injection"]}), None, None)) == []
        assert desk.read(lambda r: r.select(having({"mark": ["injection"]}), None, None, quarantined=True)) == both[1:]
        assert desk.read(lambda r: r.held(0, 9)) == both
        assert desk.read(lambda r: r.tally()).quarantined == 1
        desk.revise(apart, quarantined=False)
        assert listed() == [both] * 6
        desk.revise(apart, quarantined=True)
        assert listed() == [live] * 6
        before = desk.read(lambda r: r.digest())
        assert desk.ledger.rebuild() == before
        desk.forget(apart)
        assert desk.read(lambda r: r.select(having({"mark": ["injection"]}), None, None, quarantined=True)) == []

    def test_what_is_aside_is_held_and_selected_on_request_alone(self, desk: Desk) -> None:
        desk.bind()
        kept = desk.fact("kept")
        aside = desk.turn("asked", kind=Kind.EXPECTATION, quarantined=True, tags=("red",), body="{}")
        live, both = [desk.n(kept)], [desk.n(kept), desk.n(aside)]
        assert not desk.held(aside).quarantined
        assert desk.read(lambda r: r.held(0, 9)) == both
        assert desk.read(lambda r: r.select(EVERYTHING, None, None, superseded=True, quarantined=True)) == live
        assert desk.read(lambda r: r.select(EVERYTHING, None, None, aside=True)) == both
        assert desk.read(lambda r: r.select(having({"tag": ["red"]}), None, None, aside=True)) == both[1:]
        assert desk.read(
            lambda r: [list(r.columns(None).n), [h.n for h in r.backlog(9)], list(r.moved(0).changed)]
        ) == ([live] * 3)
        tally = desk.read(lambda r: r.tally())
        assert (desk.read(lambda r: r.count(quarantined=True)), tally.live, tally.quarantined) == (1, 1, 0)
        before = desk.read(lambda r: r.digest())
        assert desk.ledger.rebuild() == before
        assert desk.read(lambda r: r.session("s1")) == []
        assert desk.read(lambda r: r.erasable([aside]))["rows"] == 1
        desk.forget(aside)
        assert desk.read(lambda r: r.held(0, 9)) == live

    def test_a_quarantined_memory_that_is_superseded_is_superseded(self, desk: Desk) -> None:
        apart = desk.fact("obey me", quarantined=True)
        new = desk.correct(apart, "do not obey")
        assert not desk.held(apart).quarantined
        assert desk.held(new).quarantined, "a correction lifts no quarantine"
        assert desk.read(lambda r: r.tally()).superseded == 1
        assert desk.read(lambda r: r.select(EVERYTHING, None, None, superseded=True)) == [desk.n(apart)]

    def test_what_is_kept_for_a_while_is_told_when_its_time_is_up(self, desk: Desk) -> None:
        short, long = desk.fact("short", expires_at=5_000), desk.fact("long", expires_at=9_000)
        desk.fact("for good")
        assert desk.read(lambda r: r.expired(4_999)) == []
        assert desk.read(lambda r: r.expired(5_000)) == [desk.n(short)]
        assert desk.read(lambda r: r.expired(9_000)) == [desk.n(short), desk.n(long)]
        desk.revise(long, expires_at=None)
        assert desk.read(lambda r: r.expired(10_000)) == [desk.n(short)]
        before = desk.read(lambda r: r.digest())
        assert desk.ledger.rebuild() == before
        desk.forget(short)
        assert desk.read(lambda r: r.expired(10_000)) == []

    def test_marks_follow_the_newest_version(self, desk: Desk) -> None:
        record = desk.fact("one", marks=("medical", "contact"))
        assert desk.read(lambda r: r.count(having({"mark": ["medical", "financial"]}))) == 1
        desk.revise(record, marks=("financial",))
        assert desk.read(lambda r: r.count(having({"mark": ["medical"]}))) == 0
        assert desk.read(lambda r: r.count(having({"mark": ["financial"]}))) == 1

    def test_listings_are_paged_by_number(self, desk: Desk) -> None:
        numbers = [desk.n(desk.fact(f"fact {number}")) for number in range(4)]
        assert desk.read(lambda r: [h.n for h in r.live(numbers[0], 2)]) == numbers[1:3]
        assert desk.read(lambda r: r.held(numbers[1], 10)) == numbers[2:]
        assert desk.read(lambda r: [h.n for h in r.backlog(2, numbers[0])]) == numbers[1:3]

    def test_a_session_gives_its_turns_in_the_order_said_superseded_ones_too(self, desk: Desk) -> None:
        late = desk.turn("late", valid_from=3_000)
        early = desk.turn("early", valid_from=1_000)
        same = desk.turn("same moment", valid_from=3_000)
        gone = desk.turn("gone", valid_from=2_000)
        desk.turn("elsewhere", session="s2")
        desk.correct(early, "a correction is a fact outside the session")
        desk.forget(gone)
        assert desk.read(lambda r: r.session("s1")) == [desk.n(early), desk.n(late), desk.n(same)]
        assert desk.read(lambda r: r.session("none")) == []

    def test_columns_are_given_in_pieces_when_asked_for_so(self, desk: Desk) -> None:
        for number in range(5):
            desk.fact(f"fact {number}")
        whole, seen = list(desk.read(lambda r: r.columns(None).n)), list[int]()
        after = 0
        while piece := list(desk.read(lambda r, after=after: r.columns(None, after_n=after, limit=2).n)):
            assert len(piece) <= 2
            seen += piece
            after = piece[-1]
        assert seen == whole

    def test_columns_hold_what_the_index_needs(self, desk: Desk) -> None:
        ids = three_memories(desk)
        columns = desk.read(lambda r: r.columns([desk.n(ids["turn"]), desk.n(ids["fact"])]))
        assert list(columns.n) == [desk.n(ids["fact"]), desk.n(ids["turn"])]
        assert list(columns.session) == [None, "s1"]
        assert list(columns.author) == [None, "Ada"]
        assert list(columns.role) == [Role.NONE, Role.USER]
        assert list(columns.kind) == [Kind.FACT, Kind.TURN]
        assert list(columns.said_ms) == list(columns.order) == [1_000, 2_000]
        assert all(isinstance(terms, bytes) and terms for terms in columns.terms)
        assert list(desk.read(lambda r: r.columns([])).n) == []

    def test_moved_tells_what_changed_since_a_place_in_the_journal(self, desk: Desk) -> None:
        kept, closed, gone = (desk.fact(text) for text in ("kept", "closed", "gone"))
        seq = desk.read(lambda r: r.head().seq)
        assert desk.read(lambda r: r.moved(seq)) == type(desk.read(lambda r: r.moved(seq)))((), (), seq)
        replacement = desk.correct(closed, "replacement")
        desk.revise(kept, importance=0.9)
        desk.forget(gone)
        desk.bind()
        moved = desk.read(lambda r: r.moved(seq))
        assert moved.changed == tuple(sorted((desk.n(kept), desk.n(replacement))))
        assert moved.gone == tuple(sorted((desk.n(closed), desk.n(gone))))
        assert moved.seq == desk.read(lambda r: r.head().seq)

    def test_the_tally_counts_states_and_fields_of_live_memories(self, desk: Desk) -> None:
        ids = three_memories(desk)
        desk.correct(desk.fact("Lisbon"), "Porto")
        desk.forget(desk.fact("secret"))
        tally = desk.read(lambda r: r.tally())
        assert (tally.live, tally.superseded, tally.forgotten, tally.sessions) == (len(ids) + 1, 1, 1, 1)
        assert dict(tally.by_kind) == {int(Kind.FACT): 2, int(Kind.TURN): 2}
        assert dict(tally.by_category) == {"health": 1}
        assert dict(tally.by_author) == {"Ada": 1, "Ben": 1}
        assert (tally.oldest_ms, tally.newest_ms) == (1_000, 3_000)
