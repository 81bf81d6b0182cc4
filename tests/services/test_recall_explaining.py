"""Why a recall returned what it did: signals that sum to the score, and one true reason for what is missing."""

from __future__ import annotations

import pytest

from holdfast import Memory
from holdfast.errors import InvalidInput
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
