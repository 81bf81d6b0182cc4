"""What a ranking promises: it lifts, it never gates, and it is the same every time."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.corpus import Corpus
from holdfast.core.entry import LONG_WORDS, Entry
from holdfast.core.fusion import CANDIDATES, SIGNALS, THOROUGH, Weights, best_of, rank
from holdfast.core.kinds import QuestionKind
from tests.core.spaces import DAY_MS, DIMENSIONS, NOW_MS, ask, corpus_of, entry, give_vectors, spaces, vectors_of

questions = st.one_of(
    st.text(max_size=40),
    st.sampled_from(("piano in lisbon", "When did Ada see the dog?", "What did you recommend?", "yesterday's budget")),
)
query_vectors = st.one_of(st.none(), st.integers(1, 50).map(lambda n: vectors_of([n])[0]))


@given(spaces(), questions, query_vectors, st.data())
def test_a_ranking_keeps_its_word(
    entries: list[Entry], question: str, vector: np.ndarray | None, data: st.DataObject
) -> None:
    corpus = corpus_of(entries, with_vectors=False)
    give_vectors(corpus, [e.n for e in entries if data.draw(st.booleans(), label="vector")])
    allowed_ns = {e.n for e in entries if data.draw(st.booleans(), label="allowed")}
    query = ask(corpus, question)
    ranking = rank(corpus, query, vector, limit=100, allowed=corpus.mask(allowed_ns))
    assert set(ranking.ns.tolist()) == allowed_ns
    assert (np.diff(ranking.scores) <= 0).all()
    assert np.isfinite(ranking.scores).all()
    total = np.sum(list(ranking.contributions.values()), axis=0)
    np.testing.assert_allclose(total, ranking.scores, rtol=1e-4, atol=1e-4)
    ties = np.diff(ranking.scores) == 0
    said = corpus.columns.said_ms[corpus.rows(ranking.ns)]
    newer = (np.diff(said) < 0) | ((np.diff(said) == 0) & (np.diff(ranking.ns) < 0))
    assert (newer if query.kinds & QuestionKind.LATEST else np.diff(ranking.ns) > 0)[ties].all()
    short = rank(corpus, query, vector, limit=3, allowed=corpus.mask(allowed_ns))
    assert short.ns.tolist() == ranking.ns.tolist()[:3]
    assert short.features == ranking.features


def story(size: int) -> list[Entry]:
    """Return small talk of ``size`` entries with one about a piano."""
    talk = ("good morning", "nice weather", "see you soon", "thanks a lot", "sounds fun", "what a day", "I like tea")
    entries = [entry(n, f"{talk[n % 7]} {n}") for n in range(1, size + 1)]
    entries[size // 2] = entry(size // 2 + 1, "I bought a grand piano")
    return entries


@pytest.mark.parametrize("size", [*range(1, 21), 29, 30, 31, 99, 100, 101, 250])
def test_a_space_of_any_size_finds_what_the_words_say(size: int) -> None:
    corpus = corpus_of(story(size), with_vectors=False)
    found = rank(corpus, ask(corpus, "Who bought the piano?"), None, limit=3)
    assert found.ns[0] == size // 2 + 1


@pytest.mark.parametrize("size", [*range(1, 21), 29, 30, 31, 99, 100, 101, 250])
def test_a_space_of_any_size_finds_what_the_vector_says(size: int) -> None:
    corpus = corpus_of(story(size))
    wanted = size // 2 + 1
    found = rank(corpus, ask(corpus, "an instrument with keys"), vectors_of([wanted])[0], limit=1)
    assert found.ns.tolist() == [wanted]


def test_two_weak_candidates_stay_weak() -> None:
    corpus = corpus_of([entry(1, "good morning"), entry(2, "nice weather")])
    (vector,) = vectors_of([99])
    ranking = rank(corpus, ask(corpus, "grand piano"), vector, limit=2)
    for name in ("words", "context"):
        assert (abs(ranking.contributions[name]) <= 1.01 * getattr(ranking.weights, name)).all()
    np.testing.assert_allclose(ranking.contributions["words"][0], ranking.contributions["words"][1])


def test_an_entry_without_vector_still_wins_by_its_words() -> None:
    entries = story(60)
    corpus = corpus_of(entries, with_vectors=False)
    wanted = 31
    give_vectors(corpus, [e.n for e in entries if e.n != wanted])
    ranking = rank(corpus, ask(corpus, "Who bought a grand piano?"), vectors_of([500])[0], limit=1)
    assert ranking.ns.tolist() == [wanted]
    assert ranking.without_vector == 1
    assert ranking.contributions["dense"].tolist() == [0]
    assert ranking.contributions["expected"][0] > 0


def test_two_known_cosines_in_a_large_space_are_not_stretched() -> None:
    corpus = corpus_of([entry(n, f"small talk {n}", session=None) for n in range(1, 61)], with_vectors=False)
    give_vectors(corpus, [7, 8])
    (vector,) = vectors_of([7])
    ranking = rank(corpus, ask(corpus, "talk"), vector, limit=60, weights=Weights(dense=1))
    dense = dict(zip(ranking.ns.tolist(), ranking.contributions["dense"].tolist(), strict=True))
    cosine = float(vectors_of([7])[0] @ vectors_of([8])[0])
    assert dense[7] - dense[8] == pytest.approx((1 - cosine) / 0.1, rel=0.05)


def test_signals_lift_the_named_author_the_time_and_the_role() -> None:
    entries = [
        entry(n, "we went to the garden", session=None, author=author, role=role, said_ms=NOW_MS - n * 40 * DAY_MS)
        for n, (author, role) in enumerate([("Ada", 0), ("Bo", 0), ("Bo", 2), ("Bo", 1)], 1)
    ]
    corpus = corpus_of(entries, with_vectors=False)
    assert rank(corpus, ask(corpus, "Was Ada in the garden?"), None, limit=1).ns.tolist() == [1]
    by_bo = rank(corpus, ask(corpus, "Was Bo in the garden in July?"), None, limit=1)
    assert by_bo.ns.tolist() == [3]  # 120 days before November: July
    assert rank(corpus, ask(corpus, "the garden"), None, limit=4).ns.tolist() == [1, 2, 4, 3]
    assert rank(corpus, ask(corpus, "What did you say of the garden?"), None, limit=1).ns.tolist() == [3]


def test_equal_entries_come_in_the_order_of_their_numbers_or_the_newest_first_where_it_is_asked_for() -> None:
    corpus = corpus_of([entry(n, "the same", session=None) for n in (9, 3, 7)], with_vectors=False)
    assert rank(corpus, ask(corpus, "same"), None, limit=9).ns.tolist() == [3, 7, 9]
    assert rank(corpus, ask(corpus, "latest same"), None, limit=9).ns.tolist() == [9, 7, 3]


def test_without_any_match_the_latest_entries_stand_in() -> None:
    corpus = corpus_of([entry(n, f"word{n}") for n in range(1, 301)], with_vectors=False)
    ranking = rank(corpus, ask(corpus, "zeppelin"), None, limit=100)
    assert ranking.ns.tolist() == list(range(271, 301))
    assert ranking.features.covered == 0


def test_nothing_gives_nothing() -> None:
    corpus = Corpus(DIMENSIONS)
    ranking = rank(corpus, ask(corpus, "piano"), vectors_of([1])[0], limit=10)
    assert (len(ranking.ns), ranking.candidates) == (0, 0)
    corpus = corpus_of([entry(1, "piano")])
    assert len(rank(corpus, ask(corpus, "piano"), None, limit=0).ns) == 0
    assert len(rank(corpus, ask(corpus, "piano"), None, limit=5, allowed=corpus.mask([])).ns) == 0


def test_weights_decide() -> None:
    corpus = corpus_of([entry(1, "grand piano", session=None), entry(2, "nice weather", session=None)])
    (vector,) = vectors_of([2])
    query = ask(corpus, "grand piano")
    assert rank(corpus, query, vector, limit=1, weights=Weights(dense=0)).ns.tolist() == [1]
    assert rank(corpus, query, vector, limit=1, weights=Weights(words=0, context=0)).ns.tolist() == [2]


@pytest.mark.parametrize(
    "wrong",
    [
        {"limit": -1},
        {"query_vector": np.ones(DIMENSIONS + 1, np.float32)},
        {"query_vector": np.full(DIMENSIONS, np.nan, np.float32)},
        {"allowed": np.ones(1, np.bool_)},
    ],
)
def test_wrong_arguments_are_refused(wrong: dict[str, object]) -> None:
    corpus = corpus_of([entry(1, "piano")])
    arguments = {"query_vector": None, "limit": 1, **wrong}
    with pytest.raises(ValueError, match=r"limit|vector|mask"):
        rank(corpus, ask(corpus, "piano"), **arguments)  # type: ignore[arg-type]


def test_the_table_of_signals_names_every_weight_once() -> None:
    names = [field.name for field in fields(Weights) if not field.name.endswith("_b")]
    assert [signal.name for signal in SIGNALS] == names
    closer = {"late", "topic"}
    assert all(getattr(Weights(), name) > 0 for name in names if name not in closer)
    assert all(getattr(Weights(), name) == 0 != getattr(THOROUGH, name) for name in closer)


def test_a_score_is_linear_in_the_weights() -> None:
    entries = [
        entry(n, text, author=author, role=role, said_ms=NOW_MS - n * DAY_MS)
        for n, (text, author, role) in enumerate(
            [
                ("Which piano do you like?", "Ada", 1),
                ("I prefer the grand piano in Lisbon", "Bo", 1),
                ("Always name the city when I ask for advice, yesterday too", "Bo", 1),
                ("A piano has 88 keys", "assistant", 2),
            ]
            * 12,
            1,
        )
    ]
    corpus = corpus_of(entries)
    (vector,) = vectors_of([2])
    query = ask(corpus, "Should I buy a piano in Lisbon? When did I want one, yesterday?")
    shipped = Weights()
    off = {signal.name: 0.0 for signal in SIGNALS}
    total = np.zeros(len(entries))
    for signal in SIGNALS:
        alone = rank(corpus, query, vector, limit=100, weights=replace(shipped, **{**off, signal.name: 1.0}))
        values = alone.scores[np.argsort(alone.ns)]
        assert np.any(values != 0) == (signal.name not in ("author", "reply", "spread", "recent", "late", "topic")), (
            signal.name
        )
        total += getattr(shipped, signal.name) * values
    whole = rank(corpus, query, vector, limit=100)
    np.testing.assert_allclose(whole.scores[np.argsort(whole.ns)], total, rtol=1e-3, atol=1e-3)


def test_a_standing_instruction_is_found_by_a_question_that_shares_no_word_with_it() -> None:
    entries = story(300)
    entries[7] = entry(8, "Always give distances in metres when I ask about sizes.", author="Ada", role=1)
    corpus = corpus_of(entries)
    vector = -vectors_of([8])[0]
    asked = rank(corpus, ask(corpus, "How do I compare the moon and the sun?"), vector, limit=300)
    assert asked.candidates < 300
    places = dict(zip(asked.ns.tolist(), asked.contributions["instructs"].tolist(), strict=True))
    assert places[8] == pytest.approx(Weights().instructs)
    about = rank(corpus, ask(corpus, "What did Ada buy?"), vector, limit=300)
    places = dict(zip(about.ns.tolist(), about.contributions["instructs"].tolist(), strict=True))
    assert places.get(8, 0) == 0


def test_what_is_told_in_many_places_is_taken_from_many_places() -> None:
    days = [entry(n, f"a trip to the lake {n}", session="one" if n <= 40 else f"s{n}") for n in range(1, 61)]
    entries = [replace(one, said_ms=NOW_MS - one.n * DAY_MS // 5) for one in days]
    corpus = corpus_of(entries, with_vectors=False)
    one = rank(corpus, ask(corpus, "Where was the trip to the lake tomorrow?"), None, limit=60)
    assert "spread" not in one.contributions
    many = rank(corpus, ask(corpus, "How many trips to the lake tomorrow?"), None, limit=60)
    lost = dict(zip(many.ns.tolist(), many.contributions["spread"].tolist(), strict=True))
    assert sorted(lost[n] for n in range(1, 41)) == pytest.approx(
        sorted(-Weights().spread * place for place in range(40))
    )
    assert all(lost[n] == 0 for n in range(41, 61))
    total = np.sum(list(many.contributions.values()), axis=0)
    np.testing.assert_allclose(total, many.scores, rtol=1e-4, atol=1e-4)


def test_the_longer_entries_are_the_less_the_neighbourhood_counts() -> None:
    filler = " ".join(f"filler{i}" for i in range(LONG_WORDS))
    for text, from_context in (("small talk", True), (filler, False)):
        entries = [entry(n, text) for n in range(1, 61)]
        entries[30] = entry(31, f"{text} zeppelin")
        corpus = corpus_of(entries, with_vectors=False)
        ranking = rank(corpus, ask(corpus, "zeppelin"), None, limit=60)
        assert ranking.ns[0] == 31
        assert bool(ranking.contributions["context"].any()) == from_context
        alone = rank(corpus, ask(corpus, "zeppelin"), None, limit=60, weights=Weights(context=0))
        gained = ranking.contributions["words"][0] - alone.contributions["words"][0]
        assert (gained > 0) == (not from_context)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.9, 1.0])
@pytest.mark.parametrize("size", [1, 90, 1_700, 4_000, 20_011])
@pytest.mark.parametrize("steps", [3, 50, 1_000_000])
def test_the_best_are_those_that_sorting_all_of_them_finds(size: int, share: float, steps: int) -> None:
    chance = np.random.default_rng(size + steps)
    values = (chance.integers(-steps, steps, size) / steps).astype(np.float32)
    reachable = chance.random(size) < share
    # The greatest are out of reach, so that what all values say of them misleads.
    reachable[np.argsort(-values)[: size // 20]] = False
    rows = np.flatnonzero(reachable)
    if len(rows) > CANDIDATES:
        least = np.sort(values[rows])[-CANDIDATES]
        rows = rows[values[rows] >= least][-4 * CANDIDATES :]
    assert best_of(values, reachable).tolist() == rows.tolist()
