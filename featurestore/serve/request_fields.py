"""The request's own fields: a caller gives those that the service declares, and no others."""

from __future__ import annotations

from featurestore.errors import did_you_mean
from featurestore.registry.registry import Registry
from featurestore.serve.feature_request import FeatureRequest
from featurestore.serve.problems import HttpProblem, pointer_part

__all__ = ["refuse_surplus_fields"]


def refuse_surplus_fields(asked: FeatureRequest, registry: Registry) -> None:
    """Raise if a request has fields of its own that its service does not declare.

    Raises:
        HttpProblem: A field is not the service's.
        UnknownFeatureService: No service has the name.
    """
    service = None if asked.service is None else registry.service(asked.service)
    known = [] if service is None else [field.name for field in service.request]
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
