"""Checks in the warehouse that a sync can publish each view, so that `validate` finds it first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from featurestore.errors import (
    FeatureStoreError,
    Problem,
    RegistryError,
    UnsupportedOnlineType,
    WarehouseError,
    WarehouseUnavailable,
)
from featurestore.registry.definitions import FeatureView
from featurestore.registry.warehouse_types import with_types
from featurestore.warehouse.protocol import Warehouse

__all__ = ["publication_problems"]


def publication_problems(
    views: Iterable[FeatureView], warehouse: Warehouse, now: datetime
) -> Iterator[Problem]:
    """Yield a problem for each view that a sync would refuse.

    Args:
        views: The feature views without problems; those that are not `online` are not looked at.
        warehouse: The warehouse with their tables.
        now: The moment whose newest rows would be published.
    """
    for view in views:
        if not view.online:
            continue
        try:
            _plan(view, warehouse, now)
        except WarehouseUnavailable:
            raise
        except (RegistryError, UnsupportedOnlineType, WarehouseError) as error:
            yield _problem(view, error)


def _plan(view: FeatureView, warehouse: Warehouse, now: datetime) -> None:
    from sync.warehouse.sync_source import read_publication

    publication = read_publication(with_types(view, warehouse), now, warehouse)
    # The engine binds the whole statement, and reads no row.
    warehouse.columns(publication.latest, is_query=True)


def _problem(view: FeatureView, error: FeatureStoreError) -> Problem:
    return Problem(view.path, view.name, error.message, error.remedy)
