"""Facts of the registry that `list` and `show` both write."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from featurestore.registry.definitions import Entity, Feature, FeatureView
    from featurestore.registry.registry import Registry

__all__ = ["entities_of", "keys_of", "type_of", "unpublishable", "views_describing"]


def entities_of(view: FeatureView) -> dict[str, list[str]]:
    """Return the join keys of a view by entity."""
    return {entity.name: keys_of(entity) for entity in view.entities}


def keys_of(entity: Entity) -> list[str]:
    """Return the names of an entity's join keys."""
    return [key.name for key in entity.join_keys]


def type_of(feature: Feature) -> str | None:
    """Return a feature's declared type; None where only the warehouse knows it."""
    return str(feature.data_type) if feature.data_type else None


def unpublishable(registry: Registry, view: FeatureView) -> str | None:
    """Return why a view cannot be published, as far as dbt's files tell; None if it can."""
    from featurestore.registry.unpublishable import declared_types, unpublishable_problems
    from featurestore.warehouse import missing_connection

    missing = missing_connection(registry.dialect)
    if view.online and missing is not None:
        return f"{registry.dialect}: {missing}"
    problems = unpublishable_problems(view, declared_types(view))
    return next((f"{problem.message} {problem.remedy}" for problem in problems), None)


def views_describing(registry: Registry, entity: Entity) -> list[str]:
    """Return the names of the views that have features of an entity."""
    views = registry.feature_views.values()
    return [view.name for view in views if entity.name in entities_of(view)]
