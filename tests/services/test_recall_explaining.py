"""Why a recall returned what it did: signals that sum to the score, and one true reason for what is missing."""

from __future__ import annotations

import pytest

from holdfast import Memory
from holdfast.core.weights import Weights
from holdfast.errors import InvalidInput
from holdfast.model.policy import Action, Keep, Policy, Retention, Sensitive
from holdfast.testing.embedders import HashEmbedder

QUESTION = "where does Ada live?"


@pytest.fixture
def many(opened, path) -> Memory:
    memory = opened(path, embedder=HashEmbedder(16))
    for number in range(400):
        memory.session(f"s{number % 7}").add("user", f"Ada lives in street {number}, near Lisbon.", author="Ada")
    memory.settle()
    return memory


def why(memory: Memory, memory_id: str, **asked):
    return memory.recalls.explain(QUESTION, id=memory_id, **asked).why_not


def test_every_hit_is_explained_and_its_signals_sum_to_its_score(many):
    found = many.recall(QUESTION, limit=5)
    told = many.recalls.explain(QUESTION, limit=5)
    assert [one.hit.id for one in told.hits] == [hit.id for hit in found]
    assert told.candidates > 5
    for one in told.hits:
        assert sum(share.value for share in one.signals) == pytest.approx(one.hit.score, abs=1e-4)
        assert all(1 <= share.place <= told.candidates and share.gives for share in one.signals)
    assert {"dense", "context"} <= {share.name for share in told.hits[0].signals}
    (dense,) = (share for share in told.hits[0].signals if share.name == "dense")
    assert dense.weights["dense"] > 0
    assert "score" in str(told)
    assert told.why_not is None


def test_the_weights_told_are_those_the_space_is_ranked_by(opened, path):
    memory = opened(path, embedder=None)
    for number in range(40):
        memory.remember(" ".join(f"filler{number}x{i}" for i in range(150)) + f" piano{number}")
    (first, *_) = memory.recalls.explain("piano7", limit=1).hits
    (words,) = (share for share in first.signals if share.name == "words")
    assert words.weights["words"] == pytest.approx(Weights().words + Weights().context)


def test_explaining_counts_nothing_as_read(many):
    before = many.summary().accesses[0].reads
    many.recalls.explain(QUESTION)
    assert many.summary().accesses[0].reads == before


def test_a_memory_that_came_too_late_is_told_its_place_and_the_score_it_needed(many):
    found, wide = many.recall(QUESTION, limit=5), many.recall(QUESTION, limit=60)
    told = why(many, wide[40].id, limit=5)
    assert (told.reason, told.place) == ("cut", 41)
    assert told.needed == pytest.approx(found[-1].score, abs=1e-4)
    assert told.score < told.needed
    assert sum(share.value for share in told.signals) == pytest.approx(told.score, abs=1e-4)


def test_a_memory_that_found_no_room_is_told_so(many):
    wide = many.recall(QUESTION, limit=10)
    told = why(many, wide[8].id, limit=10, budget_tokens=120)
    assert (told.reason, told.place) == ("budget", 9)


def test_what_no_signal_put_up_is_told_its_places(many):
    far = many.remember("Completely unrelated words about gardening and compost.").id
    many.settle()
    told = why(many, far)
    assert told.reason == "candidates"
    assert told.places["dense"] > 1
    assert "words" not in told.places, "it shares no word with the question"


def test_each_state_has_a_reason_of_its_own(opened):
    memory = opened()
    lisbon = memory.remember("Ada lives in Lisbon.", category="place", when="2025-01-01").id
    gone = memory.remember("Ada lives in Rome.").id
    old = memory.remember("Ada lives in Bonn.").id
    memory.forget(gone)
    new = memory.correct(old, "Ada lives in Berlin.").id
    kept = memory.recalls.keep(QUESTION).kept
    cases = (
        (lisbon, {}, "returned"), (gone, {}, "forgotten"), (old, {}, "superseded"), (kept, {}, "aside"),
        ("00000000-0000-0000-0000-000000000001", {}, "unknown"),
        (new, {"where": "category = health and attributes.age > 3"}, "filter"),
        (lisbon, {"since": "2025-02-01"}, "time"), (lisbon, {"until": "2025-01-01"}, "time"),
    )  # fmt: skip
    for one, asked, reason in cases:
        told = why(memory, one, **asked)
        assert told.reason == reason, (told, asked)
        assert str(told).endswith(".")
    told = why(memory, new, where="kind = fact and category = health and (attributes.age > 3 or tag = x)")
    assert told.failing == ("category = health", "attributes.age > 3 or tag = x")
    with pytest.raises(InvalidInput):
        why(memory, "not an id")


def test_a_memory_whose_time_is_up_or_that_is_kept_apart_is_told_so(opened, clock):
    policy = Policy(
        actions={Sensitive.MEDICAL: Action.QUARANTINE},
        retentions={"place": Retention(Keep.FOR_A_WHILE, 1_000)},
    )
    memory = opened(policy=policy)
    apart = memory.remember("Ada lives with diabetes.").id
    due = memory.remember("Ada lives in Lisbon.", category="place").id
    clock.advance(2_000)
    assert why(memory, apart).reason == "quarantined"
    assert why(memory, due).reason == "expired"


def test_what_was_told_already_is_not_blamed_on_the_budget(opened):
    memory = opened()
    first, again, other = (
        memory.session("s").add("user", text, author="Ada", when=when).id
        for text, when in (
            ("I live in Lisbon.", "2025-01-01"), ("I live in Lisbon.", "2025-01-02"), ("I live well.", "2025-01-03"),
        )
    )  # fmt: skip
    told = {one: why(memory, one, budget_tokens=4_000) for one in (first, again, other)}
    assert sorted(one.reason for one in told.values()) == ["packing", "returned", "returned"]
    assert {told[first].reason, told[again].reason} == {"packing", "returned"}


def test_an_answer_that_was_not_sure_enough_is_told_to_be_empty_for_that(opened):
    memory = opened()
    lisbon = memory.remember("Ada lives in Lisbon.").id
    sure = memory.recall(QUESTION).confidence
    told = memory.recalls.explain(QUESTION, id=lisbon, min_confidence=min(1.0, sure + 0.01))
    assert (told.hits, told.candidates, told.confidence) == ((), 1, sure)
    assert told.why_not.reason == "confidence"
    for words in (told.withheld, told.why_not.words, str(told)):
        assert f"{sure:.2f}" in words
    enough = memory.recalls.explain(QUESTION, id=lisbon, min_confidence=sure)
    assert (enough.withheld, enough.why_not.reason) == (None, "returned")
    tight = memory.recalls.explain(QUESTION, id=lisbon, budget_tokens=1)
    assert "budget of 1 tokens" in tight.withheld
    assert tight.why_not.reason == "budget"


def test_what_superseded_a_memory_is_said_to_be_recalled_only_where_it_is(opened):
    memory = opened()
    old = memory.remember("Ada lives in Bonn.").id
    new = memory.correct(old, "Ada lives in Berlin.").id
    assert "is recalled in its place" in why(memory, old).words
    newest = memory.correct(new, "Ada lives in Porto.").id
    assert "was superseded too" in why(memory, old).words
    memory.forget(newest)
    assert "was forgotten since" in why(memory, new).words
