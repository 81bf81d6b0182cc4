"""The part of the store contract about uses: who was given which memory, beside the journal."""

from __future__ import annotations

import pytest

from holdfast.model.insight import MOST_PRINCIPALS, OTHERS, Access, Reads
from holdfast.ports.store import Commit, Reader, Touch, Uses
from holdfast.testing.store_desk import NOWHERE, Desk, PlannedFailure, StoreFixtures


def used(n: int, principal: str = "ann", count: int = 1, first_ms: int = 1_000, last_ms: int = 2_000) -> Uses:
    """One principal was given one memory."""
    access = Access(principal, count, 0, 0, first_ms, last_ms)
    return Uses((Touch(n, Reads(principal, count, first_ms, last_ms)),), (access,))


class UsesContract(StoreFixtures):
    """Counts that no event carries."""

    def test_uses_add_up_per_principal(self, desk: Desk) -> None:
        n = desk.n(desk.fact("one"))
        desk.store.add_uses(used(n, count=2))
        desk.store.add_uses(used(n, count=3, first_ms=500, last_ms=1_500))
        desk.store.add_uses(used(n, "bo", first_ms=9_000, last_ms=9_000))
        assert list(desk.read(lambda r: r.reads_of(n))) == [Reads("ann", 5, 500, 2_000), Reads("bo", 1, 9_000, 9_000)]
        listed = Uses((), (Access("ann", 0, 7, 4, 100, 3_000),))
        desk.store.add_uses(listed)
        told = [Access("bo", 1, 0, 0, 9_000, 9_000), Access("ann", 5, 7, 4, 100, 3_000)]
        assert list(desk.read(lambda r: r.accesses())) == told

    def test_uses_are_in_no_event_and_in_no_digest_and_stay_through_a_rebuild(self, desk: Desk) -> None:
        record = desk.fact("one")
        before = desk.read(lambda r: (r.digest(), r.head(), r.find(record)))
        desk.store.add_uses(used(desk.n(record)))
        assert desk.read(lambda r: (r.digest(), r.head(), r.find(record))) == before
        told = desk.read(lambda r: (list(r.reads_of(desk.n(record))), list(r.accesses())))
        assert told[0]
        assert desk.ledger.rebuild() == before[0]
        assert desk.read(lambda r: (list(r.reads_of(desk.n(record))), list(r.accesses()))) == told

    def test_uses_go_with_their_memory_and_do_not_come_back(self, desk: Desk) -> None:
        kept, gone = desk.n(desk.fact("kept")), desk.fact("gone")
        n = desk.n(gone)
        for uses in (used(kept), used(n)):
            desk.store.add_uses(uses)
        desk.forget(gone)
        desk.store.add_uses(used(n, "bo"))
        desk.store.add_uses(used(kept + n + 100))
        assert list(desk.read(lambda r: r.reads_of(n))) == []
        assert list(desk.read(lambda r: r.reads_of(kept + n + 100))) == []
        assert len(desk.read(lambda r: r.reads_of(kept))) == 1
        desk.ledger.rebuild()
        assert list(desk.read(lambda r: r.reads_of(n))) == []

    def test_uses_of_many_that_are_forgotten_at_once_go_too(self, desk: Desk) -> None:
        records = [desk.fact(f"fact {number}") for number in range(40)]
        ns = [desk.n(record) for record in records]
        for n in ns:
            desk.store.add_uses(used(n))
        desk.forget(*records)
        assert [n for n in ns if desk.read(lambda r, n=n: r.reads_of(n))] == []

    def test_uses_stay_with_a_memory_that_is_revised_or_superseded(self, desk: Desk) -> None:
        record = desk.fact("one")
        n = desk.n(record)
        desk.store.add_uses(used(n))
        desk.revise(record, importance=0.9)
        desk.correct(record, "two")
        assert len(desk.read(lambda r: r.reads_of(n))) == 1
        desk.store.add_uses(used(n))
        assert desk.read(lambda r: r.reads_of(n))[0].count == 2

    def test_uses_are_written_along_with_a_commit_or_not_at_all(self, desk: Desk) -> None:
        n = desk.n(desk.fact("one"))
        assert desk.store.commit(lambda view: Commit((), "told", used(n))) == "told"

        def fail(view: Reader) -> Commit[None]:
            raise PlannedFailure

        with pytest.raises(PlannedFailure):
            desk.store.commit(fail)
        assert [reads.count for reads in desk.read(lambda r: r.reads_of(n))] == [1]

    def test_principals_beyond_the_bound_are_counted_together(self, desk: Desk) -> None:
        n = desk.n(desk.fact("one"))
        names = [f"p{number:04}" for number in range(MOST_PRINCIPALS + 5)]
        accesses = tuple(Access(name, 1, 0, 0, 1, 1) for name in names)
        desk.store.add_uses(Uses((), accesses))
        desk.store.add_uses(used(n, names[-1]))
        found = {access.principal: access.reads for access in desk.read(lambda r: r.accesses())}
        assert (len(found), found[OTHERS]) == (MOST_PRINCIPALS + 1, 6)
        assert [reads.principal for reads in desk.read(lambda r: r.reads_of(n))] == [OTHERS]

    def test_what_a_memory_replaced_is_found_from_it(self, desk: Desk) -> None:
        old = desk.fact("Ada lives in Lisbon")
        new = desk.correct(old, "Ada lives in Porto")
        assert [held.id for held in desk.read(lambda r: r.superseded_by(new))] == [old]
        assert list(desk.read(lambda r: r.superseded_by(old))) == []
        assert list(desk.read(lambda r: r.superseded_by(NOWHERE))) == []
        desk.forget(old)
        assert list(desk.read(lambda r: r.superseded_by(new))) == []

    def test_the_tally_names_sources_and_when_memories_came(self, desk: Desk) -> None:
        assert desk.read(lambda r: r.tally()).first_recorded_ms is None
        start = desk.clock.now_ms()
        for source in ("form", "form", "letter"):
            desk.clock.advance(1_000)
            desk.fact(f"from a {source} at {desk.clock.now_ms()}", source=source)
        gone = desk.fact("gone", source="note")
        desk.forget(gone)
        tally = desk.read(lambda r: r.tally())
        assert (dict(tally.by_source), tally.sources) == ({"form": 2, "letter": 1}, 2)
        assert (tally.first_recorded_ms, tally.last_recorded_ms) == (start + 1_000, start + 3_000)
        assert tally.receipts == 1

    def test_bytes_of_contents_are_told_and_go_with_them(self, desk: Desk) -> None:
        assert desk.read(lambda r: r.content_bytes()) == (0, 0, 0)
        record = desk.fact("a text " * 100)
        desk.bind()
        before = desk.read(lambda r: r.content_bytes())
        desk.embed(record)
        texts, terms, vectors = desk.read(lambda r: r.content_bytes())
        assert texts >= 700
        assert terms > 0
        assert vectors >= before[2] + 4
        desk.forget(record)
        assert desk.read(lambda r: r.content_bytes())[1:] == (0, 0)
        assert desk.read(lambda r: r.content_bytes())[0] < texts
