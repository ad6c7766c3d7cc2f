"""The request fields and on-demand features of a service on a card, and back."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from featurestore.registry.definitions import (
    FeatureService,
    OnDemandFeature,
    RequestField,
    ServiceMember,
)
from featurestore.values.type_spellings import parse_type

__all__ = ["card_service", "definition_of", "service_of_card"]


def card_service(service: FeatureService | None) -> dict[str, Any] | None:
    """Return what repeats a service's part of a request; None if the views' features are all."""
    if service is None or not (service.request or service.on_demand):
        return None
    return {
        "name": service.name,
        "path": service.path,
        "request": [_plain(asdict(each), each.data_type) for each in service.request],
        "on_demand": [_plain(asdict(each), each.data_type) for each in service.on_demand],
    }


def service_of_card(
    content: Mapping[str, Any] | None, members: Sequence[ServiceMember]
) -> FeatureService | None:
    """Return the service of a card; None for a card without one."""
    if content is None:
        return None
    request = tuple(RequestField(**_typed(each)) for each in content["request"])
    on_demand = tuple(OnDemandFeature(**_typed(each)) for each in content["on_demand"])
    return FeatureService(
        content["name"],
        "",
        content["path"],
        tuple(members),
        request=request,
        on_demand=on_demand,
    )


def definition_of(service: FeatureService) -> str:
    """Return a hash of the expressions and of the types of the request fields."""
    fields = [(field.name, str(field.data_type)) for field in service.request]
    texts = [(feature.name, feature.text) for feature in service.on_demand]
    return hashlib.sha256(repr((fields, texts)).encode()).hexdigest()[:16]


def _plain(fields: dict[str, Any], data_type: object) -> dict[str, Any]:
    return {**fields, "data_type": str(data_type) if data_type else None}


def _typed(fields: Mapping[str, Any]) -> dict[str, Any]:
    spelled = fields["data_type"]
    found = {**fields, "data_type": parse_type(spelled) if spelled else None}
    return {**found, "inputs": tuple(found["inputs"])} if "inputs" in found else found
