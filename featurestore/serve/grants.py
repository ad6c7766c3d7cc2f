"""What a caller may read: services, views, groups, personal data."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from featurestore.registry.definitions import FeatureService, FeatureView
from featurestore.registry.registry import Registry

__all__ = ["ALL", "EVERYTHING", "Grant", "visible_registry"]

ALL = "*"
"""The name that means every service, or every view."""


@dataclass(frozen=True, slots=True)
class Grant:
    """The rights of a caller.

    Attributes:
        services: The names of the services to read; `*` for all.
        views: The names of the views to read by reference; `*` for all that are not private.
        groups: dbt groups. All services and views of a group may be read, the private ones too.
        personal: Whether personal data may be read.
        operator: Whether the metrics and the state of the server may be read.
    """

    services: frozenset[str] = frozenset()
    views: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    personal: bool = False
    operator: bool = False

    def allows_service(self, service: FeatureService) -> bool:
        """Return whether a service may be read."""
        return _named(service.name, self.services) or service.group in self.groups

    def allows_view(self, view: FeatureView) -> bool:
        """Return whether the features of a view may be read by reference.

        `access: private` holds: such a view needs its group, even if it is named.
        """
        if view.group in self.groups:
            return True
        return view.access != "private" and _named(view.name, self.views)


EVERYTHING = Grant(frozenset({ALL}), frozenset({ALL}), personal=True, operator=True)
"""The rights of a caller on this machine while the server knows no token."""


def _named(name: str, names: Collection[str]) -> bool:
    return name in names or ALL in names


def visible_registry(registry: Registry, grant: Grant) -> Registry:
    """Return the definitions that a caller may see, so that no answer names the others."""
    if grant is EVERYTHING:
        return registry
    # A name without a version means the latest one, as in a reference.
    named = frozenset(registry.latest.get(name, name) for name in grant.views)
    grant = replace(grant, views=named)
    views = {name: view for name, view in registry.feature_views.items() if grant.allows_view(view)}
    shown = {entity.name for view in views.values() for entity in view.entities}
    return replace(
        registry,
        entities={name: one for name, one in registry.entities.items() if name in shown},
        feature_views=views,
        feature_services={
            name: service
            for name, service in registry.feature_services.items()
            if grant.allows_service(service)
        },
        latest={name: full for name, full in registry.latest.items() if full in views},
    )
