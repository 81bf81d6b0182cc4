"""Up to 100,000 entries every row is looked at: leaner structures must not change a bit of any answer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from holdfast.core.corpus import EXACT_ENTRIES, Corpus
from holdfast.core.entry import LONG_WORDS, Entry, Statistics
from holdfast.core.fusion import rank
from holdfast.core.postings import Postings
from holdfast.model.records import Role
from tests.core.spaces import ask, corpus_of, entry, give_vectors, spaces, vectors_of

QUESTIONS = ("piano in lisbon", "When did Ada see the dog?", "the recipe yesterday", "How should I answer?", "")


class PlainPostings(Postings):
    """Postings in one list, searched from end to end: nothing in it can be wrong by being clever."""

    def __init__(self) -> None:
        super().__init__()
        self._all: list[tuple[int, int, int]] = []

    def __len__(self) -> int:
        return len(self._all)

    def add(self, rows: NDArray[np.int32], terms: NDArray[np.uint32], counts: NDArray[np.uint8]) -> None:
        self._all += zip(terms.tolist(), rows.tolist(), counts.tolist(), strict=True)

    def find(self, term: int) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
        found = [(row, count) for one, row, count in self._all if one == term]
        return np.array([row for row, _ in found], np.int32), np.array([count for _, count in found], np.uint8)

    def holding(self, term: int) -> int:
        return len(self.find(term)[0])

    def drop(self, gone: NDArray[np.bool_]) -> None:
        self._all = [one for one in self._all if not gone[one[1]]]

    def keep(self, moved: NDArray[np.int32]) -> None:
        self._all = [(term, int(moved[row]), count) for term, row, count in self._all if moved[row] >= 0]


def counted_anew(corpus: Corpus) -> Statistics:
    """The statistics of a corpus, from all its rows."""
    columns, size = corpus.columns, corpus.size
    kept = np.flatnonzero(columns.alive[:size])
    count = max(len(kept), 1)
    authors = np.bincount(columns.author[kept], minlength=len(corpus._authors))
    return Statistics(
        entries=len(kept),
        mean_total=float(columns.total[kept].sum()) / count,
        mean_window=float(columns.window[kept].sum()) / count,
        long_share=float((columns.words[kept] >= LONG_WORDS).sum()) / count,
        role_shares=tuple((np.bincount(columns.role[kept], minlength=len(Role)) / count).tolist()),
        authors=tuple(sorted(name for name, i in corpus._authors.items() if name is not None and authors[i])),
    )


@given(spaces(), st.data())
def test_answers_are_the_same_to_the_last_bit(entries: list[Entry], data: st.DataObject) -> None:
    lean, plain = Corpus(12), Corpus(12)
    plain.postings = PlainPostings()
    numbers = [one.n for one in entries]
    step = data.draw(st.integers(1, 30), label="step")
    for first in range(0, len(entries), step):
        some = entries[first : first + step]
        going = [n for n in numbers[:first] if data.draw(st.integers(0, 7), label="removed") == 0]
        for corpus in (lean, plain):
            corpus.add(some)
            give_vectors(corpus, [one.n for one in some if one.n % 3])
            corpus.remove(going)
            corpus.statistics()
        if data.draw(st.booleans(), label="scrubbed"):
            lean.scrub()
            plain.scrub()
    assert lean.statistics() == plain.statistics() == counted_anew(lean)
    ns = np.array([*numbers, 0, -1, 10**9], np.int64)
    where = {int(lean.columns.n[row]): row for row in range(1, lean.size) if lean.columns.alive[row]}
    assert lean.rows(ns).tolist() == [where.get(n, 0) for n in ns.tolist()]
    for question in QUESTIONS:
        for vector in (vectors_of([7])[0], None):
            first, second = (rank(one, ask(one, question), vector, limit=80) for one in (lean, plain))
            assert first.ns.tobytes() == second.ns.tobytes()
            assert first.scores.tobytes() == second.scores.tobytes()
            assert first.features == second.features
            for name, values in first.contributions.items():
                assert values.tobytes() == second.contributions[name].tobytes(), name


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 40), st.integers(1, 255)), max_size=200), st.data())
def test_postings_find_what_a_plain_list_finds(given_: list[tuple[int, int, int]], data: st.DataObject) -> None:
    unique = list({(term, row): (term, row, count) for term, row, count in given_}.values())
    lean, plain = Postings(), PlainPostings()
    gone = np.zeros(41, np.bool_)
    places = sorted(data.draw(st.lists(st.integers(0, len(unique)), max_size=4), label="cuts"))
    for first, last in zip([0, *places], [*places, len(unique)], strict=True):
        some = unique[first:last]
        columns = (
            np.array([row for _, row, _ in some], np.int32),
            np.array([term for term, _, _ in some], np.uint32),
            np.array([count for _, _, count in some], np.uint8),
        )
        lean.add(*columns)
        plain.add(*columns)
        what = data.draw(st.sampled_from(["read", "drop", "nothing"]), label="then")
        gone = np.random.default_rng(len(some)).random(41) < 0.2
        gone[0] = False
        if what == "read":
            assert lean.holding(3) == plain.holding(3)
        elif what == "drop":
            lean.drop(gone)
            plain.drop(gone)
    if data.draw(st.booleans(), label="keep"):
        moved = np.where(gone, -1, np.cumsum(~gone) - 1).astype(np.int32)
        lean.keep(moved)
        plain.keep(moved)
    assert len(lean) == len(plain)
    rows = np.array([*range(41), 5, 5], np.int32)
    for term in range(11):
        found, counts = lean.find(term)
        expected = dict(zip(*(column.tolist() for column in plain.find(term)), strict=True))
        assert dict(zip(found.tolist(), counts.tolist(), strict=True)) == expected
        assert lean.holding(term) == len(expected)
        assert lean.counts_at(term, rows).tolist() == [expected.get(row, 0) for row in rows.tolist()]


def test_many_postings_are_merged_and_still_found() -> None:
    chance = np.random.default_rng(1)
    lean, plain = Postings(), PlainPostings()
    for piece in range(6):
        rows = np.arange(piece * 2_000, piece * 2_000 + 2_000, dtype=np.int32)
        terms = chance.integers(1, 60, 2_000).astype(np.uint32)
        for postings in (lean, plain):
            postings.add(rows, terms, np.ones(2_000, np.uint8))
        assert lean.holding(7) == plain.holding(7)
    assert len(lean._rows) > 4_096
    for change in ("nothing", "drop", "keep"):
        gone = chance.random(12_000) < 0.3
        if change == "drop":
            gone |= np.arange(12_000) < 500
            lean.drop(gone)
            plain.drop(gone)
        elif change == "keep":
            moved = np.where(gone, -1, np.cumsum(~gone) - 1).astype(np.int32)
            lean.keep(moved)
            plain.keep(moved)
        assert len(lean) == len(plain)
        for term in range(61):
            assert sorted(lean.find(term)[0].tolist()) == sorted(plain.find(term)[0].tolist())
            assert lean.holding(term) == plain.holding(term)


def test_a_corpus_of_the_limit_is_searched_row_by_row(monkeypatch: pytest.MonkeyPatch) -> None:
    assert EXACT_ENTRIES == 100_000
    monkeypatch.setattr("holdfast.core.fusion.EXACT_ENTRIES", 3)
    monkeypatch.setattr("holdfast.core.wide.search", lambda *_: pytest.fail("searched as a large one"))
    corpus = corpus_of([entry(n, "a piano") for n in (1, 2, 3)])
    rank(corpus, ask(corpus, "piano"), None, limit=5)
