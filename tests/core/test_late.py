"""Late interaction is the formula it states, over tokens that come and go."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.entry import LONG_WORDS
from holdfast.core.fusion import rank
from holdfast.core.late import NEIGHBOURS, LateQuery, TokenTable, encode_tokens, late, late_query, surroundings
from holdfast.core.lexical import rarity
from tests.core.spaces import KEY, ask, corpus_of, entry, vectors_of


def tokens(seed: int, count: int) -> np.ndarray:
    made = np.random.default_rng(seed).standard_normal((count, 6)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


@given(
    st.lists(st.tuples(st.integers(0, 4), st.sampled_from(("a", "b", None))), min_size=1, max_size=12),
    st.integers(1, 4),
)
def test_it_is_the_weighted_mean_of_the_greatest_cosines(entries: list[tuple[int, str | None]], asked: int) -> None:
    corpus = corpus_of([entry(n, "a", session=session) for n, (_, session) in enumerate(entries, 1)])
    corpus.refresh()
    said = {n: tokens(n, count) for n, (count, _) in enumerate(entries, 1)}
    for n, made in said.items():
        corpus.tokens.put(n, encode_tokens(made))
    question, weights = tokens(99, asked), [float(i + 1) for i in range(asked)]
    query = late_query(question, weights)
    assert query is not None
    rows = np.arange(1, corpus.size, dtype=np.int32)
    found = late(corpus.columns, corpus.tokens, rows, query)

    def greatest(n: int) -> np.ndarray:
        return (question @ said[n].T).max(axis=1) if n and len(said[n]) else np.zeros(asked)

    for row in rows.tolist():
        before, after = int(corpus.columns.before[row]), int(corpus.columns.after[row])
        best = np.max(
            [factor * greatest(n) for factor, n in zip(NEIGHBOURS, (row, before, after), strict=True)], axis=0
        )
        assert found[row - 1] == pytest.approx(best @ np.array(weights) / sum(weights), abs=0.02)


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


def test_rows_bring_their_neighbours() -> None:
    corpus = corpus_of([entry(n, "a") for n in range(1, 8)])
    corpus.refresh()
    assert surroundings(corpus.columns, np.array([1, 5], np.int32)).tolist() == [1, 2, 4, 5, 6]


def test_a_question_that_says_nothing_has_no_tokens_to_look_with() -> None:
    assert late_query(tokens(1, 2), [0.0, 0.0]) is None


def test_rare_words_weigh_more_and_stop_words_nothing() -> None:
    held = {"piano": 1, "lisbon": 90}
    weights = rarity(["the", "piano", "lisbon", "##ing"], KEY, 100, lambda term: held_by(term, held))
    assert weights[0] == 0
    assert weights[1] > weights[2] > 0.5
    assert weights[3] > 0


def held_by(term: int, held: dict[str, int]) -> int:
    from holdfast.core.lexical import term_hashes

    return {term_hashes(word, KEY)[0]: count for word, count in held.items()}.get(term, 0)


def test_a_closer_look_lifts_and_leaves_the_rest_behind() -> None:
    corpus = corpus_of([entry(n, f"small talk {n}", session=None) for n in range(1, 121)])
    (vector,) = vectors_of([7])
    query = ask(corpus, "talk")
    plain = rank(corpus, query, vector, limit=120)
    second = int(plain.ns[1])
    for n in plain.ns.tolist():
        corpus.tokens.put(n, encode_tokens(tokens(5 if n == second else 6, 2)))
    closer = LateQuery(tokens(5, 2), np.array([0.5, 0.5], np.float32))
    found = rank(corpus, query, vector, limit=120, closer=closer)
    late_of = dict(zip(found.ns.tolist(), found.contributions["late"].tolist(), strict=True))
    assert max(late_of, key=late_of.__getitem__) == second
    assert late_of[int(plain.ns[-1])] == min(late_of.values())
    total = np.sum(list(found.contributions.values()), axis=0)
    np.testing.assert_allclose(total, found.scores, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("size", range(1, 21))
def test_a_closer_look_into_a_small_space_is_right(size: int) -> None:
    corpus = corpus_of([entry(n, f"small talk {n}", session=None) for n in range(1, size + 1)])
    wanted = size // 2 + 1
    for n in range(1, size + 1):
        corpus.tokens.put(n, encode_tokens(tokens(n, 3)))
    closer = LateQuery(tokens(wanted, 3), np.full(3, 1 / 3, np.float32))
    found = rank(corpus, ask(corpus, "zeppelin"), None, limit=1, closer=closer)
    assert found.ns.tolist() == [wanted]


def test_a_closer_look_counts_for_less_the_longer_entries_are() -> None:
    long = " ".join(f"filler{i}" for i in range(LONG_WORDS))
    most: list[float] = []
    for share in (0, 30, 60):
        entries = [entry(n, long if n <= share else "small talk", session=None) for n in range(1, 61)]
        corpus = corpus_of(entries)
        for n in range(1, 61):
            corpus.tokens.put(n, encode_tokens(tokens(n, 2)))
        closer = LateQuery(tokens(5, 2), np.array([0.5, 0.5], np.float32))
        found = rank(corpus, ask(corpus, "zeppelin"), vectors_of([7])[0], limit=60, closer=closer)
        most.append(float(found.contributions["late"].max()))
    assert most[0] > most[1] > most[2] == 0
