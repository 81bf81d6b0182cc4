"""A large corpus answers as a small one does, while it looks at few rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from holdfast.core import fusion, signals, wide
from holdfast.core.corpus import Corpus
from holdfast.core.entry import Entry
from holdfast.core.fusion import rank
from holdfast.core.wide import Near
from tests.core.spaces import ask, corpus_of, entry, give_vectors, spaces, vectors_of

QUESTIONS = ("piano in lisbon", "When did Ada see the dog?", "the recipe yesterday", "How should I answer?", "")
Floats = NDArray[np.float32]


@pytest.fixture(autouse=True)
def _even_these_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wide, "EXACT_ROWS", 10)


def exact_near(corpus: Corpus, told: list[int] | None = None) -> Near:
    """Return what names the entries of nearest vectors, as an index does; ``told`` gets how many it is asked for."""

    def near(vector: Floats, count: int) -> NDArray[np.int64]:
        if told is not None:
            told.append(count)
        order = np.argsort(-corpus.vectors.scan(vector, corpus.size), kind="stable")
        known = order[corpus.columns.alive[order] & (corpus.columns.indexed[order] > 0)]
        return corpus.columns.n[known[:count]]

    return near


def all_indexed(corpus: Corpus) -> None:
    corpus.refresh()
    corpus.indexed(np.arange(1, corpus.size, dtype=np.int32), 1)


def both(corpus: Corpus, question: str, vector: Floats | None, allowed: NDArray[np.bool_] | None, near: Near | None):
    """Return the ranking of every row, and that of a large corpus."""
    query = ask(corpus, question)
    small = rank(corpus, query, vector, limit=100, allowed=allowed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fusion, "EXACT_ENTRIES", 0)
        return small, rank(corpus, query, vector, limit=100, allowed=allowed, near=near)


def assert_alike(small: fusion.Ranking, large: fusion.Ranking) -> None:
    assert small.ns.tolist() == large.ns.tolist()
    assert small.candidates == large.candidates
    np.testing.assert_allclose(small.scores, large.scores, atol=1e-4)
    for name, values in small.contributions.items():
        np.testing.assert_allclose(values, large.contributions[name], atol=1e-4, err_msg=name)
    for name in ("best_cosine", "covered", "window_covered", "lead"):
        assert getattr(small.features, name) == pytest.approx(getattr(large.features, name), abs=1e-4)


@given(spaces(max_size=150), st.sampled_from(QUESTIONS), st.booleans(), st.data())
def test_what_is_put_up_and_how_it_scores_is_the_same(
    entries: list[Entry], question: str, has_vector: bool, data: st.DataObject
) -> None:
    corpus = corpus_of(entries, with_vectors=False)
    give_vectors(corpus, [one.n for one in entries if data.draw(st.booleans(), label="vector")])
    corpus.remove([one.n for one in entries if data.draw(st.integers(0, 9), label="removed") == 0])
    vector = vectors_of([5])[0] if has_vector else None
    allowed = corpus.where(author="Ada") if data.draw(st.booleans(), label="filtered") else None
    small, large = both(corpus, question, vector, allowed, None)
    np.testing.assert_allclose(small.scores, large.scores, atol=1e-4)
    assert set(small.ns.tolist()) == set(large.ns.tolist())


def story(size: int, seed: int = 1) -> list[Entry]:
    """Return talk in sessions of 20, of words of which some are in many entries and most in few."""
    chance = np.random.default_rng(seed)
    shares = 1 / np.arange(1, 401)
    texts = chance.choice(400, (size, 9), p=shares / shares.sum())
    return [
        entry(n, " ".join(f"w{word}x" for word in texts[n - 1]), session=f"s{n // 20}", author=("Ada", "Bo")[n % 2])
        for n in range(1, size + 1)
    ]


@pytest.fixture(scope="module")
def talk() -> Corpus:
    corpus = corpus_of(story(3_000))
    all_indexed(corpus)
    return corpus


def test_an_index_finds_what_measuring_all_finds(talk: Corpus) -> None:
    for number in range(12):
        words = f"w{number + 3}x w{number + 90}x w{200 + number}x"
        small, large = both(talk, words, vectors_of([number])[0], None, exact_near(talk))
        assert len(set(small.ns[:20].tolist()) & set(large.ns[:20].tolist())) >= 19


def test_entries_that_no_index_has_are_measured(talk: Corpus) -> None:
    vector = vectors_of([77])[0]
    corpus = corpus_of(story(1_500), with_vectors=False)
    give_vectors(corpus, [*range(1, 76), *range(78, 1_501)])
    all_indexed(corpus)
    give_vectors(corpus, [77])  # later than the index
    _, large = both(corpus, "nothing of the kind", vector, None, lambda *_: np.arange(1_000, 1_150))
    assert large.ns[0] == 77


def test_neighbours_of_what_is_near_are_measured_since_it_counts_in_their_context(
    talk: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wide, "FEW", 1)
    vector, numbers = vectors_of([5])[0], np.arange(1_001, 1_131, 10)
    asked = wide.Asked(ask(talk, ""), vector, talk.where(), lambda *_: numbers, 1.0, 1.0, 100, 20, 30)
    measured = set(wide._to_measure(talk, asked, vector, len(talk)).tolist())
    # Numbers are rows here; sessions are of 20, from one that ends in 0 or 20 on.
    assert {1_000, 1_001, 1_002, 1_003, 1_010, 1_011} <= measured
    assert 1_005 not in measured


@pytest.mark.parametrize("share", [0.5, 0.2, 0.06])
def test_a_filter_has_more_named_and_finds_the_same(
    talk: Corpus, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wide, "FETCHED", 150)
    allowed = talk.where() & (np.random.default_rng(3).random(talk.size) < share)
    for number in range(6):
        told = list[int]()
        small, large = both(talk, "w5x w301x", vectors_of([number])[0], allowed, exact_near(talk, told))
        assert len(told) == 1
        assert told[0] == pytest.approx(150 / share, rel=0.2)
        assert len(set(small.ns[:10].tolist()) & set(large.ns[:10].tolist())) >= 9


def test_a_narrow_filter_has_all_that_it_leaves_measured(talk: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    allowed = talk.mask(range(1_000, 1_130))
    told = list[int]()
    small, large = both(talk, "w5x w301x", vectors_of([9])[0], allowed, exact_near(talk, told))
    assert told == []
    assert_alike(small, large)


def test_a_filter_that_leaves_what_is_far_away_has_all_measured(talk: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    vector = vectors_of([5])[0]
    cosines = talk.vectors.scan(vector, talk.size)
    allowed = talk.where() & (cosines < np.quantile(cosines, 0.5))
    small, large = both(talk, "w5x w301x", vector, allowed, exact_near(talk))
    assert_alike(small, large)


def test_numbers_that_are_unknown_or_not_allowed_do_no_harm(talk: Corpus) -> None:
    allowed = talk.where(author="Ada")
    sound = exact_near(talk)

    def near(vector: Floats, count: int) -> NDArray[np.int64]:
        return np.concatenate((np.array([10**9, 0, -4], np.int64), sound(vector, count), sound(vector, 3)))

    small, large = both(talk, "w5x w301x", vectors_of([5])[0], allowed, near)
    assert_alike(small, large)


def test_words_that_are_not_walked_count_all_the_same(talk: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wide, "WALKED_ROWS", 5)
    question = "w1x w2x w350x"
    query = ask(talk, question)
    assert sorted(map(talk.postings.holding, query.terms))[1] > 5
    assert len(wide._to_walk(talk, query.terms)) == 1
    small, large = both(talk, question, None, None, None)
    scores = dict(zip(small.ns.tolist(), small.contributions["words"].tolist(), strict=True))
    exact = signals.lexical(talk, query.terms, 1.0, 1.0).entry
    monkeypatch.setattr(fusion, "EXACT_ENTRIES", 0)
    found = wide.search(talk, wide.Asked(query, None, talk.where(), None, 1.0, 1.0, 100, 20, 30))
    np.testing.assert_allclose(found.words.entry[found.rows], exact[found.rows], rtol=1e-5)
    assert set(large.ns[:3].tolist()) & set(scores), "nothing in common"


def test_the_words_of_the_arrays_lent_are_cleared(talk: Corpus) -> None:
    first = both(talk, "w5x w301x", vectors_of([9])[0], None, exact_near(talk))[1]
    both(talk, "w7x w250x w1x", vectors_of([10])[0], None, exact_near(talk))
    again = both(talk, "w5x w301x", vectors_of([9])[0], None, exact_near(talk))[1]
    assert first.ns.tolist() == again.ns.tolist()
    assert first.scores.tobytes() == again.scores.tobytes()
    both(talk, "w5x", vectors_of([9])[0], talk.mask(range(1, 40)), None)
    assert talk.scratch.lent <= 7
    talk.scratch.clear()
    assert all(not array.any() for array in talk.scratch._clean)


def test_scrubbing_a_large_corpus_leaves_nothing_of_what_was_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfast.core.corpus.EXACT_ENTRIES", 10)
    entries = [*story(400), entry(401, "zeppelin", session="alone", author="Zoe")]
    corpus = corpus_of(entries)
    assert "Zoe" in corpus.statistics().authors
    size = corpus.size
    (term,) = ask(corpus, "zeppelin").terms
    corpus.remove([401, 20, 21])
    corpus.scrub()
    assert corpus.size == size
    assert not corpus.has_removed
    assert corpus.statistics().authors == ("Ada", "Bo")
    assert "Zoe" not in corpus._authors
    assert "alone" not in corpus._sessions
    assert {"Ada", "s1"} <= {*corpus._authors, *corpus._sessions}
    assert corpus.postings.holding(term) == 0
    row = size - 1
    assert not corpus.vectors.codes(np.array([row], np.int32)).any()
    assert (corpus.columns.n[row], corpus.columns.author[row], corpus.columns.total[row]) == (0, 0, 0)
    more = entry(402, "a heron", session="alone", author="Zoe", order=402)
    corpus.add([more])
    give_vectors(corpus, [402])
    rest = corpus_of([*(one for one in entries if one.n not in (401, 20, 21)), more])
    assert corpus.statistics() == rest.statistics()
    for question in ("w1x w200x", "w5x w301x w40x"):
        one, other = (rank(c, ask(c, question), vectors_of([3])[0], limit=50) for c in (corpus, rest))
        assert one.ns.tolist() == other.ns.tolist()
        np.testing.assert_allclose(one.scores, other.scores, atol=1e-5)
