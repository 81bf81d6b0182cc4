"""Measurements for Prometheus; needs prometheus-client (``pip install "holdfast[prometheus]"``)."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from holdfast.errors import InvalidField
from holdfast.ports.metrics import MEASURES, Labels, Measure, Sort

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

_UNITS = {"s": "_seconds", "By": "_bytes"}
_made: WeakKeyDictionary[Any, dict[str, Any]] = WeakKeyDictionary()
_lock = threading.Lock()


class PrometheusMetrics:
    """A `holdfast.ports.metrics.Metrics` that keeps measurements in a registry, for whoever scrapes it.

    Names are those of `MEASURES` with underscores, and their unit: ``holdfast_verb_duration_seconds``. Several of
    these with one registry share their numbers.

    Args:
        registry: prometheus_client's default one where None.

    Raises:
        InvalidField: prometheus-client is not installed.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        try:
            import prometheus_client as client
        except ImportError:
            raise InvalidField(
                "PrometheusMetrics needs prometheus-client. Nothing was changed; install it with: "
                "pip install 'holdfast[prometheus]'"
            ) from None
        registry = client.REGISTRY if registry is None else registry
        # A registry takes a name once, and a program may open its memory more than once.
        with _lock:
            if registry not in _made:
                _made[registry] = {name: _instrument(client, registry, one) for name, one in MEASURES.items()}
            self._instruments = _made[registry]
        self.shared = registry
        """See `holdfast.ports.metrics.Metrics`."""

    def count(self, name: str, by: int, labels: Labels) -> None:
        self._labelled(name, labels).inc(by)

    def observe(self, name: str, value: float, labels: Labels) -> None:
        self._labelled(name, labels).observe(value)

    def state(self, name: str, value: float, labels: Labels) -> None:
        self._labelled(name, labels).set(value)

    def span(self, name: str, labels: Labels) -> AbstractContextManager[object]:
        """Prometheus keeps no traces."""
        del name, labels
        return nullcontext()

    def _labelled(self, name: str, labels: Labels) -> Any:
        instrument = self._instruments[name]
        return instrument.labels(**labels) if labels else instrument


def _instrument(client: Any, registry: Any, measure: Measure) -> Any:
    name = measure.name.replace(".", "_") + _UNITS.get(measure.unit, "")
    if measure.sort is Sort.COUNT:
        return client.Counter(name, measure.told, measure.labels, registry=registry)
    if measure.sort is Sort.STATE:
        return client.Gauge(name, measure.told, measure.labels, registry=registry)
    return client.Histogram(name, measure.told, measure.labels, registry=registry, buckets=measure.bounds)
