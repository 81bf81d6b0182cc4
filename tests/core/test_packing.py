"""A budget is filled with the best set of memories, and never passed."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.core.budget import estimate_tokens
from holdfast.core.excerpts import GAP, excerpt, sentences
from holdfast.core.packing import DEPTH, pack, recall_limit
from holdfast.core.render import Shown, fenced
from holdfast.model.records import Kind, Record
from holdfast.model.tokens import Count
from tests.conftest import NIGHTLY
from tests.core.contents import records

DAY = 86_400_000
TURN = Record(kind=Kind.TURN, text="x", valid_from=0, id="0" * 8, version=1, recorded_at=0, author="Ada", session="s")


def turns(*texts: str, every: int = 0) -> list[Shown]:
    return [Shown(replace(TURN, text=text, valid_from=every * n), n=n + 1) for n, text in enumerate(texts)]


def told(offers: list[Shown], budget: int, worth=lambda sentence: 0.0) -> str:
    text = fenced([shown for _, shown in pack(offers, budget, estimate_tokens, worth)])
    assert estimate_tokens(text) <= budget
    return text


def pieces(text: str) -> int:
    """A tokenizer that does not add up: two texts together take more than each alone."""
    return len(text) // 3 + text.count("\n") * text.count("[")


WORDS = ("lake", "piano", "yes", "no", "?", "2024", "ü", "猫", "\n", ". ", "a" * 40, "Lisbon. ")
words = st.sampled_from(WORDS)
said = st.lists(words, min_size=1, max_size=40).map(" ".join)
offers = st.lists(
    st.builds(
        lambda record, text, at, space: Shown(
            replace(record, text=text, valid_from=at * DAY, valid_to=None), space=space, n=at
        ),
        records(), said, st.integers(0, 4), st.sampled_from((None, "home")),
    ),
    max_size=12,
)  # fmt: skip


def fills_within(given_: list[Shown], budget: int, count: Count) -> None:
    packed = pack(given_, budget, count, lambda sentence: float("lake" in sentence))
    places = [place for place, _ in packed]
    assert places == sorted(set(places)), "best first, each once"
    text = fenced([shown for _, shown in packed])
    assert count(text) <= budget or not packed
    assert all(shown.record == given_[place].record for place, shown in packed)


@given(offers, st.integers(1, 400), st.sampled_from((estimate_tokens, len, pieces)))
@settings(deadline=None)
def test_no_budget_is_passed_whatever_counts(given_: list[Shown], budget: int, count: Count) -> None:
    fills_within(given_, budget, count)


def random_offers(chance: random.Random) -> list[Shown]:
    made = list[Shown]()
    for _ in range(chance.randint(0, 12)):
        at = chance.randint(0, 4)
        text = " ".join(chance.choices(WORDS, k=chance.randint(1, 40)))
        fact = Record(kind=Kind.FACT, text=text, valid_from=at * DAY, id="1" * 8, version=1, recorded_at=0,
                      subject=chance.choice(("Ada", "Bo", None)), predicate=chance.choice(("likes", None)))  # fmt: skip
        record = chance.choice((replace(TURN, text=text, valid_from=at * DAY), fact))
        made.append(Shown(record, space=chance.choice((None, "home")), n=at))
    return made


def test_no_budget_is_passed_in_many_cases() -> None:
    """10,000 of them in `make nightly`: by a generator of its own, since Hypothesis needs minutes for as many."""
    chance = random.Random(7)
    for _ in range(10_000 if NIGHTLY else 1_000):
        count = chance.choice((estimate_tokens, len, pieces))
        fills_within(random_offers(chance), chance.randint(1, 600), count)


def test_a_long_one_does_not_keep_out_many_short_ones() -> None:
    long = "The weather was grey and I stayed in all day. " * 4
    facts = [f"Fact number {n} is short." for n in range(10)]
    text = told(turns(*facts[:4], long, *facts[4:]), 162)
    assert "weather" not in text
    assert text.count("short") == 10


def test_the_best_one_comes_first_where_all_are_alike() -> None:
    offered = turns(*(f"Note {n} of the book" for n in range(60)))
    places = [place for place, _ in pack(offered, 200, estimate_tokens)]
    assert places == list(range(len(places)))
    assert 12 < len(places) < 30


def test_the_same_words_are_told_once_with_their_other_days() -> None:
    text = told(turns("I run.", "I run!", "i run", "Something else", every=DAY), 200)
    assert text.count("run") == 1
    assert "[also 1970-01-02, 1970-01-03]" in text


def test_what_a_better_one_holds_whole_is_left_out_on_the_same_day_only() -> None:
    part, whole = "we went to the old lake", "Yes, we went to the old lake with Bo."
    assert told(turns(whole, part), 200).count("lake") == 1
    assert told(turns(whole, part, every=DAY), 200).count("lake") == 2
    assert told(turns(part, whole), 200).count("lake") == 2


def test_texts_that_differ_by_a_number_or_a_not_are_both_told() -> None:
    text = told(turns("I have 3 cats at home", "I have 4 cats at home", "I do like rain", "I do not like rain"), 200)
    assert "3 cats" in text
    assert "4 cats" in text
    assert "do like" in text
    assert "do not like" in text


def test_facts_that_speak_against_each_other_are_both_told_with_their_dates() -> None:
    fillers = [f"Filler {n} that says nothing of it" for n in range(30)]
    fact = replace(TURN, kind=Kind.FACT, author=None, session=None, subject="Ada", predicate="lives_in")
    first = Shown(replace(fact, text="Ada lives in Rome.", object="Rome", valid_from=0))
    last = Shown(replace(fact, text="Ada lives in Lisbon.", object="Lisbon", valid_from=400 * DAY))
    text = told([first, *turns(*fillers), last], 100)
    assert "since 1970-01-01 Ada lives in Rome." in text
    assert "since 1971-02-05 Ada lives in Lisbon." in text
    assert text.index("Rome") < text.index("Lisbon")


def test_a_short_answer_brings_its_question_and_they_stand_in_order() -> None:
    fillers = [Shown(replace(TURN, session=None, text=f"Filler {n} that says nothing")) for n in range(14)]
    question = Shown(replace(TURN, text="Did you see Bo?", valid_from=DAY), n=7)
    answer = Shown(replace(TURN, text="Twice!", valid_from=DAY, author="Cy"), n=8)
    text = told([answer, *fillers, question], 130)
    assert "Ada: Did you see Bo?\n[1] Cy: Twice!" in text, "asked before it is answered, though both have one time"
    assert "Did you see" not in told([answer, *fillers, replace(question, n=99)], 130)


def test_a_text_too_long_is_cut_to_what_matters() -> None:
    text = "I had soup. " * 40 + "The code of the safe is 4711. " + "Then it rained. " * 40
    cut = told(turns(text), 120, lambda sentence: float("safe" in sentence))
    assert "The code of the safe is 4711." in cut
    assert f"{GAP} " in cut


@given(st.text(max_size=400), st.integers(0, 60))
def test_an_excerpt_is_made_of_the_texts_own_sentences_and_fits(text: str, most: int) -> None:
    cut = excerpt(text, lambda sentence: float(len(sentence) % 5), most, estimate_tokens)
    if cut is not None:
        assert estimate_tokens(cut) <= most
        assert all(part.strip() in " ".join(sentences(text)) for part in cut.split(GAP))


def test_the_limit_is_what_was_asked_for_or_what_the_budget_could_hold() -> None:
    assert recall_limit(None, None) == 10
    assert recall_limit(7, 4_000) == 7
    assert recall_limit(None, 1_000) == 100
    assert recall_limit(None, 5) == 1
    assert recall_limit(None, 10**7) == DEPTH
