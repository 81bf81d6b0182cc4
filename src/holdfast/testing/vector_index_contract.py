"""What every index of vectors promises, as tests that anybody's can run with pytest.

    from holdfast.testing.vector_index_contract import VectorIndexContract

    class TestMine(VectorIndexContract):
        @pytest.fixture
        def indexes(self):
            return MyIndexes()

Each test takes the ``indexes`` fixture: a place where nothing is kept yet.
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from holdfast.ports.vector_index import Codes, Numbers, VectorIndex, VectorIndexes

DIMENSIONS = 48
STAMP, OTHER = b"s" * 32, b"o" * 32


def clustered(count: int, seed: int = 7) -> Codes:
    """Return 8-bit vectors in clusters, as meanings lie."""
    chance = np.random.default_rng(seed)
    centres = chance.standard_normal((max(1, count // 20), DIMENSIONS))
    vectors = centres[chance.integers(0, len(centres), count)] + 0.6 * chance.standard_normal((count, DIMENSIONS))
    return np.rint(127 * vectors / np.abs(vectors).max(axis=1, keepdims=True)).astype(np.int8)


def numbers(first: int, count: int) -> Numbers:
    """Return local numbers with gaps."""
    return np.arange(first, first + 3 * count, 3, dtype=np.int64)


def made(indexes: VectorIndexes, ns: Numbers, codes: Codes, grown: VectorIndex | None = None) -> VectorIndex:
    """Build an index of vectors, in two pieces."""
    building = indexes.begin(STAMP, DIMENSIONS, len(ns), grown)
    half = len(ns) // 2
    building.add(ns[:half], codes[:half])
    building.add(ns[half:], codes[half:])
    index = building.finish()
    building.keep()
    return index


def nearest(ns: Numbers, codes: Codes, query: Codes, count: int) -> NDArray[np.int64]:
    """Return the numbers of the nearest, by measuring all."""
    held = codes.astype(np.float64)
    return ns[np.argsort(-(held @ query) / np.linalg.norm(held, axis=1), kind="stable")[:count]]


class VectorIndexContract:
    """Inherit, override the `indexes` fixture, and run with pytest."""

    @pytest.fixture
    def indexes(self) -> VectorIndexes:
        """Return a place where nothing is kept."""
        raise NotImplementedError

    def test_nothing_is_kept_at_first(self, indexes: VectorIndexes) -> None:
        assert indexes.is_usable
        assert not indexes.is_kept
        assert indexes.read(STAMP, DIMENSIONS) is None
        assert indexes.erase(numbers(1, 3)) == 0
        assert indexes.counted(numbers(1, 3)) == 0
        indexes.drop()

    def test_ten_nearest_are_among_a_hundred_found(self, indexes: VectorIndexes) -> None:
        ns, codes = numbers(1, 2_000), clustered(2_000)
        index = made(indexes, ns, codes)
        found = [
            np.isin(nearest(ns, codes, query, 10), index.near(query, 100)).mean() for query in clustered(40, seed=8)
        ]
        assert float(np.mean(found)) >= 0.98
        index.close()

    def test_what_was_added_stands_in_order_of_arrival(self, indexes: VectorIndexes) -> None:
        ns, codes = numbers(5, 101), clustered(101)
        index = made(indexes, ns, codes)
        assert (len(index), index.empty) == (101, 0)
        held, vectors = index.held(0, 101)
        assert held.tolist() == ns.tolist()
        np.testing.assert_array_equal(vectors, codes)
        assert index.held(99, 50)[0].tolist() == ns[99:].tolist()
        index.close()

    def test_what_is_finished_is_not_kept_before_it_is_told_to_be(self, indexes: VectorIndexes) -> None:
        building = indexes.begin(STAMP, DIMENSIONS, 20, None)
        building.add(numbers(1, 20), clustered(20))
        building.finish().close()
        assert indexes.read(STAMP, DIMENSIONS) is None
        building.discard()
        assert not indexes.is_kept

    def test_a_grown_index_has_what_the_other_had(self, indexes: VectorIndexes) -> None:
        ns, codes = numbers(1, 300), clustered(300)
        first = made(indexes, ns[:200], codes[:200])
        first.erase(ns[:5])
        second = made(indexes, ns[200:], codes[200:], grown=first)
        held, vectors = second.held(0, 300)
        assert held.tolist() == [0] * 5 + ns[5:].tolist()
        assert not vectors[:5].any()
        np.testing.assert_array_equal(vectors[5:], codes[5:])
        assert second.empty == 5
        assert second.near(codes[250], 1).tolist() == [ns[250]]
        assert second.near(codes[100], 1).tolist() == [ns[100]]
        first.close()
        second.close()

    def test_what_is_erased_is_not_named_and_its_vector_is_zeros(self, indexes: VectorIndexes) -> None:
        ns, codes = numbers(1, 200), clustered(200)
        index = made(indexes, ns, codes)
        going = ns[[3, 50, 199]]
        assert index.near(codes[50], 1).tolist() == [ns[50]]
        assert index.erase(np.append(going, 10**9)) == 3
        assert index.erase(going) == 0
        assert index.empty == 3
        assert not np.isin(index.near(codes[50], 200), going).any()
        held, vectors = index.held(0, 200)
        assert (held[[3, 50, 199]] == 0).all()
        assert not vectors[[3, 50, 199]].any()
        assert (np.count_nonzero(held), np.count_nonzero(vectors.any(axis=1))) == (197, 197)
        index.close()

    def test_the_others_are_found_after_many_are_erased(self, indexes: VectorIndexes) -> None:
        ns, codes = numbers(1, 1_000), clustered(1_000)
        index = made(indexes, ns, codes)
        going = np.random.default_rng(1).random(1_000) < 0.2
        index.erase(ns[going])
        found = [
            np.isin(nearest(ns[~going], codes[~going], query, 10), index.near(query, 150)).mean()
            for query in clustered(30, seed=9)
        ]
        assert float(np.mean(found)) >= 0.98
        index.close()

    def test_more_can_be_asked_for_than_there_is(self, indexes: VectorIndexes) -> None:
        index = made(indexes, numbers(1, 3), clustered(3))
        assert sorted(index.near(clustered(1)[0], 50).tolist()) == numbers(1, 3).tolist()
        index.close()

    def test_an_index_that_was_dropped_is_gone(self, indexes: VectorIndexes) -> None:
        made(indexes, numbers(1, 20), clustered(20)).close()
        indexes.drop()
        assert not indexes.is_kept
        assert indexes.read(STAMP, DIMENSIONS) is None
