"""Every metric of the server, in one table: `docs/reference/metrics.md` is written from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["METRICS", "MetricDefinition"]

_REQUEST_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_AGE_SECONDS = (60, 300, 900, 3600, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800, 2_592_000)


@dataclass(frozen=True, slots=True)
class MetricDefinition:
    """One metric.

    Attributes:
        name: Its name in Prometheus.
        kind: Its type in Prometheus.
        meaning: What it counts or measures.
        remedy: What to do about a value that is not as usual.
        labels: The names of its labels.
        buckets: The upper bounds of a histogram's buckets.
        workers: How a gauge joins the values of several workers, as prometheus-client names it.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    meaning: str
    remedy: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    workers: Literal["livesum", "livemax", "livemin"] = "livesum"


METRICS: tuple[MetricDefinition, ...] = (
    MetricDefinition(
        "featurestore_requests_total",
        "counter",
        "Requests, by path and HTTP status. 499 is a client that left before its answer.",
        "5xx: look at the server's log. 422: look at the access log for the caller. 429: start more"
        " workers.",
        ("path", "status"),
    ),
    MetricDefinition(
        "featurestore_request_seconds",
        "histogram",
        "The time from the head of a request to the end of its answer. `service` is empty for a"
        " request that names features, and `unknown` for an unknown service.",
        "Compare it with featurestore_redis_round_trip_seconds: the rest is the server's own time,"
        " so start more workers.",
        ("path", "service"),
        _REQUEST_SECONDS,
    ),
    MetricDefinition(
        "featurestore_requests_in_flight",
        "gauge",
        "The reads that are being answered, over all workers.",
        "Near `--max-in-flight` times the workers: start more workers, or look at Redis.",
    ),
    MetricDefinition(
        "featurestore_redis_round_trip_seconds",
        "histogram",
        "The time of each command that a read sends to Redis; its count is the number of round"
        " trips. A command that fails counts too.",
        "Look at the load and the network of Redis. More than one round trip per request: schemas"
        " change often.",
        (),
        _REQUEST_SECONDS,
    ),
    MetricDefinition(
        "featurestore_values_total",
        "counter",
        "The values that were answered, by view and status. The view is empty for on-demand"
        " features.",
        "More NOT_FOUND or EXPIRED: look at `featurestore status`. ERROR: read the `reasons` of an"
        " answer. DAMAGED: see featurestore_damaged_rows_total.",
        ("view", "status"),
    ),
    MetricDefinition(
        "featurestore_served_age_seconds",
        "histogram",
        "The age of the oldest row that a read served, by view: from the event timestamp to the"
        " read.",
        "Older than usual: the sync is late, or the warehouse's table is. `featurestore status`"
        " tells which.",
        ("view",),
        _AGE_SECONDS,
    ),
    MetricDefinition(
        "featurestore_damaged_rows_total",
        "counter",
        "The rows that were read and do not have the checksum for their key, by view.",
        "`featurestore verify --repair` writes them again; find out who else writes to Redis.",
        ("view",),
    ),
    MetricDefinition(
        "featurestore_tokens_refused_total",
        "counter",
        "The requests without a right token, by reason: missing, unknown, expired; invalid for a"
        " JWT.",
        "expired: give the caller a new token. unknown: somebody guesses, or an old token is still"
        " in use.",
        ("reason",),
    ),
    MetricDefinition(
        "featurestore_tokens_broken",
        "gauge",
        "1 while the newest file of tokens cannot be read and the old tokens count.",
        "The server's log names the line. Correct the file.",
        workers="livemax",
    ),
    MetricDefinition(
        "featurestore_manifest_loaded_timestamp_seconds",
        "gauge",
        "When the manifest that is served was loaded, in seconds since 1970; of several workers the"
        " earliest.",
        "Earlier than the last deployment: the new manifest did not arrive, or is broken.",
        workers="livemin",
    ),
    MetricDefinition(
        "featurestore_manifest_reload_failures_total",
        "counter",
        "The manifests that were not loaded because they are broken.",
        "See featurestore_manifest_broken.",
    ),
    MetricDefinition(
        "featurestore_manifest_broken",
        "gauge",
        "1 while the newest manifest is broken and the old one is served.",
        "`/readyz` and the log name the reason. Build the manifest again with `dbt parse`.",
        workers="livemax",
    ),
)
