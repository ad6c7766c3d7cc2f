"""Check which services may read which views, by dbt's `access: private` and groups."""

from __future__ import annotations

from featurestore.errors import Problem
from featurestore.registry.definitions import FeatureService, FeatureView
from featurestore.registry.registry import Registry

__all__ = ["access_problems"]


def access_problems(registry: Registry) -> list[Problem]:
    """Return a problem for each service that takes a private view of another group."""
    return [
        _trespass(service, registry.view(name))
        for service in registry.feature_services.values()
        for name in dict.fromkeys(member.view for member in service.members)
        if not _may_use(service, registry.view(name))
    ]


def _may_use(service: FeatureService, view: FeatureView) -> bool:
    if view.access != "private":
        return True
    if service.group:
        return service.group == view.group
    return bool(view.owner) and service.owner == view.owner


def _trespass(service: FeatureService, view: FeatureView) -> Problem:
    whose = f"group '{view.group}'" if view.group else "no group"
    own = f"group '{service.group}'" if service.group else "no group"
    return Problem(
        service.path,
        service.name,
        f"it uses '{view.name}' ({view.path}), which is `access: private` to {whose}; the service"
        f" belongs to {own}.",
        f"Add `group: {view.group or '<group>'}` under meta.featurestore if the service belongs"
        " to it, or ask its owner for `access: protected`.",
    )
