"""Each signal is the formula it states."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core import signals
from holdfast.core.corpus import Corpus
from holdfast.core.entry import Entry
from holdfast.core.lexical import term_hashes
from tests.core.spaces import DAY_MS, KEY, NOW_MS, WORDS, ask, corpus_of, entry, spaces

ALL = slice(1, None)


def rows_of(corpus: Corpus) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    return np.arange(1, corpus.size, dtype=np.int32)


def brute_force(documents: list[dict[int, int]], lengths: list[int], terms: tuple[int, ...], b: float) -> list[float]:
    """Score documents by BM25 as it is written down (k1 = .9)."""
    k1, count = 0.9, len(documents)
    mean = max(sum(lengths) / count, 1.0)
    scores = [0.0] * count
    for term in terms:
        holding = sum(term in document for document in documents)
        idf = log(1 + (count - holding + 0.5) / (holding + 0.5))
        for i, (document, length) in enumerate(zip(documents, lengths, strict=True)):
            times = document.get(term, 0)
            if times:
                scores[i] += idf * times * (k1 + 1) / (times + k1 * (1 - b + b * length / mean))
    return scores


def documents_of(entries: list[Entry]) -> list[dict[int, int]]:
    from holdfast.core.lexical import decode_terms

    documents: list[dict[int, int]] = []
    for item in entries:
        columns = decode_terms([item.terms])
        documents.append(dict(zip(columns.hashes.tolist(), columns.counts.tolist(), strict=True)))
    return documents


@given(spaces(max_size=25), st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join), st.floats(0, 1))
def test_word_scores_are_bm25_of_entry_and_window(entries: list[Entry], question: str, b: float) -> None:
    corpus = corpus_of(entries, with_vectors=False)
    corpus.refresh()
    terms = term_hashes(question, KEY)
    scores = signals.lexical(corpus, terms, b, b)
    documents = documents_of(entries)
    lengths = [sum(document.values()) for document in documents]
    np.testing.assert_allclose(scores.entry[ALL], brute_force(documents, lengths, terms, b), rtol=1e-4, atol=1e-5)

    windows: list[dict[int, int]] = []
    for i, item in enumerate(entries):
        near = [i]
        if item.session is not None:
            session = sorted((e.order, e.n, j) for j, e in enumerate(entries) if e.session == item.session)
            place = session.index((item.order, item.n, i))
            near = [j for _, _, j in session[max(0, place - 2) : place + 3]]
        window: dict[int, int] = {}
        for j in near:
            for term, times in documents[j].items():
                window[term] = window.get(term, 0) + times
        windows.append(window)
    lengths = [sum(window.values()) for window in windows]
    np.testing.assert_allclose(scores.window[ALL], brute_force(windows, lengths, terms, b), rtol=1e-4, atol=1e-5)


@given(spaces(max_size=25), st.lists(st.sampled_from(WORDS), max_size=5).map(" ".join))
def test_shares_and_scores_stay_in_their_ranges(entries: list[Entry], question: str) -> None:
    corpus = corpus_of(entries, with_vectors=False)
    corpus.refresh()
    scores = signals.lexical(corpus, term_hashes(question, KEY), 1.0, 1.0)
    assert scores.entry[0] == scores.window[0] == 0
    assert ((scores.entry >= 0) & (scores.entry <= scores.best + 1e-4)).all()
    for share in (scores.covered, scores.window_covered):
        assert ((share >= 0) & (share <= 1 + 1e-5)).all()
    assert (scores.window_covered >= scores.covered - 1e-5).all()


def test_words_unknown_to_the_space_lower_what_is_covered() -> None:
    corpus = corpus_of([entry(1, "a piano"), entry(2, "a garden")], with_vectors=False)
    corpus.refresh()
    known = signals.lexical(corpus, term_hashes("piano", KEY), 1.0, 1.0)
    partly = signals.lexical(corpus, term_hashes("piano zeppelin", KEY), 1.0, 1.0)
    assert known.covered[1] == pytest.approx(1)
    assert 0 < partly.covered[1] < 0.5


def test_words_in_most_entries_of_a_large_space_are_left_out() -> None:
    entries = [entry(n, "piano garden" if n == 1 else "piano", session=None) for n in range(1, 2_502)]
    corpus = corpus_of(entries, with_vectors=False)
    corpus.refresh()
    scores = signals.lexical(corpus, term_hashes("piano garden", KEY), 1.0, 1.0)
    assert np.flatnonzero(scores.entry).tolist() == [1]


def test_the_author_named_is_lifted_and_so_is_what_has_no_author() -> None:
    corpus = corpus_of([entry(1, "a", author="Ada"), entry(2, "b", author="Bo"), entry(3, "c")])
    lift = signals.who(corpus, rows_of(corpus), ask(corpus, "What does Ada play?"), 2.0, 5.0)
    assert lift.tolist() == [2, 0, 2]
    both = signals.who(corpus, rows_of(corpus), ask(corpus, "Do Ada and Bo agree?"), 2.0, 5.0)
    assert both.tolist() == [5, 5, 5]


def test_the_assistant_is_lifted_only_where_its_words_are_asked_for() -> None:
    corpus = corpus_of([entry(1, "a", role=1), entry(2, "b", role=2), entry(3, "c", role=0), entry(4, "d", role=4)])
    rows = rows_of(corpus)
    assert signals.who(corpus, rows, ask(corpus, "Where do I live?"), 9.0, 1.0).tolist() == [1, 0, 1, 1]
    assert signals.who(corpus, rows, ask(corpus, "What did you recommend?"), 9.0, 1.0).tolist() == [0, 1, 0, 0]


def test_nearness_to_a_time_falls_to_zero_and_twice_as_fast_before() -> None:
    days = (0, 9, 15, 30, 31, -6, -15)
    corpus = corpus_of([entry(n, "a", said_ms=NOW_MS + day * DAY_MS) for n, day in enumerate(days, 1)])
    near = signals.date(corpus, rows_of(corpus), ((NOW_MS, NOW_MS + 1),))
    np.testing.assert_allclose(near, [1, 0.7, 0.5, 0, 0, 0.6, 0], atol=1e-6)
    assert signals.date(corpus, rows_of(corpus), ()).tolist() == [0] * 7
    later = (NOW_MS + 15 * DAY_MS, NOW_MS + 16 * DAY_MS)
    both = signals.date(corpus, rows_of(corpus), ((NOW_MS, NOW_MS + 1), later))
    assert both[0] == both[2] == 1


def test_entries_that_tell_a_time_are_lifted_where_one_is_asked_for() -> None:
    corpus = corpus_of([entry(1, "I moved yesterday"), entry(2, "I moved")])
    rows = rows_of(corpus)
    assert signals.tells_time(corpus, rows, ask(corpus, "When did I move?")).tolist() == [1, 0]
    assert signals.tells_time(corpus, rows, ask(corpus, "Did I move?")).tolist() == [0, 0]
