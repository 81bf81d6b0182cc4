"""Prometheus and OpenTelemetry get every measure of the table, with the real libraries, and no word of a user."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry, generate_latest

from holdfast import Memory
from holdfast.adapters.metrics.opentelemetry import OpenTelemetryMetrics
from holdfast.adapters.metrics.prometheus import PrometheusMetrics
from holdfast.errors import HoldfastError, InvalidField
from holdfast.ports.metrics import MEASURES, OK, Metrics, Sort
from holdfast.testing.embedders import HashEmbedder

CANARY = "Kanarienvogel"


def use(metrics: Metrics) -> str:
    """A few calls, some of which fail, with a canary in every text; gives an id."""
    with Memory.open(":memory:", embedder=HashEmbedder(), metrics=metrics) as memory:
        made = memory.session(CANARY).add("user", f"I am {CANARY}.", tags=[CANARY]).id
        memory.remember(f"{CANARY} lives in Porto.", subject=CANARY)
        memory.settle()
        memory.recall(f"where does {CANARY} live?")
        for wrong in (lambda: memory.recall("x", where=f"{CANARY} ="), lambda: memory.correct(CANARY, "y")):
            with pytest.raises(HoldfastError):
                wrong()
    return made


def filled(metrics: Metrics) -> None:
    """Every measure once, with each of its labels."""
    for name, measure in MEASURES.items():
        labels = dict.fromkeys(measure.labels, "word")
        if measure.sort is Sort.COUNT:
            metrics.count(name, 3, labels)
        elif measure.sort is Sort.STATE:
            metrics.state(name, 5.0, labels)
            metrics.state(name, 7.0, labels)
        else:
            metrics.observe(name, 0.3, labels)
            metrics.observe(name, 0.4, labels)


# Prometheus


def test_prometheus_is_told_every_measure_under_its_name_and_unit():
    registry = CollectorRegistry()
    filled(PrometheusMetrics(registry))
    for name, measure in MEASURES.items():
        flat = name.replace(".", "_") + {"s": "_seconds", "By": "_bytes"}.get(measure.unit, "")
        labels = dict.fromkeys(measure.labels, "word")
        if measure.sort is Sort.COUNT:
            assert registry.get_sample_value(f"{flat}_total", labels) == 3
        elif measure.sort is Sort.STATE:
            assert registry.get_sample_value(flat, labels) == 7
        else:
            assert registry.get_sample_value(f"{flat}_count", labels) == 2
            if measure.bounds[0] >= 0:  # the sum of what may be below 0 does not only grow, so it is not shown
                assert registry.get_sample_value(f"{flat}_sum", labels) == pytest.approx(0.7)
            within = next(bound for bound in measure.bounds if bound >= 0.4)
            assert registry.get_sample_value(f"{flat}_bucket", labels | {"le": str(float(within))}) == 2


def test_prometheus_counts_what_a_memory_does_and_shows_no_word_of_a_user():
    registry = CollectorRegistry()
    made = use(PrometheusMetrics(registry))
    recalls = {"verb": "recall", "outcome": OK}
    assert registry.get_sample_value("holdfast_verb_duration_seconds_count", recalls) == 1
    assert (
        registry.get_sample_value("holdfast_verb_duration_seconds_count", recalls | {"outcome": "InvalidFilter"}) == 1
    )
    assert registry.get_sample_value("holdfast_events_total", {"type": "remembered"}) == 2
    shown = generate_latest(registry).decode()
    assert "holdfast_recall_confidence_bucket" in shown
    assert CANARY.lower() not in shown.lower()
    assert made not in shown


def test_two_memories_in_one_registry_share_their_numbers():
    registry = CollectorRegistry()
    use(PrometheusMetrics(registry))
    use(PrometheusMetrics(registry))
    recalls = {"verb": "recall", "outcome": OK}
    assert registry.get_sample_value("holdfast_verb_duration_seconds_count", recalls) == 2


def test_two_memories_in_one_registry_stand_together(tmp_path: Path):
    registry = CollectorRegistry()
    one = Memory.open(tmp_path / "a.db", embedder=None, metrics=PrometheusMetrics(registry))
    other = Memory.open(tmp_path / "b.db", embedder=None, metrics=PrometheusMetrics(registry))
    assert registry.get_sample_value("holdfast_spaces") == 2
    one.close()
    assert registry.get_sample_value("holdfast_spaces") == 1
    other.close()
    assert registry.get_sample_value("holdfast_spaces") == 0


# OpenTelemetry


@pytest.fixture
def reader() -> InMemoryMetricReader:
    return InMemoryMetricReader()


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def otel(reader: InMemoryMetricReader, spans: InMemorySpanExporter) -> OpenTelemetryMetrics:
    tracers = TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(spans))
    return OpenTelemetryMetrics(MeterProvider([reader]), tracers)


def points(reader: InMemoryMetricReader) -> dict[str, tuple[Any, list[Any]]]:
    data = reader.get_metrics_data()
    assert data is not None
    found = [metric for one in data.resource_metrics for scope in one.scope_metrics for metric in scope.metrics]
    return {metric.name: (metric, list(metric.data.data_points)) for metric in found}


def test_opentelemetry_is_told_every_measure_with_its_unit_and_words(
    otel: OpenTelemetryMetrics, reader: InMemoryMetricReader
):
    filled(otel)
    found = points(reader)
    assert set(found) == set(MEASURES)
    for name, measure in MEASURES.items():
        metric, (point,) = found[name]
        assert (metric.unit, metric.description) == (measure.unit, measure.told)
        assert dict(point.attributes) == dict.fromkeys(measure.labels, "word")
        if measure.sort is Sort.VALUE:
            assert (point.count, point.sum) == (2, pytest.approx(0.7))
            assert tuple(point.explicit_bounds) == measure.bounds
        else:
            assert point.value == (3 if measure.sort is Sort.COUNT else 7.0)


def test_opentelemetry_counts_what_a_memory_does_and_holds_no_word_of_a_user(
    otel: OpenTelemetryMetrics, reader: InMemoryMetricReader, spans: InMemorySpanExporter
):
    made = use(otel)
    found = points(reader)
    verbs = {tuple(sorted(point.attributes.items())): point.count for point in found["holdfast.verb.duration"][1]}
    assert verbs[("outcome", OK), ("verb", "recall")] == 1
    assert verbs[("outcome", "InvalidFilter"), ("verb", "recall")] == 1
    ended = spans.get_finished_spans()
    assert [span.name for span in ended] == [
        "holdfast.add", "holdfast.remember", "holdfast.recall", "holdfast.recall", "holdfast.correct",
    ]  # fmt: skip
    assert [span.status.status_code.name for span in ended] == ["UNSET"] * 3 + ["ERROR"] * 2
    assert ended[3].attributes is not None
    assert ended[3].attributes["error.type"] == "InvalidFilter"
    shown = repr([found, [span.to_json() for span in ended]])
    assert CANARY.lower() not in shown.lower()
    assert made not in shown


def test_a_verb_is_a_child_of_the_span_the_program_is_in(spans: InMemorySpanExporter):
    tracers = TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(spans))
    with tracers.get_tracer("program").start_as_current_span("answering") as outer:
        use(OpenTelemetryMetrics(MeterProvider(), tracers))
    recall = next(span for span in spans.get_finished_spans() if span.name == "holdfast.recall")
    assert recall.parent is not None
    assert recall.parent.span_id == outer.get_span_context().span_id


def test_without_an_sdk_opentelemetry_takes_everything_and_keeps_nothing():
    assert use(OpenTelemetryMetrics()), "the calls are made as without it"


@pytest.mark.parametrize(
    ("module", "make", "extra"),
    [("prometheus_client", PrometheusMetrics, "prometheus"), ("opentelemetry", OpenTelemetryMetrics, "otel")],
)
def test_a_library_that_is_missing_is_named_with_what_to_install(
    module: str, make: Callable[[], object], extra: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InvalidField, match=rf"pip install 'holdfast\[{extra}\]'"):
        make()
