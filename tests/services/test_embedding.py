"""Vectors follow the texts: whatever the model does, no text is lost and nothing forgotten comes back."""

from __future__ import annotations

import apsw
import numpy as np
import pytest

from holdfast import Memory
from holdfast.core.vectors import quantise
from holdfast.errors import EmbedderError, EmbedderUnavailable, InvalidVector, ModelMismatch
from holdfast.services import embedding, refused_texts
from holdfast.services.breaker import PAUSE_S
from holdfast.testing.embedders import Fault, FaultyEmbedder, HashEmbedder
from tests.services.scenes import bytes_of, found, state_of

FACTS = ("Ada lives in Lisbon.", "Bruno bakes bread.", "The blue folder is in the cellar.")
FAULTS = pytest.mark.parametrize("fault", Fault, ids=lambda fault: fault.name.lower())


def vectors_in(path) -> int:
    # Not the standard library's SQLite: two of them in one process break each other's locks.
    raw = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return raw.execute("SELECT count(*) FROM vector").get
    finally:
        raw.close()


@pytest.fixture
def at_once(monkeypatch):
    """The background tries again without waiting, so that no test has to."""
    monkeypatch.setattr(embedding, "WAIT_S", (0.0, 0.001))


def test_a_space_is_bound_to_its_model_at_the_first_vectors(opened, path, model):
    memory = opened(path, embedder=model)
    assert memory.summary().model is None
    memory.remember(FACTS[0])
    assert memory.settle() == 0
    assert memory.summary().model == model.fingerprint
    assert memory.summary().pending == 0


def test_another_model_is_refused_at_open_and_the_file_is_unchanged(opened, path, model):
    memory = opened(path, embedder=model)
    memory.remember(FACTS[0])
    memory.settle()
    before = state_of(memory)
    memory.close()
    content = path.read_bytes()
    for other in (HashEmbedder(name="other"), HashEmbedder(32)):
        with pytest.raises(ModelMismatch, match=r"hash-ngrams/64.*Nothing was written"):
            opened(path, embedder=other)
        assert path.read_bytes() == content
    assert state_of(opened(path)) == before, "without a model it opens as ever"
    assert state_of(opened(path, embedder=HashEmbedder())) == before


def test_of_two_models_that_open_a_new_space_the_second_to_write_vectors_is_refused(opened, path):
    one, other = opened(path, embedder=HashEmbedder()), opened(path, embedder=HashEmbedder(name="other"))
    one.remember(FACTS[0])
    one.settle()
    other.remember(FACTS[1])
    with pytest.raises(ModelMismatch):
        other.settle()
    assert {record.text for record in one.records()} == set(FACTS[:2])
    assert one.settle() == 0
    assert one.recall("Bruno").degraded is None


@FAULTS
def test_a_failing_model_loses_nothing_and_recall_says_so(opened, path, model, fault, at_once, clock):
    memory = opened(path, embedder=model)
    model.fault = fault
    for fact in FACTS:
        memory.remember(fact)
    answer = memory.recall("Where is the blue folder?")
    assert answer[0].text == FACTS[2]
    assert answer.pending == 3
    assert "model" in answer.degraded
    assert "3 of 3 memories have no vector yet" in answer.degraded
    assert vectors_in(path) == 0
    with pytest.raises((EmbedderError, InvalidVector)):
        memory.settle()
    model.fault = None
    clock.advance(int(1000 * PAUSE_S))
    answer = memory.recall("Where is the blue folder?")
    assert (answer.degraded, answer.pending, answer[0].text) == (None, 0, FACTS[2])
    assert memory.check() == []


@FAULTS
def test_a_model_that_fails_at_the_query_leaves_the_words(embedded, model, fault):
    embedded.remember(FACTS[2])
    embedded.settle()
    model.fault = fault
    if fault is Fault.SHORT_BATCH:
        return
    answer = embedded.recall("Where is the blue folder?")
    assert (answer[0].text, answer.pending) == (FACTS[2], 0)
    assert answer.degraded.startswith("the embedding model failed")


def test_the_backlog_of_an_outage_is_embedded_at_the_next_open(opened, path, model, at_once):
    memory = opened(path, embedder=model)
    model.fault = Fault.DOWN
    for fact in FACTS:
        memory.remember(fact)
    memory.close()
    model.fault = None
    again = opened(path, embedder=model)
    assert again.settle() == 0
    assert vectors_in(path) == 3


def test_recall_embeds_what_still_waits(opened, path, model):
    opened(path).remember(FACTS[2])
    writer = opened(path, embedder=None)
    reader = opened(path, embedder=model)
    reader.settle()
    writer.remember(FACTS[0])
    answer = reader.recall("Where does Ada live?")
    assert (answer[0].text, answer.pending, answer.degraded) == (FACTS[0], 0, None)
    assert "dense" in answer[0].signals


def test_a_refused_text_stays_searchable_and_does_not_block_the_others(embedded, model):
    model.refuse("Bruno")
    for fact in FACTS:
        embedded.remember(fact)
    assert embedded.settle() == 0, "there is nothing left that waiting would bring"
    answer = embedded.recall("What does Bruno bake?")
    assert answer[0].text == FACTS[1]
    assert answer.pending == 1
    assert "1 of 3 memories have no vector" in answer.degraded
    refused = answer[0]
    embedded.forget(refused.id)
    model.freeze()
    embedded.remember("Another fact.")
    assert embedded.settle(timeout_s=0) == 1, "a refused memory that is forgotten no longer counts as refused"


def test_a_text_the_model_cannot_take_does_not_block_the_others(embedded, model, at_once):
    model.spoil("Bruno")
    for fact in FACTS:
        embedded.remember(fact)
    assert embedded.settle() == 0
    assert embedded.summary().pending == 1
    assert embedded.recall("Where does Ada live?")[0].text == FACTS[0]


class Unsteady(HashEmbedder):
    """Gives no numbers for stored texts, so many times; the text that shows whether it works it always takes."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times
        self.asked = 0

    def embed(self, texts):
        vectors = super().embed(texts)
        if list(texts) == [embedding.STAND_IN] or self.times <= 0:
            return vectors
        self.times -= 1
        self.asked += 1
        return np.full_like(vectors, np.nan)


@pytest.mark.parametrize("times", range(1, 1 + len(refused_texts.AGAIN_S)))
def test_a_text_that_failed_is_asked_for_again_later(opened, path, clock, times):
    memory = opened(path, embedder=Unsteady(times))
    memory.remember(FACTS[0])
    for wait_s in refused_texts.AGAIN_S[:times]:
        assert memory.settle() == 0, "there is nothing that waiting would bring now"
        assert vectors_in(path) == 0
        clock.advance(int(1000 * wait_s))
    assert memory.settle() == 0
    assert vectors_in(path) == 1
    assert memory.recall("Lisbon").degraded is None


def test_a_text_that_fails_again_and_again_is_asked_for_no_more(opened, path, clock):
    model = Unsteady(1_000)
    memory = opened(path, embedder=model)
    memory.remember(FACTS[0])
    for _ in range(3 * len(refused_texts.AGAIN_S)):
        memory.settle()
        clock.advance(10_000_000)
    assert model.asked == 1 + len(refused_texts.AGAIN_S)


def test_a_text_that_failed_is_asked_for_again_though_nobody_asks(opened, path, monkeypatch, clock):
    monkeypatch.setattr(refused_texts, "AGAIN_S", (0.02,))
    monkeypatch.setattr(refused_texts, "LEAST_WAKE_S", 0.01)
    model = Unsteady(1)
    memory = opened(path, embedder=model)
    memory.remember(FACTS[0])
    follower = memory._space.embedding
    with follower._idle:
        assert follower._idle.wait_for(lambda: model.asked and follower._is_through, 30)
    clock.advance(20)
    with follower._idle:
        assert follower._idle.wait_for(lambda: vectors_in(path) == 1, 30)


def test_a_revised_memory_is_asked_for_at_once(opened, path):
    memory = opened(path, embedder=Unsteady(1))
    fact = memory.remember(FACTS[0])
    memory.settle()
    memory.revise(fact.id, tags=["home"])
    assert memory.settle() == 0
    assert vectors_in(path) == 1


def test_what_came_before_a_failure_is_kept(opened, path, model, monkeypatch, at_once):
    monkeypatch.setattr(embedding, "SIDE_BY_SIDE", 1)
    writer = opened(path)
    for fact in FACTS:
        writer.remember(fact)
    embed, calls = model.embed, []

    def fails_at_the_second(texts):
        calls.append(texts)
        if len(calls) % 2 == 0:
            raise EmbedderUnavailable("too many requests")
        return embed(texts)

    monkeypatch.setattr(model, "embed", fails_at_the_second)
    memory = opened(path, embedder=model)
    for _ in range(10):
        try:
            if memory.settle() == 0:
                break
        except EmbedderUnavailable:
            continue
    assert memory.summary().pending == 0


def test_a_frozen_model_stops_no_call_and_resurrects_nothing(opened, path, model):
    memory = opened(path, embedder=model)
    memory.remember("Warm.")
    memory.settle()
    model.freeze()
    facts = {name: memory.remember(f"The {name} stands in the hall.") for name in ("lamp", "chair", "clock", "desk")}
    assert model.waiting.wait(30)
    # All four are inside the model now, or behind it.
    memory.forget(facts["lamp"].id)
    memory.correct(facts["chair"].id, "The chair stands in the garden.")
    memory.revise(facts["clock"].id, tags=["time"])
    assert "The desk stands in the hall." in found(memory, "Where is the desk?")
    assert memory.settle(timeout_s=0) == 3
    model.thaw()
    assert memory.settle() == 0
    answer = memory.recall("What stands in the hall?", limit=100)
    assert {hit.text for hit in answer} == {
        "The clock stands in the hall.", "The desk stands in the hall.", "The chair stands in the garden.", "Warm."
    }  # fmt: skip
    assert answer.degraded is None
    assert vectors_in(path) == 4
    assert memory.check() == []
    assert b"lamp" not in bytes_of(path)


def test_closing_does_not_wait_for_a_frozen_model(opened, path, model, monkeypatch):
    monkeypatch.setattr(embedding, "CLOSE_S", 0.01)
    memory = opened(path, embedder=model)
    model.freeze()
    fact = memory.remember(FACTS[0])
    assert model.waiting.wait(30)
    thread = memory._space.embedding._thread
    memory.close()
    assert thread.is_alive(), "it came back while the model was frozen"
    again = opened(path)
    assert again.get(fact.id) == fact
    again.forget(fact.id)
    model.thaw()
    thread.join()
    assert vectors_in(path) == 0, "what the model said after the close is dropped"
    assert again.check() == []


def test_closing_does_not_wait_until_a_failed_model_is_tried_again(opened, path, model, monkeypatch):
    monkeypatch.setattr(embedding, "WAIT_S", (3600.0,))
    monkeypatch.setattr(embedding, "CLOSE_S", 60.0)
    memory = opened(path, embedder=model)
    model.fault = Fault.DOWN
    memory.remember(FACTS[0])
    tried = memory._space.embedding
    with tried._idle:
        assert tried._idle.wait_for(lambda: tried.failure is not None, 30)
    memory.close()
    assert not tried._thread.is_alive()


def test_no_vector_of_a_forgotten_or_superseded_version_is_left(opened, path, model):
    memory = opened(path, embedder=model)
    facts = [memory.remember(fact) for fact in FACTS]
    memory.settle()
    codes, _ = quantise(HashEmbedder().embed([fact.entry for fact in facts]))
    assert all(code.tobytes() in bytes_of(path) for code in codes)
    memory.forget(facts[0].id)
    assert codes[0].tobytes() not in bytes_of(path)
    memory.close()
    assert codes[0].tobytes() not in bytes_of(path)
    assert codes[1].tobytes() in bytes_of(path)


def test_revising_does_not_embed_again(embedded, model):
    fact = embedded.remember(FACTS[0])
    embedded.settle()
    before = embedded.recall("Where does Ada live?")
    embedded.revise(fact.id, tags=["home"])
    embedded.settle()
    after = embedded.recall("Where does Ada live?")
    assert model.given == [FACTS[0]]
    assert (after.pending, after.degraded, after[0].signals) == (0, None, before[0].signals)


def test_the_digest_does_not_depend_on_vectors(opened, path, model):
    memory = opened(path, embedder=model)
    memory.remember(FACTS[0])
    memory.settle()
    model.freeze()
    memory.remember(FACTS[1])
    before = memory.storage.digest()
    model.thaw()
    memory.settle()
    assert memory.storage.digest() == before == memory.storage.rebuild()
    assert memory.summary().pending == 0, "a rebuild keeps the vectors"


def test_settling_tells_how_far_it_is(opened, path, model, monkeypatch):
    monkeypatch.setattr(embedding, "BATCH", 2)
    writer = opened(path)
    for number in range(5):
        writer.remember(f"Fact {number}.")
    model.freeze()
    memory = opened(path, embedder=model)
    assert model.waiting.wait(30)
    told: list[tuple[int, int]] = []
    model.thaw()
    assert memory.settle(progress=lambda done, known: told.append((done, known))) == 0
    assert all(known <= 5 and done <= known for done, known in told)
    assert memory.summary().pending == 0


def test_without_a_model_recall_says_that_words_are_all_it_has(opened, path):
    memory = opened(path)
    memory.remember(FACTS[0])
    answer = memory.recall("Where does Ada live?")
    assert answer.degraded == "no embedding model was asked for: found by words only"
    assert (answer[0].text, answer.pending, memory.settle()) == (FACTS[0], 1, 1)


def test_no_model_on_the_machine_is_no_reason_not_to_remember(monkeypatch, opened, path):
    monkeypatch.setenv("HOLDFAST_EMBEDDER", "none")
    memory = opened(path, embedder="auto")
    memory.remember(FACTS[0])
    answer = memory.recall("Where does Ada live?")
    assert answer[0].text == FACTS[0]
    assert "found by words only" in answer.degraded


def test_a_service_that_answers_with_lists_or_nonsense_is_checked(opened, path, model, monkeypatch, at_once):
    memory = opened(path, embedder=model)
    inner = HashEmbedder()
    monkeypatch.setattr(model, "embed", lambda texts: inner.embed(texts).tolist())
    monkeypatch.setattr(model, "embed_query", lambda text: inner.embed_query(text).tolist())
    memory.remember(FACTS[0])
    assert memory.recall("Where does Ada live?").degraded is None
    monkeypatch.setattr(model, "embed", lambda texts: [["a"], []])
    memory.remember(FACTS[1])
    with pytest.raises(InvalidVector, match="no rectangle of numbers"):
        memory.settle()
    assert memory.recall("What does Bruno bake?")[0].text == FACTS[1]


def test_the_same_memories_give_the_same_answers_in_any_batches(tmp_path, opened, monkeypatch):
    answers = []
    for side_by_side in (1, 3, 8):
        monkeypatch.setattr(embedding, "SIDE_BY_SIDE", side_by_side)
        memory = opened(tmp_path / f"{side_by_side}.db", embedder=FaultyEmbedder())
        for number in range(20):
            memory.remember(f"Fact {number} about box {number % 3}.", when="2024-01-01")
        memory.settle()
        answers.append([(hit.text, hit.score) for hit in memory.recall("What about box 2?")])
    assert answers[0] == answers[1] == answers[2]
    assert isinstance(memory, Memory)
    assert np.isfinite([score for _, score in answers[0]]).all()
