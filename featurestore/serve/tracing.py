"""A span per request for OpenTelemetry, where its package is installed and set up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from featurestore.serve.exchange import HttpScope
from featurestore.serve.visit import Visit

__all__ = ["request_span", "tracer"]


def tracer() -> Any:
    """Return the tracer of the server; None if nobody collects its spans.

    `opentelemetry-instrument featurestore serve` sets a provider up before the server starts.
    """
    try:
        from opentelemetry import trace
    except ImportError:
        return None
    provider = trace.get_tracer_provider()
    if isinstance(provider, trace.ProxyTracerProvider | trace.NoOpTracerProvider):
        return None
    return provider.get_tracer("featurestore.serve")


@contextmanager
def request_span(tracer: Any, scope: HttpScope, visit: Visit) -> Iterator[None]:
    """Put a request in a span, which continues the client's own trace."""
    from opentelemetry import propagate, trace

    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    with tracer.start_as_current_span(
        f"{visit.method} {visit.route}",
        context=propagate.extract(headers),
        kind=trace.SpanKind.SERVER,
        attributes={"http.request.method": visit.method, "http.route": visit.route},
    ) as span:
        yield
        span.set_attribute("http.response.status_code", visit.status)
        span.set_attribute("featurestore.service", visit.service)
        span.set_attribute("featurestore.rows", visit.rows)
        if visit.status >= 500:  # noqa: PLR2004
            span.set_status(trace.StatusCode.ERROR)
