"""Confidence is a probability, and more evidence never lowers it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.confidence import FEW, Features, confidence
from holdfast.core.fusion import rank
from tests.core.spaces import ask, corpus_of, entry, give_vectors, vectors_of

shares = st.floats(0, 1)
some = st.builds(
    Features,
    candidates=st.integers(1, 300),
    best_cosine=st.floats(-1, 1),
    covered=shares,
    window_covered=shares,
    lead=st.floats(0, 20),
    has_vectors=st.booleans(),
)


def test_nothing_found_is_no_evidence() -> None:
    assert confidence(Features()) == 0


@given(some)
def test_it_is_a_probability(features: Features) -> None:
    assert 0 < confidence(features) < 1


@given(some, st.sampled_from(("best_cosine", "covered", "window_covered", "lead")), st.floats(0, 1))
def test_more_evidence_never_lowers_it(features: Features, name: str, more: float) -> None:
    assert confidence(replace(features, **{name: getattr(features, name) + more})) >= confidence(features)


@pytest.mark.parametrize(
    ("cosine", "covered", "says"),
    [(0.75, 1.0, "yes"), (0.5, 0.5, "yes"), (0.4, 0.35, "may be"), (0.1, 0.0, "no"), (0.05, 0.1, "no")],
)
@pytest.mark.parametrize("candidates", [1, 3, 20, FEW - 1])
def test_a_space_of_a_few_memories_is_judged_by_what_it_holds(
    cosine: float, covered: float, says: str, candidates: int
) -> None:
    features = Features(candidates, cosine, covered, window_covered=0.0, has_vectors=True)
    low, high = {"yes": (0.6, 1.0), "may be": (0.3, 0.6), "no": (0.0, 0.15)}[says]
    assert low < confidence(features) < high
    assert confidence(replace(features, lead=9.0, window_covered=1.0)) == confidence(features)


def test_a_right_hit_among_three_is_sure_with_words_alone() -> None:
    corpus = corpus_of([entry(n, text, session=None) for n, text in enumerate(("My cat is Pickle", "Rain", "Tea"), 1)])
    assert confidence(rank(corpus, ask(corpus, "What is my cat called?"), None, limit=10).features) > 0.5
    assert confidence(rank(corpus, ask(corpus, "Who won the match?"), None, limit=10).features) < 0.25


def test_a_ranking_that_answers_is_surer_than_one_that_does_not() -> None:
    corpus = corpus_of([entry(n, f"small talk {n}", session=None) for n in range(1, 60)])
    corpus.add([entry(60, "I bought a grand piano in Lisbon", session=None)])
    give_vectors(corpus, [60])
    found = rank(corpus, ask(corpus, "Who bought a grand piano?"), vectors_of([60])[0], limit=10)
    nothing = rank(corpus, ask(corpus, "Where is my passport?"), vectors_of([999])[0], limit=10)
    assert found.features.covered == pytest.approx(1)
    assert found.features.best_cosine == pytest.approx(1, abs=0.01)
    assert confidence(found.features) > 0.8
    assert confidence(nothing.features) < 0.3
    bare = rank(corpus, ask(corpus, "Who bought a grand piano?"), None, limit=10)
    assert confidence(bare.features) > 0.7
