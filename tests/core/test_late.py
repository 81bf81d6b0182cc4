"""Late interaction is the formula it states, over tokens that come and go."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core import order
from holdfast.core.fusion import rank
from holdfast.core.late import LateQuery, TokenTable, encode_tokens, late, late_query, topic_text
from holdfast.core.lexical import rarity
from tests.core.spaces import KEY, ask, corpus_of, entry, give_vectors, vectors_of


def tokens(seed: int, count: int) -> np.ndarray:
    made = np.random.default_rng(seed).standard_normal((count, 6)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=12), st.integers(1, 4))
def test_it_is_the_weighted_mean_of_the_greatest_cosines(counts: list[int], asked: int) -> None:
    corpus = corpus_of([entry(n, "a") for n in range(1, len(counts) + 1)])
    corpus.refresh()
    said = {n: tokens(n, count) for n, count in enumerate(counts, 1)}
    for n, made in said.items():
        corpus.tokens.put(n, encode_tokens(made))
    question, weights = tokens(99, asked), [float(i + 1) for i in range(asked)]
    rows = np.arange(1, corpus.size, dtype=np.int32)
    query = late_query(question, weights, corpus.columns.n[rows])
    assert query is not None
    found = late(corpus.columns, corpus.tokens, rows, query)
    shares = np.sqrt(weights) / np.sqrt(weights).sum()
    for n, made in said.items():
        best = (question @ made.T).max(axis=1) if len(made) else np.zeros(asked)
        assert found[n - 1] == pytest.approx(best @ shares, abs=0.02)


def test_the_least_lately_used_tokens_are_given_up_first() -> None:
    table = TokenTable(most_bytes=60)
    for n in (1, 2, 3):
        table.put(n, np.ones((4, 5), np.int8))
    assert table.get(1) is not None
    table.put(4, np.ones((4, 5), np.int8))
    assert table.missing((1, 2, 3, 4)) == [2]
    assert table.bytes == 60
    table.put(4, np.ones((1, 5), np.int8))
    assert (len(table), table.bytes) == (3, 45)


def test_tokens_of_what_is_removed_are_overwritten() -> None:
    corpus = corpus_of([entry(1, "a"), entry(2, "b")])
    codes = encode_tokens(tokens(1, 3))
    corpus.tokens.put(1, codes)
    before = corpus.removals
    corpus.remove([1])
    assert not codes.any()
    assert corpus.tokens.get(1) is None
    assert corpus.tokens.bytes == 0
    assert corpus.removals == before + 1


def test_a_question_that_says_nothing_has_no_tokens_to_look_with() -> None:
    assert late_query(tokens(1, 2), [0.0, 0.0], np.array([1])) is None
    assert topic_text("who is she?") is None
    assert topic_text("Lisbon trains") is None
    assert topic_text("Where did I meet the pilot?") == "meet pilot"


def test_rare_words_weigh_more_and_stop_words_nothing() -> None:
    held = {"piano": 1, "lisbon": 90}
    weights = rarity(["the", "piano", "lisbon", "##ing"], KEY, 100, lambda term: held_by(term, held))
    assert weights[0] == 0
    assert weights[1] > weights[2] > 0.5
    assert weights[3] > 0


def held_by(term: int, held: dict[str, int]) -> int:
    from holdfast.core.lexical import term_hashes

    return {term_hashes(word, KEY)[0]: count for word, count in held.items()}.get(term, 0)


def looking(at: np.ndarray, seed: int, topic: np.ndarray | None = None) -> LateQuery:
    return LateQuery(tokens(seed, 2), np.array([0.5, 0.5], np.float32), at, topic)


def test_a_closer_look_lifts_and_leaves_the_rest_behind() -> None:
    corpus = corpus_of([entry(n, f"small talk {n}", session=None) for n in range(1, 121)])
    (vector,) = vectors_of([7])
    query = ask(corpus, "talk")
    plain = rank(corpus, query, vector, limit=120)
    second = int(plain.ns[1])
    for n in plain.ns.tolist():
        corpus.tokens.put(n, encode_tokens(tokens(5 if n == second else 6, 2)))
    found = rank(corpus, query, vector, limit=120, look=looking(plain.ns[:100], 5, vectors_of([8])[0]))
    late_of = dict(zip(found.ns.tolist(), found.contributions["late"].tolist(), strict=True))
    assert max(late_of, key=late_of.__getitem__) == second
    assert late_of[int(plain.ns[-1])] == min(late_of.values())
    total = np.sum(list(found.contributions.values()), axis=0)
    np.testing.assert_allclose(total, found.scores, rtol=1e-4, atol=1e-4)


def test_what_happens_to_be_kept_changes_nothing() -> None:
    corpus = corpus_of([entry(n, f"small talk {n}", session=None) for n in range(1, 61)])
    query, (vector,) = ask(corpus, "talk"), vectors_of([7])
    best = rank(corpus, query, vector, limit=10).ns
    for n in best.tolist():
        corpus.tokens.put(n, encode_tokens(tokens(n, 2)))
    first = rank(corpus, query, vector, limit=60, look=looking(best, 5))
    for n in range(1, 61):
        if n not in best:
            corpus.tokens.put(n, encode_tokens(tokens(5, 2)))
    again = rank(corpus, query, vector, limit=60, look=looking(best, 5))
    assert again.ns.tolist() == first.ns.tolist()
    assert again.scores.tolist() == first.scores.tolist()


@pytest.mark.parametrize("size", range(1, 21))
def test_a_closer_look_into_a_small_space_is_right(size: int) -> None:
    corpus = corpus_of([entry(n, f"small talk {n}", session=None) for n in range(1, size + 1)])
    wanted = size // 2 + 1
    for n in range(1, size + 1):
        corpus.tokens.put(n, encode_tokens(tokens(n, 2)))
    look = looking(np.arange(1, size + 1), wanted)
    found = rank(corpus, ask(corpus, "zeppelin"), None, limit=1, look=look)
    assert found.ns.tolist() == [wanted]


def test_where_all_there_is_is_wanted_each_speaks_for_itself_the_more() -> None:
    corpus = corpus_of([entry(n, "small talk", session=None) for n in range(1, 41)])
    for n in range(1, 41):
        corpus.tokens.put(n, encode_tokens(tokens(n, 2)))
    rows = np.arange(1, 41, dtype=np.int32)
    one, many = (order.closer(corpus, rows, ask(corpus, text), looking(rows, 5)) for text in ("zeppelin", "how many?"))
    np.testing.assert_allclose(many, order.MANY_CLOSER * one, rtol=1e-5)


def test_the_topic_is_the_cosine_in_context_and_nothing_without_a_vector() -> None:
    corpus = corpus_of([entry(n, "small talk") for n in range(1, 41)], with_vectors=False)
    give_vectors(corpus, range(1, 40))
    corpus.refresh()
    (vector,) = vectors_of([3])
    rows = np.arange(1, 41, dtype=np.int32)
    found = order.topic(corpus, rows, vector)
    cosines = corpus.vectors.pooled(
        corpus.vectors.scan(vector, corpus.size), corpus.columns.before, corpus.columns.after
    )
    known = cosines[1:40]
    np.testing.assert_allclose(found[:39], (known - known.mean()) / known.std(), rtol=1e-3, atol=1e-3)
    assert found[39] == 0
