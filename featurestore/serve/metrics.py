"""The server's metrics in Prometheus' form; those of all workers together where there are several.

With several workers, prometheus-client keeps each worker's numbers in a file of one folder, which
the parent makes and names in the environment before it starts them.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from featurestore.serve.metric_definitions import METRICS, MetricDefinition

__all__ = ["METRICS_TYPE", "ServerMetrics", "forget_worker", "shared_metrics"]

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_MOST = 1000
"""The greatest number of label sets of one metric; all further ones share the label `other`."""
_OTHER = "other"


class _Family:
    """One metric, whose children are looked up once: prometheus-client's own way takes longer."""

    def __init__(self, definition: MetricDefinition, registry: CollectorRegistry) -> None:
        self._metric = _made(definition, registry)
        self._width = len(definition.labels)
        self._children: dict[tuple[str, ...], Any] = {}

    def child(self, *labels: str) -> Any:
        """Return the child with labels."""
        found = self._children.get(labels)
        return self._new(labels) if found is None else found

    def _new(self, labels: tuple[str, ...]) -> Any:
        if len(self._children) >= _MOST:
            labels = (_OTHER,) * self._width
        found = self._metric.labels(*labels) if labels else self._metric
        self._children[labels] = found
        return found


def _made(definition: MetricDefinition, registry: CollectorRegistry) -> Any:
    name, text, labels = definition.name, definition.meaning, definition.labels
    if definition.kind == "counter":
        return Counter(name, text, labels, registry=registry)
    if definition.kind == "gauge":
        return Gauge(name, text, labels, registry=registry, multiprocess_mode=definition.workers)
    return Histogram(name, text, labels, registry=registry, buckets=definition.buckets)


class ServerMetrics:
    """The metrics of one worker."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        families = {
            each.name.removeprefix("featurestore_"): _Family(each, self._registry)
            for each in METRICS
        }
        self._requests = families["requests_total"]
        self._seconds = families["request_seconds"]
        self._values = families["values_total"]
        self._ages = families["served_age_seconds"]
        self._damaged = families["damaged_rows_total"]
        self._refused = families["tokens_refused_total"]
        self._round_trips = families["redis_round_trip_seconds"].child()
        self._in_flight = families["requests_in_flight"].child()
        self._loaded = families["manifest_loaded_timestamp_seconds"].child()
        self._failures = families["manifest_reload_failures_total"].child()
        self._manifest_broken = families["manifest_broken"].child()
        self._tokens_broken = families["tokens_broken"].child()

    def request_begins(self) -> None:
        """Count one more read in flight."""
        self._in_flight.inc()

    def request_ends(self) -> None:
        """Count one read less in flight."""
        self._in_flight.dec()

    def request(self, path: str, service: str, status: int, seconds: float) -> None:
        """Count an answered request.

        Args:
            path: The path as the description names it.
            service: The name of a service that exists; empty for none.
            status: The HTTP status.
            seconds: The time that it took.
        """
        self._requests.child(path, str(status)).inc()
        self._seconds.child(path, service).observe(seconds)

    def round_trip(self, seconds: float) -> None:
        """Count a command that Redis answered."""
        self._round_trips.observe(seconds)

    def view_read(
        self, view: str, statuses: Mapping[str, int], damaged_rows: int, age: float | None
    ) -> None:
        """Count the values of one view that a read returned."""
        for status, count in statuses.items():
            self._values.child(view, status).inc(count)
        if damaged_rows:
            self._damaged.child(view).inc(damaged_rows)
        if age is not None:
            self._ages.child(view).observe(age)

    def token_refused(self, reason: str) -> None:
        """Count a request without a right token."""
        self._refused.child(reason).inc()

    def tokens_read(self, error: str) -> None:
        """Note whether the newest file of tokens counts."""
        self._tokens_broken.set(bool(error))

    def manifest_served(self, loaded_at: float) -> None:
        """Note when the manifest that is served was loaded."""
        self._loaded.set(loaded_at)
        self._manifest_broken.set(0)

    def manifest_refused(self) -> None:
        """Count a broken manifest."""
        self._failures.inc()
        self._manifest_broken.set(1)

    def text(self) -> bytes:
        """Return the numbers of all workers, in Prometheus' text form."""
        registry = self._registry
        if folder := os.environ.get(_FOLDER):
            registry = CollectorRegistry()
            MultiProcessCollector(registry, folder)  # type: ignore[no-untyped-call]
        return generate_latest(registry)


@contextmanager
def shared_metrics() -> Iterator[None]:
    """Let the workers that are started in the block share their numbers."""
    folder = tempfile.mkdtemp(prefix="featurestore-metrics-")
    before = os.environ.get(_FOLDER)
    os.environ[_FOLDER] = folder
    try:
        yield
    finally:
        if before is None:
            del os.environ[_FOLDER]
        else:
            os.environ[_FOLDER] = before
        shutil.rmtree(folder, ignore_errors=True)


def forget_worker(pid: int) -> None:
    """Remove the gauges of a worker that has ended; its counters still count."""
    mark_process_dead(pid)  # type: ignore[no-untyped-call]
