"""The types of a project's on-demand features before any request, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from featurestore.errors import DefinitionProblems, Problem, RelationNotBuilt
from featurestore.registry.definitions import FeatureService, FeatureView
from featurestore.registry.registry import Registry
from featurestore.registry.service_names import feature_names
from featurestore.sql.exit_types import exit_type
from featurestore.values.types import DataType

__all__ = ["expression_problems", "on_demand_types"]


def expression_problems(
    registry: Registry, typed: Callable[[FeatureView], FeatureView] = lambda view: view
) -> Iterator[Problem]:
    """Yield the problems of on-demand features, as far as the types of their inputs are known.

    Args:
        registry: The project's definitions.
        typed: Returns a view with the warehouse's types; by default with the declared ones.
    """
    from featurestore.request_time.service_expressions import typed_expressions

    for service in registry.feature_services.values():
        if service.on_demand:
            found = typed_expressions(service, _types(registry, service, typed), registry.dialect)
            for error in found.refused:
                yield Problem(service.path, service.name, error.message, error.remedy)


def on_demand_types(registry: Registry, service: FeatureService) -> dict[str, DataType]:
    """Return the types of a service's on-demand features, as far as the declared types tell."""
    if not service.on_demand:
        return {}
    from featurestore.request_time.service_expressions import typed_expressions

    types = _types(registry, service, lambda view: view)
    found = typed_expressions(service, types, registry.dialect)
    return {each.name: each.data_type for each in found.parsed}


def _types(
    registry: Registry, service: FeatureService, typed: Callable[[FeatureView], FeatureView]
) -> dict[str, DataType]:
    used = {name for feature in service.on_demand for name in feature.inputs}
    names = {k: v for k, v in feature_names(service.members).items() if k in used}
    views = {member.view: registry.view(member.view) for member, _ in names.values()}
    for name, view in views.items():
        try:
            views[name] = typed(view)
        except (RelationNotBuilt, DefinitionProblems):
            # The check of the view reports it.
            continue
    kinds = {
        (name, feature.name): feature.data_type
        for name, view in views.items()
        for feature in view.features
    }
    found = {name: kinds[member.view, feature] for name, (member, feature) in names.items()}
    return {
        name: exit_type(kind, registry.dialect) for name, kind in found.items() if kind is not None
    }
