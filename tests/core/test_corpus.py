"""The corpus answers by what is in it, not by how it got there."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.columns import distinct
from holdfast.core.corpus import Corpus
from holdfast.core.entry import Entry, transposed
from holdfast.core.fusion import rank
from holdfast.core.postings import Postings
from holdfast.core.vectors import VectorTable, quantise
from holdfast.errors import Damaged
from tests.core.spaces import DIMENSIONS, NOW_MS, ask, corpus_of, entry, give_vectors, spaces, vectors_of

QUESTIONS = ("piano in lisbon", "When did Ada see the dog?", "the recipe yesterday", "nothing of the kind", "")


def assert_same(one: Corpus, other: Corpus) -> None:
    """Assert that two corpora cannot be told apart by what they answer."""
    assert len(one) == len(other)
    assert one.statistics() == other.statistics()
    assert one.missing_vectors().tolist() == other.missing_vectors().tolist()
    (vector,) = vectors_of([10**6])
    for question in QUESTIONS:
        for query_vector in (vector, None):
            query = ask(one, question)
            first = rank(one, query, query_vector, limit=100)
            second = rank(other, query, query_vector, limit=100)
            np.testing.assert_allclose(first.scores, second.scores, rtol=1e-4, atol=1e-4)
            # Entries that score the same but for rounding may change places.
            assert set(first.ns.tolist()) == set(second.ns.tolist())
            scores = dict(zip(second.ns.tolist(), second.scores.tolist(), strict=True))
            assert [scores[n] for n in first.ns.tolist()] == pytest.approx(second.scores.tolist(), abs=1e-3)


@given(spaces(), st.data())
def test_any_cutting_of_additions_gives_the_same_corpus(entries: list[Entry], data: st.DataObject) -> None:
    whole = corpus_of(entries)
    pieces = Corpus(DIMENSIONS)
    start = 0
    while start < len(entries):
        end = start + data.draw(st.integers(1, 8), label="chunk")
        chunk = entries[start:end]
        if data.draw(st.booleans(), label="columns"):
            pieces.add_columns(*transposed(chunk))
        else:
            pieces.add(chunk)
        if data.draw(st.booleans(), label="vectors now"):
            give_vectors(pieces, [item.n for item in chunk])
        if data.draw(st.booleans(), label="read now"):
            pieces.statistics()
        start = end
    give_vectors(pieces, pieces.missing_vectors().tolist())
    assert_same(pieces, whole)


@given(spaces(), st.data())
def test_removed_is_as_never_added(entries: list[Entry], data: st.DataObject) -> None:
    corpus = corpus_of(entries)
    if data.draw(st.booleans(), label="read before"):
        corpus.statistics()
    kept = [item for item in entries if data.draw(st.booleans(), label="keep")]
    gone = [item.n for item in entries if item not in kept]
    corpus.remove(gone)
    if data.draw(st.booleans(), label="compact"):
        corpus.compact()
    assert_same(corpus, corpus_of(kept))
    corpus.remove(gone)
    assert len(corpus) == len(kept)


@given(spaces(max_size=25), st.randoms(use_true_random=False))
def test_the_order_of_additions_does_not_matter(entries: list[Entry], random: object) -> None:
    shuffled = list(entries)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    corpus = corpus_of(shuffled)
    whole = corpus_of(entries)
    assert sorted(corpus.missing_vectors().tolist()) == sorted(whole.missing_vectors().tolist())
    assert_same(corpus, whole)


@given(spaces(max_size=25))
def test_removed_entries_can_come_back(entries: list[Entry]) -> None:
    corpus = corpus_of(entries)
    back = entries[::2]
    corpus.remove([item.n for item in back])
    corpus.statistics()
    corpus.add(back)
    give_vectors(corpus, [item.n for item in back])
    assert_same(corpus, corpus_of(entries))


def test_one_large_load_equals_many_small_ones() -> None:
    entries = [entry(n, f"word{n % 7} word{n % 11}", session=f"s{n % 13}", order=-n) for n in range(1, 3_001)]
    bulk = Corpus(DIMENSIONS)
    bulk.add_columns(*transposed(entries))
    give_vectors(bulk, [item.n for item in entries])
    assert_same(bulk, corpus_of(entries))


def test_removing_most_entries_shrinks_the_corpus() -> None:
    entries = [entry(n, f"word{n % 7}", session=f"s{n % 5}") for n in range(1, 4_001)]
    corpus = corpus_of(entries)
    corpus.remove(range(1, 3_990))
    assert corpus.size == 12
    assert_same(corpus, corpus_of(entries[3_989:]))


def test_neighbours_stand_in_the_same_session_by_order_then_number() -> None:
    corpus = corpus_of(
        [
            entry(1, "a", session="x", order=2),
            entry(2, "b", session="x", order=1),
            entry(3, "c", session="y", order=1),
            entry(4, "d", session="x", order=1),
            entry(5, "e", session=None),
            entry(6, "f", session=None),
        ]
    )
    corpus.refresh()
    number = corpus.columns.n
    after = {int(number[row]): int(number[corpus.columns.after[row]]) for row in range(1, corpus.size)}
    assert after == {2: 4, 4: 1, 1: 0, 3: 0, 5: 0, 6: 0}


def test_pooled_cosine_is_the_formula_it_states() -> None:
    entries = [entry(n, "x", session="s") for n in range(1, 7)]
    corpus = corpus_of(entries)
    corpus.refresh()
    vectors = np.vstack([np.zeros((2, DIMENSIONS)), vectors_of(range(1, 7)), np.zeros((1, DIMENSIONS))])
    (query,) = vectors_of([99])
    expected: list[float] = []
    for i in range(2, 8):
        context = vectors[i] + 0.7 * vectors[i - 1] + 0.4 * vectors[i - 2] + 0.4 * vectors[i + 1]
        pooled = vectors[i] + context / np.linalg.norm(context)
        expected.append(float(pooled @ query / np.linalg.norm(pooled)))
    columns = corpus.columns
    got = corpus.vectors.pooled(corpus.vectors.scan(query, corpus.size), columns.before, columns.after)
    np.testing.assert_allclose(got[1:], expected, atol=0.02)  # eight bits a number


def test_quantised_vectors_stay_close_and_zero_survives() -> None:
    vectors = np.vstack([vectors_of([1, 2, 3]), np.zeros((1, DIMENSIONS), np.float32)])
    codes, scales = quantise(vectors)
    np.testing.assert_allclose(codes * scales[:, None], vectors, atol=0.01)
    assert codes.dtype == np.int8
    assert (scales > 0).all()


def test_vectors_of_unknown_entries_are_skipped() -> None:
    corpus = corpus_of([entry(1, "a"), entry(3, "b")], with_vectors=False)
    give_vectors(corpus, [1, 2, 7])
    assert corpus.missing_vectors().tolist() == [3]


def test_vectors_of_a_wrong_shape_are_refused() -> None:
    corpus = corpus_of([entry(1, "a")], with_vectors=False)
    with pytest.raises(ValueError, match="dimensions"):
        corpus.set_vectors(np.array([1]), np.zeros((1, DIMENSIONS + 1), np.int8), np.ones(1, np.float32))
    with pytest.raises(ValueError, match="positive"):
        corpus.set_vectors(np.array([1]), np.zeros((1, DIMENSIONS), np.int8), np.array([np.nan], np.float32))


@pytest.mark.parametrize("ns", [(2, 2), (2, 1, 2), (1, 3, 3)])
def test_a_number_in_use_is_refused(ns: tuple[int, ...]) -> None:
    corpus = Corpus(DIMENSIONS)
    with pytest.raises(ValueError, match="in use"):
        corpus.add(entry(n, "a") for n in ns)
    with pytest.raises(ValueError, match="in use"):
        Corpus(DIMENSIONS).add_columns(*transposed([entry(n, "a") for n in ns]))


def test_damaged_terms_are_refused_and_nothing_is_lost() -> None:
    corpus = corpus_of([entry(1, "piano")])
    broken = Entry(2, None, 0, None, 0, 0, NOW_MS, b"\1\0\7\0")
    with pytest.raises(Damaged):
        corpus.add([broken])
    with pytest.raises(Damaged):
        corpus.add_columns(*transposed([entry(3, "x"), broken]))
    corpus.add([entry(4, "piano")])
    assert len(corpus) == 2
    assert rank(corpus, ask(corpus, "piano"), None, limit=5).ns.tolist() == [1, 4]


def test_conditions_select_entries() -> None:
    corpus = corpus_of(
        [
            entry(1, "a", session="x", author="Ada", role=1, kind=1, said_ms=10),
            entry(2, "b", session="y", author="Bo", role=2, kind=2, said_ms=20),
            entry(3, "c", session=None, author=None, role=0, kind=1, said_ms=30),
        ]
    )
    corpus.remove([9])
    number = corpus.columns.n[: corpus.size]
    assert number[corpus.where()].tolist() == [1, 2, 3]
    assert number[corpus.where(session="y")].tolist() == [2]
    assert number[corpus.where(session="z")].tolist() == []
    assert number[corpus.where(author="Ada")].tolist() == [1]
    assert number[corpus.where(roles=(0, 2))].tolist() == [2, 3]
    assert number[corpus.where(kinds=(1,), said_from_ms=20)].tolist() == [3]
    assert number[corpus.where(said_from_ms=10, said_before_ms=30)].tolist() == [1, 2]
    assert number[corpus.mask([3, 1, 77])].tolist() == [1, 3]


def test_statistics_describe_the_space() -> None:
    corpus = corpus_of(
        [
            entry(1, "piano garden", author="Ada", role=1),
            entry(2, "word " * 150, author="Bo", role=2),
            entry(3, "piano", author="Cy", role=2),
        ]
    )
    corpus.remove([3])
    statistics = corpus.statistics()
    assert statistics.entries == 2
    assert statistics.authors == ("Ada", "Bo")
    assert statistics.role_shares == (0, 0.5, 0.5, 0, 0)
    assert statistics.long_share == 0.5
    assert statistics.mean_total == (3 + 151) / 2
    assert statistics.mean_window == 3 + 151


def test_an_empty_corpus_answers() -> None:
    corpus = Corpus(DIMENSIONS)
    assert len(corpus) == 0
    assert corpus.missing_vectors().tolist() == []
    assert corpus.statistics().entries == 0
    assert corpus.where().tolist() == [False]
    corpus.remove([1])
    corpus.compact()


def test_removing_overwrites_the_vector() -> None:
    corpus = corpus_of([entry(1, "a"), entry(2, "b")])
    (query,) = vectors_of([1])
    assert corpus.vectors.scan(query, corpus.size)[1] == pytest.approx(1, abs=0.01)
    corpus.remove([1])
    assert corpus.vectors.scan(query, corpus.size)[1] == 0


@pytest.mark.parametrize("others", [0, 6_000])
def test_terms_with_a_common_half_are_told_apart(others: int) -> None:
    postings = Postings()
    terms = np.array([0x12340001, 0x12340002, 0xFFFFFFFF, 0], np.uint32)
    for first in (1, 5):  # the second time they wait in the tail
        postings.add(np.arange(first, first + 4, dtype=np.int32), terms, np.array([7, 8, 9, 10], np.uint8))
        rows = np.arange(100, 100 + others, dtype=np.int32)
        postings.add(rows, rows.astype(np.uint32) << 8, np.ones(others, np.uint8))
        for i, term in enumerate(terms.tolist()):
            found, counts = postings.find(term)
            assert sorted(found.tolist()) == [row for row in (1 + i, 5 + i) if row < first + 4]
            assert set(counts.tolist()) == {7 + i}
    assert postings.find(0x12340003)[0].tolist() == []
    assert len(postings) == 8 + 2 * others


def test_the_names_of_removed_entries_go_with_them_when_the_corpus_is_compacted() -> None:
    corpus = Corpus(8)
    corpus.add([entry(1, "one", author="Zebulon", session="clinic"), entry(2, "two", author="Ada", session="home")])
    corpus.add([entry(3, "three", author="Ada", session="home"), entry(4, "four", author="Bo", session="work")])
    assert corpus.statistics().authors == ("Ada", "Bo", "Zebulon")
    corpus.remove([1])
    corpus.compact()
    assert "Zebulon" not in repr(vars(corpus))
    assert "clinic" not in repr(vars(corpus))
    corpus.add([entry(5, "five", author="Cy", session="home")])
    corpus.refresh()
    row = {n: int(corpus.rows(np.array([n]))[0]) for n in (2, 3, 4, 5)}
    assert corpus.columns.before[row[5]] == row[3]
    assert corpus.columns.before[row[4]] == 0
    assert corpus.statistics().authors == ("Ada", "Bo", "Cy")
    assert corpus.where(author="Cy").nonzero()[0].tolist() == [row[5]]


def test_what_lacks_a_vector_is_known_after_every_change() -> None:
    corpus = corpus_of([entry(n, "a word", session=f"s{n % 3}") for n in range(1, 40)], with_vectors=False)
    assert corpus.missing_vectors().tolist() == list(range(1, 40))
    give_vectors(corpus, [2, 3, 5])
    assert corpus.missing_vectors().tolist() == [n for n in range(1, 40) if n not in (2, 3, 5)]
    corpus.remove([1, 2])
    assert corpus.missing_vectors().tolist() == [n for n in range(4, 40) if n != 5]
    corpus.compact()
    assert corpus.missing_vectors().tolist() == [n for n in range(4, 40) if n != 5]
    corpus.add([entry(50, "another")])
    assert corpus.missing_vectors().tolist()[-2:] == [39, 50]


@pytest.mark.parametrize("dimensions", [1, 12, 384, 1_536])
def test_a_scan_gives_every_product(dimensions: int) -> None:
    chance = np.random.default_rng(dimensions)
    vectors = chance.standard_normal((2_100, dimensions)).astype(np.float32)
    table = VectorTable(dimensions)
    table.reserve(len(vectors))
    codes, scales = quantise(vectors)
    table.put(np.arange(len(vectors), dtype=np.int32), codes, scales)
    query = chance.standard_normal(dimensions).astype(np.float32)
    expected = (codes.astype(np.float64) @ query) * scales
    np.testing.assert_allclose(table.scan(query, len(vectors)), expected, rtol=1e-4, atol=1e-3)


@given(st.lists(st.integers(-5, 5)))
def test_distinct_is_what_numpy_calls_unique(numbers: list[int]):
    array = np.array(numbers, np.int32)
    assert distinct(array).tolist() == np.unique(array).tolist()
    assert distinct(array).dtype == array.dtype
