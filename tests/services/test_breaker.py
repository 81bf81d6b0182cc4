"""A model that keeps failing is left alone for a while, and comes back by itself."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest

from holdfast.adapters.clock import SystemClock
from holdfast.core.diagnosis.around import model_works
from holdfast.errors import EmbedderPaused, EmbedderRefused, EmbedderUnavailable
from holdfast.model.diagnosis import State
from holdfast.services import breaker as breaker_module
from holdfast.services import embedding
from holdfast.services.breaker import FAILURES, PAUSE_S, Breaker, Standing, breaker_of
from holdfast.surfaces.cli.screen import Screen
from holdfast.surfaces.cli.stats import show_summary
from holdfast.surfaces.wire import summary_to_wire
from holdfast.testing.embedders import Fault, FaultyEmbedder, HashEmbedder
from holdfast.testing.faults import SteppedClock
from tests.core.test_diagnosis import WELL

PAUSE_MS = int(1000 * PAUSE_S)
FACTS = [f"The {word} stands in the hall." for word in ("lamp", "chair", "clock", "desk", "stove", "mirror", "drum")]


@pytest.fixture
def breaker(clock: SteppedClock) -> Breaker:
    return Breaker("model/64", clock)


def fail(breaker: Breaker, times: int = 1, error: BaseException | None = None) -> None:
    for _ in range(times):
        with pytest.raises(type(error or EmbedderUnavailable())), breaker.asking():
            raise error or EmbedderUnavailable("The model cannot be reached.")


def opened_after_failures(breaker: Breaker) -> None:
    fail(breaker, FAILURES)
    assert breaker.standing is Standing.OPEN


def is_refused(breaker: Breaker) -> bool:
    try:
        with breaker.asking():
            return False
    except EmbedderPaused:
        return True


# The breaker


def test_it_opens_after_five_failures_in_a_row_and_not_before(breaker):
    fail(breaker, FAILURES - 1)
    assert not is_refused(breaker), "and this call worked, so that the row begins anew"
    fail(breaker, FAILURES - 1)
    assert breaker.standing is Standing.CLOSED
    fail(breaker)
    assert breaker.standing is Standing.OPEN
    assert is_refused(breaker)


def test_an_open_one_says_how_often_why_and_until_when(breaker, clock):
    opened_after_failures(breaker)
    clock.advance(10_000)
    with pytest.raises(EmbedderPaused, match=r"model/64 failed 5 times in a row.*again in 20 s.*cannot be reached"):
        breaker.asking().__enter__()
    assert breaker.failure == "The model cannot be reached"
    assert EmbedderPaused.retryable


def test_after_the_pause_one_call_tries_the_model_and_the_others_are_refused(breaker, clock):
    opened_after_failures(breaker)
    clock.advance(PAUSE_MS - 1)
    assert is_refused(breaker)
    clock.advance(1)
    assert breaker.standing is Standing.HALF_OPEN
    with breaker.asking():
        assert is_refused(breaker)
        assert is_refused(breaker)
    assert (breaker.standing, breaker.failure) == (Standing.CLOSED, None)
    assert not is_refused(breaker)


def test_a_try_that_fails_begins_a_whole_new_pause(breaker, clock):
    clock.advance(1)
    opened_after_failures(breaker)
    clock.advance(3 * PAUSE_MS)
    fail(breaker)
    assert breaker.standing is Standing.OPEN
    clock.advance(PAUSE_MS - 1)
    assert is_refused(breaker)
    clock.advance(1)
    assert not is_refused(breaker)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(), EmbedderRefused("not this text")])
def test_what_says_nothing_of_the_model_is_no_failure_and_leaves_the_try_to_another(breaker, clock, error):
    def asked() -> None:
        with pytest.raises(type(error)), breaker.asking(unjudged=(EmbedderRefused,)):
            raise error

    for _ in range(3 * FAILURES):
        asked()
    assert breaker.standing is Standing.CLOSED
    opened_after_failures(breaker)
    clock.advance(PAUSE_MS)
    asked()
    assert breaker.standing is Standing.HALF_OPEN
    assert not is_refused(breaker)


def test_spaces_that_share_a_model_and_a_clock_share_its_breaker(clock):
    model, other = HashEmbedder(), HashEmbedder()
    assert breaker_of(model, clock) is breaker_of(model, clock)
    assert breaker_of(model, clock) is not breaker_of(other, clock)
    assert breaker_of(model, clock) is not breaker_of(model, SteppedClock())


# A memory with one


def left_alone(memory, model) -> None:
    """Let a model fail until it is left alone."""
    model.fault = Fault.DOWN
    for _ in range(FAILURES):
        memory.recall("Where is the lamp?")
    assert memory.summary().breaker == "open"
    with memory._space.embedding._one_at_a_time:
        pass  # what was under way has ended


def calls_of(model: FaultyEmbedder) -> tuple[int, int]:
    return len(model.given), model.queries


def test_while_it_is_left_alone_a_model_is_not_asked_and_everything_goes_on_by_words(opened, path, model, clock):
    memory = opened(path, embedder=model)
    left_alone(memory, model)
    before = calls_of(model)
    for number, fact in enumerate(FACTS, 1):
        memory.remember(fact)
        answer = memory.recall(fact)
        assert answer[0].text == fact
        assert "failed 5 times in a row and is tried again in 30 s" in answer.degraded
        assert f"{number} of {number} memories have no vector yet" in answer.degraded
    with pytest.raises(EmbedderPaused):
        memory.settle()
    assert calls_of(model) == before
    summary = memory.summary()
    assert (summary.breaker, summary.model_failure) == ("open", "The model cannot be reached")


def test_a_recall_after_the_pause_brings_the_model_back_and_the_backlog_follows(opened, path, model, clock):
    memory = opened(path, embedder=model)
    left_alone(memory, model)
    for fact in FACTS:
        memory.remember(fact)
    model.fault = None
    clock.advance(PAUSE_MS)
    assert memory.summary().breaker == "half-open"
    assert memory.recall("Where is the lamp?").degraded is None
    assert (memory.summary().breaker, memory.summary().pending) == ("closed", 0)
    assert memory.check() == []


def test_the_background_brings_it_back_though_nobody_asks(opened, path, model, monkeypatch):
    monkeypatch.setattr(breaker_module, "PAUSE_S", 0.02)
    monkeypatch.setattr(embedding, "WAIT_S", (0.0,))
    memory = opened(path, embedder=model, clock=SystemClock())
    background = memory._space.embedding
    model.fault = Fault.DOWN
    for fact in FACTS:
        memory.remember(fact)
    with background._idle:
        assert background._idle.wait_for(lambda: background.breaker.standing is not Standing.CLOSED, 30)
        model.fault = None
        assert background._idle.wait_for(lambda: background._is_through and background.failure is None, 30)
    assert (memory.summary().pending, memory.summary().breaker) == (0, "closed")


def test_a_memory_that_only_reads_comes_back_too(opened, path, model, clock):
    writer = opened(path, embedder=model)
    writer.remember(FACTS[0])
    writer.settle()
    writer.close()
    reader = opened(path, embedder=model, read_only=True)
    model.fault = Fault.DOWN
    for _ in range(FAILURES + 2):
        assert reader.recall("Where is the lamp?").degraded
    assert reader.summary().breaker == "open"
    model.fault = None
    clock.advance(PAUSE_MS)
    assert reader.recall("Where is the lamp?").degraded is None


def test_while_another_call_tries_the_model_the_background_waits_and_does_not_spin(opened, path, model, clock):
    memory = opened(path, embedder=model)
    follower = memory._space.embedding
    fail(follower.breaker, FAILURES)
    clock.advance(PAUSE_MS)
    waited, wait_for, here = list[float](), follower._idle.wait_for, threading.get_ident()

    def wait(until, pause_s):
        # The background's own thread waits as ever.
        return waited.append(pause_s) if threading.get_ident() == here else wait_for(until, pause_s)

    follower._idle.wait_for = wait
    with follower.breaker.asking():
        assert follower.breaker.standing is Standing.HALF_OPEN
        for pause_s in embedding.WAIT_S:
            follower._rest(pause_s)
    assert waited == list(embedding.WAIT_S)


def test_where_there_is_no_model_there_is_no_breaker(opened, path):
    assert opened(path).summary().breaker is None


def test_a_space_opened_again_asks_the_same_model_no_sooner(opened, path, model, clock):
    first = opened(path, embedder=model)
    left_alone(first, model)
    first.close()
    before = calls_of(model)
    again = opened(path, embedder=model)
    assert "failed 5 times in a row" in again.recall("Where is the lamp?").degraded
    assert calls_of(model) == before


def test_pages_about_a_space_say_that_its_model_is_left_alone(opened, path, model, capsys):
    memory = opened(path, embedder=model)
    assert summary_to_wire(memory.summary())["breaker"] == "closed"
    left_alone(memory, model)
    summary = memory.summary()
    show_summary(Screen(None), summary)
    page = " ".join(capsys.readouterr().out.split())
    assert "which is left alone it failed again and again: The model cannot be reached" in page
    wire = summary_to_wire(summary)
    assert (wire["breaker"], wire["model_failure"]) == ("open", "The model cannot be reached")
    assert WELL.space is not None
    seen = model_works(replace(WELL, space=replace(WELL.space, summary=summary)))
    assert (seen.state, seen.seen) == (
        State.PROBLEM, "it failed again and again and is left alone: The model cannot be reached"
    )  # fmt: skip


# Whose fault it is


def test_a_model_that_refuses_everything_is_broken_and_none_of_the_texts_is_to_blame(opened, path, model, clock):
    memory = opened(path, embedder=model)
    model.refuse("")
    for fact in FACTS:
        memory.remember(fact)
    with pytest.raises((EmbedderRefused, EmbedderPaused)):
        memory.settle()
    model.refuse()
    clock.advance(PAUSE_MS)
    assert memory.settle() == 0
    assert memory.summary().pending == 0


@pytest.mark.parametrize("way", ["spoil", "refuse"])
def test_many_texts_in_a_row_that_a_model_cannot_take_do_not_block_the_others(opened, path, model, way):
    getattr(model, way)("Bad")
    memory = opened(path, embedder=model)
    for number in range(3 * FAILURES):
        memory.remember(f"Bad number {number}.")
    memory.remember("The lamp stands in the hall.")
    assert memory.settle() == 0, "there is nothing left that waiting would bring"
    assert (memory.summary().pending, memory.summary().breaker) == (3 * FAILURES, "closed")


def test_a_model_that_breaks_while_texts_are_tried_singly_blames_none_of_them(opened, path, model, clock, monkeypatch):
    writer = opened(path)
    for fact in FACTS:
        writer.remember(fact)
    embed, calls = model.embed, list[int]()

    def breaks_after_the_second(texts):
        calls.append(len(texts))
        if len(calls) == 1 or len(calls) > 2:  # the batch; then the try works, and from then on nothing does
            raise EmbedderRefused("The account is closed.")
        return embed(texts)

    monkeypatch.setattr(model, "embed", breaks_after_the_second)
    memory = opened(path, embedder=model)
    with pytest.raises((EmbedderRefused, EmbedderPaused)):
        memory.settle()
    monkeypatch.setattr(model, "embed", embed)
    clock.advance(PAUSE_MS)
    assert memory.settle() == 0
    assert memory.summary().pending == 0


class Panic(BaseException):
    """No `Exception`, as those of libraries in other languages are."""


class Unspeakable(Exception):
    """Fails even at being told."""

    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    "error", [Panic("at the disco"), Unspeakable(), StopIteration(), MemoryError("no room\n\x1b[31m")]
)
def test_whatever_a_model_raises_a_recall_answers_by_words(opened, path, monkeypatch, error):
    model = HashEmbedder()
    memory = opened(path, embedder=model)
    memory.remember(FACTS[0])
    memory.settle()

    def raises(_):
        raise error

    monkeypatch.setattr(model, "embed_query", raises)
    answer = memory.recall("Where is the lamp?")
    assert answer[0].text == FACTS[0]
    assert type(error).__name__ in answer.degraded
    assert answer.degraded.isprintable()


@pytest.mark.parametrize(
    "answer", [None, [[1.0], [2.0, 3.0]], {"data": 1}, np.float64(1), ["a"] * 64, np.full(64, 1e300)]
)
def test_whatever_a_model_answers_to_a_question_a_recall_answers_by_words(opened, path, monkeypatch, answer):
    model = HashEmbedder()
    memory = opened(path, embedder=model)
    memory.remember(FACTS[0])
    memory.settle()
    monkeypatch.setattr(model, "embed_query", lambda _: answer)
    found = memory.recall("Where is the lamp?")
    assert found[0].text == FACTS[0]
    assert found.degraded.startswith("the embedding model failed")


def test_a_model_may_use_the_room_of_its_vectors_again(opened, path, monkeypatch):
    class Reusing(HashEmbedder):
        room = np.zeros((8, 64), np.float32)

        def embed(self, texts):
            self.room[: len(texts)] = super().embed(texts)
            return self.room[: len(texts)]

    monkeypatch.setattr(embedding, "SIDE_BY_SIDE", 2)
    writer = opened(path)
    for fact in FACTS:
        writer.remember(fact)
    memory, plain = opened(path, embedder=Reusing()), opened(":memory:", embedder=HashEmbedder())
    for fact in FACTS:
        plain.remember(fact)
    memory.settle()
    plain.settle()
    query = "What stands in the hall?"
    assert [(hit.text, hit.score) for hit in memory.recall(query)] == [(h.text, h.score) for h in plain.recall(query)]


# A model behind a network


class Remote(FaultyEmbedder):
    """One that says how many texts it takes at once."""

    batch_size = 4

    def __init__(self) -> None:
        super().__init__()
        self.asked_by = set[str]()

    def embed(self, texts):
        self.asked_by.add(threading.current_thread().name)
        return super().embed(texts)


def test_a_recall_does_not_wait_until_a_service_has_embedded_what_is_stored(opened, path):
    model, writer = Remote(), opened(path)
    memory = opened(path, embedder=model)
    memory.remember(FACTS[0])
    memory.settle()
    model.asked_by.clear()
    model.freeze()
    try:
        for fact in FACTS[1:]:
            writer.remember(fact)
        answer = memory.recall("Where is the desk?")
        assert FACTS[3] in {hit.text for hit in answer}
        assert answer.pending == 6
        assert "dense" in answer[0].signals
        assert model.waiting.wait(30), "the background was not told of them"
        assert model.asked_by == {"holdfast-embedding"}
    finally:
        model.thaw()
    assert memory.settle() == 0


def test_a_service_is_given_as_many_texts_as_it_takes(opened, path, monkeypatch):
    writer, model, sizes = opened(path), Remote(), list[int]()
    for fact in FACTS:
        writer.remember(fact)
    embed = model.embed
    monkeypatch.setattr(model, "embed", lambda texts: sizes.append(len(texts)) or embed(texts))
    opened(path, embedder=model).settle()
    assert sizes == [4, 3]
