"""GET /v1/registry, /v1/views/{view} and /v1/services/{service}: the served definitions."""

from __future__ import annotations

from typing import Any

from featurestore.registry.definitions import FeatureService, FeatureView
from featurestore.registry.registry import Registry
from featurestore.values.durations import format_duration

__all__ = ["described_registry", "described_service", "described_view"]


def described_registry(registry: Registry) -> dict[str, Any]:
    """Return the entities, and the names of the views and services with their descriptions."""
    return {
        "project": registry.project,
        "entities": {
            entity.name: [key.name for key in entity.join_keys]
            for entity in registry.entities.values()
        },
        "views": {
            view.name: {"description": view.description, "online": view.online}
            for view in registry.feature_views.values()
        },
        "services": {
            service.name: {"description": service.description}
            for service in registry.feature_services.values()
        },
    }


def described_view(view: FeatureView) -> dict[str, Any]:
    """Return one feature view with its features."""
    return {
        "name": view.name,
        "description": view.description,
        "entities": {
            entity.name: [_typed(key.name, key.data_type) for key in entity.join_keys]
            for entity in view.entities
        },
        "features": [
            _typed(feature.name, feature.data_type)
            | {"description": feature.description, "tags": list(feature.tags), "pii": feature.pii}
            for feature in view.features
        ],
        "event_timestamp": view.event_timestamp.name,
        "ttl": None if view.ttl is None else format_duration(view.ttl),
        "online": view.online,
        "owner": view.owner,
        "group": view.group,
        "tags": list(view.tags),
        "version": view.version,
    }


def described_service(registry: Registry, service: FeatureService) -> dict[str, Any]:
    """Return one feature service: the features that it takes, and the join keys that it needs.

    Args:
        registry: All definitions, also those that only the service reads.
        service: The service.
    """
    keys: dict[str, None] = {}
    for member in service.members:
        keys |= dict.fromkeys(member.key_names(registry.view(member.view)).values())
    return {
        "name": service.name,
        "description": service.description,
        "join_keys": list(keys),
        "request": [
            _typed(field.name, field.data_type) | {"description": field.description}
            for field in service.request
        ],
        "members": [
            {"view": member.view, "name": member.name, "features": list(member.features)}
            for member in service.members
        ],
        "label": service.label,
        "owner": service.owner,
        "group": service.group,
        "tags": list(service.tags),
    }


def _typed(name: str, data_type: object) -> dict[str, Any]:
    return {"name": name, "type": None if data_type is None else str(data_type)}
