"""Where measurements go: Prometheus, OpenTelemetry."""
