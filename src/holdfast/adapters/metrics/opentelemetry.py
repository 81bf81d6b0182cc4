"""Measurements and spans for OpenTelemetry: needs its API (``pip install "holdfast[otel]"``), and an SDK beside it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from inspect import signature
from typing import TYPE_CHECKING, Any

from holdfast.errors import InvalidField
from holdfast.ports.metrics import MEASURES, Labels, Measure, Sort, outcome_of

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider


class OpenTelemetryMetrics:
    """A `holdfast.ports.metrics.Metrics` that gives measurements to a meter, and a span for each verb to a tracer.

    Args:
        meter_provider, tracer_provider: Those set for the process where None; until one is set, nothing is kept.

    Raises:
        InvalidField: opentelemetry-api is not installed.
    """

    def __init__(
        self, meter_provider: MeterProvider | None = None, tracer_provider: TracerProvider | None = None
    ) -> None:
        try:
            from opentelemetry import metrics, trace
        except ImportError:
            raise InvalidField(
                "OpenTelemetryMetrics needs opentelemetry-api. Nothing was changed; install it with: "
                "pip install 'holdfast[otel]'"
            ) from None
        self._trace: Any = trace
        self._tracer: Any = trace.get_tracer("holdfast", tracer_provider=tracer_provider)
        meter = metrics.get_meter("holdfast", meter_provider=meter_provider)
        self._instruments = {name: _instrument(meter, one) for name, one in MEASURES.items()}

    def count(self, name: str, by: int, labels: Labels) -> None:
        self._instruments[name].add(by, labels)

    def observe(self, name: str, value: float, labels: Labels) -> None:
        self._instruments[name].record(value, labels)

    def state(self, name: str, value: float, labels: Labels) -> None:
        self._instruments[name].set(value, labels)

    @contextmanager
    def span(self, name: str, labels: Labels) -> Generator[None]:
        """A span that holds how it ended, and never what an error says."""
        with self._tracer.start_as_current_span(
            name, attributes=dict(labels), record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield
            except BaseException as error:
                outcome = outcome_of(error)
                span.set_attribute("error.type", outcome)
                span.set_status(self._trace.Status(self._trace.StatusCode.ERROR, outcome))
                raise


def _instrument(meter: Any, measure: Measure) -> Any:
    if measure.sort is Sort.COUNT:
        return meter.create_counter(measure.name, measure.unit, measure.told)
    if measure.sort is Sort.STATE:
        return meter.create_gauge(measure.name, measure.unit, measure.told)
    # An older API takes no bounds.
    bounds = "explicit_bucket_boundaries_advisory"
    advice = {bounds: measure.bounds} if bounds in signature(meter.create_histogram).parameters else {}
    return meter.create_histogram(measure.name, measure.unit, measure.told, **advice)
