"""Read the statistics of all views; an unreadable view only lacks its numbers in the catalog."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType

from featurestore.catalog.statistics import Measured, ViewStatistics, measure_view
from featurestore.errors import DefinitionProblems, WarehouseError
from featurestore.registry.registry import Registry
from featurestore.registry.warehouse_types import with_types
from featurestore.warehouse.protocol import Warehouse

__all__ = ["measure_views"]


def measure_views(
    registry: Registry, warehouse: Warehouse, progress: Callable[[str], None] | None = None
) -> tuple[Registry, Measured]:
    """Return the statistics of every view.

    Args:
        registry: The project's definitions.
        warehouse: The warehouse with the tables.
        progress: Receives the name of each view before the view is read.

    Returns:
        The registry with the warehouse's types, and the statistics.
    """
    views = dict(registry.feature_views)
    found: dict[str, ViewStatistics] = {}
    failures: dict[str, str] = {}
    for name, view in registry.feature_views.items():
        if progress is not None:
            progress(name)
        try:
            views[name] = with_types(view, warehouse)
            found[name] = measure_view(views[name], warehouse)
        except DefinitionProblems as error:
            failures[name] = " ".join(problem.message for problem in error.problems)
        except WarehouseError as error:
            failures[name] = str(error)
    typed = replace(registry, feature_views=MappingProxyType(views))
    return typed, Measured(found, failures, warehouse.version)
