"""Measuring: what is told, that nothing a user said is in it, that a space without it is the plain one."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from holdfast import AsyncHoldfast, AsyncMemory, Holdfast, Memory, Turn
from holdfast.errors import HoldfastError, InvalidField
from holdfast.ports.metrics import MEASURES, OK, Sort, outcome_of
from holdfast.services.embedding import Embedding
from holdfast.services.ledger import Ledger
from holdfast.services.loop_guard import MindfulRecalling
from holdfast.services.metrics import MeasuredEmbedding, reasons_of
from holdfast.testing.embedders import Fault, FaultyEmbedder
from holdfast.testing.faults import SteppedClock
from holdfast.testing.metrics import RecordedMetrics

CANARIES = ("Kanarienvogel", "canary@example.com", "+44 7700 900123", "acme/canary")
VERBS = {"add", "remember", "correct", "revise", "forget", "recall"}
WORDS = VERBS | {OK, "other", "text", "query"}
"""Words that may stand in a label, with the names of errors, events and reasons."""
EVENTS = {"remembered", "revised", "superseded", "forgotten", "model_set", "receipt", "readmitted", "merged"}
REASONS = {"no_model", "model_failed", "pending", "no_tokens", "restless"}


def used(memory: Memory, model: FaultyEmbedder) -> list[str]:
    """Every verb with canaries in every field, calls that fail, a model that fails; gives the ids that were made."""
    name, address, phone, _ = CANARIES
    chat = memory.session(name, user=name, agent=address)
    ids = [
        chat.add("user", f"I am {name}, {phone}.", source=address, key=phone, tags=[name], attributes={"a": name}).id
    ]
    ids += [one.id for one in chat.add_many([Turn(speaker=name, text=address)])]
    fact = memory.remember(f"{name} is here.", subject=name, predicate=phone, object=address, key=address)
    ids += [fact.id, memory.correct(fact.id, f"{name} was here.", reason=name).id]
    memory.revise(ids[-1], tags=[name])
    memory.settle()
    for query in (name, f"{address} {phone}"):
        memory.recall(query, budget_tokens=500)
    for wrong in (
        lambda: memory.recall(name, where=f"{name} ="),
        lambda: memory.remember("x" * 2_000_000),
        lambda: memory.remember(name, category=name),
        lambda: memory.forget(name),
        lambda: memory.correct(ids[2], name),
        lambda: memory.session(name).add_many([Turn(speaker=name, text=" ")]),
    ):
        with pytest.raises(HoldfastError):
            wrong()
    model.fault = Fault.DOWN
    memory.recall(f"what of {name}?")
    model.fault = None
    memory.forget(ids[-1], reason=name)
    return ids


@pytest.fixture
def metrics() -> RecordedMetrics:
    return RecordedMetrics()


@pytest.fixture
def measured(opened: Callable[..., Memory], path: Path, model: FaultyEmbedder, metrics: RecordedMetrics) -> Memory:
    return opened(path, embedder=model, metrics=metrics)


def untold(metrics: RecordedMetrics) -> set[str]:
    """Measures of the table that nothing was told of."""
    told = {name for name, _ in (*metrics.counts, *metrics.values, *metrics.states)}
    return set(MEASURES) - told


def test_everything_in_the_table_is_told(measured: Memory, model: FaultyEmbedder, metrics: RecordedMetrics):
    assert untold(metrics) - {"holdfast.spaces", "holdfast.memories", "holdfast.backlog", "holdfast.size"}
    used(measured, model)
    assert untold(metrics) == set()
    assert {dict(key[1])["verb"] for key in metrics.values if key[0] == "holdfast.verb.duration"} == VERBS
    assert {name for name, _, _ in metrics.spans} == {f"holdfast.{verb}" for verb in VERBS}


def test_a_measure_that_is_never_told_is_noticed(
    measured: Memory, model: FaultyEmbedder, metrics: RecordedMetrics, monkeypatch: pytest.MonkeyPatch
):
    observe = RecordedMetrics.observe

    def deaf(self: RecordedMetrics, name: str, value: float, labels: Any) -> None:
        if name != "holdfast.recall.confidence":
            observe(self, name, value, labels)

    monkeypatch.setattr(RecordedMetrics, "observe", deaf)
    used(measured, model)
    assert untold(metrics) == {"holdfast.recall.confidence"}


def test_what_is_told_is_what_was_done(measured: Memory, clock: SteppedClock, metrics: RecordedMetrics):
    for text in ("Ada lives in Porto.", "Bo lives in Lisbon."):
        measured.remember(text)
    measured.settle()
    found = measured.recall("where does Ada live?", limit=1)
    assert metrics.total("holdfast.events", type="remembered") == 2
    assert metrics.observed("holdfast.recall.hits") == [1]
    assert metrics.observed("holdfast.recall.confidence") == [found.confidence]
    assert metrics.observed("holdfast.recall.top_score") == [found[0].score]
    assert metrics.observed("holdfast.recall.tokens") == [found.tokens]
    assert metrics.total("holdfast.embedding.texts", of="text") == 2
    assert metrics.total("holdfast.embedding.texts", of="query") == 1
    assert metrics.total("holdfast.recall.degraded") == 0
    assert metrics.total("holdfast.memories") == 2
    assert metrics.total("holdfast.backlog") == 0
    assert len(metrics.observed("holdfast.verb.duration", verb="remember", outcome=OK)) == 2


def test_what_is_told_after_settling_is_so_whichever_thread_made_the_vectors(
    measured: Memory, metrics: RecordedMetrics, monkeypatch: pytest.MonkeyPatch
):
    # As where that thread is stopped before it looks at what it did.
    monkeypatch.setattr(MeasuredEmbedding, "embed_some", Embedding.embed_some)
    for text in ("Ada lives in Porto.", "Bo lives in Lisbon."):
        measured.remember(text)
    measured.settle()
    assert (metrics.total("holdfast.memories"), metrics.total("holdfast.backlog")) == (2, 0)


def test_nothing_a_user_said_or_is_called_is_in_a_label(
    measured: Memory, model: FaultyEmbedder, metrics: RecordedMetrics
):
    ids = used(measured, model)
    allowed = WORDS | EVENTS | REASONS | {name for name in vars(__import__("holdfast").errors) if name[0].isupper()}
    assert metrics.labels() <= allowed
    for told in metrics.labels():
        assert not any(canary.lower() in told.lower() for canary in (*CANARIES, *ids))
    assert {"InvalidFilter", "InvalidText", "InvalidField", "VersionConflict"} & metrics.labels()


def test_a_label_with_a_users_words_would_be_noticed(
    measured: Memory, model: FaultyEmbedder, metrics: RecordedMetrics, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("holdfast.services.metrics.outcome_of", lambda error: str(error))
    used(measured, model)
    assert any(CANARIES[0] in told for told in metrics.labels())


def test_the_library_asking_itself_is_not_counted_as_a_recall(measured: Memory, metrics: RecordedMetrics):
    measured.remember("Ada lives in Porto.")
    measured.expect("where does Ada live?", contains="Porto")
    measured.expectations.run()
    measured.recalls.explain("where does Ada live?")
    measured.preview_forget(query="Ada")
    assert metrics.observed("holdfast.verb.duration", verb="recall") == []


@pytest.mark.parametrize(
    ("degraded", "reasons"),
    [
        (None, []),
        ("no embedding model was asked for: found by words only", ["no_model"]),
        ("the embedding model failed: Kanarienvogel; 3 of 7 memories have no vector yet", ["model_failed", "pending"]),
        ("something nobody has named", ["other"]),
    ],
)
def test_a_degraded_answer_is_told_with_its_reason(degraded: str | None, reasons: list[str]):
    assert reasons_of(degraded) == reasons


def test_every_reason_that_recall_gives_has_a_word(
    opened: Callable[..., Memory], model: FaultyEmbedder, metrics: RecordedMetrics
):
    memory = opened(embedder=model, metrics=metrics)
    model.fault = Fault.DOWN
    memory.remember("Ada lives in Porto.")
    memory.recall("Ada")
    without = opened(embedder=None, metrics=metrics)
    without.recall("Ada")
    model.fault = None
    memory.settle()
    memory.recall("Ada", thorough=True)
    told = {dict(key[1])["reason"] for key in metrics.counts if key[0] == "holdfast.recall.degraded"}
    assert told == {"model_failed", "pending", "no_model", "no_tokens"}


class Broken(RecordedMetrics):
    def observe(self, name: str, value: float, labels: Any) -> None:
        raise OSError("no such host: Kanarienvogel")


def test_metrics_that_fail_are_told_once_and_take_no_call_down(opened: Callable[..., Memory], path: Path):
    memory = opened(path, metrics=Broken())
    with pytest.warns(RuntimeWarning, match="OSError") as caught:
        memory.remember("Ada lives in Porto.")
    assert len(caught) == 1
    assert memory.recall("Ada")[0].text == "Ada lives in Porto.", "no further warning, which would be an error here"
    assert "Kanarienvogel" not in str(caught[0].message)


@pytest.mark.parametrize("broken", ["observe", "state"])
def test_metrics_that_fail_where_warnings_are_errors_take_no_call_down(
    opened: Callable[..., Memory], path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
):
    shown = list[str]()
    monkeypatch.setattr("warnings.showwarning", lambda told, *_rest: shown.append(str(told)))
    metrics = RecordedMetrics()
    setattr(metrics, broken, Broken().observe)
    memory = opened(path, metrics=metrics)
    assert memory.remember("Ada lives in Porto.").text == "Ada lives in Porto."
    assert ["OSError" in one for one in shown] == [True]


def test_a_space_that_could_not_be_looked_at_yet_is_closed_after_another(
    tmp_path: Path, metrics: RecordedMetrics, monkeypatch: pytest.MonkeyPatch
):
    with monkeypatch.context() as patch:
        patch.setattr("holdfast.services.metrics.Meter.look", lambda _self, **_given: None)
        unseen = Memory.open(tmp_path / "a.db", embedder=None, metrics=metrics)
    with Memory.open(tmp_path / "b.db", embedder=None, metrics=metrics) as other:
        other.remember("y")
    unseen.close()
    assert metrics.total("holdfast.spaces") == 0


def test_how_a_space_stands_is_looked_at_after_a_recall_too(
    opened: Callable[..., Memory], path: Path, metrics: RecordedMetrics, clock: SteppedClock
):
    memory = opened(path, metrics=metrics)
    memory.remember("Ada lives in Porto.")
    clock.advance(60_000)
    memory.recall("Ada")
    assert metrics.total("holdfast.memories") == 1


class BrokenSpan(RecordedMetrics):
    def span(self, name: str, labels: Any) -> Any:
        class Span:
            def __enter__(self) -> None: ...
            def __exit__(self, *given: object) -> None:
                raise OSError("gone")

        return Span()


def test_a_span_that_fails_at_its_end_takes_no_call_down(opened: Callable[..., Memory], path: Path):
    memory = opened(path, metrics=BrokenSpan())
    with pytest.warns(RuntimeWarning, match="OSError"):
        memory.remember("Ada lives in Porto.")
    assert memory.summary().live == 1


def test_spaces_that_tell_one_metrics_stand_together(tmp_path: Path, metrics: RecordedMetrics):
    with Memory.open(tmp_path / "a.db", embedder=None, metrics=metrics) as one:
        one.remember("x")
        with Memory.open(tmp_path / "b.db", embedder=None, metrics=metrics) as other:
            other.remember("y")
            assert metrics.total("holdfast.spaces") == 2
            past = other.at(seq=1)
            past.recall("x")
            past.close()
            assert metrics.total("holdfast.spaces") == 2, "a view of the past is no space of its own"
        assert metrics.total("holdfast.spaces") == 1
    assert metrics.total("holdfast.spaces") == metrics.total("holdfast.memories") == metrics.total("holdfast.size") == 0
    with Memory.open(tmp_path / "b.db", embedder=None, metrics=metrics):
        assert metrics.total("holdfast.memories") == 1


def test_a_house_tells_for_all_its_spaces_and_names_none(tmp_path: Path, metrics: RecordedMetrics):
    with Holdfast.open(tmp_path / "house", embedder=None, metrics=metrics) as house:
        for name in (CANARIES[3], "acme/b"):
            house.create(name)
            house.space(name).remember("x")
        house.grant("reader", "acme/b", "read")
        house.space("acme/b", as_="reader").recall("x")
        house.recall("x")
        assert metrics.total("holdfast.spaces") == 2
        assert len(metrics.observed("holdfast.verb.duration", verb="recall")) == 3
    assert metrics.total("holdfast.spaces") == 0
    assert not any("acme" in told or "reader" in told for told in metrics.labels())


def test_the_async_twins_take_metrics_too(tmp_path: Path, metrics: RecordedMetrics):
    async def use() -> None:
        async with await AsyncMemory.open(tmp_path / "a.db", embedder=None, metrics=metrics) as memory:
            await memory.remember("x")
        async with await AsyncHoldfast.open(tmp_path / "house", embedder=None, metrics=metrics) as house:
            await house.create("a")
            await (await house.space("a")).remember("y")

    asyncio.run(use())
    assert metrics.total("holdfast.events", type="remembered") == 2


def test_a_space_without_metrics_is_made_of_the_plain_services(opened: Callable[..., Memory]):
    space = opened()._space  # pyright: ignore[reportPrivateUsage]
    assert [type(part) for part in (space.ledger, space.embedding, space.recalling)] == [
        Ledger,
        Embedding,
        MindfulRecalling,
    ]
    assert space.meter is None


def test_nothing_of_metrics_is_imported_where_none_are_asked_for():
    script = """
import sys
from holdfast import Memory
with Memory.open(":memory:", embedder=None) as memory:
    memory.remember("x")
    memory.recall("x")
wanted = ("opentelemetry", "prometheus_client", "holdfast.services.metrics")
print([name for name in sys.modules if name.startswith(wanted)])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_an_outcome_is_ok_or_the_name_of_an_error_of_ours():
    class NotFound(Exception):
        """Of somebody else, with a name of ours."""

    assert outcome_of(None) == OK
    assert outcome_of(HoldfastError("x")) == "HoldfastError"
    assert [outcome_of(error) for error in (NotFound(), KeyError("x"), KeyboardInterrupt())] == ["other"] * 3


def test_the_table_says_of_each_measure_what_it_is():
    for name, measure in MEASURES.items():
        assert (name, bool(measure.told), bool(measure.unit)) == (measure.name, True, True)
        assert bool(measure.bounds) == (measure.sort is Sort.VALUE)
        assert list(measure.bounds) == sorted(set(measure.bounds))


@pytest.mark.parametrize("given", [True, "prometheus", object(), print])
def test_what_is_no_metrics_is_refused_before_anything_is_made(given: Any, tmp_path: Path):
    for opening in (Memory.open, Holdfast.open):
        with pytest.raises(InvalidField, match="PrometheusMetrics"):
            opening(tmp_path / "new", embedder=None, metrics=given)
    assert not (tmp_path / "new").exists()


def test_a_space_that_was_dropped_without_closing_is_counted_no_more(tmp_path: Path, metrics: RecordedMetrics):
    memory = Memory.open(tmp_path / "a.db", embedder=None, metrics=metrics, touches=False)
    memory.remember("x")
    assert metrics.total("holdfast.spaces") == 1
    del memory
    gc.collect()
    assert metrics.total("holdfast.spaces") == 0
