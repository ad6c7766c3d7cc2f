"""The request's own fields: those that a service declares, and those that a caller gives."""

from __future__ import annotations

from typing import Any

from featurestore.errors import did_you_mean
from featurestore.registry.definitions import FeatureService
from featurestore.registry.registry import Registry
from featurestore.serve.feature_request import FeatureRequest
from featurestore.serve.problems import HttpProblem, pointer_part

__all__ = ["refuse_surplus_fields", "request_fields"]


def request_fields(service: FeatureService) -> tuple[Any, ...]:
    """Return the fields that come with each request for a service."""
    fields: tuple[Any, ...] = getattr(service, "request", ())
    return fields


def refuse_surplus_fields(asked: FeatureRequest, registry: Registry) -> None:
    """Raise if a request has fields of its own that its service does not declare.

    Raises:
        HttpProblem: A field is not the service's.
        UnknownFeatureService: No service has the name.
    """
    service = None if asked.service is None else registry.service(asked.service)
    known = [] if service is None else [field.name for field in request_fields(service)]
    for name in asked.request_names:
        if name not in known:
            taker = "A list of features" if service is None else f"The service '{service.name}'"
            takes = f"It takes {', '.join(known)}." if known else "It takes none."
            raise HttpProblem(
                422,
                "Surplus request field",
                f"{taker} has no request field '{name}'.",
                remedy=did_you_mean(name, known) or f"{takes} Join keys belong to `entities`.",
                field=f"/request/{pointer_part(name)}",
            )
