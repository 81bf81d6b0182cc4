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
    rows = rows_of(corpus)
    one = ask(corpus, "What does Ada play?")
    assert signals.author(corpus, rows, one).tolist() == [1, 0, 1]
    assert signals.role(corpus, rows, one).tolist() == [0, 0, 0]
    both = ask(corpus, "Do Ada and Bo agree?")
    assert signals.author(corpus, rows, both).tolist() == [0, 0, 0]
    assert signals.role(corpus, rows, both).tolist() == [1, 1, 1]


def test_the_assistant_is_lifted_only_where_its_words_are_asked_for() -> None:
    corpus = corpus_of([entry(1, "a", role=1), entry(2, "b", role=2), entry(3, "c", role=0), entry(4, "d", role=4)])
    rows = rows_of(corpus)
    assert signals.role(corpus, rows, ask(corpus, "Where do I live?")).tolist() == [1, 0, 1, 1]
    assert signals.role(corpus, rows, ask(corpus, "What did you recommend?")).tolist() == [0, 1, 0, 0]
    assert signals.role(corpus, rows, ask(corpus, "How many trips did I plan?"))[1] < 0
    assert 0 < signals.role(corpus, rows, ask(corpus, "Give me a summary of my trips"))[1] < 1


def test_what_speaks_of_its_speaker_is_personal_and_so_is_a_fact() -> None:
    entries = [entry(1, "I moved", author="Ada"), entry(2, "Wow, great!", author="Ada"), entry(3, "Ada moved")]
    corpus = corpus_of(entries)
    assert signals.personal(corpus, rows_of(corpus)).tolist() == [1, 0, 1]


def test_instructions_of_people_bear_on_advice_and_not_on_questions_about_a_person() -> None:
    entries = [
        entry(1, "Always show the units when I ask for sums.", author="Ada", role=1),
        entry(2, "Always show the units.", role=2),
        entry(3, "I prefer short answers", author="Ada", role=1),
    ]
    corpus = corpus_of(entries)
    rows = rows_of(corpus)
    advice = ask(corpus, "How do I add two lengths?")
    assert signals.instructs(corpus, rows, advice).tolist() == [1, 0, 0]
    assert signals.prefers(corpus, rows, advice).tolist() == [0, 0, 1]
    about = ask(corpus, "Where does Ada live?")
    assert signals.instructs(corpus, rows, about).tolist() == [0, 0, 0]
    assert signals.prefers(corpus, rows, about).tolist() == [0, 0, 0]


def test_instructions_do_not_bear_on_a_summary_an_order_or_all_there_is() -> None:
    corpus = corpus_of([entry(1, "Always name the city when I ask for advice", role=1)])
    rows = rows_of(corpus)
    told = {
        "how do I plan a trip?": 1,
        "how do I plan several trips?": 1,
        "where is the station?": 1,
        "how many trips did I plan?": 0,
        "can you summarise my trips?": 0,
        "walk me through the order in which I planned them": 0,
    }
    assert {text: signals.instructs(corpus, rows, ask(corpus, text)).tolist()[0] for text in told} == told


def test_an_answer_is_as_good_as_the_question_it_answers() -> None:
    entries = [entry(1, "Where is your piano?"), entry(2, "In Lisbon."), entry(3, "A piano in Lisbon."), entry(4, "Oh")]
    corpus = corpus_of(entries)
    corpus.refresh()
    words = signals.lexical(corpus, term_hashes("piano", KEY), 1.0, 1.0)
    lift = signals.reply(corpus, rows_of(corpus), words.entry, np.float32(0.1), np.float32(0.1))
    assert lift[1] == min((words.entry[1] - np.float32(0.1)) / np.float32(0.1), signals.MOST_OF_REPLY)
    assert lift.tolist()[::2] == [0, 0]
    assert lift[3] == 0


def test_what_is_spoken_of_by_name_is_weighed_by_rarity() -> None:
    entries = [entry(1, "Bach in Lisbon"), entry(2, "Lisbon"), entry(3, "Lisbon"), entry(4, "garden")]
    corpus = corpus_of(entries)
    corpus.refresh()
    query = ask(corpus, "did somebody play Bach in Lisbon?")
    assert query.spoken_of == set(term_hashes("Bach Lisbon", KEY))
    things = signals.lexical(corpus, query.terms, 1.0, 1.0, query.spoken_of).things
    assert things is not None
    assert things[1] == pytest.approx(1)
    assert 0 < things[2] < 0.5
    assert things[4] == 0


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
