"""The part of the store contract about vectors and the backlog."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from holdfast.errors import InvalidVector, ModelMismatch
from holdfast.model.events import SetModel
from holdfast.ports.store import Entry
from holdfast.testing.store_desk import (
    MODEL,
    Desk,
    StoreFixtures,
    vectors_for,
)


class VectorContract(StoreFixtures):
    """Vectors belong to a memory, a version and a model."""

    def test_a_new_memory_waits_for_its_vector(self, desk: Desk) -> None:
        first, second = desk.fact("one"), desk.fact("two")
        desk.bind()
        assert [h.id for h in desk.read(lambda r: r.backlog(10))] == [first, second]
        assert desk.embed(first) == 1
        assert [h.id for h in desk.read(lambda r: r.backlog(10))] == [second]
        assert desk.read(lambda r: r.backlog_size()) == 1

    def test_vectors_come_back_as_they_were_stored(self, desk: Desk) -> None:
        records = [desk.fact(f"fact {number}") for number in range(3)]
        desk.bind()
        before = desk.read(lambda r: r.vector_revision())
        assert desk.embed(*records) == 3
        stored = desk.read(lambda r: r.vectors(0))
        given = vectors_for([desk.n(record) for record in records])
        assert stored.ns.tolist() == given.ns.tolist()
        assert (stored.ns.dtype, stored.values.dtype, stored.scales.dtype) == (np.int64, np.int8, np.float32)
        np.testing.assert_array_equal(stored.values, given.values)
        np.testing.assert_array_equal(stored.scales, given.scales)
        assert stored.damaged == ()
        assert stored.revision == desk.read(lambda r: r.vector_revision()) > before

    def test_no_vectors_are_an_empty_matrix(self, desk: Desk) -> None:
        assert desk.read(lambda r: r.vectors(0)).ns.shape == (0,)
        desk.bind()
        assert desk.read(lambda r: r.vectors(0)).values.shape == (0, 4)

    def test_only_later_vectors_are_given_after_a_revision(self, desk: Desk) -> None:
        first, second = desk.fact("one"), desk.fact("two")
        desk.bind()
        desk.embed(first)
        revision = desk.read(lambda r: r.vector_revision())
        assert desk.read(lambda r: r.vectors(revision)).ns.tolist() == []
        desk.embed(second)
        assert desk.read(lambda r: r.vectors(revision)).ns.tolist() == [desk.n(second)]
        desk.embed(first)
        assert set(desk.read(lambda r: r.vectors(revision)).ns.tolist()) == {desk.n(first), desk.n(second)}

    def test_vectors_are_given_in_pieces_when_asked_for_so(self, desk: Desk) -> None:
        records = [desk.fact(f"fact {number}") for number in range(5)]
        desk.bind()
        desk.embed(*records)
        whole, seen, after = desk.read(lambda r: r.vectors(0)), list[int](), 0
        while after < whole.revision:
            piece = desk.read(lambda r, after=after: r.vectors(after, limit=2))
            assert len(piece.ns) <= 2
            assert piece.revision > after
            seen += piece.ns.tolist()
            after = piece.revision
        assert seen == whole.ns.tolist()

    def test_the_vector_revision_never_falls(self, desk: Desk) -> None:
        record, other = desk.fact("one"), desk.fact("two")
        desk.bind()
        desk.embed(record, other)
        revision = desk.read(lambda r: r.vector_revision())
        desk.store.drop_vectors([desk.n(other)])
        assert desk.read(lambda r: r.vector_revision()) >= revision
        desk.embed(other)
        assert desk.read(lambda r: r.vector_revision()) > revision

    def test_vectors_of_named_memories_are_given_where_there_are_some(self, desk: Desk) -> None:
        first, second, third = (desk.fact(text) for text in ("one", "two", "three"))
        desk.bind()
        desk.embed(first, third)
        stored = desk.read(lambda r: r.vectors_of([desk.n(third), desk.n(second), 99]))
        assert stored.ns.tolist() == [desk.n(third)]
        np.testing.assert_array_equal(stored.values, vectors_for([desk.n(third)]).values)

    def test_a_vector_made_from_an_older_version_is_not_stored(self, desk: Desk) -> None:
        record = desk.fact("one")
        desk.bind()
        held = desk.held(record)
        desk.revise(record, importance=0.9)
        given = ([held.n], [held.seq], [(None, "one", None)], vectors_for([held.n]), MODEL)
        assert desk.store.put_vectors(*given) == 0
        assert desk.read(lambda r: (r.backlog_size(), len(r.vectors(0).ns))) == (1, 0)

    def test_no_vector_is_stored_of_a_superseded_or_forgotten_memory(self, desk: Desk) -> None:
        closed, gone = desk.fact("closed"), desk.fact("gone")
        desk.bind()
        held = [desk.held(record) for record in (closed, gone)]
        replacement = desk.correct(closed, "replacement")
        desk.forget(gone)
        ns, seqs = [h.n for h in held], [h.seq for h in held]
        entries: list[Entry] = [(None, "closed", None), (None, "gone", None)]
        assert desk.store.put_vectors(ns, seqs, entries, vectors_for(ns), MODEL) == 0
        assert [h.id for h in desk.read(lambda r: r.backlog(10))] == [replacement]

    def test_a_revision_that_says_the_same_keeps_its_vector(self, desk: Desk) -> None:
        record = desk.fact("one")
        desk.bind()
        desk.embed(record)
        desk.revise(record, importance=0.9)
        assert desk.read(lambda r: (r.backlog_size(), r.vectors(0).ns.tolist())) == (0, [desk.n(record)])

    def test_a_revision_of_what_is_embedded_drops_the_vector(self, desk: Desk) -> None:
        record = desk.fact("one")
        desk.bind()
        desk.embed(record)
        desk.revise(record, caption="a photo")
        assert desk.read(lambda r: (r.backlog_size(), len(r.vectors(0).ns))) == (1, 0)

    def test_forgetting_erases_the_vector(self, desk: Desk) -> None:
        record = desk.fact("one")
        desk.bind()
        desk.embed(record)
        desk.forget(record)
        assert desk.read(lambda r: (r.backlog_size(), len(r.vectors(0).ns))) == (0, 0)

    def test_dropped_vectors_are_made_again(self, desk: Desk) -> None:
        records = [desk.fact(text) for text in ("one", "two", "gone")]
        desk.bind()
        desk.embed(*records)
        desk.forget(records[2])
        desk.store.drop_vectors([desk.n(records[0]), desk.n(records[2]), 99])
        assert [h.id for h in desk.read(lambda r: r.backlog(10))] == [records[0]]
        assert desk.read(lambda r: r.vectors(0)).ns.tolist() == [desk.n(records[1])]

    def test_vectors_of_another_model_are_refused(self, desk: Desk) -> None:
        record = desk.fact("one")
        with pytest.raises(ModelMismatch):
            desk.embed(record)
        desk.bind()
        for other in (SetModel("other/4", 4), SetModel(MODEL.fingerprint, 5)):
            with pytest.raises(ModelMismatch):
                desk.embed(record, model=other)
        assert desk.read(lambda r: (r.backlog_size(), len(r.vectors(0).ns), r.model())) == (1, 0, MODEL)

    def test_a_model_that_wins_in_a_merge_leaves_no_vector_of_the_one_that_loses(self, desk: Desk, rival: Desk) -> None:
        record = desk.fact("one")
        desk.bind()
        desk.embed(record)
        rival.clock.advance(60_000)
        winner = SetModel("other/4", 4)
        rival.bind(winner)
        desk.ledger.merge(rival.read(lambda r: list(r.events(0, 10))))
        assert desk.read(lambda r: (r.model(), r.backlog_size(), len(r.vectors(0).ns))) == (winner, 1, 0)
        desk.embed(record, model=winner)
        desk.ledger.rebuild()
        assert desk.read(lambda r: (r.backlog_size(), len(r.vectors(0).ns))) == (0, 1)

    def test_vectors_whose_shapes_do_not_fit_are_refused(self, desk: Desk) -> None:
        record = desk.fact("one")
        desk.bind()
        n = desk.n(record)
        entry: Entry = (None, "one", None)
        fits = vectors_for([n])
        for ns, seqs, entries, vectors in (
            ([n], [1], [entry], vectors_for([n], 5)),
            ([n], [1], [entry], vectors_for([n, n])),
            ([n], [1], [entry], vectors_for([])),
            ([n], [1, 1], [entry], fits),
            ([n], [1], [], fits),
            ([n], [1], [entry], replace(fits, scales=np.ones(2, np.float32))),
        ):
            with pytest.raises(InvalidVector):
                desk.store.put_vectors(ns, seqs, entries, vectors, MODEL)
        assert desk.read(lambda r: (r.backlog_size(), len(r.vectors(0).ns))) == (1, 0)
