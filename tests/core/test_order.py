"""What holds now comes first, and nothing is lost by it."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core import order
from holdfast.core.corpus import Corpus
from holdfast.core.fusion import Weights, rank
from holdfast.core.vectors import quantise
from tests.core.spaces import DAY_MS, DIMENSIONS, NOW_MS, ask, corpus_of, entry, give_vectors, vectors_of


def told_again(*, vectors: bool) -> Corpus:
    """A space in which a number is told three times, the newest in fewer words of the question, among small talk."""
    texts = ["my phone number is 1", "the phone number is now 2", "the phone number became 3"]
    entries = [entry(n, text, session=None, said_ms=NOW_MS + n * DAY_MS) for n, text in enumerate(texts, 1)]
    entries += [entry(n, f"small talk {n}", session=None, said_ms=NOW_MS + 90 * DAY_MS) for n in range(4, 60)]
    corpus = corpus_of(entries, with_vectors=False)
    if vectors:
        give_vectors(corpus, range(4, 60))
        near = vectors_of([1, 1, 1]) + 0.1 * vectors_of([91, 92, 93])
        corpus.set_vectors(np.array([1, 2, 3]), *quantise(near / np.linalg.norm(near, axis=1, keepdims=True)))
    return corpus


def test_the_newest_of_those_that_say_nearly_the_same_comes_first_where_what_holds_now_is_asked() -> None:
    for vectors in (True, False):
        corpus = told_again(vectors=vectors)
        asked = vectors_of([1])[0] if vectors else None
        then = rank(corpus, ask(corpus, "what is my phone number?"), asked, limit=10)
        now = rank(corpus, ask(corpus, "what is my current phone number?"), asked, limit=10)
        assert then.ns[0] == 1
        assert now.ns[:3].tolist() == [3, 2, 1]
        assert "recent" not in then.contributions
        total = np.sum(list(now.contributions.values()), axis=0)
        np.testing.assert_allclose(total, now.scores, rtol=1e-4, atol=1e-4)


def test_another_persons_number_does_not_take_the_place_of_hers() -> None:
    vectors = vectors_of([1, 1])
    entries = [
        entry(1, "my phone number is 1", session=None, author="Ada", said_ms=NOW_MS),
        entry(2, "my phone number is 2", session=None, author="Bo", said_ms=NOW_MS + DAY_MS),
    ]
    corpus = corpus_of(entries, with_vectors=False)
    corpus.set_vectors(np.array([1, 2]), *quantise(vectors))
    found = rank(corpus, ask(corpus, "what is Ada's current phone number?"), vectors[0], limit=2)
    assert found.ns.tolist() == [1, 2]
    assert not found.contributions["recent"].any()


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 20), st.floats(-5, 5)), min_size=1, max_size=40))
def test_a_group_keeps_its_places_and_takes_them_by_time(given_: list[tuple[int, int, float]]) -> None:
    entries = [entry(n, "a", session=None, said_ms=NOW_MS + day) for n, (_, day, _) in enumerate(given_, 1)]
    corpus = corpus_of(entries, with_vectors=False)
    corpus.set_vectors(
        np.arange(1, len(given_) + 1), *quantise(np.eye(DIMENSIONS, dtype=np.float32)[[g for g, *_ in given_]])
    )
    corpus.refresh()
    rows = np.arange(1, len(given_) + 1, dtype=np.int32)
    scores = np.array([score for *_, score in given_], np.float32)
    best = np.lexsort((-corpus.columns.n[rows], -corpus.columns.said_ms[rows], -scores))
    changed = scores + order.newest_first(corpus, rows, scores, best, np.zeros(len(rows), np.float32))
    top = best[: order.NEWEST_AMONG]
    np.testing.assert_allclose(np.sort(changed[top]), np.sort(scores[top]), atol=1e-4)
    assert (changed[best[order.NEWEST_AMONG :]] == scores[best[order.NEWEST_AMONG :]]).all()
    for group in range(4):
        members = [place for place in top.tolist() if given_[place][0] == group]
        by_time = sorted(members, key=lambda place: (-given_[place][1], -place))
        assert np.all(np.diff(changed[by_time]) <= 1e-4)


def test_of_many_that_match_alike_the_newest_are_put_up_and_come_first() -> None:
    entries = [entry(n, "status is green", session=None, said_ms=NOW_MS + n * DAY_MS) for n in range(1, 901)]
    corpus = corpus_of(entries, with_vectors=False)
    found = rank(corpus, ask(corpus, "what is the current status?"), None, limit=3)
    assert found.ns.tolist() == [900, 899, 898]


def test_the_weights_told_are_those_applied() -> None:
    long = " ".join(f"filler{i}" for i in range(150))
    entries = [entry(n, f"{long} piano{n}", session=None) for n in range(1, 41)]
    found = rank(corpus_of(entries), ask(corpus_of(entries), "piano7"), None, limit=1)
    assert found.weights.context == 0
    assert found.weights.words == Weights().words + Weights().context
