"""Reads the statistics of all views; one that cannot be read costs the catalog its numbers only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType

from featurestore.catalog.page import Measured
from featurestore.catalog.statistics import ViewStatistics, measure_view
from featurestore.errors import DefinitionProblems, WarehouseError
from featurestore.registry.registry import Registry
from featurestore.registry.warehouse_types import with_types
from featurestore.warehouse.protocol import Warehouse

__all__ = ["measure_views"]


def measure_views(
    registry: Registry, warehouse: Warehouse, progress: Callable[[str], None] | None = None
) -> tuple[Registry, Measured]:
    """Ask the warehouse about every view.

    Args:
        registry: The project's definitions.
        warehouse: Where the tables are.
        progress: Told the name of each view before it is read.

    Returns:
        The registry with all types that the warehouse knows, and what it said.
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
